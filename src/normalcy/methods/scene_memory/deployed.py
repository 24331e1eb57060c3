"""Scene memory with its trunk as an exported graph."""

from typing import Any

import numpy as np

from normalcy.config import build_config
from normalcy.errors import BundleError, ConfigError
from normalcy.methods.runtime import RunGraph, RunnerParts
from normalcy.methods.scene_memory.picture import CompiledTrunk, FloatArray, UInt8Array
from normalcy.methods.scene_memory.runner import SceneMemoryRunner
from normalcy.methods.scene_memory.settings import SceneMemoryConfig

TRUNK, PICTURES, LOOKS = "trunk", "pictures", "looks"


def open_runner(parts: RunnerParts) -> SceneMemoryRunner:
    """From `config` of the settings and the graph `trunk`: `pictures`, uint8 (B, H, W, 3), to `looks`, (B, R, C, D).

    Raises:
        BundleError: The settings are of another version.
    """
    settings: dict[str, Any] = parts.settings["config"]
    try:
        config = build_config(SceneMemoryConfig, settings, where="export.json")
    except ConfigError as error:
        raise BundleError(f"does not fit this normalcy: {error}", where="export.json") from error
    graph = parts.graphs.get(TRUNK)
    return SceneMemoryRunner(config, parts.weights(), trunk=_trunk(graph) if graph else None)


def _trunk(graph: RunGraph) -> CompiledTrunk:
    def run(image_1HW3: UInt8Array) -> FloatArray:
        return np.asarray(graph({PICTURES: image_1HW3})[LOOKS], np.float32)

    return CompiledTrunk(run)
