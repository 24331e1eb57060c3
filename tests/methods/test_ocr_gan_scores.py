"""Scores and maps of OCR-GAN Video.

Letters: B clips, T frames, H height, W width.
"""

import numpy as np
import pytest
import torch
from ocr_gan_clips import HEIGHT, HIDDEN, JUDGED, WIDTH, awake, changed_at, random_clip, still_clip, untrained

from normalcy.explain.attention.watch import watch_attention
from normalcy.layers.attention_score import attention_score_of
from normalcy.layers.displacement import DisplacementScore

PARTS = [
    "reconstruction",
    "reconstruction_high",
    "reconstruction_low",
    "feature",
    "displacement",
    "attention",
]
NINE_TO_ONE = {"reconstruction": 0.9, "feature": 0.1}
# Features as large as the frames, so that showing them at that size changes nothing.
UNSCALED = ({"channels": 8, "kernel": 3, "stride": 1},)


def with_square(clip_BTCHW: torch.Tensor, *corners: tuple[int, int, int]) -> torch.Tensor:
    """A bright square of six pixels at (frame, row, column)."""
    painted_BTCHW = clip_BTCHW.clone()
    for frame, row, column in corners:
        painted_BTCHW[:, frame, :, row : row + 6, column : column + 6] = 0.9
    return painted_BTCHW


def test_parts_are_those_asked_for_and_no_others():
    chosen = {
        "score_weights": {"displacement": 1.0, "feature": 0.5},
        "further_parts": ("feature", "attention"),
    }
    assert list(awake(**chosen)(random_clip()).parts) == ["displacement", "feature", "attention"]
    everything = awake(score_weights=dict.fromkeys(PARTS, 1.0), further_parts=())(random_clip())
    assert set(everything.parts) == set(PARTS)
    assert all(part_BT.shape == (2, 1) and (part_BT >= 0).all() for part_BT in everything.parts.values())


def test_the_weighted_score_is_nine_parts_reconstruction_and_one_part_features():
    scores = awake(score_fusion="weighted", score_weights=NINE_TO_ONE)(random_clip())
    expected = 0.9 * scores.parts["reconstruction"] + 0.1 * scores.parts["feature"]
    torch.testing.assert_close(scores.score_BT, expected)


def test_further_parts_do_not_change_the_score():
    clip = random_clip()
    few, many = awake(further_parts=()), awake(further_parts=PARTS)
    torch.testing.assert_close(few(clip).score_BT, many(clip).score_BT)
    torch.testing.assert_close(few(clip).map_BTHW, many(clip).map_BTHW)


def test_the_mean_error_of_the_judged_frames_by_hand():
    settings = {"score_weights": {"reconstruction": 1.0}, "score_fusion": "weighted"}
    method, clip = untrained(error_score={"name": "mean"}, **settings), random_clip()
    expected = (clip[:, JUDGED] - clip[:, 3:4]).square().mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(method(clip).score_BT[:, 0], expected)
    high, low = method.generator.split(clip[:, JUDGED] - clip[:, 3:4])
    for name, band in (("high", high), ("low", low)):
        part_BT = method(clip).parts[f"reconstruction_{name}"]
        torch.testing.assert_close(part_BT[:, 0], band.square().mean(dim=(1, 2, 3, 4)), atol=1e-6, rtol=1e-3)


def test_of_a_hidden_frame_that_is_not_judged_only_the_features_tell_and_of_a_judged_one_all_terms():
    """The discriminator attends across all the frames that it was trained on."""
    method, clip = awake(), random_clip()
    parts = method(clip).parts
    other = method(changed_at(clip, 2)).parts
    assert {name for name in parts if not torch.equal(parts[name], other[name])} == {"feature"}
    for judged in JUDGED:
        other = method(changed_at(clip, judged)).parts
        for name in ("reconstruction", "reconstruction_high", "reconstruction_low", "feature"):
            assert (parts[name] != other[name]).all()


def test_the_feature_error_is_of_the_judged_frames_seen_with_all_that_were_trained_on():
    settings = {"score_weights": {"feature": 1.0}, "score_fusion": "weighted", "further_parts": ()}
    method, clip = (
        awake(feature_score={"name": "mean"}, discriminator_layers=UNSCALED, **settings),
        random_clip(),
    )
    fake = method.generator(clip).video
    real_BTDHW, fake_BTDHW = (method.discriminator(x[:, HIDDEN]).features[-1] for x in (clip, fake))
    expected = (real_BTDHW - fake_BTDHW)[:, [HIDDEN.index(place) for place in JUDGED]].square()
    torch.testing.assert_close(method(clip).score_BT[:, 0], expected.mean(dim=(1, 2, 3, 4)))


