"""PyTorch's stores, by which processes find each other; it does not tell type checkers that it has them."""

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

__all__ = ["PrefixStore", "Store", "TCPStore"]
