"""Letters: T frames, H height, W width."""

import json
import shutil

import cv2
import numpy as np
import pytest

from normalcy.datasets import open_dataset
from normalcy.datasets.base import KnowsKinds
from normalcy.datasets.walkway import contact_sheet
from normalcy.datasets.walkway import synthesize as synthesis
from normalcy.datasets.walkway.actors import ANOMALY_KINDS
from normalcy.datasets.walkway.dataset import Walkway
from normalcy.datasets.walkway.manifest import FILE_NAME
from normalcy.datasets.walkway.plan import plan_videos
from normalcy.datasets.walkway.render import render_video
from normalcy.datasets.walkway.script import make_script
from normalcy.datasets.walkway.synthesize import synthesize
from normalcy.errors import ConfigError, DatasetError, DatasetIncomplete, LabelError, OutputError
from normalcy.video.reader import open_video

SMALL = {"size_px": (48, 64), "train_videos": 2, "test_videos": 2, "seconds_per_video": 3.0}
FRAMES = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("walkway") / "scene"
    progress = []
    synthesize(root, **SMALL, on_video=lambda *args: progress.append(args))
    return root, progress


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "scene")


def test_progress_is_told(made):
    _, progress = made
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_two_processes_draw_the_same_scene_in_the_same_order(made, tmp_path):
    progress = []
    synthesize(tmp_path / "shared", **SMALL, processes=2, on_video=lambda *args: progress.append(args))
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    alone, shared = (open_dataset("walkway", root) for root in (made[0], tmp_path / "shared"))
    for split in ("train", "test"):
        for one, other in zip(alone.videos(split), shared.videos(split), strict=True):
            np.testing.assert_array_equal(
                alone.annotations(one).boxes_TK4, shared.annotations(other).boxes_TK4
            )


def test_an_error_of_another_process_is_told_as_it_is(tmp_path, monkeypatch):
    too_long = synthesis.PlannedVideo("x" * 300, "train", 1, "wall", ())
    monkeypatch.setattr(synthesis, "plan_videos", lambda **_: [too_long, too_long])
    with pytest.raises(OutputError) as raised:
        synthesize(tmp_path / "scene", **SMALL, processes=2)
    assert raised.value.where == str(tmp_path / "scene")
    assert list(tmp_path.iterdir()) == []


def test_it_is_a_dataset_like_the_others(made):
    dataset = open_dataset("walkway", made[0])
    train, test = dataset.videos("train"), dataset.videos("test")
    assert [video.name for video in train] == ["01_wall", "02_corridor"]
    assert [video.name for video in test] == ["01_corridor", "02_wall"]
    assert {video.split for video in train} == {"train"}
    assert dataset.frame_labels(train[0]) is None
    assert dataset.pixel_masks(train[0]) is None
    for video in test:
        label_T = dataset.frame_labels(video)
        masks = list(dataset.pixel_masks(video))
        assert label_T.shape == (FRAMES,)
        assert label_T.dtype == np.bool_
        assert label_T.any()
        assert not label_T.all()
        assert len(masks) == FRAMES
        assert {mask_HW.shape for mask_HW in masks} == {(48, 64)}
        assert all(label or not mask_HW.any() for label, mask_HW in zip(label_T, masks, strict=True))


def test_it_knows_the_kinds_of_its_frames(made):
    dataset = open_dataset("walkway", made[0])
    assert isinstance(dataset, KnowsKinds)
    assert dataset.frame_kinds(dataset.videos("train")[0]) == {}
    for video, entry in zip(dataset.videos("test"), dataset.manifest.of("test"), strict=True):
        kinds = dataset.frame_kinds(video)
        assert set(kinds) == {event.kind for event in entry.events}
        assert np.array_equal(np.any([*kinds.values()], axis=0), dataset.frame_labels(video))
        for event in entry.events:
            assert kinds[event.kind][event.first_frame : event.last_frame + 1].all()


def test_training_videos_know_their_tracks_and_have_nothing_abnormal(made):
    dataset = Walkway(made[0])
    annotations = dataset.annotations(dataset.videos("train")[0])
    assert set(annotations.kinds_K) == {"walker"}
    assert not annotations.labels().any()


def test_videos_decode_to_the_frames_that_were_drawn(made):
    dataset = Walkway(made[0])
    (video,) = (video for video in dataset.videos("test") if video.name == "02_wall")
    script = make_script(
        "wall", seed=(0, 2, 2), size_px=(48, 64), seconds=3.0, anomaly="cyclist", scene_seed=0
    )
    drawn = render_video(script)
    decoded = np.stack([frame.image_HWC for frame in open_video(video.path)])
    assert decoded.shape == drawn.frames_THWC.shape
    assert np.abs(decoded.astype(float) - drawn.frames_THWC).mean() < 6
    assert np.array_equal(dataset.frame_labels(video), drawn.labels_T)


