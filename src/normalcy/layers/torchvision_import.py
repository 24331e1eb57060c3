"""Makes torchvision importable also where its compiled operators do not fit the installed torch.

Such a wheel fails on import ("operator torchvision::nms does not exist") and takes Lightning's and TorchMetrics'
imports down with it. None of these operators is used here, so their meta registrations are replaced by an empty module,
and only in that case. Call this before importing torchvision, or anything that does.
"""

import sys
import types


def tolerate_torchvision() -> bool:
    """Makes torchvision importable; returns True where it had to be mended."""
    try:
        import torchvision
    except ImportError:
        return False
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")
        import torchvision

        return bool(torchvision.__version__)
    return False
