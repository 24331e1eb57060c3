"""What is usual at each place, counted as footage goes by: memory does not grow with it.

Letters: S scenes, R rows and C columns of cells, B bins.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays, counted_together

FloatArray = npt.NDArray[np.float32]

_ROW_BINS = 160


class PlaceHistogram(Arrays):
    """Histograms of a value in each cell of each scene.

    Args:
        scenes: How many.
        grid_RC: Rows and columns.
        low, high: Range of the bins; what lies beyond counts in the outermost.
        bins: How many.
    """

    count_SRCB: FloatArray

    def __init__(
        self, scenes: int, grid_RC: tuple[int, int], *, low: float, high: float, bins: int = 48
    ) -> None:
        self.low, self.high, self.bins = low, high, bins
        self.count_SRCB = np.zeros((scenes, *grid_RC, bins), np.float32)

    def add(
        self,
        value_RC: FloatArray,
        *,
        scene: int,
        where_RC: npt.NDArray[np.bool_] | None = None,
        times_RC: FloatArray | None = None,
    ) -> None:
        """Counts a value in every cell, or in those asked for; histograms of rows take the values of all columns.

        Args:
            value_RC: The value of each cell.
            scene: Of which scene.
            where_RC: Cells that are asked for.
            times_RC: How often each counts, once without; below 0 it is taken back, as far as it was counted.
        """
        place_RC = np.clip((value_RC - self.low) / (self.high - self.low) * self.bins, 0, self.bins - 1)
        rows, columns = np.nonzero(np.ones(value_RC.shape, np.bool_) if where_RC is None else where_RC)
        place = place_RC[rows, columns].astype(np.int64)
        times_N = np.float32(1) if times_RC is None else times_RC[rows, columns]
        if self.count_SRCB.shape[2] == 1:
            columns = np.zeros_like(columns)
        count_RCB = self.count_SRCB[scene]
        np.add.at(count_RCB, (rows, columns, place), times_N)
        if times_RC is not None:
            np.maximum(count_RCB, 0, out=count_RCB)

    def counted(self) -> dict[str, Array]:
        """What was counted, by name, as it is held."""
        return {"count_SRCB": self.count_SRCB}

    def merge(self, counted: Mapping[str, Array]) -> None:
        """Adds what another of the same scenes has counted: exact, as if this one had counted all of it."""
        self.count_SRCB[...] = counted_together(self.count_SRCB, counted["count_SRCB"])

    def quantile(self, q: float, *, reach: tuple[int, int], alike: float = 1.0) -> FloatArray:
        """Value that a part `q` stays below, (S, R, C), over the cells up to `reach` rows and columns away.

        Where little was counted it is drawn toward that of the whole scene. Neighbours in place and time that tell
        the same thing are no evidence of their own: `alike` of them count as one.
        """
        count_SRCB = self.count_SRCB
        around = _box_sum(_box_sum(count_SRCB, reach[0], axis=1), reach[1], axis=2)
        whole = np.broadcast_to(count_SRCB.sum(axis=(1, 2), keepdims=True), around.shape)
        n_SRC = around.sum(axis=-1) / alike
        trust_SRC = n_SRC / (n_SRC + 1000.0)
        value = trust_SRC * self._value(around, q) + (1 - trust_SRC) * self._value(whole, q)
        return np.asarray(value, np.float32)

    def _value(self, count_SRCB: FloatArray, q: float) -> FloatArray:
        """Quantile of histograms, straight within a bin; the lowest value where nothing was counted."""
        total = count_SRCB.sum(axis=-1, keepdims=True)
        cumulated = np.cumsum(count_SRCB, axis=-1)
        place = np.argmax(cumulated >= q * total, axis=-1)[..., None]
        inside = np.take_along_axis(count_SRCB, place, -1)
        before = np.take_along_axis(cumulated, place, -1) - inside
        part = np.where(inside > 0, (q * total - before) / np.maximum(inside, 1), 0.0)
        return np.asarray(self.low + (place + part)[..., 0] / self.bins * (self.high - self.low), np.float32)


class RowUsual(Arrays):
    """What normal footage stays below in each row of each scene, of a value that is above 0 where there is anything.

    Args:
        scenes: How many, S.
        rows: How many, R.
        low, high: Range of values that are told apart.
        quantile: The part of the values that counts as usual.
        alike: So many neighbouring cells and frames tell of the same visitor.
        least_of_highest: No row's usual is less than that part of the highest.
    """

    usual_SR: FloatArray

    def __init__(
        self,
        scenes: int,
        rows: int,
        *,
        low: float,
        high: float,
        quantile: float,
        alike: float,
        least_of_highest: float,
    ) -> None:
        self.low, self.quantile, self.alike, self.least_of_highest = low, quantile, alike, least_of_highest
        self.seen = PlaceHistogram(scenes, (rows, 1), low=np.log(low), high=np.log(high), bins=_ROW_BINS)
        self.usual_SR = np.ones((scenes, rows), np.float32)

    def add(self, value_RC: FloatArray, *, scene: int, times_RC: FloatArray | None = None) -> None:
        """Counts the values above 0, on a logarithmic scale; `times_RC` as above."""
        logs_RC = np.log(np.maximum(value_RC, self.low))
        self.seen.add(logs_RC, scene=scene, where_RC=value_RC > 0, times_RC=times_RC)

    def counted(self) -> dict[str, Array]:
        """What was counted, by name, as it is held."""
        return self.seen.counted()

    def merge(self, counted: Mapping[str, Array]) -> None:
        """Adds what another has counted, exactly; `settle` then takes the usual of both."""
        self.seen.merge(counted)

    def settle(self) -> None:
        """Takes the usual from what was counted in each row and right beside it."""
        usual_SR = np.exp(self.seen.quantile(self.quantile, reach=(1, 0), alike=self.alike)[..., 0])
        least_S1 = self.least_of_highest * usual_SR.max(axis=1, keepdims=True)
        self.usual_SR[...] = np.maximum(usual_SR, least_S1)

    def multiple(self, value_RC: FloatArray, *, scene: int) -> FloatArray:
        """The value in units of the usual."""
        return np.asarray(value_RC / self.usual_SR[scene][:, None], np.float32)


def _box_sum(values: FloatArray, reach: int, *, axis: int) -> FloatArray:
    """Sums over neighbours up to `reach` away along an axis; -1 sums over all of it."""
    if reach < 0:
        return np.broadcast_to(values.sum(axis=axis, keepdims=True), values.shape)
    pad = [(reach, reach) if each == axis else (0, 0) for each in range(values.ndim)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, pad), 2 * reach + 1, axis=axis)
    return np.asarray(windows.sum(axis=-1))
