"""YAML that is written as it was read: with its comments, its order and its quotes.

Two libraries are at work. The engine reads with PyYAML, for which `no` is false, `18:00` a number and `017` fifteen
(YAML 1.1). ruamel keeps comments, and reads all three otherwise (YAML 1.2). So what a file says is always PyYAML's
word; ruamel only holds the text, of which what does not change is not touched, and what is new is PyYAML's writing.
"""

import io
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from normalcy.errors import ConfigError
from normalcy.run_folder import whole_file, writing_to

_WIDTH = 110


def read_commented(path: Path) -> Any:
    """A YAML mapping that remembers its comments; empty where the file is.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return read_text(path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not valid YAML", where=path) from error


def read_text(text: str, where: Path) -> Any:
    """The same from a text.

    Raises:
        ConfigError: It is no YAML, or holds no mapping.
    """
    try:
        found = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError("is not valid YAML", where=where) from error
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise ConfigError(f"holds a {type(plain(found)).__name__}, expected `key: value` lines", where=where)
    return found


def as_text(data: Any) -> str:
    """YAML of what was read and changed since."""
    text = io.StringIO()
    _yaml().dump(data, text)
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all; where a link leads, and with the rights that the file had.

    Raises:
        OutputError: It cannot be written.
    """
    path = path.resolve()
    rights = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    with writing_to(path), whole_file(path) as temporary:
        temporary.touch(rights)
        temporary.chmod(rights)
        temporary.write_text(text, encoding="utf-8")


def update(section: Any, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Makes a section say what is wanted, without touching what it says already.

    Args:
        section: As `read_commented` gave it, or a part of that.
        before: What it says, as the engine reads it.
        wanted: What it shall say to the engine.
    """
    for key in [key for key in section if key not in wanted]:
        del section[key]
    for key, value in wanted.items():
        known = before.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping) and isinstance(section.get(key), dict):
            update(section[key], known, value)
        elif key not in section or not _is_same(known, value):
            section.update(_written({key: value}))


def _is_same(one: Any, other: Any) -> bool:
    """Also of the same kind: 1 and true are equal, and mean something else."""
    return bool(one == other) and yaml.safe_dump(one) == yaml.safe_dump(other)


class _Writer(yaml.SafeDumper):
    """Quotes what PyYAML would misread, and what ruamel would."""


def _represent_text(writer: _Writer, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if _is_text(text) else "'")


_Writer.add_representer(str, _represent_text)


def _is_text(text: str) -> bool:
    """Whether ruamel reads it as such without quotes."""
    try:
        return isinstance(_yaml().load(text), str)
    except YAMLError:
        return False


def _written(new: Mapping[str, Any]) -> Any:
    """Something new, as the engine is to read it."""
    return read_text(yaml.dump(plain(new), Dumper=_Writer, sort_keys=False, allow_unicode=True), Path())


def without_block(path: Path, data: Any, section: str, key: str) -> Any:
    """Takes a key out of a section of a file that was read, with the comment right above it.

    ruamel counts the comment above the *next* key to this one, and would drop it too. So the lines are taken out, where
    that says the same; else ruamel does it.
    """
    wanted = plain(data)
    del wanted[section][key]
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if not wanted[section]:
            head = data.lc.key(section)[0]
            lines[head] = lines[head].replace(":", ": {}", 1)
        cut = read_text(_without_lines(lines, *data[section].lc.key(key)), path)
    except (ConfigError, OSError):
        cut = None
    if cut is not None and plain(cut) == wanted:
        return cut
    if wanted[section]:
        del data[section][key]
    else:
        data[section] = {}  # emptied, ruamel would write what it cannot read
    return data


def _without_lines(lines: list[str], first: int, indent: int) -> str:
    """Without a block that starts on a line, and the comment right above it."""
    end = next((at for at in range(first + 1, len(lines)) if _ends_block(lines[at], indent)), len(lines))
    while end > first + 1 and _is_remark(lines[end - 1]):
        end -= 1  # it belongs to what follows
    while first > 0 and lines[first - 1].strip().startswith("#"):
        first -= 1
    return "".join(lines[:first] + lines[end:])


def _ends_block(line: str, indent: int) -> bool:
    return not _is_remark(line) and len(line) - len(line.lstrip()) <= indent


def _is_remark(line: str) -> bool:
    return not line.strip() or line.strip().startswith("#")


def plain(value: Any) -> Any:
    """Without what ruamel adds to remember comments and quotes."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _yaml() -> YAML:
    commented = YAML(typ="rt")
    commented.preserve_quotes = True
    commented.width = _WIDTH
    return commented
