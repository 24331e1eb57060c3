import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from normalcy.datasets.base import LabelledVideo
from normalcy.errors import UnreadableVideo
from normalcy.layers.backbones import Backbone
from normalcy.methods.contract import ClipSpec
from normalcy.training.features.extract import feature_store, weights_digest
from normalcy.training.features.store import FeatureStore, Made, Seen
from normalcy.training.features.views import View, view_of
from tiny_scene import scene, write_scene

CLIP = ClipSpec(4, (32, 40), channels=3, stride_frames=2)
MADE = Made("toy", "w1", (16, 16), 2, "float32")


@pytest.fixture
def video(tmp_path):
    return LabelledVideo("clip", "train", write_scene(tmp_path / "clip.mp4", scene(9, seed=0)[0]))


class Sees:
    """Counts how often it is asked; features are the view's side and the frame's place."""

    def __init__(self):
        self.calls = 0

    def __call__(self, video, views):
        self.calls += 1
        features = np.array([[[view.side, t] for t in range(4)] for view in views], np.float16)
        return Seen(features, np.arange(4) * 2, np.arange(4) / 5)


def test_a_video_is_looked_at_once(tmp_path, video):
    sees = Sees()
    first = FeatureStore(tmp_path / "store", MADE, sees).open(video, views=3)
    again = FeatureStore(tmp_path / "store", MADE, sees).open(video, views=3)
    assert sees.calls == 1
    assert np.array_equal(first.features_VTD, again.features_VTD)
    assert again.index_T.tolist() == [0, 2, 4, 6]
    assert again.features_VTD.dtype == np.float16


def test_fewer_views_are_there_already_and_more_are_not(tmp_path, video):
    sees = Sees()
    store = FeatureStore(tmp_path / "store", MADE, sees)
    store.open(video, views=2)
    assert store.open(video).features_VTD.shape == (1, 4, 2)
    assert sees.calls == 1
    assert store.open(video, views=3).features_VTD.shape == (3, 4, 2)
    assert sees.calls == 2


@pytest.mark.parametrize(
    "other",
    [
        Made("toy", "w2", (16, 16), 2, "float32"),
        Made("other", "w1", (16, 16), 2, "float32"),
        Made("toy", "w1", (16, 24), 2, "float32"),
        Made("toy", "w1", (16, 16), 3, "float32"),
        Made("toy", "w1", (16, 16), 2, "bfloat16"),
    ],
)
def test_other_weights_or_sampling_are_another_store(tmp_path, video, other):
    sees = Sees()
    FeatureStore(tmp_path / "store", MADE, sees).open(video)
    FeatureStore(tmp_path / "store", other, sees).open(video)
    assert sees.calls == 2


def test_a_video_goes_by_its_content(tmp_path, video):
    sees = Sees()
    store = FeatureStore(tmp_path / "store", MADE, sees)
    store.open(video)
    moved = video.path.rename(tmp_path / "elsewhere.mp4")
    os.utime(moved, (1, 1))
    store.open(LabelledVideo("another name", "test", moved))
    assert sees.calls == 1
    write_scene(moved, scene(7, seed=0)[0])
    store.open(LabelledVideo("another name", "test", moved))
    assert sees.calls == 2


def test_the_manifest_says_what_is_there(tmp_path, video):
    store = FeatureStore(tmp_path / "store", MADE, Sees())
    store.open(video, views=2)
    manifest = json.loads((store.folder / "manifest.json").read_text())
    assert manifest["made_with"] == MADE.about()
    assert list(manifest["videos"].values()) == [{"name": "clip", "views": 2, "frames": 4, "width": 2}]


@pytest.mark.parametrize("damage", [b"", b"half of it"])
def test_what_is_damaged_is_made_again(tmp_path, video, damage):
    sees = Sees()
    store = FeatureStore(tmp_path / "store", MADE, sees)
    store.open(video)
    (path,) = store.folder.glob("*.safetensors")
    path.write_bytes(damage)
    (store.folder / "manifest.json").write_text("{")
    assert store.open(video).features_VTD.shape == (1, 4, 2)
    assert sees.calls == 2


