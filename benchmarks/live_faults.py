"""Breaks a live engine in every way we know, round by round, and counts what came of it.

    python benchmarks/live_faults.py --out results/reliability.json

Each fault has an engine of its own: `normalcy watch` on three cameras, one of which is broken, one has an anomaly in it
now and then (a video that is played over and over), and one is never touched. The detector is the floor of optical
flow, fitted on a generated scene in a few seconds, unless --bundle and --video say otherwise. A fault that is in the
results stays as it is, unless --again is given. Ends with 1 where anything was lost, came twice, or was not recovered
from.
"""

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from sqlite3 import sqlite_version
from tempfile import TemporaryDirectory
from typing import Any

from live_proof.detector import fit_detector, write_video
from live_proof.fault import Fault
from live_proof.faults import FAULTS
from live_proof.results import Results, is_done, is_good, read_results, render_table
from live_proof.rounds import try_fault
from live_proof.waiting import NotRecovered

from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json

_PACKAGES = ("sqlalchemy", "fastapi", "uvicorn", "httpx2")


def main() -> int:
    """Runs the script; its exit code."""
    options = _options()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)  # so that nothing is left running
    results = read_results(options.out)
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(TemporaryDirectory(prefix="normalcy-proof-", ignore_cleanup_errors=True))
        )
        _try_all(options, results, folder)
    print(render_table(results))
    bad = [name for name, entry in results["faults"].items() if not is_good(entry)]
    for name in bad:
        _say(f"{name}: {'; '.join(results['faults'][name]['violations']) or 'not all is well'}")
    return 1 if bad else 0


def _try_all(options: argparse.Namespace, results: Results, folder: Path) -> None:
    faults = {name: FAULTS[name] for name in options.only or FAULTS}
    rounds = {name: options.rounds or fault.rounds for name, fault in faults.items()}
    known = {} if options.again else results["faults"]
    left = [fault for name, fault in faults.items() if not is_done(known.get(name), rounds=rounds[name])]
    if left and options.bundle is None:
        options.bundle, options.video = fit_detector(folder), write_video(folder / "busy.mp4")
    for fault in left:
        own = folder / fault.name
        own.mkdir(parents=True)
        results["faults"][fault.name] = _tried(fault, options, own, rounds=rounds[fault.name])
        _write(options.out, results)


def _tried(fault: Fault, options: argparse.Namespace, folder: Path, *, rounds: int) -> dict[str, Any]:
    if missing := fault.missing():
        _say(f"{fault.name}: skipped, {missing}")
        return {"skipped": missing}
    return try_fault(
        fault,
        bundle=options.bundle,
        video=options.video,
        folder=folder,
        rounds=rounds,
        seconds_between=options.seconds_between,
        seed=options.seed,
        say=_say,
    )


def _write(out: Path, results: Results) -> None:
    faults = {name: results["faults"][name] for name in FAULTS if name in results["faults"]}
    about = {
        "command": shlex.join(["python", "benchmarks/live_faults.py", *_relative(sys.argv[1:])]),
        "versions": versions() | {name: version(name) for name in _PACKAGES} | {"sqlite": sqlite_version},
        "hardware": hardware(),
        "seconds": round(sum(each.get("seconds", 0.0) for each in faults.values()), 1),
    }
    write_json(out, {**about, "faults": faults})


def _relative(words: Sequence[str]) -> list[str]:
    """Without the folders of this machine."""
    return [os.path.relpath(word) if word.startswith("/") else word for word in words]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, help="detector of all cameras")
    parser.add_argument("--video", type=Path, help="with an anomaly in it; goes with --bundle")
    parser.add_argument("--out", type=Path, required=True, help="JSON of the results")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--rounds", type=int, help="of each fault, in place of its own number")
    parser.add_argument("--seconds-between", type=float, default=0.0, help="rounds")
    parser.add_argument("--seed", type=int, default=0, help="of what is random")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="new folder for data and logs, kept")
    parser.add_argument("--again", action="store_true", help="try faults that are in the results already")
    options = parser.parse_args()
    if (options.bundle is None) != (options.video is None):
        parser.error("--bundle and --video go together")
    return options


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("stopped; the faults that were done are kept")
        sys.exit(130)
    except NotRecovered as error:
        _say(f"an engine does not start: {error}; --keep DIR keeps its log")
        sys.exit(1)
