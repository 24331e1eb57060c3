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


def claim(store: Store, identity: dict[str, Any], *, overwrite: bool) -> None:
    """Says in the output what makes it, or finds that said already.

    Raises:
        RunFolderExists: Something else made it, or it holds files of another kind.
    """
    found = store.get(RECORD)
    if found is not None and not overwrite:
        _require_same(json.loads(found), identity, store)
        return
    if found is not None:
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


def _require_same(found: dict[str, Any], identity: dict[str, Any], store: Store) -> None:
    other = [f"{name} {found.get(name)}" for name, value in identity.items() if found.get(name) != value]
    if other:
        raise RunFolderExists(
            f"was made with another {', '.join(other)}",
            where=store.shown,
            hint="Choose another --out, give the same bundle and options again, or begin anew with --overwrite",
        )
