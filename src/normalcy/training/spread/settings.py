"""How a fit is spread over processes, and which fits can be."""

from dataclasses import dataclass

from normalcy.engines.contract import Engine
from normalcy.engines.opening import open_engine
from normalcy.errors import ConfigError
from normalcy.methods import method_definition

PART_SECONDS = 600.0
"""About how long the parts are that a memory is merged of, by the footage alone: whoever works on them, they are the
same."""


@dataclass(frozen=True)
class Spread:
    """What spreads a fit. It changes nothing in what comes out, other than that a memory is merged of parts.

    Attributes:
        engine: `local` or `ray`.
        workers: How many; the engine's own number without.
        address: Of a Ray cluster.
        part_seconds: About how long each part of the footage is.
    """

    engine: str
    workers: int | None = None
    address: str | None = None
    part_seconds: float = PART_SECONDS

    def open(self) -> Engine:
        """The engine, to be used as a context.

        Raises:
            ConfigError: There is none of that name, or its settings are wrong.
            MissingPackage: It is not installed.
        """
        return open_engine(self.engine, workers=self.workers, address=self.address)


def require_spreadable(method: str) -> None:
    """Only memories are merged of parts, and only what a frozen backbone sees is computed ahead of training.

    Raises:
        ConfigError: Nothing of this method's fit can be spread so.
    """
    kind = method_definition(method).training
    if kind in ("memory", "classify"):
        return
    if kind == "none":
        raise ConfigError(
            f"{method} learns nothing but its calibration", where="--engine", hint="Leave it out"
        )
    raise ConfigError(f"{method} trains by gradients", where="--engine", hint="Use --devices")
