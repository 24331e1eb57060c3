"""Which number format training uses."""

from pathlib import Path

import pytest
import torch

from normalcy.training.precision import has_native_bf16, lightning_precision


@pytest.fixture
def processor(monkeypatch):
    """A machine without a GPU whose processor has these flags; None for one that does not tell."""

    def of(flags: str | None):
        def read_text(self, **options):
            if flags is None:
                raise FileNotFoundError(self)
            return f"processor : 0\nflags : fpu {flags}\n"

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(Path, "read_text", read_text)

    return of


@pytest.mark.parametrize(
    ("flags", "native"),
    [("avx512_bf16", True), ("amx_bf16", True), ("bf16", True), ("avx2 avx512f", False), (None, False)],
)
def test_auto_takes_bf16_only_where_the_processor_computes_it(processor, flags, native):
    processor(flags)
    assert has_native_bf16() == native
    assert lightning_precision("auto") == ("bf16-mixed" if native else "32-true")


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_is_asked_for_bf16_in_hardware(monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert has_native_bf16() == native


def test_what_is_asked_for_is_used(processor):
    processor(None)
    assert lightning_precision("bf16") == "bf16-mixed"
    processor("avx512_bf16")
    assert lightning_precision("float32") == "32-true"
