import errno
import json
import multiprocessing
import os
import signal
import warnings
from pathlib import Path

import numpy as np
import pytest
from dataset_files import write_pictures, write_video
from filelock import FileLock

from normalcy.datasets import cache as cache_module
from normalcy.datasets.base import LabelledVideo
from normalcy.datasets.cache import FrameCache, fingerprint
from normalcy.datasets.cache_entry import FrameFile, read_entry, write_frames
from normalcy.errors import (
    ConfigError,
    DamagedVideoWarning,
    DiskFull,
    FrameShapeError,
    OutputError,
    UnreadableVideo,
    VideoError,
)
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, open_video

SIZE_PX = (8, 10)


def picture_video(folder, count=6):
    return LabelledVideo("01", "train", write_pictures(folder, count), fps=10.0)


def read(cache, video, **settings):
    return cache.open(video, **{"size_px": SIZE_PX, "channels": 1, **settings})


@pytest.fixture
def video(tmp_path):
    return picture_video(tmp_path / "01")


@pytest.fixture
def cache(tmp_path):
    return FrameCache(tmp_path / "cache")


@pytest.fixture
def no_decoding(monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(cache_module, "open_video", refuse)


def entries(cache):
    return sorted(path.name for path in cache.folder.iterdir() if path.suffix != ".lock")


def test_frames_are_those_of_the_reader(cache, video):
    cached = read(cache, video)
    with open_video(video.path, ReadOptions(size_px=SIZE_PX, grey=True, fps=10.0)) as frames:
        expected = list(frames)
    assert len(cached) == 6
    assert cached.frames_TCHW.shape == (6, 1, *SIZE_PX)
    assert cached.frames_TCHW.dtype == np.uint8
    for place, frame in enumerate(expected):
        np.testing.assert_array_equal(cached.frames_TCHW[place], frame.image_HWC.transpose(2, 0, 1))
    np.testing.assert_allclose(cached.pts_seconds_T, np.arange(6) / 10)
    assert cached.indices_T.tolist() == [0, 1, 2, 3, 4, 5]


def test_colour_file_with_stride(cache, tmp_path):
    video = LabelledVideo("v", "train", write_video(tmp_path / "v.mp4", 7, fps=10))
    cached = read(cache, video, channels=3, stride_frames=3)
    assert cached.frames_TCHW.shape == (3, 3, *SIZE_PX)
    assert cached.indices_T.tolist() == [0, 3, 6]
    np.testing.assert_allclose(cached.pts_seconds_T, [0.0, 0.3, 0.6])
    assert (np.diff(cached.frames_TCHW[:, 0, 4, 5].astype(int)) > 6).all()


def test_a_second_epoch_decodes_nothing(cache, video, no_decoding):
    first = read(cache, video)
    no_decoding()
    second = read(FrameCache(cache.folder), video)
    np.testing.assert_array_equal(first.frames_TCHW, second.frames_TCHW)
    assert isinstance(second.frames_TCHW, np.memmap)
    assert not second.frames_TCHW.flags.writeable
    assert len(entries(cache)) == 1


def test_the_place_of_a_video_does_not_count_but_its_content_does(cache, video, tmp_path, no_decoding):
    read(cache, video)
    moved = LabelledVideo("other", "test", video.path.rename(tmp_path / "moved"), fps=10.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_module, "open_video", None)
        read(cache, moved)
    os.utime(moved.path / "003.png", ns=(0, 0))
    read(cache, moved)
    assert len(entries(cache)) == 2


@pytest.mark.parametrize(
    "settings",
    [{"size_px": (10, 8)}, {"channels": 3}, {"stride_frames": 2}],
    ids=lambda settings: next(iter(settings)),
)
def test_each_setting_has_its_own_entry(cache, video, settings):
    read(cache, video)
    other = read(cache, video, **settings)
    assert len(entries(cache)) == 2
    assert other.frames_TCHW.shape == (
        3 if "stride_frames" in settings else 6,
        settings.get("channels", 1),
        *settings.get("size_px", SIZE_PX),
    )


def test_progress(cache, video):
    seen = []
    read(cache, video, on_frame=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]
    read(cache, video, on_frame=seen.append)
    assert len(seen) == 6


def test_one_frame(cache, tmp_path):
    cached = read(cache, picture_video(tmp_path / "01", 1))
    assert cached.frames_TCHW.shape == (1, 1, *SIZE_PX)


def test_no_frame_at_all(cache, video, monkeypatch, no_decoding):
    class Nothing:
        def __init__(self, *_): ...
        def __enter__(self):
            return iter(())

        def __exit__(self, *_): ...

    monkeypatch.setattr(cache_module, "open_video", Nothing)
    assert read(cache, video).frames_TCHW.shape == (0, 1, *SIZE_PX)
    no_decoding()
    assert len(read(cache, video)) == 0


class Damaged:
    """A reader that warns."""

    def __init__(self, *_): ...

    def __enter__(self):
        return self

    def __exit__(self, *_): ...

    def __iter__(self):
        yield Frame(np.zeros((*SIZE_PX, 1), np.uint8), 0, 0.0, "v")
        warnings.warn("the rest is damaged", DamagedVideoWarning, stacklevel=1)
        warnings.warn("something else", ResourceWarning, stacklevel=1)


def test_warnings_are_said_each_time(cache, video, monkeypatch, no_decoding):
    monkeypatch.setattr(cache_module, "open_video", Damaged)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(cache, video)
    said = [(warning.category, str(warning.message)) for warning in caught]
    assert said == [(ResourceWarning, "something else"), (DamagedVideoWarning, "the rest is damaged")]
    no_decoding()
    with pytest.warns(DamagedVideoWarning, match="the rest is damaged"):
        assert len(read(cache, video)) == 1


def test_a_picture_that_cannot_be_read_keeps_its_place(cache, video):
    (video.path / "002.png").write_bytes(b"no picture")
    for _ in range(2):
        with pytest.warns(DamagedVideoWarning, match=r"002\.png cannot be read"):
            cached = read(cache, video)
        assert cached.indices_T.tolist() == [0, 1, 3, 4, 5]
        assert cached.pts_seconds_T[2] == pytest.approx(0.3)


def test_unreadable_videos_leave_nothing_behind(cache, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").touch()
    for name in ("text.mp4", "empty.mp4"):
        with pytest.raises(VideoError):
            read(cache, LabelledVideo("v", "train", tmp_path / name))
        assert entries(cache) == []
    with pytest.raises(UnreadableVideo, match=r"absent\.mp4"):
        read(cache, LabelledVideo("v", "train", tmp_path / "absent.mp4"))


def cut_frames(entry):
    os.truncate(entry / "frames.npy", 200)


def remove_meta(entry):
    (entry / "meta.json").unlink()


def break_meta(entry):
    (entry / "meta.json").write_text('{"format_version": 1')


def age_meta(entry):
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps({**meta, "format_version": 0}))


def remove_indices(entry):
    (entry / "indices.npy").unlink()


@pytest.mark.parametrize("damage", [cut_frames, remove_meta, break_meta, age_meta, remove_indices])
def test_a_damaged_entry_is_built_again(cache, video, damage):
    expected = np.array(read(cache, video).frames_TCHW)
    (name,) = entries(cache)
    damage(cache.folder / name)
    assert read_entry(cache.folder / name) is None
    np.testing.assert_array_equal(read(cache, video).frames_TCHW, expected)
    assert entries(cache) == [name]


def test_full_disk(cache, video, monkeypatch):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(DiskFull, match=r"cache: no room left\. Free some"):
            read(cache, video)
    assert entries(cache) == []
    assert len(read(cache, video)) == 6


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_while_frames_are_written(tmp_path):
    (tmp_path / "frames.npy").symlink_to("/dev/full")
    frame = Frame(np.zeros((600, 800, 3), np.uint8), 0, 0.0, "v")
    file = FrameFile(tmp_path / "frames.npy", (3, 600, 800))
    with pytest.raises(DiskFull), file:
        file.append(frame)


def test_folder_that_cannot_be_written(tmp_path, video):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        read(FrameCache(tmp_path / "file"), video)


def test_interruption_leaves_nothing_behind(cache, video):
    def interrupt(count):
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(cache, video, on_frame=interrupt)
    assert entries(cache) == []


def test_channels(cache, video):
    with pytest.raises(ConfigError, match="2 channels"):
        read(cache, video, channels=2)


def test_a_frame_of_another_shape(tmp_path):
    frames = [Frame(np.zeros((4, 5, 1), np.uint8), 7, 0.0, "cam")]
    with pytest.raises(FrameShapeError, match=r"cam: frame 7 is \(1, 4, 5\), not \(1, 4, 4\)"):
        write_frames(tmp_path / "entry", frames, size_px=(4, 4), channels=1)
    assert read_entry(tmp_path / "entry") is None


def test_fingerprint_sees_the_head_the_middle_and_the_tail(tmp_path):
    path = tmp_path / "v.mp4"
    content = bytearray(5 << 20)
    seen = set()
    for place in (0, len(content) // 2, len(content) - 1):
        content[place] = 1
        path.write_bytes(content)
        os.utime(path, ns=(0, 0))
        seen.add(fingerprint(path))
    assert len(seen) == 3
    os.utime(path, ns=(1, 1))
    assert fingerprint(path) not in seen


def open_and_count(cache_folder, video, decoded, start, results):
    """Runs in a process of its own: opens the entry and appends a letter for each frame it decodes."""

    def note(_):
        with decoded.open("a") as file:
            file.write("x")

    start.wait(30)
    cached = FrameCache(cache_folder).open(video, size_px=SIZE_PX, channels=1, on_frame=note)
    results.put(cached.frames_TCHW.tobytes())


def open_and_die(cache_folder, video):
    def die(count):
        if count == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    FrameCache(cache_folder).open(video, size_px=SIZE_PX, channels=1, on_frame=die)


def test_two_processes_decode_once(cache, tmp_path):
    video = picture_video(tmp_path / "01", 40)
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    decoded = tmp_path / "decoded"
    arguments = (cache.folder, video, decoded, start, results)
    processes = [context.Process(target=open_and_count, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    frames = [results.get(timeout=40) for _ in processes]
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert decoded.read_text() == "x" * 40
    assert frames[0] == frames[1] == read(cache, video).frames_TCHW.tobytes()
    assert len(entries(cache)) == 1


def test_a_process_killed_half_way(cache, video):
    process = multiprocessing.get_context("spawn").Process(target=open_and_die, args=(cache.folder, video))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (partial,) = entries(cache)
    assert partial.endswith(".partial")
    assert len(read(cache, video)) == 6
    assert entries(cache) == [partial.split(".")[0]]


def test_leftovers_of_other_entries_are_cleared_unless_someone_is_writing_them(cache, video):
    (cache.folder / "dead.1.partial").mkdir(parents=True)
    (cache.folder / "live.1.partial").mkdir()
    with FileLock(cache.folder / "live.lock"):
        cached = read(cache, video)
    assert entries(cache) == sorted([cached.folder.name, "live.1.partial"])