def test_manifest_tells_the_events(made):
    manifest = json.loads((made[0] / FILE_NAME).read_text())
    assert manifest["recipe"]["size_px"] == [48, 64]
    assert manifest["recipe"]["seed"] == 0
    events = [event for entry in manifest["videos"] for event in entry["events"]]
    assert {event["kind"] for event in events} >= {"runner", "cyclist"}
    assert all(0 <= event["first_frame"] <= event["last_frame"] < FRAMES for event in events)


def test_same_seed_same_labels_on_disk(made, tmp_path):
    synthesize(tmp_path / "again", **SMALL)
    for entry in Walkway(made[0]).manifest.videos:
        files = [entry.labels_path(root).read_bytes() for root in (made[0], tmp_path / "again")]
        assert files[0] == files[1]


def test_complete_folder_is_complete_and_is_left_as_it_is(made):
    root, _ = made
    report = Walkway(root).check()
    assert report.complete
    assert {item.status for item in report.items} == {"ok", "note"}
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    synthesize(root, **SMALL, on_video=lambda *args: pytest.fail("made again"))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_nothing_else_is_left_behind(made):
    assert [path.name for path in made[0].parent.iterdir()] == ["scene"]


def test_check_names_what_is_missing_changed_and_extra(copied):
    (copied / "test" / "01_corridor.mp4").unlink()
    (copied / "train" / "01_wall.labels.npz").unlink()
    damaged = copied / "test" / "02_wall.mp4"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (copied / "train" / "mine.mp4").write_bytes(b"")
    report = Walkway(copied).check()
    assert not report.complete
    found = {(item.status, item.what) for item in report.items}
    assert ("missing", "test/01_corridor.mp4") in found
    assert ("missing", "train/01_wall.labels.npz") in found
    assert ("wrong", "test/02_wall.mp4 has changed since it was written") in found
    assert ("extra", "train/mine.mp4") in found


def test_check_never_raises(tmp_path):
    assert [(item.status, item.what) for item in Walkway(tmp_path).check().items] == [("missing", FILE_NAME)]
    (tmp_path / FILE_NAME).write_text("{")
    (item,) = Walkway(tmp_path).check().items
    assert item.status == "wrong"
    assert "damaged" in item.what


def test_folder_without_manifest(tmp_path):
    with pytest.raises(DatasetIncomplete, match="normalcy data synthesize"):
        Walkway(tmp_path).videos("train")
    (tmp_path / FILE_NAME).write_text('{"recipe": 3}')
    with pytest.raises(DatasetError, match="damaged or of another make"):
        Walkway(tmp_path).videos("train")


def test_split_without_videos(tmp_path):
    synthesize(tmp_path / "scene", **SMALL | {"test_videos": 0})
    with pytest.raises(DatasetIncomplete, match="has no test videos"):
        Walkway(tmp_path / "scene").videos("test")


def test_labels_that_do_not_fit(copied):
    dataset = Walkway(copied)
    video = dataset.videos("test")[0]
    manifest = json.loads((copied / FILE_NAME).read_text())
    for entry in manifest["videos"]:
        entry["frames"] = 31
    (copied / FILE_NAME).write_text(json.dumps(manifest))
    with pytest.raises(LabelError, match="30 labels for 31 frames"):
        Walkway(copied).frame_labels(video)
    with pytest.raises(LabelError, match="test video 'other' is not in"):
        dataset.frame_labels(type(video)("other", "test", video.path))


def test_other_settings_do_not_overwrite(copied):
    with pytest.raises(OutputError, match=r"other settings \(seed 0 instead of 7\)"):
        synthesize(copied, **SMALL, seed=7)
    assert Walkway(copied).check().complete


def test_damaged_or_foreign_folders_are_not_touched(copied, tmp_path):
    (copied / "test" / "01_corridor.mp4").unlink()
    with pytest.raises(OutputError, match=r"damaged scene \(missing: test/01_corridor\.mp4\)"):
        synthesize(copied, **SMALL)
    (copied / FILE_NAME).write_text("?")
    with pytest.raises(OutputError, match="damaged scene"):
        synthesize(copied, **SMALL)
    (copied / FILE_NAME).unlink()
    with pytest.raises(OutputError, match="holds other files"):
        synthesize(copied, **SMALL)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        synthesize(file, **SMALL)
    assert file.read_text() == "mine"


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    (tmp_path / "scene").mkdir()
    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "scene", **SMALL, on_video=interrupt)
    assert list(tmp_path.rglob("*")) == [tmp_path / "scene"]


def test_two_at_once_make_one(made, tmp_path):
    root = tmp_path / "scene"

    def meanwhile(done, total):
        if done == total:
            shutil.copytree(made[0], root)

    synthesize(root, **SMALL, on_video=meanwhile)
    assert Walkway(root).check().complete
    assert [path.name for path in tmp_path.iterdir()] == ["scene"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        synthesize(tmp_path / "file" / "scene", **SMALL)


def test_a_failed_rename_is_reported(tmp_path, monkeypatch):
    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(synthesis.Path, "rename", refuse)
    with pytest.raises(OutputError, match="cannot be written"):
        synthesize(tmp_path / "scene", **SMALL | {"train_videos": 1, "test_videos": 0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size_px": (49, 64)}, "size 49x64 is odd.*50x64 would do"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"train_videos": 0, "test_videos": 0}, "0 training and 0 test videos"),
        ({"settings": ()}, "no settings"),
        ({"settings": ("wall",)}, "'against_flow' needs a one-way setting"),
        ({"seconds_per_video": 0.5}, "too short"),
        ({"settings": ("beach",)}, "'beach'"),
        ({"anomalies": ("dance",)}, "'dance'"),
        ({"size_px": (32, 64)}, "size 32x64 is out of range"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        synthesize(tmp_path / "new" / "scene", **SMALL | change)
    assert list(tmp_path.iterdir()) == []


def test_plan_covers_every_kind_and_setting():
    plan = plan_videos(train_videos=8, test_videos=10)
    test = [video for video in plan if video.split == "test"]
    assert {kind for video in test for kind in video.kinds} == set(ANOMALY_KINDS)
    assert {len(video.kinds) for video in test} == {1, 2}
    assert {video.setting for video in test} == {"wall", "corridor", "crowd"}
    assert all(video.setting == "corridor" for video in test if "against_flow" in video.kinds)
    assert all(video.kinds == () for video in plan if video.split == "train")
    assert len({(video.split, video.name) for video in plan}) == 18


@pytest.mark.parametrize("count", range(7, 16))
def test_seven_test_videos_are_enough_for_every_kind(count):
    plan = plan_videos(train_videos=0, test_videos=count)
    assert {kind for video in plan for kind in video.kinds} == set(ANOMALY_KINDS)


def test_what_was_left_behind_comes_last():
    plan = plan_videos(train_videos=0, test_videos=28)
    assert all("abandoned_object" not in video.kinds[:-1] for video in plan)


def test_chosen_settings_and_anomalies():
    plan = plan_videos(train_videos=2, test_videos=2, settings=("wall",), anomalies=("runner",))
    assert {video.setting for video in plan} == {"wall"}
    assert [video.kinds for video in plan] == [(), (), ("runner",), ("runner",)]


def test_contact_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, "SIZE_PX", (60, 90))
    monkeypatch.setattr(contact_sheet, "SHOTS", (*contact_sheet.SHOTS[:1], *contact_sheet.SHOTS[3:5]))
    monkeypatch.setattr(contact_sheet, "ROWS", (1, 2))
    assert contact_sheet.main([str(tmp_path / "sheet.png")]) == 0
    image_HWC = cv2.imread(str(tmp_path / "sheet.png"))
    gap, caption = contact_sheet.GAP_PX, contact_sheet.CAPTION_PX
    assert image_HWC.shape == (2 * (60 + caption + gap) + gap, 2 * (90 + gap) + gap, 3)
    outline = np.abs(image_HWC[..., ::-1].astype(int) - contact_sheet.OUTLINE).max(axis=-1) < 3
    assert outline[60 + caption + gap :].sum() > 20
    assert not outline[: 60 + gap].any()


def test_contact_sheet_mistakes(tmp_path, caplog):
    assert contact_sheet.main([]) == OutputError.exit_code
    assert "Give the path of one PNG" in caplog.text
    assert contact_sheet.main([str(tmp_path / "sheet.jpg")]) == OutputError.exit_code
    assert "is not the name of a PNG file" in caplog.text


def test_the_default_contact_sheet_shows_every_setting_and_kind():
    assert {shot.anomaly for shot in contact_sheet.SHOTS} == {None, *ANOMALY_KINDS}
    assert {shot.setting for shot in contact_sheet.SHOTS[:3]} == {"wall", "corridor", "crowd"}
    assert sum(contact_sheet.ROWS) == len(contact_sheet.SHOTS)
