"""What an explanation of a video holds.

Letters: H height, W width.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.explain.attention.journey import AttentionJourney
from normalcy.explain.attention.over_time import AttentionOverTime
from normalcy.explain.nearest import NearestLook, NormalExample
from normalcy.explain.reasons import PartReading, Place
from normalcy.scoring.types import Event


@dataclass(frozen=True, eq=False)
class ExplainedEvent:
    """An event, and why.

    Attributes:
        event: What was alarmed.
        sentence: Why, in words.
        place: Where, at the highest frame; None where the map does not say.
        seconds: Time of the frame with the highest raw score, which is what is explained.
        parts: Parts of its score, the one furthest from usual first.
        image_HWC: That frame, uint8.
        map_HW: Its anomaly map.
        nearest: The normal frame that is most alike there; None where none was given.
        nearest_look: The nearest normal look that a memory names; None where it names none.
        attention: What attention did with the clip that ends there; empty where the method has none.
    """

    event: Event
    sentence: str
    place: Place | None
    seconds: float
    parts: Sequence[PartReading]
    image_HWC: npt.NDArray[np.uint8]
    map_HW: npt.NDArray[np.float32]
    nearest: NormalExample | None
    nearest_look: NearestLook | None
    attention: Sequence[AttentionJourney]

    def record(self) -> dict[str, Any]:
        """As plain data."""
        nearest, look = self.nearest, self.nearest_look
        return {
            **asdict(self.event),
            "sentence": self.sentence,
            "explained_seconds": self.seconds,
            "box": self.place.box._asdict() if self.place else None,
            "outline": self.place.outline if self.place else None,
            "terms": [reading._asdict() for reading in self.parts],
            "nearest_frame": {"video": nearest.video, "seconds": nearest.seconds} if nearest else None,
            "nearest_look": {"video": look.video, "seconds": look.seconds, "x": look.x, "y": look.y}
            if look
            else None,
            "attention": {
                each.name: {**each.overall._asdict(), "score": each.score} for each in self.attention
            },
        }


@dataclass(frozen=True, eq=False)
class ExplainedVideo:
    """A video with what was explained of it.

    Attributes:
        name: Of the video.
        seconds: How long it is.
        method: Name of the method that scored it.
        events: Explained, in order.
        left_out: Events that were not explained, because there were too many.
        map_range: Map values of the first and the last colour.
        attention: How attention goes over the video; empty where the method has none across the frames of a clip.
    """

    name: str
    seconds: float
    method: str
    events: Sequence[ExplainedEvent]
    left_out: int
    map_range: tuple[float, float]
    attention: Sequence[AttentionOverTime] = ()

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "video": self.name,
            "method": self.method,
            "events": [each.record() for each in self.events],
            "left_out": self.left_out,
        }
