"""A bundle calibrated anew, on normal video of another scene; what it learned stays as it is."""

from dataclasses import replace

from normalcy.errors import ConfigError
from normalcy.methods import method_definition
from normalcy.progress import Progress
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import TorchModel
from normalcy.training.calibrate import calibrate, normal_parts
from normalcy.training.card import model_card
from normalcy.training.config import DataConfig
from normalcy.training.data import load_normal_footage


def recalibrated(bundle: Bundle, data: DataConfig, *, progress: Progress | None = None) -> Bundle:
    """The same detector with the calibration, and the usual range of each term, of other normal video.

    All of that video counts: nothing was fitted on it.

    Args:
        bundle: What was fitted.
        data: Where the other normal video is.
        progress: Called with what is being done, how much is done and how much there is.

    Raises:
        ConfigError: The bundle tells classes apart.
        DatasetIncomplete, CalibrationError: There is too little normal video.
    """
    header = bundle.header
    if method_definition(header.method).training == "classify":
        raise ConfigError(f"{header.method} is calibrated on labelled videos", hint="Fit it again")
    method = bundle.method().eval()
    footage = load_normal_footage(data, spec=method.clip, seed=header.fit.seed, progress=progress)
    spans = (*footage.fitted, *footage.held_out)
    if method.fuses_parts:
        parts = normal_parts([(TorchModel(method), spans)], settings=header.scoring, progress=progress)
        seconds = sum(len(span) / span.frames_per_second for span in spans)
        method.observe_parts(parts, seconds=seconds)
    result = calibrate([(TorchModel(method), spans)], settings=header.scoring, progress=progress)
    frames = sum(len(span) for span in spans)
    line = f"calibrated on {frames:,} frames of {data.name}"
    header = header.model_copy(
        update={
            "frames_per_second": result.frames_per_second,
            "map_scale": result.map_scale,
            "usual_parts": result.usual_parts,
            "fit": header.fit.model_copy(update={"amendments": (*header.fit.amendments, line)}),
        }
    )
    weights = {name: tensor.detach().cpu() for name, tensor in method.state_dict().items()}
    card = model_card(header, result.calibration, fuses_parts=method.fuses_parts)
    return replace(bundle, header=header, calibration=result.calibration, weights=weights, card=card)
