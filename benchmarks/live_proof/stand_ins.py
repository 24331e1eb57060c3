"""Streams and receivers that misbehave when they are told to, and a scene: those of the tests."""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path += [str(folder) for folder in (_TESTS, _TESTS / "live") if str(folder) not in sys.path]

from live_databases import running_server  # noqa: E402
from live_fleet_processes import NodeProcess  # noqa: E402
from live_receivers import Broker, Subscriber, WebhookReceiver  # noqa: E402
from live_streams import FaultyStream  # noqa: E402
from live_world import WorldCamera  # noqa: E402

import tiny_scene  # noqa: E402

__all__ = [
    "Broker",
    "FaultyStream",
    "NodeProcess",
    "Subscriber",
    "WebhookReceiver",
    "WorldCamera",
    "running_server",
    "tiny_scene",
]
