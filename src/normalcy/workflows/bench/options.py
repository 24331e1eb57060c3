"""How much is timed."""

from dataclasses import dataclass

BATCHES = (1, 4)


@dataclass(frozen=True)
class BenchOptions:
    """How much is timed.

    Attributes:
        backends: Which; all that run here where empty.
        batches: Clips that are looked at together.
        rounds: How often each has its turn.
        clips: Clips of the video that are looked at in a turn.
        frames: Frames of the video that are read at most.
        threads: Threads of each backend; all cores without.
    """

    backends: tuple[str, ...] = ()
    batches: tuple[int, ...] = BATCHES
    rounds: int = 5
    clips: int = 20
    frames: int = 240
    threads: int | None = None
