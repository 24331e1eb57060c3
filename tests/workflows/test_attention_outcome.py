"""Tables and pictures of attention over several seeds."""

import pytest

from normalcy.evaluation.results import spread
from normalcy.workflows.study.attention import _over_seeds
from normalcy.workflows.study.attention_outcome import attention_picture, attention_table

NAME = "mix.attention.0"


def found(*, differs, superiority, p_by_video=0.01, effect=0.5):
    return {
        "name": "entropy",
        "first": 1.0,
        "second": 1.5,
        "difference": 0.5,
        "effect": effect,
        "superiority": superiority,
        "p": 0.02,
        "p_by_video": p_by_video,
        "verdict": "higher in the second",
        "differs": differs,
    }


def outcome(*seeds):
    runs = [
        {"seed": seed, "attention": {NAME: {"statistics": [row], "attention_score_auc": 0.5 + 0.1 * seed}}}
        for seed, row in enumerate(seeds)
    ]
    return {
        "method": "ocr-gan-video",
        "preset": "compact",
        "dataset": "scene",
        "seeds": list(range(len(seeds))),
        "clips": {"normal": 7, "abnormal": 9},
        "clip_auc": {"own score": spread([0.9] * len(seeds)).model_dump()},
        "attention": {NAME: _over_seeds([run["attention"][NAME] for run in runs])},
        "runs": runs,
    }


HIGHER, LOWER = found(differs=True, superiority=0.8), found(differs=True, superiority=0.2)
ALIKE = found(differs=False, superiority=0.8)
UNTESTED = found(differs=False, superiority=1.0, p_by_video=None, effect=None)


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        ((HIGHER, HIGHER), "higher in 2 of 2 fits"),
        ((HIGHER, ALIKE, ALIKE), "higher in 1 of 3 fits"),
        ((LOWER, ALIKE), "lower in 1 of 2 fits"),
        ((HIGHER, LOWER, ALIKE), "higher in 1, lower in 1 of 3 fits: no rule"),
        ((ALIKE, ALIKE), "no difference in 2 fits"),
        ((UNTESTED, ALIKE), "too few videos to tell in 1 of 2 fits"),
        ((HIGHER,), "higher in the second"),
    ],
)
def test_what_seeds_agree_on(seeds, verdict):
    line = next(
        line for line in attention_table(outcome(*seeds)).splitlines() if line.startswith("| entropy")
    )
    assert line.endswith(f"| {verdict} |")


def test_what_tells_clips_apart_stands_side_by_side():
    table = attention_table(outcome(HIGHER, LOWER))
    assert "| attention score, 0 | 0.550 ± 0.071 |" in table
    assert "| own score | 0.900 ± 0.000 |" in table


def test_an_effect_that_is_not_known_is_not_drawn():
    assert attention_picture(outcome(HIGHER, UNTESTED)).count("<circle") == 2  # a seed and the mean
    assert "<circle" not in attention_picture(outcome(UNTESTED, UNTESTED))
