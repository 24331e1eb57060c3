"""The memory of looks: examples of what normal things look like, each with where it comes from.

Letters: N examples, D channels of a look, F of a whitened one, Q queries.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from normalcy.methods.scene_memory.arrays import Array, Arrays

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
UInt8Array = npt.NDArray[np.uint8]

_LEAST_VARIANCE = 1e-3  # of the mean
_TINY = 1e-6
_USUAL = 1.1  # nineteen of twenty normal looks lie no farther from the nearest example
_SAME = 0.1
_MOST_HYPERGEOMETRIC = 10**9  # that NumPy draws from


class Origin(NamedTuple):
    """Where an example comes from.

    Attributes:
        video: Name.
        frame: Number in the video.
        seconds: Its time.
        row, column: Cell.
    """

    video: str
    frame: int
    seconds: float
    row: int
    column: int


class Candidates:
    """An even draw of looks from footage of any length, in bounded memory (Vitter's reservoir, 1985)."""

    def __init__(self, limit: int, *, seed: int = 0) -> None:
        self._limit, self._random = limit, np.random.default_rng(seed)
        self._looks: list[FloatArray] = []
        self._origins: list[Origin] = []
        self._seen = 0

    def add(self, looks_ND: FloatArray, origins: Sequence[Origin]) -> None:
        """Offers looks; each that was ever offered is kept with the same chance."""
        for look_D, origin in zip(looks_ND, origins, strict=True):
            self._seen += 1
            if len(self._looks) < self._limit:
                self._looks.append(look_D.astype(np.float32))
                self._origins.append(origin)
            elif (place := int(self._random.integers(self._seen))) < self._limit:
                self._looks[place], self._origins[place] = look_D.astype(np.float32), origin

    def drawn(self) -> dict[str, Array]:
        """What was kept, with where it comes from, and of how many it was drawn: plain arrays, for `merge`."""
        rows_N5, videos_U = _as_arrays(self._origins)
        return {
            "look_ND": np.array(self._looks, np.float32),
            "origin_N5": rows_N5,
            "videos_U": videos_U,
            "offered": np.array(self._seen, np.int64),
        }

    def merge(self, drawn: Mapping[str, Array]) -> None:
        """Draws anew from both: each look that was offered to either is kept with the same chance."""
        looks_ND, offered = drawn["look_ND"], int(drawn["offered"])
        origins = _as_origins(drawn["origin_N5"], drawn["videos_U"])
        own = self._own_share(offered, others=len(looks_ND))
        kept_own = self._some(len(self._looks), own)
        kept_other = self._some(len(looks_ND), min(self._limit, self._seen + offered) - own)
        self._looks = [*(self._looks[place] for place in kept_own), *looks_ND[kept_other].astype(np.float32)]
        self._origins = [
            *(self._origins[place] for place in kept_own),
            *(origins[place] for place in kept_other),
        ]
        self._seen += offered

    def _own_share(self, offered: int, *, others: int) -> int:
        """How many of an even draw from both would be from the own: hypergeometric."""
        kept = min(self._limit, self._seen + offered)
        if self._seen + offered < _MOST_HYPERGEOMETRIC:
            return int(self._random.hypergeometric(self._seen, offered, kept))
        # Of so many, drawing with and without putting back is the same.
        own = int(self._random.binomial(kept, self._seen / (self._seen + offered)))
        return min(max(own, kept - others), len(self._looks))

    def _some(self, count: int, kept: int) -> IntArray:
        """Places of so many, in their order."""
        return np.sort(self._random.choice(count, kept, replace=False))

    def __len__(self) -> int:
        return len(self._looks)

    @property
    def kept(self) -> FloatArray:
        """What was kept."""
        return np.stack(self._looks)

    @property
    def origins(self) -> list[Origin]:
        """Where each comes from."""
        return list(self._origins)


class Examples(Arrays):
    """Examples, and how far a look is from the nearest: 1 where it is as far as normal looks get.

    Args:
        width: D.
        dims: F.
        count: N at most.
    """

    grows = True
    mean_D: FloatArray
    whitening_DF: FloatArray
    example_NF: FloatArray
    origin_N5: npt.NDArray[np.float64]
    videos_U: UInt8Array

    def __init__(self, width: int, *, dims: int, count: int) -> None:
        self.dims, self.limit = dims, count
        self.mean_D = np.zeros(width, np.float32)
        self.whitening_DF = np.eye(width, dims, dtype=np.float32)
        self.example_NF = np.zeros((1, dims), np.float32)
        self.origin_N5 = np.zeros((1, 5), np.float64)
        self.videos_U = _as_bytes([""])
        self._made: tuple[FloatArray, FloatArray] | None = None

    def learn(self, candidates: Candidates, *, seed: int = 0) -> None:
        """Whitens, and keeps the centre of each cluster, with where the candidate nearest to it comes from."""
        looks_ND = candidates.kept
        mean_D = looks_ND.mean(axis=0)
        away_ND = looks_ND - mean_D
        variance_D, axes_DD = np.linalg.eigh(away_ND.T @ away_ND / len(away_ND))
        # A direction in which normal footage never varies must not weigh without end.
        kept = np.argsort(variance_D)[::-1][: self.dims]
        scale_F = np.sqrt(np.maximum(variance_D[kept], 0) + _LEAST_VARIANCE * variance_D.mean() + _TINY)
        self.mean_D = mean_D
        self.whitening_DF = (axes_DD[:, kept] / scale_F).astype(np.float32)
        whitened_NF = self.whiten(looks_ND)
        example_NF, chosen = _representatives(whitened_NF, self.limit, seed)
        self.example_NF = example_NF
        self._set_origins([candidates.origins[place] for place in chosen])

    def whiten(self, looks_QD: FloatArray) -> FloatArray:
        """Looks in which normal footage varies alike in all directions, (Q, F)."""
        return np.asarray((looks_QD - self.mean_D) @ self.whitening_DF, np.float32)

    def distance(self, whitened_QF: FloatArray) -> FloatArray:
        """Distance to the nearest example, over the root of the number of directions, (Q,)."""
        own_Q = np.einsum("qf,qf->q", whitened_QF, whitened_QF)
        squares_Q = self._relative(whitened_QF).min(axis=1) + own_Q
        return np.asarray(np.sqrt(np.maximum(squares_Q, 0) / self.dims), np.float32)

    def nearest(self, whitened_QF: FloatArray) -> list[Origin]:
        """Where the nearest example of each look comes from."""
        return _as_origins(self.origin_N5[self._squares(whitened_QF).argmin(axis=1)], self.videos_U)

    @property
    def origins(self) -> list[Origin]:
        """Where each example comes from."""
        return _as_origins(self.origin_N5, self.videos_U)

    def add(self, whitened_NF: FloatArray, origins: Sequence[Origin]) -> None:
        """More examples, such as an operator's "this is normal"."""
        before = self.origins
        self.example_NF = np.concatenate([self.example_NF, whitened_NF])
        self._set_origins([*before, *origins])

    def forget(self, keep_N: npt.NDArray[np.bool_]) -> None:
        """Drops the examples that are not to be kept; one must stay."""
        kept = [origin for origin, keep in zip(self.origins, keep_N, strict=True) if keep]
        self.example_NF = self.example_NF[keep_N]
        self._set_origins(kept)

    def add_new(self, whitened_QF: FloatArray, origins: Sequence[Origin]) -> int:
        """Adds looks until each is as near to an example as is usual, the strangest first; returns how many.

        Memory stays bounded: of more than twice as many as were fitted, those give way that add least to earlier ones.
        """
        distance_Q, chosen = self.distance(whitened_QF), list[int]()
        while distance_Q.max(initial=0.0) > _USUAL:
            strangest = int(distance_Q.argmax())
            chosen.append(strangest)
            away_Q = np.sqrt(np.square(whitened_QF - whitened_QF[strangest]).mean(axis=1))
            distance_Q = np.minimum(distance_Q, away_Q)
        if chosen:
            self.add(whitened_QF[chosen], [origins[place] for place in chosen])
            self._bound()
        return len(chosen)

    def forget_seen(self, whitened_QF: FloatArray, *, from_there_N: npt.NDArray[np.bool_]) -> int:
        """Drops what was learned from these looks; returns how many examples. One stays in any case.

        Args:
            whitened_QF: Looks.
            from_there_N: Which examples come from the same time and place; of these go all that could be the centre of
                such looks, of the others only those that are one of these looks.
        """
        distance_N = np.sqrt(np.maximum(self._squares(whitened_QF).min(axis=0), 0) / self.dims)
        keep_N = distance_N > np.where(from_there_N, _USUAL, _SAME)
        keep_N[distance_N.argmax()] |= not keep_N.any()
        if not keep_N.all():
            self.forget(keep_N)
        return int((~keep_N).sum())

    def _bound(self) -> None:
        count = len(self.example_NF)
        if count <= 2 * self.limit:
            return
        earlier_NN = np.tri(count, k=-1, dtype=np.bool_)
        squares_NN = np.where(earlier_NN, self._squares(self.example_NF), np.float32(np.inf))
        keep_N = np.ones(count, np.bool_)
        keep_N[np.argsort(squares_NN.min(axis=1), kind="stable")[: count - 2 * self.limit]] = False
        self.forget(keep_N)

    def _squares(self, whitened_QF: FloatArray) -> FloatArray:
        """Squared distances to all examples, (Q, N)."""
        own_Q = np.einsum("qf,qf->q", whitened_QF, whitened_QF)
        return np.asarray(self._relative(whitened_QF) + own_Q[:, None], np.float32)

    def _relative(self, whitened_QF: FloatArray) -> FloatArray:
        """The same less what all of a look's have in common, its own square: by one matrix product, (Q, N)."""
        if self._made is None or self._made[0] is not self.example_NF:
            example_NF = self.example_NF
            square_N1 = np.einsum("nf,nf->n", example_NF, example_NF)[:, None]
            self._made = self.example_NF, np.ascontiguousarray(np.hstack([-2 * example_NF, square_N1]).T)
        ones_Q1 = np.ones((len(whitened_QF), 1), np.float32)
        return np.asarray(np.hstack([whitened_QF, ones_Q1]) @ self._made[1], np.float32)

    def _set_origins(self, origins: Sequence[Origin]) -> None:
        self.origin_N5, self.videos_U = _as_arrays(origins)


def _representatives(whitened_NF: FloatArray, count: int, seed: int) -> tuple[FloatArray, IntArray]:
    """The centre of each cluster, and the place of the look nearest to it."""
    if len(whitened_NF) <= count:
        return whitened_NF, np.arange(len(whitened_NF))
    from sklearn.cluster import MiniBatchKMeans

    clusters = MiniBatchKMeans(
        count, init="random", batch_size=4096, n_init=1, max_iter=10, random_state=seed
    ).fit(whitened_NF)
    away_N = np.square(whitened_NF - clusters.cluster_centers_[clusters.labels_]).sum(axis=1)
    order = np.lexsort((away_N, clusters.labels_))
    labels, first = np.unique(clusters.labels_[order], return_index=True)
    return clusters.cluster_centers_[labels].astype(np.float32), order[first]


def _as_arrays(origins: Sequence[Origin]) -> tuple[npt.NDArray[np.float64], UInt8Array]:
    """Numbers of each, (N, 5), and the names of the videos that the first of them stands for."""
    names = sorted({origin.video for origin in origins})
    number = {name: place for place, name in enumerate(names)}
    rows = [(number[o.video], o.frame, o.seconds, o.row, o.column) for o in origins]
    return np.array(rows, np.float64), _as_bytes(names)


def _as_origins(rows_N5: npt.NDArray[np.float64], videos_U: UInt8Array) -> list[Origin]:
    names = _from_bytes(videos_U)
    return [Origin(names[int(v)], int(f), float(t), int(r), int(c)) for v, f, t, r, c in rows_N5]


def _as_bytes(names: Sequence[str]) -> UInt8Array:
    return np.array(list(json.dumps(list(names)).encode()), np.uint8)


def _from_bytes(content_U: UInt8Array) -> list[str]:
    names: list[str] = json.loads(content_U.tobytes().decode())
    return names
