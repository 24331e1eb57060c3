"""The AUC of each kind of anomaly, against a small case by hand and scikit-learn.

Letters: T frames of a video.
"""

import json
import statistics
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from fake_dataset import ABNORMAL, FRAMES, FakeDataset, Oracle, label, write_levels
from sklearn.metrics import roc_auc_score

from normalcy.datasets.base import KnowsKinds
from normalcy.errors import LabelError
from normalcy.evaluation.frame_metrics import VideoScores
from normalcy.evaluation.kind_metrics import kind_aucs, kind_aucs_by_part
from normalcy.evaluation.results import RunResult, Spread, read_result, write_result
from normalcy.evaluation.run import evaluate
from normalcy.evaluation.scored_dataset import kinds_of_frames, score_dataset
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.settings import ScoringSettings
from normalcy.workflows import judge
from normalcy.workflows.judge import judge_run

FIRST_HALF = range(10, 15)


@dataclass
class KindDataset(FakeDataset):
    """The fake dataset, which also knows kinds."""

    kinds: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def frame_kinds(self, video):
        return self.kinds.get(video.name, {})


def flags(text):
    return np.array([letter == "1" for letter in text])


def video(name, score_T, text):
    return VideoScores(name, np.asarray(score_T, np.float64), flags(text))


def test_a_small_case_by_hand():
    videos = [video("a", [1, 5, 2, 9, 3], "01011"), video("b", [4, 0], "00")]
    kinds = [{"runner": flags("01001"), "cart": flags("00010")}, {}]
    # Normal are 1, 2, 4 and 0. A runner is 5 (beats 4 of 4) and 3 (beats 3 of 4); a cart is 9.
    assert kind_aucs(videos, kinds=kinds) == {"cart": 1.0, "runner": 7 / 8}


def test_a_frame_of_two_kinds_counts_for_both_and_one_of_no_known_kind_for_none():
    videos = [video("a", [0, 2, 1, 3], "0101")]
    kinds = [{"fall": flags("0001"), "runner": flags("0001")}]
    assert kind_aucs(videos, kinds=kinds) == {"fall": 1.0, "runner": 1.0}
    low = [video("a", [0, 2, 1, -1], "0101")]
    assert kind_aucs(low, kinds=kinds) == {"fall": 0.0, "runner": 0.0}


def test_it_is_the_auc_of_scikit_learn_over_the_frames_that_count():
    generator = np.random.default_rng(3)
    kind_TK = generator.random((3, 200, 2)) < 0.2
    score_VT = generator.normal(size=(3, 200)) + kind_TK @ np.array([0.5, 1.5])
    videos = [
        VideoScores(str(n), score_VT[n], kind_TK[n].any(axis=1) | (generator.random(200) < 0.1))
        for n in range(3)
    ]
    kinds = [{"p": kind_TK[n, :, 0], "q": kind_TK[n, :, 1]} for n in range(3)]
    label_N = np.concatenate([each.label_T for each in videos])
    for place, name in enumerate("pq"):
        kind_N = kind_TK[:, :, place].ravel()
        kept_N = kind_N | ~label_N
        expected = roc_auc_score(kind_N[kept_N], score_VT.ravel()[kept_N])
        assert kind_aucs(videos, kinds=kinds)[name] == pytest.approx(expected)


def test_kinds_without_frames_are_left_out():
    kinds = [{"cart": flags("00"), "runner": flags("01")}]
    assert list(kind_aucs([video("a", [0, 1], "01")], kinds=kinds)) == ["runner"]


def test_without_a_normal_frame_there_is_no_auc():
    assert kind_aucs([video("a", [0, 1], "11")], kinds=[{"runner": flags("01")}]) == {"runner": None}


@pytest.mark.parametrize(
    ("kind", "match"),
    [("011", r"\(3,\) frames does not fit \(2,\) labels"), ("11", "1 frames of a kind .* labelled normal")],
)
def test_kinds_that_do_not_fit_the_labels(kind, match):
    with pytest.raises(LabelError, match=f"video a: .*{match}"):
        kind_aucs([video("a", [0, 1], "01")], kinds=[{"runner": flags(kind)}])


def score(dataset):
    return score_dataset(Oracle(FIRST_HALF), dataset, settings=ScoringSettings(), calibration=None).labelled


