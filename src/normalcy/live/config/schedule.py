"""When a camera alarms."""

from datetime import datetime, time
from typing import Any, Literal

from pydantic import Field, field_validator

from normalcy.config import StrictConfig

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY_MINUTES = 24 * 60


class WatchHours(StrictConfig):
    """A part of the week; one that ends before it starts reaches past midnight, and belongs to the day it starts on.

    Attributes:
        days: On which it starts.
        start: Local time of day.
        end: Local time of day, no longer in it; the same as `start` for the whole day.
    """

    days: tuple[Day, ...] = Field(DAYS, min_length=1)
    start: time = time(0)
    end: time = time(0)

    @field_validator("start", "end", mode="before")
    @classmethod
    def _clock(cls, value: Any) -> Any:
        if value in ("24:00", _DAY_MINUTES):
            return time(0)
        if isinstance(value, int) and not isinstance(value, bool):
            return _from_parts_of_60(value)
        return value

    def holds(self, local: datetime) -> bool:
        """Whether a local time lies in it.

        >>> nights = WatchHours(days=("fri",), start=time(22), end=time(6))
        >>> nights.holds(datetime(2026, 1, 3, 5, 0))  # a Saturday
        True
        """
        now, today = local.time(), DAYS[local.weekday()]
        yesterday = DAYS[(local.weekday() - 1) % 7]
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)


def _from_parts_of_60(value: int) -> time:
    """YAML 1.1 reads 18:00 as the number 1080, and 18:00:30 as 64830."""
    minutes, seconds = (value, 0) if value < _DAY_MINUTES else divmod(value, 60)
    if not (0 <= value < _DAY_MINUTES or 60 <= minutes < _DAY_MINUTES):
        raise ValueError("it is no time of day, such as 18:00")
    return time(minutes // 60, minutes % 60, seconds)


def watches(schedule: tuple[WatchHours, ...], local: datetime) -> bool:
    """Whether alarms are raised at a local time; without a schedule, always."""
    return not schedule or any(hours.holds(local) for hours in schedule)
