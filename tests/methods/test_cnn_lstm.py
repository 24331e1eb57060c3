import numpy as np
import pytest
import torch
from pydantic import ValidationError

from normalcy.config import build_config
from normalcy.errors import ConfigError
from normalcy.layers.class_losses import focal_loss
from normalcy.methods.cnn_lstm import ClassLossSettings, CnnLstmConfig, SequenceClassifier
from normalcy.methods.contract import FrameStamp
from small_methods import small

CLASSES = ("arson", "normal", "robbery")
WIDTH = 12


def classifier(*, seed=0, **changes):
    torch.manual_seed(seed)
    settings = {"width": 8, "attention_heads": 2, "lstm_states": [5, 4], "classes": CLASSES, **changes}
    return SequenceClassifier(WIDTH, build_config(CnnLstmConfig, settings)).eval()


def features(batch=3, frames=7, *, seed=1):
    return torch.randn(batch, frames, WIDTH, generator=torch.Generator().manual_seed(seed))


def there(*lengths, frames):
    return torch.arange(frames)[None] < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"reads": "features"},
        {"reads": "changes"},
        {"width": None, "attention_heads": 3},
        {"attention_heads": 0},
        {"lstm_states": []},
        {"lstm_states": [6]},
        {"attention_heads": 0, "lstm_states": []},
    ],
)
def test_what_fills_up_changes_nothing(changes):
    network, x = classifier(**changes), features()
    filled = torch.cat([x, 100 * torch.randn(3, 5, WIDTH)], dim=1)
    alone, found = network(x, there(7, 5, 2, frames=7)), network(filled, there(7, 5, 2, frames=12))
    torch.testing.assert_close(alone.logits_BK, found.logits_BK, atol=1e-5, rtol=1e-5)
    for one, other in zip(alone.auxiliary, found.auxiliary, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert len(found.auxiliary) == len(changes.get("lstm_states", [5, 4]))
    assert (found.attention_BATT is None) == (changes.get("attention_heads") == 0)


def test_a_sequence_does_not_depend_on_its_batch():
    network, x = classifier(), features()
    together = network(x, there(7, 5, 2, frames=7)).logits_BK
    for place, length in enumerate((7, 5, 2)):
        alone = network(x[place : place + 1, :length], there(length, frames=length)).logits_BK
        torch.testing.assert_close(alone[0], together[place], atol=1e-5, rtol=1e-5)


def test_the_logits_are_the_mean_of_the_frames():
    found = classifier()(features(), there(7, 5, 2, frames=7))
    for place, length in enumerate((7, 5, 2)):
        mean = found.frame_logits_BTK[place, :length].mean(dim=0)
        torch.testing.assert_close(found.logits_BK[place], mean)


def test_attention_comes_out_and_sums_to_one():
    weights = classifier()(features(), there(7, 5, 2, frames=7)).attention_BATT
    assert weights.shape == (3, 2, 7, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, 7))


def test_changes_are_how_far_a_frame_lies_from_the_one_before():
    network, still = classifier(reads="changes"), features(1, 1).repeat(1, 6, 1)
    all_there = there(6, frames=6)
    assert torch.equal(network._read(still), torch.zeros(1, 6, WIDTH))
    other = network(still + 5, all_there).logits_BK
    torch.testing.assert_close(network(still, all_there).logits_BK, other)
    x = features(1, 4)
    torch.testing.assert_close(network._read(x)[0, 2], (x[0, 2] - x[0, 1]).abs())
    assert classifier(reads="both")._read(x).shape == (1, 4, 2 * WIDTH)


def test_what_is_read_is_brought_to_one_scale():
    network = classifier(reads="features")
    videos = [1000 + 7 * features(1, 30, seed=n)[0] for n in range(20)]
    network.observe(videos)
    scaled = (torch.cat(videos) - network.centre_E) / network.spread_E
    assert float(scaled.mean().abs()) < 0.01
    assert float(scaled.std()) == pytest.approx(1, abs=0.05)


def test_what_never_varies_does_not_weigh_without_end():
    network = classifier(reads="features")
    x = features(1, 50)[0].clone()
    x[:, 3] = 0.25
    network.observe([x])
    assert float(network.spread_E[3]) == pytest.approx(
        0.1 * float(x.std(dim=0, correction=0).mean()), rel=1e-3
    )


def losses(**settings):
    method = small("cnn-lstm", classes=CLASSES, loss=settings).train(False)
    x = torch.randn(4, 6, 1280, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 2, 1])
    found = method.class_losses(x, there(6, 6, 4, 3, frames=6), target, counts=[5, 50, 10])
    logits = method.classifier(x, there(6, 6, 4, 3, frames=6)).logits_BK
    return found, logits, target


def test_the_loss_is_the_weighted_sum_of_its_terms():
    found, _, _ = losses(focal=2.0, class_balanced=0.5, cross_entropy=0.25, auxiliary=0.1)
    expected = (
        2 * found["focal"]
        + 0.5 * found["class_balanced"]
        + 0.25 * found["cross_entropy"]
        + 0.1 * found["auxiliary"]
    )
    torch.testing.assert_close(found["loss"], expected)


