"""Videos decoded into the cache by the workers of an engine."""

import shutil
from dataclasses import replace

import pytest
from spread_engines import Here

from normalcy.errors import FallbackWarning, InputError, SkippedVideoWarning
from normalcy.methods import method_definition
from normalcy.methods.scene_memory.settings import SceneMemoryConfig
from normalcy.training.data import all_normal_footage
from normalcy.training.spread.frames import decode
from normalcy.training.spread.settings import Spread
from tiny_scene import tiny_config


def test_workers_fill_the_cache_and_a_bad_video_is_left_out_as_ever(tiny_root, tmp_path, monkeypatch):
    root = shutil.copytree(tiny_root, tmp_path / "root")
    (root / "train" / "broken.mp4").write_bytes(b"nothing")
    speed = 'model.streams=["speed"]'
    config = tiny_config(root, tmp_path / "cache", method="scene-memory", overrides=[speed])
    spec = method_definition("scene-memory").build(SceneMemoryConfig(**config.model)).clip
    engine, said = Here(patient=True), []
    monkeypatch.setattr(Spread, "open", lambda self: engine)
    for _ in range(2):
        with pytest.warns(
            FallbackWarning, match=r"broken: a worker failed of it .*; it is tried once more here"
        ):
            decode(config.data, spec=spec, spread=Spread("local"), progress=lambda *words: said.append(words))
    # What is held is not decoded again; what cannot be decoded is tried each time.
    assert [video.name for video in engine.items] == ["a", "b", "broken", "c", "broken"]
    assert all(video.path.is_absolute() for video in engine.items)
    assert [(done, total) for _, done, total in said] == [(1, 4), (2, 4), (3, 4), (4, 4), (1, 1)]
    entries = sorted(path.name for path in (tmp_path / "cache").glob("*/meta.json"))
    with pytest.warns(SkippedVideoWarning, match=r"broken\.mp4"):
        footage = all_normal_footage(config.data, spec=spec)
    assert [span.name for span in footage] == ["a", "b", "c"]
    assert sorted(path.name for path in (tmp_path / "cache").glob("*/meta.json")) == entries
    assert all(span.entry is not None and span.entry.is_dir() for span in footage)


def test_a_cache_that_workers_have_to_themselves_is_an_error(tiny_root, tmp_path, monkeypatch):
    config = tiny_config(
        tiny_root, tmp_path / "cache", method="scene-memory", overrides=['model.streams=["speed"]']
    )
    spec = method_definition("scene-memory").build(SceneMemoryConfig(**config.model)).clip
    engine = Here(elsewhere=lambda job: replace(job, cache=tmp_path / "elsewhere"))
    monkeypatch.setattr(Spread, "open", lambda self: engine)
    with pytest.raises(InputError, match=r"data\.cache must be a folder that all machines share"):
        decode(config.data, spec=spec, spread=Spread("local"))
    assert list((tmp_path / "elsewhere").glob("*/meta.json"))
