"""Logs of the live engine: lines that people or programs read, and nothing in them is secret."""

import json
import logging
import sys

import pytest

from normalcy.live.logs import JsonLines, TextLines, log_to_standard_error

SECRET = "rtsp://guard:hunter2@door/1?token=hunter2"


def record(message, *args, **extra):
    made = logging.LogRecord("normalcy.live.x", logging.WARNING, __file__, 1, message, args, None)
    made.__dict__ |= extra
    return made


def failed():
    try:
        raise ValueError(f"no answer from {SECRET}")
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()])
def test_urls_are_shown_without_their_secrets(lines):
    line = lines.format(record("camera %s: %s", "door", SECRET, reason=SECRET, exc_info=failed()))
    assert "hunter2" not in line
    assert "rtsp://***@door/1" in line
    assert "ValueError" in line


def test_a_line_of_json_says_what_is_known_of_it():
    said = json.loads(
        JsonLines().format(record("camera %s is online", "door", camera="door", state="online"))
    )
    assert (said["level"], said["logger"]) == ("warning", "normalcy.live.x")
    assert (said["message"], said["camera"], said["state"]) == ("camera door is online", "door", "online")
    assert said["at"].endswith("+00:00")
    assert "\n" not in JsonLines().format(record("two\nlines"))


def test_it_is_shown_once_however_often_it_is_set_up(capsys):
    log = logging.getLogger("normalcy")
    before = log.handlers[:], log.level, log.propagate
    try:
        for _ in range(2):
            log_to_standard_error(as_json=False)
        logging.getLogger("normalcy.live.x").info("hello")
    finally:
        log.handlers[:], log.level, log.propagate = before
    assert capsys.readouterr().err.count("hello") == 1
