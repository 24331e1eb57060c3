"""That benchmarks compare like with like. Their timing decides no test."""

import importlib
import sys
from pathlib import Path

import pytest

from processors import rounds_otherwise

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
TINY_OCR_GAN = {
    "size_px": (32, 48),
    "clip_len_frames": 6,
    "widths": (8, 8),
    "grid_strides": (2, 1),
    "fusion_grid_stride": 4,
    "discriminator_layers": ({"channels": 8}, {"channels": 8}),
}
# SPyNet takes no side below 64, and the plain one scales nothing.
TINY_FUTURE_FRAME = {
    "size_px": (64, 64),
    "widths": (8, 8),
    "discriminator_widths": (8, 8),
    "discriminator_strides": (2, 2),
}


@pytest.fixture
def imported(monkeypatch):
    """Imports a module of the benchmarks, which are no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def flow_weights(imported, tmp_path):
    return imported("future_frame_variants").write_random_flow_weights(tmp_path / "spynet.safetensors")


@pytest.mark.parametrize("preset", ["compact", "standard", "compact-reconstruct"])
def test_the_plain_ocr_gan_and_ours_are_one_function(imported, preset):
    found = imported("ocr_gan_video_agreement").agreement(preset, **TINY_OCR_GAN, predict_frames=2)
    assert found.holds, found


def test_another_ocr_gan_is_told(imported, monkeypatch):
    naive = imported("naive_ocr_gan_video")
    monkeypatch.setattr(naive, "blurred", lambda x_BTHW, *, box_px: x_BTHW)
    monkeypatch.setattr(naive, "_motion_loss", lambda fake, real: (fake - real).square().sum())
    found = imported("ocr_gan_video_agreement").agreement("compact-reconstruct", **TINY_OCR_GAN)
    assert found.score > 1e-4
    assert found.gradient > 1e-3
    assert not found.holds


@pytest.mark.parametrize(
    ("preset", "channels"), [("paper", 3), pytest.param("one-frame", 1, marks=rounds_otherwise)]
)
def test_the_plain_future_frame_and_ours_are_one_function(imported, flow_weights, preset, channels):
    agreement = imported("future_frame_agreement").agreement
    found = agreement(preset, flow_weights=flow_weights, **TINY_FUTURE_FRAME, channels=channels)
    assert found.holds, found


WRONG = {
    "flow between others": (
        "loss",
        lambda right: lambda flow, last, fake, real: right(flow, real, fake, last),
    ),
    "flow without gradient": (
        "gradient",
        lambda right: lambda flow, last, fake, real: right(flow, last, fake.detach(), real),
    ),
}


@pytest.mark.parametrize(("differs", "wrong"), WRONG.values(), ids=WRONG)
def test_another_flow_loss_is_told(imported, flow_weights, monkeypatch, differs, wrong):
    naive = imported("naive_future_frame")
    monkeypatch.setattr(naive, "flow_difference", wrong(naive.flow_difference))
    agreement = imported("future_frame_agreement").agreement
    found = agreement("small", flow_weights=flow_weights, **TINY_FUTURE_FRAME)
    assert getattr(found, differs) > 1e-3
    assert found.score < 1e-4
    assert not found.holds


def test_another_score_is_told(imported, flow_weights, monkeypatch):
    monkeypatch.setattr(imported("naive_future_frame"), "LEAST_SQUARED_ERROR", 1.0)
    agreement = imported("future_frame_agreement").agreement
    found = agreement("small", flow_weights=flow_weights, **TINY_FUTURE_FRAME)
    assert found.score > 1e-4
    assert found.loss < 1e-4
    assert not found.holds


def test_a_plain_step_moves_the_discriminator_as_ours_does(imported, flow_weights):
    """The generator's step differs: the textbook's is against the new discriminator."""
    variants, work = imported("future_frame_variants"), imported("speed_work")
    ours, copy = (variants.build("small", flow_weights=flow_weights, **TINY_FUTURE_FRAME) for _ in range(2))
    plain, before = variants.plain_of(copy, flow_weights=flow_weights), ours.discriminator.head.weight.clone()
    clip_BTCHW = ours.clip.in_range(work.uint8_clips(ours.clip, 2))
    ours.begin_training()
    config, float32 = imported("normalcy.training.config").TrainingConfig(), work.bf16(False)
    both = [work.optimisers(net.generator, net.discriminator, config) for net in (ours, plain)]
    work.our_step(ours, clip_BTCHW, both[0], float32, clip_norm=1.0)
    imported("naive_future_frame").train_step(plain, clip_BTCHW, both[1], float32, clip_norm=1.0)
    own, other = ours.discriminator.head.weight, plain.discriminator.head.weight
    assert (own - before).abs().max() > 1e-4
    assert (own - other).abs().max() < 1e-6


@pytest.mark.parametrize("variant", ["TRAINING", "SCORING"])
def test_every_variant_of_future_frame_works(imported, flow_weights, monkeypatch, variant):
    variants = imported("future_frame_variants")
    build = variants.build
    monkeypatch.setattr(variants, "build", lambda preset, **given: build(preset, **TINY_FUTURE_FRAME | given))
    for name in getattr(variants, variant):
        if variant == "TRAINING":
            variants.training_work("small", name, 1, flow_weights=flow_weights)()
        else:
            assert len(variants.scoring_work("small", name, 2)()) == 2


def test_tables_tell_how_much_faster_than_plain(imported):
    spread = {"lower_quartile": 0.1, "upper_quartile": 0.9}
    rows = {
        name: {"clips": 4, "seconds_per_call": spread | {"median": median}, "memory": {"peak_mib": 512.0}}
        for name, median in (("naive float32", 0.5), ("ours bf16", 0.2))
    }
    result = {
        "versions": {"torch": "2"},
        "hardware": "a machine",
        "effort": {"rounds": 3},
        "threads": {"torch": 2},
        "command": "python it.py",
        "presets": {"small": {"frames": 5, "training": rows, "scoring, batch 4": rows}},
    }
    text = imported("speed_tables").tables(result)
    assert "| small | 4 | ours bf16 | 0.200 (0.100 to 0.900) | 2.50x | 512 |" in text
    assert "| small | 4 | ours bf16 | 50.0 (25.0 to 225.0) | 2.50x | 512 |" in text
