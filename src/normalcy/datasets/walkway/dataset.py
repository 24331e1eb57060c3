"""The generated scene as a dataset.

Letters: T frames of a video, H height, W width.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from normalcy.datasets.base import (
    BoolArray,
    CheckItem,
    CheckReport,
    DatasetInfo,
    LabelledVideo,
    Split,
    TrueRegions,
)
from normalcy.datasets.walkway.annotations import Annotations, load
from normalcy.datasets.walkway.manifest import FILE_NAME, Manifest, VideoEntry, find_damage, read_manifest
from normalcy.errors import DatasetError, DatasetIncomplete, LabelError


class Walkway:
    """A folder that `synthesize` made."""

    info: ClassVar[DatasetInfo] = DatasetInfo(
        name="walkway",
        title="Walkway, a generated corridor scene",
        home="generated: `normalcy data synthesize`",
        citation="none needed; name the version of normalcy, the seed and the size",
        terms="Apache-2.0",
    )

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def manifest(self) -> Manifest:
        """What the folder says of itself; raises DatasetError when that cannot be read."""
        return read_manifest(self.root)

    def videos(self, split: Split) -> list[LabelledVideo]:
        """Videos of a split in order; raises DatasetIncomplete when there are none."""
        found = [
            LabelledVideo(entry.name, split, entry.video_path(self.root)) for entry in self.manifest.of(split)
        ]
        if not found:
            hint = f"Make the scene again with {split} videos"
            raise DatasetIncomplete(f"has no {split} videos", where=self.root, hint=hint)
        return found

    def frame_labels(self, video: LabelledVideo) -> BoolArray | None:
        """Labels of a test video, (T,); None for training videos. Raises LabelError when damaged."""
        return None if video.split == "train" else self.annotations(video).labels()

    def frame_kinds(self, video: LabelledVideo) -> dict[str, BoolArray]:
        """Where each kind is abnormal, (T,) by kind; empty for training videos. Raises LabelError when damaged."""
        return {} if video.split == "train" else self.annotations(video).kinds()

    def pixel_masks(self, video: LabelledVideo) -> Iterator[BoolArray] | None:
        """Visible pixels of the abnormal in each frame, (H, W); None for training videos."""
        return None if video.split == "train" else self.annotations(video).masks()

    def abnormal_regions(self, video: LabelledVideo) -> Iterator[TrueRegions] | None:
        """Boxes and tracks of the abnormal in each frame; None for training videos."""
        return None if video.split == "train" else self.annotations(video).regions()

    def annotations(self, video: LabelledVideo) -> Annotations:
        """All that is known of a video of either split: labels, masks, boxes and tracks."""
        entry = self._entry(video)
        path = entry.labels_path(self.root)
        annotations = load(path)
        if len(annotations.boxes_TK4) != entry.frames:
            hint = "Make the scene again with `normalcy data synthesize`"
            message = f"{len(annotations.boxes_TK4)} labels for {entry.frames} frames"
            raise LabelError(message, where=path, hint=hint)
        return annotations

    def check(self) -> CheckReport:
        """Compares the folder with its manifest, by checksum."""
        return CheckReport(self.info, self.root, tuple(self._items()))

    def _entry(self, video: LabelledVideo) -> VideoEntry:
        for entry in self.manifest.of(video.split):
            if entry.name == video.name:
                return entry
        raise LabelError(f"{video.split} video {video.name!r} is not in {FILE_NAME}", where=self.root)

    def _items(self) -> Iterator[CheckItem]:
        try:
            manifest = read_manifest(self.root)
        except DatasetIncomplete:
            yield CheckItem("missing", FILE_NAME)
            return
        except DatasetError as error:
            yield CheckItem("wrong", str(error))
            return
        damage = list(find_damage(self.root, manifest))
        yield from damage
        if not damage:
            yield from _summary(manifest)
        yield from self._extra(manifest)

    def _extra(self, manifest: Manifest) -> Iterator[CheckItem]:
        known = {entry.video_path(self.root) for entry in manifest.videos}
        for path in sorted(self.root.glob("*/*.mp4")):
            if path not in known:
                yield CheckItem("extra", f"{path.relative_to(self.root)}")


def _summary(manifest: Manifest) -> Iterator[CheckItem]:
    splits: tuple[Split, Split] = ("train", "test")
    for split in splits:
        entries = manifest.of(split)
        frames = sum(entry.frames for entry in entries)
        yield CheckItem("ok", f"{split}: {len(entries)} videos, {frames} frames, labels and checksums fit")
    kinds = sorted({event.kind for entry in manifest.videos for event in entry.events})
    yield CheckItem("note", f"anomalies: {', '.join(kinds) or 'none'}")
