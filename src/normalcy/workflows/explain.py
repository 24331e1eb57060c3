"""Why a detector alarmed on a video: an explanation of each event, as a page and as data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import torch

from normalcy.datasets.base import LabelledVideo
from normalcy.errors import InputError
from normalcy.explain.attention.journey import AttentionJourney, journey
from normalcy.explain.attention.over_time import AttentionOverTime, attention_over_time
from normalcy.explain.attention.watch import Attended, attentions_of, watch_attention, watching
from normalcy.explain.attention_strip import StripsBelow
from normalcy.explain.explained import ExplainedEvent, ExplainedVideo
from normalcy.explain.nearest import NearestLook, nearest_frame, widened
from normalcy.explain.normal_frames import NormalFrame, normal_frames, normal_videos
from normalcy.explain.reasoner import Reasoner
from normalcy.explain.reasons import WHOLE_PICTURE, Box
from normalcy.methods.base import Method
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.progress import Progress
from normalcy.report.case_pictures import picture_case
from normalcy.report.cases import CasePick
from normalcy.report.data import Case
from normalcy.report.explanation import write_explanation_page
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.record import ScoredVideo
from normalcy.scoring.types import Clip, Event
from normalcy.scoring.window import ClipWindow
from normalcy.video.names import video_stem
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.sources import find_source
from normalcy.workflows.memory import strangest_places
from normalcy.workflows.score import (
    PANEL_HEIGHT_PX,
    counted,
    expected_frames,
    score_video,
    scoring_options,
)

UInt8Array = npt.NDArray[np.uint8]

MOST_EVENTS = 20
_PLACES = 64
_RUN_IN_SECONDS = 30.0  # that a camera is shown before the frame whose attention is watched
_MOST_CLIPS = 600  # that attention is watched in, over a whole video


def explain_video(
    bundle: Bundle,
    source: str,
    *,
    normal: Path | None = None,
    options: ReadOptions | None = None,
    annotated: Path | None = None,
    progress: Progress | None = None,
) -> ExplainedVideo:
    """Scores a video and explains its events, the highest `MOST_EVENTS` where there are more.

    Args:
        bundle: What scores.
        source: File or folder of pictures; it is read more than once.
        normal: Folder of normal videos, to show the frame that is most alike.
        options: Rate of a folder of pictures.
        annotated: Where the annotated video goes, with attention over time below it; none without.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        InputError: The video cannot be read, or is a stream.
    """
    found = find_source(source)
    if found.kind not in ("file", "pictures"):
        raise InputError(
            "is read once and gone", where=found.name, hint="Record the event, and explain the file"
        )
    videos = normal_videos(normal) if normal else []
    options = options or ReadOptions()
    model = bundle.scoring_model()
    method = bundle.method().eval()
    attention = _attention_over_time(bundle, method, source, options, progress)
    scored = score_video(
        bundle,
        model,
        source,
        options=options,
        annotated=annotated,
        name=video_stem(source),
        below=StripsBelow(attention),
        progress=progress,
    )
    chosen = sorted(scored.events, key=lambda event: event.peak_score, reverse=True)[:MOST_EVENTS]
    chosen.sort(key=lambda event: event.start_index)
    explainer = _Explainer(bundle, model, method, source, scored, options)
    explainer.take_normal(videos if chosen else [])
    explained = []
    for number, event in enumerate(chosen):
        if progress:
            progress("explaining events", number, len(chosen))
        explained.append(explainer.explain(event))
    if progress:
        progress("explaining events", len(chosen), len(chosen))
    return ExplainedVideo(
        name=scored.name,
        seconds=float(scored.pts_seconds_T[-1] - scored.pts_seconds_T[0]),
        method=bundle.header.method,
        events=explained,
        left_out=len(scored.events) - len(chosen),
        map_range=bundle.header.map_scale,
        attention=attention,
    )


def _attention_over_time(
    bundle: Bundle, method: Method, source: str, options: ReadOptions, progress: Progress | None
) -> list[AttentionOverTime]:
    if not _attends(method):
        return []
    rate = bundle.header.frames_per_second
    reading = scoring_options(options, method.clip, frames_per_second=rate, preview=False)
    with open_video(source, reading) as reader:
        frames = expected_frames(reader.info, reading)
        return attention_over_time(
            method,
            counted(reader, "watching attention", frames, progress),
            hop_frames=max(1, -(-frames // _MOST_CLIPS)),
        )


def _attends(method: Method) -> bool:
    """Whether it attends across the frames of a clip that is scored by itself."""
    return bool(attentions_of(method)) and method.camera() is None


def write_explanation(explained: ExplainedVideo, run: RunFolder) -> dict[str, Path]:
    """Writes `explanation.html` and `explanation.json` into a folder that is claimed; returns them by name."""
    page, data = run.path / "explanation.html", run.path / "explanation.json"
    write_explanation_page(page, explained)
    write_json(data, explained.record())
    return {"page": page, "explanation": data}


@dataclass
class _Explainer:
    """All that explaining the events of one video needs."""

    bundle: Bundle
    model: TorchModel
    method: Method
    source: str
    scored: ScoredVideo
    options: ReadOptions
    examples: Sequence[NormalFrame] = ()
    normal: Sequence[Path] = ()

    @property
    def rate(self) -> float:
        """Of folders of pictures."""
        return self.options.fps or self.bundle.header.frames_per_second

    def take_normal(self, videos: list[Path]) -> None:
        """Reads frames of normal video to hold events against."""
        self.normal = videos
        if videos:
            frames = normal_frames(videos, size_px=self.model.spec.size_px, picture_fps=self.rate)
            self.examples = list(frames)

    def explain(self, event: Event) -> ExplainedEvent:
        """Explains the frame of the event with the highest raw score."""
        at = self._highest(event)
        seconds = float(self.scored.pts_seconds_T[at])
        case = self._case(event, at)
        found = Reasoner.of(self.bundle, self.method).reason(case.map_HW, case.parts)
        box = found.place.box if found.place else WHOLE_PICTURE
        return ExplainedEvent(
            event=event,
            sentence=found.sentence,
            place=found.place,
            seconds=seconds,
            parts=found.parts,
            image_HWC=case.image_HWC,
            map_HW=case.map_HW,
            nearest=nearest_frame(case.image_HWC, box, self.examples),
            nearest_look=self._nearest_look(seconds, box),
            attention=self._attention(at),
        )

    def _highest(self, event: Event) -> int:
        """Place of the frame whose raw score is highest: smoothing shows it late."""
        inside_T = (self.scored.index_T >= event.start_index) & (self.scored.index_T <= event.end_index)
        return int(np.where(inside_T, self.scored.raw_T, -np.inf).argmax())

    def _case(self, event: Event, at: int) -> Case:
        video = LabelledVideo(name=self.scored.name, split="test", path=Path(self.source), fps=self.rate)
        seconds = float(self.scored.pts_seconds_T[at])
        pick = CasePick("alarm", self.scored.name, at, seconds, event.peak_score)
        hop = self.bundle.header.scoring.hop_frames
        return picture_case(self.model, video, self.scored, pick, hop_frames=hop)

    def _nearest_look(self, seconds: float, box: Box) -> NearestLook | None:
        """What a memory of looks names for the strangest place within the box."""
        if not isinstance(self.method, SceneMemory) or "appearance" not in self.method.memory.streams:
            return None
        around = widened(box)
        places = strangest_places(
            self.bundle, self.source, at_seconds=seconds, count=_PLACES, fps=self.options.fps
        )
        for each in places:
            if around.left <= each.x <= around.right and around.top <= each.y <= around.bottom:
                image_HWC = self._normal_frame(each.video, each.seconds)
                return NearestLook(each.video, each.seconds, each.normal_x, each.normal_y, image_HWC)
        return None

    def _normal_frame(self, video: str, seconds: float) -> UInt8Array | None:
        """The frame of a normal video that a memory names, where that video is among those that were given."""
        path = next((each for each in self.normal if each.stem == PurePosixPath(video).name), None)
        if path is None:
            return None
        size_px, rate = self.model.spec.size_px, self.rate if path.is_dir() else None
        options = ReadOptions(
            size_px=size_px, preview_height_px=PANEL_HEIGHT_PX, fps=rate, start_seconds=seconds
        )
        try:
            with open_video(path, options) as frames:
                return next((frame.preview_HWC for frame in frames), None)
        except InputError:
            return None

    def _attention(self, at: int) -> list[AttentionJourney]:
        """Of the clip, or of the frames before, that the frame's score is of; empty where nothing attends."""
        if not attentions_of(self.method):
            return []
        watched = self._watched_clip(at) if _attends(self.method) else self._watched_camera(at)
        return [
            journey(each)
            for each in watched
            if each.name.startswith(self.method.main_attention) and each.before_BTDP.shape[1] > 1
        ]

    def _watched_clip(self, at: int) -> list[Attended]:
        clip = self._clip(at)
        if clip is None:
            return []
        clip_BTCHW = self.method.clip.in_range(torch.from_numpy(clip.clip_TCHW[None]))
        return watch_attention(self.method, clip_BTCHW)

    def _watched_camera(self, at: int) -> list[Attended]:
        """What attention did last when a camera had come to the frame, having begun a while before."""
        settings, index = self.bundle.header.scoring, int(self.scored.index_T[at])
        model, camera = TorchModel(self.method), self.method.camera(self.scored.name)
        window = ClipWindow(model.spec, hop_frames=settings.hop_frames)
        start = max(0.0, float(self.scored.pts_seconds_T[at]) - _RUN_IN_SECONDS)
        options = scoring_options(self.options, model.spec, frames_per_second=self.rate, preview=False)
        with watching(self.method) as found:
            with open_video(self.source, replace(options, start_seconds=start)) as frames:
                for frame in frames:
                    if clip := window.push(frame):
                        clip_scores(model.infer([clip.clip_TCHW])[0], clip=clip, camera=camera)
                        if frame.index >= index:
                            break
            return list(found.values())

    def _clip(self, at: int) -> Clip | None:
        """The first clip that ends at the frame or after it, as long as it holds the frame."""
        spec, index = self.method.clip, int(self.scored.index_T[at])
        start = float(self.scored.pts_seconds_T[max(0, at - spec.span_frames - 1)])
        options = scoring_options(self.options, spec, frames_per_second=self.rate, preview=False)
        window = ClipWindow(spec, hop_frames=1)
        with open_video(self.source, replace(options, start_seconds=start)) as frames:
            for frame in frames:
                clip = window.push(frame)
                if clip and frame.index >= index:
                    return clip if any(stamp.index == index for stamp in clip.stamps) else None
        return None
