"""What the tests of scene memory share: small settings, views made by hand, and footage of a walkway.

Letters: T frames, C channels, H height, W width.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from normalcy.methods.contract import ClipScores, FrameStamp
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.method import SceneMemory
from normalcy.methods.scene_memory.scenes import foreground_cells
from normalcy.methods.scene_memory.settings import AppearanceSettings, SceneMemoryConfig
from normalcy.methods.scene_memory.view import View

CONFIG = SceneMemoryConfig(
    look_every_frames=2,
    size_px=(64, 96),
    trunk="torch",
    appearance={"examples": 20, "candidates": 200, "dims": 8},
)
ROWS, COLUMNS = CONFIG.grid_RC
THUMB_HEIGHT, THUMB_WIDTH = CONFIG.thumb_px

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


def view(**changes: Any) -> View:
    """A frame in which nothing is to be seen, but for the changes."""
    nothing: dict[str, Any] = {
        "scene": 0,
        "seconds": 0.1,
        "velocity_RC2": np.zeros((ROWS, COLUMNS, 2), np.float32),
        "thumb_HW3": np.full((THUMB_HEIGHT, THUMB_WIDTH, 3), 100, np.float32),
        "strange_HW": np.zeros((THUMB_HEIGHT, THUMB_WIDTH), np.float32),
        "new_HW": np.zeros((THUMB_HEIGHT, THUMB_WIDTH), np.float32),
        "deviation_HW": np.full((THUMB_HEIGHT, THUMB_WIDTH), 3, np.float32),
        "residual_RC2": np.zeros((ROWS, COLUMNS, 2), np.float32),
        "look_RCF": None,
    }
    seen = nothing | changes
    return View(**({"foreground_RC": foreground_cells(seen["strange_HW"], CONFIG.grid_RC)} | seen))


def going(x: float, y: float = 0.0, *, where: Any = ...) -> View:
    """Everything (or what is where) moves by so many pixels a second."""
    velocity_RC2 = np.zeros((ROWS, COLUMNS, 2), np.float32)
    velocity_RC2[where] = x, y
    return view(velocity_RC2=velocity_RC2)


def everywhere(value: float) -> FloatArray:
    """As strange or new as that, all over the thumbnail."""
    return np.full((THUMB_HEIGHT, THUMB_WIDTH), value, np.float32)


def picture(height: int, width: int, *, seed: int = 0, channels: int = 3) -> UInt8Array:
    """A smooth random picture, (H, W, C), grey levels 40 to 160."""
    coarse = np.random.default_rng(seed).uniform(40, 160, (height // 6 + 2, width // 6 + 2, channels))
    smooth = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth.reshape(height, width, channels).astype(np.uint8)


def walk(
    frames: int = 13, *, seed: int = 0, step_px: int = 2, row: int = 24, ground: int = 0
) -> list[UInt8Array]:
    """Frames, (3, H, W): somebody of 20 x 12 pixels walks to the right over a textured ground."""
    height, width = CONFIG.size_px
    ground_HW3, walker_HW3 = picture(height, width, seed=ground), picture(20, 12, seed=100 + seed)
    walker_HW3 = 255 - walker_HW3 // 2
    film = []
    for t in range(frames):
        image_HW3 = ground_HW3.copy()
        column = (6 + t * step_px) % (width - 12)
        image_HW3[row : row + 20, column : column + 12] = walker_HW3
        film.append(np.ascontiguousarray(image_HW3.transpose(2, 0, 1)))
    return film


def stamps(start: int, *, seconds: float = 0.1) -> tuple[FrameStamp, ...]:
    return tuple(FrameStamp(t, t * seconds) for t in range(start, start + 3))


def scored(method: SceneMemory, film: list[UInt8Array], *, camera: Camera | None = None, hop: int = 2):
    """Scores of the clips of a film, in order."""
    camera = camera or method.camera("film")
    found: list[ClipScores] = []
    for start in range(0, len(film) - 2, hop):
        (look,) = method.look([np.stack(film[start : start + 3])])
        found.append(camera.scores(stamps(start), look))
    return found


@cache
def fitted(*, public: bool = False) -> SceneMemory:
    """A method that remembers a few walks, to be read only; with the trunk's public weights, looks tell them apart."""
    torch.manual_seed(0)
    sharp = AppearanceSettings(examples=60, candidates=400)
    method = SceneMemory(CONFIG.model_copy(update={"appearance": sharp}) if public else CONFIG).eval()
    if public:
        method.begin_training()
    films = [walk(17, seed=seed) for seed in range(2)]
    times = np.arange(17) / 10
    method.survey([(np.stack(film), times) for film in films])
    for number, film in enumerate(films):
        camera = method.camera(f"walk {number}")
        for start in range(0, 15, 2):
            (look,) = method.look([np.stack(film[start : start + 3])])
            camera.remember(stamps(start), look)
    method.settle()
    found = scored(method, walk(17, seed=2))
    method.observe_parts(
        {name: np.concatenate([each.parts[name] for each in found]) for name in CONFIG.streams},
        seconds=1.5,
    )
    return method
