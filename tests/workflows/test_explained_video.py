"""Explanations of every method's alarms, on a scene of five seconds."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from normalcy.config import to_yaml
from normalcy.errors import DatasetIncomplete, SkippedVideoWarning
from normalcy.methods import METHODS
from normalcy.report.explanation import explanation_page
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle, BundleHeader, FitRecord
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.usual import usual_parts
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import write_picture
from normalcy.workflows import explain as workflow
from normalcy.workflows.explain import explain_video, write_explanation
from small_methods import small
from tiny_scene import FPS, scene, write_scene

HOPS = {"scene-memory": 4, "cnn-lstm": 3}


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    images_THWC, _ = scene(50, seed=3, runs=range(18, 30))
    return write_scene(tmp_path_factory.mktemp("explained") / "footage" / "scene.mp4", images_THWC)


def bundle_of(name, footage, **changes):
    """An untrained method whose threshold lies among the scores, so that there is something to explain."""
    method = small(name)
    model = TorchModel(method)
    settings = ScoringSettings(hop_frames=HOPS.get(name, 1), min_event_seconds=0.0, merge_gap_seconds=0.0)
    options = ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1)
    with open_video(footage, options) as video:
        frames = list(video)
    method.observe([np.stack([frame.image_HWC.transpose(2, 0, 1) for frame in frames])])
    scorer = SourceScorer(TorchModel(method), settings=settings, calibration=None, source_id="x")
    verdicts = list(scorer.run(frames))
    smoothed = np.array([verdict.smoothed for verdict in verdicts])
    own = [verdict for verdict in verdicts if verdict.own]
    parts = {part: [verdict.parts[part] for verdict in own] for part in own[0].parts}
    header = {
        "method": name,
        "model": method.config.model_dump(mode="json"),
        "scoring": settings.model_copy(update={"threshold": float(np.quantile(smoothed, 0.7))}),
        "frames_per_second": FPS,
        "map_scale": (0.0, 1.0),
        "usual_parts": usual_parts(parts),
        "fit": FitRecord(
            data="folder",
            preset="none",
            seed=0,
            fitted_at=datetime.now(UTC).isoformat(),
            fit_seconds=0.0,
            fitted_frames=1,
            held_out_frames=1,
            held_out_videos=("x",),
        ),
    }
    calibration = fit_calibration([smoothed], frames_per_second=FPS, cluster_gap_seconds=1.0)
    return Bundle(BundleHeader(**header | changes), calibration, method.arrays())


@pytest.mark.filterwarnings("ignore::normalcy.errors.NormalcyWarning")
@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_its_alarms(name, footage, tmp_path):
    bundle = bundle_of(name, footage)
    explained = explain_video(bundle, str(footage), normal=footage.parent)
    assert explained.events
    (tmp_path / "why").mkdir()
    files = write_explanation(explained, RunFolder(tmp_path / "why"))
    page = files["page"].read_text()
    for each in explained.events:
        assert each.sentence[0].isupper()
        assert each.sentence.endswith(".")
        assert each.sentence in page
        assert each.event.start_seconds - 1e-6 <= each.seconds <= each.event.end_seconds + 1e-6
        assert each.nearest.video == "scene"
        assert {part.name for part in each.parts}
    assert not re.search(r">\s*[-+]?nan", page)
    attends = name in ("ocr-gan-video", "cnn-lstm")
    assert all(bool(each.attention) == attends for each in explained.events)
    assert ("What attention did" in page) == attends


def test_what_leads_is_a_term_of_the_score(footage):
    explained = explain_video(bundle_of("ocr-gan-video", footage), str(footage))
    for each in explained.events:
        assert each.parts[0].name in ("reconstruction", "feature", "displacement")
        assert {part.name for part in each.parts if not part.counts} == {
            "reconstruction_high",
            "reconstruction_low",
            "attention",
        }
    assert "measured beside it" in explanation_page(explained)


def test_a_bundle_from_before_limits_were_kept(footage):
    old = bundle_of("stae", footage, usual_parts={})
    assert "usual_parts: {}" in to_yaml(old.header)
    explained = explain_video(old, str(footage))
    assert all(part.excess is None for each in explained.events for part in each.parts)
    page = explanation_page(explained)
    assert "keeps no usual limits" in page
    assert "stay below the usual limit" not in page


def test_the_clip_that_attention_is_shown_of_holds_the_frame(footage, monkeypatch):
    seen = []
    real = workflow.watch_attention
    monkeypatch.setattr(
        workflow, "watch_attention", lambda method, clip: (seen.append(clip), real(method, clip))[1]
    )
    explained = explain_video(bundle_of("ocr-gan-video", footage), str(footage))
    with open_video(footage, ReadOptions(size_px=(16, 24), grey=True)) as reader:
        frames = {frame.pts_seconds: frame.image_HWC[..., 0] for frame in reader}
    for each, clip in zip(explained.events, seen, strict=True):
        newest = np.round((clip[0, -1, 0].numpy() + 1) * 127.5)
        assert np.abs(newest - frames[each.seconds]).max() <= 1


def test_attention_runs_below_the_annotated_video(footage, tmp_path):
    explained = explain_video(
        bundle_of("ocr-gan-video", footage), str(footage), annotated=tmp_path / "with.mp4"
    )
    assert [each.received_AF.shape[1] for each in explained.attention] == [50, 50]
    assert (
        explanation_page(explained).count(
            'class="scroll" tabindex="0" role="region" aria-label="Attention over'
        )
        == 2
    )
    plain = explain_video(bundle_of("stae", footage), str(footage), annotated=tmp_path / "without.mp4")
    assert not plain.attention
    assert "Attention over the video" not in explanation_page(plain)
    sizes = []
    for name in ("with.mp4", "without.mp4"):
        with open_video(tmp_path / name) as reader:
            frames = list(reader)
        assert len(frames) == 50
        sizes.append(frames[0].image_HWC.shape)
    assert sizes[0][1] == sizes[1][1]
    assert sizes[0][0] > sizes[1][0] + 100


def test_attention_of_a_camera_is_of_the_frames_up_to_the_highest(footage):
    explained = explain_video(bundle_of("cnn-lstm", footage), str(footage))
    for each in explained.events:
        (attention,) = each.attention
        assert attention.name == "classifier.attention"
        frames = attention.mean_TT.shape[0]  # of a sequence of six, fewer at the beginning
        assert 2 <= frames <= 6
        assert attention.mean_TT.sum(axis=1) == pytest.approx(np.ones(frames), abs=1e-5)
        assert attention.consistency_RC.size == 1
    assert not explained.attention  # over the whole video it is not watched


def test_a_folder_of_pictures(footage, tmp_path):
    images_THWC, _ = scene(30, seed=3, runs=range(10, 20))
    for number, image_HWC in enumerate(images_THWC):
        write_picture(tmp_path / "cam" / f"{number:03d}.png", image_HWC)
    explained = explain_video(
        bundle_of("flow-magnitude", footage), str(tmp_path / "cam"), options=ReadOptions(fps=FPS)
    )
    assert explained.name == "cam"
    assert explained.events


def test_only_the_highest_of_many_events_are_explained(footage, monkeypatch):
    bundle = bundle_of("stae", footage)
    every = explain_video(bundle, str(footage))
    assert len(every.events) > 1
    monkeypatch.setattr(workflow, "MOST_EVENTS", len(every.events) - 1)
    fewer = explain_video(bundle, str(footage))
    assert fewer.left_out == 1
    lowest = min(every.events, key=lambda each: each.event.peak_score)
    assert lowest.event not in [each.event for each in fewer.events]


def test_normal_videos_that_cannot_be_read_are_left_out(footage, tmp_path):
    (tmp_path / "normal").mkdir()
    (tmp_path / "normal" / "broken.mp4").write_text("no video")
    bundle = bundle_of("flow-magnitude", footage)
    with pytest.warns(SkippedVideoWarning, match="broken"):
        explained = explain_video(bundle, str(footage), normal=tmp_path / "normal")
    assert all(each.nearest is None for each in explained.events)
    with pytest.raises(DatasetIncomplete, match="holds no videos"):
        explain_video(bundle, str(footage), normal=tmp_path / "nowhere")


def test_the_nearest_look_of_a_memory_is_shown_where_its_video_is_at_hand(tiny_memory_run, tiny_root):
    bundle = Bundle.load(tiny_memory_run.bundle)
    threshold = {"scoring": bundle.header.scoring.model_copy(update={"threshold": 0.5})}
    bundle = replace(bundle, header=bundle.header.model_copy(update=threshold))
    runner = str(tiny_root / "test" / "runner.mp4")
    shown = explain_video(bundle, runner, normal=tiny_root / "train")
    looks = [each.nearest_look for each in shown.events if each.nearest_look]
    assert looks
    for look in looks:
        assert look.video in ("a", "b", "c")
        assert 0 <= look.seconds < 3
        with open_video(
            tiny_root / "train" / f"{look.video}.mp4", ReadOptions(preview_height_px=240)
        ) as video:
            frames = {round(frame.pts_seconds, 2): frame.preview_HWC for frame in video}
        assert np.abs(look.image_HWC.astype(int) - frames[round(look.seconds, 2)]).mean() < 2
    assert "nearest look in the memory" in explanation_page(shown)
    bare = explain_video(bundle, runner)
    assert all(each.nearest_look is None or each.nearest_look.image_HWC is None for each in bare.events)
    assert "The normal look nearest to it in the memory" in explanation_page(bare)
