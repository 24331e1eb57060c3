"""What the attention of a method did with clips: its own weights, and the features before and after.

Letters: B clips, T frames, A heads, D features, P places, h and w rows and columns of places.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from normalcy.errors import ConfigError
from normalcy.layers.coarse_grid import to_grid
from normalcy.layers.sequence_attention import SequenceAttention
from normalcy.layers.temporal_attention import TemporalAttention, attention_weights
from normalcy.methods.base import Method

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Attended:
    """One attention of a method, on a batch of clips.

    Attributes:
        name: Where in the method.
        weights_BAPTT: How each place of each clip attends across time, by head; rows add up to 1.
        before_BTDP: Features that went in, on the places that attend.
        after_BTDP: Features that came out.
        grid: Rows and columns of places.
    """

    name: str
    weights_BAPTT: FloatArray
    before_BTDP: FloatArray
    after_BTDP: FloatArray
    grid: tuple[int, int]


def attentions_of(method: Method) -> dict[str, nn.Module]:
    """The attentions across time of a method, by where they are."""
    kinds = (TemporalAttention, SequenceAttention)
    return {name: each for name, each in method.named_modules() if isinstance(each, kinds)}


def watch_attention(method: Method, clip_BTCHW: Tensor) -> list[Attended]:
    """Scores clips and keeps what every attention did with them.

    Args:
        method: In evaluation mode.
        clip_BTCHW: In the method's value range.

    Raises:
        ConfigError: The method has no attention across time.
    """
    if not attentions_of(method):
        raise ConfigError(f"{type(method).__name__} has no attention across time", hint="ocr-gan-video has")
    with torch.inference_mode(), watching(method) as found:
        method(clip_BTCHW)
    return list(found.values())


@contextmanager
def watching(method: Method) -> Iterator[dict[str, Attended]]:
    """What each attention did last, by its name, while the context lasts; for methods that score with a camera."""
    found: dict[str, Attended] = {}
    hooks = []
    for name, attention in attentions_of(method).items():

        def keep(module: nn.Module, given: tuple[Any, ...], out: Any, *, name: str = name) -> None:
            found[name] = _attended(name, module, given[0], out)

        hooks.append(attention.register_forward_hook(keep))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _attended(name: str, module: nn.Module, x: Tensor, out: Any) -> Attended:
    if isinstance(module, TemporalAttention):
        if isinstance(out, tuple):
            out, weights_BAPTT = out
        else:
            query, key, _ = module.heads_of(x)
            weights_BAPTT = torch.unflatten(attention_weights(query, key), 0, (len(x), -1)).transpose(1, 2)
        before, after = (to_grid(each, stride=module.grid_stride).float() for each in (x, out))
        grid = (before.shape[3], before.shape[4])
        return Attended(
            name, _array(weights_BAPTT), _array(before.flatten(3)), _array(after.flatten(3)), grid
        )
    after_BTD, weights_BATT = out
    return Attended(
        name,
        _array(weights_BATT[:, :, None]),
        _array(x[..., None]),
        _array(after_BTD[..., None]),
        (1, 1),
    )


def _array(x: Tensor) -> FloatArray:
    found: FloatArray = x.detach().float().cpu().numpy()
    return found
