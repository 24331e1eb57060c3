"""Small synthetic videos whose frames can be told apart: the grey level says the index."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 32, 48
FRAMES, FPS = 30, 10
# Accurate colours, many key frames, and no thread pool to start.
ENCODING = {
    "libx264": {"crf": "8", "g": "6", "preset": "ultrafast", "threads": "1"},
    "mpeg4": {"qmin": "1", "qmax": "2", "g": "6"},
}


def level(index: int) -> int:
    return 40 + 5 * index


def picture(index: int, *, size_px: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """An even grey of level(index) with a white corner, upper left."""
    image_HWC = np.full((*size_px, 3), level(index), np.uint8)
    image_HWC[:8, :8] = 255
    return image_HWC


def index_of(image_HWC: np.ndarray) -> int:
    """Which frame it is, from its lower half."""
    return round((float(image_HWC[image_HWC.shape[0] // 2 :].mean()) - level(0)) / 5)


def make_video(
    path: Path,
    *,
    images: Sequence[np.ndarray] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    format: str | None = None,
    rotation: tuple[int, bool, bool] | None = None,
    codec_options: dict[str, str] | None = None,
    **container_options: str,
) -> Path:
    images = [picture(index) for index in range(FRAMES)] if images is None else images
    times = range(len(images)) if pts is None else pts
    with av.open(str(path), "w", format=format, options=container_options) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.options = ENCODING.get(codec, {}) if codec_options is None else codec_options
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        for image_HWC, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image_HWC, "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut(path: Path, fraction: float, *, name: str | None = None) -> Path:
    """A copy that ends early."""
    target = path.with_name(name or f"cut-{path.name}")
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def is_open(path: Path) -> bool:
    """Whether this process holds the file open."""
    return any(link.exists() and link.resolve() == path.resolve() for link in Path("/proc/self/fd").iterdir())
