"""A process of a training that another one started: it trains along, writes nothing and says nothing.

What it is to do comes by standard input, as JSON. Why it failed, the others are told by way of the store.
"""

import json
import os
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from normalcy.config import build_config
from normalcy.training.config import FitConfig
from normalcy.training.distributed.group import Place
from normalcy.training.distributed.joining import joined
from normalcy.training.distributed.stores import TCPStore
from normalcy.training.part import take_part


def main(job: dict[str, Any]) -> None:
    """Joins the others and does its part."""
    # Ctrl-C is for the first process, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    place = Place(**job["place"])
    host, port = job["address"]
    store = TCPStore(host, port, place.size, is_master=False)
    config = build_config(FitConfig, job["config"])
    with joined(place, store) as group:
        take_part(config, run=Path(job["run"]), resume=job["resume"], group=group)


if __name__ == "__main__":
    code = 1
    try:
        main(json.load(sys.stdin))
        code = 0
    except BaseException:  # its last words: the process that started this one reads them
        traceback.print_exc()
        sys.stderr.flush()
    # Nothing is left to be put away, and taking all libraries down would take seconds.
    os._exit(code)
