"""What the engine says, without secrets: everything the dashboard shows of cameras and processes comes from here."""

from dataclasses import replace

from normalcy.live.config.secrets import safe_text
from normalcy.live.status import CameraStatus, Engine, Note, StageStatus
from normalcy.video.urls import redact


def shown_cameras(engine: Engine) -> list[CameraStatus]:
    """All cameras, each with a title."""
    return [
        replace(
            status,
            title=status.title or status.name,
            source=redact(status.source),
            reason=safe_text(status.reason),
        )
        for status in engine.cameras()
    ]


def shown_stages(engine: Engine) -> list[StageStatus]:
    """All processes."""
    return [replace(stage, reason=safe_text(stage.reason)) for stage in engine.stages()]


def shown_notes(engine: Engine) -> list[Note]:
    """What a person should look at."""
    return [replace(note, text=safe_text(note.text)) for note in engine.notes()]
