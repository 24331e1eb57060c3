"""Scores one chunk of a long video.

    decode, look at clips (needs nothing of the chunk before)   ->   wait for its state   ->   judge, write, hand on

What is decoded is compared with what packets promised, and the first frames with those that the chunk before decoded.
Where anything differs, the video is broken: it is scored as a whole instead.

Letters: T frames of a clip, C channels, H height, W width.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from normalcy.archive import places
from normalcy.archive.cutting import BATCH_CLIPS, ChunkPlan
from normalcy.archive.detector import Detector
from normalcy.archive.handover import Handover, NotHandedOver
from normalcy.archive.items import ChunkItem, IsBroken, WasScored
from normalcy.archive.media import opened
from normalcy.archive.store import Store
from normalcy.archive.tables import events_file, scores_file
from normalcy.errors import VideoError
from normalcy.scoring.model import Found
from normalcy.scoring.pipeline import clip_scores
from normalcy.scoring.stamp_window import ClipStamps
from normalcy.scoring.types import Clip, ClipScores, Event, FrameScore, UInt8Array
from normalcy.scoring.window import stacked
from normalcy.video.stretch import NotAsSurveyed, Stretch

_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.02, 1.0
_NO_CLIP = np.zeros((0, 0, 0, 0), np.uint8)


class Broken(Exception):
    """The video cannot be scored in chunks."""


def score_chunk(
    item: ChunkItem, detector: Detector, store: Store, *, wait_seconds: float
) -> WasScored | IsBroken:
    """Scores a chunk, writes its rows and hands its state on.

    Args:
        item: Which.
        detector: What scores.
        store: Where rows and states lie.
        wait_seconds: How long the chunk before may take after this one has looked at its clips.

    Raises:
        OutputError: Something cannot be written.
    """
    try:
        _require_unbroken(item, store)
        return WasScored(_scored(item, detector, store, wait_seconds))
    except (Broken, NotAsSurveyed, NotHandedOver, VideoError) as error:
        why = " ".join(str(error).split())
        store.put(places.broken(item.video), json.dumps({"why": why}).encode())
        return IsBroken(why)


def _require_unbroken(item: ChunkItem, store: Store) -> None:
    if found := store.get(places.broken(item.video)):
        raise Broken(json.loads(found)["why"])


def _scored(item: ChunkItem, detector: Detector, store: Store, wait_seconds: float) -> dict[str, Any]:
    started, video, number = time.monotonic(), item.video, item.number
    data = store.get(places.plan(video, number))
    if data is None:
        raise Broken("its plan is gone")
    plan = ChunkPlan.from_bytes(data)
    looks = _look(plan, item, detector)
    looked = time.monotonic()
    before = _before(plan, item, detector, store, looks.own_witness, wait_seconds)
    waited = time.monotonic() - looked
    verdicts, events = _judge(looks, before)
    if plan.to_end:
        events += before.track.flush()
    store.put(places.part("scores", video, number), scores_file(verdicts))
    if events:
        store.put(places.part("events", video, number), events_file(events))
    if not plan.to_end:
        after = replace(before, witness=looks.next_witness)
        store.put(places.state(video, number), after.to_bytes())
    row = {
        "frames": len(verdicts),
        "events": len(events),
        "seconds_taken": time.monotonic() - started - waited,
        "seconds_waited": waited,
    }
    store.put(places.done(video, number), json.dumps(row).encode())
    return row


@dataclass
class _Looks:
    """What a chunk shows, before anything is known of what was before.

    Attributes:
        found: Clips in order, and what the model finds in each.
        own_witness, next_witness: Digests of the first frames of this chunk, and of the next.
    """

    found: list[tuple[ClipStamps, Found]] = field(default_factory=list)
    own_witness: str = ""
    next_witness: str = ""


def _look(plan: ChunkPlan, item: ChunkItem, detector: Detector) -> _Looks:
    """Decodes, and infers in the batches that scoring in one go would make."""
    looks, batch = _Looks(), list[tuple[ClipStamps, UInt8Array]]()
    own = _Witness(plan.first, plan.own_witnesses)
    following = _Witness(*plan.next_witnesses)
    for stamps, clip_TCHW in _clips(plan, item, detector, (own, following)):
        batch.append((stamps, clip_TCHW))
        if len(batch) == BATCH_CLIPS:
            looks.found += _inferred(batch, detector)
            batch = []
    looks.found += _inferred(batch, detector)
    looks.own_witness, looks.next_witness = own.digest(), following.digest()
    return looks


def _inferred(
    batch: list[tuple[ClipStamps, UInt8Array]], detector: Detector
) -> Iterator[tuple[ClipStamps, Found]]:
    found = detector.model.infer([clip_TCHW for _, clip_TCHW in batch]) if batch else ()
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


def _before(
    plan: ChunkPlan, item: ChunkItem, detector: Detector, store: Store, witness: str, wait_seconds: float
) -> Handover:
    """The state that the chunk before left; a new one for the first."""
    name = item.video.name
    track, camera = detector.track(name), detector.model.camera(name)
    if plan.from_start:
        return Handover(track, camera, "")
    data = _awaited(item, store, wait_seconds)
    found = Handover.from_bytes(data, track=track, camera=camera)
    if found.witness != witness:
        raise Broken(f"frame {plan.first} and those after it are decoded differently from a key frame on")
    return found


def _awaited(item: ChunkItem, store: Store, wait_seconds: float) -> bytes:
    """What the chunk before wrote, once it has."""
    path, pause = places.state(item.video, item.number - 1), _POLL_SECONDS
    end = time.monotonic() + wait_seconds
    while (data := store.get(path)) is None:
        _require_unbroken(item, store)
        if time.monotonic() > end:
            raise Broken(f"chunk {item.number} waited {wait_seconds:g} s for the one before")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
    return data


def _judge(looks: _Looks, state: Handover) -> tuple[list[FrameScore], list[Event]]:
    """Verdicts and events of all clips; the state goes along."""
    verdicts, events = list[FrameScore](), list[Event]()
    for stamps, found in looks.found:
        clip = Clip(_NO_CLIP, stamps.stamps, stamps.due, "")
        scores = without_map(clip_scores(found, clip=clip, camera=state.camera))
        update = state.track.update(clip, scores)
        verdicts += update.frames
        events += update.events
    return verdicts, events


def without_map(scores: ClipScores) -> ClipScores:
    """No table holds maps, and a minute of them is large."""
    return replace(scores, map_THW=np.zeros((len(scores.score_T), 0, 0), np.float32))
