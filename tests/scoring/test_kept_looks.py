"""What was seen is kept, up to a budget, and is what the model would have seen."""

from collections.abc import Sequence

import numpy as np

from fake_models import BrightnessModel, spec_of
from normalcy.methods.base import Look
from normalcy.scoring.kept_looks import KeepingModel, KeptLooks


class Looker:
    """A model with cameras; what it sees of a clip is its first frame."""

    def __init__(self) -> None:
        self.spec = spec_of(2)
        self.looked: list[int] = []

    def infer(self, clips_TCHW: Sequence[np.ndarray]) -> list[Look]:
        self.looked.append(len(clips_TCHW))
        return [{"first_CHW": clip_TCHW[0].copy()} for clip_TCHW in clips_TCHW]

    def camera(self, source_id: str) -> object:
        return object()


def clips(*levels: int) -> list[np.ndarray]:
    return [np.full((2, 1, 2, 3), level, np.uint8) for level in levels]


def firsts(found) -> list[int]:
    return [int(look["first_CHW"][0, 0, 0]) for look in found]


def test_each_clip_is_looked_at_once_whatever_it_comes_with():
    looker, kept = Looker(), KeptLooks()
    model = KeepingModel(looker, kept)
    assert firsts(model.infer(clips(1, 2, 3))) == [1, 2, 3]
    assert firsts(model.infer(clips(3, 4, 1))) == [3, 4, 1]
    assert firsts(KeepingModel(looker, kept).infer(clips(4, 2))) == [4, 2]
    assert looker.looked == [3, 1]
    assert kept.held_bytes == 4 * 6


def test_a_clip_that_differs_in_one_pixel_is_another():
    looker = Looker()
    model = KeepingModel(looker, KeptLooks())
    (clip,) = clips(5)
    other = clip.copy()
    other[1, 0, 1, 2] += 1
    model.infer([clip])
    model.infer([other])
    assert looker.looked == [1, 1]


def test_what_comes_after_the_budget_is_full_is_looked_at_again():
    looker, kept = Looker(), KeptLooks(budget_bytes=2 * 6 + 5)
    model = KeepingModel(looker, kept)
    for _ in range(2):
        assert firsts(model.infer(clips(1, 2, 3))) == [1, 2, 3]
    assert looker.looked == [3, 1]
    assert kept.held_bytes == 12


def test_scores_of_a_model_without_cameras_are_not_kept():
    model = BrightnessModel(spec_of(2))
    keeping = KeepingModel(model, KeptLooks())
    first, second = (keeping.infer(clips(7))[0] for _ in range(2))
    assert model.batches == [1, 1]
    np.testing.assert_array_equal(first.score_T, second.score_T)
    assert keeping.camera("x") is None
