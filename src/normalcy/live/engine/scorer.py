"""The three scoring pieces for one live camera: window, camera of the method, and a track for each watched region.

Frames of one camera go through exactly what the frames of a file go through (`scoring.pipeline.SourceScorer`). What a
live camera adds: the window can be started anew, so that no clip spans a gap; and the scores of a region are part of
those of the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from normalcy.live.engine.regions import WatchedRegion, scores_within
from normalcy.live.frames.memory import Stamped
from normalcy.methods.contract import TeachableCamera
from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import Found, ScoringModel
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack, TrackUpdate
from normalcy.scoring.types import Clip, ClipScores, FrameStamp
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame

if TYPE_CHECKING:
    from normalcy.methods.base import Camera


@dataclass(frozen=True, eq=False)
class Tuning:
    """What decides about alarms in one region.

    Attributes:
        region: Which.
        settings: With its own rate or threshold.
        calibration: With the false alarms that people marked.
    """

    region: WatchedRegion
    settings: ScoringSettings
    calibration: Calibration


@dataclass(frozen=True, eq=False)
class RegionVerdict:
    """What a clip settled in one region."""

    region: str
    track: ScoreTrack
    update: TrackUpdate


class CameraScorer:
    """Scores the frames of one camera.

    Args:
        name: Of the camera.
        model: What scores; shared by all cameras of its bundle.
        tunings: One for each watched region.
    """

    def __init__(self, name: str, *, model: ScoringModel, tunings: Sequence[Tuning]) -> None:
        self._name, self._model = name, model
        self._camera: Camera | None = model.camera(name)
        self._taught: TeachableCamera | None = None
        self._tunings: list[Tuning] = []
        self._tracks: dict[str, ScoreTrack] = {}
        self.retune(tunings)
        self._window = self._new_window()

    def retune(self, tunings: Sequence[Tuning]) -> None:
        """Other regions, thresholds or calibrations; tracks of regions that stay go on."""
        tracks = {}
        for tuning in tunings:
            track = self._tracks.get(tuning.region.name)
            if track is None:
                track = ScoreTrack(
                    self._model.spec,
                    source_id=self._name,
                    settings=tuning.settings,
                    calibration=tuning.calibration,
                )
            else:
                track.retune(settings=tuning.settings, calibration=tuning.calibration)
            tracks[tuning.region.name] = track
        self._tunings, self._tracks = list(tunings), tracks

    def push(self, frame: Stamped) -> Clip | None:
        """Takes the next frame; returns a clip when one is complete."""
        if frame.image_HWC is None:
            self._window.pass_over(FrameStamp(frame.index, frame.pts_seconds))
            return None
        return self._window.push(Frame(frame.image_HWC, frame.index, frame.pts_seconds, self._name))

    def last_clip(self) -> Clip | None:
        """A last clip, where frames have no score yet and nothing will follow them."""
        return self._window.flush()

    def cut(self) -> int:
        """Forgets the frames of the window: what comes next leaves some out. Alarms go on.

        Returns:
            How many frames will have no score.
        """
        lost, self._window = self._window.waiting, self._new_window()
        return lost

    def start_anew(self) -> int:
        """Ends alarms as well: what comes next does not follow what was. Returns what `cut` does."""
        self.end_alarms()
        return self.cut()

    def end_alarms(self) -> None:
        """Ends alarms; a score that is still high raises another one."""
        for track in self._tracks.values():
            track.flush()

    def forget(self) -> int:
        """Starts anew with nothing of what the method keeps of its source. Returns what `cut` does."""
        self._camera = self._taught.anew() if self._taught else self._model.camera(self._name)
        return self.start_anew()

    def untaught(self) -> TeachableCamera | None:
        """The method's camera as the detector has it; None where it cannot be taught anything."""
        camera = self._model.camera(self._name)
        return camera if isinstance(camera, TeachableCamera) else None

    def judge_by(self, camera: TeachableCamera) -> None:
        """Scores by another memory from the next clip on; what the method saw of its source before, it sees anew."""
        self._taught = camera
        self._camera = camera.anew()

    def scores(self, clip: Clip, found: Found) -> ClipScores:
        """What the model found in a clip, as scores of this camera; once for each clip."""
        return clip_scores(found, clip=clip, camera=self._camera)

    def settle(self, clip: Clip, scores: ClipScores, *, factor: float = 1.0) -> list[RegionVerdict]:
        """Verdicts on the frames that a clip settles, region by region.

        Args:
            clip: As `push` gave it.
            scores: Of the clip.
            factor: Of the scores of a view that the detector does not know (`scene.LevelShift`).
        """
        if factor != 1.0:
            scores = replace(scores, score_T=scores.score_T * np.float32(factor))
        return [self._settle(clip, scores, tuning) for tuning in self._tunings]

    def enter_threshold(self, region: str) -> float:
        """The smoothed score that raises the alarm in a region."""
        return self._tracks[region].rule.enter_threshold

    def _settle(self, clip: Clip, scores: ClipScores, tuning: Tuning) -> RegionVerdict:
        ordinary = tuning.calibration.alarm_levels[-1]
        track = self._tracks[tuning.region.name]
        update = track.update(clip, scores_within(scores, tuning.region, ordinary=ordinary))
        return RegionVerdict(tuning.region.name, track, update)

    def _new_window(self) -> ClipWindow:
        return ClipWindow(self._model.spec, hop_frames=self._tunings[0].settings.hop_frames)
