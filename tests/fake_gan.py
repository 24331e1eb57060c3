"""A generative adversarial method of a few weights, for the kind of training that it needs.

https://example.org, for the registry's sake. Deviations: none.

Letters: B clips, T frames, C channels, H height, W width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normalcy.config import StrictConfig
from normalcy.methods.base import AdversarialLosses, Method, MethodDefinition, Preset
from normalcy.methods.contract import ClipSpec, Scores


class TinyGanConfig(StrictConfig):
    """Settings of the method.

    Attributes:
        size_px: (height, width).
        noise: Standard deviation of what is added to clips while training.
        discriminator_scale: Makes the discriminator's loss as small as one that has won.
        diversity: What is told as the spread of fakes over that of real clips.
    """

    size_px: tuple[int, int] = (35, 43)
    noise: float = 0.1
    discriminator_scale: float = 1.0
    diversity: float | None = None


class TinyGenerator(nn.Module):
    """Rebuilds each frame by two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.second = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, clip_BTCHW: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.norm(self.first(clip_BTCHW.flatten(0, 1))))
        return torch.sigmoid(self.second(hidden)).unflatten(0, clip_BTCHW.shape[:2])


class TinyDiscriminator(nn.Module):
    """Features of each frame, and a logit for it: real or not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3, stride=2, bias=False), nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 1)

    def forward(self, clip_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        features = F.leaky_relu(self.norm(self.conv(clip_BTCHW.flatten(0, 1))), 0.2)
        return features, self.head(features.mean(dim=(2, 3)))


class TinyGan(Method):
    """Scores frames by their error of reconstruction."""

    guessing_loss = math.log(2)

    def __init__(self, config: TinyGanConfig) -> None:
        super().__init__()
        self.config = config
        self.clip = ClipSpec(4, config.size_px, 1)
        self.generator, self.discriminator = TinyGenerator(), TinyDiscriminator()
        self.register_buffer("visible_T", torch.tensor([0, 3]), persistent=False)

    def forward(self, clip_BTCHW: Tensor) -> Scores:
        map_BTHW = (self.generator(clip_BTCHW) - clip_BTCHW).abs().mean(dim=2)
        score_BT = map_BTHW.mean(dim=(2, 3))
        return Scores(score_BT, map_BTHW, {"reconstruction": score_BT})

    def noisy(self, clip_BTCHW: Tensor) -> Tensor:
        return clip_BTCHW + self.config.noise * torch.randn_like(clip_BTCHW)

    def generator_losses(self, clip_BTCHW: Tensor, fake_BTCHW: Tensor) -> dict[str, Tensor]:
        real_features, _ = self.discriminator(clip_BTCHW)
        fake_features, fake_logit = self.discriminator(fake_BTCHW)
        terms = {
            "adversarial": F.binary_cross_entropy_with_logits(fake_logit, torch.ones_like(fake_logit)),
            "reconstruction": F.l1_loss(fake_BTCHW, clip_BTCHW),
            "latent": F.mse_loss(fake_features, real_features),
        }
        return terms | {"loss": 0.1 * terms["adversarial"] + 20 * terms["reconstruction"] + terms["latent"]}

    def discriminator_losses(self, clip_BTCHW: Tensor, fake_BTCHW: Tensor) -> dict[str, Tensor]:
        (_, real_logit), (_, fake_logit) = self.discriminator(clip_BTCHW), self.discriminator(fake_BTCHW)
        loss = F.binary_cross_entropy_with_logits(real_logit, torch.ones_like(real_logit))
        loss = loss + F.binary_cross_entropy_with_logits(fake_logit, torch.zeros_like(fake_logit))
        losses = {"loss": self.config.discriminator_scale * loss}
        if self.config.diversity is not None:
            losses["diversity"] = torch.tensor(self.config.diversity)
        return losses

    def adversarial_losses(self, clip_BTCHW: Tensor) -> AdversarialLosses:
        fake_BTCHW = self.generator(self.noisy(clip_BTCHW))
        return AdversarialLosses(
            self.generator_losses(clip_BTCHW, fake_BTCHW), self.discriminator_losses(clip_BTCHW, fake_BTCHW)
        )

    def validation_losses(self, clip_BTCHW: Tensor) -> dict[str, Tensor]:
        error = F.l1_loss(self.generator(clip_BTCHW), clip_BTCHW)
        return {"loss": error, "squared": error**2}


def tiny_gan(**settings: object) -> TinyGan:
    """An untrained one; its weights are always the same."""
    torch.manual_seed(0)
    return TinyGan(TinyGanConfig(**settings))


METHOD = MethodDefinition(
    name="tiny-gan",
    title="Tiny GAN",
    paper="None, https://example.org.",
    config=TinyGanConfig,
    build=TinyGan,
    training="adversarial",
    presets={"paper": Preset()},
)
