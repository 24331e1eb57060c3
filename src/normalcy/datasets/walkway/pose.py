"""Poses: where a body's joints are, from the phase of the gait.

Poses are built from joint angles in the forward-up plane, in body heights. A leg's angle counts from straight down,
forward positive; its knee bends backward. An arm's angle likewise; its elbow bends forward. Pairs hold the left and
then the right side of the body. Segment lengths follow common anthropometric tables.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from normalcy.datasets.walkway.shapes import Spot

THIGH, SHANK, FOOT, SOLE = 0.245, 0.240, 0.098, 0.034
TRUNK, NECK, SKULL = 0.285, 0.045, 0.072
UPPER_ARM, FOREARM = 0.165, 0.175
HALF_HIPS, HALF_SHOULDERS = 0.046, 0.105
WALK_CYCLE, RUN_CYCLE = 0.80, 1.76

Joint = tuple[float, float]
Pair = tuple[Spot, Spot]


@dataclass(frozen=True)
class Moment:
    """What a figure does at one instant.

    Attributes:
        phase: Of the gait or of the pedals, radians.
        swing: 0 stands, 1 moves at full stride.
        run: 0 walks, 1 runs.
        recline: 0 is upright, 1 lies face down.
        buckle: How far knees and hips have given way, 0 to 1.
        idle_seconds: Time, for the small movements of somebody who stands.
        with_luggage: Whether the suitcase is at hand.
    """

    phase: float = 0.0
    swing: float = 0.0
    run: float = 0.0
    recline: float = 0.0
    buckle: float = 0.0
    idle_seconds: float = 0.0
    with_luggage: bool = False


class Pose(NamedTuple):
    """Joints as (forward, side, up) in metres; side counts to the left of the body."""

    hips: Pair
    knees: Pair
    ankles: Pair
    toes: Pair
    shoulders: Pair
    elbows: Pair
    hands: Pair
    neck: Spot
    head: Spot


def gait_pose(height_m: float, moment: Moment) -> Pose:
    """Standing, walking, running, falling or lying."""
    legs = [_leg(moment.phase + turn, moment) for turn in (0.0, math.pi)]
    lean = math.radians(3 + 9 * moment.run) * moment.swing + 0.5 * moment.buckle * (1 - moment.recline)
    arms = [_arm(moment.phase, lean, moment), _arm(moment.phase + math.pi, lean, _steady(moment))]
    shoulder = _along((0.0, 0.0), lean, TRUNK)
    neck = _along(shoulder, lean, NECK)
    head = _along(neck, lean * 0.5, SKULL * 0.95)
    flat = [(0.0, 0.0), shoulder, neck, head, *(joint for part in (*legs, *arms) for joint in part)]
    turned = _grounded([_reclined(joint, moment.recline) for joint in flat], flight=_flight(moment))
    return assembled(turned, height_m, splay=0.10 * moment.recline)


def seated(
    height_m: float,
    *,
    hip: Joint,
    lean: float,
    feet: tuple[Joint, Joint],
    grip: Joint,
    head_lean: float = 0.0,
) -> Pose:
    """Sitting at `hip` with both hands at `grip` and the ankles at `feet`, all in metres; `lean` in radians."""
    (hip_b, grip_b, *feet_b) = [(f / height_m, u / height_m) for f, u in (hip, grip, *feet)]
    shoulder = _along(hip_b, lean, TRUNK)
    neck = _along(shoulder, lean, NECK)
    head = _along(neck, head_lean, SKULL * 0.95)
    elbow = reach(shoulder, grip_b, UPPER_ARM, FOREARM, bend=-1)
    legs = [
        (reach(hip_b, foot, THIGH, SHANK, bend=1), foot, (foot[0] + FOOT, foot[1] - 0.01)) for foot in feet_b
    ]
    flat = [hip_b, shoulder, neck, head, *legs[0], *legs[1], elbow, grip_b, elbow, grip_b]
    return assembled(flat, height_m)


def reach(start: Joint, end: Joint, upper: float, lower: float, *, bend: float) -> Joint:
    """The middle joint of two segments between two points; `bend` +1 puts it ahead of the line down, -1 behind."""
    forward, up = end[0] - start[0], end[1] - start[1]
    distance = min(math.hypot(forward, up), 0.999 * (upper + lower))
    cosine = (upper**2 + distance**2 - lower**2) / (2 * upper * distance)
    angle = math.atan2(forward, -up) + bend * math.acos(max(-1.0, min(1.0, cosine)))
    return start[0] + upper * math.sin(angle), start[1] - upper * math.cos(angle)


def _leg(phase: float, moment: Moment) -> tuple[Joint, Joint, Joint]:
    run, swing = moment.run, moment.swing
    forward, back = math.cos(phase), max(0.0, -math.sin(phase + 0.45))
    hip = swing * (_mix(2, 12, run) + _mix(25, 40, run) * forward) + 62 * moment.buckle * (1 - moment.recline)
    knee = 4 + swing * (_mix(54, 104, run) * back**1.4 + _mix(9, 26, run) * max(0.0, math.sin(phase)) ** 2)
    knee += 95 * moment.buckle + 12 * moment.recline * (1 + forward)
    thigh, shank = math.radians(hip), math.radians(hip - knee)
    knee_joint = _down((0.0, 0.0), thigh, THIGH)
    ankle = _down(knee_joint, shank, SHANK)
    pitch = 0.75 * shank - 1.2 * moment.recline
    return knee_joint, ankle, (ankle[0] + FOOT * math.cos(pitch), ankle[1] + FOOT * math.sin(pitch))


def _arm(phase: float, lean: float, moment: Moment) -> tuple[Joint, Joint]:
    run, swing = moment.run, moment.swing
    shoulder = -swing * _mix(26, 52, run) * math.cos(phase) + 2 * math.sin(1.3 * moment.idle_seconds + phase)
    elbow = 10 + swing * _mix(14, 78, run) - swing * _mix(8, 14, run) * math.cos(phase)
    shoulder = _mix(shoulder, 90 + 15 * math.cos(phase), 0.8 * moment.buckle)
    shoulder = _mix(shoulder, 160 + 14 * math.cos(phase), moment.recline)
    elbow = _mix(elbow, 24, max(moment.recline, 0.8 * moment.buckle))
    start = _along((0.0, 0.0), lean, TRUNK - 0.02)
    upper, fore = math.radians(shoulder), math.radians(shoulder + elbow)
    elbow_joint = _down(start, upper, UPPER_ARM)
    return elbow_joint, _down(elbow_joint, fore, FOREARM)


def _steady(moment: Moment) -> Moment:
    """The moment of the arm that holds a suitcase: it hardly swings."""
    return replace(moment, swing=0.25 * moment.swing) if moment.with_luggage else moment


def _flight(moment: Moment) -> float:
    """Height of the jump between two steps of a run, in body heights."""
    return moment.run * moment.swing * 0.06 * abs(math.sin(moment.phase + 0.2))


def _grounded(joints: list[Joint], *, flight: float) -> list[Joint]:
    drop = min(up for _, up in joints) - SOLE - flight
    return [(forward, up - drop) for forward, up in joints]


def _reclined(joint: Joint, recline: float) -> Joint:
    """Turned forward about the spot below the hips."""
    angle, up = math.radians(87) * recline, joint[1] + THIGH + SHANK
    return (
        joint[0] * math.cos(angle) + up * math.sin(angle),
        -joint[0] * math.sin(angle) + up * math.cos(angle),
    )


def assembled(flat: list[Joint], height_m: float, *, splay: float = 0.0) -> Pose:
    """A pose from joints in body heights: hip, shoulder, neck, head, then legs and arms, left before right.

    Elbows, hands and feet are `splay` body heights further out than when standing.
    """
    hip, shoulder, neck, head, *rest = flat

    def spot(joint: Joint, side: float) -> Spot:
        return joint[0] * height_m, side * height_m, joint[1] * height_m

    def pair(left: Joint, right: Joint, side: float) -> Pair:
        return spot(left, side), spot(right, -side)

    knee_l, ankle_l, toe_l, knee_r, ankle_r, toe_r, elbow_l, hand_l, elbow_r, hand_r = rest
    return Pose(
        hips=pair(hip, hip, HALF_HIPS),
        knees=pair(knee_l, knee_r, HALF_HIPS),
        ankles=pair(ankle_l, ankle_r, HALF_HIPS * 0.9 + 0.5 * splay),
        toes=pair(toe_l, toe_r, HALF_HIPS * 1.1 + 0.6 * splay),
        shoulders=pair(shoulder, shoulder, HALF_SHOULDERS),
        elbows=pair(elbow_l, elbow_r, HALF_SHOULDERS * 1.15 + splay),
        hands=pair(hand_l, hand_r, HALF_SHOULDERS * 1.05 + splay),
        neck=spot(neck, 0.0),
        head=spot(head, 0.0),
    )


def _along(start: Joint, lean: float, length: float) -> Joint:
    return start[0] + length * math.sin(lean), start[1] + length * math.cos(lean)


def _down(start: Joint, angle: float, length: float) -> Joint:
    return start[0] + length * math.sin(angle), start[1] - length * math.cos(angle)


def _mix(a: float, b: float, part: float) -> float:
    return a + (b - a) * part
