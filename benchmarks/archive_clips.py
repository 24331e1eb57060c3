"""An archive to be scored: clips of the generated scene, a long video, and a detector that was fitted on that scene.

Letters: T frames, H height, W width, C channels.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.synthesize import synthesize
from normalcy.run_folder import RunFolder
from normalcy.training.config import resolve_config
from normalcy.training.fit import fit
from normalcy.video.reader import ReadOptions, open_video

FPS = 10
_GOP_FRAMES = 20
_SECONDS = (3, 5, 8, 12)
Pictures = list[npt.NDArray[np.uint8]]


def make_archive(folder: Path, *, clips: int, long_seconds: float) -> list[Path]:
    """Clips of 3 to 12 seconds in folders of a camera and a day each, and one long video; those there are kept.

    Args:
        folder: Where `scene` holds the generated scene, and `footage` will hold the archive.
        clips: How many.
        long_seconds: Length of the long video: the scene's test videos again and again.
    """
    pictures = [list(_pictures(path)) for path in sorted((folder / "scene" / "test").glob("*.mp4"))]
    for number in range(clips):
        path = folder / "footage" / f"camera-{number % 4}" / f"2026-03-{number % 7 + 1:02}_{number:04}.mp4"
        if not path.exists():
            _write(path, _part(pictures[number % len(pictures)], number))
    path = folder / "footage" / "camera-9" / "2026-03-08_long.mp4"
    if not path.exists():
        _write(path, _repeated(pictures, round(long_seconds * FPS)))
    return sorted((folder / "footage").rglob("*.mp4"))


def make_scene(folder: Path) -> None:
    """The generated scene."""
    synthesize(folder / "scene", train_videos=4, test_videos=8, fps=float(FPS), processes=2)


def fit_on_scene(folder: Path, method: str, preset: str | None) -> Path:
    """A detector fitted on the generated scene; its bundle."""
    run = RunFolder(folder / f"run-{method}-{preset or 'default'}")
    if not run.bundle.is_dir():
        data = {"name": "walkway", "root": str(folder / "scene"), "cache": str(folder / "cache")}
        words = {"preset": preset} if preset else {}
        fit(resolve_config(method, data=data, **words), run=run)
    return run.bundle


def _pictures(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    with open_video(path, ReadOptions()) as video:
        for frame in video:
            yield frame.image_HWC


def _part(pictures: Pictures, number: int) -> Pictures:
    count = _SECONDS[number % len(_SECONDS)] * FPS
    start = number * 13 % max(1, len(pictures) - count)
    return pictures[start : start + count]


def _repeated(videos: Sequence[Pictures], frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    given = 0
    while True:
        for picture in (each for pictures in videos for each in pictures):
            if given == frames:
                return
            given += 1
            yield picture


def _write(path: Path, pictures: "Pictures | Iterator[npt.NDArray[np.uint8]]") -> None:
    """H.264 with B-frames and a key frame every two seconds, as cameras make it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4") as container:
        stream = None
        for place, image_HWC in enumerate(pictures):
            if stream is None:
                stream = container.add_stream("libx264", rate=FPS)
                stream.height, stream.width = image_HWC.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.options = {"g": str(_GOP_FRAMES), "bf": "2", "crf": "23", "preset": "veryfast"}
            frame = av.VideoFrame.from_ndarray(image_HWC, "rgb24")
            frame.pts, frame.time_base = place, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode(None))
    part.rename(path)
