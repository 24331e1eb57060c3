"""What an engine knows of a camera's view, kept for the one that comes after it.

An engine that is killed leaves it in shared memory, as it was; when all of the engine is started again, what the store
has of it is used: a camera that was turned meanwhile shows another view, and one whose view the detector never saw
goes on being judged by how that view scores.
"""

import hashlib
import math

from normalcy.live.config.camera import CameraConfig
from normalcy.live.engine.scene import Coarse, LevelShift, SceneState, SceneWatch
from normalcy.live.store.records import ViewRecord
from normalcy.video.urls import redact

KEPT_SECONDS = 60.0
"""How often it is stored while nothing changes; a view that was just learned is stored at once."""


def source_digest(config: CameraConfig) -> str:
    """Of what a camera watches. A password in it leaves no trace, nor does what may be one, such as `?key=`."""
    return hashlib.sha256(redact(config.watched).encode()).hexdigest()


def watch_of(known: ViewRecord | None, *, learning: bool) -> SceneWatch:
    """A watch that begins with what is known; `learning` as `SceneWatch` takes it."""
    return SceneWatch(learning=learning, usual=Coarse.from_bytes(known.picture) if known else None)


def level_of(known: ViewRecord | None, *, detector: str) -> LevelShift:
    """How the known view scores; nothing is known where other scores were compared."""
    if known is None or known.detector != detector:
        return LevelShift()
    usual = math.nan if known.level_usual is None else known.level_usual
    return LevelShift(factor=known.level_factor, usual=usual)


def view_record(
    camera: str, scene: SceneWatch, level: LevelShift, *, source: str, detector: str, seen_at: float
) -> ViewRecord | None:
    """To be stored; None while nobody can say what the view usually is, or how it scores."""
    if scene.state is not SceneState.SETTLED or scene.usual is None or level.is_learning:
        return None
    usual = None if math.isnan(level.usual) else level.usual
    return ViewRecord(camera, source, detector, scene.usual.to_bytes(), level.factor, usual, seen_at)
