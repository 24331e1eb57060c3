"""Bundles of small methods, and what they are exported as; each graph is exported once for all tests of a process."""

import json
from pathlib import Path

import numpy as np

from normalcy.export import export
from normalcy.export.files import GraphFile, exported_graph
from normalcy.methods import method_definition
from normalcy.methods.plan import GraphPlan
from normalcy.scoring.bundle import Bundle, BundleHeader, FitRecord
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.settings import ScoringSettings
from normalcy.training.data import Footage
from small_methods import SMALL, small

FPS = 10.0
SETTINGS = ScoringSettings(hop_frames=2)
_graphs: dict[tuple[str, str, str], GraphFile] = {}


def save_bundle(name: str, path: Path, **changes: object) -> Path:
    """A bundle of an untrained method that has seen some footage."""
    method = small(name, **changes)
    spec = method.clip
    method.observe([footage(spec, frames=12)[0].frames_TCHW])
    header = BundleHeader(
        method=name,
        model=method_definition(name).config.model_validate(SMALL[name] | changes).model_dump(mode="json"),
        scoring=SETTINGS,
        frames_per_second=FPS,
        map_scale=(0.0, 1.0),
        fit=FitRecord(
            data="folder",
            preset="small",
            seed=0,
            fitted_at="2026-01-02T03:04:05+00:00",
            fit_seconds=1.0,
            fitted_frames=60,
            held_out_frames=30,
            held_out_videos=("yard",),
        ),
    )
    calibration = fit_calibration([np.sin(np.linspace(0, 3, 60))], frames_per_second=FPS)
    Bundle(header, calibration, method.arrays()).save(path)
    return path


def footage(spec, *, frames: int = 40, videos: int = 1) -> tuple[Footage, ...]:
    """A bright square that wanders over noise, as decoded video."""
    found = []
    for number in range(videos):
        random = np.random.default_rng(number)
        height, width = spec.size_px
        shown = random.integers(60, 120, (frames, spec.channels, height, width), np.uint8)
        for t in range(frames):
            left = (2 * t + 5 * number) % max(1, width - 8)
            shown[t, :, height // 3 : height // 3 + 8, left : left + 8] = 220
        found.append(Footage(f"cam{number}", shown, np.arange(frames), np.arange(frames) / FPS))
    return tuple(found)


def export_once(monkeypatch, name: str, salt: str = "") -> None:
    """Keeps exported graphs of a method for later tests."""

    def cached(plan: GraphPlan) -> GraphFile:
        key = (name, salt, plan.name)
        if key not in _graphs:
            _graphs[key] = exported_graph(plan)
        return _graphs[key]

    monkeypatch.setattr(export, "exported_graph", cached)


def change(bundle, edit) -> None:
    """Changes the one entry of a bundle's record."""
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    edit(data["exports"][0])
    path.write_text(json.dumps(data))
