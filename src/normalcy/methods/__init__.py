"""One file per method, and the registry that names them."""

import difflib
from importlib import import_module
from typing import TYPE_CHECKING

from normalcy.errors import ConfigError

if TYPE_CHECKING:
    from normalcy.methods.base import MethodDefinition

# name -> module; each module defines METHOD.
METHODS = {
    "cnn-lstm": "normalcy.methods.cnn_lstm",
    "flow-magnitude": "normalcy.methods.flow_magnitude",
    "future-frame": "normalcy.methods.future_frame",
    "ocr-gan-video": "normalcy.methods.ocr_gan_video",
    "scene-memory": "normalcy.methods.scene_memory.method",
    "stae": "normalcy.methods.stae",
}


def method_definition(name: str) -> "MethodDefinition":
    """Looks a method up.

    Raises:
        ConfigError: No such method; names the nearest one.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name, METHODS, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known methods: {', '.join(METHODS)}"
        raise ConfigError(f"there is no method {name!r}", hint=hint)
    definition: MethodDefinition = import_module(METHODS[name]).METHOD
    return definition
