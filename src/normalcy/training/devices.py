"""On how many devices a network is trained.

That is no part of `config.yaml`: what is learned does not depend on it, and a training may be resumed on others.
"""

import os
from dataclasses import dataclass
from typing import Literal, Self

from normalcy.errors import ConfigError
from normalcy.methods import method_definition
from normalcy.training.config import FitConfig

Strategy = Literal["ddp"]
STRATEGIES: tuple[Strategy, ...] = ("ddp",)


@dataclass(frozen=True)
class Devices:
    """How a training is spread: one process for each device.

    Attributes:
        devices: On each machine.
        nodes: Machines.
        strategy: `ddp`: each device has the whole network and a part of each batch; gradients are averaged.
    """

    devices: int = 1
    nodes: int = 1
    strategy: Strategy = "ddp"

    @classmethod
    def chosen(cls, devices: int | None, nodes: int | None, strategy: str | None) -> Self:
        """From what was asked for; what was not is one, or what a launcher around this process says.

        Raises:
            ConfigError: It cannot be, or the launcher says otherwise.
        """
        if strategy not in (None, *STRATEGIES):
            raise ConfigError(f"{strategy!r} is none of {', '.join(STRATEGIES)}", where="--strategy")
        for name, value in (("--devices", devices), ("--nodes", nodes)):
            if value is not None and value < 1:
                raise ConfigError(f"is {value}, it must be 1 or more", where=name)
        launched = launched_size()
        if launched is None:
            return cls(devices or 1, nodes or 1)
        for name, asked, found in zip(("--devices", "--nodes"), (devices, nodes), launched, strict=True):
            if asked not in (None, found):
                raise ConfigError(
                    f"is {asked}, but this process was started as one of {launched[0]} a machine on {launched[1]}",
                    where=name,
                    hint=f"Leave {name} out, or start as many processes",
                )
        return cls(*launched)

    @property
    def processes(self) -> int:
        """How many work together."""
        return self.devices * self.nodes

    def require(self, config: FitConfig) -> None:
        """Checks that a fit can be spread like that.

        Raises:
            ConfigError: The method has no gradients, or a batch has no equal parts.
        """
        if self.processes == 1:
            return
        if method_definition(config.method).training in ("memory", "none"):
            raise ConfigError(
                f"is {self.processes} in all, but {config.method} does not learn by gradients",
                where="--devices",
                hint="Spread its footage over processes instead: --engine local --workers N, or --engine ray",
            )
        self._require_parts(config.training.batch_size, config.training.accumulate, "training")
        finetuning = config.training.finetuning
        if method_definition(config.method).training == "classify" and finetuning.epochs:
            self._require_parts(finetuning.batch_size, 1, "training.finetuning")

    def _require_parts(self, batch_size: int, accumulate: int, where: str) -> None:
        parts = accumulate * self.processes
        if batch_size % parts:
            below = batch_size // parts * parts
            near = " or ".join(str(size) for size in (below, below + parts) if size)
            accumulated = f" in {accumulate} accumulated parts" if accumulate > 1 else ""
            raise ConfigError(
                f"is {batch_size}, which {self.processes} devices cannot share equally{accumulated}",
                where=f"{where}.batch_size",
                hint=f"Take {near}: it is the batch of all devices together",
            )


ONE_DEVICE = Devices()


def launched_size() -> tuple[int, int] | None:
    """Processes on each machine, and machines, where torchrun or Slurm's srun started this one among others."""
    environment = os.environ
    if "TORCHELASTIC_RUN_ID" in environment:
        size, local = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
        return (local, size // local) if size > 1 else None
    interactive = environment.get("SLURM_JOB_NAME") in ("bash", "interactive")
    if int(environment.get("SLURM_NTASKS", "1")) > 1 and not interactive:
        nodes = int(environment.get("SLURM_NNODES", "1"))
        return int(environment["SLURM_NTASKS"]) // nodes, nodes
    return None
