"""Where the files of a video lie in the output."""

from normalcy.archive.listing import Video, folder_name
from normalcy.archive.store import WORK
from normalcy.archive.tables import part_name


def part(table: str, video: Video, number: int) -> str:
    """A part of a table."""
    return f"{table}/{video.folder}/{part_name(number)}"


def work(video: Video) -> str:
    """The folder of what a long video needs until it is done."""
    return f"{WORK}/video={folder_name(video.name)}"


def cut_record(video: Video) -> str:
    """How it was cut; written when all plans are."""
    return f"{work(video)}/cut.json"


def plan(video: Video, number: int) -> str:
    """What a chunk is to do."""
    return f"{work(video)}/plan-{number:05}.npz"


def state(video: Video, number: int) -> str:
    """What a chunk hands on."""
    return f"{work(video)}/state-{number:05}.pkl"


def done(video: Video, number: int) -> str:
    """Says that a chunk's rows are written."""
    return f"{work(video)}/done-{number:05}.json"


def broken(video: Video) -> str:
    """Says that the video cannot be scored in chunks, and why."""
    return f"{work(video)}/broken.json"
