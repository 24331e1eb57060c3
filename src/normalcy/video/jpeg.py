"""Pictures for people, as JPEG, in memory.

Letters: H height, W width, C channels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.errors import InputError

UInt8Array = npt.NDArray[np.uint8]


def decoded(jpeg: bytes) -> UInt8Array:
    """A JPEG as RGB, uint8 (H, W, 3).

    Raises:
        InputError: It is none.
    """
    image_BGR = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image_BGR is None:
        raise InputError(f"{len(jpeg)} bytes are no picture", where="JPEG")
    return np.ascontiguousarray(image_BGR[..., ::-1], np.uint8)


def encoded(image_HWC: UInt8Array, *, quality: int = 85) -> bytes:
    """RGB, uint8 (H, W, 3), as JPEG."""
    image_BGR = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image_BGR, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
