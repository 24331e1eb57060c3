"""The fallback decoder: cv2.VideoCapture, for what PyAV cannot open."""

import os
from collections.abc import Iterator

import av

# The reason has been told already; FFmpeg inside OpenCV would print it once more. Read when a capture is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

from normalcy.errors import UnreadableVideo
from normalcy.video._sources import Source
from normalcy.video._timeline import Timeline
from normalcy.video.contract import DEFAULT_FPS, Decoded, ReadOptions, Tally, VideoInfo