@pytest.mark.parametrize("split", ["pyramid", "laplacian", "none"])
def test_drift_of_the_streams_that_cancels_is_no_error(split, monkeypatch):
    method, clip = awake(split=split), random_clip()
    rebuilt = method.generator(clip, with_attention=True)
    drift = 3 * random_clip(seed=7)
    drifted = rebuilt._replace(high=rebuilt.high + drift, low=rebuilt.low - drift)
    found, validation = method(clip), method.validation_losses(clip)
    monkeypatch.setattr(method.generator, "forward", lambda *_, **__: drifted)
    torch.testing.assert_close(method(clip).map_BTHW, found.map_BTHW, atol=1e-4, rtol=1e-4)
    for name, part_BT in method(clip).parts.items():
        torch.testing.assert_close(part_BT, found.parts[name], atol=1e-5, rtol=1e-4)
    for name, error in method.validation_losses(clip).items():
        torch.testing.assert_close(error, validation[name], atol=1e-5, rtol=1e-4)


def test_normal_video_that_was_observed_scores_zero_on_average():
    method = awake()
    scores = [method(random_clip(4, seed=seed)) for seed in range(4)]
    normal = {
        name: np.concatenate([each.parts[name].detach().numpy() for each in scores])
        for name in scores[0].parts
    }
    method.observe_parts(normal, seconds=10)
    fused = method.fuse({name: torch.from_numpy(values) for name, values in normal.items()})
    assert fused.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert fused.std().item() > 0.1
    again = torch.cat([method(random_clip(4, seed=seed)).score_BT for seed in range(4)])
    torch.testing.assert_close(again, fused, atol=1e-4, rtol=1e-4)


def test_terms_of_the_map_are_in_units_of_normal_video():
    """A term that is usually a thousand times larger leaves as much in the map as the other."""
    clip = random_clip()
    settings = {"score_weights": {"reconstruction": 1.0}, "further_parts": ()}
    maps = []
    for usual in (1.0, 1000.0):
        method = awake(**settings)
        method.observe_parts({"reconstruction": np.full(3, usual)}, seconds=10)
        maps.append(method(clip).map_BTHW)
    torch.testing.assert_close(maps[0], 1000 * maps[1])


@pytest.mark.parametrize("fusion", ["weighted", "z-scores"])
def test_the_order_of_the_terms_does_not_matter(fusion):
    weights = {"reconstruction": 1.0, "feature": 0.5, "displacement": 2.0}
    method = awake(score_weights=weights, score_fusion=fusion)
    turned = awake(score_weights=dict(reversed(weights.items())), score_fusion=fusion)
    clip = random_clip()
    rng = np.random.default_rng(0)
    method.observe_parts(
        {name: rng.lognormal(place, 1 + place, 50) for place, name in enumerate(weights)}, seconds=10
    )
    turned.load_state_dict(method.state_dict())
    torch.testing.assert_close(method(clip).score_BT, turned(clip).score_BT)
    torch.testing.assert_close(method(clip).map_BTHW, turned(clip).map_BTHW)


@pytest.mark.parametrize("fusion", ["weighted", "z-scores"])
@pytest.mark.parametrize("level", [-1.0, 0.0, 1.0])
def test_a_clip_without_any_error_has_finite_scores_and_maps(fusion, level):
    method = untrained(score_fusion=fusion, score_weights=dict.fromkeys(PARTS, 1.0))
    flat = torch.full((2, 6, 1, HEIGHT, WIDTH), level)
    before = method(flat)
    if fusion == "z-scores":
        method.observe_parts(
            {name: part_BT.detach().numpy() for name, part_BT in before.parts.items()}, seconds=10
        )
    for scores in (before, method(flat), method(random_clip())):
        assert torch.isfinite(scores.score_BT).all()
        assert torch.isfinite(scores.map_BTHW).all()
        assert (scores.map_BTHW >= 0).all()


