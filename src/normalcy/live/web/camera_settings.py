"""Between the form of a camera and what the configuration file says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from starlette.datastructures import FormData

from normalcy.errors import ConfigError
from normalcy.live.config.camera import CameraSettings
from normalcy.live.config.schedule import DAYS, WatchHours
from normalcy.live.web.sources import entered_source, shown_source


@dataclass(frozen=True)
class NumberField:
    """A number of the form; an empty one takes what all cameras share."""

    key: str
    label: str
    unit: str
    help: str
    whole: bool = False


@dataclass(frozen=True)
class SwitchField:
    """A checkbox of the form."""

    key: str
    label: str
    help: str


FIELD_GROUPS: Final[Mapping[str, tuple[NumberField, ...]]] = {
    "Alarms": (
        NumberField(
            "false_alarms_per_day", "False alarms", "a day", "How many are acceptable; 0.1 is one in ten days"
        ),
        NumberField(
            "alert_per_day", "Alert below", "a day", "Rarer than this is an alert, the rest are notices"
        ),
    ),
    "Frames": (
        NumberField("max_fps", "Highest frame rate", "a second", "Frames beyond it are left out"),
        NumberField("stride", "Use every", "frames", "1 looks at all of them", whole=True),
        NumberField(
            "preview_height_px", "Height of pictures", "pixels", "On the wall and in clips", whole=True
        ),
    ),
    "Connection": (
        NumberField("open_timeout_seconds", "Wait for an answer", "seconds", "Then it counts as offline"),
        NumberField("read_timeout_seconds", "Wait for a frame", "seconds", "Then it is connected anew"),
    ),
}
SWITCHES: Final = (
    SwitchField("enabled", "Watch this camera", "Off: it is not connected, and never alarms"),
    SwitchField("scene_change", "Tell a turned or covered camera from an event", "And sudden darkness"),
    SwitchField("loop", "Start again at the end", "Files and folders only"),
    SwitchField("natural_speed", "Play at its natural speed", "Files and folders only"),
)
TEXTS: Final = ("title", "bundle", "transport")
SOURCES: Final = ("source", "substream")
_NUMBERS: Final = tuple(field for group in FIELD_GROUPS.values() for field in group)
_DAYS_AT: Final = "schedule_days_"


@dataclass(frozen=True)
class Hours:
    """A row of the schedule as the form has it."""

    days: tuple[str, ...] = ()
    start: str = ""
    end: str = ""


@dataclass(frozen=True)
class FormValues:
    """What stands in the form.

    Attributes:
        texts: Of fields for text and numbers, by key.
        switches: Checkboxes by key.
        schedule: When it alarms; always without.
    """

    texts: Mapping[str, str]
    switches: Mapping[str, bool]
    schedule: tuple[Hours, ...] = ()

    @classmethod
    def of_form(cls, fields: FormData) -> Self:
        """As somebody filled it in."""
        texts = {key: str(value).strip() for key, value in fields.items()}
        switches = {switch.key: switch.key in fields for switch in SWITCHES}
        return cls(texts, switches, _rows(fields))

    def text(self, key: str) -> str:
        """Of a field; empty where nothing stands in it."""
        return self.texts.get(key, "")


def shown_values(
    raw: Mapping[str, Any], defaults: CameraSettings, schedule: Sequence[WatchHours]
) -> FormValues:
    """What the form shows of a camera as it is written in the configuration; passwords are not in it."""
    keys = (*TEXTS, *(field.key for field in _NUMBERS))
    texts = {key: _plain(raw[key]) for key in keys if raw.get(key) is not None}
    texts |= {key: shown_source(str(raw[key])) for key in SOURCES if raw.get(key)}
    switches = {each.key: bool(raw.get(each.key, getattr(defaults, each.key))) for each in SWITCHES}
    return FormValues(texts, switches, tuple(map(_hours, schedule)))


def entered_settings(
    fields: FormData,
    *,
    before: Mapping[str, Any],
    defaults: CameraSettings,
    known: Mapping[str, frozenset[str]],
) -> dict[str, Any]:
    """What to write into the configuration; what the form does not show stays as it was.

    Raises:
        ConfigError: A number is none, or part of an address is hidden or not allowed.
    """
    form = FormValues.of_form(fields)
    settings = dict(before)
    for key in SOURCES:
        old = before.get(key)
        source = entered_source(form.text(key), before=str(old) if old else None, known=known)
        _put(settings, key, source or None)
    for key in TEXTS:
        _put(settings, key, form.text(key) or None)
    for field in _NUMBERS:
        _put(settings, field.key, _number(form.text(field.key), field))
    for switch in SWITCHES:
        if switch.key in before or form.switches[switch.key] != getattr(defaults, switch.key):
            settings[switch.key] = form.switches[switch.key]
    if "schedule" in before or form.schedule != tuple(map(_hours, defaults.schedule)):
        settings["schedule"] = [_written(hours) for hours in form.schedule]
    return settings


def _put(settings: dict[str, Any], key: str, value: Any | None) -> None:
    if value is None:
        settings.pop(key, None)
    else:
        settings[key] = value


def _number(text: str, field: NumberField) -> float | int | None:
    if not text:
        return None
    try:
        return int(text) if field.whole else float(text.replace(",", "."))
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is not a {'whole ' if field.whole else ''}number", where=field.label
        ) from error


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rows(fields: FormData) -> tuple[Hours, ...]:
    """Rows of the schedule in which a day is chosen."""
    starts, ends = fields.getlist("schedule_start"), fields.getlist("schedule_end")
    rows = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=False)):
        chosen = {str(day) for day in fields.getlist(f"{_DAYS_AT}{index}")}
        if days := tuple(day for day in DAYS if day in chosen):
            rows.append(Hours(days, str(start) or "00:00", str(end) or "00:00"))
    return tuple(rows)


def _hours(hours: WatchHours) -> Hours:
    return Hours(hours.days, f"{hours.start:%H:%M}", f"{hours.end:%H:%M}")


def _written(hours: Hours) -> dict[str, Any]:
    return {"days": list(hours.days), "start": hours.start, "end": hours.end}
