"""BatchNorm whose statistics are those of a batch that is spread over processes.

PyTorch's own works on GPUs only. Means and squares of each process are put together by the formula of Chan, Golub and
LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, in one exchange each way.

Letters: N pictures, C channels, H height, W width, R processes.
"""

import torch
from torch import Tensor, nn

from normalcy.layers.spread_batch import Part, current_part, gathered


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm that is the plain one unless it learns from a part of a batch; weights have the same names."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Normalises by the statistics of the whole batch."""
        part = current_part()
        if part is None or not self.training:
            return super().forward(x_NCHW)
        x = x_NCHW.float()
        mean_C, variance_C, count = _statistics(x, part)
        self._remember(mean_C.detach(), variance_C.detach() * count / (count - 1))
        scale_C = self.weight * (variance_C + self.eps).rsqrt()
        out_NCHW = (x - _by_channel(mean_C)) * _by_channel(scale_C) + _by_channel(self.bias)
        return out_NCHW.to(x_NCHW.dtype)

    def _remember(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """Takes statistics into the running ones, as the plain one does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean_C, self.momentum)
            self.running_var.lerp_(variance_C, self.momentum)


def _statistics(x_NCHW: Tensor, part: Part) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of the whole batch, (C,) each, and over how many values."""
    own_C = x_NCHW.mean(dim=(0, 2, 3))
    squares_C = (x_NCHW - _by_channel(own_C)).square().sum(dim=(0, 2, 3))
    values = x_NCHW.numel() / x_NCHW.shape[1] if part.counted else 0.0
    sent = torch.stack([own_C, squares_C * bool(values), torch.full_like(own_C, values)])
    mean_RC, squares_RC, count_RC = gathered(sent, part).unbind(dim=1)
    count = count_RC[:, 0].detach().sum()
    share_RC = count_RC.detach() / count
    mean_C = (share_RC * mean_RC).sum(dim=0)
    variance_C = (squares_RC / count + share_RC * (mean_RC - mean_C).square()).sum(dim=0)
    return mean_C, variance_C, count


def _by_channel(values_C: Tensor) -> Tensor:
    return values_C[:, None, None]


def synced(module: nn.Module) -> nn.Module:
    """Puts synced BatchNorms, with the same weights, in the place of the plain ones, and returns the module."""
    return _replaced(module, nn.BatchNorm2d, SyncedBatchNorm2d)


def plain(module: nn.Module) -> nn.Module:
    """Takes `synced` back."""
    return _replaced(module, SyncedBatchNorm2d, nn.BatchNorm2d)


def _replaced(module: nn.Module, old: type[nn.BatchNorm2d], new: type[nn.BatchNorm2d]) -> nn.Module:
    for name, child in module.named_children():
        if type(child) is old and child.affine and child.track_running_stats and child.momentum is not None:
            setattr(module, name, _like(child, new))
        else:
            _replaced(child, old, new)
    return module


def _like(norm: nn.BatchNorm2d, kind: type[nn.BatchNorm2d]) -> nn.BatchNorm2d:
    """The same layer, of another kind: it holds the very same tensors."""
    made = kind(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    made.weight, made.bias = norm.weight, norm.bias
    for name, buffer in norm.named_buffers(recurse=False):
        setattr(made, name, buffer)
    made.training = norm.training
    return made
