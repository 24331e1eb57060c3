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

from normalcy.errors import BundleError, ConfigError, FallbackWarning, MissingPackage
from normalcy.explain.reasoner import Reasoner
from normalcy.export import export
from normalcy.export.export import ExportRequest, export_bundle
from normalcy.export.files import exported_graph
from normalcy.export.held_out import HeldOut
from normalcy.methods import METHODS
from normalcy.scoring.backends.choice import available, open_backend
from normalcy.scoring.backends.exported_model import open_graph
from normalcy.scoring.backends.record import read_exports
from normalcy.scoring.bundle import Bundle, bundle_lock
from normalcy.scoring.calibration import fit_calibration
from normalcy.scoring.model import TorchModel
from normalcy.scoring.pipeline import SourceScorer
from small_exports import SETTINGS, export_once, footage, save_bundle

BACKENDS = ("onnxruntime", "openvino")
RELATIVE = 1e-3


def change(bundle, edit) -> None:
    """Changes the one entry of a bundle's record."""
    path = bundle.path / "export.json"
    data = json.loads(path.read_text())
    edit(data["exports"][0])
    path.write_text(json.dumps(data))


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

    def run(
        name,
        backend="openvino",
        precision="fp32",
        *,
        target=None,
        limit=0.01,
        with_footage=True,
        is_own=True,
        salt="",
        **changes,
    ):
        export_once(monkeypatch, name, salt)
        path = tmp_path / name
        if not path.exists():
            save_bundle(name, path, **changes)

        def frames(bundle):
            return HeldOut(footage(bundle.method().clip, videos=2), is_own=is_own)

        record = export_bundle(
            path, ExportRequest(backend, precision, target, limit), footage=frames if with_footage else None
        )
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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", list(METHODS))
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


# What a bundle says of its exports.


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_file_that_no_runtime_can_run_is_named(backend, exported):
    bundle, record = exported("stae", backend, with_footage=False)
    file = record.file(bundle.path, "clip")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BundleError, match=r"clip.*cannot run it.*makes it again"):
        open_backend(bundle, backend)


def test_what_openvino_cannot_compile_is_named(exported, monkeypatch):
    from normalcy.scoring.backends import openvino_graph

    bundle, _ = exported("stae", with_footage=False)
    monkeypatch.setattr(openvino_graph, "_settings", lambda *_: {"NUM_STREAMS": "some"})
    with pytest.raises(BundleError, match=r"clip\.xml: OpenVINO cannot run it"):
        open_backend(bundle, "openvino")


def test_auto_passes_over_what_cannot_be_opened(exported, tmp_path):
    bundle, record = exported("stae", with_footage=False)
    record.file(bundle.path, "clip").write_bytes(b"<net")
    with pytest.warns(FallbackWarning, match="openvino-fp32 is left out: .*cannot run it"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


def test_auto_passes_over_what_was_the_fastest_and_can_no_longer_be_opened(exported, tmp_path, monkeypatch):
    bundle, record = exported("stae", with_footage=False)
    cache = tmp_path / "c.json"
    times = {"torch": 2.0, "openvino-fp32": 1.0}
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds",
        lambda models: {name: times[name] for name in models},
    )
    assert open_backend(bundle, "auto", cache=cache).name == "openvino-fp32"
    record.file(bundle.path, "clip").write_bytes(b"<net")
    with pytest.warns(FallbackWarning, match="openvino-fp32 is left out"):
        assert open_backend(bundle, "auto", cache=cache).name == "torch"
    monkeypatch.setattr(
        "normalcy.scoring.backends.fastest.milliseconds", lambda _: pytest.fail("measured again")
    )
    assert open_backend(bundle, "auto", cache=cache).name == "torch"


def test_where_nothing_can_be_opened_auto_says_why(exported, tmp_path, monkeypatch):
    bundle, record = exported("stae", with_footage=False)
    record.file(bundle.path, "clip").write_bytes(b"<net")
    monkeypatch.setattr("normalcy.scoring.backends.choice.available", lambda _: ("openvino-fp32",))
    with pytest.raises(BundleError, match="cannot run it"):
        open_backend(bundle, "auto", cache=tmp_path / "c.json")


def test_an_export_by_another_normalcy_is_told(exported):
    bundle, _ = exported("stae", with_footage=False)
    change(bundle, lambda entry: entry["versions"].update(normalcy="0.0.1"))
    with pytest.warns(FallbackWarning, match=r"openvino-fp32 was exported by normalcy 0\.0\.1; this is"):
        open_backend(Bundle.load(bundle.path), "openvino")


