"""Scoring models: stateless, batches of clips in, scores out. Every backend is one of these.

Letters: B clips, T frames, C channels, H height, W width.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

import numpy as np

from normalcy.errors import ConfigError, FallbackWarning
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.types import ClipScores, UInt8Array

if TYPE_CHECKING:
    from torch import Tensor

    from normalcy.methods.base import Camera, Look, Method
    from normalcy.methods.graph import GraphScores


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


TorchPrecision = Literal["fp32", "bf16", "fp16"]


class TorchModel:
    """The method in torch; in float32 a score does not depend on what shared its batch.

    Holds a copy as it was when this was made, in a form that scores faster. On a GPU, in 16 bits, the network is
    compiled into CUDA graphs as well, where torch can do that.

    Args:
        method: What scores.
        device: Torch's name of where; `scoring_device` without.
        precision: What networks compute in; 16 bits round scores a little.

    Raises:
        ConfigError: fp16 without a GPU.
    """

    def __init__(
        self, method: "Method", *, device: str | None = None, precision: TorchPrecision = "fp32"
    ) -> None:
        self.spec = method.clip
        self.device = device or scoring_device(method)
        self.precision = precision
        if precision == "fp16" and self.device == "cpu":
            what = "half precision needs a GPU, and "
            what += "this method runs on the processor" if _on_processor(method) else "torch sees none"
            raise ConfigError(what, where="--backend", hint="Use torch-bf16")
        self.method = _prepared(method, self.device)
        self._looks = method.camera() is not None
        if precision != "fp32" and self.device != "cpu" and not self._looks:
            # Its `forward` asks itself for the graph; what comes after it is no work of torch.
            self.method.graph = _compiled(self.method.graph)  # type: ignore[assignment]

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> Sequence[Found]:
        """What is found in each clip, in order."""
        import torch

        from normalcy.methods.graph import unbatched

        with self._computing():
            if self._looks:
                return self.method.look(clips_TCHW)
            clip_BTCHW = torch.from_numpy(np.stack(clips_TCHW)).to(self.device)
            return unbatched(self.method(self.spec.in_range(clip_BTCHW)))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Without gradients, in the precision asked for."""
        import torch

        dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]
        # TF32 would round to 10 bits of mantissa: too coarse for scores that must not depend on their batch.
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
            torch.autocast(torch.device(self.device).type, dtype=dtype, enabled=dtype is not None),
        ):
            yield

    def camera(self, source_id: str) -> "Camera | None":
        """State of a source, where the method keeps any."""
        return self.method.camera(source_id)


GraphOf = Callable[["Tensor"], "GraphScores"]


def _compiled(graph: GraphOf) -> GraphOf:
    """Compiled into CUDA graphs at the first call; as it is, with a warning, where that fails."""
    import torch

    state: list[GraphOf] = [torch.compile(graph, mode="reduce-overhead")]

    def run(clip_BTCHW: "Tensor") -> "GraphScores":
        try:
            return state[0](clip_BTCHW)
        except Exception as error:  # the compilers below torch have no common base
            if state[0] is graph or isinstance(error, torch.OutOfMemoryError):
                raise
            state[0] = graph
            message = (
                f"torch cannot compile this here, so it runs uncompiled: {' '.join(str(error).split())[:120]}"
            )
            warnings.warn(message, FallbackWarning, stacklevel=3)
            return graph(clip_BTCHW)

    return run


def scoring_device(method: "Method") -> str:
    """A GPU where there is one and the method is a network; one that looks decides for itself what its parts run on."""
    import torch

    return "cuda" if torch.cuda.is_available() and not _on_processor(method) else "cpu"


def _on_processor(method: "Method") -> bool:
    """Whether it runs there wherever there is a GPU."""
    return method.camera() is not None or not any(True for _ in method.parameters())


def _prepared(method: "Method", device: str) -> "Method":
    from normalcy.layers.folding import folded
    from normalcy.layers.shapes import use_channels_last

    method = cast("Method", folded(method).to(device))
    use_channels_last(method)
    return method
