"""Why a bundle scored a frame as it did: of an event in a file, or of one that is happening before a camera.

Letters: H height, W width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from normalcy.explain.reasons import FloatArray, PartReading, Place, place_of, read_parts, sentence
from normalcy.methods import method_definition
from normalcy.scoring.backends.record import ExportRecord
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.usual import UsualPart

if TYPE_CHECKING:
    from normalcy.methods.base import Method


class Reason(NamedTuple):
    """Why a frame's score is what it is.

    Attributes:
        sentence: In words.
        place: Where; None where the map does not say.
        parts: Parts of the score, the one furthest from usual first.
    """

    sentence: str
    place: Place | None
    parts: list[PartReading]


@dataclass(frozen=True)
class Reasoner:
    """What it takes to explain the frames of a bundle; it keeps nothing from frame to frame.

    Attributes:
        usual: What each part of the score is on normal video.
        terms: Parts that the score is made of; all where empty.
        words: What is odd where a part is high.
        normal_class: Of a bundle that tells classes apart.
    """

    usual: Mapping[str, UsualPart]
    terms: tuple[str, ...]
    words: Mapping[str, str]
    normal_class: str | None = None

    @classmethod
    def of(cls, bundle: Bundle, method: "Method") -> Self:
        """For a bundle and the method in it."""
        header = bundle.header
        definition = method_definition(header.method)
        classes = definition.training == "classify"
        return cls(
            header.usual_parts,
            tuple(method.score_terms),
            definition.part_words,
            header.model["normal_class"] if classes else None,
        )

    @classmethod
    def of_export(cls, bundle: Bundle, record: ExportRecord) -> Self:
        """For a bundle that something else than torch scores; nothing of torch is imported."""
        header = bundle.header
        return cls(
            header.usual_parts, record.score_terms, record.part_words, header.model.get("normal_class")
        )

    def reason(self, map_HW: FloatArray, parts: Mapping[str, float]) -> Reason:
        """From the anomaly map and the parts of the score of one frame."""
        place = place_of(map_HW)
        readings = read_parts(parts, self.usual, terms=self.terms)
        if self.normal_class is not None:
            return Reason(_class_words(parts, self.normal_class), place, readings)
        leading = next((reading for reading in readings if reading.counts), None)
        return Reason(sentence(place.box if place else None, leading, words=self.words), place, readings)


def _class_words(parts: Mapping[str, float], normal_class: str) -> str:
    abnormal = {name: value for name, value in parts.items() if name != normal_class}
    name = max(abnormal, key=abnormal.__getitem__)
    return f"This looks like {name}, with a probability of {100 * abnormal[name]:.0f} %."
