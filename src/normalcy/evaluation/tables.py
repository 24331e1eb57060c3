"""The README's tables of results, generated from results files.

    python -m normalcy.evaluation.tables README.md results/             rewrites them
    python -m normalcy.evaluation.tables README.md results/ --check     fails where they are stale

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, NAME being a folder of results.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from normalcy.errors import InputError, NormalcyError
from normalcy.evaluation.floors import FLOOR_METHODS
from normalcy.evaluation.protocols import LOOKS_AHEAD
from normalcy.evaluation.results import Result, Spread, read_result
from normalcy.run_folder import write_text, writing_to

_TITLES = {
    "micro_auc": "micro AUC",
    "micro_auc_smoothed": "micro, smoothed",
    "micro_auc_minmax": "micro, min-max",
    "macro_auc": "macro AUC",
    "macro_auc_sentinels": "macro, sentinels",
    "average_precision": "AP",
    "equal_error_rate": "EER",
    "pixel_auc": "pixel AUC",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "paper_protocol_auc": "paper's protocol",
    "paper_protocol_clip_auc": "the same, by clip",
}
_OPEN = re.compile(r"<!-- results:(\S+) -->")
_NOT_MEASURED = "-"
_ORDER_NOTE = "Presets of a method stand in order of micro AUC; for display, with the test labels in sight. "


def render_table(results: Sequence[Result], *, source: str) -> str:
    """A row for each method's best preset with its variants below, floors first; empty columns are left out.

    Args:
        results: Of one dataset, a method each.
        source: Where they come from, for the line below the table.
    """
    shown = [preset for result in sorted(results, key=_order) for preset in result.presets]
    names = [name for name in _TITLES if any(_mean(result, name) is not None for result in shown)]
    head = ["method", *(_TITLES[name] + (" †" if name in LOOKS_AHEAD else "") for name in names), "seeds"]
    rows = [_row(result, names) for result in shown]
    table = markdown_table(head, rows)
    return f"{table}\n\n{_foot(names, source, ordered=len(shown) > len(results))}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right.

    >>> print(markdown_table(["name", "AUC"], [["noise", "0.5"]]))
    | name | AUC |
    | --- | ---: |
    | noise | 0.5 |
    """
    lines = [head, ["---", *(["---:"] * (len(head) - 1))], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def update_tables(text: str, results: Path) -> str:
    """The text with every results block filled from `results/<NAME>/*.json`.

    Raises:
        InputError: When a block is not closed, or there are no results for it.
    """
    for name in _OPEN.findall(text):
        table = render_table(read_results(results / name), source=f"{results.name}/{name}")
        text = _fill(text, name, table)
    return text


def _fill(text: str, name: str, table: str) -> str:
    """The text with what stands between the marks of one block replaced."""
    start, end = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
    before, _, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not closed:
        raise InputError(f"the block results:{name} has no end", hint=f"add {end}")
    return f"{before}{start}\n{table}\n{end}{after}"


def read_results(folder: Path) -> list[Result]:
    """All results of one dataset.

    Raises:
        InputError: When there are none, or one belongs to another dataset.
    """
    results = [read_result(path) for path in sorted(folder.glob("*.json"))]
    if not results:
        raise InputError("holds no results", where=folder, hint="`normalcy evaluate` writes them")
    for result in results:
        if result.dataset != folder.name:
            raise InputError(f"{result.method} was evaluated on {result.dataset}", where=folder)
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Updates or checks a README; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m normalcy.evaluation.tables", description=__doc__)
    parser.add_argument("readme", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a table is stale")
    options = parser.parse_args(arguments)
    try:
        return _run(options.readme, options.results, check=options.check)
    except NormalcyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(readme: Path, results: Path, *, check: bool) -> int:
    try:
        text = readme.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=readme) from error
    updated = update_tables(text, results)
    if check and updated != text:
        sys.stderr.write(f"{readme}: its results are stale. Run python -m normalcy.evaluation.tables\n")
        return 1
    if updated != text:
        with writing_to(readme):
            write_text(readme, updated)
    return 0


def _row(result: Result, names: Sequence[str]) -> list[str]:
    floor = " (floor)" if result.method in FLOOR_METHODS else ""
    preset = f", {result.preset}" if result.preset else ""
    cells = [cell(result.metrics.get(name)) for name in names]
    return [f"`{result.method}`{preset}{floor}", *cells, str(len(result.seeds))]


def cell(value: Spread | None) -> str:
    """Mean and, over several seeds, deviation; a dash for what was not measured."""
    if value is None or value.mean is None:
        return _NOT_MEASURED
    return f"{value.mean:.3f}" if value.sd is None else f"{value.mean:.3f} ± {value.sd:.3f}"


def _foot(names: Sequence[str], source: str, *, ordered: bool) -> str:
    marked = "† looks at the whole test video. " if LOOKS_AHEAD & set(names) else ""
    lower = "EER: lower is better. " if "equal_error_rate" in names else ""
    order = _ORDER_NOTE if ordered else ""
    return f"{marked}{lower}{order}Mean ± standard deviation over the seeds, from `{source}`."


def _order(result: Result) -> tuple[int, str, str]:
    """Floors first, in their own order; then by name."""
    floors = [*FLOOR_METHODS]
    place = floors.index(result.method) if result.method in floors else len(floors)
    return place, result.method, result.preset


def _mean(result: Result, name: str) -> float | None:
    value = result.metrics.get(name)
    return value.mean if value else None


if __name__ == "__main__":
    raise SystemExit(main())
