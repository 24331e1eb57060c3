"""Makes the contact sheet of the docs: the three settings, then the seven anomalies with their masks outlined.

    python -m normalcy.datasets.walkway.contact_sheet OUT.png

Letters: H height, W width, C channels (RGB).
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.walkway.actors import AnomalyKind
from normalcy.datasets.walkway.render import Stage
from normalcy.datasets.walkway.script import make_script
from normalcy.datasets.walkway.settings import SettingName
from normalcy.errors import NormalcyError, OutputError
from normalcy.run_folder import writing_to

LOG = logging.getLogger(__name__)
UInt8Array = npt.NDArray[np.uint8]
Color = tuple[int, int, int]

SIZE_PX, SMALL_PX = (240, 360), (60, 90)
ROWS = (3, 4, 4)  # tiles in each row
CAPTION_PX, GAP_PX = 26, 8
OUTLINE: Color = (255, 214, 0)
INK: Color = (52, 58, 66)
PAPER = 250
# Even grey levels only: not to be seen, and a quarter less to download.
_GREY_STEP = 2


@dataclass(frozen=True)
class Shot:
    """A frame worth showing.

    Attributes:
        caption: What it shows.
        setting: Where it plays.
        seed: Of its script.
        seconds: When.
        anomaly: What happens.
        small: Shown as a camera of few pixels gives it, noise and all.
    """

    caption: str
    setting: SettingName
    seed: int
    seconds: float
    anomaly: AnomalyKind | None = None
    small: bool = False


SHOTS = (
    Shot("normal: textured wall", "wall", 22, 7.1),
    Shot("normal: plain one-way corridor", "corridor", 23, 10.7),
    Shot("normal: crowd", "crowd", 22, 7.1),
    Shot("runner", "wall", 12, 6.4, "runner"),
    Shot("cyclist", "corridor", 11, 6.1, "cyclist"),
    Shot("cart", "crowd", 12, 6.8, "cart"),
    Shot("against the flow", "corridor", 14, 10.4, "against_flow"),
    Shot("fall", "wall", 12, 6.5, "fall"),
    Shot("loiterer", "crowd", 12, 9.1, "loiterer"),
    Shot("abandoned object", "wall", 11, 10.0, "abandoned_object"),
    Shot("runner, at 60x90 pixels", "wall", 12, 6.4, "runner", small=True),
)


def contact_sheet() -> UInt8Array:
    """The sheet, uint8 (H, W, 3)."""
    shots = iter(SHOTS)
    rows = [_row([_tile(next(shots)) for _ in range(count)], most=max(ROWS)) for count in ROWS]
    return _framed(np.concatenate(rows))


def write_contact_sheet(path: Path) -> None:
    """Writes the sheet as a PNG; raises OutputError when it cannot be written."""
    if path.suffix.lower() != ".png":
        raise OutputError("is not the name of a PNG file", where=path, hint="Choose a name that ends in .png")
    sheet_HWC = contact_sheet() // _GREY_STEP * _GREY_STEP
    _, data = cv2.imencode(".png", sheet_HWC[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with writing_to(path):
        path.write_bytes(data.tobytes())


def main(arguments: Sequence[str]) -> int:
    """Writes the sheet to the one path given; returns the exit status."""
    try:
        if len(arguments) != 1:
            raise OutputError(
                f"{len(arguments)} arguments", where="contact_sheet", hint="Give the path of one PNG"
            )
        write_contact_sheet(Path(arguments[0]))
    except NormalcyError as error:
        LOG.error("%s", error)
        return error.exit_code
    return 0


def _tile(shot: Shot) -> UInt8Array:
    size_px = SMALL_PX if shot.small else SIZE_PX
    script = make_script(shot.setting, seed=shot.seed, size_px=size_px, seconds=20, anomaly=shot.anomaly)
    frame = Stage(script, noise=shot.small).frame(round(shot.seconds * script.fps))
    large = SIZE_PX[::-1]
    image_HWC = cv2.resize(frame.image_HWC, large, interpolation=cv2.INTER_NEAREST)
    mask_HW = cv2.resize(frame.mask_HW.astype(np.uint8), large, interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(mask_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image_HWC, outlines, -1, OUTLINE, 1)
    return _captioned(np.asarray(image_HWC, np.uint8), shot.caption)


def _captioned(image_HWC: UInt8Array, caption: str) -> UInt8Array:
    strip_HWC = np.full((CAPTION_PX, image_HWC.shape[1], 3), PAPER, np.uint8)
    cv2.putText(strip_HWC, caption, (2, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, INK, 1, cv2.LINE_AA)
    return np.concatenate([image_HWC, strip_HWC])


def _row(tiles: Sequence[UInt8Array], *, most: int) -> UInt8Array:
    """Tiles beside each other, in the middle of a row that has room for `most`."""
    row_HWC = np.concatenate([_framed(tile) for tile in tiles], axis=1)
    missing_px = most * (tiles[0].shape[1] + GAP_PX) - row_HWC.shape[1]
    sides = (missing_px // 2, missing_px - missing_px // 2)
    return np.pad(row_HWC, ((0, 0), sides, (0, 0)), constant_values=PAPER)


def _framed(image_HWC: UInt8Array) -> UInt8Array:
    half = GAP_PX // 2
    return np.pad(image_HWC, ((half, half), (half, half), (0, 0)), constant_values=PAPER)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")
    sys.exit(main(sys.argv[1:]))
