"""The event store of a configuration."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from normalcy.live.config.live import LiveConfig
from normalcy.live.config.secrets import resolve
from normalcy.live.data_folder import claimed, make_private
from normalcy.live.store.store import Store, sqlite_url
from normalcy.run_folder import writing_to


def store_url(config: LiveConfig) -> str:
    """Of the event store, with its secrets in place."""
    return resolve(config.store.url) if config.store.url else sqlite_url(config.data)


@contextmanager
def store_of(config: LiveConfig, *, alone: bool = False) -> Iterator[Store]:
    """The store, made or migrated where that is needed; closed at the end.

    Args:
        config: That names it.
        alone: No engine may be running meanwhile.

    Raises:
        RunFolderBusy: One is.
        OutputError: The store cannot be opened.
    """
    with ExitStack() as undone:
        if alone:
            undone.callback(claimed(config.data).release)
        with writing_to(config.data):
            make_private(config.data)
        store = Store(store_url(config), migrate=True)
        undone.callback(store.close)
        yield store
