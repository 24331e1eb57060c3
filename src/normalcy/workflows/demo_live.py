"""The demo goes on live: its scene as cameras, one of which goes offline and returns."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from normalcy.config import read_yaml
from normalcy.errors import InputError
from normalcy.live.config.live import config_from
from normalcy.live.config.round_trip import as_text, read_commented, update, write_whole
from normalcy.live.data_folder import alone_in
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.watch import Watching, watch
from normalcy.run_folder import write_text
from normalcy.video.stream_server import StreamServer

AWAY_EVERY_SECONDS = 60.0
AWAY_FOR_SECONDS = 15.0
_TITLES = ("Corridor north", "Corridor south", "Corridor east")
_NAMES = tuple(title.lower().replace(" ", "-") for title in _TITLES)


def serve_demo(folder: Path, *, port: int, log_json: bool, on_start: Callable[[Watching], None]) -> None:
    """Watches the scene of a demo that was made before, until somebody presses Ctrl-C.

    Args:
        folder: Of the demo.
        port: Of the dashboard; 0 takes a free one.
        log_json: Logs are JSON lines.
        on_start: Called once everything is started.

    Raises:
        InputError: There is no demo in the folder.
        RunFolderBusy: It is served already.
    """
    normal = sorted((folder / "walkway" / "train").glob("*.mp4"))
    abnormal = sorted((folder / "walkway" / "test").glob("*.mp4"))
    if not (normal and abnormal and (folder / "bundle").is_dir()):
        raise InputError("holds no demo", where=folder, hint="`normalcy demo` makes one")
    with StreamServer(abnormal[-1]) as stream, _now_and_then_away(stream):
        sources = [str(normal[0].absolute()), str(abnormal[0].absolute()), stream.url]
        file = ConfigFile(_written(folder, sources), web={"port": port})
        watch(file.config, file=file, log_json=log_json, on_start=on_start)


def demo_config(sources: list[str], *, bundle: Path) -> dict[str, Any]:
    """What the demo's cameras are: quick to notice that one is gone, and with an alarm that everybody can see."""
    return {
        "data": "data",
        "bundles": {"demo": {"path": str(bundle.absolute())}},
        "defaults": {
            "loop": True,
            "read_timeout_seconds": 3.0,
            "backoff_most_seconds": 4.0,
            "alert_per_day": 500.0,
        },
        "cameras": {
            name: {"title": title, "source": source}
            for name, title, source in zip(_NAMES, _TITLES, sources, strict=True)
        },
        "events": {"offline_alert_seconds": 5.0},
    }


def _written(folder: Path, sources: list[str]) -> Path:
    """The configuration; one that is there stays as the dashboard left it, but for where the stream is now."""
    path = folder / "live" / "watch.yaml"
    with alone_in(path.parent / "data"):
        if path.exists():
            _follow_stream(path, sources[-1])
        else:
            said = demo_config(sources, bundle=folder / "bundle")
            config_from(said, where=path)
            write_text(path, yaml.safe_dump(said, sort_keys=False))
    return path


def _follow_stream(path: Path, url: str) -> None:
    said, commented = read_yaml(path), read_commented(path)
    cameras = said.get("cameras") or {}
    if _NAMES[-1] in cameras:
        stream = {**cameras[_NAMES[-1]], "source": url}
        update(commented, said, {**said, "cameras": {**cameras, _NAMES[-1]: stream}})
        write_whole(path, as_text(commented))


@contextmanager
def _now_and_then_away(stream: StreamServer) -> Iterator[None]:
    """Has a stream go away and return while the block runs."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.wait(AWAY_EVERY_SECONDS - AWAY_FOR_SECONDS):
            stream.go_away()
            over.wait(AWAY_FOR_SECONDS)
            stream.come_back()

    thread = threading.Thread(target=come_and_go, name="come and go", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
