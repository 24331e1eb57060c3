"""A backbone looking at videos, a few frames at a time.

Letters: B pictures, T frames, H height, W width, D values of a feature vector, V views.
"""

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from normalcy.datasets.base import LabelledVideo
from normalcy.layers.backbones import Backbone
from normalcy.layers.folding import folded
from normalcy.methods.contract import ClipSpec
from normalcy.training.features.store import FeatureStore, Made, Seen
from normalcy.training.features.views import View
from normalcy.video.reader import ReadOptions, open_video

UInt8Array = npt.NDArray[np.uint8]

_TOGETHER = 16
_PRECISION = torch.float32  # as scoring: in bf16, how features change from frame to frame is mostly rounding


def feature_store(root: Path, backbone: Backbone, name: str, *, clip: ClipSpec) -> FeatureStore:
    """The store of what a backbone with its weights sees.

    Args:
        root: Folder of all stores.
        backbone: With its weights.
        name: Its name.
        clip: Of the method that it belongs to: at which size frames are read, and how many are passed over.
    """
    sees = _Sees(backbone, clip.size_px, step_frames=clip.stride_frames)
    made = Made(name, weights_digest(backbone), clip.size_px, clip.stride_frames, str(_PRECISION))
    return FeatureStore(root, made, sees)


def weights_digest(backbone: Backbone) -> str:
    """Of all that a backbone's answer depends on."""
    digest = hashlib.sha256(str(backbone).encode())
    for name, tensor in sorted(
        {**backbone.state_dict(), "mean": backbone.mean_3, "sd": backbone.sd_3}.items()
    ):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


class _Sees:
    """Looks at a video in several views, in one pass over its frames."""

    def __init__(self, backbone: Backbone, size_px: tuple[int, int], *, step_frames: int) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._backbone, self._size_px, self._step_frames = backbone, size_px, step_frames
        self._ready: nn.Module | None = None

    def __call__(self, video: LabelledVideo, views: Sequence[View]) -> Seen:
        """Features of each frame in each view."""
        options = ReadOptions(size_px=self._size_px, stride_frames=self._step_frames, fps=video.fps)
        parts, index, seconds = [], list[int](), list[float]()
        with open_video(video.path, options) as reader:
            frames_left = iter(reader)
            while frames := list(islice(frames_left, _TOGETHER)):
                parts.append(self._of([frame.image_HWC for frame in frames], views))
                index += [frame.index for frame in frames]
                seconds += [frame.pts_seconds for frame in frames]
        return Seen(np.concatenate(parts, axis=1), np.array(index, np.int64), np.array(seconds))

    def _of(self, images: Sequence[UInt8Array], views: Sequence[View]) -> npt.NDArray[np.float16]:
        if self._ready is None:
            ready = folded(self._backbone).to(self.device, _PRECISION)
            self._ready = ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        pictures = np.stack([view.of(image_HW3) for view in views for image_HW3 in images])
        found = [
            self._batch(pictures[start : start + _TOGETHER]) for start in range(0, len(pictures), _TOGETHER)
        ]
        features_ND = np.concatenate(found)
        return features_ND.reshape(len(views), len(images), -1)

    def _batch(self, image_BHW3: UInt8Array) -> npt.NDArray[np.float16]:
        assert self._ready is not None
        image_B3HW = torch.from_numpy(image_BHW3).to(self.device).permute(0, 3, 1, 2)
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            features_BD = self._ready(image_B3HW.to(_PRECISION) / 255)
        return np.asarray(features_BD.cpu().numpy(), np.float16)
