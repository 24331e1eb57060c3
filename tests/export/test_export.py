"""Every method, exported, says what it says in torch; whoever reads the bundle finds it."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from normalcy.errors import BundleError, ConfigError, FallbackWarning
from normalcy.explain.reasoner import Reasoner
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.export.files import exported_graph
from normalcy.methods import METHODS
from normalcy.scoring.backends.choice import available, open_backend
from normalcy.scoring.backends.exported_model import open_graph
from normalcy.scoring.backends.record import read_exports
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from small_exports import SETTINGS, change, export_once, footage, save_bundle

# Traced, PyTorch's exporter and NNCF take several times as long; most of `tests/cli/test_cli_export.py` is.
pytestmark = pytest.mark.no_cover

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


@pytest.mark.timeout(300)  # the first of a method exports it
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


def test_targets_say_the_same(exported):
    bundle, record = exported("stae", with_footage=False)
    for target in ("edge", "cpu"):
        bundle, _ = exported("stae", target=target, with_footage=False)
    spans = footage(record.spec)
    plain, edge, cpu = (
        [each.raw for each in verdicts_of(open_backend(bundle, name).model, spans)]
        for name in ("openvino-fp32", "openvino-fp32-edge", "openvino-fp32-cpu")
    )
    assert edge == pytest.approx(plain, abs=1e-5)
    assert cpu == pytest.approx(plain, abs=1e-5)


def test_pictures_that_are_asked_for_one_by_one_get_all_cores(exported):
    hints = {}
    for name in ("scene-memory", "stae"):
        bundle, record = exported(name, target="cpu", with_footage=False)
        (described,) = record.graphs
        file = record.file(bundle.path, described.name)
        graph = open_graph("openvino", file, described, record=record, target="cpu")
        hints[name] = str(graph._compiled.get_property("PERFORMANCE_HINT"))
    assert hints == {"scene-memory": "LATENCY", "stae": "THROUGHPUT"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_share_a_model(backend, exported):
    bundle, _ = exported("stae", backend, with_footage=False)
    model = open_backend(bundle, backend).model
    random = np.random.default_rng(0)
    clips = [random.integers(0, 256, (4, 1, 35, 43), np.uint8) for _ in range(16)]
    expected = [found.score_T for found in model.infer(clips)]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = list(pool.map(lambda clip: model.infer([clip])[0].score_T, clips))
            np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.timeout(300)  # the first of a method exports it
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", METHODS)
def test_integers_rank_alike(name, backend, exported):
    # Without a limit no layer is tried out: that takes its time, and `test_integers` looks at it.
    _, record = exported(name, backend, "int8", limit=2.0)
    assert record.precision == "int8"
    # A classifier that has learned nothing tells clips apart by next to nothing.
    assert record.difference.rank_correlation > (0.8 if name == "cnn-lstm" else 0.9)
    rounded = {graph.name: graph.rounding for graph in record.graphs if graph.rounding}
    layers = {each: how.layers + len(how.kept) for each, how in rounded.items()}
    expected = {"flow-magnitude": {"clip": 0}, "cnn-lstm": {"backbone": 49}, "scene-memory": {"trunk": 33}}
    if name in expected:
        assert layers == expected[name]
    else:
        assert layers["clip"] > 3
    assert all(0 <= how.loss == how.loss_in_full < 0.5 for how in rounded.values())


@pytest.mark.parametrize(("loss", "missed"), [(0.024, False), (0.026, True)])
def test_what_is_lost_without_integers_is_not_held_against_them(loss, missed, exported, monkeypatch):
    from normalcy.export import rounding
    from normalcy.export.integers import Rounded

    # Exact, in the precision of the rest, with integers.
    aucs = iter([0.90, 0.88, 0.90 - loss])
    limits = []

    def rounded(model, samples, *, judge, limit, known, progress):
        limits.append(limit)
        return Rounded(model, judge(model), loss, layers=3)

    monkeypatch.setattr(rounding, "rounded", rounded)
    bundle, record = exported("stae")
    made = {name: exported_graph(graph) for name, graph in _plans(bundle).items()}
    spans = footage(bundle.method().clip, videos=2)
    tried = rounding.Rounding(record, made, bundle, spans, auc=lambda _: next(aucs), progress=None)
    how = tried.rounded("clip", limit=0.005).rounding
    assert limits == [pytest.approx(0.025)]
    assert (how.limit, how.loss_without) == (0.005, pytest.approx(0.02))
    assert how.loss == pytest.approx(loss)
    assert how.missed is missed


def test_the_record_says_how_many_scores_integers_were_judged_by(exported, monkeypatch):
    from normalcy.export import rounding

    limits, search = [], rounding.rounded

    def watched(*args, limit, **rest):
        limits.append(limit)
        return search(*args, limit=limit, **rest)

    monkeypatch.setattr(rounding, "rounded", watched)
    monkeypatch.setattr(rounding, "LEAST_SCORES", 10)
    _, record = exported("stae", precision="int8", limit=2.0)
    many = record.graphs[0].rounding.scores
    assert 10 < many <= 40
    monkeypatch.setattr(rounding, "LEAST_SCORES", many + 1)
    _, record = exported("stae", precision="int8", limit=-1.0)
    # By so few no layer is tried out, however much is lost; that the limit is missed is said.
    how = record.graphs[0].rounding
    assert limits == [pytest.approx(2.0, abs=0.01), float("inf")]
    assert (how.kept, how.missed, how.scores) == ((), True, many)


def _plans(bundle):
    return {graph.name: graph for graph in bundle.method().eval().export_plan().graphs}


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


def test_an_export_replaces_only_its_own_kind(exported):
    exported("stae", "openvino", with_footage=False)
    exported("stae", "onnxruntime", with_footage=False)
    bundle, _ = exported("stae", "openvino", with_footage=False)
    assert Counter(record.name for record in bundle.exports) == {"openvino-fp32": 1, "onnxruntime-fp32": 1}
    made = [path.name for path in (bundle.path / "exports").iterdir() if path.is_dir()]
    assert sorted(made) == ["onnxruntime-fp32", "openvino-fp32"]
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


def test_exports_that_cannot_be_used_leave_the_bundle_readable(exported):
    exported("stae", "onnxruntime", with_footage=False)
    bundle, record = exported("stae", with_footage=False)
    path = bundle.path / "export.json"
    good = json.loads(path.read_text())
    file = record.file(bundle.path, "clip")
    file.rename(file.with_suffix(".away"))
    with pytest.warns(
        FallbackWarning, match=r"openvino-fp32/clip\.xml is missing, so that export is left out"
    ):
        assert [each.name for each in Bundle.load(bundle.path).exports] == ["onnxruntime-fp32"]
    file.with_suffix(".away").rename(file)
    good["exports"][0]["from_the_future"] = 1
    path.write_text(json.dumps(good))
    with pytest.warns(FallbackWarning, match="from_the_future"):
        assert [each.name for each in Bundle.load(bundle.path).exports] == ["openvino-fp32"]
    for text in ("[]", "{", '{"format_version": 2, "exports": []}'):
        path.write_text(text)
        with pytest.warns(FallbackWarning, match=r"export\.json cannot be used"):
            assert Bundle.load(bundle.path).exports == ()


@pytest.mark.parametrize(
    ("backend", "file", "damage", "words"),
    [
        ("openvino", "clip.bin", "gone", r"clip\.bin is missing"),
        ("openvino", "clip.bin", "cut", r"clip\.xml is damaged"),
        ("openvino", "clip.xml", "cut", r"clip\.xml is damaged"),
        ("onnxruntime", "clip.onnx", "cut", r"clip\.onnx is damaged"),
    ],
)
def test_a_damaged_export_is_left_out(backend, file, damage, words, exported):
    bundle, record = exported("stae", backend, with_footage=False)
    path = record.file(bundle.path, "clip").with_name(file)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.warns(FallbackWarning, match=words):
        assert Bundle.load(bundle.path).exports == ()


def test_a_graph_is_no_path_out_of_the_bundle(exported):
    bundle, _ = exported("stae", with_footage=False)
    change(bundle, lambda entry: entry["graphs"][0].update(name="../../../clip"))
    with pytest.warns(FallbackWarning, match="pattern"):
        assert Bundle.load(bundle.path).exports == ()


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


def test_what_rounds_by_itself_is_exported_so_where_another_precision_is_only_preferred(
    exported, tmp_path, monkeypatch
):
    export_once(monkeypatch, "scene-memory", "rounds by itself")
    path = save_bundle("scene-memory", tmp_path / "rounding", trunk_precision="int8")
    bundle = Bundle.load(path)
    method = bundle.method()
    (seen,) = footage(method.clip)
    method.survey([(seen.frames_TCHW, seen.pts_seconds_T)])
    dataclasses.replace(bundle, weights=method.arrays()).save(path)
    with pytest.warns(FallbackWarning, match="scene-memory is exported in int8, .* has no fp16"):
        record = export_bundle(path, ExportRequest("onnxruntime", preferred="fp16"))
    assert record.name == "onnxruntime-int8"
    with pytest.raises(ConfigError, match="it has no fp16"):
        export_bundle(path, ExportRequest("onnxruntime", "fp16"))
    other, _ = exported("stae", with_footage=False)
    assert export_bundle(other.path, ExportRequest("onnxruntime", preferred="fp16")).precision == "fp16"


def test_an_export_for_a_gpu_is_not_compared_without_one(exported):
    with pytest.warns(FallbackWarning, match="onnxruntime-fp16-gpu is not compared"):
        _, record = exported("stae", "onnxruntime", "fp16", target="gpu")
    assert record.difference is None


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


@pytest.mark.parametrize("name", ["ocr-gan-video", "cnn-lstm"])
def test_an_export_explains_as_torch_does(name, exported):
    bundle, record = exported(name, with_footage=False)
    method = bundle.method().eval()
    assert Reasoner.of_export(bundle, record) == Reasoner.of(bundle, method)
