"""Scores one chunk of a long video.

    decode, look at clips (needs nothing of the chunk before)   ->   its state   ->   judge   ->   write, hand on

What is decoded is compared with what packets promised, and the first frames with those that the chunk before decoded.
Where anything differs, the video is broken: it is scored as a whole instead.

Letters: T frames of a clip, C channels, H height, W width.
"""

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from normalcy.archive import places
from normalcy.archive.cutting import BATCH_CLIPS, ChunkPlan
from normalcy.archive.detector import Detector
from normalcy.archive.handover import NotHandedOver
from normalcy.archive.items import ChunkItem, IsBroken, WasScored
from normalcy.archive.judging import Broken, Judge, StateBefore, require_unbroken, without_map
from normalcy.archive.media import opened
from normalcy.archive.store import Store
from normalcy.archive.tables import events_file, scores_file
from normalcy.errors import VideoError
from normalcy.scoring.model import Found
from normalcy.scoring.stamp_window import ClipStamps
from normalcy.scoring.types import ClipScores, UInt8Array
from normalcy.scoring.window import stacked
from normalcy.video.stretch import NotAsSurveyed, Stretch


def score_chunk(
    item: ChunkItem, detector: Detector, store: Store, *, wait_seconds: float
) -> WasScored | IsBroken:
    """Scores a chunk, writes its rows and hands its state on.

    Args:
        item: Which.
        detector: What scores.
        store: Where rows and states lie.
        wait_seconds: How long the chunk before may take at least after this one has looked at its clips.

    Raises:
        OutputError: Something cannot be written.
    """
    try:
        require_unbroken(item, store)
        return WasScored(_scored(item, detector, store, wait_seconds))
    except (Broken, NotAsSurveyed, NotHandedOver, VideoError) as error:
        why = " ".join(str(error).split())
        store.put(places.broken(item.video), json.dumps({"why": why}).encode())
        return IsBroken(why)


def _scored(item: ChunkItem, detector: Detector, store: Store, wait_seconds: float) -> dict[str, Any]:
    started, video, number = time.monotonic(), item.video, item.number
    data = store.get(places.plan(video, number))
    if data is None:
        raise Broken("its plan is gone")
    plan = ChunkPlan.from_bytes(data)
    own, following = _Witness(plan.first, plan.own_witnesses), _Witness(*plan.next_witnesses)
    track, camera = detector.track(video.name), detector.model.camera(video.name)
    before = StateBefore(plan, item, store, track=track, camera=camera, wait_seconds=wait_seconds)
    judge = Judge(before)
    with closing(_looks(plan, item, detector, (own, following))) as looks:
        for found in looks:
            judge.take(found, own.digest())
    after = judge.finish(own.digest(), to_end=plan.to_end)
    store.put(places.part("scores", video, number), scores_file(judge.verdicts))
    if judge.events:
        store.put(places.part("events", video, number), events_file(judge.events))
    if not plan.to_end:
        store.put(places.state(video, number), replace(after, witness=following.digest()).to_bytes())
    row = {
        "frames": len(judge.verdicts),
        "events": len(judge.events),
        "seconds_taken": time.monotonic() - started - before.waited_seconds,
        "seconds_waited": before.waited_seconds,
    }
    store.put(places.done(video, number), json.dumps(row).encode())
    return row


def _looks(
    plan: ChunkPlan, item: ChunkItem, detector: Detector, witnesses: "tuple[_Witness, ...]"
) -> Generator[list[tuple[ClipStamps, Found]]]:
    """Decodes, and infers in the batches that scoring in one go would make; the first has all of the first frames."""
    batch: list[tuple[ClipStamps, UInt8Array]] = []
    for each in _clips(plan, item, detector, witnesses):
        batch.append(each)
        if len(batch) == BATCH_CLIPS:
            yield list(_inferred(batch, detector))
            batch = []
    if batch:
        yield list(_inferred(batch, detector))


def _inferred(
    batch: list[tuple[ClipStamps, UInt8Array]], detector: Detector
) -> Iterator[tuple[ClipStamps, Found]]:
    found = detector.model.infer([clip_TCHW for _, clip_TCHW in batch])
    for (stamps, _), each in zip(batch, found, strict=True):
        yield stamps, without_map(each) if isinstance(each, ClipScores) else each


def _clips(
    plan: ChunkPlan, item: ChunkItem, detector: Detector, witnesses: "tuple[_Witness, ...]"
) -> Iterator[tuple[ClipStamps, UInt8Array]]:
    """Clips as their last frame is decoded; reads on to the plan's end."""
    wanted = set(plan.clip_KT.ravel().tolist())
    clips = plan.clips()
    following = next(clips, None)
    images: dict[int, UInt8Array] = {}
    with opened(item.video) as source:
        seek = None if plan.from_start else plan.seek
        ticks = plan.ticks_N.tolist()
        stretch = Stretch(source, detector.options, seek=seek, ticks=ticks, to_end=plan.to_end)
        with closing(stretch):
            for place, picture in enumerate(stretch.pictures(), start=plan.first):
                seen = [witness for witness in witnesses if witness.wants(place)]
                if place in wanted or seen:
                    images[place] = stretch.image(picture)
                for witness in seen:
                    witness.add(images[place])
                while following and following.stamps[-1].index == place:
                    yield following, stacked([images[stamp.index] for stamp in following.stamps])
                    _forget(images, before=following.stamps[0].index)
                    following = next(clips, None)
    assert following is None


def _forget(images: dict[int, UInt8Array], *, before: int) -> None:
    for place in [place for place in images if place < before]:
        del images[place]


class _Witness:
    """Digest of some neighbouring frames as they were decoded."""

    def __init__(self, first: int, count: int) -> None:
        self._places, self._hash = range(first, first + count), hashlib.sha256()

    def wants(self, place: int) -> bool:
        """Whether it is one of the frames."""
        return place in self._places

    def add(self, image_HWC: UInt8Array) -> None:
        """The next of them."""
        self._hash.update(image_HWC.tobytes())

    def digest(self) -> str:
        """Of all that were added."""
        return self._hash.hexdigest()
