"""What made the output of an archive: rows of another bundle, backend or cut are never mixed in."""

import hashlib
import json
from typing import Any

from normalcy.archive.detector import PackedBundle
from normalcy.archive.store import PARTS, WORK, Store
from normalcy.environment import versions
from normalcy.errors import RunFolderExists
from normalcy.scoring.backends.record import FOLDER

RECORD = "job.json"
_ALWAYS = ("calibration.json", "method.yaml", "model.safetensors")


def identity_of(bundle: PackedBundle, *, method: str, backend: str, chunk_seconds: float) -> dict[str, Any]:
    """What has to be the same for rows to be of one kind, as plain data."""
    return {
        "method": method,
        "bundle": _digest(bundle, backend),
        "backend": backend,
        "chunk_seconds": chunk_seconds,
    }


def _digest(bundle: PackedBundle, backend: str) -> str:
    found = hashlib.sha256()
    for path, data in sorted(bundle.files.items()):
        if path in _ALWAYS or path.startswith(f"{FOLDER}/{backend}/"):
            found.update(f"{path} {len(data)}".encode())
            found.update(data)
    return found.hexdigest()[:16]


def earlier_backend(store: Store, bundle: PackedBundle) -> str | None:
    """With which backend the same bundle made what is in the output; None where it did not."""
    found = _read(store.get(RECORD) or b"")
    backend = str(found.get("backend"))
    return backend if found.get("bundle") == _digest(bundle, backend) else None


def claim(store: Store, identity: dict[str, Any], *, overwrite: bool) -> None:
    """Says in the output what makes it, or finds that said already.

    Args:
        store: The output.
        identity: What makes it.
        overwrite: Removes what something else made; what the same made is gone on with all the same.

    Raises:
        RunFolderExists: Something else made it, or it holds files of another kind.
    """
    found = store.get(RECORD)
    other = None if found is None else _others(found, identity)
    if other == []:
        return
    if other and not overwrite:
        raise RunFolderExists(
            f"was made with another {', '.join(other)}",
            where=store.shown,
            hint="Choose another --out, give the same bundle and options again, or begin anew with --overwrite",
        )
    if other:
        for folder in (*PARTS, WORK, RECORD):
            store.remove(folder)
    elif taken := [name for name in PARTS if store.paths(name)]:
        raise RunFolderExists(
            f"holds {', '.join(taken)} already, and no archive",
            where=store.shown,
            hint="Choose another folder with --out",
        )
    record = {**identity, "versions": versions()}
    store.put(RECORD, (json.dumps(record, indent=2) + "\n").encode())


def _others(record: bytes, identity: dict[str, Any]) -> list[str]:
    """What was another when the output was made, in words."""
    found = _read(record)
    return [f"{name} {found.get(name)}" for name, value in identity.items() if found.get(name) != value]


def _read(record: bytes) -> dict[str, Any]:
    """What a record says; nothing where it is damaged."""
    try:
        found = json.loads(record)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
