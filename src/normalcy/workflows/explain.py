"""Why a detector alarmed on a video: an explanation of each event, as a page and as data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.listing import find_videos
from normalcy.errors import InputError, NormalcyError
from normalcy.explain.attention.journey import AttentionJourney, journey
from normalcy.explain.attention.watch import attentions_of, watch_attention
from normalcy.explain.explained import ExplainedEvent, ExplainedVideo
from normalcy.explain.nearest import nearest_frame
from normalcy.explain.reasons import Box, place_of, read_parts, sentence
from normalcy.methods import method_definition
from normalcy.methods.base import Method
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.progress import Progress
from normalcy.report.case_pictures import picture_case
from normalcy.report.cases import CasePick
from normalcy.report.explanation import write_explanation_page
from normalcy.run_folder import RunFolder, write_json
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.record import ScoredVideo
from normalcy.scoring.types import Event, UInt8Array
from normalcy.scoring.window import ClipWindow
from normalcy.video.reader import ReadOptions, open_video
from normalcy.workflows.memory import strangest_places
from normalcy.workflows.score import score_video, scoring_options, video_stem

MOST_EVENTS = 20
_NORMAL_EVERY_SECONDS = 1.0
_MOST_NORMAL = 400
_HEIGHT_PX = 240


def explain_video(
    bundle: Bundle,
    source: str,
    *,
    normal: Path | None = None,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
) -> ExplainedVideo:
    """Scores a video and explains its events.

    Args:
        bundle: What scores.
        source: File or folder of pictures; it is read more than once.
        normal: Folder of normal videos, to show the frame that is most alike.
        options: Rate of a folder of pictures.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        InputError: The video cannot be read, or is a stream.
    """
    if not Path(source).exists():
        raise InputError("is no file or folder that could be read twice", where=source)
    options = options or ReadOptions()
    model = bundle.scoring_model()
    scored = score_video(bundle, model, source, options=options, name=video_stem(source), progress=progress)
    chosen = sorted(scored.events, key=lambda event: event.peak_score, reverse=True)[:MOST_EVENTS]
    chosen.sort(key=lambda event: event.start_index)
    rate = options.fps or bundle.header.frames_per_second
    examples = list(_normal_frames(normal, model, rate)) if normal and chosen else []
    explained = []
    for number, event in enumerate(chosen):
        if progress:
            progress("explaining events", number, len(chosen))
        explained.append(_explain(bundle, model, source, scored, event, examples, options))
    if progress:
        progress("explaining events", len(chosen), len(chosen))
    left_out = len(scored.events) - len(chosen)
    seconds = float(scored.pts_seconds_T[-1] - scored.pts_seconds_T[0])
    return ExplainedVideo(
        scored.name, seconds, bundle.header.method, explained, left_out, bundle.header.map_scale
    )


def write_explanation(explained: ExplainedVideo, run: RunFolder) -> dict[str, Path]:
    """Writes `explanation.html` and `explanation.json`; returns them by name."""
    page, data = run.path / "explanation.html", run.path / "explanation.json"
    with run.claimed():
        write_explanation_page(page, explained)
        write_json(
            data,
            {
                "video": explained.name,
                "method": explained.method,
                "events": [each.record() for each in explained.events],
                "left_out": explained.left_out,
            },
        )
    return {"page": page, "explanation": data}


def _explain(
    bundle: Bundle,
    model: TorchModel,
    source: str,
    scored: ScoredVideo,
    event: Event,
    examples: Sequence[tuple[str, float, UInt8Array]],
    options: ReadOptions,
) -> ExplainedEvent:
    header = bundle.header
    place = int(np.flatnonzero(scored.index_T == event.peak_index)[0])
    video = LabelledVideo(
        name=scored.name, split="test", path=Path(source), fps=options.fps or header.frames_per_second
    )
    pick = CasePick("alarm", scored.name, place, event.peak_seconds, event.peak_score)
    case = picture_case(model, video, scored, pick, hop_frames=header.scoring.hop_frames)
    found = place_of(case.map_HW)
    box = found.box if found else None
    parts = read_parts(case.parts, header.usual_parts)
    definition = method_definition(header.method)
    if definition.training == "classify":
        words = _class_words(case.parts, header.model.get("normal_class", ""))
    else:
        leading = parts[0] if parts and parts[0].excess is not None else None
        words = sentence(box, leading, words=definition.part_words)
    return ExplainedEvent(
        event,
        words,
        box,
        parts,
        case.image_HWC,
        case.map_HW,
        nearest_frame(case.image_HWC, box or Box(0, 0, 1, 1), examples),
        _named_by_memory(bundle, source, event, options),
        _attention(bundle.method(), source, event, options, header.frames_per_second),
    )


def _class_words(parts: Mapping[str, float], normal_class: str) -> str:
    abnormal = {name: value for name, value in parts.items() if name != normal_class}
    name = max(abnormal, key=abnormal.__getitem__)
    return f"This looks like {name}, with a probability of {100 * abnormal[name]:.0f} %."


def _named_by_memory(
    bundle: Bundle, source: str, event: Event, options: ReadOptions
) -> tuple[str, float] | None:
    """The nearest normal look, of a method that remembers looks."""
    method = bundle.method()
    if not isinstance(method, SceneMemory) or "appearance" not in method.streams:
        return None
    try:
        places = strangest_places(bundle, source, at_seconds=event.peak_seconds, count=1, fps=options.fps)
    except NormalcyError:
        return None
    return (places[0].video, places[0].seconds) if places else None


def _attention(
    method: Method, source: str, event: Event, options: ReadOptions, rate: float
) -> list[AttentionJourney]:
    if not attentions_of(method) or method.camera() is not None:
        return []
    spec = method.clip
    reading = scoring_options(options, spec, frames_per_second=rate, preview=False)
    window, clip = ClipWindow(spec, hop_frames=1), None
    lead = (spec.span_frames + 1) / rate
    reading = replace(reading, start_seconds=max(0.0, event.peak_seconds - lead))
    with open_video(source, reading) as frames:
        for frame in frames:
            clip = window.push(frame) or clip
            if clip is not None and frame.index >= event.peak_index:
                break
    if clip is None:
        return []
    clip_BTCHW = spec.in_range(torch.from_numpy(clip.clip_TCHW[None]))
    watched = watch_attention(method.eval(), clip_BTCHW)
    return [journey(attended) for attended in watched if attended.name.startswith(method.main_attention)]


def _normal_frames(folder: Path, model: TorchModel, rate: float) -> Iterator[tuple[str, float, UInt8Array]]:
    """Frames of normal videos, about one a second, no more than a few hundred, as many of each video."""
    videos = find_videos(folder)
    if not videos:
        raise InputError("holds no videos", where=folder)
    most = max(1, _MOST_NORMAL // len(videos))
    for path in videos:
        options = ReadOptions(
            size_px=model.spec.size_px, preview_height_px=_HEIGHT_PX, fps=rate if path.is_dir() else None
        )
        with open_video(path, options) as reader:
            step = max(1, round(_NORMAL_EVERY_SECONDS * reader.info.fps))
            for frame in islice(reader, 0, most * step, step):
                image = frame.image_HWC if frame.preview_HWC is None else frame.preview_HWC
                yield path.stem, frame.pts_seconds, image
