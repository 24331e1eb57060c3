"""Every method, exported, says what it says in torch; whoever reads the bundle finds it."""

import json
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from small_exports import SETTINGS, export_once, footage, save_bundle

from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.explain.reasoner import Reasoner
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.methods import METHODS
from normalcy.scoring.backends.choice import available, open_backend
from normalcy.scoring.backends.record import read_exports
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer

BACKENDS = ("onnxruntime", "openvino")
RELATIVE = 1e-3


def verdicts_of(model, spans, *, batch_clips=8):
    found = []
    for span in spans:
        scorer = SourceScorer(
            model, settings=SETTINGS, calibration=None, source_id=span.name, batch_clips=batch_clips
        )
        found += list(scorer.run(span.frames()))
    return found


@pytest.fixture
def exported(request, tmp_path, monkeypatch):
    """Exports a small bundle as asked for, and gives it back as it is read again."""

    def run(name, backend="openvino", precision="fp32", *, with_footage=True, salt="", **changes):
        export_once(monkeypatch, name, salt)
        path = tmp_path / name
        if not path.exists():
            save_bundle(name, path, **changes)
        frames = (lambda bundle: footage(bundle.method().clip, videos=2)) if with_footage else None
        record = export_bundle(path, ExportRequest(backend, precision), footage=frames)
        return Bundle.load(path), record

    return run


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", list(METHODS))
def test_scores_maps_and_parts_are_those_of_torch(name, backend, exported):
    bundle, record = exported(name, backend)
    method = bundle.method().eval()
    spans = footage(method.clip, videos=2)
    own = verdicts_of(TorchModel(method), spans)
    opened = open_backend(bundle, backend)
    other = verdicts_of(opened.model, spans)
    assert opened.name == record.name == f"{backend}-fp32"
    assert [each.index for each in own] == [each.index for each in other]
    for ours, theirs in zip(own, other, strict=True):
        assert theirs.raw == pytest.approx(ours.raw, rel=RELATIVE, abs=1e-6)
        assert list(theirs.parts) == list(ours.parts)
        assert theirs.parts == pytest.approx(ours.parts, rel=RELATIVE, abs=1e-6)
        np.testing.assert_allclose(
            theirs.map_HW, ours.map_HW, rtol=RELATIVE, atol=RELATIVE * max(ours.map_HW.max(), 1e-6)
        )
    assert record.difference.relative <= RELATIVE
    assert record.difference.rank_correlation > 0.999


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["cnn-lstm", "ocr-gan-video"])
def test_scores_do_not_depend_on_the_batch(name, backend, exported):
    bundle, _ = exported(name, backend, with_footage=False)
    model = open_backend(bundle, backend).model
    spans = footage(model.spec)
    together, alone = (verdicts_of(model, spans, batch_clips=count) for count in (5, 1))
    for ours, theirs in zip(together, alone, strict=True):
        assert theirs.raw == pytest.approx(ours.raw, abs=1e-5)


def test_many_clips_side_by_side_say_the_same(exported, tmp_path):
    bundle, record = exported("stae", with_footage=False)
    spans = footage(record.spec)
    one = verdicts_of(open_backend(bundle, "openvino").model, spans)
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    data[0]["target"] = "cpu"
    path.write_text(json.dumps(data))
    many = verdicts_of(open_backend(Bundle.load(bundle.path), "openvino").model, spans)
    assert [each.raw for each in many] == pytest.approx([each.raw for each in one], abs=1e-5)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_half_the_bits_are_half_the_file_and_rank_alike(backend, precision, exported):
    exported("stae", backend, encoder_channels=(64, 48), lstm_channels=(32, 48), salt="wide")
    _, record = exported("stae", backend, precision, salt="wide")
    whole, half = read_exports(Bundle.load(exported("stae", backend, precision, salt="wide")[0].path).path)
    assert half.precision == precision
    assert half.graphs[0].size_bytes < 0.75 * whole.graphs[0].size_bytes
    assert record.difference.rank_correlation > 0.98


def test_a_summary_of_the_graph_is_in_the_record(exported):
    _, record = exported("ocr-gan-video", with_footage=False)
    (graph,) = record.graphs
    assert graph.inputs == ("clip",)
    assert graph.outputs[:2] == ("score", "map")
    assert graph.exporter == "torch.export"
    assert record.clip["length_frames"] == 6
    assert record.difference is None
    assert record.part_words["displacement"] == "moves otherwise than predicted"


def test_the_batch_is_free_and_all_else_is_fixed(exported):
    import onnx

    bundle, record = exported("stae", "onnxruntime", with_footage=False)
    model = onnx.load(record.file(bundle.path, "clip"))
    batch, *rest = model.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param
    assert [each.dim_value for each in rest] == [4, 1, 35, 43]


def test_a_backbone_is_a_graph_of_its_own(exported):
    _, record = exported("cnn-lstm", with_footage=False)
    assert [graph.name for graph in record.graphs] == ["backbone", "classifier"]


# What a bundle says of its exports.


def test_an_export_replaces_only_its_own_kind(exported):
    exported("stae", "openvino", with_footage=False)
    exported("stae", "onnxruntime", with_footage=False)
    bundle, _ = exported("stae", "openvino", with_footage=False)
    assert Counter(record.name for record in bundle.exports) == {"openvino-fp32": 1, "onnxruntime-fp32": 1}
    assert sorted(path.name for path in (bundle.path / "exports").iterdir()) == [
        "onnxruntime-fp32",
        "openvino-fp32",
    ]
    assert available(bundle) == ("torch", "onnxruntime-fp32", "openvino-fp32")


