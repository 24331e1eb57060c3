"""Small datasets written to disk, in the layouts that the loaders have to understand."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import scipy.io

SIZE_PX = (12, 16)


def write_pictures(folder: Path, count: int, *, first: int = 0, suffix: str = ".png") -> Path:
    """Grey pictures whose brightness is their place."""
    folder.mkdir(parents=True)
    for place in range(count):
        image_HW = np.full(SIZE_PX, 10 + place, dtype=np.uint8)
        assert cv2.imwrite(str(folder / f"{first + place:03d}{suffix}"), image_HW)
    return folder


def write_masks(
    folder: Path, abnormal: Sequence[bool], *, first: int = 0, suffix: str = ".png", value: int = 255
) -> Path:
    """Masks that are empty where normal and have one pixel where abnormal."""
    folder.mkdir(parents=True)
    for place, flag in enumerate(abnormal):
        mask_HW = np.zeros(SIZE_PX, dtype=np.uint8)
        mask_HW[2, 3] = value if flag else 0
        assert cv2.imwrite(str(folder / f"{first + place:03d}{suffix}"), mask_HW)
    return folder


def write_video(path: Path, count: int, *, fps: int = 25, size_px: tuple[int, int] = (32, 48)) -> Path:
    """A video file whose brightness grows from frame to frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = size_px
        stream.pix_fmt = "yuv420p"
        for place in range(count):
            image_HWC = np.full((*size_px, 3), 20 + 4 * place, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image_HWC, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_gt_mat(path: Path, intervals: Sequence[Sequence[tuple[int, int]]]) -> Path:
    """A `.mat` file with the cell array `gt` of (2, N), counted from 1."""
    cells = np.empty((1, len(intervals)), dtype=object)
    for place, pairs in enumerate(intervals):
        cells[0, place] = np.array(pairs, dtype=np.uint8).reshape(-1, 2).T
    scipy.io.savemat(path, {"gt": cells})
    return path


def write_interval_file(path: Path, ranges: Sequence[str]) -> Path:
    """A UCSD `.m` file."""
    lines = ["TestVideoFile = {};", *(f"TestVideoFile{{end+1}}.gt_frame = [{text}];" for text in ranges)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_volume(path: Path, abnormal: Sequence[bool]) -> Path:
    """An Avenue label file with the cell array `volLabel`."""
    cells = np.empty((1, len(abnormal)), dtype=object)
    for place, flag in enumerate(abnormal):
        mask_HW = np.zeros(SIZE_PX, dtype=np.uint8)
        mask_HW[4:6, 5] = flag
        cells[0, place] = mask_HW
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {"volLabel": cells})
    return path


def statuses(report) -> dict[str, list[str]]:
    """What a check says, by status."""
    said: dict[str, list[str]] = {}
    for item in report.items:
        said.setdefault(item.status, []).append(item.what)
    return said


def write_pictures_of(folder: Path, images: Sequence[np.ndarray]) -> Path:
    """A folder of pictures, as given."""
    folder.mkdir(parents=True)
    for place, image in enumerate(images):
        assert cv2.imwrite(str(folder / f"{place:03d}.png"), image)
    return folder


def write_scene(folder: Path, *, seed: int, frames: int = 6, moves: bool = False) -> Path:
    """Pictures of a scene of its own, in which a bright square may pass."""
    rough = np.random.default_rng(seed).integers(0, 200, (6, 8), np.uint8)
    image_HW = cv2.resize(rough, (64, 48), interpolation=cv2.INTER_CUBIC)
    images = []
    for t in range(frames):
        shown = image_HW.copy()
        if moves:
            shown[16:30, 4 * t : 4 * t + 12] = 255
        images.append(shown)
    return write_pictures_of(folder, images)


def write_classes(root: Path, *, scenes: int = 6, frames: int = 6) -> Path:
    """One folder a class, `normal` and `passing`, of so many scenes each, as folders of pictures."""
    for n in range(scenes):
        write_scene(root / "normal" / f"n{n}", seed=n, frames=frames)
        write_scene(root / "passing" / f"p{n}", seed=100 + n, frames=frames, moves=True)
    return root
