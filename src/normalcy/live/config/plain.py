"""A configuration for sources that were named on the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.config import read_yaml
from normalcy.live.config.live import CAMERA_NAME
from normalcy.video.names import video_stem
from normalcy.video.urls import as_url

FILE = "watch.yaml"
_LONGEST = 36


def plain_config(
    sources: Sequence[str], *, bundle: Path, backend: str, data: Path, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What the file in the data folder says from now on: what it said before, with these cameras and this detector.

    Cameras that were named before are kept with their regions, and watched only when they are named again.

    Args:
        sources: URLs, files, folders, webcams.
        bundle: The detector.
        backend: What scores.
        data: Folder of the event store; the file lies in it.
        settings: Of the dashboard.
    """
    before = read_yaml(data / FILE) if (data / FILE).is_file() else {}
    known: dict[str, dict[str, Any]] = dict(before.get("cameras") or {})
    named = {each.get("source"): name for name, each in known.items()}
    wanted = [_absolute(source) for source in sources]
    for source in wanted:
        if source not in named:
            name = _free_name(source, set(known))
            known[name], named[source] = {"source": source}, name
    cameras = {name: {**each, "enabled": each.get("source") in wanted} for name, each in known.items()}
    return {
        **before,
        "data": ".",
        "bundles": {"main": {"path": str(bundle.absolute()), "backend": backend}},
        "cameras": cameras,
        "web": {**(before.get("web") or {}), **settings},
    }


def _absolute(source: str) -> str:
    """Of a file or folder, since the configuration lies elsewhere."""
    is_path = as_url(source) is None and Path(source).exists()
    return str(Path(source).absolute()) if is_path else source


def _free_name(source: str, taken: set[str]) -> str:
    """A name of its own for a camera.

    >>> _free_name("rtsp://guard:secret@door.local:554/live?channel=2", {"door-local_554_live_channel_2"})
    'door-local_554_live_channel_2-2'
    """
    stem = video_stem(source).lower().replace(".", "-")
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "-_") else "-" for each in stem)
    stem = kept.strip("-_")[:_LONGEST].rstrip("-_") or "camera"
    numbers = range(2, len(taken) + 3)
    name = next(each for each in (stem, *(f"{stem}-{number}" for number in numbers)) if each not in taken)
    assert CAMERA_NAME.fullmatch(name), name
    return name