@pytest.mark.parametrize("name", ["focal", "class_balanced", "cross_entropy", "auxiliary"])
def test_each_term_has_a_switch(name):
    on = {"focal": 1.0, "class_balanced": 1.0, "cross_entropy": 1.0, "auxiliary": 1.0}
    assert name not in losses(**{**on, name: 0.0})[0]
    assert set(losses(**on)[0]) == {"loss", *on}


def test_terms_are_what_their_names_say():
    found, logits, target = losses(focal=1.0, gamma=2.0, alpha=0.5, cross_entropy=1.0, label_smoothing=0.1)
    torch.testing.assert_close(found["focal"], focal_loss(logits, target, gamma=2.0, alpha=0.5))
    plain = torch.nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    torch.testing.assert_close(found["cross_entropy"], plain)


def test_logit_adjustment_asks_more_of_rare_classes():
    plain, logits, target = losses(focal=0.0, class_balanced=0.0, cross_entropy=1.0, auxiliary=0.0)
    adjusted, _, _ = losses(
        focal=0.0, class_balanced=0.0, cross_entropy=1.0, auxiliary=0.0, logit_adjustment=1.0
    )
    raised = logits + torch.log(torch.tensor([5.0, 50.0, 10.0]) / 65)
    torch.testing.assert_close(adjusted["loss"], torch.nn.functional.cross_entropy(raised, target))
    assert not torch.isclose(plain["loss"], adjusted["loss"])


def test_something_must_be_minimised():
    with pytest.raises(ValidationError, match="are all 0"):
        ClassLossSettings(focal=0, class_balanced=0)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"classes": ["a", "b"], "normal_class": "c"}, "normal_class"),
        ({"classes": ["a", "a"], "normal_class": "a"}, "names one twice"),
        ({"backbone": {"nam": "x"}}, "name"),
    ],
)
def test_mistaken_settings_are_refused(settings, what):
    with pytest.raises(ConfigError, match=what):
        build_config(CnnLstmConfig, settings)


@pytest.fixture(scope="module")
def method():
    return small("cnn-lstm", classes=CLASSES)


def looks(count, *, seed=0):
    rng = np.random.default_rng(seed)
    return [{"features_TD": rng.random((3, 1280), np.float32)} for _ in range(count)]


def stamps(number, *, since=0.0):
    return tuple(FrameStamp(6 * number + 2 * t, since + 0.6 * number + 0.2 * t) for t in range(3))


def test_a_camera_judges_its_last_frames(method):
    camera, seen = method.camera(), looks(4)
    scores = [camera.scores(stamps(n), look) for n, look in enumerate(seen)]
    features_1TD = torch.from_numpy(np.concatenate([look["features_TD"] for look in seen])[None, -6:])
    p = method.probabilities(features_1TD, torch.ones(1, 6, dtype=torch.bool))[0].detach()
    assert [float(scores[-1].parts[name][0]) for name in CLASSES] == pytest.approx(p.tolist(), abs=1e-6)
    assert float(scores[-1].score_T[0]) == pytest.approx(1 - float(p[1]), abs=1e-6)
    assert scores[-1].map_THW.shape == (3, 32, 48)
    assert np.allclose(scores[-1].map_THW, scores[-1].score_T[0])


def test_a_sequence_is_judged_where_the_weights_are(monkeypatch):
    method, given = small("cnn-lstm", classes=CLASSES), []
    method.temperature = method.temperature.to("meta")

    def probabilities(features_BTD, there_BT):
        given.extend([features_BTD.device.type, there_BT.device.type])
        return torch.full((1, 3), 1 / 3)

    monkeypatch.setattr(method, "probabilities", probabilities)
    method.camera().scores(stamps(0), looks(1)[0])
    assert given == ["meta", "meta"]


def test_a_frame_that_was_seen_counts_once(method):
    first, second = method.camera(), method.camera()
    one, other = looks(2)
    first.scores(stamps(0), one)
    again = first.scores(stamps(0), one)
    assert again.score_T.tolist() == second.scores(stamps(0), one).score_T.tolist()
    assert first.scores(stamps(1), other).score_T.tolist() == second.scores(stamps(1), other).score_T.tolist()


def test_after_a_gap_watching_begins_anew(method):
    camera, fresh = method.camera(), method.camera()
    before, after = looks(2)
    camera.scores(stamps(0), before)
    found = camera.scores(stamps(1, since=60.0), after)
    assert found.score_T.tolist() == fresh.scores(stamps(1, since=60.0), after).score_T.tolist()


def test_a_temperature_softens_and_never_changes_the_verdict():
    method = small("cnn-lstm", classes=CLASSES)
    x, whole = torch.randn(5, 6, 1280), torch.ones(5, 6, dtype=torch.bool)
    sure = method.probabilities(x, whole)
    method.temperature.fill_(4.0)
    soft = method.probabilities(x, whole)
    assert torch.equal(sure.argmax(-1), soft.argmax(-1))
    assert (soft.max(-1).values <= sure.max(-1).values + 1e-6).all()


def test_it_remembers_nothing(method):
    with pytest.raises(NotImplementedError):
        method.camera().remember(stamps(0), looks(1)[0])
