"""The example names every setting, and says what each is when it is left out."""

import re
import typing
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel

from normalcy.live.config.camera import CameraSettings
from normalcy.live.config.live import LiveConfig, config_from

TEXT = files("normalcy.live.config").joinpath("example.yaml").read_text(encoding="utf-8")
LEFT_OUT = re.compile(r"^(\s*)# ([a-z_]+:(?: \S.*)?)$")


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for arm in typing.get_args(annotation) for model in models_in(arm)]


def missing_keys(kind, said, where=""):
    """Settings of a model, and of those below, that none of several examples names."""
    for key, field in kind.model_fields.items():
        values = [each[key] for each in said if key in each]
        if not values:
            yield f"{where}{key}"
        for model in models_in(field.annotation):
            below = [each for value in values for each in sections(field.annotation, value)]
            if below or kind is not CameraSettings:  # the defaults leave lists empty that cameras fill
                yield from missing_keys(model, below, f"{where}{key}.")


def sections(annotation, value):
    if isinstance(value, list):
        return value
    is_by_name = typing.get_origin(annotation) is dict
    return list(value.values()) if is_by_name else [value]


def all_said():
    """The example with the settings in that are left out."""
    lines = [LEFT_OUT.sub(r"\1\2", line) for line in TEXT.splitlines()]
    return yaml.safe_load("\n".join(lines))


def test_it_is_valid():
    config = config_from(yaml.safe_load(TEXT), where=Path("example.yaml"))
    assert list(config.cameras) == ["door", "archive", "pattern"]


def test_it_is_valid_with_all_settings_that_are_left_out():
    config = config_from(all_said(), where=Path("example.yaml"))
    assert config.timezone == "Europe/Vienna"
    assert config.cameras["door"].max_fps == 15


def test_it_names_every_setting():
    said = all_said()
    said["cameras"] = {name: {**said["defaults"], **each} for name, each in said["cameras"].items()}
    assert list(missing_keys(LiveConfig, [said])) == []


def test_what_it_says_of_shared_settings_is_what_holds_without_it():
    said = yaml.safe_load(TEXT)
    assert CameraSettings.model_validate(said["defaults"]) == CameraSettings()
    kept = LiveConfig.model_fields
    for section in ("events", "store", "web"):
        default = kept[section].default
        assert type(default).model_validate(said[section]) == default
