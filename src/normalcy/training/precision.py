"""Which number format training uses."""

from pathlib import Path
from typing import Literal

import torch

LightningPrecision = Literal["32-true", "bf16-mixed"]


def lightning_precision(choice: Literal["auto", "float32", "bf16"]) -> LightningPrecision:
    """Lightning's name for a choice; `auto` takes bf16 where the hardware computes it natively."""
    if choice == "auto":
        choice = "bf16" if has_native_bf16() else "float32"
    return "bf16-mixed" if choice == "bf16" else "32-true"


def has_native_bf16() -> bool:
    """True on a GPU, or a CPU (AVX512_BF16, AMX, Arm BF16), that multiplies bf16 in hardware."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))
