import numpy as np
import pytest
import torch

from normalcy.datasets.class_folder import ClassFolder
from normalcy.errors import ConfigError, RunFolderExists, SkippedVideoWarning
from normalcy.run_folder import RunFolder
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.pipeline import SourceScorer
from normalcy.training.class_verdicts import fit_temperature, smoothed_scores, video_probabilities
from normalcy.training.features.store import Seen
from normalcy.training.fit import fit
from normalcy.training.fit_classes import open_classes, store_of, with_classes
from normalcy.video.reader import ReadOptions, open_video
from small_methods import small
from tiny_classes import tiny_class_config, write_tiny_classes


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_tiny_classes(tmp_path_factory.mktemp("classes"))


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="module", autouse=True)
def own_hashes(caches):
    patch = pytest.MonkeyPatch()
    patch.setattr("normalcy.datasets.class_folder.HASHES", caches / "hashes")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def run(root, caches, tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("run"))
    fit(tiny_class_config(root, caches), run=run)
    return run


def test_a_bundle_knows_its_classes_and_its_fold(run):
    header = Bundle.load(run.bundle).header
    assert header.model["classes"] == ["normal", "passing"]
    assert header.model["normal_class"] == "normal"
    assert header.fit.fold == 1
    assert header.fit.training["epochs"] >= 1
    assert all(name.startswith("normal/") for name in header.fit.held_out_videos)
    assert "labelled video, all folds but 1" in (run.bundle / "card.md").read_text()


def test_what_is_judged_was_neither_fitted_on_nor_held_out(run, root):
    dataset = ClassFolder(root).at_fold(1)
    judged = {each.video.name for each in dataset.class_videos("test")}
    assert not judged & set(Bundle.load(run.bundle).header.fit.held_out_videos)


def test_checkpoints_hold_no_backbone(run):
    state = torch.load(run.checkpoints / "best.ckpt", weights_only=True)["state_dict"]
    assert state
    assert all(name.startswith("method.") for name in state)
    assert not any("blocks" in name for name in state)


def test_the_same_seed_gives_the_same_bundle(run, root, caches, tmp_path):
    again = RunFolder(tmp_path / "again")
    fit(tiny_class_config(root, caches), run=again)
    first, second = (Bundle.load(each.bundle) for each in (run, again))
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert first.calibration == second.calibration


def test_resuming_goes_on_where_it_stopped(run, root, caches, tmp_path):
    def interrupt(what: str, done: int, total: int) -> None:
        if what.startswith("training, epoch 2"):
            raise KeyboardInterrupt

    cut = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_class_config(root, caches), run=cut, progress=interrupt)
    bundle = fit(tiny_class_config(root, caches), run=cut, resume=True)
    whole = Bundle.load(run.bundle)
    for name, weight in whole.weights.items():
        torch.testing.assert_close(bundle.weights[name], weight)


def test_resuming_with_other_settings_is_refused(run, root, caches):
    with pytest.raises(RunFolderExists, match=r"another data\.fold"):
        fit(tiny_class_config(root, caches, overrides=["data.fold=2"]), run=run, resume=True)


def test_a_dataset_without_classes_is_refused(tiny_root, tmp_path):
    config = tiny_class_config(tiny_root, tmp_path, name="folder")
    with pytest.raises(ConfigError, match="folder has no classes"):
        fit(config, run=RunFolder(tmp_path / "run"))


def test_an_unreadable_video_is_left_out(caches, tmp_path):
    root = write_tiny_classes(tmp_path / "classes")
    (root / "passing" / "broken.mp4").write_bytes(b"nothing")
    # It may lie in any part of the split.
    for fold in range(2):
        config = tiny_class_config(root, caches, overrides=[f"data.fold={fold}", "training.epochs=1"])
        judged = {each.video.name for each in open_classes(config).class_videos("test")}
        if "passing/broken" not in judged:
            with pytest.warns(SkippedVideoWarning, match=r"broken\.mp4"):
                fit(config, run=RunFolder(tmp_path / f"run{fold}"))
            return
    pytest.fail("the broken video was judged in both folds")


