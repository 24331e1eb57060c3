"""A study of attention written down: JSON, tables in Markdown, and a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from normalcy.evaluation.tables import markdown_table
from normalcy.explain.attention.comparison import LEAST_EFFECT, SIGNIFICANT
from normalcy.report.dot_plot import dot_plot
from normalcy.workflows.study.attention import OWN
from normalcy.workflows.study.files import figure, p_value, told, write_outcome


def write_attention(folder: Path, stem: str, outcome: Mapping[str, Any]) -> dict[str, Path]:
    """Writes `<stem>.json`, `.md` and `.svg`; returns them by suffix."""
    texts = {"md": attention_table(outcome), "svg": attention_picture(outcome)}
    return write_outcome(folder, stem, outcome, texts=texts)


def attention_table(outcome: Mapping[str, Any]) -> str:
    """For each attention, the five numbers of normal and abnormal clips; then what tells the clips apart."""
    clips, seeds = outcome["clips"], outcome["seeds"]
    text = [
        f"`{outcome['method']}`, preset `{outcome['preset']}`, {_seeds(seeds)}, on {outcome['dataset']}: "
        f"{clips['normal']} normal and {clips['abnormal']} abnormal clips, none overlapping another.",
        "",
    ]
    head = ["", "normal", "abnormal", "difference", "Cohen's d", "higher in abnormal"]
    head += ["p by video", "p by clip", "verdict"]
    for name, found in outcome["attention"].items():
        runs = [run["attention"][name]["statistics"] for run in outcome["runs"]]
        rows = [_line(row, [run[place] for run in runs]) for place, row in enumerate(found["statistics"])]
        text += [f"### {name}", "", markdown_table(head, rows), ""]
    return "\n".join([*text, *_aucs(outcome), "", _note(len(seeds)), ""])


def attention_picture(outcome: Mapping[str, Any]) -> str:
    """Cohen's d of each number, seed by seed."""
    rows = {
        f"{name.rpartition('attention.')[2]}: {row['name'].replace('_', ' ')}": [
            run["attention"][name]["statistics"][place]["effect"]
            for run in outcome["runs"]
            if run["attention"][name]["statistics"][place]["effect"] is not None
        ]
        for name, found in outcome["attention"].items()
        for place, row in enumerate(found["statistics"])
    }
    label = f"how attention of {outcome['method']} differs between normal and abnormal clips"
    return dot_plot(rows, axis="Cohen's d, abnormal minus normal", label=label, rule=0.0)


def _line(row: Mapping[str, Any], seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        row["name"].replace("_", " "),
        told(row["first"]),
        told(row["second"]),
        figure(row["difference"]["mean"], 4),
        told(row["effect"], 2),
        figure(row["superiority"]["mean"], 2),
        *(", ".join(p_value(each[test]) for each in seeds) for test in ("p_by_video", "p")),
        seeds[0]["verdict"] if len(seeds) == 1 else _verdict(row, len(seeds)),
    ]


def _verdict(row: Mapping[str, Any], fits: int) -> str:
    higher, lower = row["higher_in"], row["lower_in"]
    if row["tested"] < fits:
        return f"too few videos to tell in {fits - row['tested']} of {fits} fits"
    if not higher + lower:
        return f"no difference in {fits} fits"
    if higher and lower:
        return f"higher in {higher}, lower in {lower} of {fits} fits: no rule"
    return f"{'higher' if higher else 'lower'} in {higher or lower} of {fits} fits"


def _aucs(outcome: Mapping[str, Any]) -> list[str]:
    scores = {
        f"attention score, {name.rpartition('attention.')[2]}": found["attention_score_auc"]
        for name, found in outcome["attention"].items()
    }
    own = outcome["clip_auc"]
    scores |= {name if name == OWN else f"{name} alone": value for name, value in own.items()}
    rows = [[name, told(value)] for name, value in scores.items()]
    return ["### What tells abnormal clips from normal ones", "", markdown_table(["", "AUC by clip"], rows)]


def _note(fits: int) -> str:
    note = (
        "`higher in abnormal` is how often a clip of that kind has the higher value. `p by video` is of Wilcoxon's "
        "signed-rank test on the differences within videos that have clips of both kinds, `p by clip` of the "
        "Mann-Whitney test on all clips as if those of one video were independent; both are adjusted for all tests of "
        f"a fit (Holm). The verdict goes by video: p < {SIGNIFICANT} and Cohen's d of at least {LEAST_EFFECT}."
    )
    return note + (" Mean ± standard deviation over the seeds; p seed by seed." if fits > 1 else "")


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
