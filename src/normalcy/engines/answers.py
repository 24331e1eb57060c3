"""What a worker says of an item, and of itself: plain data, so that an error of any kind travels."""

import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from normalcy import errors
from normalcy.errors import ConfigError, MissingPackage, NormalcyError, OutputError

logger = logging.getLogger(__name__)

_FOR_ALL = (ConfigError, MissingPackage, OutputError)
"""What one item fails of the others fail of as well."""


@dataclass(frozen=True)
class Refusal:
    """An error that the user can mend, as plain data."""

    kind: str
    what: str
    where: str
    hint: str

    @classmethod
    def of(cls, error: NormalcyError) -> "Refusal":
        """What an error says."""
        return cls(type(error).__name__, error.what, error.where, error.hint)

    def error(self) -> NormalcyError:
        """The error anew; of another room's kind, its message as it is."""
        kind = getattr(errors, self.kind, NormalcyError)
        found: NormalcyError = kind(self.what, where=self.where, hint=self.hint)
        return found


@dataclass(frozen=True)
class Answer:
    """What became of an item in a worker.

    Attributes:
        result: Pickled; None where it failed.
        error: Why it failed, in one line.
        refusal: Why the worker, and so each other one, cannot work at all.
    """

    result: bytes | None = None
    error: str | None = None
    refusal: Refusal | None = None


def opened(open_job: Callable[[], Callable[[Any], Any]]) -> Callable[[Any], Any] | Refusal:
    """What works on items, or why nothing can."""
    try:
        return open_job()
    except NormalcyError as error:
        return Refusal.of(error)
    except Exception as error:
        logger.exception("a job could not be opened")
        return Refusal("NormalcyError", _defect(error), "", "")


def answer(work: Callable[[Any], Any], item: Any) -> Answer:
    """Works on an item; whatever goes wrong is an answer as well."""
    try:
        return Answer(result=pickle.dumps(work(item)))
    except _FOR_ALL as error:
        return Answer(refusal=Refusal.of(error))
    except NormalcyError as error:
        return Answer(error=" ".join(str(error).split()))
    except Exception as error:
        logger.exception("an item failed")
        return Answer(error=_defect(error))


def _defect(error: Exception) -> str:
    return f"a {type(error).__name__}, a defect of normalcy: {' '.join(str(error).split())[:200]}"
