"""Shared memory of a camera: what arrives is whole and in order, and whatever does not is counted once."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from live_captures import SPAWN

from normalcy.errors import OutputError
from normalcy.live.frames.counters import Drop
from normalcy.live.frames.layout import (
    CAPTURE_RECORD,
    ENGINE_RECORD,
    PICTURE_STAMP,
    SLOT_STAMP,
    Layout,
)
from normalcy.live.frames.memory import CameraMemory, Picture, Stamped, as_bytes, as_text

LAYOUT = Layout((4, 6, 1), slots=4, pictures=3, picture_bytes=64, map_HW=(2, 3))


def stamped(index, image_HWC=None, *, generation=1):
    return Stamped(image_HWC, index, index / 10, generation, captured=5.0, captured_at=9.0, number=0)


def picture(index, size_bytes=10):
    return Picture(bytes([index % 256]) * size_bytes, index, index / 10, 9.0, 0, (4, 6))


@pytest.fixture
def memory():
    memory = CameraMemory.create(LAYOUT)
    yield memory
    memory.close()
    memory.unlink()


def test_memory_that_is_promised_and_not_there_is_refused_at_once(monkeypatch):
    asked = []

    def full(descriptor, start, size):
        asked.append((Path(f"/proc/self/fd/{descriptor}").readlink(), start, size))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"no shared memory left for 0 MB \(No space left on device\)"):
        CameraMemory.create(LAYOUT)
    ((path, start, size),) = asked
    assert (start, size) == (0, LAYOUT.offsets["end"])
    assert not path.exists()


def test_all_of_it_is_there_before_it_is_used(memory):
    taken = Path("/dev/shm", memory.name.name).stat().st_blocks * 512
    assert taken >= LAYOUT.offsets["end"]


def test_a_frame_comes_out_as_it_went_in(memory):
    image_HWC = np.arange(24, dtype=np.uint8).reshape(4, 6, 1)
    memory.write(Stamped(image_HWC, 7, 0.25, 3, captured=5.0, captured_at=9.0, number=0))
    memory.write(stamped(8))
    other = CameraMemory.attach(memory.name)
    frame, empty = other.read(), other.read()
    other.close()
    np.testing.assert_array_equal(frame.image_HWC, image_HWC)
    assert (frame.index, frame.pts_seconds, frame.generation, frame.captured, frame.captured_at) == (
        7,
        0.25,
        3,
        5.0,
        9.0,
    )
    assert (frame.number, empty.number) == (0, 1)
    assert empty.image_HWC is None
    assert memory.read() is None


def test_an_image_that_was_read_stays_as_it_is(memory):
    memory.write(stamped(0, np.full((4, 6, 1), 1, np.uint8)))
    image_HWC = memory.read().image_HWC
    for index in range(1, 9):
        memory.write(stamped(index, np.full((4, 6, 1), 2, np.uint8)))
    assert (image_HWC == 1).all()


def test_a_frame_that_is_being_overwritten_is_passed_over_and_counted(memory):
    for index in range(4):
        memory.write(stamped(index))
    memory._stamps[0]["sequence"] = 2 * 4 + 1  # as a writer does that is in the middle of the fifth frame
    assert [memory.read().index for _ in range(3)] == [1, 2, 3]
    assert memory.engine.dropped[0, Drop.BUFFER_FULL] == 1


def test_a_writer_that_was_killed_half_way_harms_nothing(memory):
    memory.write(stamped(0))
    memory._stamps[1]["sequence"] = 2 * 1 + 1
    assert memory.read().index == 0
    assert memory.read() is None
    memory.write(stamped(1))  # its successor
    assert memory.read().index == 1
    assert not memory.engine.dropped.any()


class Ring(RuleBasedStateMachine):
    """The ring against a list: frames are kept as long as there is room, and the oldest gives way."""

    def __init__(self):
        super().__init__()
        self.memory = CameraMemory.create(LAYOUT)
        self.waiting, self.written, self.read, self.shown = [], 0, 0, 0

    @rule(has_image=st.booleans())
    def write(self, has_image):
        image_HWC = np.full((4, 6, 1), self.written % 256, np.uint8) if has_image else None
        assert self.memory.is_full == (len(self.waiting) >= LAYOUT.slots)
        self.memory.write(stamped(self.written, image_HWC))
        self.waiting.append((self.written, has_image))
        self.written += 1

    @rule()
    def read_one(self):
        self.waiting = self.waiting[-LAYOUT.slots :]
        frame = self.memory.read()
        if not self.waiting:
            assert frame is None
            return
        index, has_image = self.waiting.pop(0)
        assert (frame.index, frame.number, frame.image_HWC is not None) == (index, index, has_image)
        assert not has_image or (frame.image_HWC == index % 256).all()
        self.read += 1

    @rule(size_bytes=st.integers(0, 80))
    def show(self, size_bytes):
        kept = self.memory.write_picture(picture(self.shown, size_bytes))
        assert kept == (size_bytes <= LAYOUT.picture_bytes)
        self.shown += kept

    @precondition(lambda self: self.shown)
    @rule(ago=st.integers(0, 6))
    def look_at_picture(self, ago):
        number = self.shown - 1 - ago
        found = self.memory.picture(number)
        assert (found is not None) == (number >= 0 and ago < LAYOUT.pictures)
        assert found is None or found.number == number

    @rule(since=st.integers(0, 30))
    def pictures_since(self, since):
        numbers = [found.number for found in self.memory.pictures_since(since)]
        assert numbers == list(range(max(since, self.shown - LAYOUT.pictures, 0), self.shown))

    @invariant()
    def everything_is_accounted_for(self):
        dropped = int(self.memory.engine.dropped[0, Drop.BUFFER_FULL])
        assert self.read + dropped + self.memory.waiting == self.written

    def teardown(self):
        self.memory.close()
        self.memory.unlink()


TestRing = Ring.TestCase
TestRing.settings = settings(max_examples=60, stateful_step_count=40)


def write_many(name, count, size):
    """A writer that does not wait; each image is even, so that a torn one shows."""
    memory = CameraMemory.attach(name)
    for number in range(count):
        memory.write(stamped(number, np.full(size, number % 251, np.uint8)))
    memory.close()


def test_a_fast_writer_and_a_reader():
    """Nothing torn, nothing twice, nothing out of order; what was read and what was dropped add up."""
    layout = Layout((120, 160, 3), slots=3, pictures=1, picture_bytes=64, map_HW=(2, 3))
    memory, count, read, last = CameraMemory.create(layout), 2500, 0, -1
    writer = SPAWN.Process(target=write_many, args=(memory.name, count, layout.image_HWC))
    writer.start()
    while memory.waiting or writer.is_alive():
        frame = memory.read()
        if frame is None:
            continue
        assert frame.index == frame.number > last
        assert (frame.image_HWC == frame.index % 251).all()
        read, last = read + 1, frame.index
    writer.join()
    assert writer.exitcode == 0
    assert last == count - 1
    assert read + memory.engine.dropped[0, Drop.BUFFER_FULL] == count
    memory.close()
    memory.unlink()


def test_the_map(memory):
    assert not memory.map().any()
    memory.engine.map_sequence[0] = 7  # a writer was killed half-way
    memory.write_map(np.full((2, 3), 5, np.uint8))
    assert (memory.map() == 5).all()
    assert memory.engine.map_sequence[0] % 2 == 0


def test_every_number_lies_where_the_processor_reads_it_whole():
    for record in (CAPTURE_RECORD, ENGINE_RECORD, SLOT_STAMP, PICTURE_STAMP):
        for kind, offset, *_ in record.fields.values():
            assert kind.kind == "S" or offset % kind.base.itemsize == 0


@given(
    st.integers(1, 50), st.integers(1, 50), st.sampled_from([1, 3]), st.integers(1, 20), st.integers(1, 5000)
)
def test_parts_do_not_overlap(height, width, channels, slots, picture_bytes):
    layout = Layout((height, width, channels), slots, 7, picture_bytes, (5, 5))
    at = layout.offsets
    assert list(at.values()) == sorted(at.values())
    assert at["jpegs"] - at["images"] >= slots * height * width * channels
    assert at["map"] - at["jpegs"] >= 7 * picture_bytes
    assert at["end"] - at["map"] >= 25


@given(st.text(max_size=300), st.integers(4, 240))
def test_text_is_cut_between_letters(text, most):
    data = as_bytes(text, most=most)
    assert len(data) <= most
    assert text.encode("utf-8", "replace").startswith(data)
    assert as_text(np.bytes_(data)) == data.decode().rstrip("\0")


def test_closing_with_a_view_still_held(memory):
    other = CameraMemory.attach(memory.name)
    record = other.capture
    other.close()
    other.close()
    memory.capture.fps[0] = 12.0
    assert record.fps[0] == 12.0
    del record, other  # which lets go without a word
    gc.collect()


def test_dropped_without_being_closed(memory):
    other = CameraMemory.attach(memory.name)
    view = other.engine.dropped
    del other
    gc.collect()
    memory.engine.dropped[0, 0] = 3
    assert view[0, 0] == 3


SCRIPT = """
    import multiprocessing, os, signal, sys
    from normalcy.live.frames.layout import Layout
    from normalcy.live.frames.memory import CameraMemory

    def child(name, how):
        memory = CameraMemory.attach(name)
        memory.capture.pid[0] = os.getpid()
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)

    if __name__ == "__main__":
        spawn = multiprocessing.get_context("spawn")
        memory = CameraMemory.create(Layout((4, 6, 1), 4, 3, 64, (2, 3)))
        print(memory.name.name, flush=True)
        for how in ("killed", "left"):
            process = spawn.Process(target=child, args=(memory.name, how))
            process.start()
            process.join()
            assert memory.capture.pid[0] == process.pid
        ENDING
"""


def run_script(tmp_path, ending):
    script = tmp_path / "engine.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("ENDING", ending))
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)


def is_there(name):
    return os.path.exists(f"/dev/shm/{name}")  # noqa: PTH110 - no path of ours


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="shared memory cannot be seen")  # noqa: PTH112
def test_nothing_is_left_behind_and_nothing_is_warned_of(tmp_path):
    result = run_script(tmp_path, "memory.close(); memory.unlink()")
    assert (result.returncode, result.stderr) == (0, "")
    assert not is_there(result.stdout.strip())


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="shared memory cannot be seen")  # noqa: PTH112
def test_a_supervisor_that_is_killed_leaves_nothing_behind(tmp_path):
    from live_captures import until

    result = run_script(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert result.returncode == -signal.SIGKILL
    until(lambda: not is_there(result.stdout.strip()))
