"""Where events are kept, and for how long."""

from pydantic import Field

from normalcy.config import StrictConfig


class RetentionConfig(StrictConfig):
    """What is deleted, the oldest first; what people reviewed outlives the rest: thresholds come from it.

    Attributes:
        days: Events and their media are kept for so long.
        reviewed_days: Events with a verdict.
        scores_days: The score timeline.
        media_gigabytes: Pictures and clips take no more than this; for room they alone go, and their events stay.
        free_gigabytes: So much of the disk stays free, as far as their going can do that.
    """

    days: float = Field(30.0, gt=0)
    reviewed_days: float = Field(365.0, gt=0)
    scores_days: float = Field(14.0, gt=0)
    media_gigabytes: float = Field(20.0, gt=0)
    free_gigabytes: float = Field(1.0, ge=0)


class StoreConfig(StrictConfig):
    """The event store.

    Attributes:
        url: SQLAlchemy's; may hold `${SECRET}`. Without, SQLite in the data folder.
        retention: What is deleted when.
    """

    url: str | None = None
    retention: RetentionConfig = RetentionConfig()
