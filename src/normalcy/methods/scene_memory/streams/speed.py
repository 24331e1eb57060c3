"""Speed: whether something passes faster than what usually passes in that row of the picture."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.methods.scene_memory.place_statistics import PlaceHistogram
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.methods.scene_memory.smoothing import TrimmedMean
from normalcy.methods.scene_memory.view import View

FloatArray = npt.NDArray[np.float32]

_SLOWEST, _FASTEST = 0.5, 2000.0  # pixels a second
_BINS = 160
_LEAST_OF_HIGHEST = 0.1
_FRAMES = 4


class Speed(nn.Module):
    """Windowed speed over the usual one of its row, R rows."""

    usual_R: Tensor

    def __init__(self, config: SceneMemoryConfig, *, scenes: int) -> None:
        super().__init__()
        self.quantile = config.usual_percentile / 100
        low, high = np.log(_SLOWEST), np.log(_FASTEST)
        self.seen = PlaceHistogram(1, (config.grid_RC[0], 1), low=low, high=high, bins=_BINS)
        self.register_buffer("usual_R", torch.ones(config.grid_RC[0]))

    def begin(self) -> None:
        """Nothing is kept."""

    def smoother(self) -> TrimmedMean:
        """How the frame score settles."""
        return TrimmedMean(_FRAMES)

    def remember(self, view: View, state: None) -> None:
        """Counts the speeds of all that moves."""
        speed_RC = _speed(view)[:, ::2]  # neighbouring windows share most of their pixels
        self.seen.add(np.log(np.maximum(speed_RC, _SLOWEST)), scene=0, where_RC=speed_RC > 0)

    def settle(self) -> None:
        """Takes what is usual in each row from what was counted there and right beside it."""
        usual_R = np.exp(self.seen.quantile(self.quantile, reach=(1, 0))[0, :, 0])
        self.usual_R.copy_(torch.from_numpy(np.maximum(usual_R, _LEAST_OF_HIGHEST * usual_R.max())))

    def judge(self, view: View, state: None) -> FloatArray:
        """Speed as a multiple of the usual."""
        return np.asarray(_speed(view) / self.usual_R.numpy()[:, None], np.float32)


def _speed(view: View) -> FloatArray:
    return np.hypot(view.velocity_RC2[..., 0], view.velocity_RC2[..., 1])
