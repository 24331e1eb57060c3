import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from normalcy.errors import FrameRateWarning, OutputError, VideoTimeout, VideoTooShort
from normalcy.methods.contract import ClipSpec
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle, BundleHeader, FitRecord
from normalcy.scoring.calibration import fit_calibration
from normalcy.video.contract import VideoInfo
from normalcy.video.frame import Frame
from normalcy.video.names import video_stem
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import VideoWriter, write_picture
from normalcy.workflows import score
from normalcy.workflows.score import (
    expected_frames,
    score_video,
    score_videos,
    scoring_options,
)

SIZE_PX = (32, 48)
ALL = ReadOptions()
RUN = range(10, 20)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    calm = fit_calibration([np.linspace(0.5, 1.5, 50)], frames_per_second=10.0, cluster_gap_seconds=1.0)
    fit = FitRecord(
        data="folder",
        preset="full",
        seed=0,
        fitted_at="2026-01-01T00:00:00+00:00",
        fit_seconds=1.0,
        fitted_frames=50,
        held_out_frames=50,
        held_out_videos=("calm",),
    )
    header = BundleHeader(
        method="flow-magnitude",
        model={"size_px": SIZE_PX},
        frames_per_second=10.0,
        map_scale=(0.0, 2.0),
        fit=fit,
    )
    return Bundle(header, calm, {})


def images(frames: int) -> list[np.ndarray]:
    """A texture that slides by a pixel a frame, and by four while somebody runs."""
    texture = np.random.default_rng(0).integers(0, 255, (*SIZE_PX, 3), np.uint8)
    steps = np.cumsum([4 if frame in RUN else 1 for frame in range(frames)])
    return [np.roll(texture, shift, axis=1) for shift in steps]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("videos") / "gate.mp4"
    with VideoWriter(path, fps=10, crf=10) as writer:
        for image_HWC in images(30):
            writer.write(image_HWC)
    return path


def test_every_frame_has_a_score_and_the_runner_an_event(bundle, video):
    scored = score_video(bundle, bundle.scoring_model(), video, options=ALL)
    assert scored.name == str(video)
    assert scored.index_T.tolist() == list(range(30))
    assert scored.raw_T[RUN.start : RUN.stop].min() > scored.raw_T[1 : RUN.start].max()
    assert not scored.own_T[0]
    (event,) = scored.events
    assert RUN.start <= event.peak_index < RUN.stop
    assert scored.label_T is None


def test_names_and_labels_are_kept(bundle, video):
    label_T = np.isin(np.arange(30), list(RUN))
    scored = score_video(bundle, bundle.scoring_model(), video, options=ALL, name="gate", label_T=label_T)
    assert scored.name == scored.events[0].source_id == "gate"
    assert np.array_equal(scored.label_T, label_T)


def test_the_annotated_video_has_every_frame(bundle, video, tmp_path):
    annotated = tmp_path / "annotated.mp4"
    score_video(bundle, bundle.scoring_model(), video, options=ALL, annotated=annotated)
    with open_video(annotated) as frames:
        assert len(list(frames)) == 30


def test_progress_tells_how_many_frames_of_how_many(bundle, video):
    reports = []
    model = bundle.scoring_model()
    score_video(
        bundle, model, video, options=ReadOptions(end_seconds=1.5), progress=lambda *r: reports.append(r)
    )
    assert [done for _, done, _ in reports] == [*range(1, 15), 14, 15]
    assert {(what, total) for what, _, total in reports} == {(f"scoring {video}", 15)}


@pytest.mark.parametrize(
    ("count", "seconds", "options", "expected"),
    [
        (300, 12.0, {}, 300),
        (None, 12.0, {}, 300),
        (300, 12.0, {"start_seconds": 2}, 250),
        (300, 12.0, {"end_seconds": 4}, 100),
        (300, 12.0, {"start_seconds": 2, "end_seconds": 400}, 250),
        (300, 12.0, {"start_seconds": 50}, 0),
        (None, None, {}, 0),
        (None, None, {"end_seconds": 4}, 100),
    ],
)
def test_the_frames_to_come(count, seconds, options, expected):
    info = VideoInfo(48, 32, 25.0, count, seconds, "pyav", "h264")
    assert expected_frames(info, ReadOptions(**options)) == expected


def test_too_short_a_video_is_named(bundle, tmp_path):
    write_picture(tmp_path / "one" / "0.png", images(1)[0])
    with pytest.raises(VideoTooShort, match=r"one: has 1 frames, the method needs at least 2"):
        score_video(bundle, bundle.scoring_model(), tmp_path / "one", options=ALL)


def test_tables_hold_all_videos_but_those_that_failed(bundle, video, tmp_path):
    run = RunFolder(tmp_path / "run")
    sources = [str(video), str(tmp_path / "gone.mp4"), str(video)]
    scored = score_videos(bundle, sources, run=run, options=ALL, annotate=False)
    assert [failure.partition(":")[0] for failure in scored.failures] == [str(tmp_path / "gone.mp4")]
    assert pq.read_table(run.scores).num_rows == 60
    assert len(json.loads(run.events.read_text())) == 2
    assert scored.files == {"scores": run.scores, "events": run.events}
    assert list(scored.summary()["videos"]) == [str(video)]


