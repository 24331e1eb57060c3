"""Losses of a predicted frame, and how good it is (Liu et al. 2018, arXiv 1712.09867). All compute in float32.

Means over pictures, channels and pixels take the place of the paper's sums, so that weights of errors hold for every
size; a flow in pixels grows with it. Both directions of a gradient are added, as there.

Letters: N pictures, C channels, H height, W width; h and w the discriminator's patches in a column and in a row.
"""

from torch import Tensor

PSNR_LIMIT_DB = 100.0

GUESSING_LOSS = 0.25
"""`discriminator_loss` of a discriminator that says 1/2 to everything."""


def intensity_loss(prediction_NCHW: Tensor, truth_NCHW: Tensor) -> Tensor:
    """Mean squared error."""
    return _error(prediction_NCHW, truth_NCHW).square().mean()


def gradient_loss(prediction_NCHW: Tensor, truth_NCHW: Tensor) -> Tensor:
    """Mean difference of |pixel - neighbour|, the sum of both directions.

    Only neighbours inside the picture count: (H - 1) * W differences down and H * (W - 1) across.
    """
    return gradient_difference(prediction_NCHW, truth_NCHW).mean()


def gradient_difference(prediction_NCHW: Tensor, truth_NCHW: Tensor) -> Tensor:
    """The same of each picture: (N,)."""
    pair = _comparable(prediction_NCHW, truth_NCHW)
    down, across = ([each.diff(dim=dim).abs() for each in pair] for dim in (2, 3))
    return _error(*down).abs().mean(dim=(1, 2, 3)) + _error(*across).abs().mean(dim=(1, 2, 3))


def flow_loss(prediction_N2HW: Tensor, truth_N2HW: Tensor) -> Tensor:
    """Mean absolute difference of two flows in pixels, over both components; the gradient reaches both."""
    return _error(prediction_N2HW, truth_N2HW).abs().mean()


def generator_loss(fake_Nhw: Tensor) -> Tensor:
    """Least squares (Mao et al. 2017, arXiv 1611.04076): what is generated should be called real.

    Args:
        fake_Nhw: The discriminator's probabilities for generated pictures.
    """
    return _squares(fake_Nhw, target=1)


def discriminator_loss(real_Nhw: Tensor, fake_Nhw: Tensor) -> Tensor:
    """Least squares: what is real should be called 1, what is generated 0; from the probabilities of each."""
    return _squares(real_Nhw, target=1) + _squares(fake_Nhw, target=0)


def psnr(prediction_NCHW: Tensor, truth_NCHW: Tensor, *, span: float) -> Tensor:
    """Peak signal-to-noise ratio of each picture, in dB: (N,).

    The paper's peak is the prediction's own maximum, which a brighter prediction raises; ours is the span.
    The mean squared error counts as (span / 100,000)² at least: equal pictures have 100 dB.

    Args:
        prediction_NCHW: Predicted pictures.
        truth_NCHW: The real ones.
        span: Largest minus smallest value that pictures can have: 2 for [-1, 1].
    """
    if span <= 0:
        raise ValueError(f"span is {span}, it must be above 0")
    error_N = (_error(prediction_NCHW, truth_NCHW) / span).square().mean(dim=(1, 2, 3))
    return -10 * error_N.clamp_min(10 ** (-PSNR_LIMIT_DB / 10)).log10()


def _squares(probability_Nhw: Tensor, *, target: int) -> Tensor:
    return (probability_Nhw.float() - target).square().mean() / 2


def _error(prediction: Tensor, truth: Tensor) -> Tensor:
    prediction, truth = _comparable(prediction, truth)
    return prediction - truth


def _comparable(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float32, of one shape: broadcasting would compare a grey picture with every channel of a coloured one."""
    if prediction.shape != truth.shape:
        shapes = f"prediction {tuple(prediction.shape)} and truth {tuple(truth.shape)}"
        raise ValueError(f"{shapes} differ in shape")
    return prediction.float(), truth.float()
