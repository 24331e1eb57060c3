"""Which normal video an export is tuned and compared on, and how it is dealt out."""

import dataclasses
import shutil

import numpy as np
import pytest

from normalcy.errors import ConfigError
from normalcy.export.held_out import excerpt, halves, held_out_footage
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.bundle import Bundle
from normalcy.training.config import DataConfig
from normalcy.training.data import Footage

SPEC = ClipSpec(4, (16, 24), 1)


@pytest.fixture
def bundle(tiny_run):
    return Bundle.load(tiny_run.path)


@pytest.fixture
def find(tiny_cache):
    """Held-out footage of a bundle in a folder."""

    def run(bundle, root, **changes):
        data = DataConfig(name="folder", root=root, cache=tiny_cache, **changes)
        return held_out_footage(bundle, data, spec=bundle.method().clip)

    return run


@pytest.fixture
def folder(tiny_root, tmp_path):
    """A copy of the fit's folder, to be changed."""
    return shutil.copytree(tiny_root, tmp_path / "video")


def remembering(bundle, **changes):
    fit = bundle.header.fit.model_copy(update=changes)
    return dataclasses.replace(bundle, header=bundle.header.model_copy(update={"fit": fit}))


def train_videos(folder):
    return sorted((folder / "train").iterdir())


def names(found):
    return {span.name for span in found.spans}


def test_what_was_held_out_is_found_again(bundle, tiny_root, find):
    found = find(bundle, tiny_root)
    assert found.is_own
    assert names(found) == set(bundle.header.fit.held_out_videos)
    assert sum(map(len, found.spans)) == bundle.header.fit.held_out_frames


@pytest.mark.parametrize("gained", [1, 2, 3, 4])
def test_whole_videos_are_known_by_name_in_a_folder_that_has_grown(bundle, folder, find, gained):
    video = train_videos(folder)[0]
    for number in range(gained):
        shutil.copy(video, video.with_stem(f"new{number}"))
    found = find(bundle, folder)
    assert found.is_own
    assert names(found) == set(bundle.header.fit.held_out_videos)


@pytest.mark.parametrize("changes", [{"held_out_videos": ("monday",)}, {"held_out_frames": 1}])
def test_video_that_was_fitted_on_never_passes_for_held_out(bundle, tiny_root, find, changes):
    with pytest.raises(ConfigError, match=r"of the fit, .*cannot be told.*--data folder and --root"):
        find(remembering(bundle, **changes), tiny_root)


def test_a_copy_of_the_folder_is_known_by_its_names(bundle, folder, find):
    (held_out,) = bundle.header.fit.held_out_videos
    next(each for each in train_videos(folder) if each.stem == held_out).unlink()
    with pytest.raises(ConfigError, match="cannot be told"):
        find(bundle, folder)


def test_a_folder_that_the_hint_asks_for_is_unseen_though_the_fit_was_on_a_folder(bundle, folder, find):
    for number, video in enumerate(train_videos(folder)):
        video.rename(video.with_stem(f"other{number}"))
    changed = remembering(bundle, held_out_frames=1)
    found = find(changed, folder)
    assert not found.is_own
    assert names(found) == {"other0", "other1", "other2"}


def test_all_of_another_benchmark_is_unseen(bundle, tiny_root, tiny_cache, monkeypatch):
    other = dataclasses.replace(
        remembering(bundle, data="ucsd-ped2", held_out_videos=("Train001",)), path=None
    )
    data = DataConfig(name="folder", root=tiny_root, cache=tiny_cache)
    found = held_out_footage(other, data, spec=bundle.method().clip)
    assert not found.is_own
    assert sum(map(len, found.spans)) > bundle.header.fit.held_out_frames


def spans_of(*lengths: int) -> tuple[Footage, ...]:
    return tuple(
        Footage(
            str(place), np.zeros((length, 1, 16, 24), np.uint8), np.arange(length), np.arange(length) / 10
        )
        for place, length in enumerate(lengths)
    )


def lengths(spans) -> list[int]:
    return [len(span) for span in spans]


def test_several_videos_are_dealt_out_whole():
    first, second = halves(spans_of(30, 60, 40, 50), spec=SPEC)
    assert sorted(lengths(first)) == [30, 60]
    assert sorted(lengths(second)) == [40, 50]
    assert not {span.name for span in first} & {span.name for span in second}


def test_few_videos_and_one_that_outweighs_the_others_are_cut_in_two():
    first, second = halves(spans_of(20, 20), spec=SPEC)
    assert lengths(first) == lengths(second) == [10, 10]
    assert second[0].indices_T[0] == 10
    first, second = halves(spans_of(10, 10, 1000), spec=SPEC)
    assert lengths(first) == lengths(second) == [5, 5, 500]


def test_halves_are_all_of_what_is_too_short_to_be_cut():
    assert [lengths(half) for half in halves(spans_of(5), spec=SPEC)] == [[5], [5]]


def test_an_excerpt_has_fewer_videos_rather_than_short_ones():
    assert lengths(excerpt(spans_of(*[300] * 20), spec=SPEC, frames=400)) == [133, 133, 134]
    assert lengths(excerpt(spans_of(60, 60, 60), spec=SPEC, frames=400)) == [60, 60, 60]
    assert lengths(excerpt(spans_of(*[60] * 15), spec=SPEC, frames=400)) == [60] * 6
    assert lengths(excerpt(spans_of(50, 3, 500, 500), spec=SPEC, frames=400)) == [50, 175, 175]
    assert [span.name for span in excerpt(spans_of(*[300] * 20), spec=SPEC, frames=256)] == ["0", "10"]


def test_an_excerpt_holds_a_clip():
    long = ClipSpec(8, (16, 24), 1, stride_frames=3)
    assert lengths(excerpt(spans_of(100, 100), spec=long, frames=10)) == [44]
