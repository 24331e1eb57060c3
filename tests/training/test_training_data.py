"""From a dataset to the normal video that a fit reads."""

import warnings

import numpy as np
import pytest

from normalcy.datasets import cache as cache_module
from normalcy.errors import DatasetIncomplete, SkippedVideoWarning
from normalcy.methods.contract import ClipSpec
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage, load_normal_footage
from normalcy.video.reader import ReadOptions, open_video
from tiny_scene import FPS, scene, write_scene

SPEC = ClipSpec(4, (24, 32), 1)


def load(root, cache, *, spec=SPEC, seed=0, **options):
    config = DataConfig(name="folder", root=root, cache=cache)
    return load_normal_footage(config, spec=spec, seed=seed, **options)


def write_videos(root, **lengths: int):
    for name, frames in lengths.items():
        write_scene(root / "train" / f"{name}.mp4", scene(frames, seed=frames)[0])
    return root


def names(footage):
    return [span.name for span in footage.fitted], [span.name for span in footage.held_out]


def test_whole_videos_are_held_out_and_nothing_is_in_both(tiny_root, tiny_cache):
    footage = load(tiny_root, tiny_cache)
    fitted, held_out = names(footage)
    assert sorted(fitted + held_out) == ["a", "b", "c"]
    assert len(held_out) == 1
    assert [len(span) for span in (*footage.fitted, *footage.held_out)] == [30, 30, 30]


def test_the_split_depends_on_the_seed_alone(tiny_root, tiny_cache):
    held = [names(load(tiny_root, tiny_cache, seed=seed))[1] for seed in (0, 1, 2, 3, 0, 1, 2, 3)]
    assert held[:4] == held[4:]
    assert len({tuple(name) for name in held}) > 1


def test_frames_are_those_of_the_reader_in_both_shapes(tiny_root, tiny_cache):
    (span, *_) = load(tiny_root, tiny_cache).fitted
    options = ReadOptions(size_px=SPEC.size_px, grey=True)
    with open_video(tiny_root / "train" / f"{span.name}.mp4", options) as video:
        expected = list(video)
    assert span.frames_TCHW.shape == (30, 1, 24, 32)
    for ours, theirs in zip(span.frames(), expected, strict=True):
        assert np.array_equal(ours.image_HWC, theirs.image_HWC)
        assert (ours.index, ours.pts_seconds, ours.source_id) == (theirs.index, theirs.pts_seconds, span.name)
    assert span.frames_per_second == pytest.approx(FPS)


def test_few_videos_are_cut_in_time(tmp_path, tiny_cache):
    footage = load(write_videos(tmp_path, only=140), tiny_cache)
    (fitted,), (held_out,) = footage.fitted, footage.held_out
    assert (fitted.indices_T[0], fitted.indices_T[-1]) == (0, 118)
    assert (held_out.indices_T[0], held_out.indices_T[-1]) == (119, 139)
    assert held_out.pts_seconds_T[0] == pytest.approx(11.9)
    assert [frame.index for frame in held_out.frames()] == list(range(119, 140))


def test_a_second_fit_decodes_nothing(tiny_root, tmp_path, monkeypatch):
    first = load(tiny_root, tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache_module, "open_video", refuse)
    second = load(tiny_root, tmp_path)
    assert np.array_equal(first.fitted[0].frames_TCHW, second.fitted[0].frames_TCHW)


def test_unreadable_and_too_short_videos_are_left_out_with_a_warning(tmp_path, tiny_cache):
    write_videos(tmp_path, a=30, b=31, c=32, short=3)
    (tmp_path / "train" / "notes.mp4").write_text("no video")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted, held_out = names(load(tmp_path, tiny_cache))
    assert sorted(fitted + held_out) == ["a", "b", "c"]
    assert {warning.category for warning in caught} == {SkippedVideoWarning}
    unreadable, short = sorted(str(warning.message) for warning in caught)
    assert unreadable.startswith(f"left out: {tmp_path / 'train' / 'notes.mp4'}: ")
    assert short == f"left out: {tmp_path / 'train' / 'short.mp4'} has 3 frames, a clip needs 4"


def test_no_usable_video_is_an_error_that_names_the_folder(tmp_path, tiny_cache):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "notes.mp4").write_text("no video")
    with (
        pytest.warns(SkippedVideoWarning),
        pytest.raises(DatasetIncomplete, match=f"{tmp_path}: none of 1 training videos can be used"),
    ):
        load(tmp_path, tiny_cache)


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ({"a": 4}, "for fitting: 0 frames in spans of 4 or more, at least 4"),
        ({"a": 20}, "for calibration: 0 frames in spans of 4 or more, at least 20"),
        ({"a": 100}, "for calibration: 15 frames in spans of 4 or more, at least 20"),
        ({"a": 90, "b": 10}, "for calibration: 14 frames in spans of 4 or more, at least 20"),
    ],
)
def test_too_little_video_is_said_before_anything_is_trained(tmp_path, tiny_cache, lengths, said):
    with pytest.raises(DatasetIncomplete) as caught:
        load(write_videos(tmp_path, **lengths), tiny_cache)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_progress_names_every_video(tiny_root, tiny_cache):
    told = []
    load(tiny_root, tiny_cache, progress=lambda *step: told.append(step))
    assert told == [("reading a", 0, 3), ("reading b", 1, 3), ("reading c", 2, 3), ("reading", 3, 3)]


def footage_at(*pts_seconds: float) -> Footage:
    count = len(pts_seconds)
    return Footage("x", np.zeros((count, 1, 2, 3), np.uint8), np.arange(count), np.array(pts_seconds))


def test_the_rate_is_the_mean_rate():
    assert footage_at(0, 0.1, 0.2, 0.3).frames_per_second == pytest.approx(10)
    assert footage_at(5, 5.1, 5.9).frames_per_second == pytest.approx(2 / 0.9)
    assert footage_at(3).frames_per_second == 25


def test_a_video_that_is_short_for_its_rate_is_left_out(tmp_path, tiny_cache):
    """At ten frames a second, every third frame follows 0.25 s after the last."""
    spec = ClipSpec(4, (24, 32), 1, spacing_seconds=0.25)
    write_videos(tmp_path, a=60, b=61, c=62, short=9)
    with pytest.warns(SkippedVideoWarning, match=r"short.mp4 has 3 frames 0\.25 s apart, a clip needs 4"):
        fitted, held_out = names(load(tmp_path, tiny_cache, spec=spec))
    assert sorted({*fitted, *held_out}) == ["a", "b", "c"]


def test_frames_that_are_taken_are_as_the_window_takes_them():
    spec = ClipSpec(4, (24, 32), 1, spacing_seconds=0.09)
    assert spec.taken(np.arange(25) / 25) == 9
    assert spec.taken(np.arange(10) / 10) == 10
    assert spec.taken([0.0, 0.05, 0.1, 0.02, 0.05, 0.12]) == 4  # The clock jumps back to 0.02.
    assert ClipSpec(4, (24, 32), 1).taken([0.0, 0.0, 0.01]) == 3
    assert spec.taken([]) == 0
