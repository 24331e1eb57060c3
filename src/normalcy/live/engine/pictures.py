"""Pictures and clips of the events that are open: collected while frames come, written by the media thread."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from normalcy.live.config.events import EventsConfig
from normalcy.live.engine.camera import LiveCamera
from normalcy.live.engine.recorder import Recorder
from normalcy.live.events.clip import ClipRecording
from normalcy.live.events.incident import Change, Peak, Step
from normalcy.live.events.media import MediaWriter, folder_bytes, write_clip, write_stills
from normalcy.live.store.events import set_media
from normalcy.live.store.records import EventRecord


@dataclass
class _Followed:
    """An event whose pictures are collected."""

    camera: LiveCamera
    event: EventRecord
    clip: ClipRecording
    fps: float
    shown: Peak | None = None


class EventPictures:
    """Follows events with pictures.

    Args:
        media: Folder of all events' folders.
        recorder: Writes to the store what the pictures take.
        writer: Writes them.
    """

    def __init__(self, media: Path, *, recorder: Recorder, writer: MediaWriter) -> None:
        self._media, self._recorder, self._writer = media, recorder, writer
        self._followed: dict[str, _Followed] = {}

    def follow(self, camera: LiveCamera, step: Step, config: EventsConfig) -> None:
        """Takes a change of an event up: its clip begins or ends, and a worse moment is shown."""
        followed = self._followed.get(step.event.id) or self._begin(camera, step, config)
        followed.event = step.event
        followed.clip.collect(camera.memory)
        if followed.shown is not step.peak:
            self._show(followed, step.peak)
        if step.change is Change.CLOSED:
            followed.clip.ends_seconds = _seconds_of(step, step.event.ended_at) + config.post_roll_seconds

    def collect(self) -> None:
        """Copies what came; writes the clips that are over, also of cameras that send nothing any more."""
        for followed in list(self._followed.values()):
            clip, memory = followed.clip, followed.camera.memory
            clip.collect(memory)
            newest = memory.picture()
            if clip.ends_seconds is not None and (newest is None or clip.is_over(newest.pts_seconds)):
                self._finish(followed)

    def abandon(self, camera: str | None = None) -> None:
        """Writes the clips of a camera, or of all, with what there is of them."""
        for followed in list(self._followed.values()):
            if camera in (None, followed.camera.name):
                self._finish(followed)

    def _begin(self, camera: LiveCamera, step: Step, config: EventsConfig) -> _Followed:
        starts_seconds = _seconds_of(step, step.event.started_at) - config.pre_roll_seconds
        clip = ClipRecording(step.event.id, starts_seconds, config.longest_clip_seconds)
        followed = _Followed(camera, step.event, clip, config.clip_fps)
        self._followed[step.event.id] = followed
        return followed

    def _show(self, followed: _Followed, peak: Peak) -> None:
        picture = followed.clip.nearest(peak.pts_seconds)
        if picture is None:
            return
        followed.shown = peak
        folder = self._media / followed.event.media
        scale = followed.camera.detector.bundle.header.map_scale
        self._writer.submit(lambda: write_stills(folder, picture, peak.map_HW, map_range=scale))

    def _finish(self, followed: _Followed) -> None:
        del self._followed[followed.event.id]
        folder, event, pictures = self._media / followed.event.media, followed.event, followed.clip.pictures

        def job() -> None:
            if pictures:
                write_clip(folder / "clip.mp4", pictures, fps=followed.fps)
            taken_bytes = folder_bytes(folder)
            self._recorder.record(lambda session: _note(session, event, taken_bytes))

        self._writer.submit(job)


def _note(session: Session, event: EventRecord, taken_bytes: int) -> None:
    set_media(session, event.id, media=event.media if taken_bytes else "", media_bytes=taken_bytes)


def _seconds_of(step: Step, at: float) -> float:
    """Time in the camera's life of a wall-clock time near the peak."""
    return step.peak.pts_seconds + (at - step.peak.at)
