"""Kills one node of a fleet, again and again, and counts what came of it.

    python benchmarks/live_fleet.py --out results/fleet.json

Two nodes run as users run them, `normalcy watch`, on a PostgreSQL and a mosquitto of their own, and share cameras on
loopback on which something happens every few seconds. All processes of one node are killed (`kill -9`) at a random
moment; the other has to go on. What happened is known from the footage; what was stored, from triggers in the
database; what was told, from a listener at the broker. Trials that are in the results are kept, unless --again is
given. Anomalies with more than one event are written out beside the results, with all that was noted of them. Ends
with 1 where anything was lost, or came twice.
"""

import argparse
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from live_proof.detector import fit_detector
from live_proof.fleet_site import HEARTBEAT_SECONDS, LEASE_SECONDS, FleetSite
from live_proof.fleet_trial import doubled_in, judge, try_once
from live_proof.waiting import NotRecovered

from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json

_PACKAGES = ("sqlalchemy", "psycopg", "paho-mqtt")
_SUMS = (
    "anomalies",
    "owed",
    "lost",
    "unwatched",
    "events",
    "other_events",
    "duplicates",
    "within_cool_down",
    "alerts_owed",
    "alerts_missing",
    "told_twice",
    "repeated_keys",
)
_TWICE = ("duplicates", "within_cool_down", "told_twice")
_FAILINGS = ("lost", "alerts_missing", "trials_with_messages_unsent", *_TWICE)
_OF_THE_WHOLE = ("anomalies", "events", "other_events", "repeated_keys", *_TWICE)
_FAILINGS_BETWEEN = _TWICE
"""Also between the trials, while nodes start and hand over."""
_MOST_SECONDS = 30.0
_UNSETTLED_SECONDS = 5.0
"""What happened so shortly ago may not be stored yet."""


def main() -> int:
    """Runs the script; its exit code."""
    options = _options()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)  # so that nothing is left running
    before = {} if options.again else _read(options.out)
    trials, whole = before.get("each_trial", []), before.get("all_of_the_last_run", {})
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(TemporaryDirectory(prefix="normalcy-fleet-", ignore_cleanup_errors=True))
        )
        folder.mkdir(parents=True, exist_ok=True)
        if len(trials) < options.trials:
            bundle = options.bundle or fit_detector(folder)
            whole = _try_all(options, trials, folder, bundle)
    summary = _summary(trials)
    print(json.dumps(summary, indent=2))
    return 0 if _is_good(summary, whole) else 1


def _try_all(
    options: argparse.Namespace, trials: list[dict[str, Any]], folder: Path, bundle: Path
) -> dict[str, int]:
    """Runs the trials that are missing; what all of this run came to."""
    random, whole = Random(options.seed + len(trials)), dict[str, int]()
    with FleetSite(bundle=bundle, folder=folder / "site", cameras=options.cameras) as site:
        _say("both nodes watch")
        for number in range(len(trials), options.trials):
            trials.append(try_once(site, number, random=random))
            _say(f"trial {number + 1}/{options.trials}: {json.dumps(trials[-1])}")
            whole = _whole(site)
            _write(options, trials, whole)
            _explain(site, options.out.with_name(f"{options.out.stem}-doubled.json"))
    return whole


def _whole(site: FleetSite) -> dict[str, int]:
    """The same over all of the run, handing over and starting included: there too nothing may come twice."""
    watched = {name: list[tuple[float, float]]() for name in site.cameras}
    counts = asdict(judge(site, since=site.began, until=time.time() - _UNSETTLED_SECONDS, watched=watched))
    return {name: counts[name] for name in _OF_THE_WHOLE}


def _explain(site: FleetSite, path: Path) -> None:
    """Writes what is known of anomalies with more than one event, where there are any."""
    if found := doubled_in(site, since=site.began, until=time.time() - _UNSETTLED_SECONDS):
        write_json(path, {"doubled": found})
        _say(f"{len(found)} anomalies have more than one event: {path} says more")


def _summary(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not trials:
        return {}
    sums = {name: sum(each[name] for each in trials) for name in _SUMS}
    seconds = {
        name: _spread([each[name] for each in trials])
        for name in ("seconds_to_lease", "seconds_to_first_frame_scored")
    }
    unsent = sum(not each["all_messages_sent"] for each in trials)
    return {"trials": len(trials), **seconds, **sums, "trials_with_messages_unsent": unsent}


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(values), 2), "most": round(max(values), 2)}


def _is_good(summary: dict[str, Any], whole: dict[str, int]) -> bool:
    if not summary:
        return False
    in_time = summary["seconds_to_first_frame_scored"]["most"] <= _MOST_SECONDS
    came_twice = any(whole.get(name, 0) for name in _FAILINGS_BETWEEN)
    return in_time and not came_twice and not any(summary[name] for name in _FAILINGS)


def _read(out: Path) -> dict[str, Any]:
    return dict(json.loads(out.read_text(encoding="utf-8"))) if out.is_file() else {}


def _write(options: argparse.Namespace, trials: list[dict[str, Any]], whole: dict[str, int]) -> None:
    about = {
        "command": shlex.join(["python", "benchmarks/live_fleet.py", *_relative(sys.argv[1:])]),
        "versions": versions() | {name: version(name) for name in _PACKAGES},
        "hardware": hardware(),
        "nodes": 2,
        "cameras": options.cameras,
        "lease_seconds": LEASE_SECONDS,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, {**about, **_summary(trials), "all_of_the_last_run": whole, "each_trial": trials})


def _relative(words: Sequence[str]) -> list[str]:
    """Without the folders of this machine."""
    return [os.path.relpath(word) if word.startswith("/") else word for word in words]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON of the results")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--bundle", type=Path, help="detector of all cameras; one is fitted without")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="new folder for data and logs, kept")
    parser.add_argument("--again", action="store_true", help="forget the trials that are in the results")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("stopped; the trials that were done are kept")
        sys.exit(130)
    except NotRecovered as error:
        _say(f"{error}; --keep DIR keeps the logs")
        sys.exit(1)
