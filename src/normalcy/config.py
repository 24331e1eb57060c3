"""Configuration: strict, described models, read from YAML, overridden by `--set a.b=c`.

An unknown key is an error that names the nearest known one; a wrong value is an error that shows it.
"""

import difflib
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from normalcy.errors import ConfigError


class StrictConfig(BaseModel):
    """Base of every configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


ConfigT = TypeVar("ConfigT", bound=StrictConfig)


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads a YAML mapping.

    Raises:
        ConfigError: The file is missing, is no YAML, or holds no mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not valid YAML: {_one_line(error)}", where=path) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"holds a {type(data).__name__}, expected `key: value` lines", where=path)
    return data


def to_yaml(config: StrictConfig) -> str:
    """The resolved configuration as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def apply_overrides(data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Returns `data` with each `a.b=value` put in place; values are read as YAML.

    >>> apply_overrides({"training": {"epochs": 5}}, ["training.epochs=7", "seed=1"])
    {'training': {'epochs': 7}, 'seed': 1}
    """
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}
    for override in overrides:
        path, sign, text = override.partition("=")
        if not sign or not path.strip():
            raise ConfigError(
                f"cannot read {override!r}", where="--set", hint="Write it as section.key=value"
            )
        *sections, key = path.strip().split(".")
        place = merged
        for section in sections:
            below = place.setdefault(section, {})
            if not isinstance(below, dict):
                raise ConfigError(f"{section!r} is a value, not a section", where=f"--set {override}")
            place[section] = place = dict(below)
        place[key] = _yaml_value(text, override)
    return merged


def as_written(_: str, value: object) -> str:
    """A value as messages show it."""
    return repr(value)


def build_config(
    kind: type[ConfigT],
    data: dict[str, Any],
    *,
    where: object = "configuration",
    shown: Callable[[str, object], str] = as_written,
) -> ConfigT:
    """Builds a configuration from plain data.

    Args:
        kind: What is built.
        data: As it was read.
        where: It comes from.
        shown: How a wrong value is shown, from its key such as `training.epochs` and itself.

    Raises:
        ConfigError: One line per mistake, each with its key, value and, for an unknown key, the nearest known one.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = [_explain(kind, dict(detail), shown) for detail in error.errors()]
    raise ConfigError("; ".join(lines), where=where)


def _explain(kind: type[BaseModel], detail: dict[str, Any], shown: Callable[[str, object], str]) -> str:
    location = tuple(str(part) for part in detail["loc"])
    key = ".".join(location)
    if detail["type"] == "extra_forbidden":
        known = _keys_at(kind, location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {key!r}, {hint}"
    if detail["type"] == "missing":
        return f"{key!r} is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    # Without a key, several settings together make no sense: the message names them.
    return f"{key!r} is {shown(key, detail['input'])}: {message}" if key else message


def _keys_at(kind: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    is_name = False
    for part in path:
        if is_name or part.isdecimal():  # a key of a mapping, a place in a list
            is_name = False
            continue
        field = kind.model_fields.get(part)
        is_name = field is not None and typing.get_origin(field.annotation) is dict
        below = _model_in(field.annotation) if field else None
        if below is None:
            return []
        kind = below
    return list(kind.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, list, dict):
        models = (_model_in(arm) for arm in typing.get_args(annotation))
        return next((model for model in models if model), None)
    return None


def _yaml_value(text: str, override: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"cannot read the value {text!r}", where=f"--set {override}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
