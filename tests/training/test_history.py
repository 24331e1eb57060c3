import pytest

from normalcy.run_folder import RunFolder
from normalcy.training.history import read_history


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


def log(run: RunFolder, version: object, *lines: str, end: str = "\r\n") -> None:
    path = run.logs / "csv" / f"version_{version}" / "metrics.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(("\r\n".join(lines) + end).encode("utf-8", "surrogateescape"))


def test_a_run_without_logs_has_no_history(run):
    assert read_history(run) == {}
    run.logs.mkdir()
    assert read_history(run) == {}


def test_each_name_gets_its_values_by_epoch(run):
    log(
        run,
        0,
        "epoch,step,train_loss,validation_loss",
        "0,59,,0.75",
        "0,59,0.5,",
        "1,119,,0.625",
        "1,119,0.25,",
    )
    assert read_history(run) == {
        "train_loss": [(0, 0.5), (1, 0.25)],
        "validation_loss": [(0, 0.75), (1, 0.625)],
    }


def test_a_later_session_replaces_what_it_repeats(run):
    log(run, 2, "epoch,step,train_loss", "0,9,5", "1,19,4", "2,29,3")
    log(run, 10, "epoch,step,train_loss,train_latent", "2,29,2,8", "3,39,1,7")
    assert read_history(run) == {
        "train_latent": [(2, 8.0), (3, 7.0)],
        "train_loss": [(0, 5.0), (1, 4.0), (2, 2.0), (3, 1.0)],
    }


def test_damaged_lines_are_left_out(run):
    damaged = (",9,7", "x,9,7", "-1,9,7", "1,19,0.\udcff", "2,29", "3,39,nan", "4,49,inf", "5,59,4,6,6", "")
    log(run, 0, "epoch,step,train_loss", "0,9,8", *damaged, "6,69,3")
    log(run, "copy", "epoch,step,train_loss", "0,9,99")
    assert read_history(run) == {"train_loss": [(0, 8.0), (5, 4.0), (6, 3.0)]}


def test_a_line_that_was_cut_off_is_left_out(run):
    log(run, 0, "epoch,step,train_loss", "0,9,8.5", "1,19,7", end="")
    assert read_history(run) == {"train_loss": [(0, 8.5)]}


def test_empty_tables_are_no_history(run):
    log(run, 0, "", end="")
    log(run, 1, "epoch,step,train_loss")
    log(run, 2, "step,train_loss", "9,8")
    assert read_history(run) == {}
