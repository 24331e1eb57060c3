"""The promise: the same frames give the same scores, wherever they come from and whatever shared their batch.

A file, the same file over HTTP, its bitstream over RTSP, its frames as pictures in a folder, and its frames pushed one
by one have to agree for every registered method: scores within 1e-5, the same alarms, the same events.
"""

import functools
import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from normalcy.scoring.calibration import Calibration
from normalcy.scoring.model import ScoringModel, TorchModel
from normalcy.scoring.pipeline import SourceScorer, clip_scores
from normalcy.scoring.settings import ScoringSettings
from normalcy.scoring.track import ScoreTrack
from normalcy.scoring.types import Event, FrameScore
from normalcy.scoring.window import ClipWindow
from normalcy.video.frame import Frame
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.writer import write_picture
from promise_cases import CASES, FRAMES, SETTINGS, TOLERANCE, calibration_between
from small_methods import small
from tiny_scene import FPS, scene, write_scene

MAP_TOLERANCE = 1e-4
CLOCK_SECONDS = 1e-3  # RTSP counts time in its own ticks


@dataclass(frozen=True)
class Verdicts:
    """Everything that is said of a source."""

    frames: list[FrameScore]
    events: list[Event]


@dataclass(frozen=True)
class Camera:
    """A method that watches the scene, calibrated so that there is something to alarm."""

    model: ScoringModel
    calibration: Calibration
    frames: list[Frame]

    @property
    def options(self) -> ReadOptions:
        return ReadOptions(size_px=self.model.spec.size_px, grey=self.model.spec.channels == 1)

    def score(self, frames: Iterable[Frame], *, settings=SETTINGS, batch_clips: int = 8) -> Verdicts:
        scorer = SourceScorer(
            self.model,
            settings=settings,
            calibration=self.calibration,
            source_id="cam",
            batch_clips=batch_clips,
        )
        return Verdicts(list(scorer.run(frames)), scorer.events)


@pytest.fixture(scope="module")
def footage(tmp_path_factory) -> Path:
    images_THWC, _ = scene(FRAMES, seed=3, runs=range(18, 30))
    return write_scene(tmp_path_factory.mktemp("promise") / "scene.mp4", images_THWC)


@pytest.fixture(scope="module", params=list(CASES))
def camera(request, footage) -> Camera:
    method = small(request.param.partition(",")[0], **CASES[request.param])
    model = TorchModel(method)
    options = ReadOptions(size_px=model.spec.size_px, grey=model.spec.channels == 1)
    with open_video(footage, options) as video:
        frames = list(video)
    method.observe([np.stack([frame.image_HWC.transpose(2, 0, 1) for frame in frames])])
    scorer = SourceScorer(model, settings=SETTINGS, calibration=None, source_id="cam")
    smoothed = [verdict.smoothed for verdict in scorer.run(frames)]
    return Camera(model, calibration_between(smoothed), frames)


@pytest.fixture(scope="module")
def expected(camera) -> Verdicts:
    verdicts = camera.score(camera.frames)
    assert [verdict.index for verdict in verdicts.frames] == list(range(FRAMES))
    assert 0 < sum(verdict.alarmed for verdict in verdicts.frames) < FRAMES
    assert verdicts.events
    return verdicts


def assert_same(found: Verdicts, expected: Verdicts) -> None:
    assert len(found.frames) == len(expected.frames)
    for ours, theirs in zip(found.frames, expected.frames, strict=True):
        assert (ours.index, ours.own, ours.alarmed) == (theirs.index, theirs.own, theirs.alarmed)
        assert ours.pts_seconds == pytest.approx(theirs.pts_seconds, abs=CLOCK_SECONDS)
        assert ours.raw == pytest.approx(theirs.raw, abs=TOLERANCE)
        assert ours.smoothed == pytest.approx(theirs.smoothed, abs=TOLERANCE)
        assert ours.false_alarms_per_day == pytest.approx(theirs.false_alarms_per_day, abs=1e-3)
        assert ours.parts == pytest.approx(theirs.parts, abs=TOLERANCE)
        np.testing.assert_allclose(ours.map_HW, theirs.map_HW, rtol=0, atol=MAP_TOLERANCE)
    assert [in_frames(event) for event in found.events] == [in_frames(event) for event in expected.events]
    for ours, theirs in zip(found.events, expected.events, strict=True):
        assert in_seconds(ours) == pytest.approx(in_seconds(theirs), abs=CLOCK_SECONDS)
        assert ours.peak_score == pytest.approx(theirs.peak_score, abs=TOLERANCE)
        assert ours.parts == pytest.approx(theirs.parts, abs=TOLERANCE)


def in_frames(event: Event) -> tuple[str, int, int, int]:
    return event.source_id, event.start_index, event.end_index, event.peak_index


def in_seconds(event: Event) -> tuple[float, float, float]:
    return event.start_seconds, event.end_seconds, event.peak_seconds


