"""What a frozen backbone sees in videos, by the workers of an engine."""

from dataclasses import replace

import pytest
from spread_engines import Dying, Here

from normalcy.errors import FallbackWarning, InputError, SkippedVideoWarning
from normalcy.run_folder import RunFolder
from normalcy.training.config import FitConfig
from normalcy.training.features.store import FeatureStore
from normalcy.training.fit import build_method, fit
from normalcy.training.fit_classes import open_classes, see_all, store_of, wanted_videos, with_classes
from normalcy.training.spread.features import See, see
from normalcy.training.spread.settings import Spread
from tiny_classes import tiny_class_config, write_tiny_classes

FEW = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr("normalcy.datasets.class_folder.HASHES", tmp_path_factory.mktemp("hashes") / "hashes")
    yield write_tiny_classes(tmp_path_factory.mktemp("classes"))
    patch.undo()


def opened(root, caches) -> tuple[FitConfig, object, FeatureStore, list]:
    config = tiny_class_config(root, caches)
    dataset = open_classes(config)
    config = with_classes(config, dataset)
    method = build_method(config)
    method.begin_training()
    return config, method, store_of(config, method), wanted_videos(config, dataset)


def kept(store: FeatureStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.glob("*.safetensors")}


def test_workers_see_what_is_seen_without_them_even_if_one_dies(root, tmp_path, monkeypatch):
    _, _, store, videos = opened(root, tmp_path / "alone")
    for each, views in videos[:FEW]:
        store.open(each.video, views=views)
    config, method, spread_store, _ = opened(root, tmp_path / "spread")
    engine = Dying(See, tmp_path / "killed")
    monkeypatch.setattr(Spread, "open", lambda self: engine)
    see(method, spread_store, videos[:FEW], config, spread=Spread("local"))
    assert sorted(engine.tries) == [1] * (FEW - 1) + [2]
    assert kept(spread_store) == kept(store)
    assert len(kept(store)) == FEW


def test_what_is_kept_is_not_looked_at_again(root, tmp_path, monkeypatch):
    config, method, store, videos = opened(root, tmp_path)
    for each, views in videos[:1]:
        store.open(each.video, views=views)
    # One view of the two is not enough.
    shown, views = videos[1]
    assert views > 1
    store.open(shown.video, views=1)
    engine, said = Here(), []
    monkeypatch.setattr(Spread, "open", lambda self: engine)
    see(
        method,
        store,
        videos[:FEW],
        config,
        spread=Spread("local"),
        progress=lambda *words: said.append(words),
    )
    assert [item.video.name for item in engine.items] == [each.video.name for each, _ in videos[1:FEW]]
    assert [(done, total) for _, done, total in said] == [(1, 2), (2, 2)]
    see(method, store, videos[:FEW], config, spread=Spread("local"))
    assert len(engine.items) == 2


def test_a_bad_video_is_passed_over_and_left_out_with_a_warning(root, tmp_path, monkeypatch):
    config, method, store, videos = opened(root, tmp_path)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing")
    (good, views), (other, _) = videos[:2]
    bad = replace(other, video=replace(other.video, path=broken))
    wanted = [(bad, views), (good, views)]
    monkeypatch.setattr(Spread, "open", lambda self: Here(patient=True))
    with pytest.warns(FallbackWarning, match="normal/n2: a worker failed of it"):
        see(method, store, wanted, config, spread=Spread("local"))
    assert len(kept(store)) == 1
    with pytest.warns(SkippedVideoWarning, match=r"broken\.mp4"):
        seen = see_all(store, wanted, classes=method.classes)
    assert [each.source for each in seen] == [good]


def test_a_fit_looks_at_all_its_videos_over_the_engine(root, tmp_path, monkeypatch):
    engine = Here()
    monkeypatch.setattr(Spread, "open", lambda self: engine)
    config = tiny_class_config(root, tmp_path, overrides=["training.epochs=1"])
    bundle = fit(config, run=RunFolder(tmp_path / "run"), spread=Spread("local"))
    looked_at = {item.video.name for item in engine.items}
    assert len(looked_at) == len(engine.items) == len(bundle.header.fit.learned)
    assert set(bundle.header.fit.held_out_videos) < looked_at


def test_a_worker_that_would_see_something_else_refuses(root, tmp_path, monkeypatch):
    config, method, store, videos = opened(root, tmp_path)
    monkeypatch.setattr("normalcy.training.features.store.decoder_version", lambda: "another")
    monkeypatch.setattr(Spread, "open", lambda self: Here())
    with pytest.raises(InputError, match="Install the same versions on all machines"):
        see(method, store, videos[:1], config, spread=Spread("local"))


def test_a_store_that_workers_have_to_themselves_is_an_error(root, tmp_path, monkeypatch):
    config, method, store, videos = opened(root, tmp_path)

    def elsewhere(job: See) -> See:
        data = job.fit.data.model_copy(update={"features": tmp_path / "elsewhere"})
        return replace(job, fit=job.fit.model_copy(update={"data": data}))

    monkeypatch.setattr(Spread, "open", lambda self: Here(elsewhere=elsewhere))
    with pytest.raises(InputError, match=r"data\.features must be a folder that all machines share"):
        see(method, store, videos[:1], config, spread=Spread("local"))
    assert list((tmp_path / "elsewhere").rglob("*.safetensors"))
    assert kept(store) == {}
