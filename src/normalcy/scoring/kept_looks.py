"""What a model saw in clips, kept for when the same clips are looked at again.

Fitting goes through held-out video three times and judging through test video up to three times, with another purpose
each time; what costs most, looking, gives the same each time.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from normalcy.methods.contract import ClipSpec
from normalcy.scoring.model import Found, ScoringModel
from normalcy.scoring.types import ClipScores, UInt8Array

if TYPE_CHECKING:
    from normalcy.methods.base import Camera, Look

BUDGET_BYTES = 2**30


class KeptLooks:
    """Looks by the content of their clip, up to a budget; what comes after it is full is not kept.

    Args:
        budget_bytes: How much may be kept.
    """

    def __init__(self, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._looks: dict[bytes, Look] = {}
        self.held_bytes = 0

    def get(self, key: bytes) -> "Look | None":
        """The look of a clip, where it is kept."""
        return self._looks.get(key)

    def offer(self, key: bytes, look: "Look") -> None:
        """Keeps a look if there is room."""
        size = sum(array.nbytes for array in look.values())
        if self.held_bytes + size <= self._budget_bytes and key not in self._looks:
            self._looks[key] = look
            self.held_bytes += size


class KeepingModel:
    """A model that looks at each clip once; what it finds is what the model finds.

    Scores of methods without cameras are not kept: they depend on more than the clip, such as how parts are fused.

    Args:
        model: Which looks.
        kept: Where looks are kept; models of the same method in different states may share it as long as that
            changes nothing in what they see.
    """

    def __init__(self, model: ScoringModel, kept: KeptLooks) -> None:
        self.spec: ClipSpec = model.spec
        self._model, self._kept = model, kept

    def infer(self, clips_TCHW: Sequence[UInt8Array]) -> Sequence[Found]:
        """What is found in each clip, in order."""
        if self.camera("") is None:
            return self._model.infer(clips_TCHW)
        keys = [_content(clip_TCHW) for clip_TCHW in clips_TCHW]
        found: list[Found | None] = [self._kept.get(key) for key in keys]
        missing = [place for place, each in enumerate(found) if each is None]
        looked = self._model.infer([clips_TCHW[place] for place in missing]) if missing else ()
        for place, look in zip(missing, looked, strict=True):
            assert not isinstance(look, ClipScores)
            self._kept.offer(keys[place], look)
            found[place] = look
        return [each for each in found if each is not None]

    def camera(self, source_id: str) -> "Camera | None":
        """State of a source, where the method keeps any."""
        return self._model.camera(source_id)


def _content(clip_TCHW: UInt8Array) -> bytes:
    return hashlib.blake2b(
        np.ascontiguousarray(clip_TCHW.transpose(0, 2, 3, 1)).data, digest_size=16
    ).digest()
