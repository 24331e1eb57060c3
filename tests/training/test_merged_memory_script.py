"""The script that compares a memory in one piece with one that was merged, on a tiny scene."""

import json

from spread_engines import Here

from normalcy.training.spread.settings import Spread

SETS = ("model.size_px=[64,88]", 'model.streams=["speed","velocity"]')


def test_a_memory_in_one_piece_and_one_of_parts_are_compared(
    script, tiny_root, tiny_cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(Spread, "open", lambda self: Here())
    out = tmp_path / "merged.json"
    words = ["--data", "folder", "--root", tiny_root, "--cache", tiny_cache, "--seeds", 1]
    words += [word for each in SETS for word in ("--set", each)]
    script("merged_memory", *words, "--part-seconds", 1, "--workers", 1, 2, "--out", out)
    result = json.loads(out.read_text())
    (run,) = result["seeds"]
    assert run["parts"] == 9
    assert list(run["seconds"]) == ["in one piece", "1 workers", "2 workers"]
    assert result["same_bits_for_any_number_of_workers"]
    assert result["largest_auc_difference"] == abs(run["auc"]["difference"]) < 0.05
    assert run["rank_correlation"] == result["least_rank_correlation"] > 0.9
    assert "| 0 | 9 |" in out.with_suffix(".md").read_text()
