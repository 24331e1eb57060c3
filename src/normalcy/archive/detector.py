"""What a worker scores with: one bundle, opened once."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from normalcy.layers.blas_threads import limit_blas
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.backends.choice import Opened, open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.reading import scoring_options
from normalcy.scoring.track import ScoreTrack
from normalcy.video.contract import ReadOptions

_LEAST_DECODE_THREADS = 2
"""FFmpeg conceals damage another way in one thread than in several, which `normalcy score` takes."""


@dataclass(frozen=True, eq=False)
class PackedBundle:
    """The files of a bundle, to be sent to where there is no such folder.

    Attributes:
        files: What each holds, by its path in the bundle.
    """

    files: Mapping[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> "PackedBundle":
        """All files of a bundle folder."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return cls({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})

    def opened(self, backend: str, threads: int | None) -> Opened:
        """Ready to score; its files are on the disk only meanwhile."""
        with tempfile.TemporaryDirectory(prefix="normalcy-bundle-") as name:
            for path, data in self.files.items():
                target = Path(name) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            return open_backend(Bundle.load(Path(name)), backend, threads=threads)


class Detector:
    """A bundle and what scores with it.

    Attributes:
        model: What scores.
        bundle: With the calibration that belongs to it.
        backend: Name of what scores.

    Args:
        opened: A bundle, ready to score.
        threads: How many decode a video; two at least.
    """

    def __init__(self, opened: Opened, *, threads: int) -> None:
        self.model: ScoringModel = opened.model
        self.bundle: Bundle = opened.bundle
        self.backend = opened.name
        self._threads = threads

    @property
    def spec(self) -> ClipSpec:
        """The clip that it reads."""
        return self.model.spec

    @property
    def hop_frames(self) -> int:
        """Frames between the ends of neighbouring clips."""
        return self.bundle.header.scoring.hop_frames

    @property
    def options(self) -> ReadOptions:
        """How videos are read."""
        rate = self.bundle.header.frames_per_second
        options = ReadOptions(decode_threads=max(_LEAST_DECODE_THREADS, self._threads))
        return scoring_options(options, self.spec, frames_per_second=rate)

    def track(self, source_id: str) -> ScoreTrack:
        """Of a source, before its first clip."""
        bundle = self.bundle
        return ScoreTrack(
            self.spec, source_id=source_id, settings=bundle.header.scoring, calibration=bundle.calibration
        )


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """What is opened in it takes no more threads, then and ever after.

    Libraries that ask for threads as they are loaded find the limit in the environment; NumPy's was loaded before.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    yield
    limit_blas(threads)
