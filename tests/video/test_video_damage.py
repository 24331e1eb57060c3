from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from video_footage import FPS, FRAMES, WIDTH, cut, index_of, is_open, make_video, picture

from normalcy.errors import DamagedVideoWarning, ResolutionChangedWarning, UnreadableVideo
from normalcy.video._pyav import PyAVBackend
from normalcy.video._unreadable import why_unreadable
from normalcy.video.reader import ReadOptions, open_video
from normalcy.video.sources import Source


def noisy_pictures():
    """Pictures that fill a file evenly: the header is small beside them."""
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, 14, WIDTH, 3), np.uint8)
    images = [picture(index) for index in range(FRAMES)]
    for image_HWC, noise_HWC in zip(images, noise, strict=True):
        image_HWC[:14] = noise_HWC
    return images


def read_damaged(source, **options):
    with open_video(source, ReadOptions(**options)) as video, pytest.warns(DamagedVideoWarning) as caught:
        frames = list(video)
    (warning,) = caught
    return frames, str(warning.message)


@pytest.mark.parametrize(
    ("name", "muxing"),
    [
        ("index-in-front.mp4", {"movflags": "faststart"}),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("clip.mkv", {}),
        ("clip.ts", {}),
        ("clip.avi", {}),
        ("clip.webm", {}),
    ],
)
def test_a_file_cut_at_60_percent_gives_its_frames_and_a_warning(tmp_path, name, muxing):
    codec = {".avi": "mpeg4", ".webm": "libvpx-vp9"}.get(Path(name).suffix, "libx264")
    whole = make_video(tmp_path / name, codec=codec, images=noisy_pictures(), **muxing)
    part = cut(whole, 0.6)
    frames, message = read_damaged(part)
    assert 0.3 * FRAMES < len(frames) < 0.7 * FRAMES
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(len(frames)))
    assert str(part) in message
    assert f"Frames read and used: {len(frames)}." in message
    assert not is_open(part)


def test_a_cut_behind_the_wanted_span_does_no_harm(tmp_path):
    part = cut(make_video(tmp_path / "clip.mkv"), 0.6)
    with open_video(part, ReadOptions(end_seconds=0.8)) as video:
        assert len(list(video)) == 8


