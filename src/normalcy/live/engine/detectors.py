"""The detectors of a configuration, opened once and shared by their cameras."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from normalcy.explain.reasoner import Reasoner
from normalcy.live.config.live import BundleConfig
from normalcy.scoring.backends.choice import IN_TORCH, Opened, open_backend
from normalcy.scoring.backends.record import digest_of
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel

if TYPE_CHECKING:
    from normalcy.scoring.model import TorchModel


@dataclass(frozen=True, eq=False)
class Detector:
    """A bundle that is ready to score.

    Attributes:
        name: In the configuration.
        model: What scores, whatever the backend.
        bundle: With the calibration that belongs to it.
        backend: Name of what scores.
        reasoner: Says why.
        identity: Digest of what makes its scores; those of another identity say nothing of this one's.
    """

    name: str
    model: ScoringModel
    bundle: Bundle
    backend: str
    reasoner: Reasoner
    identity: str


def open_detector(name: str, config: BundleConfig) -> Detector:
    """Opens a detector.

    Raises:
        BundleError: It is no bundle, or damaged.
        ConfigError: There is no such backend.
        MissingPackage: What runs it is not installed.
    """
    opened = open_backend(Bundle.load(config.path), config.backend, threads=config.threads)
    return Detector(
        name, opened.model, opened.bundle, opened.name, _reasoner(opened), _identity(opened.bundle)
    )


def _identity(bundle: Bundle) -> str:
    """Of settings, weights and calibration."""
    header = bundle.header
    settings = {"method": header.method, "model": header.model, "calibration": bundle.calibration.to_json()}
    return digest_of(settings, bundle.weights)


def _reasoner(opened: Opened) -> Reasoner:
    if opened.name in IN_TORCH:
        model: TorchModel = opened.model  # type: ignore[assignment]
        return Reasoner.of(opened.bundle, model.method)
    record = next(each for each in opened.bundle.exports if each.name == opened.name)
    return Reasoner.of_export(opened.bundle, record)
