"""A bidirectional LSTM that stops at the end of each sequence, and the mean over the frames that are there.

Sepp Hochreiter and Jürgen Schmidhuber, "Long Short-Term Memory", Neural Computation 1997; both directions: Mike
Schuster and Kuldip K. Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal Processing 1997.

Letters: B sequences, T frames, D values of a feature vector, S states of a direction.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class MaskedBiLstm(nn.Module):
    """From (B, T, D) to (B, T, 2S); what follows the last frame of a sequence changes nothing and becomes 0.

    Args:
        width: D.
        states: S.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, states, batch_first=True, bidirectional=True)

    def forward(self, x_BTD: Tensor, there_BT: Tensor) -> Tensor:
        """Runs both directions.

        Args:
            x_BTD: The sequences.
            there_BT: Bool; the frames that are there come first.
        """
        lengths_B = there_BT.sum(dim=1).cpu()
        packed = pack_padded_sequence(x_BTD, lengths_B, batch_first=True, enforce_sorted=False)
        out_BTS, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x_BTD.shape[1])
        return out_BTS


class UnpackedBiLstm(nn.Module):
    """The same function as one of these, made of what can be exported: two plain LSTMs, the second run backwards.

    Args:
        packed: Whose weights it takes.
    """

    def __init__(self, packed: MaskedBiLstm) -> None:
        super().__init__()
        both = packed.lstm
        self.forwards, self.backwards = (
            nn.LSTM(both.input_size, both.hidden_size, batch_first=True) for _ in range(2)
        )
        for lstm, ending in ((self.forwards, ""), (self.backwards, "_reverse")):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            lstm.load_state_dict({name: getattr(both, name + ending).detach() for name in names})

    def forward(self, x_BTD: Tensor, there_BT: Tensor) -> Tensor:
        """Runs both directions; `there_BT` as above."""
        places_T = torch.arange(x_BTD.shape[1], device=x_BTD.device)
        # Each sequence turned round within its own length; what follows stays behind it.
        turned_BT = torch.where(there_BT, there_BT.sum(dim=1, keepdim=True) - 1 - places_T, places_T)
        behind_BTS = _gathered(self.backwards(_gathered(x_BTD, turned_BT))[0], turned_BT)
        out_BTS = torch.cat([self.forwards(x_BTD)[0], behind_BTS], dim=-1)
        return out_BTS * there_BT[..., None].to(out_BTS.dtype)


def _gathered(x_BTD: Tensor, places_BT: Tensor) -> Tensor:
    """Frames in another order."""
    return x_BTD.gather(1, places_BT[..., None].expand(-1, -1, x_BTD.shape[-1]))


def masked_mean(x_BTD: Tensor, there_BT: Tensor) -> Tensor:
    """Mean over the frames that are there, (B, D).

    >>> import torch
    >>> masked_mean(torch.tensor([[[1.0], [3.0], [50.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    there_BT1 = there_BT[..., None].to(x_BTD.dtype)
    return (x_BTD * there_BT1).sum(dim=1) / there_BT1.sum(dim=1).clamp_min(1)
