"""A bidirectional LSTM that stops at the end of each sequence, and the mean over the frames that are there.

Sepp Hochreiter and Jürgen Schmidhuber, "Long Short-Term Memory", Neural Computation 1997; both directions: Mike
Schuster and Kuldip K. Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal Processing 1997.

Letters: B sequences, T frames, D values of a feature vector, S states of a direction.
"""

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


def masked_mean(x_BTD: Tensor, there_BT: Tensor) -> Tensor:
    """Mean over the frames that are there, (B, D).

    >>> import torch
    >>> masked_mean(torch.tensor([[[1.0], [3.0], [50.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    there_BT1 = there_BT[..., None].to(x_BTD.dtype)
    return (x_BTD * there_BT1).sum(dim=1) / there_BT1.sum(dim=1).clamp_min(1)