def kinds_of_a(frames=FRAMES):
    return {"a": {"early": label(frames, FIRST_HALF), "late": label(frames, range(15, 20))}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_levels(tmp_path_factory.mktemp("levels") / "a")


def test_the_score_and_each_part_by_kind(pictures):
    dataset = KindDataset(pictures, {"a": pictures, "b": pictures}, {"a": label()}, kinds=kinds_of_a())
    videos = score(dataset)
    aucs = kind_aucs_by_part(videos, kinds_of_frames(dataset, videos))
    assert aucs == {name: {"early": 1.0, "late": 0.5} for name in ("score", "knows")}


@pytest.mark.filterwarnings("ignore::normalcy.errors.NormalcyWarning")
def test_kinds_keep_their_frames_where_some_cannot_be_read(tmp_path):
    gaps = write_levels(tmp_path / "gaps", damaged=(2, 3, 12))
    dataset = KindDataset(tmp_path, {"a": gaps}, {"a": label()}, kinds=kinds_of_a())
    (of_a,) = kinds_of_frames(dataset, videos := score(dataset))
    assert set(videos[0].index_T[of_a["early"]]) <= set(FIRST_HALF)
    assert kind_aucs_by_part(videos, [of_a])["score"] == {"early": 1.0, "late": 0.5}


def test_a_dataset_that_knows_no_kinds_has_none(pictures):
    plain = FakeDataset(pictures, {"a": pictures}, {"a": label()})
    assert not isinstance(plain, KnowsKinds)
    assert kinds_of_frames(plain, score(plain)) == [{}]
    assert kind_aucs_by_part(score(plain), [{}]) == {}
    empty = [{"early": np.zeros(FRAMES, np.bool_)}]
    assert kind_aucs_by_part(score(plain), empty) == {}


def test_too_few_flags_are_an_error(pictures):
    dataset = KindDataset(pictures, {"a": pictures}, {"a": label()}, kinds=kinds_of_a(25))
    with pytest.raises(LabelError, match="has a frame 29, but only 25 labels"):
        kinds_of_frames(dataset, score(dataset))


def test_an_evaluation_tells_the_kinds(tiny_flow_run, pictures):
    dataset = KindDataset(pictures, {"a": pictures}, {"a": label()}, kinds=kinds_of_a())
    evaluation = evaluate(Bundle.load(tiny_flow_run.path), dataset, model=Oracle(ABNORMAL))
    assert evaluation.kinds == {name: {"early": 1.0, "late": 1.0} for name in ("score", "knows")}


def run(seed, **kinds):
    return RunResult(
        method="stae",
        dataset="walkway",
        preset="paper",
        seed=seed,
        metrics={"micro_auc": 0.8},
        fit_seconds=None,
        frames_per_second=None,
        command="normalcy evaluate",
        versions={},
        hardware="Acme 9",
        kinds=kinds,
    )


def test_kinds_are_published_with_mean_and_deviation(tmp_path):
    path = tmp_path / "stae.json"
    write_result(path, run(0, score={"runner": 0.7, "cart": 0.5}, motion={"runner": 0.6, "cart": None}))
    result = write_result(path, run(1, score={"runner": 0.9}, motion={"runner": 0.6, "cart": 0.4}))
    absent = Spread(mean=None, sd=None)
    assert result.kinds["score"] == {
        "runner": Spread(mean=statistics.fmean([0.7, 0.9]), sd=statistics.stdev([0.7, 0.9])),
        "cart": absent,
    }
    assert result.kinds["motion"] == {"runner": Spread(mean=0.6, sd=0.0), "cart": absent}
    assert read_result(path) == result


def test_results_without_kinds_have_no_such_key(tmp_path):
    result = write_result(tmp_path / "bare.json", run(0)).model_dump(mode="json")
    assert "kinds" not in result
    assert "kinds" not in result["runs"][0]


def test_metrics_json_and_the_published_results_hold_the_kinds(
    tiny_flow_run, tiny_root, tmp_path, monkeypatch
):
    known = {"score": {"runner": 0.9}, "motion": {"runner": None}}

    def evaluate_with_kinds(bundle, dataset, **options):
        return replace(evaluate(bundle, dataset, **options), kinds=known)

    monkeypatch.setattr(judge, "evaluate", evaluate_with_kinds)
    results = tmp_path / "results"
    options = {"command": "evaluate", "folder": tmp_path / "run", "report": False, "publish": results}
    judge_run(tiny_flow_run.path, "folder", tiny_root, **options)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["kinds"] == known
    published = read_result(results / "folder" / "flow-magnitude.json")
    assert published.runs[0].kinds == known
    assert published.kinds["score"]["runner"] == Spread(mean=0.9, sd=None)
    assert read_result(results / "folder" / "noise.json").kinds == {}
