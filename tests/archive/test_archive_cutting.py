"""Chunks are contiguous ranges of the clips that scoring in one go would make."""

import numpy as np
import pytest

from normalcy.archive.cutting import BATCH_CLIPS, ChunkPlan, cut
from normalcy.methods.contract import ClipSpec, FrameStamp
from normalcy.scoring.stamp_window import StampWindow
from normalcy.video.packets import PacketSurvey

SPECS = {
    "every frame": (ClipSpec(4, (2, 3), 1), 1),
    "hop": (ClipSpec(6, (2, 3), 1), 3),
    "hop longer than the clip": (ClipSpec(2, (2, 3), 1), 5),
    "stride": (ClipSpec(3, (2, 3), 1, stride_frames=2), 2),
    "last frame scored": (ClipSpec(5, (2, 3), 1, scored_frames=(4,)), 1),
    "spaced": (ClipSpec(3, (2, 3), 3, scored_frames=(1, 2), spacing_seconds=0.1), 2),
}


def survey(frames: int, *, fps: int = 25, gop: int = 20) -> PacketSurvey:
    place_N = np.arange(frames)
    keys_K = place_N[::gop]
    return PacketSurvey(fps, place_N * 512, place_N / fps, keys_K, keys_K * 512 - 1024)


def in_one_go(found: PacketSurvey, spec: ClipSpec, hop: int):
    window = StampWindow(spec, hop_frames=hop)
    stamps = [FrameStamp(place, seconds) for place, seconds in enumerate(found.seconds_N.tolist())]
    clips = [clip for stamp in stamps if (clip := window.push(stamp).clip)]
    last = window.flush()
    return [*clips, last] if last else clips


@pytest.mark.parametrize("name", list(SPECS))
@pytest.mark.parametrize("frames", [999, 1000, 1203])
def test_chunks_hold_each_clip_once_and_all_they_need(name, frames):
    spec, hop = SPECS[name]
    found = survey(frames)
    plans = [
        ChunkPlan.from_bytes(plan.to_bytes()) for plan in cut(found, spec, hop_frames=hop, chunk_seconds=10)
    ]
    assert len(plans) >= 3
    assert [clip for plan in plans for clip in plan.clips()] == in_one_go(found, spec, hop)
    for number, plan in enumerate(plans):
        last = plan.first + len(plan.ticks_N) - 1
        assert plan.clip_KT.min() >= plan.first
        assert max(plan.clip_KT.max(), plan.due_K.max()) <= last
        assert plan.ticks_N.tolist() == found.ticks_N[plan.first : last + 1].tolist()
        assert (plan.from_start, plan.to_end) == (number == 0, number == len(plans) - 1)
        if number < len(plans) - 1:
            following, (place, count) = plans[number + 1], plan.next_witnesses
            assert len(plan.clip_KT) % BATCH_CLIPS == 0
            assert (place, count) == (following.first, following.own_witnesses)
            assert count >= 2
            assert place + count - 1 <= last
    assert plans[-1].first + len(plans[-1].ticks_N) == frames


def test_a_chunk_is_sought_at_the_key_frame_before_it():
    spec, hop = SPECS["every frame"]
    found = survey(1000)
    for plan in cut(found, spec, hop_frames=hop, chunk_seconds=10)[1:]:
        key = int(np.searchsorted(found.seek_K, plan.seek))
        assert found.seek_K[key] == plan.seek
        assert 0 <= plan.first - found.keys_K[key] < 20


def test_no_chunk_is_much_shorter_than_asked_for():
    spec, hop = SPECS["every frame"]
    for frames in range(500, 900, 37):
        plans = cut(survey(frames), spec, hop_frames=hop, chunk_seconds=10)
        assert all(len(plan.due_K) > 110 for plan in plans)


def test_too_short_a_video_has_no_chunk():
    assert cut(survey(3), SPECS["every frame"][0], hop_frames=1, chunk_seconds=10) == []


def test_where_key_frames_are_rare_nothing_is_cut():
    spec, hop = SPECS["every frame"]
    assert len(cut(survey(3000, gop=700), spec, hop_frames=hop, chunk_seconds=10)) == 5
    assert cut(survey(3000, gop=1400), spec, hop_frames=hop, chunk_seconds=10) == []
    # Batches that take longer than chunks cannot be shorter.
    slow = ClipSpec(2, (2, 3), 1, stride_frames=200)
    assert len(cut(survey(6000), slow, hop_frames=200, chunk_seconds=10)) == 4
