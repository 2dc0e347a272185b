"""Puts a body into a movement: bone matrices from 23 points, its feet on the floor."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from chronopose.core.types import Floats
from chronopose.synth.body import Body, Shape
from chronopose.synth.puppet import (
    ANKLE_M,
    POINTS,
    TOE_M,
    Array,
    apply,
    basis,
    mix,
    point,
    swing,
    turn,
    unit,
)

__all__ = ["POINTS", "Ground", "bone_matrices"]

Ground = Literal["feet", "body", "air"]

X, Y, Z = np.eye(3)
SPINE_SHARES: Final = {"root": 0.0, "spine05": 0.15, "spine04": 0.4, "spine03": 0.7, "spine02": 1.0, "spine01": 1.0}
NECK_SHARES: Final = {"neck01": 0.3, "neck02": 0.5, "neck03": 0.75, "head": 1.0}
AIRBORNE_M: Final = 0.04
"""Feet nearer to the floor than this stand on it: differences of build make as much."""
SMOOTH: Final = 2.0
"""Width in instants of the filter on corrections of the root, which keeps them from shaking the body."""
FLAT_HAND_M: Final = 0.06
"""A wrist lower than this lays its hand flat."""
_SINKS_M: Final = 0.01
_TOUCHING: Final = 1000


def bone_matrices(
    body: Body,
    shape: Shape,
    points: NDArray[np.floating],
    reference: NDArray[np.floating],
    ground: Ground = "feet",
) -> Floats:
    """The bones of a person who moves as the points do.

    Only directions are taken from the points, so their skeleton may have any proportions; the way of the hips is
    scaled by the length of the legs.

    Args:
        body: the rig.
        shape: whose bones they are.
        points: (T, 23, 3) metres in the order of `POINTS`, y up, the floor at y = 0.
        reference: (2, 3) directions hips -> spine and spine -> neck of the points' skeleton when it stands upright and
            faces +z.
        ground: "feet" puts the lower sole where the points' lower foot is, on the floor or above it in a jump, and
            holds a planted foot in place; "body" puts the lowest part of the skin on the floor (lying, crawling);
            "air" leaves the height as it is (hanging), but above the floor.

    Returns:
        (T, B, 3, 4) float32, rest vertices of the shape -> world metres.
    """
    pose = _Posing(body, shape, np.asarray(points, dtype=np.float64))
    pose.trunk(np.asarray(reference, dtype=np.float64))
    for side in ("l", "r"):
        pose.arm(side)
        pose.leg(side)
    matrices = pose.matrices()
    matrices[..., 3] += _grounding(body, shape, matrices, pose, ground)[:, None]
    return matrices.astype(np.float32)


class _Posing:
    """The rotations of all bones while they are found, trunk first."""

    def __init__(self, body: Body, shape: Shape, points: Array) -> None:
        self.body = body
        self.rest = np.asarray(shape.heads, dtype=np.float64)
        self.tails = np.asarray(shape.tails, dtype=np.float64)
        self.points = points
        self.rotations = np.tile(np.eye(3), (len(points), len(body.bones), 1, 1))
        self.scale = self._legs_rest() / self._legs_points()

    def at(self, name: str) -> Array:
        return point(self.points, name)

    def joint(self, bone: str) -> Array:
        return np.asarray(self.rest[self.body.index(bone)], dtype=np.float64)

    def set(self, bone: str, rotations: Array) -> None:
        self.rotations[:, self.body.index(bone)] = rotations

    def get(self, bone: str) -> Array:
        return np.asarray(self.rotations[:, self.body.index(bone)], dtype=np.float64)

    def _legs_rest(self) -> float:
        hip, knee, ankle = (self.joint(bone + ".L") for bone in ("upperleg01", "lowerleg01", "foot"))
        return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee))

    def _legs_points(self) -> float:
        thighs = np.linalg.norm(self.at("lknee") - self.at("lhip"), axis=1)
        shins = np.linalg.norm(self.at("lankle") - self.at("lknee"), axis=1)
        return float((thighs + shins).mean())

    def trunk(self, reference: Array) -> None:
        hips = (self.at("lhip") + self.at("rhip")) / 2
        pelvis = turn(self.at("lhip") - self.at("rhip"), self.at("spine") - hips, X, reference[0])
        chest = turn(self.at("neck") - self.at("spine"), self.at("lsho") - self.at("rsho"), reference[1], X)
        head = turn(self.at("headtop") - self.at("head"), self.at("face") - self.at("head"), Y, Z)
        for bone, share in SPINE_SHARES.items():
            self.set(bone, mix(pelvis, chest, share))
        for bone, share in NECK_SHARES.items():
            self.set(bone, mix(chest, head, share))
        for end in "LR":
            self.set("pelvis." + end, pelvis)

    def arm(self, side: str) -> None:
        end = "." + side.upper()
        chest = self.get("spine01")
        shoulder, elbow, wrist = (self.joint(b + end) for b in ("upperarm01", "lowerarm01", "wrist"))
        at_rest = apply(chest, shoulder - self.joint("neck01"))
        # Sources place the neck differently, so only part of what the shoulder does is taken over.
        collar = swing(at_rest, unit(self.at(side + "sho") - self.at("neck")) + 0.5 * unit(at_rest)) @ chest
        self.set("clavicle" + end, collar)
        hint = np.tile(np.array([0, -0.3, -1.0]), (len(self.points), 1))
        limb = [self.at(side + name) for name in ("sho", "elb", "wri")]
        swung = swing(apply(collar, elbow - shoulder), limb[1] - limb[0]) @ collar
        upper = _hinged(limb, swung, apply(swung, hint), elbow - shoulder, hint[0])
        fore = swing(apply(upper, wrist - elbow), limb[2] - limb[1]) @ upper
        # The shoulder blade follows the arm a little, the upper half of the arm has half of its twist: otherwise the
        # skin of the shoulder collapses.
        self.set("shoulder01" + end, mix(collar, swung, 0.2))
        self.set("upperarm01" + end, mix(swung, upper, 0.5))
        self.set("upperarm02" + end, upper)
        hand_rest = apply(fore, self.tails[self.body.index("wrist" + end)] - wrist)
        # Half of the way, for the rig has no fingers and the sources' hand points are noisy; all of it on the floor.
        stiff = np.clip(self.at(side + "wri")[:, 1:2] / FLAT_HAND_M - 1, 0, 1)
        hand = swing(hand_rest, unit(self.at(side + "hand") - self.at(side + "wri")) + stiff * unit(hand_rest)) @ fore
        self.set("lowerarm01" + end, fore)
        self.set("lowerarm02" + end, fore)
        self.set("wrist" + end, hand)

    def leg(self, side: str) -> None:
        end = "." + side.upper()
        pelvis = self.get("root")
        hip, knee, ankle, toe = (self.joint(b + end) for b in ("upperleg01", "lowerleg01", "foot", "toes"))
        limb = [self.at(side + name) for name in ("hip", "knee", "ankle")]
        swung = swing(apply(pelvis, knee - hip), limb[1] - limb[0]) @ pelvis
        pointing = self.at(side + "toe") - limb[2]
        upper = _hinged(limb, swung, pointing, knee - hip, Z)
        lower = swing(apply(upper, ankle - knee), limb[2] - limb[1]) @ upper
        foot = swing(apply(lower, toe - ankle), pointing) @ lower
        self.set("upperleg01" + end, mix(swung, upper, 0.5))
        self.set("upperleg02" + end, upper)
        self.set("lowerleg01" + end, lower)
        self.set("lowerleg02" + end, lower)
        self.set("foot" + end, foot)
        self.set("toes" + end, foot)

    def matrices(self) -> Array:
        """(T, B, 3, 4) of the rotations, the hips where the scaled points have them."""
        hips_rest = (self.joint("upperleg01.L") + self.joint("upperleg01.R")) / 2
        hips = (self.at("lhip") + self.at("rhip")) / 2 * self.scale
        places = np.zeros((len(self.points), len(self.body.bones), 3))
        places[:, 0] = hips + apply(self.rotations[:, 0], self.rest[0] - hips_rest)
        for bone, parent in enumerate(self.body.parents):
            if parent >= 0:
                offset = self.rest[bone] - self.rest[parent]
                places[:, bone] = places[:, parent] + self.rotations[:, parent] @ offset
        moved = places - apply(self.rotations, self.rest[None])
        return np.concatenate([self.rotations, moved[..., None]], axis=-1)


def _hinged(limb: list[Array], swung: Array, fallback: Array, along: Array, hint: Array) -> Array:
    """(T, 3, 3) the upper half of a limb, twisted so that the lower half bends about the hinge.

    A straight limb does not say how it is twisted: there the twist passes smoothly from the bent instants before to
    those after, and is the fallback's where there are none.
    """
    start, middle, end = limb
    axis = unit(middle - start)
    bend = middle - (start + end) / 2
    length = np.linalg.norm(end - middle, axis=-1) + np.linalg.norm(middle - start, axis=-1)
    weight = np.clip((np.linalg.norm(bend, axis=-1) / length - 0.02) / 0.06, 0, 1)
    zero = apply(swung, hint)
    frame = basis(axis, zero)
    phases = []
    for towards in (bend, fallback):
        across = apply(np.swapaxes(frame, -1, -2), unit(towards - (towards * axis).sum(-1, keepdims=True) * axis))
        phases.append(across[:, 1] + 1j * across[:, 2])
    mixed = (weight * phases[0]).astype(np.complex128)
    around = gaussian_filter1d(mixed.real, 3 * SMOOTH) + 1j * gaussian_filter1d(mixed.imag, 3 * SMOOTH)
    twist = mixed + (1 - weight) * (around + 0.1 * phases[1])
    local = np.stack([np.zeros(len(axis)), twist.real, twist.imag], axis=-1)
    return turn(axis, apply(frame, local), along, hint)


def _grounding(body: Body, shape: Shape, matrices: Array, pose: _Posing, ground: Ground) -> Array:
    """(T, 3) what is added to the place of the whole body."""
    offset = np.zeros((len(matrices), 3))
    if ground != "feet":
        skin = np.unique(body.surfaces["skin"]).astype(np.intp)
        skin = skin[:: max(1, len(skin) // _TOUCHING)]
        lowest = body.skin(shape, matrices.astype(np.float32), skin)[..., 1].min(axis=1).astype(np.float64)
        # In the air the height is kept, as long as the whole clip is above the floor.
        offset[:, 1] = _level(-lowest) if ground == "body" else max(0.0, -float(lowest.min()))
        return offset
    clearances, lows, wrong, weights = [], [], [], []
    for side in "lr":
        end = "." + side.upper()
        foot = body.index("foot" + end)
        sole = _sole(body, shape, end)
        lows.append(body.skin(shape, matrices.astype(np.float32), sole)[..., 1].min(axis=1).astype(np.float64))
        ankle, toe = pose.at(side + "ankle"), pose.at(side + "toe")
        clearances.append(np.minimum(ankle[:, 1] - ANKLE_M, toe[:, 1] - TOE_M) * pose.scale)
        place = apply(matrices[:, foot, :, :3], pose.joint("foot" + end)[None]) + matrices[:, foot, :, 3]
        wrong.append(ankle * pose.scale - place)
        weights.append(np.exp(-np.maximum(clearances[-1], 0) / 0.03))
    clearance = np.min(clearances, axis=0)
    clearance = np.where(clearance > AIRBORNE_M, clearance - AIRBORNE_M, 0)
    offset[:, 1] = clearance - np.min(lows, axis=0)
    share = np.stack(weights)[..., None] + 1e-6
    offset[:, [0, 2]] = ((np.stack(wrong) * share).sum(0) / share.sum(0))[:, [0, 2]]
    offset[:, [0, 2]] = gaussian_filter1d(offset[:, [0, 2]], SMOOTH, axis=0, mode="nearest")
    offset[:, 1] = _level(offset[:, 1])
    return offset


def _level(rise: Array) -> Array:
    """A smooth height (T,) instead of `rise`, hardly ever lower than it."""
    smooth = gaussian_filter1d(rise, SMOOTH, mode="nearest")
    missing = np.maximum(rise - smooth - _SINKS_M, 0)
    return smooth + gaussian_filter1d(maximum_filter1d(missing, 5), 1.0, mode="nearest")


def _sole(body: Body, shape: Shape, end: str) -> NDArray[np.intp]:
    """Vertices of the skin under one foot, at most about fifty."""
    skin = np.unique(body.surfaces["skin"]).astype(np.intp)
    bones = [body.index("foot" + end), body.index("toes" + end)]
    mine = np.where(np.isin(body.skin_bones[skin], bones), body.skin_weights[skin], 0).sum(axis=1) > 0.5
    low = shape.vertices[skin, 1] < shape.floor_m + 0.03
    found = skin[mine & low]
    return np.asarray(found[:: max(1, len(found) // 50)], dtype=np.intp)
