"""A configuration for sources that were named on the command line.

It lies in the data folder, where the dashboard writes too. Beside it, a list tells which of its cameras the command
line named: those are watched only while they are named; what the dashboard added stays as it is.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from normalcy.config import read_yaml
from normalcy.live.config.camera import names_file
from normalcy.live.config.live import CAMERA_NAME, config_from
from normalcy.live.config.round_trip import as_text, read_commented, update, write_whole
from normalcy.live.data_folder import alone_in
from normalcy.run_folder import write_json, writing_to
from normalcy.video.names import video_stem

FILE, NAMED = "watch.yaml", "named.json"
_LONGEST = 36


def write_plain_config(sources: Sequence[str], *, bundle: Path, backend: str, data: Path) -> Path:
    """Writes what the command line amounts to into the data folder; gives the file.

    What an engine that runs there reads is left alone: the folder is claimed first.

    Args:
        sources: URLs, files, folders, webcams.
        bundle: The detector.
        backend: What scores.
        data: Folder of the event store.

    Raises:
        ConfigError: It would be wrong; nothing was written.
        RunFolderBusy: An engine is running in the data folder; nothing was written.
        OutputError: It cannot be written.
    """
    with alone_in(data):
        return _written(sources, bundle=bundle, backend=backend, data=data)


def _written(sources: Sequence[str], *, bundle: Path, backend: str, data: Path) -> Path:
    path, named = data / FILE, data / NAMED
    said = read_yaml(path) if path.is_file() else {}
    commented = read_commented(path) if path.is_file() else {}
    before = json.loads(named.read_text(encoding="utf-8")) if named.is_file() else []
    wanted, now_named = with_sources(said, [_absolute(source) for source in sources], named=before)
    wanted["bundles"] = {"main": {"path": str(bundle.absolute()), "backend": backend}}
    update(commented, said, {**wanted, "data": "."})
    text = as_text(commented)
    config_from(yaml.safe_load(text), where=path)
    with writing_to(data):
        write_json(named, now_named)
    write_whole(path, text)
    return path


def with_sources(
    said: Mapping[str, Any], sources: Sequence[str], *, named: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """What the file says from now on, and which of its cameras the command line named.

    Args:
        said: What it said before.
        sources: Named now; files and folders by their absolute paths.
        named: Cameras that the command line named before. Those that it no longer names are kept, with their regions,
            and not watched.
    """
    cameras = {name: dict(each) for name, each in (said.get("cameras") or {}).items()}
    by_source = {each.get("source"): name for name, each in cameras.items()}
    for name in set(named) & cameras.keys():
        cameras[name]["enabled"] = False
    for source in sources:
        if source not in by_source:
            by_source[source] = _free_name(source, set(cameras))
        cameras.setdefault(by_source[source], {"source": source})["enabled"] = True
    known = {*named, *(by_source[source] for source in sources)}
    return {**said, "cameras": cameras}, sorted(known & cameras.keys())


def _absolute(source: str) -> str:
    """Of a file or folder, since the configuration lies elsewhere."""
    return str(Path(source).absolute()) if names_file(source) else source


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
