"""What is timed against what."""

from normalcy.scoring.backends.choice import available, limit_threads, open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel

EAGER = "torch-eager"
"""The method as it was trained; what all others are measured against."""


def bench_names(bundle: Bundle) -> tuple[str, ...]:
    """Everything that runs here, the plainest first."""
    names = available(bundle)
    return ((EAGER,) if "torch" in names else ()) + names


def open_model(bundle: Bundle, name: str, *, threads: int | None = None) -> ScoringModel:
    """Opens what is timed."""
    if name == EAGER:
        from normalcy.workflows.bench.eager import EagerModel

        if threads:
            limit_threads(threads)
        return EagerModel(bundle.method())
    return open_backend(bundle, name, threads=threads).model
