"""The feature store: what a backbone sees in a video is computed once.

    <store>/<backbone>-<key>/manifest.json          what the features were made with, and what is there
    <store>/<backbone>-<key>/<content>.safetensors  features of one video: as it is, and of its augmented views

The key is of the backbone, its weights, and how frames are sampled; a video goes by its content. Files are written
whole or not at all, under a lock for each video: a process that is killed leaves nothing that counts, and of two that
need the same video one computes and the other waits.

Letters: T frames that were looked at, D values of a feature vector, V views.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import content_hash
from normalcy.run_folder import whole_file, write_json, writing_to
from normalcy.training.features.views import View, view_of
from normalcy.video.reader import decoder_version

FORMAT_VERSION = 1

Float16Array = npt.NDArray[np.float16]

See = Callable[[LabelledVideo, Sequence[View]], "Seen"]
"""Looks at a video in several views, in one pass over its frames."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Features of a video.

    Attributes:
        features_VTD: Float16, memory-mapped; view 0 is the video as it is.
        index_T: Place of each frame in its source.
        pts_seconds_T: When it is shown.
    """

    features_VTD: Float16Array
    index_T: npt.NDArray[np.int64]
    pts_seconds_T: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Made:
    """What features depend on besides the video.

    Attributes:
        backbone: Its name.
        weights: Digest of its weights and settings.
        size_px: (height, width) of the pictures that it reads.
        step_frames: It looks at every so many frames.
        precision: Number format that it computes in.
    """

    backbone: str
    weights: str
    size_px: tuple[int, int]
    step_frames: int
    precision: str

    def about(self) -> dict[str, Any]:
        """The same as plain data, with the versions that count."""
        return {
            "format_version": FORMAT_VERSION,
            "backbone": self.backbone,
            "weights": self.weights,
            "size_px": list(self.size_px),
            "step_frames": self.step_frames,
            "precision": self.precision,
            "decoder": decoder_version(),
        }


class FeatureStore:
    """Features of videos by one backbone, in a folder that processes may share.

    Args:
        root: Of all stores.
        made: By which backbone, and how.
        see: Computes what is not there.
    """

    def __init__(self, root: Path, made: Made, see: See) -> None:
        self._about, self._see = made.about(), see
        digest = hashlib.sha256(json.dumps(self._about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = root / f"{made.backbone.replace('/', '-')}-{digest}"
        self._manifest = self.folder / "manifest.json"

    def open(self, video: LabelledVideo, *, views: int = 1) -> Seen:
        """Features of a video in its first so many views, computed now where they are not there.

        Raises:
            VideoError: The video cannot be read.
            DiskFull: No room is left.
            OutputError: The store cannot be written.
        """
        content = content_hash(video.path)
        found = self._read(content, views)
        if found is None:
            with writing_to(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / f"{content}.lock"):
                    # Another process may have been there meanwhile.
                    found = self._read(content, views)
                    if found is None:
                        found = self._see(video, [view_of(content, number) for number in range(views)])
                        self._write(content, video, found)
        return found

    def holds(self, video: LabelledVideo, *, views: int = 1) -> bool:
        """Whether the features of a video are there in its first so many views.

        Raises:
            UnreadableVideo: The video cannot be read.
        """
        return self._read(content_hash(video.path), views) is not None

    def _read(self, content: str, views: int) -> Seen | None:
        """What is there of a video; None where it is less than is asked for, or damaged."""
        path = self._path(content)
        if not path.is_file():
            return None
        try:
            with safe_open(path, "np") as file:
                index_T, pts_seconds_T = file.get_tensor("index_T"), file.get_tensor("pts_seconds_T")
            seen = Seen(_mapped(path, "features_VTD"), index_T, pts_seconds_T)
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        if len(seen.features_VTD) < views:
            return None
        return Seen(seen.features_VTD[:views], seen.index_T, seen.pts_seconds_T)

    def _write(self, content: str, video: LabelledVideo, seen: Seen) -> None:
        data = save(
            {
                "features_VTD": np.ascontiguousarray(seen.features_VTD),
                "index_T": seen.index_T,
                "pts_seconds_T": seen.pts_seconds_T,
            }
        )
        with whole_file(self._path(content)) as temporary:
            temporary.write_bytes(data)
        with FileLock(self.folder / "manifest.lock"):
            manifest = self._read_manifest()
            views, frames, width = seen.features_VTD.shape
            manifest["videos"][content] = {
                "name": video.name,
                "views": views,
                "frames": frames,
                "width": width,
            }
            write_json(self._manifest, manifest)

    def _read_manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self._manifest.read_text(encoding="utf-8"))
            manifest["videos"] = dict(manifest["videos"])
        except (OSError, ValueError, KeyError, TypeError):
            return {"made_with": self._about, "videos": {}}
        return manifest

    def _path(self, content: str) -> Path:
        return self.folder / f"{content}.safetensors"


def _mapped(path: Path, name: str) -> Float16Array:
    """A tensor of a safetensors file, read as it is used: features of hours of video do not fit into memory."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))[name]
    if header["dtype"] != "F16":
        raise ValueError(f"{name} is {header['dtype']}")
    start, _ = header["data_offsets"]
    return np.memmap(path, np.float16, "r", offset=8 + length + start, shape=tuple(header["shape"]))
