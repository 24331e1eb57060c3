"""How near to what the processor can do: operations of a clip, and what large products of matrices reach here.

    python benchmarks/arithmetic.py runs/a runs/b --bench results/bench.json --out results/benchmarks/arithmetic.json

Run it with nothing else running. A clip at the peak would take `operations / peak`; what `bench.json` says it takes
beside that is the share of the peak that was reached.
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
from torch.utils.flop_counter import FlopCounterMode

from normalcy.environment import hardware, versions
from normalcy.run_folder import write_json
from normalcy.scoring.bundle import Bundle

SIDE = 2048
ROUNDS = 15


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    timed = json.loads(options.bench.read_text(encoding="utf-8"))["bundles"] if options.bench else []
    peaks = {name: round(peak(make()) / 1e9, 1) for name, make in PRODUCTS.items()}
    methods = [reached(path, peaks, timed) for path in options.bundles]
    write_json(
        options.out,
        {
            "peak_gigaoperations_per_second": peaks,
            "of": f"products of {SIDE} x {SIDE} matrices; a multiplication and an addition are two operations",
            "methods": methods,
            "versions": versions(),
            "hardware": hardware(),
        },
    )
    print(json.dumps({"peaks": peaks, "methods": methods}, indent=2))


def peak(product: Callable[[], object]) -> float:
    """Operations a second, median of rounds."""
    product()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        product()
        taken.append(time.perf_counter() - start)
    return 2 * SIDE**3 / median(taken)


def _floats(dtype: torch.dtype) -> Callable[[], object]:
    a, b = (torch.rand(SIDE, SIDE).to(dtype) for _ in range(2))
    return lambda: a @ b


def _integers() -> Callable[[], object]:
    """By OpenVINO, as exported graphs have them: what goes in is rounded, the weights are."""
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([SIDE, SIDE], np.float32)
    ends = [ops.constant(np.float32(value)) for value in (0.0, 1.0, 0.0, 1.0)]
    rounded = ops.fake_quantize(x, *ends, 256)
    weight = ops.constant(np.random.default_rng(0).integers(-127, 128, (SIDE, SIDE)).astype(np.float32) / 127)
    near = [ops.constant(np.float32(value)) for value in (-1.0, 1.0, -1.0, 1.0)]
    made = ops.matmul(rounded, ops.fake_quantize(weight, *near, 255), False, True)
    compiled = openvino.Core().compile_model(openvino.Model([made], [x]), "CPU")
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


def reached(path: Path, peaks: dict[str, float], timed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Operations of a clip, and the share of the peak that each backend reached."""
    bundle = Bundle.load(path)
    header, count = bundle.header, operations(bundle)
    found = next(
        (each for each in timed if (each["method"], each["preset"]) == (header.method, header.fit.preset)),
        None,
    )
    backends = {}
    for name, own in (found["backends"] if found else {}).items():
        precision = name.partition("-")[2]
        kind = precision if precision in peaks else "fp32"
        seconds = own["batches"]["1"]["p50_ms"] / 1000
        backends[name] = {
            "gigaoperations_per_second": round(count / seconds / 1e9, 1),
            "of_peak": round(count / seconds / 1e9 / peaks[kind], 3),
        }
    return {
        "method": header.method,
        "preset": header.fit.preset,
        "operations_a_clip": count,
        "milliseconds_at_peak": {
            name: round(count / (value * 1e9) * 1000, 2) for name, value in peaks.items()
        },
        "backends": backends,
    }


def operations(bundle: Bundle) -> int:
    """Of convolutions and products of matrices in all graphs, for a clip."""
    total = 0
    for graph in bundle.method().eval().export_plan().graphs:
        module = graph.module.eval()
        inputs = [sample[:1] for sample in graph.inputs.values()]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(*inputs)
        # Pictures of a clip go through a graph of pictures one by one.
        times = bundle.method().clip.length_frames if graph.name == "backbone" else 1
        total += counter.get_total_flops() * times
    return total


if __name__ == "__main__":
    main()
