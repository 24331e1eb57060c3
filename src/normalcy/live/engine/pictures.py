"""Pictures and clips of the events that are open: collected while frames come, written by the media thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.live.config.events import EventsConfig
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.recorder import Recorder
from normalcy.live.events.clip import ClipRecording, picture_near
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.events.media import MediaWriter, folder_bytes, write_clip, write_stills
from normalcy.live.store.events import set_media
from normalcy.live.store.records import EventRecord

_LATE_SECONDS = 2.0
"""A camera that sends nothing more lets a clip wait for its end no longer."""


@dataclass
class _Followed:
    """An event whose pictures are collected; its clip is None once it is written."""

    camera: LiveCamera
    event: EventRecord
    clip: ClipRecording | None
    shown: Peak | None = None
    overdue: float | None = None


class EventPictures:
    """Follows events with pictures.

    Args:
        media: Folder of all events' folders.
        recorder: Writes to the store what the pictures take.
        writer: Writes them.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        media: Path,
        *,
        recorder: Recorder,
        writer: MediaWriter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._media, self._recorder, self._writer, self._clock = media, recorder, writer, clock
        self._followed: dict[str, _Followed] = {}

    def follow(self, camera: LiveCamera, step: Step, config: EventsConfig) -> None:
        """Takes a change of an event up: its clip begins or ends, and a worse moment is shown."""
        followed = self._followed.get(step.event.id) or self._begin(camera, step, config)
        followed.event = step.event
        if followed.shown is not step.peak:
            self._show(followed, step.peak)
        if step.change is Change.CLOSED:
            followed.overdue = self._clock() + config.post_roll_seconds + _LATE_SECONDS
            if followed.clip is not None and step.span_seconds is not None:
                followed.clip.ends_seconds = step.span_seconds[1] + config.post_roll_seconds

    def collect(self) -> None:
        """Copies what came; writes clips that are whole, and those of cameras that send nothing any more."""
        for followed in list(self._followed.values()):
            self._collect(followed)
            is_overdue = followed.overdue is not None and self._clock() >= followed.overdue
            if followed.overdue is not None and (followed.clip is None or is_overdue):
                self._finish(followed)

    def abandon(self, camera: str) -> None:
        """Writes the clips of a camera with what there is of them."""
        for followed in list(self._followed.values()):
            if followed.camera.name == camera:
                self._collect(followed)
                self._finish(followed)

    def _begin(self, camera: LiveCamera, step: Step, config: EventsConfig) -> _Followed:
        clip = None
        if step.span_seconds is not None:
            starts_seconds = step.span_seconds[0] - config.pre_roll_seconds
            clip = ClipRecording(starts_seconds, config.longest_clip_seconds, config.clip_fps)
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

    def _show(self, followed: _Followed, peak: Peak) -> None:
        picture = None if peak.pts_seconds is None else picture_near(followed.camera.memory, peak.pts_seconds)
        if picture is None:
            return
        followed.shown = peak
        folder = self._media / followed.event.media
        scale = followed.camera.detector.bundle.header.map_scale
        self._writer.submit(lambda: write_stills(folder, picture, peak.map_HW, map_range=scale))

    def _write_clip(self, followed: _Followed) -> None:
        clip, followed.clip = followed.clip, None
        if clip is None or not clip.pictures:
            return
        path, pictures, fps = self._media / followed.event.media / "clip.mp4", clip.pictures, clip.fps
        self._writer.submit(lambda: write_clip(path, pictures, fps=fps))

    def _finish(self, followed: _Followed) -> None:
        del self._followed[followed.event.id]
        self._write_clip(followed)
        self._writer.submit(lambda: self._note(followed.event))

    def _note(self, event: EventRecord) -> None:
        taken_bytes = folder_bytes(self._media / event.media)
        media = event.media if taken_bytes else ""

        def job(session: Session) -> None:
            set_media(session, event.id, media=media, media_bytes=taken_bytes)

        self._recorder.record(job)