def assert_same_pictures(found: Sequence[Frame], expected: Sequence[Frame]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.image_HWC, theirs.image_HWC)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_over_http(camera, expected, footage):
    handler = functools.partial(QuietHandler, directory=footage.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/{footage.name}"
            with open_video(url, camera.options, source_id="cam") as video:
                found = camera.score(video)
        finally:
            server.shutdown()
            thread.join()
    assert_same(found, expected)


# The packets of the file as they are; in a process of its own, because PyAV writes with the interpreter's lock held.
SENDER = """
import sys, time
import av
path, url = sys.argv[1:]
file = av.open(path)
for _ in range(200):
    try:
        stream_out = av.open(url, "w", format="rtsp", options={"rtsp_transport": "tcp"})
        stream = stream_out.add_stream_from_template(file.streams.video[0])
        stream_out.start_encoding()
        break
    except av.error.FFmpegError:
        time.sleep(0.05)
for packet in file.demux(video=0):
    if packet.dts is not None:
        packet.stream = stream
        stream_out.mux(packet)
        time.sleep(0.002)
stream_out.close()
"""


def test_over_rtsp(camera, expected, footage):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"rtsp://127.0.0.1:{free.getsockname()[1]}/live"
    listen = (("rtsp_flags", "listen"), ("listen_timeout", "20"), ("analyzeduration", "200000"))
    options = ReadOptions(
        size_px=camera.options.size_px,
        grey=camera.options.grey,
        read_timeout_seconds=20,
        ffmpeg_options=listen,
    )
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(footage), url])
    try:
        with open_video(url, options, source_id="cam") as video:
            assert video.info.is_live
            frames = list(video)
    finally:
        sender.kill()
        sender.wait()
    assert_same_pictures(frames, camera.frames)
    assert_same(camera.score(frames, batch_clips=1), expected)


def test_from_a_folder_of_pictures(camera, expected, tmp_path):
    for frame in camera.frames:
        write_picture(tmp_path / f"{frame.index}.png", frame.image_HWC)
    options = ReadOptions(size_px=camera.options.size_px, grey=camera.options.grey, fps=FPS)
    with open_video(tmp_path, options, source_id="cam") as pictures:
        frames = list(pictures)
    assert_same_pictures(frames, camera.frames)
    assert [frame.pts_seconds for frame in frames] == [frame.pts_seconds for frame in camera.frames]
    assert_same(camera.score(frames), expected)


@pytest.mark.parametrize("batch_clips", [1, 3, 8, 1000])
def test_whatever_the_batch(camera, expected, batch_clips):
    assert_same(camera.score(camera.frames, batch_clips=batch_clips), expected)


class ByHand:
    """One source on the pieces alone, as a live engine holds them."""

    def __init__(self, camera: Camera, settings: ScoringSettings) -> None:
        self.camera = camera.model.camera("cam")
        self.window = ClipWindow(camera.model.spec, hop_frames=settings.hop_frames)
        self.track = ScoreTrack(
            camera.model.spec, source_id="cam", settings=settings, calibration=camera.calibration
        )
        self.verdicts = Verdicts([], [])

    def take(self, clip, found) -> None:
        update = self.track.update(clip, clip_scores(found, clip=clip, camera=self.camera))
        self.verdicts.frames.extend(update.frames)
        self.verdicts.events.extend(update.events)


def test_pushed_by_hand(camera, expected):
    source = ByHand(camera, SETTINGS)
    clips = (source.window.push(frame) for frame in camera.frames)
    for clip in (*clips, source.window.flush()):
        if clip:
            source.take(clip, *camera.model.infer([clip.clip_TCHW]))
    source.verdicts.events.extend(source.track.flush())
    assert_same(source.verdicts, expected)


@pytest.mark.parametrize("hop_frames", [1, 3])
def test_cameras_that_share_their_batches(camera, hop_frames):
    """Three cameras, one of which starts late and another ends early, in one `infer` a tick."""
    settings = SETTINGS.model_copy(update={"hop_frames": hop_frames})
    streams = [camera.frames, changed(camera.frames, np.flip)[:40], changed(camera.frames, lambda x: 255 - x)]
    starts = (0, 0, 5)
    sources = [ByHand(camera, settings) for _ in streams]
    for tick in range(FRAMES + max(starts) + 1):
        ready = []
        for source, frames, start in zip(sources, streams, starts, strict=True):
            place = tick - start
            if 0 <= place < len(frames) and (clip := source.window.push(frames[place])):
                ready.append((source, clip))
            if place == len(frames) and (clip := source.window.flush()):
                ready.append((source, clip))
        if ready:
            found = camera.model.infer([clip.clip_TCHW for _, clip in ready])
            for (source, clip), each in zip(ready, found, strict=True):
                source.take(clip, each)
    for source, frames in zip(sources, streams, strict=True):
        source.verdicts.events.extend(source.track.flush())
        assert_same(source.verdicts, camera.score(frames, settings=settings))


def changed(frames: Sequence[Frame], change) -> list[Frame]:
    """The same frames with other pictures, last to first."""
    return [
        Frame(np.ascontiguousarray(change(other.image_HWC)), frame.index, frame.pts_seconds, "cam")
        for frame, other in zip(frames, reversed(frames), strict=True)
    ]


def test_the_first_frames_do_not_know_the_later_ones(camera):
    """What a live camera has said by frame 20 is what it says there whatever comes."""
    past = camera.frames[:20]
    live = ByHand(camera, SETTINGS)
    for frame in past:
        if clip := live.window.push(frame):
            live.take(clip, *camera.model.infer([clip.clip_TCHW]))
    said = len(live.verdicts.frames)
    assert said >= 18
    for future in (camera.frames[20:], changed(camera.frames, lambda x: 255 - x)[20:], []):
        whole = camera.score([*past, *future])
        assert_same(Verdicts(live.verdicts.frames, []), Verdicts(whole.frames[:said], []))
