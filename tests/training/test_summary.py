import json

from normalcy.config import StrictConfig, to_yaml
from normalcy.training.summary import TrainingSummary, read_summary, write_summary

SUMMARY = TrainingSummary(3, 9, 72, 0.125, "epochs", "32-true", 1.5, "last", ("mode collapse: alike",))


def test_a_summary_comes_back(tmp_path):
    write_summary(tmp_path / "finished.json", SUMMARY)
    assert read_summary(tmp_path / "finished.json") == SUMMARY


def test_one_of_an_older_version_kept_the_best_and_warned_of_nothing(tmp_path):
    older = {name: value for name, value in SUMMARY.record().items() if name not in ("kept", "warnings")}
    (tmp_path / "finished.json").write_text(json.dumps(older))
    read = read_summary(tmp_path / "finished.json")
    assert (read.kept, read.warnings, read.epochs) == ("best", (), 3)


def test_its_record_is_plain_data():
    class Holder(StrictConfig):
        training: dict

    assert json.loads(json.dumps(SUMMARY.record())) == SUMMARY.record()
    assert "- 'mode collapse: alike'" in to_yaml(Holder(training=SUMMARY.record()))
