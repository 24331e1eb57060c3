"""Pictures and clips of the events that are open: collected while frames come, written by the media thread."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.live.config.events import EventsConfig
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.recorder import Recorder
from normalcy.live.events.clip import ClipRecording, picture_near
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.events.media import MediaWriter, write_clip, write_stills
from normalcy.live.store.events import set_media
from normalcy.live.store.leases import holds
from normalcy.live.store.media import delete_folder, stored_bytes
from normalcy.live.store.records import EventRecord, Lease

logger = logging.getLogger(__name__)

_CLIP = "clip.mp4"
_LATE_SECONDS = 2.0
"""A camera that sends nothing more lets a clip wait for its end no longer."""
MOST_BYTES = 256 * 1024**2
"""Of pictures in all clips together, those that wait to be written among them; beyond it clips are thinned."""
_LEAST_PICTURES = 8
"""A clip of no more is not thinned."""


@dataclass
class _Followed:
    """An event whose pictures are collected.

    Attributes:
        clip: None once it is written.
        clip_offset_seconds: From the clip's first picture to the event's beginning; None before it is written.
        shown: The moment that the stills show.
        overdue: When its clip waits for pictures no longer.
    """

    camera: LiveCamera
    event: EventRecord
    clip: ClipRecording | None
    clip_offset_seconds: float | None = None
    shown: Peak | None = None
    overdue: float | None = None


class EventPictures:
    """Follows events with pictures.

    Args:
        media: Folder of all events' folders.
        recorder: Writes to the store what the pictures take.
        writer: Writes them.
        noted: Called by the media thread with the camera of an event whose pictures are all there, and noted.
        clock: Monotonic, in seconds.
        most_bytes: Of pictures that are kept in memory.
        node: Name of this node, where there are several.

    Attributes:
        leases: By what right cameras are watched, where there are several nodes.
        thinned: Pictures that clips were left without, because all of them together grew too large.
    """

    def __init__(
        self,
        media: Path,
        *,
        recorder: Recorder,
        writer: MediaWriter,
        noted: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        most_bytes: int = MOST_BYTES,
        node: str = "",
    ) -> None:
        self._media, self._recorder, self._writer = media, recorder, writer
        self._noted, self._clock, self._most_bytes, self._node = noted, clock, most_bytes, node
        self._followed: dict[str, _Followed] = {}
        self.leases: Mapping[str, Lease] = {}
        self.thinned = 0

    def follow(self, camera: LiveCamera, step: Step, config: EventsConfig) -> None:
        """Takes a change of an event up: its clip begins or ends, and a worse moment is shown."""
        followed = self._followed.get(step.event.id) or self._begin(camera, step, config)
        followed.event = step.event
        if followed.shown is not step.peak:
            self._show(followed, step.peak)
        if followed.clip is not None and step.span_seconds is not None:
            followed.clip.last_seconds = step.span_seconds[1]
            followed.clip.is_closed = step.change is Change.CLOSED
        if step.change is Change.CLOSED:
            followed.overdue = self._clock() + config.post_roll_seconds + _LATE_SECONDS

    def collect(self) -> None:
        """Copies what came; writes clips that are whole, and those of cameras that send nothing any more."""
        for followed in list(self._followed.values()):
            self._collect(followed)
            is_overdue = followed.overdue is not None and self._clock() >= followed.overdue
            if followed.overdue is not None and (followed.clip is None or is_overdue):
                self._finish(followed)
        self._thin()

    def abandon(self, camera: str) -> None:
        """Writes the clips of a camera with what there is of them."""
        for followed in list(self._followed.values()):
            if followed.camera.name == camera:
                self._collect(followed)
                self._finish(followed)

    def _begin(self, camera: LiveCamera, step: Step, config: EventsConfig) -> _Followed:
        clip = None
        if step.span_seconds is not None:
            first_seconds, last_seconds = step.span_seconds
            clip = ClipRecording(
                first_seconds - config.pre_roll_seconds,
                config.longest_clip_seconds,
                config.clip_fps,
                config.post_roll_seconds,
                first_seconds,
                last_seconds,
            )
        self._followed[step.event.id] = _Followed(camera, step.event, clip)
        return self._followed[step.event.id]

    def _collect(self, followed: _Followed) -> None:
        clip, memory = followed.clip, followed.camera.memory
        if clip is None:
            return
        clip.collect(memory)
        newest = memory.picture()
        if newest is not None and clip.is_over(newest.pts_seconds):
            self._write_clip(followed)

    def _thin(self) -> None:
        """Lets pictures of the largest clips go until what is kept in memory fits."""
        clips = [each.clip for each in self._followed.values() if each.clip is not None]
        while sum(clip.size_bytes for clip in clips) + self._writer.waiting_bytes > self._most_bytes:
            largest = max(clips, key=lambda clip: len(clip.pictures), default=None)
            if largest is None or len(largest.pictures) <= _LEAST_PICTURES:
                return
            self.thinned += largest.thin()

    def _show(self, followed: _Followed, peak: Peak) -> None:
        picture = None if peak.pts_seconds is None else picture_near(followed.camera.memory, peak.pts_seconds)
        if picture is None:
            return
        followed.shown = peak
        folder = self._media / followed.event.media
        scale = followed.camera.detector.bundle.header.map_scale
        self._writer.submit(
            lambda: write_stills(folder, picture, peak.map_HW, map_range=scale), size_bytes=len(picture.jpeg)
        )

    def _write_clip(self, followed: _Followed) -> None:
        clip, followed.clip = followed.clip, None
        if clip is None or not (pictures := clip.shown()):
            return
        path, fps = self._media / followed.event.media / _CLIP, clip.fps
        followed.clip_offset_seconds = clip.first_seconds - pictures[0].pts_seconds
        size_bytes = sum(len(each.jpeg) for each in pictures)
        self._writer.submit(lambda: write_clip(path, pictures, fps=fps), size_bytes=size_bytes)

    def _finish(self, followed: _Followed) -> None:
        del self._followed[followed.event.id]
        self._write_clip(followed)
        lease = self.leases.get(followed.camera.name)
        self._writer.insist(lambda: self._note(followed, lease))

    def _note(self, followed: _Followed, lease: Lease | None) -> None:
        """Stores what there is; where another node's pictures are the event's, those here are deleted."""
        event = followed.event
        folder = self._media / event.media
        taken_bytes = stored_bytes(folder) or 0
        media = event.media if taken_bytes else ""
        offset_seconds = followed.clip_offset_seconds if (folder / _CLIP).is_file() else None
        is_noted = True

        def job(session: Session) -> None:
            nonlocal is_noted
            is_noted = set_media(
                session,
                event.id,
                media=media,
                media_bytes=taken_bytes,
                clip_offset_seconds=offset_seconds,
                node=self._node,
                takes_over=lease is not None and holds(session, lease),
            )

        def then() -> None:
            if media and not is_noted:
                self._delete(media)

        self._recorder.record(job, then=then)
        self._noted(event.camera)

    def _delete(self, name: str) -> None:
        try:
            delete_folder(self._media, name)
        except OSError as error:
            logger.warning("pictures that belong to no event here cannot be deleted: %s", error)