def test_cut_off_half_way_nothing_counts(tmp_path, video):
    def cut_off(video, views):
        raise KeyboardInterrupt

    store = FeatureStore(tmp_path / "store", MADE, cut_off)
    with pytest.raises(KeyboardInterrupt):
        store.open(video)
    assert not list(store.folder.glob("*.safetensors"))
    assert FeatureStore(tmp_path / "store", MADE, Sees()).open(video).features_VTD.shape == (1, 4, 2)


def _look_slowly(root: str, path: str, log: str) -> None:
    import time

    def see(video, views):
        with Path(log).open("a") as file:
            file.write("looked\n")
        time.sleep(0.5)
        return Sees()(video, views)

    FeatureStore(Path(root), MADE, see).open(LabelledVideo("clip", "train", Path(path)))


def test_of_two_writers_one_looks_and_the_other_waits(tmp_path, video):
    context = multiprocessing.get_context("spawn")
    arguments = (str(tmp_path / "store"), str(video.path), str(tmp_path / "log"))
    writers = [context.Process(target=_look_slowly, args=arguments) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert (tmp_path / "log").read_text() == "looked\n"


class Mean(nn.Module):
    """Features are the mean colour."""

    def forward(self, image_B3HW):
        return image_B3HW.mean(dim=(-2, -1))


@pytest.fixture
def toy():
    return Backbone(Mean(), mean=(0.0,) * 3, sd=(1.0,) * 3)


def test_a_backbone_sees_every_other_frame_in_each_view(tmp_path, video, toy):
    store = feature_store(tmp_path / "store", toy, "toy", clip=CLIP)
    seen = store.open(video, views=3)
    assert seen.features_VTD.shape == (3, 5, 3)
    assert seen.index_T.tolist() == [0, 2, 4, 6, 8]
    assert not np.array_equal(seen.features_VTD[0], seen.features_VTD[1])


def test_an_unreadable_video_leaves_nothing(tmp_path, toy):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    store = feature_store(tmp_path / "store", toy, "toy", clip=CLIP)
    with pytest.raises(UnreadableVideo):
        store.open(LabelledVideo("broken", "train", broken))
    assert not list(store.folder.glob("*.safetensors"))


def test_weights_have_a_digest():
    torch.manual_seed(0)
    one, same, other = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2)
    same.load_state_dict(one.state_dict())
    digests = [weights_digest(Backbone(each, mean=(0.0,) * 3, sd=(1.0,) * 3)) for each in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
    assert weights_digest(Backbone(one, mean=(0.5,) * 3, sd=(1.0,) * 3)) != digests[0]


def test_views_are_functions_of_content_and_number():
    assert view_of("ab", 0) == View()
    assert view_of("ab", 1) == view_of("ab", 1)
    assert len({view_of("ab", 1), view_of("ab", 2), view_of("cd", 1)}) == 3
    assert [view_of("ab", n).flipped for n in range(4)] == [False, True, False, True]


def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.mark.parametrize(
    "view", [View(flipped=True), View(side=0.7, top=1.0), View(gain=0.5), View(blur_px=1.5), view_of("x", 3)]
)
def test_each_change_changes_a_picture(view):
    image = picture()
    shown = view.of(image)
    assert shown.shape == image.shape
    assert not np.array_equal(shown, image)
    assert np.array_equal(View().of(image), image)


def test_changes_are_what_they_say():
    image = picture()
    assert np.array_equal(View(flipped=True).of(image), image[:, ::-1])
    assert abs(View(gain=0.5).of(image).mean() / image.mean() - 0.5) < 0.01
    assert View(blur_px=2.0).of(image).std() < 0.5 * image.std()
