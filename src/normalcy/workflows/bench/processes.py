"""The processes that backends are timed in, as seen by whoever asks."""

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from normalcy import errors
from normalcy.errors import NormalcyError
from normalcy.workflows.bench.options import BenchOptions
from normalcy.workflows.bench.timing import Turn

_WORKER = "normalcy.workflows.bench.worker"


class BackendProcess:
    """A process that holds one backend.

    Args:
        path: Bundle folder, or the run folder that holds it.
        name: Of the backend.
        video: File.
        options: How much is timed.
    """

    def __init__(self, path: Path, name: str, video: Path, options: BenchOptions) -> None:
        self._name = name
        given = json.dumps(asdict(options))
        # Not of this session: an interrupt is for whoever asks. `-P`: nothing is imported from where it was called.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _WORKER, str(path), name, str(video), given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def opened(self) -> dict[str, Any]:
        """What the clips are (`spec`), and `peak_memory_mib`, once the backend is open.

        Raises:
            NormalcyError: As the backend raised it.
        """
        found: dict[str, Any] = self._answer()
        for category, message in found["warnings"]:
            warnings.warn(message, getattr(errors, category), stacklevel=2)
        return found

    def infer(self, batch: int) -> Turn:
        """A turn of inference, so many clips at once."""
        return Turn(**self._ask("infer", batch=batch))

    def together(self) -> Turn:
        """A turn from opening the video to the last verdict."""
        return Turn(**self._ask("together"))

    def stages(self) -> dict[str, dict[str, float]]:
        """Milliseconds of each stage that does not depend on the backend."""
        found: dict[str, dict[str, float]] = self._ask("stages")
        return found

    def close(self) -> None:
        """Ends the process at once: it holds nothing that could be lost."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _ask(self, what: str, **about: object) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": what, **about}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        found = json.loads(line)
        if "error" in found:
            kind = getattr(errors, found["error"])
            raise kind(found["what"], where=found["where"], hint=found["hint"])
        return found["answer"]

    def _gone(self) -> NormalcyError:
        status = self._process.wait()
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        return NormalcyError(f"the process of {self._name} ended ({how})", hint="Its own words are above")


@contextmanager
def backend_processes(
    path: Path, names: tuple[str, ...], video: Path, options: BenchOptions
) -> Iterator[dict[str, BackendProcess]]:
    """A process for each backend, none of which outlives this."""
    found: dict[str, BackendProcess] = {}
    try:
        for name in names:
            found[name] = BackendProcess(path, name, video, options)
        yield found
    finally:
        for each in found.values():
            each.close()
