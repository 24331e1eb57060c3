"""The corridor's camera and geometry: metres in the world to pixels in the picture.

World axes: X to the right, Y up from the floor, Z away from the camera, in metres. The camera looks along Z without
tilt, so uprights stay upright; its horizon lies above the middle of the picture, which shows more floor than ceiling.

Letters: N points.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

WALL_DEPTH_M = 7.2
CEILING_M = 3.1
# Depths people walk at, from near to far.
LANES_M = (3.65, 4.05, 4.48, 4.95, 5.45, 6.0, 6.6)
WALKING_MPS = 1.4
# At this depth a walker of 1.4 m/s moves 2 px a frame at 10 frames a second in a picture 64 px high.
REFERENCE_DEPTH_M = 64 * WALKING_MPS / (2 * 10)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with a focal length of one picture height.

    Attributes:
        size_px: (height, width); everything scales with the height, the width sets how much is seen.
        height_m: Of the lens above the floor.
        horizon: Row of the horizon as a part of the picture's height.
    """

    size_px: tuple[int, int]
    height_m: float = 2.4
    horizon: float = 0.22

    @property
    def focal_px(self) -> float:
        """Focal length."""
        return float(self.size_px[0])

    def scale(self, z_m: float) -> float:
        """Pixels per metre at a depth."""
        return self.focal_px / z_m

    def project(self, points_N3: FloatArray) -> FloatArray:
        """World points, (N, 3) as X, Y, Z in metres, to (N, 2) picture x, y; pixel i spans [i, i + 1)."""
        scale_N = self.focal_px / points_N3[:, 2]
        x_N = self.size_px[1] / 2 + scale_N * points_N3[:, 0]
        y_N = self.horizon * self.size_px[0] + scale_N * (self.height_m - points_N3[:, 1])
        return np.stack([x_N, y_N], axis=1)

    def floor_row(self, z_m: float) -> float:
        """Row of the floor at a depth."""
        return self.horizon * self.size_px[0] + self.scale(z_m) * self.height_m

    def half_width_m(self, z_m: float) -> float:
        """Half of the width that is seen at a depth."""
        return self.size_px[1] / 2 / self.scale(z_m)
