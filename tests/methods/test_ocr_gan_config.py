"""Settings of OCR-GAN Video: which frames they hide and judge, which contradict each other, and its presets."""

import pytest
import torch
from ocr_gan_clips import untrained

from normalcy.config import build_config
from normalcy.errors import ConfigError
from normalcy.layers.video_discriminator import VideoDiscriminator
from normalcy.methods import method_definition
from normalcy.methods.ocr_gan_video import METHOD, OcrGanVideo, OcrGanVideoConfig
from normalcy.training.config import resolve_config
from small_methods import SMALL


@pytest.mark.parametrize(
    ("frames", "every", "predict", "hidden", "judged"),
    [
        (8, 4, 4, (1, 2, 4, 5, 6, 7), (4, 5, 6, 7)),
        (8, 4, 1, (1, 3, 4, 5, 7), (7,)),
        (8, 4, 0, (1, 2, 4, 5, 6), (4, 5, 6)),
        (5, 2, 0, (1, 3), (3,)),
        (6, 2, 2, (2, 4, 5), (4, 5)),
        (6, 1, 2, (4, 5), (4, 5)),
        (4, 8, 0, (1, 2), (1, 2)),
        (16, 4, 6, (2, 3, 4, 6, 7, 8, 10, 11, 12, 13, 14, 15), (10, 11, 12, 13, 14, 15)),
        (3, 1, 1, (2,), (2,)),
    ],
)
def test_the_latest_run_of_hidden_frames_is_judged_and_its_newest_scored(
    frames, every, predict, hidden, judged
):
    changes = {"clip_len_frames": frames, "visible_every": every, "predict_frames": predict}
    method = untrained(**changes)
    assert (method.config.hidden, method.config.trained, method.config.judged) == (hidden, hidden, judged)
    assert method.clip.scored == (judged[-1],)
    assert (method.clip.length_frames, method.clip.value_range) == (frames, (-1.0, 1.0))
    scores = method(torch.rand(1, frames, 1, 16, 24) * 2 - 1)
    assert scores.map_BTHW.shape == (1, 1, 16, 24)
    assert torch.isfinite(scores.score_BT).all()


@pytest.mark.parametrize("frames", [2, 6, 9])
def test_in_the_task_reconstruct_all_frames_are_judged_and_the_last_is_scored(frames):
    method = untrained(task="reconstruct", clip_len_frames=frames)
    assert method.config.hidden == ()
    assert method.config.trained == method.config.judged == tuple(range(frames))
    assert method.clip.scored == (frames - 1,)


def test_the_clip_is_the_one_asked_for():
    spec = untrained(stride_frames=3, channels=3).clip
    assert (spec.size_px, spec.channels, spec.stride_frames, spec.span_frames) == ((16, 24), 3, 3, 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"size_px": (16, 22)},
            r"size_px \(16, 22\) must be multiples of 4 with these widths and stem_stride",
        ),
        ({"size_px": (20, 24), "stem_stride": 4}, "must be multiples of 8"),
        ({"grid_strides": (1,)}, r"grid_strides \(1,\) must have one entry for each of widths \(8, 8\)"),
        ({"generator_heads": 3}, r"widths \(8, 8\) cannot be divided among 3 heads"),
        ({"fusion_width": 6}, r"fusion_width \(6,\) cannot be divided among 4 heads"),
        ({"discriminator_heads": 3}, r"discriminator_layers \(8,\) cannot be divided among 3 heads"),
        ({"fusion_paths": ("conv3d", "conv3d")}, r"fusion_paths \('conv3d', 'conv3d'\) names a path twice"),
        ({"generator_heads": 0}, "the part 'attention' of the score needs generator_heads above 0"),
        ({"predict_frames": 5}, "predict_frames 5 leaves less than two frames to predict from"),
        ({"visible_every": 1, "predict_frames": 0}, "nothing is hidden: restore needs visible_every above 1"),
        ({"score_weights": {}}, "score_weights"),
        ({"score_weights": {"feature": -0.1}}, "'score_weights.feature' is -0.1"),
        ({"score_weights": {"recontsruction": 1.0}}, "score_weights.recontsruction"),
        ({"further_parts": ("motion",)}, "'further_parts.0' is 'motion'"),
        ({"noise": -1.0}, "'noise' is -1.0"),
        ({"loss": {"content": -1.0}}, "'loss.content' is -1.0"),
        ({"loss": {"contnet": 1.0}}, "unknown key 'loss.contnet', did you mean 'content'"),
        ({"channels": 2}, "'channels' is 2"),
        ({"task": "predict"}, "'task' is 'predict'"),
    ],
    ids=str,
)
def test_impossible_settings_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_config(OcrGanVideoConfig, SMALL["ocr-gan-video"] | changes)


