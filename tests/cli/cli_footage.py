"""Small videos on disk, whole and damaged, and the folder of a scene with labels."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from normalcy.video.writer import VideoWriter, write_picture

FPS = 10
SIZE_PX = (32, 48)
JUMPING = range(15, 25)


def pictures(frames: int, *, seed: int = 0, size_px=SIZE_PX, jumping=()) -> list[np.ndarray]:
    """A texture that slides by a pixel a frame, and by five while it jumps."""
    texture = np.random.default_rng(seed).integers(0, 255, (*size_px, 1), np.uint8).repeat(3, axis=2)
    steps = [5 if frame in jumping else 1 for frame in range(frames)]
    return [np.roll(texture, shift, axis=1) for shift in np.cumsum(steps)]


def make_video(path: Path, *, frames: int = 40, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps=FPS) as writer:
        for image_HWC in pictures(frames, **options):
            writer.write(image_HWC)
    return path


def make_stream(path: Path, images) -> Path:
    """A video without an index in front: mp4 as most programs write it, or ts, which may be joined."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "6", "preset": "ultrafast"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for place, image_HWC in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image_HWC, "rgb24")
            frame.pts, frame.time_base = place, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_scene(root: Path) -> Path:
    """Your own folder: three normal videos, two to judge, and labels."""
    for number, name in enumerate("abc"):
        make_video(root / "train" / f"{name}.mp4", seed=number)
    for number, name in enumerate("xy"):
        make_video(root / "test" / f"{name}.mp4", seed=7 + number, jumping=JUMPING)
    start, end = JUMPING.start / FPS, JUMPING.stop / FPS
    rows = [f"{name},{start},{end}" for name in "xy"]
    (root / "labels.csv").write_text("\n".join(["video,start_seconds,end_seconds", *rows]) + "\n")
    return root


def cut(path: Path, source: Path) -> Path:
    """The first 60 % of a file."""
    data = source.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def damaged(kind: str, folder: Path) -> Path:
    """A damaged or odd video of a kind; see KINDS."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}.mp4"
    if kind == "cut":
        source = make_video(folder / ".whole.mp4", frames=80, seed=3)
        return cut(path, source)
    if kind == "cut-index":
        return cut(path, make_stream(folder / ".whole2.mp4", pictures(40, seed=3)))
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("Tuesday: the gate was open.\n" * 40)
    elif kind == "three-frames":
        return make_video(path, frames=3)
    elif kind == "resized":
        return _resized(folder / f"{kind}.ts")
    elif kind == "bad-jpg":
        return _pictures_with_a_bad_one(folder / kind)
    return path


KINDS = ("cut", "cut-index", "empty", "text", "three-frames", "resized", "bad-jpg")


def _resized(path: Path) -> Path:
    halves = [
        make_stream(path.with_name(f".half{height}.ts"), pictures(20, size_px=(height, height * 3 // 2)))
        for height in (32, 64)
    ]
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    return path


def _pictures_with_a_bad_one(folder: Path) -> Path:
    for number, image_HWC in enumerate(pictures(40, seed=5)):
        write_picture(folder / f"{number:03}.jpg", image_HWC)
    (folder / "011.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder
