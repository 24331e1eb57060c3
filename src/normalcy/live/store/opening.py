"""The event store of a configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.live.store.store import Store, sqlite_url
from normalcy.run_folder import writing_to


def store_url(config: LiveConfig) -> str:
    """Of the event store, with its secrets in place."""
    return resolve(config.store.url) if config.store.url else sqlite_url(config.data)


@contextmanager
def store_of(config: LiveConfig) -> Iterator[Store]:
    """The store, made or migrated where that is needed; closed at the end."""
    _make_folder(config.data)
    store = Store(store_url(config), migrate=True)
    try:
        yield store
    finally:
        store.close()


def _make_folder(data: Path) -> None:
    with writing_to(data):
        data.mkdir(parents=True, exist_ok=True)
