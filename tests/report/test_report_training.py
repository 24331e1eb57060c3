import math
import xml.etree.ElementTree as ET

import pytest
from invented_reports import invented_history, invented_report, invented_training

from normalcy.report.data import TrainingLog
from normalcy.report.page import render_report
from normalcy.report.training import kept_epoch, training_facts, training_section


def with_class(panel, name):
    return [node for node in ET.fromstring(panel.svg).iter() if name in node.get("class", "").split()]


def test_two_networks_show_both_losses_the_validation_error_and_the_generators_terms():
    section = training_section(invented_training(50))
    assert section.adversarial
    assert [panel.title for panel in section.losses] == [
        "Generator's loss",
        "Discriminator's loss",
        "Diversity of the generated clips",
        "Validation error",
        "Validation error: content",
    ]
    assert [(panel.title, panel.logarithmic) for panel in section.terms] == [
        ("Adversarial", False),
        ("Attention sparsity", True),
    ]


def test_one_network_shows_training_and_validation_in_one_drawing():
    log = invented_training(20, adversarial=False)
    log = TrainingLog(log.summary, {**log.history, "train_motion": [(0, 1.0)]})
    section = training_section(log)
    (panel,) = section.losses
    assert not section.adversarial
    assert section.terms == ()
    assert [words for _, words in panel.legend][:2] == ["training", "validation"]
    assert len(with_class(panel, "curve")) == 2


VALIDATION = {
    "train_loss": [(0, 4.0), (1, 3.0), (2, 2.0)],
    "validation_loss": [(0, 3.0), (1, 1.25), (2, 2.0)],
}


def test_the_lowest_epoch_is_ringed_and_the_kept_one_is_a_line():
    last = {"kept": "last", "epochs": 3, "best_validation_loss": 1.25}
    (panel,) = training_section(TrainingLog(last, VALIDATION)).losses
    assert panel.legend[2:] == (("k-lowest", "lowest: 1.25 in epoch 2"), ("k-threshold", "kept: epoch 3"))
    assert (len(with_class(panel, "lowest")), len(with_class(panel, "threshold"))) == (1, 1)
    assert ET.fromstring(panel.svg).get("aria-label") == (
        "Loss by epoch: training from 4 in epoch 1 to 2 in epoch 3; validation from 3 in epoch 1 to 2 in epoch 3; "
        "lowest: 1.25 in epoch 2; kept: epoch 3."
    )


def test_the_lowest_epoch_that_was_kept_is_marked_once():
    (panel,) = training_section(TrainingLog({"best_validation_loss": 1.25}, VALIDATION)).losses
    assert panel.legend[2:] == (("k-lowest", "lowest and kept: 1.25 in epoch 2"),)
    assert with_class(panel, "threshold") == []


@pytest.mark.parametrize(
    ("summary", "epoch"),
    [
        ({"best_validation_loss": 1.25}, 2),
        ({"best_validation_loss": 1.2500001, "kept": "best"}, 2),
        ({"best_validation_loss": 0.5}, None),
        ({"best_validation_loss": math.nan}, None),
        ({"best_validation_loss": 1.25, "kept": "last", "epochs": 3}, 3),
        ({}, None),
    ],
)
def test_the_kept_epoch_is_the_one_on_record(summary, epoch):
    assert kept_epoch(TrainingLog(summary, VALIDATION)) == epoch


def test_a_line_that_breaks_off_says_so():
    history = invented_history(10) | {"train_adversarial": [(0, 1.0), (1, math.nan), (2, 1.0)]}
    history["train_empty"] = [(0, math.nan)]
    history["validation_loss"] = [(0, math.nan)]
    section = training_section(TrainingLog({}, history))
    notes = {panel.title: panel.note for panel in (*section.losses, *section.terms)}
    assert notes["Adversarial"] == "Where the line breaks off there was no number."
    assert notes["Empty"] == notes["Validation error"] == "No epoch gave a number."
    assert notes["Generator's loss"] == ""
    assert next(panel for panel in section.losses if panel.title == "Validation error").legend == ()


def test_adversarial_logs_without_a_validation_error():
    history = {name: pairs for name, pairs in invented_history(3).items() if name != "validation_loss"}
    titles = [panel.title for panel in training_section(TrainingLog({}, history)).losses]
    assert titles[-1] == "Validation error: content"
    assert "Validation error" not in titles


@pytest.mark.parametrize(
    ("changes", "ending", "kept"),
    [
        (
            {},
            "ended after its last epoch",
            "kept the weights of epoch 3 with the lowest validation error, 0.05",
        ),
        ({"stopped_by": "early stopping"}, "ended early: the validation error fell no more", None),
        ({"stopped_by": "a flood"}, "ended by a flood", None),
        ({"kept": "last"}, "ended after its last epoch", "kept the last weights, of epoch 3"),
    ],
)
def test_the_facts_by_hand(changes, ending, kept):
    summary = {**invented_training(12).summary, "best_validation_loss": 0.05} | changes
    facts = training_facts(summary, kept=3)
    assert facts[:5] == (
        "12 epochs",
        "720 steps",
        "5,760 clips",
        "precision bf16-mixed",
        "trained for 30.0 s",
    )
    assert facts[5] == ending
    assert kept in (None, facts[6])


def test_the_page_has_the_section_between_the_cases_and_the_setting():
    html = render_report(invented_report(training=invented_training(50)))
    assert html.index('id="cases"') < html.index('id="training"') < html.index('id="setting"')
    assert '<a href="#training">Training</a>' in html
    assert "kept the weights of epoch" in html
    assert html.count('class="curve"') == 7
    assert 'Attention sparsity <span class="scale">logarithmic</span>' in html
    assert "no test video was looked at" in html


def test_the_page_without_logs_tells_the_facts_alone():
    log = TrainingLog(invented_training(5).summary)
    html = render_report(invented_report(training=log))
    assert "The logs of the training are not beside the bundle" in html
    assert "300 steps" in html
    assert 'class="curve' not in html


def test_without_training_the_page_has_no_such_section():
    assert 'id="training"' not in render_report(invented_report())


@pytest.mark.parametrize("epochs", [1, 5, 1000])
def test_the_section_stays_light(epochs):
    bare, whole = (render_report(invented_report(training=log)) for log in (None, invented_training(epochs)))
    assert len(whole) - len(bare) < 80_000


def test_names_of_terms_are_escaped():
    evil = "train_<b>&"
    history = invented_history(3) | {evil: [(0, 1.0)]}
    html = render_report(invented_report(training=TrainingLog({}, history)))
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html
