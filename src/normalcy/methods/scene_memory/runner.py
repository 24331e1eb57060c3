"""Scene memory from what a bundle keeps, without PyTorch: NumPy, OpenCV and a trunk that some runtime runs."""

from collections.abc import Mapping, Sequence

from normalcy.errors import BundleError
from normalcy.methods.contract import Look
from normalcy.methods.scene_memory.arrays import Array
from normalcy.methods.scene_memory.camera import Camera
from normalcy.methods.scene_memory.memory import Memory, UInt8Array
from normalcy.methods.scene_memory.picture import Looker
from normalcy.methods.scene_memory.settings import SceneMemoryConfig

_TRUNK = "trunk."


class SceneMemoryRunner:
    """A scoring model.

    Args:
        config: Settings that it was fitted with.
        arrays: Weights of the bundle by name, copied; the trunk's own, `trunk.*`, are passed over.
        trunk: What takes looks, such as a `picture.CompiledTrunk`; only for the stream `appearance`.

    Attributes:
        spec: The clip it reads.
        memory: What was remembered.

    Raises:
        BundleError: The arrays are of other settings, or there is no trunk where looks are watched.
    """

    def __init__(
        self, config: SceneMemoryConfig, arrays: Mapping[str, Array], *, trunk: Looker | None = None
    ) -> None:
        watches_looks = "appearance" in config.streams
        if watches_looks and trunk is None:
            raise BundleError("watches how things look, and there is no trunk that would")
        own = {name: array for name, array in arrays.items() if not name.startswith(_TRUNK)}
        self.memory = Memory(config, trunk=trunk if watches_looks else None)
        self.memory.make_room({name: array.shape for name, array in own.items()})
        self.memory.load(own)
        self.spec = self.memory.clip

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> list[Look]:
        """What is seen in each clip (uint8, (T, 3, H, W)), in order."""
        return self.memory.look(clips_TCHW)

    def camera(self, source_id: str) -> Camera:
        """What is kept between the clips of one source and turns what was seen into scores."""
        return self.memory.camera(source_id)
