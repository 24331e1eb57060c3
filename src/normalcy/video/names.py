"""What a source is called where a file or a camera is named after it."""

import re
from pathlib import Path

from normalcy.video.urls import HIDDEN, as_url, redact

LONGEST_STEM = 100


def video_stem(source: str) -> str:
    """Name of a source for a file; of a URL, without anything secret.

    >>> video_stem("footage/monday.mp4"), video_stem("rtsp://admin:secret@door.local:554/live?channel=2")
    ('monday', 'door.local_554_live_channel_2')
    """
    is_url = as_url(source) is not None
    name = redact(source).partition("://")[2].replace(HIDDEN, "") if is_url else Path(source).absolute().name
    name = re.sub(r"\.\w{2,4}$", "", name)
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:LONGEST_STEM] or "video"