def test_nothing_scored_is_nothing_written(bundle, tmp_path):
    run = RunFolder(tmp_path / "run")
    scored = score_videos(bundle, [str(tmp_path / "gone.mp4")], run=run, options=ALL)
    assert scored.files == {}
    assert sorted(path.name for path in run.path.iterdir()) == [".lock"]


def test_a_folder_for_results_that_is_a_file(bundle, video, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        score_videos(bundle, [str(video)], run=RunFolder(tmp_path / "file"), options=ALL)


def test_frames_are_read_as_the_method_wants_them():
    spec = ClipSpec(2, (240, 360), channels=1)
    asked = ReadOptions(start_seconds=1, size_px=(9, 9))
    options = scoring_options(asked, spec, frames_per_second=10, preview=True)
    assert (options.size_px, options.grey, options.start_seconds, options.fps) == ((240, 360), True, 1, 10)
    assert options.preview_height_px
    plain = scoring_options(ReadOptions(fps=5), spec, frames_per_second=10, preview=False)
    assert (plain.fps, plain.preview_height_px) == (5, None)


def live(frames_then, *, is_live=True):
    """A source that gives frames and then raises."""

    class Camera:
        source_id = "camera"
        info = VideoInfo(48, 32, 10.0, None, None, "pyav", "h264", is_live=is_live)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __iter__(self):
            for index, image_HWC in enumerate(images(18)):
                yield Frame(image_HWC[..., :1].copy(), index, index / 10, "camera", image_HWC)
            raise frames_then

    return lambda *_args, **_options: Camera()


def test_a_stream_that_falls_silent_leaves_what_it_showed(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(score, "open_video", live(VideoTimeout("sent nothing for 10 s", where="camera")))
    run = RunFolder(tmp_path)
    result = score_videos(bundle, ["rtsp://camera"], run=run, options=ALL)
    assert result.failures == ["camera: sent nothing for 10 s"]
    (scored,) = result.videos
    assert scored.index_T.tolist() == list(range(18))
    (event,) = scored.events
    assert event.end_index == 17
    assert pq.read_table(run.scores).num_rows == 18
    with open_video(result.files["video camera"]) as annotated:
        assert len(list(annotated)) == 18


def test_ctrl_c_on_a_stream_keeps_its_scores(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(score, "open_video", live(KeyboardInterrupt()))
    run = RunFolder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        score_videos(bundle, ["rtsp://camera"], run=run, options=ALL, annotate=False)
    assert pq.read_table(run.scores).num_rows == 18
    assert len(json.loads(run.events.read_text())) == 1


def test_ctrl_c_on_a_file_leaves_no_half_table(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(score, "open_video", live(KeyboardInterrupt(), is_live=False))
    with pytest.raises(KeyboardInterrupt):
        score_videos(bundle, ["a.mp4"], run=RunFolder(tmp_path), options=ALL, annotate=False)
    assert not RunFolder(tmp_path).scores.exists()


def test_another_frame_rate_than_the_fitted_one_is_said(bundle, tmp_path):
    path = tmp_path / "fast.mp4"
    with VideoWriter(path, fps=25) as writer:
        for image_HWC in images(5):
            writer.write(image_HWC)
    with pytest.warns(FrameRateWarning, match="25 frames per second, the detector was fitted at 10"):
        score_video(bundle, bundle.scoring_model(), path, options=ALL)


def test_a_method_that_spaces_its_frames_minds_no_other_rate(tiny_memory_run, tmp_path):
    bundle = Bundle.load(tiny_memory_run.path)
    path = tmp_path / "fast.mp4"
    with VideoWriter(path, fps=25) as writer:
        for image_HWC in images(40):
            writer.write(image_HWC)
    assert len(score_video(bundle, bundle.scoring_model(), path, options=ALL).index_T) == 40


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("videos/gate.mp4", "gate"),
        ("videos/gate.2026.mp4", "gate.2026"),
        ("frames/01", "01"),
        ("frames/01/", "01"),
        ("..", "video"),
        ("0", "0"),
        ("größe 1.mp4", "größe_1"),
        ("x" * 300 + ".mp4", "x" * 100),
        ("rtsp://admin:geheim@cam:554/live?channel=2", "cam_554_live_channel_2"),
        ("rtsp://admin:ge/heim@cam", "cam"),
        ("rtsp:/admin:geheim@cam/live", "cam_live"),
        ("https://host/day.mp4?token=geheim", "host_day.mp4_token"),
        ("rtsp://cam/user=admin_password=geheim_channel=1.sdp", "cam_user__password__channel_1"),
    ],
)
def test_names_for_annotated_videos_hold_no_secret(source, stem):
    assert video_stem(source) == stem