@pytest.mark.parametrize("part", ["reconstruction", "reconstruction_high", "feature", "displacement"])
@pytest.mark.parametrize(("row", "column"), [(1, 2), (8, 16)])
def test_the_map_is_brightest_where_something_fast_and_bright_appeared(part, row, column):
    method = untrained(score_weights={part: 1.0}, further_parts=())
    still = still_clip()
    painted = with_square(still, (4, row, max(0, column - 5)), (5, row, column))
    map_HW = method(painted).map_BTHW[0, 0]
    found_row, found_column = divmod(map_HW.argmax().item(), WIDTH)
    assert row - 2 <= found_row < row + 8
    assert column - 7 <= found_column < column + 8
    assert (method(painted).score_BT > method(still).score_BT).all()
    far = map_HW[:, 17:] if column < 10 else map_HW[:, :7]
    assert far.mean() < 0.3 * map_HW.max()


def test_what_happens_in_the_dark_is_displaced_too():
    """All of the clip lies below the middle of the range of values."""
    method = untrained(score_weights={"displacement": 1.0}, further_parts=())
    still = still_clip()
    moved = still.clone()
    moved[:, 5] = torch.roll(still[:, 5], 2, dims=-1)
    assert method(moved).parts["displacement"] > method(still).parts["displacement"] + 0.5
    by_name = untrained(
        score_weights={"reconstruction": 1.0}, further_parts=(), error_score={"name": "displacement"}
    )
    assert by_name(moved).parts["reconstruction"] > by_name(still).parts["reconstruction"] + 0.5


def test_displacement_is_the_mean_over_all_predicted_frames():
    method = untrained(score_weights={"displacement": 1.0}, further_parts=())
    still = still_clip()
    assert method.judged_frames == [4, 5]
    maps = {}
    for moved in ((4,), (5,), (4, 5)):
        clip = still.clone()
        for place in moved:
            clip[:, place] = torch.roll(still[:, place], 2, dims=-1)
        real, fake = (
            (each[:, method.judged_frames] + 1) / 2 for each in (clip, method.generator(clip).video)
        )
        term = method.displacement
        each_BTHW = DisplacementScore(box_px=term.box_px, enlarge=term.enlarge).map(real, fake)
        maps[moved] = each_BTHW
        expected = each_BTHW.mean(dim=1, keepdim=True).amax(dim=(2, 3))
        torch.testing.assert_close(method(clip).parts["displacement"], expected)
    # Each frame counts: what moves in one of the two gives half of what moves in both.
    assert maps[(4,)][:, 0].max() > maps[(4,)][:, 1].max() + 0.5
    assert maps[(5,)][:, 1].max() > maps[(5,)][:, 0].max() + 0.5


def test_a_smaller_box_blurs_the_map_less_and_leaves_the_score_alone():
    clip = with_square(still_clip(), (5, 4, 8))
    sharp, blurred = (untrained(map_blur_fraction=fraction)(clip) for fraction in (0.01, 0.5))
    assert torch.equal(sharp.score_BT, blurred.score_BT)
    assert sharp.map_BTHW.max() > 1.2 * blurred.map_BTHW.max()


def test_attention_weights_are_of_every_place_of_the_bottleneck():
    method, clip = awake(), random_clip()
    weights = method.attention_weights(clip)
    assert [each.shape for each in weights] == [(2, 4, 4 * 6, 6, 6)] * 2
    for each in weights:
        torch.testing.assert_close(each.sum(dim=-1), torch.ones(2, 4, 24, 6))
    assert not torch.equal(*weights)
    coarse = awake(grid_strides=(2, 2)).attention_weights(clip)
    assert [each.shape for each in coarse] == [(2, 4, 2 * 3, 6, 6)] * 2
    assert awake(generator_heads=0, further_parts=()).attention_weights(clip) == ()


def test_the_part_attention_is_the_attention_score_of_the_newest_frame():
    method, clip = awake(), random_clip()
    watched = {each.name: each for each in watch_attention(method, clip)}
    expected = []
    for place in (0, 1):
        each = watched[f"{method.main_attention}attention.{place}"]
        weights, features = torch.from_numpy(each.weights_BAPTT), torch.from_numpy(each.after_BTDP)
        expected.append(attention_score_of(weights, features, frame=method.judged_frames[-1]))
    highest = torch.stack(expected).mean(dim=0).amax(dim=1, keepdim=True)
    with torch.no_grad():
        found = method(clip).parts["attention"]
    # The map is drawn out to pixels, which lie between the centres of places.
    torch.testing.assert_close(found, highest, rtol=0.1, atol=0)
    assert (found <= highest + 1e-5).all()
