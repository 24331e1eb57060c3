"""A small bundle that is exported as a test asks for."""

import pytest

from normalcy.export.export import ExportRequest, export_bundle
from normalcy.export.held_out import HeldOut
from normalcy.scoring.bundle import Bundle
from small_exports import export_once, footage, save_bundle


@pytest.fixture
def exported(request, tmp_path, monkeypatch):
    """Exports a small bundle as asked for, and gives it back as it is read again."""

    def run(
        name,
        backend="openvino",
        precision="fp32",
        *,
        target=None,
        limit=0.01,
        with_footage=True,
        is_own=True,
        salt="",
        **changes,
    ):
        export_once(monkeypatch, name, salt)
        path = tmp_path / name
        if not path.exists():
            save_bundle(name, path, **changes)

        def frames(bundle):
            return HeldOut(footage(bundle.method().clip, videos=2), is_own=is_own)

        record = export_bundle(
            path, ExportRequest(backend, precision, target, limit), footage=frames if with_footage else None
        )
        return Bundle.load(path), record

    return run
