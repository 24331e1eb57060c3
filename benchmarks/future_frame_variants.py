"""What is measured of future frame prediction: steps of training and scorings, in several variants of the same work.

Letters: B clips, T frames, C channels, H height, W width.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import naive_future_frame as naive
import torch
from safetensors.torch import save_file
from speed_work import (
    Work,
    bf16,
    bf16_of_training,
    infer,
    optimisers,
    our_step,
    uint8_clips,
    without_zeros,
)
from torch import Tensor

from normalcy.layers.flow_networks import flow_network
from normalcy.layers.folding import folded
from normalcy.layers.shapes import use_channels_last
from normalcy.layers.spynet import SpyNet
from normalcy.methods.base import Adversarial
from normalcy.methods.contract import Scores
from normalcy.methods.future_frame import METHOD, FutureFrame
from normalcy.scoring.model import TorchModel
from normalcy.training.config import TrainingConfig

# The fourth is what is shipped; each below it changes one thing of it.
TRAINING = (
    "naive float32",
    "naive bf16, channels last",
    "ours float32",
    "ours bf16",
    "ours bf16, flow at full size",
    "ours bf16, no flow loss",
)
TRAINING_COMPILED = ("ours bf16, compiled",)
# The second is what is shipped. The last is no score, only the prediction, to tell what the rest costs.
SCORING = ("naive float32", "ours float32", "ours, bf16", "only the prediction, bf16")
SCORING_COMPILED = ("ours, compiled", "ours, bf16, compiled")

# The network is compiled anew for every preset and number of clips, always the same lines of code.
COMPILED_FORMS = 64


def training_work(preset: str, variant: str, batch: int, *, flow_weights: Path) -> Work:
    """One step of both players."""
    changes: dict[str, Mapping[str, object]] = {}
    if variant == "ours bf16, flow at full size":
        changes = {"flow": {"scale": 1.0}}
    if variant == "ours bf16, no flow loss":
        changes = {"loss": {"flow": 0.0}}
    method = build(preset, flow_weights=flow_weights, **changes)
    clip_BTCHW = method.clip.in_range(uint8_clips(method.clip, batch))
    config = TrainingConfig(**METHOD.presets[preset].training)
    clip_norm = config.gradient_clip
    if variant.startswith("naive"):
        plain = plain_of(method, flow_weights=flow_weights, is_channels_last="channels last" in variant)
        both, precision = optimisers(plain.generator, plain.discriminator, config), bf16("bf16" in variant)
        return lambda: naive.train_step(plain, clip_BTCHW, both, precision, clip_norm=clip_norm)
    method.begin_training()
    method.train()
    use_channels_last(method)
    both = optimisers(method.generator, method.discriminator, config)
    if variant == "ours bf16, compiled":
        _compile_networks(method)
    players, precision = cast(Adversarial, method), bf16_of_training("bf16" in variant)
    return lambda: our_step(players, clip_BTCHW, both, precision, clip_norm=clip_norm)


def scoring_work(preset: str, variant: str, batch: int) -> Work:
    """Scores of a batch: uint8 clips in, arrays out."""
    method = build(preset)
    spec, clips = method.clip, list(uint8_clips(method.clip, batch).numpy())
    if variant == "ours float32":
        model = TorchModel(method)
        return lambda: model.infer(clips)
    if variant == "naive float32":
        plain = plain_of(method)
        return lambda: infer(lambda clip: naive.score(plain, clip), clips, spec, torch.no_grad, bf16(False))
    ours = cast(FutureFrame, folded(method))
    use_channels_last(ours)
    if variant == "only the prediction, bf16":
        return _prediction_alone(ours, spec.in_range(uint8_clips(spec, batch)))
    if "compiled" in variant:
        _compile_networks(ours)
    network: Callable[[Tensor], Scores] = ours
    precision = bf16("bf16" in variant)
    return lambda: infer(network, clips, spec, torch.inference_mode, precision)


def build(preset: str, *, flow_weights: Path | None = None, **changes: object) -> FutureFrame:
    """The method with weights that depend on nothing but its configuration; none is zero.

    Args:
        preset: Its name.
        flow_weights: File of SPyNet's weights; only training needs it.
        changes: Settings of the preset that are changed; those of a section are laid over it.
    """
    torch.manual_seed(0)
    settings = METHOD.config(**METHOD.presets[preset].model).model_dump()
    settings["flow"] |= {"network": "spynet", "weights": flow_weights}
    for name, value in changes.items():
        settings[name] = settings[name] | value if isinstance(value, Mapping) else value
    method = METHOD.build(METHOD.config(**settings))
    assert isinstance(method, FutureFrame)
    without_zeros(method)
    return method


def plain_of(
    method: FutureFrame, *, flow_weights: Path | None = None, is_channels_last: bool = False
) -> naive.NaiveFutureFrame:
    """The plain version, of which `method` becomes a part; with SPyNet if a file of its weights is given."""
    flow = flow_network("spynet", weights=flow_weights).network if flow_weights else None
    return naive.plain(method, flow=flow, is_channels_last=is_channels_last)


def write_random_flow_weights(path: Path) -> Path:
    """SPyNet's weights as they start, the same every time: how long it takes does not depend on them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = SpyNet().state_dict()
    save_file({name: weight.contiguous() for name, weight in weights.items()}, path)
    return path


def _compile_networks(method: FutureFrame) -> None:
    torch._dynamo.config.recompile_limit = COMPILED_FORMS
    for player in (method.generator, method.discriminator):
        # Nothing may fall back to eager in silence, and sizes are known.
        player.compile(fullgraph=True, dynamic=False)


def _prediction_alone(method: FutureFrame, clip_BTCHW: Tensor) -> Work:
    """The U-Net in bf16, from pictures in range."""

    def work() -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return method.predict(clip_BTCHW[:, :-1])

    return work
