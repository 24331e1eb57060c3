"""`normalcy score --engine local`, with real workers."""

import json

from normalcy.archive.reading import read_archive


def test_an_archive_is_scored_and_gone_on_with(normalcy, flow_run, scene, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "xy":
        (tmp_path / "in" / f"{name}.mp4").write_bytes((scene / "test" / f"{name}.mp4").read_bytes())
    (tmp_path / "in" / "text.mp4").write_text("this is not a video")
    words = [flow_run, tmp_path / "in", "--engine", "local", "--workers", "1", "--out", tmp_path / "out"]
    outcome = normalcy("score", *words)
    assert outcome.code == 3
    assert outcome.out.startswith("3 videos, 80 frames, ")
    assert outcome.out.endswith(f"by 1 worker\n  {tmp_path / 'out'}\n")
    assert outcome.error == "text.mp4: this is text, not video. Check which file you named."
    assert "videos, 0.00 h scored, 1 failed: 3/3" in outcome.err
    (tmp_path / "in" / "text.mp4").unlink()
    outcome = normalcy("score", *words, "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert {name: result[name] for name in ("engine", "workers", "videos", "scored_now", "frames")} == {
        "engine": "local",
        "workers": 1,
        "videos": 2,
        "scored_now": 0,
        "frames": 80,
    }
    assert read_archive(str(tmp_path / "out")).scores.num_rows == 80


def test_words_that_do_not_go_together(normalcy, flow_run, scene, tmp_path):
    video = scene / "test" / "x.mp4"
    for words, error in (
        (["--workers", "2"], "--workers: is for archives. Add --engine local or --engine ray"),
        (["--engine", "local", "--start", "1"], "--start: is not for archives. Leave it or --engine out"),
        (["--engine", "local", "--video"], "--video: is not for archives. Leave it or --engine out"),
        (["--engine", "spark"], "--engine: unknown engine 'spark'. Known are local, ray"),
        (
            ["--engine", "local", "--address", "auto"],
            "--address: local workers have no address. Add --engine ray",
        ),
    ):
        outcome = normalcy("score", flow_run, video, "--out", tmp_path / "out", *words)
        assert (outcome.code, outcome.error) == (2, error)
    assert not (tmp_path / "out").exists()