def test_an_mp4_cut_before_its_index_says_so(tmp_path):
    part = cut(make_video(tmp_path / "clip.mp4"), 0.6)
    with pytest.raises(UnreadableVideo, match=r"cut-clip.mp4: its index \(the moov box.*untrunc.*mkv"):
        open_video(part)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", r"empty \(0 bytes\)"),
        ("notes.mp4", b"Tuesday: the gate was open.\n" * 40, "this is text, not video"),
        (
            "noise.mp4",
            bytes(np.random.default_rng(0).integers(0, 256, 4000, np.uint8)),
            "no video that can be decoded",
        ),
        ("endless.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 400, "index"),
        ("large.mp4", b"\0\0\0\x08ftyp" + b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x14data\0\0\0\x08free", "index"),
    ],
)
def test_what_is_no_video_is_unreadable(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableVideo, match=message) as caught:
        open_video(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert not is_open(path)


def test_a_file_that_may_not_be_read():
    source = Source("file", "clip.mp4", "/data/clip.mp4")
    error = why_unreadable(source, av.error.PermissionError(13, "Permission denied", "/data/clip.mp4"))
    assert str(error) == "clip.mp4: you may not read it. Change its permissions."


def test_what_does_not_exist_is_unreadable(tmp_path):
    with pytest.raises(UnreadableVideo, match=r"gone\.mp4: no such file or folder"):
        open_video(tmp_path / "gone.mp4")
    with pytest.raises(UnreadableVideo, match="cannot be read"):
        open_video("x" * 5000)


def test_a_header_without_a_decodable_frame_is_unreadable(tmp_path):
    video = make_video(tmp_path / "clip.mp4", movflags="faststart")
    spoil(video, range(FRAMES))
    with pytest.raises(UnreadableVideo, match="not one frame of its h264 video can be decoded"):
        open_video(video)
    assert not is_open(video)


def spoil(path, indices):
    """Overwrites the packets of these frames."""
    with av.open(str(path)) as container:
        packets = sorted((p.pts, p.pos, p.size) for p in container.demux(video=0) if p.size)
    with path.open("r+b") as file:
        for index in indices:
            _, position, size = packets[index]
            file.seek(position)
            file.write(b"\xff" * size)


def test_damage_in_the_middle_costs_the_damaged_frames_only(tmp_path):
    intra = {"crf": "8", "g": "1", "preset": "ultrafast"}
    video = make_video(tmp_path / "clip.mp4", codec_options=intra)
    spoil(video, [5, 17, 18])
    frames, message = read_damaged(video)
    kept = [index for index in range(FRAMES) if index not in (5, 17, 18)]
    assert [frame.index for frame in frames] == kept
    assert [index_of(frame.image_HWC) for frame in frames] == kept
    assert [frame.pts_seconds for frame in frames] == [index / FPS for index in kept]
    assert "frames lost: 3" in message


def test_frames_after_a_lost_group_keep_their_place(tmp_path):
    images = [picture(index, size_px=(64, 64)) for index in range(24)]
    coding = {"x265-params": "log-level=none:keyint=8:min-keyint=8:open-gop=0", "crf": "8"}
    video = make_video(tmp_path / "clip.mp4", images=images, codec="libx265", codec_options=coding)
    spoil(video, [8])
    frames, _ = read_damaged(video)
    assert frames[-1].index == 23
    for frame in (frames[0], *frames[-8:]):
        assert index_of(frame.image_HWC) == frame.index


def test_damaged_files_decode_alike_every_time(tmp_path):
    video = make_video(tmp_path / "clip.mp4")
    spoil(video, [4, 20])
    runs = [read_damaged(video)[0] for _ in range(3)]
    for run in runs[1:]:
        assert [frame.index for frame in run] == [frame.index for frame in runs[0]]
        assert all(np.array_equal(a.image_HWC, b.image_HWC) for a, b in zip(run, runs[0], strict=True))


def test_reading_that_breaks_off_gives_what_was_read(tmp_path, monkeypatch):
    video = make_video(tmp_path / "clip.mp4")
    original = PyAVBackend._next_packet

    def failing(self, packets):
        def until_12():
            yield from islice(packets, 12)
            raise av.error.OSError(5, "Input/output error", "disk")

        self.packets = getattr(self, "packets", None) or until_12()
        return original(self, self.packets)

    monkeypatch.setattr(PyAVBackend, "_next_packet", failing)
    frames, message = read_damaged(video)
    assert [frame.index for frame in frames] == list(range(12))
    assert "reading broke off (Input/output error)" in message


def test_a_video_of_three_frames(tmp_path):
    video = make_video(tmp_path / "short.mp4", images=[picture(index) for index in range(3)])
    with open_video(video) as frames:
        assert [frame.index for frame in frames] == [0, 1, 2]


@pytest.mark.parametrize("size_px", [None, (24, 24)])
def test_a_change_of_resolution_scales_to_one_size_and_warns_once(tmp_path, size_px):
    small = make_video(tmp_path / "small.ts", images=[picture(index) for index in range(10)])
    later = [picture(index, size_px=(64, 96)) for index in range(10, 20)]
    large = make_video(tmp_path / "large.ts", images=later)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with (
        open_video(joined, ReadOptions(size_px=size_px)) as video,
        pytest.warns(ResolutionChangedWarning) as caught,
    ):
        frames = list(video)
    assert {frame.image_HWC.shape for frame in frames} == {(*(size_px or (32, 48)), 3)}
    assert [index_of(frame.image_HWC) for frame in frames] == list(range(20))
    assert [frame.pts_seconds for frame in frames] == pytest.approx([index / FPS for index in range(20)])
    (warning,) = caught
    assert "joined.ts: from frame 10 on pictures are 96x64 instead of 48x32" in str(warning.message)
