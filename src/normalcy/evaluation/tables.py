"""Tables of results in documents, generated from results files.

    python -m normalcy.evaluation.tables README.md docs/findings.md results/             rewrites them
    python -m normalcy.evaluation.tables README.md docs/findings.md results/ --check     fails where they are stale

A table stands between `<!-- results:NAME -->` and `<!-- /results:NAME -->`, NAME being a folder of results, or between
the same marks with `study:NAME`, NAME being a study whose table is `studies/NAME.md` in there, or with
`deployment:NAME`, NAME being `parity` or `bench`, or with `live:NAME`, NAME being `faults`, `load` or `soak`.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from normalcy.errors import InputError, NormalcyError
from normalcy.evaluation.deployment_tables import deployment_table
from normalcy.evaluation.floors import FLOOR_METHODS
from normalcy.evaluation.live_tables import live_table
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
_OPEN = re.compile(r"<!-- (results|study|deployment|live):(\S+) -->")
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
    """The text with every block filled from `results/<NAME>/*.json`, or `results/studies/<NAME>.md`.

    Raises:
        InputError: When a block is not closed, or there is nothing for it.
    """
    for kind, name in _OPEN.findall(text):
        match kind:
            case "study":
                table = _study(results / "studies" / f"{name}.md")
            case "deployment":
                table = markdown_table(*deployment_table(name, results))
            case "live":
                table = markdown_table(*live_table(name, results))
            case _:
                table = _results(results / name)
        text = _fill(text, f"{kind}:{name}", table)
    return text


def _results(folder: Path) -> str:
    return render_table(read_results(folder), source=f"{folder.parent.name}/{folder.name}")


def _study(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        hint = "`normalcy study` writes them"
        raise InputError(f"cannot be read ({error.strerror})", where=path, hint=hint) from error


def _fill(text: str, block: str, table: str) -> str:
    """The text with what stands between the marks of one block replaced."""
    start, end = f"<!-- {block} -->", f"<!-- /{block} -->"
    before, _, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not closed:
        raise InputError(f"the block {block} has no end", hint=f"add {end}")
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
    """Updates or checks documents; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m normalcy.evaluation.tables", description=__doc__)
    parser.add_argument("documents", type=Path, nargs="+")
    parser.add_argument("results", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a table is stale")
    options = parser.parse_args(arguments)
    try:
        return max(_run(each, options.results, check=options.check) for each in options.documents)
    except NormalcyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(document: Path, results: Path, *, check: bool) -> int:
    try:
        text = document.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=document) from error
    updated = update_tables(text, results)
    if check and updated != text:
        sys.stderr.write(f"{document}: its results are stale. Run python -m normalcy.evaluation.tables\n")
        return 1
    if updated != text:
        with writing_to(document):
            write_text(document, updated)
    return 0


def _row(result: Result, names: Sequence[str]) -> list[str]:
    floor = " (floor)" if result.method in FLOOR_METHODS else ""
    preset = f", {result.preset}" if result.preset else ""
    cells = [cell(result.metrics.get(name)) for name in names]
    return [f"`{result.method}`{preset}{floor}", *cells, str(len(result.seeds))]


def cell(value: Spread | None, digits: int = 3) -> str:
    """Mean and, over several seeds, deviation; a dash for what was not measured."""
    if value is None or value.mean is None:
        return _NOT_MEASURED
    mean = f"{value.mean:.{digits}f}"
    return mean if value.sd is None else f"{mean} ± {value.sd:.{digits}f}"


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
