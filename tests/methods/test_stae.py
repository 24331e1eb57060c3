import numpy as np
import pytest
import torch

from normalcy.methods.stae import Stae, StaeConfig, mean_image_and_deviation


def test_papers_shapes():
    stae = Stae(StaeConfig())
    clip = torch.rand(1, 2, 1, 227, 227)
    encoded = stae.encoder(clip)
    assert encoded.shape == (1, 2, 64, 26, 26)
    temporal = stae.temporal(encoded)
    assert temporal.shape == (1, 2, 64, 26, 26)
    assert stae.decoder(temporal).shape == clip.shape
    assert [layer.state_channels for layer in stae.temporal.layers] == [64, 32, 64]
    assert stae.encoder.first.conv.weight.shape == (128, 1, 11, 11)
    assert stae.encoder.second.conv.weight.shape == (64, 128, 5, 5)


def test_statistics_by_hand():
    videos = [np.zeros((2, 1, 2, 2), np.uint8), np.full((2, 1, 2, 2), 100, np.uint8)]
    mean, deviation = mean_image_and_deviation(videos)
    assert mean == pytest.approx(np.full((1, 2, 2), 50 / 255))
    assert deviation == pytest.approx(50 / 255)


def test_statistics_equal_numpys_on_long_noise():
    video = np.random.default_rng(0).integers(0, 256, (300, 1, 5, 7), np.uint8)
    mean, deviation = mean_image_and_deviation([video[:130], video[130:]])
    scaled = video / 255
    assert mean == pytest.approx(scaled.mean(axis=0), abs=1e-6)
    assert deviation == pytest.approx(np.sqrt(scaled.var(axis=0).mean()), abs=1e-6)


def test_a_still_camera_keeps_a_finite_scale():
    _, deviation = mean_image_and_deviation([np.full((4, 1, 3, 3), 9, np.uint8)])
    assert deviation == pytest.approx(1 / 255)


def test_observed_statistics_normalise_the_clip():
    stae = Stae(StaeConfig(size_px=(35, 43), encoder_channels=(4, 4), lstm_channels=(4,)))
    video = np.random.default_rng(0).integers(0, 256, (50, 1, 35, 43), np.uint8)
    stae.observe([video])
    normalised = stae.normalise(torch.from_numpy(video)[None].float() / 255)
    assert normalised.mean().item() == pytest.approx(0, abs=1e-5)
    assert normalised.square().mean().item() == pytest.approx(1, abs=1e-4)


def tiny(**settings) -> Stae:
    torch.manual_seed(0)
    sizes = {"size_px": (35, 43), "clip_len_frames": 3, "encoder_channels": (4, 4), "lstm_channels": (4,)}
    return Stae(StaeConfig(**sizes, **settings)).eval()


def test_each_frames_own_score_is_the_mean_of_its_map():
    scores = tiny(score_span="frame")(torch.rand(1, 3, 1, 35, 43))
    assert scores.map_BTHW.shape == (1, 3, 35, 43)
    torch.testing.assert_close(scores.score_BT, scores.map_BTHW.mean(dim=(2, 3)))
    torch.testing.assert_close(scores.parts["reconstruction"], scores.score_BT)


def test_the_clips_score_is_the_mean_over_its_frames_and_so_is_its_map():
    clip = torch.rand(2, 3, 1, 35, 43)
    by_clip, by_frame = tiny()(clip), tiny(score_span="frame")(clip)
    torch.testing.assert_close(by_clip.score_BT, by_frame.score_BT.mean(dim=1, keepdim=True))
    torch.testing.assert_close(by_clip.map_BTHW, by_frame.map_BTHW.mean(dim=1, keepdim=True))
    torch.testing.assert_close(by_clip.parts["frame_error"], by_frame.score_BT[:, -1:])
    assert tiny().clip.scored == (2,)


def test_hidden_frames_are_not_seen_but_judged():
    method = tiny(hidden_frames=(1, 2))
    clip = torch.rand(1, 3, 1, 35, 43)
    changed = clip.clone()
    changed[:, 1:] = torch.rand(1, 2, 1, 35, 43)
    seen, other = (method.reconstruct(method.normalise(x)) for x in (clip, changed))
    torch.testing.assert_close(seen, other)
    error_BTHW, predicted_BTCHW = method.judged_error(clip)
    assert error_BTHW.shape == (1, 2, 35, 43)
    torch.testing.assert_close(
        error_BTHW, ((predicted_BTCHW - clip[:, 1:]) / method.deviation).square().mean(dim=2)
    )
    assert method.clip.scored == (2,)
    assert tiny(hidden_frames=(1, 2), score_span="frame").clip.scored == (1, 2)
    assert method.losses(clip)["loss"].item() == pytest.approx(error_BTHW.mean().item())


def test_hidden_frames_must_be_frames_of_the_clip():
    with pytest.raises(ValueError, match="hidden_frames"):
        tiny(hidden_frames=(3,))
    with pytest.raises(ValueError, match="hidden_frames"):
        tiny(hidden_frames=(2, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size_px": (26, 40)}, "too small"),
        ({"map_blur_px": 2}, "must be odd"),
        ({"lstm_channels": (4, 5)}, "decoder expects"),
        ({"encoder_channels": (0, 4)}, "greater than or equal to 1"),
        ({"compare_frame_scores": [{"name": "mean"}, {"name": "mean"}]}, "twice"),
    ],
)
def test_impossible_settings_are_named(settings, message):
    sizes = {"size_px": (35, 43), "encoder_channels": (4, 4), "lstm_channels": (4,)}
    with pytest.raises(ValueError, match=message):
        StaeConfig(**{**sizes, **settings})


def test_the_smallest_size_can_be_built():
    config = StaeConfig(size_px=(27, 27), clip_len_frames=2, encoder_channels=(2, 2), lstm_channels=(2,))
    assert Stae(config)(torch.rand(1, 2, 1, 27, 27)).map_BTHW.shape == (1, 1, 27, 27)


def test_a_blurred_map_is_the_mean_over_a_box_and_leaves_the_score_alone():
    clip = torch.rand(1, 3, 1, 35, 43)
    sharp, blurred = tiny()(clip), tiny(map_blur_px=3)(clip)
    torch.testing.assert_close(blurred.score_BT, sharp.score_BT)
    torch.testing.assert_close(blurred.map_BTHW[0, 0, 9, 9], sharp.map_BTHW[0, 0, 8:11, 8:11].mean())
    torch.testing.assert_close(blurred.map_BTHW[0, 0, 0, 0], sharp.map_BTHW[0, 0, :2, :2].mean())
