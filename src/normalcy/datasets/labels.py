"""Frame labels: from intervals to vectors, checked against the video and pinned by checksum.

Letters: T frames of a video.

Inside normalcy an interval is half-open and counts from 0, like a slice: `(start, end)` labels the frames
start, start + 1, ..., end - 1. The benchmarks' own files count from 1 and include the last frame; the readers
here translate.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from normalcy.datasets.base import BoolArray
from normalcy.errors import LabelError

Interval = tuple[int, int]

_ASSIGNMENT = re.compile(r"TestVideoFile\s*\{\s*end\s*\+\s*1\s*\}\s*\.\s*gt_frame\s*=\s*\[([^\[\]]*)\]\s*;?")
_DECLARATION = re.compile(r"TestVideoFile\s*=\s*\{\s*\}\s*;?")
_RANGE = re.compile(r"(\d+)(?::(\d+))?")


def intervals_to_labels(intervals: Iterable[Interval], *, frame_count: int, where: object) -> BoolArray:
    """Labels of a video from its abnormal intervals.

    Args:
        intervals: Half-open, counted from 0; may overlap.
        frame_count: T.
        where: Named in errors.

    Returns:
        bool (T,), True where abnormal.

    Raises:
        LabelError: An interval is empty or leaves the video.

    Examples:
        >>> intervals_to_labels([(1, 3)], frame_count=4, where="doc").tolist()
        [False, True, True, False]
    """
    label_T = np.zeros(frame_count, dtype=np.bool_)
    for start, end in intervals:
        if not 0 <= start < end <= frame_count:
            raise LabelError(
                f"frames {start} to {end - 1} (counted from 0) do not fit a video of {frame_count} frames",
                where=where,
                hint="Check that the labels belong to this video and that none of its frames are missing",
            )
        label_T[start:end] = True
    return label_T


def parse_interval_file(text: str, *, where: object) -> list[list[Interval]]:
    """Abnormal intervals of each test video from the text of a UCSD `.m` file; nothing is executed.

    Only the two statements that these files consist of are understood:
    `TestVideoFile = {};` and `TestVideoFile{end+1}.gt_frame = [5:90, 140:200];`.

    Raises:
        LabelError: Any other statement, with its line.
    """
    videos: list[list[Interval]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("%", 1)[0].strip()
        place = f"{where}:{number}"
        if not line or _DECLARATION.fullmatch(line):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise LabelError(
                f"cannot read {line!r}",
                where=place,
                hint="Expected lines such as TestVideoFile{end+1}.gt_frame = [61:180];",
            )
        videos.append(_parse_ranges(match.group(1), where=place))
    return videos


def _parse_ranges(text: str, *, where: str) -> list[Interval]:
    """`5:90, 140:200` (from 1, last included) as half-open intervals from 0."""
    parts = re.split(r"[,;\s]+", re.sub(r"\s*:\s*", ":", text.strip()))
    return [_one_based(*_parse_range(part, where=where), where=where) for part in parts if part]


def _parse_range(part: str, *, where: str) -> Interval:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise LabelError(f"cannot read the range {part!r}", where=where, hint="Expected first:last")
    return int(match.group(1)), int(match.group(2) or match.group(1))


def _one_based(first: int, last: int, *, where: object) -> Interval:
    if not 1 <= first <= last:
        raise LabelError(f"frames {first} to {last} are not a range counted from 1", where=where)
    return first - 1, last


def read_interval_file(path: Path) -> list[list[Interval]]:
    """Abnormal intervals of each test video from a UCSD `.m` file."""
    return parse_interval_file(path.read_text(encoding="utf-8", errors="replace"), where=path)


def read_gt_mat(path: Path) -> list[list[Interval]]:
    """Abnormal intervals of each test video from a `.mat` file with a cell array `gt`.

    Each cell is (2, N): the first and the last abnormal frame of N intervals, counted from 1, last included.
    """
    return [
        _cell_intervals(cell, where=f"{path}, gt{{{number}}}")
        for number, cell in enumerate(load_mat_variable(path, "gt").ravel(), start=1)
    ]


def _cell_intervals(cell: npt.NDArray[np.generic], *, where: str) -> list[Interval]:
    bounds_2N = np.asarray(cell)
    if bounds_2N.size == 0:
        return []
    if bounds_2N.size == 2:
        bounds_2N = bounds_2N.reshape(2, 1)
    if bounds_2N.ndim != 2 or len(bounds_2N) != 2 or not np.issubdtype(bounds_2N.dtype, np.number):
        raise LabelError(f"expected numbers of shape (2, N), got {bounds_2N.dtype} {cell.shape}", where=where)
    return [_one_based(int(first), int(last), where=where) for first, last in bounds_2N.T]


def load_mat_variable(path: Path, name: str) -> npt.NDArray[np.object_]:
    """A variable of a MATLAB file (up to version 7); LabelError when it cannot be had."""
    import scipy.io  # takes longer to import than everything else here, and only some datasets need it

    try:
        content = scipy.io.loadmat(path, variable_names=[name])
    except NotImplementedError as error:
        raise LabelError(
            "is a MATLAB 7.3 file", where=path, hint="Save it with -v7 in MATLAB or Octave"
        ) from error
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise LabelError("cannot be read as a MATLAB file", where=path, hint="Download it again") from error
    if name not in content:
        raise LabelError(f"holds no variable {name!r}", where=path, hint="Is it the ground truth file?")
    variable: npt.NDArray[np.object_] = content[name]
    return variable


def require_length(label_T: BoolArray, *, frame_count: int, where: object) -> BoolArray:
    """The labels themselves, once their number is that of the video's frames; LabelError otherwise."""
    if len(label_T) != frame_count:
        raise LabelError(
            f"{len(label_T)} labels for a video of {frame_count} frames",
            where=where,
            hint="Check that the labels belong to this video and that none of its frames are missing",
        )
    return label_T


def find_disagreement(
    label_T: BoolArray, other_T: BoolArray, *, video: str, sources: tuple[str, str]
) -> str | None:
    """Where two label sources of one video first differ, in words; None where they agree."""
    if len(label_T) != len(other_T):
        counts = f"{len(label_T)} and {len(other_T)} frames"
        return f"video {video}: {sources[0]} and {sources[1]} label {counts}"
    differing = np.flatnonzero(label_T != other_T)
    if not len(differing):
        return None
    frame = int(differing[0])
    abnormal = sources[0] if label_T[frame] else sources[1]
    return (
        f"video {video}: {sources[0]} and {sources[1]} disagree on {len(differing)} frames, "
        f"the first is frame {frame} (counted from 0), abnormal only in {abnormal}"
    )


def label_checksum(labels: Sequence[BoolArray]) -> str:
    """SHA-256 of the labels of a whole test set: each video's length (8 bytes, little-endian), then its bits."""
    digest = hashlib.sha256()
    for label_T in labels:
        digest.update(len(label_T).to_bytes(8, "little"))
        digest.update(np.packbits(label_T).tobytes())
    return digest.hexdigest()
