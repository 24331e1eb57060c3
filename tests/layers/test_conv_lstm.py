import torch

from normalcy.layers.conv_lstm import ConvLSTM


def test_one_step_by_hand():
    lstm = ConvLSTM(1, 1, kernel=1)
    with torch.no_grad():
        lstm.from_input.weight.fill_(0.0)
        lstm.from_state.weight.fill_(0.0)
        lstm.from_input.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.0]))
    out = lstm(torch.zeros(1, 2, 1, 1, 1))
    # input, forget and output gates are 1/2; the candidate is tanh(1).
    candidate = torch.tanh(torch.tensor(1.0))
    first = 0.5 * candidate
    second = 0.5 * candidate + 0.5 * first
    assert torch.allclose(out[0, 0], 0.5 * torch.tanh(first))
    assert torch.allclose(out[0, 1], 0.5 * torch.tanh(second))


def test_state_is_causal_and_carries_on():
    torch.manual_seed(0)
    lstm = ConvLSTM(2, 3)
    x = torch.rand(2, 5, 2, 6, 7)
    changed = x.clone()
    changed[:, 3] += 1.0
    before, after = lstm(x), lstm(changed)
    assert before.shape == (2, 5, 3, 6, 7)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 4], after[:, 4])


def test_forget_gate_starts_open():
    bias = ConvLSTM(2, 3).from_input.bias
    assert torch.equal(bias[3:6], torch.ones(3))


def test_gradient_reaches_the_first_frame():
    lstm = ConvLSTM(1, 2)
    x = torch.rand(1, 4, 1, 5, 5, requires_grad=True)
    lstm(x)[:, -1].sum().backward()
    assert x.grad[:, 0].abs().sum() > 0
