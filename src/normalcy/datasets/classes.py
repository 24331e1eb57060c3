"""Videos with a class each, and the folds that they are judged by.

A fold is one of the ways to part the videos into those to learn from and those to judge. What `train` and `test` mean
is always said of the fold at hand, also to methods that learn from normal video alone.
"""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from normalcy.datasets.base import Dataset, LabelledVideo, Split
from normalcy.errors import ConfigError

NORMAL_NAMES = frozenset(
    {
        "normal",
        "normalvideos",
        "normalvideosevent",
        "nofight",
        "nonfight",
        "nonviolence",
        "noviolence",
        "none",
    }
)
"""What people call the class of normal video, in small letters and digits."""


@dataclass(frozen=True)
class ClassVideo:
    """A video and its class.

    Attributes:
        video: The video.
        label: Name of its class.
        group: Videos of one group are of the same scene and time; they never lie on both sides of a split.
    """

    video: LabelledVideo
    label: str
    group: str


@runtime_checkable
class KnowsClasses(Dataset, Protocol):
    """A dataset whose videos have classes. For methods that learn from normal video, every other class is abnormal.

    Attributes:
        classes: Names of the classes, in order.
        normal_class: The one that is normal.
        folds: How many there are.
        fold: Which is at hand, from 0.
    """

    fold: int

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in order."""
        ...

    @property
    def normal_class(self) -> str:
        """The class of normal video."""
        ...

    @property
    def folds(self) -> int:
        """How many folds there are."""
        ...

    def at_fold(self, fold: int) -> Self:
        """The same at another fold; ConfigError where there is none of that number."""
        ...

    def class_videos(self, split: Split) -> list[ClassVideo]:
        """Videos of a split of the fold at hand, of all classes; DatasetIncomplete when there are none."""
        ...


def find_normal(classes: tuple[str, ...]) -> str:
    """The class that goes by one of the usual names of what is normal.

    >>> find_normal(("fight", "noFight"))
    'noFight'

    Raises:
        ConfigError: None does, or several do.
    """
    found = [name for name in classes if _letters(name) in NORMAL_NAMES]
    if len(found) != 1:
        raise ConfigError(
            f"{'several' if found else 'none'} of the classes {', '.join(classes)} "
            f"{'are' if found else 'is'} called as normal video is",
            where="data",
            hint="Call the folder of normal video `normal`",
        )
    return found[0]


def require_fold(fold: int, folds: int) -> int:
    """The fold itself, where there is one of that number.

    Raises:
        ConfigError: There is not.
    """
    if not 0 <= fold < folds:
        raise ConfigError(
            f"there is no fold {fold}", where="data.fold", hint=f"Folds count from 0 to {folds - 1}"
        )
    return fold


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