def test_kept_features_give_the_scores_of_the_frames(run, root, caches):
    bundle = Bundle.load(run.bundle)
    method = bundle.method().eval()
    config = with_classes(tiny_class_config(root, caches), open_classes(tiny_class_config(root, caches)))
    video = ClassFolder(root).at_fold(1).class_videos("test")[0].video
    seen = store_of(config, method).open(video)
    kept = list(smoothed_scores(method, seen, spec=method.clip, settings=bundle.header.scoring, name="cam"))
    scorer = SourceScorer(
        bundle.scoring_model(), settings=bundle.header.scoring, calibration=None, source_id="cam"
    )
    with open_video(video.path, ReadOptions(size_px=method.clip.size_px, fps=video.fps)) as reader:
        scored = [verdict.smoothed for verdict in scorer.run(reader)]
    assert 0 < len(kept) <= len(scored)
    # Kept features are half as precise.
    assert np.abs(np.array(kept) - scored[: len(kept)]).max() < 0.02


def seen_of(values):
    features = np.zeros((1, len(values), 1280), np.float16)
    return Seen(features, np.arange(len(values)), np.arange(len(values)) / 10)


def test_a_temperature_makes_what_is_too_sure_honest(monkeypatch):
    method = small("cnn-lstm")
    logits = {True: torch.tensor([4.0, -4.0]), False: torch.tensor([-4.0, 4.0])}
    # Of ten, it is sure of all and right in seven.
    videos = [(seen_of([n]), int(n >= 7)) for n in range(10)]
    monkeypatch.setattr(
        "normalcy.training.class_verdicts.video_logits", lambda method, seen, views=1: [logits[True]]
    )
    temperature = fit_temperature(method, videos)
    p_right = float((logits[True] / temperature).softmax(0)[0])
    assert temperature > 1
    assert p_right == pytest.approx(0.7, abs=0.01)
    assert float(method.temperature) == pytest.approx(temperature)


def test_probabilities_are_means_over_windows_and_views():
    method = small("cnn-lstm")
    features = np.random.default_rng(0).standard_normal((2, 15, 1280)).astype(np.float16)
    seen = Seen(features, np.arange(15), np.arange(15) / 10)
    whole = video_probabilities(method, seen, views=2)
    first, second = (
        video_probabilities(method, Seen(features[v : v + 1], seen.index_T, seen.pts_seconds_T))
        for v in (0, 1)
    )
    assert whole.sum() == pytest.approx(1, abs=1e-6)
    assert np.allclose(whole, (first + second) / 2, atol=1e-6)


def test_the_backbone_may_learn_too(run, root, caches, tmp_path):
    tuned = RunFolder(tmp_path / "tuned")
    overrides = [
        "training.finetuning.epochs=1",
        "training.finetuning.batch_size=4",
        "training.finetuning.frames=4",
        "training.finetuning.learning_rate=1e-4",
    ]
    bundle = fit(tiny_class_config(root, caches, overrides=overrides), run=tuned)
    before = Bundle.load(run.bundle)
    learned = "backbone.network.blocks.3.layers.1.weight"
    assert not np.array_equal(bundle.weights[learned], before.weights[learned])
    # Batch statistics stay those of the public weights.
    still = "backbone.network.blocks.3.layers.2.running_mean"
    assert np.array_equal(bundle.weights[still], before.weights[still])
    assert (tuned.finetuning / "checkpoints" / "best.ckpt").is_file()
    assert not any(weight.requires_grad for weight in bundle.method().backbone.parameters())
    fit(tiny_class_config(root, caches), run=tuned, overwrite=True)
    assert not tuned.finetuning.exists()


def test_sequences_of_frames_are_filled_up_and_drawn_by_seed():
    from normalcy.training.finetune import FrameSequences, FrameWindows, LabelledFrames, frames_of

    rng = np.random.default_rng(0)
    videos = [LabelledFrames(rng.integers(0, 255, (t, 3, 4, 6), np.uint8), n) for n, t in enumerate((9, 2))]
    data = FrameSequences(videos, length=4, seed=0)
    assert np.array_equal(data[0, 1][0], FrameSequences(videos, length=4, seed=0)[0, 1][0])
    drawn = {data[0, n][0].numpy().tobytes() for n in range(40)}
    assert 6 < len(drawn) <= 12
    batch = frames_of([data[0, 0], data[1, 0]])
    assert batch.frames_BLCHW.shape == (2, 4, 3, 4, 6)
    assert batch.there_BL.tolist() == [[True] * 4, [True, True, False, False]]
    first = FrameWindows(videos, length=4)[0][0]
    assert np.array_equal(first.numpy(), videos[0].frames_TCHW[:4])