def test_exports_go_along_where_the_bundle_is_saved_and_still_true(exported, tmp_path):
    bundle, _ = exported("stae", with_footage=False)
    bundle.save(tmp_path / "copy")
    assert [each.name for each in Bundle.load(tmp_path / "copy").exports] == ["openvino-fp32"]


def test_exports_of_other_weights_are_refused_and_dropped(exported, tmp_path):
    bundle, _ = exported("stae", with_footage=False)
    name = "encoder.first.conv.weight"
    bundle.weights[name][...] += 1
    with pytest.raises(BundleError, match="exported before the bundle changed"):
        open_backend(bundle, "openvino")
    assert available(bundle) == ("torch",)
    with pytest.warns(FallbackWarning, match="openvino-fp32; export it again"):
        bundle.save(tmp_path / "other")
    assert Bundle.load(tmp_path / "other").exports == ()


def test_what_a_memory_learns_leaves_its_graph_true(exported):
    bundle, record = exported("scene-memory", with_footage=False)
    assert "streams." in record.outside
    bundle.weights["streams.speed.usual.usual_SR"][...] += 1
    assert available(bundle) == ("torch", "openvino-fp32")


def test_a_damaged_record_is_named(exported):
    bundle, record = exported("stae", with_footage=False)
    record.file(bundle.path, "clip").unlink()
    with pytest.raises(BundleError, match=r"clip\.xml is missing"):
        Bundle.load(bundle.path)
    (bundle.path / "export.json").write_text('[{"backend": "abacus"}]')
    with pytest.raises(BundleError, match=r"export\.json is damaged"):
        Bundle.load(bundle.path)


def test_a_crash_leaves_the_earlier_export(exported, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    before = sorted(path.name for path in bundle.path.rglob("*"))

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("normalcy.export.export.write_graph", fail)
    with pytest.raises(KeyboardInterrupt):
        exported("stae", with_footage=False)
    assert sorted(path.name for path in bundle.path.rglob("*")) == before


def test_integers_need_video(exported):
    with pytest.raises(ConfigError, match="tuned on normal video"):
        exported("stae", precision="int8", with_footage=False)


# Choosing.


def test_what_was_not_exported_is_named(exported):
    bundle, _ = exported("stae", with_footage=False)
    with pytest.raises(BundleError, match="not exported as onnxruntime, but as openvino-fp32"):
        open_backend(bundle, "onnxruntime")
    with pytest.raises(ConfigError, match="unknown backend 'abacus'"):
        open_backend(bundle, "abacus")


def test_the_fastest_is_measured_once(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    cache = tmp_path / "cache" / "backends.json"
    first = open_backend(bundle, "auto", cache=cache)
    assert first.name in ("torch", "openvino-fp32")
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds", lambda _: pytest.fail("measured again")
    )
    assert open_backend(bundle, "auto", cache=cache).name == first.name


def test_auto_takes_no_export_whose_thresholds_mean_something_else(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", precision="bf16")
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    data[0]["difference"]["same_alarms"] = False
    data[0]["recalibrated"] = False
    path.write_text(json.dumps(data))
    assert open_backend(Bundle.load(bundle.path), "auto", cache=tmp_path / "c.json").name == "torch"


def test_an_export_with_other_alarms_gets_a_calibration_of_its_own(exported, monkeypatch):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, record = exported("stae")
    assert record.recalibrated
    assert record.difference.same_alarms is False
    opened = open_backend(bundle, "openvino")
    assert opened.bundle.calibration != bundle.calibration
    assert open_backend(bundle, "torch").bundle.calibration == bundle.calibration


def test_a_missing_runtime_is_named(exported, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="OpenVINO is not installed"):
        open_backend(bundle, "openvino")


def test_a_gpu_that_is_not_there_is_said_to_be_absent(exported):
    bundle, _ = exported("stae", "onnxruntime", with_footage=False)
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    data[0]["target"] = "gpu"
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="neither TensorRT nor CUDA"):
        open_backend(Bundle.load(bundle.path), "onnxruntime")


def test_a_copied_bundle_runs_where_there_is_no_torch(exported, tmp_path):
    bundle, _ = exported("cnn-lstm", with_footage=False)
    shutil.copytree(bundle.path, tmp_path / "box")
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from normalcy.scoring.backends.choice import open_backend\n"
        "from normalcy.scoring.bundle import Bundle\n"
        f"model = open_backend(Bundle.load(Path({str(tmp_path / 'box')!r})), 'auto').model\n"
        "print(len(model.infer([np.zeros((3, 3, 32, 48), np.uint8)])))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("1", "")


def test_the_most_exact_export_of_a_backend_is_taken_by_its_name(exported):
    exported("stae", precision="bf16", with_footage=False)
    bundle, _ = exported("stae", precision="fp32", with_footage=False)
    assert [each.name for each in bundle.exports] == ["openvino-bf16", "openvino-fp32"]
    assert open_backend(bundle, "openvino").name == "openvino-fp32"
    assert open_backend(bundle, "torch-bf16").name == "torch-bf16"


def test_the_edge_runs_one_stream(exported):
    bundle, record = exported("stae", with_footage=False)
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    data[0]["target"] = "edge"
    path.write_text(json.dumps(data))
    spans = footage(record.spec)
    plain = verdicts_of(open_backend(bundle, "openvino").model, spans)
    edge = verdicts_of(open_backend(Bundle.load(bundle.path), "openvino").model, spans)
    assert [each.raw for each in edge] == pytest.approx([each.raw for each in plain], abs=1e-5)


@pytest.mark.parametrize("name", ["ocr-gan-video", "cnn-lstm"])
def test_an_export_explains_as_torch_does(name, exported):
    bundle, record = exported(name, with_footage=False)
    method = bundle.method().eval()
    assert Reasoner.of_export(bundle, record) == Reasoner.of(bundle, method)
