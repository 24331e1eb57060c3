"""Scoring models: stateless, batches of clips in, scores out. Every backend is one of these.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

import numpy as np

from normalcy.methods.contract import ClipSpec
from normalcy.scoring.types import ClipScores, UInt8Array

if TYPE_CHECKING:
    from normalcy.methods.base import Camera, Look, Method


Found: TypeAlias = "ClipScores | Look"
"""What a model says of a clip by itself: its scores, or what a camera makes scores of."""


class ScoringModel(Protocol):
    """Looks at clips of any number of sources in one batch; keeps nothing between calls."""

    spec: ClipSpec

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> Sequence[Found]:
        """What is found in each clip (uint8, (T, C, H, W)), in order."""
        ...

    def camera(self, source_id: str) -> "Camera | None":
        """What is kept between the clips of one source and turns what was found into scores; None: those are found."""
        ...


class TorchModel:
    """The method in float32, so that a score does not depend on what shared its batch.

    Holds a copy as it was when this was made, in a form that scores faster.

    Args:
        method: What scores.
        device: Torch's name of where; `scoring_device` without.
    """

    def __init__(self, method: "Method", *, device: str | None = None) -> None:
        self.spec = method.clip
        self.device = device or scoring_device(method)
        self._method = _prepared(method, self.device)
        self._looks = method.camera() is not None

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> Sequence[Found]:
        """What is found in each clip, in order."""
        import torch

        if self._looks:
            return self._method.look(clips_TCHW)

        clip_BTCHW = torch.from_numpy(np.stack(clips_TCHW)).to(self.device)
        # TF32 would round to 10 bits of mantissa: too coarse for scores that must not depend on their batch.
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            scores = self._method(self.spec.in_range(clip_BTCHW))
        score_BT, map_BTHW = scores.score_BT.cpu().numpy(), scores.map_BTHW.cpu().numpy()
        parts = {name: part_BT.cpu().numpy() for name, part_BT in scores.parts.items()}
        return [
            ClipScores(score_BT[b], map_BTHW[b], {name: part_BT[b] for name, part_BT in parts.items()})
            for b in range(len(clips_TCHW))
        ]

    def camera(self, source_id: str) -> "Camera | None":
        """State of a source, where the method keeps any."""
        return self._method.camera(source_id)


def scoring_device(method: "Method") -> str:
    """A GPU where there is one and the method is a network; one that looks decides for itself what its parts run on."""
    import torch

    is_network = method.camera() is None and any(True for _ in method.parameters())
    return "cuda" if is_network and torch.cuda.is_available() else "cpu"


def _prepared(method: "Method", device: str) -> "Method":
    from normalcy.layers.folding import folded
    from normalcy.layers.shapes import use_channels_last

    method = cast("Method", folded(method).to(device))
    use_channels_last(method)
    return method
