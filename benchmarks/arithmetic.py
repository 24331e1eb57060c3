"""How near to what the machine can do: operations and bytes of a clip, beside what it reaches of either.

    python benchmarks/arithmetic.py runs/a runs/b --bench results/bench.json --out results/benchmarks/arithmetic.json

Run it with nothing else running. A clip at the peak of large products of matrices would take `operations / peak`, and
as long as `bytes / bandwidth` if every layer read what it needs from memory and wrote what it makes back: what is
larger bounds it, so far as it is not fused or kept in the cache. Beside both stands what `bench.json` says it takes.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json
from normalcy.scoring.bundle import Bundle

SIDE = 2048
COPIED_BYTES = 1 << 28
ROUNDS = 15
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    timed = json.loads(options.bench.read_text(encoding="utf-8"))["bundles"] if options.bench else []
    peaks = {name: round(peak(make()) / 1e9, 1) for name, make in PRODUCTS.items()}
    gigabytes = round(bandwidth() / 1e9, 1)
    methods = [reached(path, peaks, gigabytes, timed) for path in options.bundles]
    write_json(
        options.out,
        {
            "peak_gigaoperations_per_second": peaks,
            "of": f"products of {SIDE} x {SIDE} matrices; a multiplication and an addition are two operations",
            "gigabytes_per_second": gigabytes,
            "by": f"copying {COPIED_BYTES >> 20} MiB on all cores, read and written",
            "methods": methods,
            "versions": versions(),
            "hardware": hardware(),
        },
    )
    print(json.dumps({"peaks": peaks, "methods": methods}, indent=2))


def peak(product: Callable[[], object]) -> float:
    """Operations a second."""
    return 2 * SIDE**3 / seconds(product)


def bandwidth() -> float:
    """Bytes a second."""
    source = torch.ones(COPIED_BYTES // 4)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / seconds(lambda: target.copy_(source))


def seconds(work: Callable[[], object]) -> float:
    """Median of rounds."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def _floats(dtype: torch.dtype) -> Callable[[], object]:
    a, b = (torch.rand(SIDE, SIDE).to(dtype) for _ in range(2))
    return lambda: a @ b


def _integers() -> Callable[[], object]:
    """By OpenVINO, as exported graphs have them: what goes in is rounded, the weights are."""
    import openvino
    from openvino import opset13 as ops

    from normalcy.layers.openvino_import import compiled_for_cpu

    x = ops.parameter([SIDE, SIDE], np.float32)
    ends = [ops.constant(np.float32(value)) for value in (0.0, 1.0, 0.0, 1.0)]
    rounded = ops.fake_quantize(x, *ends, 256)
    weight = ops.constant(np.random.default_rng(0).integers(-127, 128, (SIDE, SIDE)).astype(np.float32) / 127)
    near = [ops.constant(np.float32(value)) for value in (-1.0, 1.0, -1.0, 1.0)]
    made = ops.matmul(rounded, ops.fake_quantize(weight, *near, 255), False, True)
    compiled = compiled_for_cpu(openvino.Model([made], [x]), {})
    request, given = (
        compiled.create_infer_request(),
        np.random.default_rng(1).random((SIDE, SIDE), np.float32),
    )
    return lambda: request.infer([given])


PRODUCTS = {
    "fp32": lambda: _floats(torch.float32),
    "bf16": lambda: _floats(torch.bfloat16),
    "int8": _integers,
}


def reached(
    path: Path, peaks: dict[str, float], gigabytes: float, timed: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Operations and bytes of a clip, and how long each backend takes beside what they allow."""
    bundle = Bundle.load(path)
    header = bundle.header
    count, numbers = work_of_a_clip(bundle)
    found = next(
        (each for each in timed if (each["method"], each["preset"]) == (header.method, header.fit.preset)),
        None,
    )
    arithmetic = {name: round(count / value / 1e6, 2) for name, value in peaks.items()}
    memory = {name: round(numbers * size / gigabytes / 1e6, 2) for name, size in BYTES.items()}
    backends = {}
    for name, own in (found["backends"] if found else {}).items():
        kind = next((each for each in peaks if each in name.split("-")), "fp32")
        taken = own["batches"]["1"]["p50_ms"]
        backends[name] = {
            "milliseconds": taken,
            "gigaoperations_per_second": round(count / taken / 1e6, 1),
            "of_peak": round(arithmetic[kind] / taken, 3),
            "of_bandwidth": round(memory[kind] / taken, 3),
        }
    return {
        "method": header.method,
        "preset": header.fit.preset,
        "operations_a_clip": count,
        "numbers_moved_a_clip": numbers,
        "milliseconds_at_peak": arithmetic,
        "milliseconds_at_bandwidth": memory,
        "backends": backends,
    }


class Traffic(TorchDispatchMode):
    """Counts the numbers that operations read and write; what is a view of another tensor moves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [each for each in tree_leaves((args, kwargs, made)) if isinstance(each, torch.Tensor)]
            self.numbers += sum(each.numel() for each in tensors)
        return made


def work_of_a_clip(bundle: Bundle) -> tuple[int, int]:
    """Operations of convolutions and products of matrices, and numbers moved, in all graphs."""
    operations = numbers = 0
    method = bundle.method().eval()
    for graph in method.export_plan().graphs:
        module = graph.module.eval()
        inputs = [sample[:1] for sample in graph.inputs.values()]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(*inputs)
        with torch.no_grad(), Traffic() as traffic:
            module(*inputs)
        # Pictures of a clip go through a graph of pictures one by one.
        times = method.clip.length_frames if graph.name == "backbone" else 1
        operations += counter.get_total_flops() * times
        numbers += traffic.numbers * times
    return operations, numbers


if __name__ == "__main__":
    main()