def test_what_a_part_needs_is_asked_of_that_part_alone():
    without_attention = ("conv_lstm", "conv3d")
    assert untrained(fusion_width=6, fusion_paths=without_attention).generator.fusion is not None
    reconstructs = untrained(task="reconstruct", visible_every=1, predict_frames=0)
    assert reconstructs.config.hidden == ()
    assert untrained(generator_heads=0, further_parts=()).parts == (
        "reconstruction",
        "feature",
        "displacement",
    )


PRESETS = list(METHOD.presets)


def test_there_is_a_preset_of_each_size_for_each_task():
    assert PRESETS[0] == "compact"
    for size in ("compact", "standard", "paper"):
        tasks = [
            build_config(METHOD.config, dict(METHOD.presets[name].model)).task
            for name in (size, f"{size}-reconstruct")
        ]
        assert tasks == ["restore", "reconstruct"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_resolves_to_a_whole_configuration(preset):
    config = resolve_config("ocr-gan-video", data={"name": "folder", "root": "x"}, preset=preset)
    assert config.preset == preset
    assert OcrGanVideoConfig(**config.model) == OcrGanVideoConfig(**METHOD.presets[preset].model)
    for name, value in METHOD.presets[preset].training.items():
        assert getattr(config.training, name) == value


@pytest.mark.parametrize("preset", [name for name in PRESETS if name.startswith("compact")])
def test_the_small_presets_score_a_clip(preset):
    torch.manual_seed(0)
    method = (
        method_definition("ocr-gan-video").build(OcrGanVideoConfig(**METHOD.presets[preset].model)).eval()
    )
    assert isinstance(method, OcrGanVideo)
    spec = method.clip
    clip = torch.rand(1, spec.length_frames, spec.channels, *spec.size_px) * 2 - 1
    with torch.inference_mode():
        scores = method(clip)
    assert spec.size_px == (64, 96)
    assert scores.map_BTHW.shape == (1, 1, 64, 96)
    assert torch.isfinite(scores.score_BT).all()
    assert set(method.config.score_weights) <= set(scores.parts)


@pytest.mark.parametrize(
    ("preset", "size_px", "features"),
    [
        ("compact", (64, 64), (100, 7, 7)),
        ("compact", (64, 96), (100, 7, 11)),
        ("paper", (224, 224), (256, 56, 56)),
        ("paper-reconstruct", (224, 224), (256, 56, 56)),
    ],
)
def test_features_of_the_discriminator_have_the_promised_size(preset, size_px, features):
    config = OcrGanVideoConfig(**METHOD.presets[preset].model)
    discriminator = VideoDiscriminator(
        config.channels,
        layers=config.discriminator_layers,
        attention=config.discriminator_heads > 0,
        heads=config.discriminator_heads,
        frames=config.clip_len_frames,
    ).eval()
    with torch.inference_mode():
        judgement = discriminator(torch.zeros(1, 1, config.channels, *size_px))
    assert judgement.features[-1].shape == (1, 1, *features)
    assert judgement.logits_BThw.shape == (1, 1, *features[1:])


@pytest.mark.parametrize(("preset", "predicted"), [("compact", 2), ("standard", 4), ("paper", 4)])
def test_presets_that_restore_predict_from_two_visible_frames(preset, predicted):
    config = OcrGanVideoConfig(**METHOD.presets[preset].model)
    newest = config.clip_len_frames - 1
    assert config.extrapolate
    assert config.judged == tuple(range(newest + 1 - predicted, newest + 1))
    assert {newest - predicted, newest - predicted - 4}.isdisjoint(config.hidden)
