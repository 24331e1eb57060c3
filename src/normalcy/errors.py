"""Every error and warning that normalcy raises for a reason a user can mend.

NormalcyError                      exit code 1
├── ConfigError                    2   a setting that is unknown, of the wrong type or out of range
├── InputError                     3   what was given to read
│   ├── VideoError
│   │   ├── UnreadableVideo            nothing in it can be decoded
│   │   ├── VideoTimeout               a URL did not open, or stopped sending
│   │   └── VideoTooShort              fewer frames than the method needs
│   ├── FrameShapeError                a frame whose shape is not what the method was fitted on
│   ├── DatasetError
│   │   ├── DatasetIncomplete          files of a benchmark are missing
│   │   └── LabelError                 labels that do not fit the video
│   ├── BundleError                    not a bundle, damaged, or of another version
│   └── live: UnknownEvent             there is no such event, or it is gone
├── OutputError                    4   what was to be written
│   ├── RunFolderBusy                  another process writes there
│   ├── RunFolderExists                it holds another run
│   ├── DiskFull
│   └── live: StoreError               the event store is locked, full, gone or damaged
├── TrainingError                  5
│   └── NonFiniteLoss                  a NaN or infinity stopped the training
├── CalibrationError               6   not enough normal video to calibrate on
├── MissingPackage                 7   something that is installed only on demand
└── live: EngineFailed, DeliveryError  a stage died too often; a message did not arrive

NormalcyWarning(UserWarning)       what was done goes on, but the user should know
├── DamagedVideoWarning                part of a video could not be decoded
├── ResolutionChangedWarning           frames changed size half-way and were scaled
├── FallbackWarning                    a second-choice way was taken
├── SkippedVideoWarning                a video was left out
├── FrameRateWarning                   a video runs at another rate than the detector was fitted at
├── CollapseWarning                    one player of an adversarial training gave up
└── ShortCalibrationWarning            a rate reaches beyond what was observed

What is marked `live:` stands in the rooms of the live engine. Each message says what, where and how to mend it.
"""


class NormalcyError(Exception):
    """A mistake that the user can mend, in one line.

    Args:
        what: What went wrong, with the offending value.
        where: The file, setting or video it happened in.
        hint: What to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: object = "", hint: str = "") -> None:
        self.what, self.where, self.hint = what, str(where), hint
        head = f"{self.where}: {what}" if self.where else what
        super().__init__(f"{head}. {hint}" if hint else head)


class ConfigError(NormalcyError):
    """A setting that is unknown, of the wrong type or out of range."""

    exit_code = 2


class InputError(NormalcyError):
    """What was given to read cannot be used."""

    exit_code = 3


class VideoError(InputError):
    """A video, folder of pictures, camera or stream cannot be used."""


class UnreadableVideo(VideoError):
    """Nothing in it can be decoded."""


class VideoTimeout(VideoError):
    """A URL did not open in time, or stopped sending."""


class VideoTooShort(VideoError):
    """Fewer frames than the method needs."""


class FrameShapeError(InputError):
    """A frame whose shape is not what the method was fitted on."""


class DatasetError(InputError):
    """A dataset folder cannot be used."""


class DatasetIncomplete(DatasetError):
    """Files of a benchmark are missing."""


class LabelError(DatasetError):
    """Labels that do not fit the video."""


class BundleError(InputError):
    """Not a bundle, damaged, or of another version."""


class OutputError(NormalcyError):
    """What was to be written could not be."""

    exit_code = 4


class RunFolderBusy(OutputError):
    """Another process is writing in this run folder."""


class RunFolderExists(OutputError):
    """The run folder holds another run."""


class DiskFull(OutputError):
    """The disk has no room left."""


class TrainingError(NormalcyError):
    """Training cannot go on."""

    exit_code = 5


class NonFiniteLoss(TrainingError):
    """A NaN or infinity stopped the training; the last good checkpoint is kept."""


class CalibrationError(NormalcyError):
    """Not enough normal video to calibrate on."""

    exit_code = 6


class MissingPackage(NormalcyError):
    """Something that is needed for this alone is not installed."""

    exit_code = 7


class NormalcyWarning(UserWarning):
    """What was asked for goes on, but the user should know."""


class DamagedVideoWarning(NormalcyWarning):
    """Part of a video could not be decoded; the readable frames were used."""


class ResolutionChangedWarning(NormalcyWarning):
    """Frames changed size half-way and were scaled to the first size."""


class FallbackWarning(NormalcyWarning):
    """A second-choice way was taken."""


class SkippedVideoWarning(NormalcyWarning):
    """A video was left out."""


class ShortCalibrationWarning(NormalcyWarning):
    """A false-alarm rate reaches beyond the time that was observed."""


class CollapseWarning(NormalcyWarning):
    """One player of an adversarial training gave up: the discriminator won, or the generator fell to one mode."""


class FrameRateWarning(NormalcyWarning):
    """A video runs at another rate than the detector was fitted at."""
