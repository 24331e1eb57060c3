"""A person's looks, and the solids of a body in a pose; lengths in metres."""

from dataclasses import dataclass
from typing import Literal

from normalcy.datasets.walkway.pose import SKULL, Moment, Pose, gait_pose
from normalcy.datasets.walkway.shapes import Color, Solid, Spot, ball, limb, shade

# Solids of the trunk are drawn over the legs, and the head over the trunk, though their depths are the same.
_TRUNK_LIFT, _HEAD_LIFT, _ARM_LIFT = 0.20, 0.22, 0.12


@dataclass(frozen=True)
class Look:
    """Height, build, clothes and colours."""

    height_m: float
    girth: float
    skin: Color
    hair: Color
    top: Color
    bottom: Color
    shoes: Color
    bag: Color
    long_sleeves: bool = True
    hair_style: Literal["short", "long", "hat"] = "short"
    garment: Literal["trousers", "coat", "skirt"] = "trousers"
    carries: Literal["nothing", "backpack", "handbag"] = "nothing"


@dataclass(frozen=True)
class Pedestrian:
    """Somebody on foot."""

    look: Look

    def solids(self, moment: Moment) -> list[Solid]:
        """The body at a moment."""
        return dressed(self.look, gait_pose(self.look.height_m, moment))


def dressed(look: Look, pose: Pose) -> list[Solid]:
    """Solids of a clothed body in a pose."""
    return [
        *_legs(look, pose),
        *_trunk(look, pose),
        *_head(look, pose),
        *_arms(look, pose),
        *_baggage(look, pose),
    ]


def _legs(look: Look, pose: Pose) -> list[Solid]:
    h, solids = look.height_m, []
    cloth = look.skin if look.garment == "skirt" else look.bottom
    width = h * look.girth * (0.8 if look.garment == "skirt" else 1.0)
    for hip, knee, ankle, toe in zip(pose.hips, pose.knees, pose.ankles, pose.toes, strict=True):
        solids.append(limb(hip, knee, 0.054 * width, 0.036 * width, cloth))
        solids.append(limb(knee, ankle, 0.036 * width, 0.024 * width, cloth))
        solids.append(limb(_lowered(ankle, 0.012 * h), toe, 0.020 * h, 0.016 * h, look.shoes))
    return solids


def _trunk(look: Look, pose: Pose) -> list[Solid]:
    h, g = look.height_m, look.girth
    chest = tuple(_between(shoulder, pose.neck, 0.22) for shoulder in pose.shoulders)
    radii = (0.050 * h * g,) * 2 + (0.056 * h * g,) * 2
    solids = [Solid((*chest, *pose.hips), radii, look.top, _TRUNK_LIFT)]
    if look.garment != "trousers":
        # A coat hangs to the middle of the thighs, a skirt to the knees.
        length, color = (0.62, look.top) if look.garment == "coat" else (0.92, look.bottom)
        hem = tuple(_between(hip, knee, length) for hip, knee in zip(pose.hips, pose.knees, strict=True))
        hem_radii = (0.058 * h * g,) * 2 + (0.062 * h * g,) * 2
        solids.append(Solid((*pose.hips, *hem), hem_radii, color, _TRUNK_LIFT - 0.01))
    return solids


def _head(look: Look, pose: Pose) -> list[Solid]:
    r, (f, s, u) = SKULL * look.height_m, pose.head
    up_f, up_u = _unit(pose.neck, pose.head)

    def place(ahead: float, above: float) -> Spot:
        """A spot on the head, in radii ahead of its centre and above it."""
        return f + r * (ahead * up_u + above * up_f), s, u + r * (above * up_u - ahead * up_f)

    solids = [
        limb(pose.neck, pose.head, 0.45 * r, 0.45 * r, look.skin, lift=_TRUNK_LIFT),
        ball(place(0.05, -0.05), 0.90 * r, look.skin, lift=_HEAD_LIFT),
        Solid((place(-0.42, 0.05), place(-0.20, 0.45)), (0.68 * r, 0.70 * r), look.hair, _HEAD_LIFT + 0.01),
    ]
    color = look.bag if look.hair_style == "hat" else look.hair
    cap = Solid((place(-0.25, 0.55), place(0.35, 0.58)), (0.62 * r, 0.50 * r), color, _HEAD_LIFT + 0.02)
    if look.hair_style == "hat":
        solids.append(
            limb(place(0.4, 0.35), place(1.35, 0.25), 0.22 * r, 0.14 * r, color, lift=_HEAD_LIFT + 0.03)
        )
    if look.hair_style == "long":
        solids.append(
            limb(place(-0.55, 0.2), place(-0.7, -1.4), 0.6 * r, 0.4 * r, look.hair, lift=_HEAD_LIFT - 0.005)
        )
    return [*solids, cap]


def _arms(look: Look, pose: Pose) -> list[Solid]:
    h, solids = look.height_m, []
    width, fore = h * look.girth, look.top if look.long_sleeves else look.skin
    for shoulder, elbow, hand in zip(pose.shoulders, pose.elbows, pose.hands, strict=True):
        sleeve = shade(look.top, 0.93)
        solids.append(
            limb(_lowered(shoulder, 0.02 * h), elbow, 0.036 * width, 0.028 * width, sleeve, lift=_ARM_LIFT)
        )
        solids.append(limb(elbow, hand, 0.027 * width, 0.020 * width, shade(fore, 0.93), lift=_ARM_LIFT))
        solids.append(ball(hand, 0.024 * h, look.skin, lift=_ARM_LIFT))
    return solids


def _baggage(look: Look, pose: Pose) -> list[Solid]:
    h = look.height_m
    if look.carries == "backpack":
        up_f, up_u = _unit(pose.hips[0], pose.shoulders[0])
        f, s, u = _between(pose.hips[0], pose.shoulders[0], 0.85)
        high = (f - 0.085 * h * up_u, 0.0, u + 0.085 * h * up_f)
        low = (high[0] - 0.17 * h * up_f, 0.0, high[2] - 0.17 * h * up_u)
        return [limb(high, low, 0.050 * h, 0.060 * h, look.bag, lift=_TRUNK_LIFT - 0.02)]
    if look.carries == "handbag":
        f, s, u = pose.hands[1]
        low, high = (f - 0.06 * h, s - 0.015, u - 0.17 * h), (f + 0.06 * h, s + 0.015, u - 0.09 * h)
        strap = limb(
            (f, s, u), (f, s, u - 0.08 * h), 0.008 * h, 0.008 * h, shade(look.bag, 0.7), lift=_ARM_LIFT
        )
        bag = Solid(
            (low, (low[0], s, high[2]), (high[0], s, low[2]), high), (0.02 * h,) * 4, look.bag, _ARM_LIFT
        )
        return [strap, bag]
    return []


def _between(a: Spot, b: Spot, part: float) -> Spot:
    return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]), a[2] + part * (b[2] - a[2])


def _lowered(spot: Spot, by_m: float) -> Spot:
    return spot[0], spot[1], spot[2] - by_m


def _unit(a: Spot, b: Spot) -> tuple[float, float]:
    """Direction from a to b in the forward-up plane."""
    length = max(1e-6, ((b[0] - a[0]) ** 2 + (b[2] - a[2]) ** 2) ** 0.5)
    return (b[0] - a[0]) / length, (b[2] - a[2]) / length
