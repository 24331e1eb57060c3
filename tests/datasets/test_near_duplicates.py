import numpy as np
import pytest
from dataset_files import write_pictures_of

from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.near_duplicates import picture_hash, same_scene, video_hash


def scene(seed, *, height=48, width=64):
    """A smooth picture of its own."""
    import cv2

    rough = np.random.default_rng(seed).integers(0, 256, (6, 8), np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def with_walker(image_HW, x):
    image_HW = image_HW.copy()
    image_HW[20:32, x : x + 5] = 255
    return image_HW


@pytest.fixture
def videos(tmp_path):
    made = {
        "monday": [with_walker(scene(1), 4 * t) for t in range(8)],
        "yard": [scene(2)] * 8,
        "tuesday": [with_walker(scene(1), 50 - 4 * t) for t in range(5)],
    }
    return [
        LabelledVideo(name, "train", write_pictures_of(tmp_path / name, frames), fps=10.0)
        for name, frames in made.items()
    ]


def test_a_hash_is_of_what_is_seen_not_of_its_size_or_light():
    image_HW = scene(3)
    large = np.kron(image_HW, np.ones((2, 2), np.uint8))
    assert (picture_hash(image_HW) != picture_hash(large)).sum() <= 2
    assert (picture_hash(image_HW) != picture_hash((image_HW * 0.7).astype(np.uint8))).sum() <= 4
    assert (picture_hash(image_HW) != picture_hash(scene(4))).sum() > 16


def test_clips_of_one_scene_are_found_whatever_walks_there(videos):
    assert same_scene(videos) == ["monday", "yard", "monday"]


def test_what_shows_the_same_as_a_third_shows_the_same(tmp_path):
    first, last = scene(5).astype(np.float32), scene(6).astype(np.float32)
    steps = [(first + (last - first) * share).astype(np.uint8) for share in np.linspace(0, 1, 12)]
    chain = [
        LabelledVideo(f"{n}", "train", write_pictures_of(tmp_path / f"{n}", [step] * 2), fps=10.0)
        for n, step in enumerate(steps)
    ]
    assert (picture_hash(steps[0]) != picture_hash(steps[-1])).sum() > 16
    assert set(same_scene(chain)) == {"0"}


def test_a_video_that_cannot_be_read_is_alone(videos, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    assert same_scene([*videos, LabelledVideo("broken", "train", broken)])[-1] == "broken"


def test_hashes_are_kept_by_content(videos, tmp_path, monkeypatch):
    cache = tmp_path / "hashes"
    once = same_scene(videos, cache=cache)
    assert len(list(cache.glob("*.json"))) == 3
    monkeypatch.setattr(
        "normalcy.datasets.near_duplicates.video_hash", lambda video: pytest.fail("read again")
    )
    assert same_scene(videos, cache=cache) == once


@pytest.mark.parametrize("damage", ["", "{}", '{"hashes": ["zz"]}', '{"hashes": []}'])
def test_a_damaged_hash_is_made_again(videos, tmp_path, damage):
    cache = tmp_path / "hashes"
    once = same_scene(videos, cache=cache)
    for path in cache.glob("*.json"):
        path.write_text(damage)
    assert same_scene(videos, cache=cache) == once


def test_a_few_frames_of_a_video_are_hashed_some_of_a_short_one_twice(videos):
    assert video_hash(videos[0]).shape == (6, 64)
    assert video_hash(videos[2]).shape == (6, 64)
