"""A backend in a process of its own, so that no other's threads, memory or settings are in its way.

python -m normalcy.workflows.bench.worker BUNDLE BACKEND VIDEO OPTIONS

Reads one request a line, as JSON, and writes one answer a line.
"""

import json
import os
import sys
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from normalcy.errors import NormalcyError, NormalcyWarning
from normalcy.workflows.bench.backend import TimedBackend
from normalcy.workflows.bench.options import BenchOptions


def serve(backend: TimedBackend, requests: Iterable[str], answers: IO[str]) -> None:
    """Answers requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        what = request.pop("do")
        if what == "infer":
            _answer(answers, asdict(backend.infer(**request)))
        elif what == "together":
            _answer(answers, asdict(backend.together()))
        elif what == "stages":
            _answer(answers, backend.stages())
        else:
            raise ValueError(f"unknown request {what!r}")


def main(
    bundle: str, name: str, video: str, options: str, *, requests: Iterable[str], answers: IO[str]
) -> None:
    """Opens the backend, tells what it is, and serves."""
    given = json.loads(options)
    asked = BenchOptions(
        **{**given, "backends": tuple(given["backends"]), "batches": tuple(given["batches"])}
    )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", NormalcyWarning)
        try:
            backend = TimedBackend(Path(bundle), name, Path(video), asked)
        except NormalcyError as error:
            kept = {"what": error.what, "where": error.where, "hint": error.hint}
            _write(answers, {"error": type(error).__name__, **kept})
            return
    told = [
        [each.category.__name__, str(each.message)]
        for each in warned
        if issubclass(each.category, NormalcyWarning)
    ]
    about = {"spec": backend.spec(), "peak_memory_mib": round(backend.peak_memory_mib, 1), "warnings": told}
    _answer(answers, about)
    warnings.simplefilter("ignore")
    serve(backend, requests, answers)


def _answer(answers: IO[str], found: Any) -> None:
    _write(answers, {"answer": found})


def _write(answers: IO[str], line: dict[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


def _private_output() -> IO[str]:
    """What was standard output; whatever libraries print goes to standard error from here on."""
    sys.stdout.flush()
    kept = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept


if __name__ == "__main__":
    # Whoever asked is gone where nobody reads.
    with suppress(BrokenPipeError):
        main(*sys.argv[1:], requests=sys.stdin, answers=_private_output())
