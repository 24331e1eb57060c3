"""A box that only watches: an exported bundle, and nothing that trains."""

import json
import subprocess
import sys

import numpy as np
import pytest

from normalcy.export.export import ExportRequest, export_bundle
from normalcy.video.writer import VideoWriter
from small_exports import save_bundle

ABSENT = ("torch", "lightning", "torchvision", "sklearn", "scipy", "tensorboardX", "onnx", "nncf", "pyarrow")
WITHOUT_THEM = f"import sys; sys.modules.update(dict.fromkeys({list(ABSENT)}))\n"
SCORE = """
import itertools, json, sys
from pathlib import Path
from normalcy.live.config.live import BundleConfig
from normalcy.live.engine.detectors import open_detector
from normalcy.scoring.pipeline import SourceScorer
from normalcy.video.reader import ReadOptions, open_video

import normalcy.live.watch, normalcy.live.engine.inference, normalcy.live.alerts.outbox_loop
import normalcy.live.cameras.capture

detector = open_detector("main", BundleConfig(path=Path(sys.argv[1])))
spec = detector.model.spec
options = ReadOptions(size_px=spec.size_px, grey=spec.channels == 1)
scorer = SourceScorer(
    detector.model,
    settings=detector.bundle.header.scoring,
    calibration=detector.bundle.calibration,
    source_id="yard",
)
with open_video(sys.argv[2], options) as video:
    (*_, last) = scorer.run(video)
reason = detector.reasoner.reason(last.map_HW, last.parts)
print(json.dumps({"backend": detector.backend, "frames": last.index + 1, "sentence": reason.sentence}))
"""
FRAMES = 24


@pytest.mark.parametrize("name", ["flow-magnitude", "scene-memory"])
def test_the_engine_opens_an_export_scores_and_explains_without_torch(name, tmp_path):
    pytest.importorskip("openvino")
    bundle = save_bundle(name, tmp_path / "bundle")
    export_bundle(bundle, ExportRequest("openvino", "fp32"))
    texture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    with VideoWriter(tmp_path / "yard.mp4", fps=10) as writer:
        for frame in range(FRAMES):
            writer.write(np.roll(texture, 2 * frame, axis=1))
    command = [sys.executable, "-c", WITHOUT_THEM + SCORE, str(bundle), str(tmp_path / "yard.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["backend"], said["frames"]) == ("openvino-fp32", FRAMES)
    assert said["sentence"].endswith(".")
