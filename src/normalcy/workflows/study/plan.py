"""Which rows a study has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from normalcy.errors import ConfigError
from normalcy.methods import method_definition
from normalcy.methods.base import Settings, Without
from normalcy.training.config import FitConfig, resolve_config

StudyKind = Literal["ablation", "frames"]
WHOLE = "whole method"
_BOTH = ", "


@dataclass(frozen=True)
class StudyPlan:
    """What a study makes.

    Attributes:
        kind: Which study.
        method: Of all rows.
        data: Name and root of the dataset.
        rows: Settings of each row by its name, on top of the preset and of `overrides`.
        baseline: The row that all others are compared with.
        seeds: Of every row.
        preset: Of all rows; the method's first without.
        overrides: Further settings of all rows, as `a.b=c`.
    """

    kind: StudyKind
    method: str
    data: Mapping[str, Any]
    rows: Mapping[str, Settings]
    baseline: str
    seeds: Sequence[int]
    preset: str | None = None
    overrides: Sequence[str] = ()

    def config(self, row: str, seed: int) -> FitConfig:
        """All settings of a row at a seed.

        Raises:
            ConfigError: They do not fit together.
        """
        whole = self._resolved([], where=self.method)
        settings = [f"{name}={json.dumps(_value(whole, name, to))}" for name, to in self.rows[row].items()]
        return self._resolved([*settings, f"seed={seed}"], where=f"row {row!r}")

    def _resolved(self, settings: Sequence[str], *, where: str) -> FitConfig:
        return resolve_config(
            self.method,
            data=dict(self.data),
            preset=self.preset,
            overrides=[*self.overrides, *settings],
            where=where,
        )


def _value(whole: FitConfig, name: str, to: Any) -> Any:
    """What a row sets: the value itself, or what the whole method has without an entry."""
    return [each for each in _at(whole, name) if each != to.entry] if isinstance(to, Without) else to


def _at(config: FitConfig, name: str) -> Any:
    found: Any = config.model_dump(mode="json")
    for key in name.split("."):
        found = found[key]
    return found


def _changes_something(whole: FitConfig, settings: Settings) -> bool:
    """False for a part that the preset does not have."""
    return any(_at(whole, name) != _value(whole, name, to) for name, to in settings.items())


def ablation(
    method: str,
    *,
    data: Mapping[str, Any],
    seeds: Sequence[int],
    preset: str | None = None,
    only: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> StudyPlan:
    """The whole method, without each of its parts, and built up rung by rung.

    Args:
        method: Which.
        data: Name and root of the dataset.
        seeds: Of every row.
        preset: Which of the method's.
        only: Names of parts and rungs; all without.
        overrides: Further settings of all rows.

    Raises:
        ConfigError: The method names no parts, or not those in `only`.
    """
    definition = method_definition(method)
    rungs = dict(definition.ladder)
    without = {f"without {name}": settings for name, settings in definition.switches.items()}
    known = rungs | without
    if not known:
        raise ConfigError(f"{method} names no parts that could be left out")
    bare = StudyPlan("ablation", method, data, {WHOLE: {}}, WHOLE, tuple(seeds), preset, tuple(overrides))
    whole = bare.config(WHOLE, 0)
    known = {name: settings for name, settings in known.items() if _changes_something(whole, settings)}
    known = _merged(bare, known)
    asked = {name: _row_named(name, known, method) for name in only}
    chosen = {name: settings for name, settings in known.items() if not only or name in asked.values()}
    return replace(bare, rows={WHOLE: {}, **chosen})


def _merged(plan: StudyPlan, rows: Mapping[str, Settings]) -> dict[str, Settings]:
    """Rows that come to the same settings as one, under both names."""
    plan = replace(plan, rows=rows)
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(plan.config(row, 0).model_dump_json(), []).append(row)
    return {_BOTH.join(same): rows[same[0]] for same in names.values()}


def _row_named(name: str, known: Mapping[str, Settings], method: str) -> str:
    for row in known:
        if {name, f"without {name}"} & set(row.split(_BOTH)):
            return row
    parts = ", ".join(row.removeprefix("without ") for row in known)
    raise ConfigError(f"{method} has no part {name!r}", hint=f"Its parts: {parts}")


def frame_counts(
    method: str,
    lens: Sequence[int],
    *,
    data: Mapping[str, Any],
    seeds: Sequence[int],
    preset: str | None = None,
    overrides: Sequence[str] = (),
) -> StudyPlan:
    """The method with clips of so many frames each; the first is what the others are compared with.

    Raises:
        ConfigError: The method has no such setting, or a number comes twice.
    """
    setting = method_definition(method).frames_setting
    if setting is None:
        raise ConfigError(f"{method} has no number of frames that could be changed")
    if len(set(lens)) < len(lens) or not lens:
        raise ConfigError(f"numbers of frames {list(lens)} are none, or name one twice")
    rows = {_frames(count): {setting: count} for count in lens}
    return StudyPlan("frames", method, data, rows, _frames(lens[0]), tuple(seeds), preset, tuple(overrides))


def _frames(count: int) -> str:
    return f"{count} frames"
