"""Writes and reads states: a pickle of few codes, in which nothing is called but the makers of this file.

Objects stand in it as the name of their class and their fields, which are checked; arrays as `.npy` files. What is
shared stands in it as a name, which is put in its place only where a field is to hold just that.
"""

import io
import pickle
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt

from normalcy.archive.state_fields import FIELDS, Shared, fits
from normalcy.scoring.events import AlarmState

_CODES = (
    pickle.PROTO,
    pickle.FRAME,
    pickle.STOP,
    pickle.MARK,
    pickle.POP,
    pickle.POP_MARK,
    pickle.NONE,
    pickle.NEWTRUE,
    pickle.NEWFALSE,
    pickle.BININT,
    pickle.BININT1,
    pickle.BININT2,
    pickle.LONG1,
    pickle.LONG4,
    pickle.BINFLOAT,
    pickle.SHORT_BINUNICODE,
    pickle.BINUNICODE,
    pickle.BINUNICODE8,
    pickle.SHORT_BINBYTES,
    pickle.BINBYTES,
    pickle.BINBYTES8,
    pickle.EMPTY_TUPLE,
    pickle.TUPLE,
    pickle.TUPLE1,
    pickle.TUPLE2,
    pickle.TUPLE3,
    pickle.EMPTY_LIST,
    pickle.APPEND,
    pickle.APPENDS,
    pickle.EMPTY_DICT,
    pickle.SETITEM,
    pickle.SETITEMS,
    pickle.MEMOIZE,
    pickle.BINGET,
    pickle.LONG_BINGET,
    pickle.STACK_GLOBAL,
    pickle.REDUCE,
    pickle.BINPERSID,
)


def written(state: Any, shared: Mapping[str, Any]) -> bytes:
    """A state as bytes.

    Args:
        state: Of the classes of `state_fields` alone.
        shared: What is written as a name.

    Raises:
        pickle.PicklingError: It holds something else.
    """
    file = io.BytesIO()
    _Writer(file, shared).dump(state)
    return file.getvalue()


def read(data: bytes, shared: Mapping[str, Any]) -> Any:
    """What `written` gave.

    Args:
        data: Of anybody.
        shared: What is put where its name stands; it is never changed.

    Raises:
        Exception: Of any kind, where it holds anything else.
    """
    return _Reader(io.BytesIO(data), shared).load()


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shared: Mapping[str, Any]) -> None:
        super().__init__(file, protocol=5)
        self._names = {id(each): name for name, each in shared.items()}

    def persistent_id(self, value: Any) -> str | None:
        return self._names.get(id(value))

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(value, np.ndarray | np.generic):
            return (_number if isinstance(value, np.generic) else _array), (_npy(value),)
        if isinstance(value, deque):
            return _queue, (list(value), value.maxlen)
        if isinstance(value, AlarmState):
            return _alarm_state, (value.name,)
        if name in FIELDS:
            return _built, (name, dict(vars(value)))
        if isinstance(value, FunctionType) and value in _MAKERS.values():
            return NotImplemented
        raise pickle.PicklingError(f"a {name} is not known here")


class _Codes(dict[int, Callable[[Any], None]]):
    def __missing__(self, code: int) -> Callable[[Any], None]:
        raise pickle.UnpicklingError(f"code {code} is not known here")


class _Reader(pickle._Unpickler):
    dispatch = _Codes({code[0]: pickle._Unpickler.dispatch[code[0]] for code in _CODES})
    stack: list[Any]

    def __init__(self, file: io.BytesIO, shared: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._shared = shared

    def find_class(self, module: str, name: str) -> Any:
        if module != __name__ or name not in _MAKERS:
            raise pickle.UnpicklingError(f"{module}.{name} is not known here")
        return _MAKERS[name]

    def persistent_load(self, name: Any) -> Shared:
        return Shared(name)

    def _call(self) -> None:
        arguments = self.stack.pop()
        maker = self.stack[-1]
        if not any(maker is each for each in _MAKERS.values()):
            raise pickle.UnpicklingError("only makers are called")
        more = (self._shared,) if maker is _built else ()
        self.stack[-1] = maker(*arguments, *more)

    dispatch[pickle.REDUCE[0]] = _call


def _npy(value: npt.NDArray[Any] | np.generic) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
    return file.getvalue()


def _array(data: bytes) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    return found


def _number(data: bytes) -> Any:
    """A scalar of numpy; whatever else it is, fields say whether it may be there."""
    return _array(data)[()]


def _queue(values: list[Any], most: int | None) -> deque[Any]:
    return deque(values, most)


def _alarm_state(name: str) -> Enum:
    return AlarmState[name]


def _built(name: str, fields: dict[str, Any], shared: Mapping[str, Any]) -> Any:
    """An object of a class that is known here, where its fields are those of the class."""
    kinds = FIELDS.get(name)
    if kinds is None:
        raise pickle.UnpicklingError(f"{name} is not known here")
    if type(fields) is not dict or set(fields) != set(kinds):
        raise pickle.UnpicklingError(f"{name} with other fields")
    values = {}
    for field, value in fields.items():
        if isinstance(value, Shared):
            values[field] = _put(value, [each for each in kinds[field] if isinstance(each, Shared)], shared)
        elif fits(value, kinds[field]):
            values[field] = value
        else:
            raise pickle.UnpicklingError(f"{name}.{field} cannot be a {type(value).__name__}")
    module, _, own = name.rpartition(".")
    kind = getattr(import_module(module), own)
    found = object.__new__(kind)
    vars(found).update(values)
    return found


def _put(value: Shared, wanted: list[Shared], shared: Mapping[str, Any]) -> Any:
    """What is shared, where just that is wanted; several names may be those of one object."""
    found = shared[value.name]
    if not any(shared.get(each.name) is found for each in wanted):
        raise pickle.UnpicklingError(f"{value.name} does not belong there")
    return found


_MAKERS: dict[str, FunctionType] = {
    each.__name__: each
    for each in (_array, _number, _queue, _alarm_state, _built)
    if isinstance(each, FunctionType)
}
