"""How many threads a worker computes in."""

import cv2

from normalcy.layers.openvino_import import openvino_core, openvino_installed


def compute_in(threads: int) -> None:
    """Limits all that computes in this process, from now on; before any network is opened."""
    import torch

    from normalcy.layers.blas_threads import limit_blas

    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    limit_blas(threads)
    if openvino_installed():
        openvino_core().set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