def test_threads_are_those_of_torch_and_opencv_too(exported, monkeypatch):
    asked = []
    monkeypatch.setattr("cv2.setNumThreads", lambda count: asked.append(("opencv", count)))
    monkeypatch.setattr("torch.set_num_threads", lambda count: asked.append(("torch", count)))
    bundle, _ = exported("stae", with_footage=False)
    for name in ("torch", "openvino"):
        open_backend(bundle, name)
        assert asked == []
        opened = open_backend(bundle, name, threads=1)
        assert asked == [("opencv", 1), ("torch", 1)]
        asked.clear()
    (graph,) = (each for each in vars(opened.model).values() if hasattr(each, "_compiled"))
    assert graph._compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_auto_takes_no_export_whose_thresholds_mean_something_else(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", precision="bf16")
    change(
        bundle,
        lambda entry: (entry["difference"].update(same_alarms=False), entry.update(recalibrated=False)),
    )
    assert open_backend(Bundle.load(bundle.path), "auto", cache=tmp_path / "c.json").name == "torch"


def test_an_export_with_other_alarms_gets_a_calibration_of_its_own(exported, monkeypatch):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, record = exported("stae")
    assert record.recalibrated
    assert record.difference.same_alarms is False
    opened = open_backend(bundle, "openvino")
    assert opened.bundle.calibration != bundle.calibration
    assert open_backend(bundle, "torch").bundle.calibration == bundle.calibration


def test_another_scene_sets_no_thresholds(exported, monkeypatch, tmp_path):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, record = exported("stae", precision="bf16", is_own=False)
    assert (record.recalibrated, record.difference.same_alarms, record.difference.own_video) == (
        False,
        False,
        False,
    )
    assert not (bundle.path / "exports" / record.name / "calibration.json").exists()
    assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


@pytest.mark.parametrize("changes", [{"calibration"}, {"scoring"}])
def test_alarms_that_were_compared_at_other_thresholds_are_forgotten(exported, changes, monkeypatch):
    bundle, _ = exported("stae", precision="bf16")
    change(bundle, lambda entry: entry["difference"].update(same_alarms=True, alarms_per_day=1.0))
    bundle = Bundle.load(bundle.path)
    bundle.save(bundle.path)
    assert Bundle.load(bundle.path).exports[0].difference.same_alarms is True
    with pytest.warns(FallbackWarning, match="others now than openvino-bf16 was compared at"):
        _changed(bundle, *changes).save(bundle.path)
    found = Bundle.load(bundle.path).exports[0].difference
    assert (found.same_alarms, found.alarms_per_day) == (None, None)
    assert found.rank_correlation > 0.9


def _changed(bundle, what):
    if what == "calibration":
        return dataclasses.replace(
            bundle, calibration=fit_calibration([np.arange(60.0)], frames_per_second=10)
        )
    scoring = bundle.header.scoring.model_copy(update={"threshold": 0.5})
    return dataclasses.replace(bundle, header=bundle.header.model_copy(update={"scoring": scoring}))


# An export and a change of the bundle at the same time.


@pytest.fixture
def meanwhile(monkeypatch):
    """Does something while a graph is being exported."""

    def run(act):
        write = export.write_graph

        def acting(*args):
            act()
            return write(*args)

        monkeypatch.setattr(export, "write_graph", acting)

    return run


def test_an_export_outlasts_a_bundle_that_is_replaced(exported, meanwhile):
    bundle, _ = exported("scene-memory", with_footage=False)
    name = "streams.speed.usual.usual_SR"
    learned = dataclasses.replace(bundle, weights={**bundle.weights, name: bundle.weights[name] + 1})
    meanwhile(lambda: learned.save(bundle.path))
    after, _ = exported("scene-memory", "onnxruntime", with_footage=False)
    assert [each.name for each in after.exports] == ["openvino-fp32", "onnxruntime-fp32"]
    np.testing.assert_array_equal(after.weights[name], learned.weights[name])
    assert available(after) == ("torch", "openvino-fp32", "onnxruntime-fp32")


def test_alarms_are_not_known_of_an_export_during_which_thresholds_moved(exported, meanwhile):
    bundle, _ = exported("stae", with_footage=False)
    other = _changed(bundle, "scoring")
    meanwhile(lambda: other.save(bundle.path))
    with pytest.warns(FallbackWarning, match="thresholds have changed while openvino-bf16 was made"):
        after, record = exported("stae", precision="bf16")
    assert record.difference == after.exports[-1].difference
    assert (record.difference.same_alarms, record.difference.rank_correlation > 0.9) == (None, True)


def test_an_export_of_what_is_no_longer_there_is_not_entered(exported, meanwhile, tmp_path):
    bundle, _ = exported("stae", with_footage=False)
    before = sorted(path.name for path in tmp_path.iterdir())
    name = "encoder.first.conv.weight"
    other = dataclasses.replace(
        bundle, weights={**bundle.weights, name: bundle.weights[name] + 1}, exports=()
    )
    meanwhile(lambda: other.save(bundle.path))
    with (
        pytest.warns(FallbackWarning, match="openvino-fp32; export it again"),
        pytest.raises(BundleError, match="has changed while onnxruntime-fp32 was made of it"),
    ):
        exported("stae", "onnxruntime", with_footage=False)
    assert Bundle.load(bundle.path).exports == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_save_takes_exports_along_that_it_did_not_know(exported):
    bundle, _ = exported("stae", with_footage=False)
    exported("stae", "onnxruntime", with_footage=False)
    assert len(bundle.exports) == 1
    bundle.save(bundle.path)
    assert [each.name for each in Bundle.load(bundle.path).exports] == ["openvino-fp32", "onnxruntime-fp32"]


def test_an_export_waits_for_a_bundle_that_is_being_replaced(exported):
    bundle, _ = exported("stae", with_footage=False)
    with ThreadPoolExecutor(1) as pool:
        with bundle_lock(bundle.path):
            waiting = pool.submit(bundle.save, bundle.path)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        waiting.result(timeout=10)


# A precision that is preferred.


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


def test_a_missing_runtime_is_named(exported, monkeypatch):
    bundle, _ = exported("stae", with_footage=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="OpenVINO is not installed"):
        open_backend(bundle, "openvino")


def test_a_gpu_that_is_not_there_is_said_to_be_absent(exported, tmp_path):
    bundle, _ = exported("stae", "onnxruntime", target="gpu", with_footage=False)
    with pytest.raises(ConfigError, match="neither TensorRT nor CUDA"):
        open_backend(bundle, "onnxruntime")
    with pytest.warns(FallbackWarning, match="onnxruntime-fp32-gpu is left out: .*neither TensorRT nor CUDA"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "torch"


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


def test_the_most_exact_export_of_a_backend_is_taken_by_its_name(exported):
    exported("stae", precision="bf16", with_footage=False)
    bundle, _ = exported("stae", precision="fp32", with_footage=False)
    assert [each.name for each in bundle.exports] == ["openvino-bf16", "openvino-fp32"]
    assert open_backend(bundle, "openvino").name == "openvino-fp32"
    assert open_backend(bundle, "torch-bf16").name == "torch-bf16"


def test_a_processor_that_computes_in_other_bits_is_told(exported):
    bundle, _ = exported("stae", precision="bf16", with_footage=False)
    change(bundle, lambda entry: entry.update(computed_in="f16"))
    with pytest.warns(FallbackWarning, match="where it was computed in f16; here it is"):
        open_backend(Bundle.load(bundle.path), "openvino")


def test_auto_says_where_thresholds_are_not_known_to_hold(exported, tmp_path, monkeypatch):
    bundle, _ = exported("stae", precision="bf16", with_footage=False)
    monkeypatch.setattr("normalcy.scoring.backends.choice.available", lambda _: ("openvino-bf16",))
    with pytest.warns(FallbackWarning, match="openvino-bf16 were not compared with torch's"):
        assert open_backend(bundle, "auto", cache=tmp_path / "c.json").name == "openvino-bf16"


def test_a_calibration_of_its_own_goes_with_the_one_it_replaced(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("normalcy.export.parity.MOST_RATIO", 0.0)
    bundle, _ = exported("stae")
    bundle.save(tmp_path / "same")
    assert Bundle.load(tmp_path / "same").exports[0].recalibrated
    other = dataclasses.replace(bundle, calibration=fit_calibration([np.arange(60.0)], frames_per_second=10))
    with pytest.warns(FallbackWarning, match="openvino-fp32; export it again"):
        other.save(tmp_path / "other")


@pytest.mark.parametrize("name", ["ocr-gan-video", "cnn-lstm"])
def test_an_export_explains_as_torch_does(name, exported):
    bundle, record = exported(name, with_footage=False)
    method = bundle.method().eval()
    assert Reasoner.of_export(bundle, record) == Reasoner.of(bundle, method)
