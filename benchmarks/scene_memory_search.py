"""Ways to find the nearest remembered look: a matrix product, and libraries for approximate search where installed.

Letters: N examples, F channels, Q looks of the foreground of one frame.
"""

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scene_memory_variants import stage_looks

FloatArray = npt.NDArray[np.float32]
Search = Callable[[FloatArray], FloatArray]
"""From looks, (Q, F), to the squared distance of each to the nearest example that is found, (Q,)."""

HNSW_NEIGHBOURS, HNSW_REACH = 16, 32
CENTRES, VISITED = 64, 4


def searches(run: Path, data: str, root: Path, count: int) -> dict[str, dict[str, Any]]:
    """By name: the work of searching for the looks of every frame, and what it gives, over frames that have any."""
    example_NF, looks = stage_looks(run, data, root, count)
    ways = {"matrix product": _product(example_NF)}
    if importlib.util.find_spec("faiss"):
        ways |= _faiss(example_NF)
    if importlib.util.find_spec("hnswlib"):
        ways["hnswlib, HNSW"] = _hnswlib(example_NF)
    exact = np.concatenate([ways["matrix product"](look_QF) for look_QF in looks])
    return {
        name: {
            "work": partial(_all, search, looks),
            "frames": len(looks),
            "looks_per_frame": float(np.mean([len(look_QF) for look_QF in looks])),
            "examples": len(example_NF),
            "mean_excess_distance": _excess(search, looks, exact),
        }
        for name, search in ways.items()
    }


def _all(search: Search, looks: list[FloatArray]) -> None:
    for look_QF in looks:
        search(look_QF)


def _excess(search: Search, looks: list[FloatArray], exact: FloatArray) -> float:
    """By how much the distance that is found exceeds the true one, in the mean, relative to it."""
    found = np.concatenate([search(look_QF) for look_QF in looks])
    return float((np.sqrt(np.maximum(found, 0)) / np.sqrt(np.maximum(exact, 1e-9))).mean() - 1)


def _product(example_NF: FloatArray) -> Search:
    """As anyone would write it; `Examples.distance` takes the squares of the examples into the product as well."""
    norm_N = np.einsum("nf,nf->n", example_NF, example_NF)
    doubled_FN = np.ascontiguousarray((-2 * example_NF).T)

    def search(look_QF: FloatArray) -> FloatArray:
        squares_QN = look_QF @ doubled_FN
        squares_QN += norm_N
        squares_QN += np.einsum("qf,qf->q", look_QF, look_QF)[:, None]
        return np.asarray(squares_QN.min(axis=1), np.float32)

    return search


def _faiss(example_NF: FloatArray) -> dict[str, Search]:
    import faiss

    width = example_NF.shape[1]
    flat = faiss.IndexFlatL2(width)
    hnsw = faiss.IndexHNSWFlat(width, HNSW_NEIGHBOURS)
    hnsw.hnsw.efSearch = HNSW_REACH
    cells = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, CENTRES)
    cells.train(example_NF)
    cells.nprobe = VISITED
    for index in (flat, hnsw, cells):
        index.add(example_NF)
    named = {"faiss, exact": flat, "faiss, HNSW": hnsw, f"faiss, {VISITED} of {CENTRES} cells": cells}
    return {name: partial(_first, index) for name, index in named.items()}


def _first(index: Any, look_QF: FloatArray) -> FloatArray:
    return np.asarray(index.search(look_QF, 1)[0][:, 0])


def _hnswlib(example_NF: FloatArray) -> Search:
    import hnswlib

    index = hnswlib.Index(space="l2", dim=example_NF.shape[1])
    index.init_index(max_elements=len(example_NF), M=HNSW_NEIGHBOURS, ef_construction=200)
    index.add_items(example_NF)
    index.set_ef(HNSW_REACH)

    def search(look_QF: FloatArray) -> FloatArray:
        return np.asarray(index.knn_query(look_QF, k=1)[1][:, 0])

    return search
