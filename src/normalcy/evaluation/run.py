"""Judging a bundle on the test videos of a dataset: one pass over the frames, everything computed on the way.

Letters: T frames of a video, H height, W width.
"""

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray, Dataset, LabelledVideo
from normalcy.errors import LabelError, NormalcyWarning, SkippedVideoWarning, UnreadableVideo, VideoTooShort
from normalcy.evaluation.pixel_metrics import PixelCriterion, PixelRoc
from normalcy.methods.contract import ClipSpec
from normalcy.scoring.bundle import Bundle
from normalcy.scoring.model import ScoringModel
from normalcy.scoring.pipeline import SourceScorer
from normalcy.scoring.record import ScoredVideo, as_columns
from normalcy.scoring.types import FrameScore
from normalcy.video.reader import ReadOptions, open_video

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
