import pytest
import torch
from torch import nn

from normalcy.layers.recompute import BuffersHeld, recomputed


def statistics(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()}


def test_the_step_runs_again_but_counts_its_batch_once():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.LeakyReLU(), nn.Conv2d(2, 1, 3))
    x = torch.rand(2, 1, 8, 8)
    runs = []

    def step(x_NCHW, factor):
        runs.append(factor)
        return factor * layers(x_NCHW)

    out = recomputed(step, x, 2, module=layers)
    kept = statistics(layers)
    assert torch.allclose(kept["1.running_mean"], 0.1 * layers[0](x).mean(dim=(0, 2, 3)), atol=1e-6)
    out.sum().backward()
    assert runs == [2, 2]
    assert all(torch.equal(buffer, kept[name]) for name, buffer in layers.named_buffers())
    assert layers[1].num_batches_tracked == 1


def test_buffers_are_the_same_tensors_again_even_after_an_error():
    norm = nn.BatchNorm2d(1)
    before, held = dict(norm.named_buffers()), BuffersHeld(norm)
    with pytest.raises(ValueError, match="Expected more than 1 value"), held:
        norm(torch.rand(1, 1, 1, 1))
    with held:
        norm(torch.rand(2, 1, 4, 4))
        assert norm.num_batches_tracked == 1
    assert all(buffer is before[name] for name, buffer in norm.named_buffers())
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(1))
