"""The plainest way to run a method: PyTorch, one operation after the other, in 32 bits."""

from collections.abc import Sequence

import numpy as np
import torch

from normalcy.methods.base import Camera, Method
from normalcy.methods.graph import unbatched
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.scoring.model import Found
from normalcy.scoring.types import UInt8Array


class EagerModel:
    """A method as it was trained: nothing is folded, laid out anew or compiled.

    Args:
        method: Taken over.
    """

    def __init__(self, method: Method) -> None:
        self.spec = method.clip
        self._method = method.eval()
        self._looks = method.camera() is not None
        if isinstance(method, SceneMemory) and method.trunk:
            method.trunk.run_plainly()

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> Sequence[Found]:
        """What is found in each clip."""
        if self._looks:
            return self._method.look(clips_TCHW)
        clip_BTCHW = torch.from_numpy(np.stack(clips_TCHW))
        with torch.inference_mode():
            return unbatched(self._method(self.spec.in_range(clip_BTCHW)))

    def camera(self, source_id: str) -> Camera | None:
        """State of a source, where the method keeps any."""
        return self._method.camera(source_id)
