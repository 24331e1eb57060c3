"""A detector of objects from a file that the user gives: YOLOX as its ONNX export writes it.

Zheng Ge, Songtao Liu, Feng Wang, Zeming Li and Jian Sun, "YOLOX: Exceeding YOLO Series in 2021",
https://arxiv.org/abs/2107.08430: anchor-free, a prediction for each cell of grids of stride 8, 16 and 32. The export
takes one picture, blue first, values 0 to 255, and leaves the predictions on their grids: centres as offsets in cells,
sides as logarithms of cells.

Letters: H height, W width, A predictions, K classes, N boxes, U bytes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.errors import BundleError, ConfigError
from normalcy.layers.openvino_import import compiled_for_cpu, openvino_core, openvino_installed
from normalcy.methods.scene_memory.arrays import Arrays
from normalcy.methods.scene_memory.settings import ObjectSettings

FloatArray = npt.NDArray[np.float32]
UInt8Array = npt.NDArray[np.uint8]

STRIDES_PX = (8, 16, 32)
_GROUND = 114  # grey level around a picture of other proportions


class Detector(Arrays):
    """Boxes of the objects in a picture. The file is part of the weights, so that a bundle is whole without it."""

    grows = True
    file_U: UInt8Array

    def __init__(self, settings: ObjectSettings) -> None:
        self.settings = settings
        self.file_U = np.zeros(1, np.uint8)
        self._run: Callable[[FloatArray], FloatArray] | None = None
        self._size_px = (0, 0)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Detector":
        """A copy that opens the file for itself."""
        copied = Detector(self.settings)
        copied.file_U = self.file_U.copy()
        return copied

    def take(self, file: Path) -> None:
        """Takes the detector of a file.

        Raises:
            ConfigError: It cannot be read, or is no such detector, or nothing is installed that runs it.
        """
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=file) from error
        self.file_U = np.frombuffer(content or b"\0", np.uint8).copy()
        self.loaded()
        try:
            self.boxes(np.zeros((64, 64, 3), np.uint8))
        except BundleError as error:
            raise ConfigError(error.what, where=file, hint=error.hint) from error

    def boxes(self, image_HW3: UInt8Array) -> FloatArray:
        """Left, top, right and bottom edge of each object, in pixels of the picture: (N, 4)."""
        if self._run is None:
            self._run, self._size_px = _opened(self.file_U)
        height, width = self._size_px
        scale = min(height / image_HW3.shape[0], width / image_HW3.shape[1])
        predicted_AD = self._run(_padded(image_HW3, scale, self._size_px))
        edges_A4, confidence_A = decoded(predicted_AD, self._size_px)
        return self._chosen(edges_A4 / np.float32(scale), confidence_A)

    def _chosen(self, edges_A4: FloatArray, confidence_A: FloatArray) -> FloatArray:
        """The surest of boxes that overlap (non-maximum suppression)."""
        sure_A = confidence_A >= self.settings.least_confidence
        edges_N4, confidence_N = edges_A4[sure_A], confidence_A[sure_A]
        corner_and_size = np.hstack([edges_N4[:, :2], edges_N4[:, 2:] - edges_N4[:, :2]])
        kept = cv2.dnn.NMSBoxes(
            corner_and_size.tolist(), confidence_N.tolist(), 0.0, self.settings.most_overlap
        )
        return np.asarray(edges_N4[np.array(kept, np.int64).reshape(-1)], np.float32)

    def loaded(self) -> None:
        """Another file is opened when it is first asked."""
        self._run = None


def decoded(predicted_AD: FloatArray, size_px: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Edges, (A, 4), in pixels of the input, and confidences, (A,), from what the export leaves on its grids.

    Args:
        predicted_AD: Centre x and y, width, height, whether there is an object, and each class: (A, 5 + K).
        size_px: Height and width of the input.
    """
    cells, strides = [], []
    for stride_px in STRIDES_PX:
        rows, columns = size_px[0] // stride_px, size_px[1] // stride_px
        y_RC, x_RC = np.mgrid[:rows, :columns]
        cells.append(np.stack([x_RC.ravel(), y_RC.ravel()], axis=1))
        strides.append(np.full((rows * columns, 1), stride_px))
    stride_A1 = np.concatenate(strides).astype(np.float32)
    centre_A2 = (predicted_AD[:, :2] + np.concatenate(cells)) * stride_A1
    half_A2 = np.exp(np.minimum(predicted_AD[:, 2:4], 10)) * stride_A1 / 2
    confidence_A = predicted_AD[:, 4] * predicted_AD[:, 5:].max(axis=1)
    edges_A4 = np.hstack([centre_A2 - half_A2, centre_A2 + half_A2])
    return edges_A4.astype(np.float32), confidence_A.astype(np.float32)


def _padded(image_HW3: UInt8Array, scale: float, size_px: tuple[int, int]) -> FloatArray:
    """The picture as the detector takes it, (1, 3, H, W): in the upper left corner of an even ground, blue first."""
    height, width = round(image_HW3.shape[0] * scale), round(image_HW3.shape[1] * scale)
    scaled_HW3 = cv2.resize(image_HW3, (width, height), interpolation=cv2.INTER_LINEAR)
    padded_HW3 = np.full((*size_px, 3), _GROUND, np.uint8)
    padded_HW3[:height, :width] = scaled_HW3[..., ::-1]
    return np.ascontiguousarray(padded_HW3.transpose(2, 0, 1)[None], np.float32)


def _opened(file_U: UInt8Array) -> tuple[Callable[[FloatArray], FloatArray], tuple[int, int]]:
    """What runs the detector, and the height and width that it takes.

    Raises:
        BundleError: It is no such detector, or nothing is installed that runs it.
    """
    if not openvino_installed():
        raise BundleError("nothing is installed that runs a detector", hint="pip install 'normalcy[runtime]'")
    try:
        model = openvino_core().read_model(model=file_U.tobytes())
        (given,), (made,) = model.inputs, model.outputs
        height, width = given.shape[2], given.shape[3]
        cells = sum((height // stride) * (width // stride) for stride in STRIDES_PX)
        fits = tuple(given.shape[:2]) == (1, 3) and tuple(made.shape[:2]) == (1, cells) and made.shape[2] > 5
    except (RuntimeError, ValueError) as error:
        raise BundleError(
            f"is no ONNX model of a fixed size: {' '.join(str(error).split())[:120]}"
        ) from error
    if not fits:
        raise BundleError(
            f"takes {given.shape} and gives {made.shape}, which is no YOLOX",
            hint="Export YOLOX for one picture, without decoding",
        )
    request = compiled_for_cpu(model, {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()

    def run(image_13HW: FloatArray) -> FloatArray:
        (predicted_1AD,) = request.infer([image_13HW]).values()
        return np.array(predicted_1AD[0], np.float32)

    return run, (height, width)
