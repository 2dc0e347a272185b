"""Poses of one canonical adult of 23 points: made points, mirrored, blended, shaken."""

import itertools
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

POINTS: Final = (
    *("pelvis", "lhip", "lknee", "lankle", "ltoe", "rhip", "rknee", "rankle", "rtoe"),
    *("spine", "chest", "neck", "head", "headtop", "face"),
    *("lsho", "lelb", "lwri", "lhand", "rsho", "relb", "rwri", "rhand"),
)
MIRRORED: Final = np.array([POINTS.index({"l": "r", "r": "l"}[n[0]] + n[1:] if n[0] in "lr" else n) for n in POINTS])
FRAMES: Final = ("pelvis", "chest", "head")
LIMBS: Final = tuple(
    f"{side}_{part}" for side in "lr" for part in ("collar", "upper", "fore", "hand", "thigh", "shin", "foot")
)
SWAPPED: Final = np.array([(i + len(LIMBS) // 2) % len(LIMBS) for i in range(len(LIMBS))])
LENGTHS_M: Final = {
    "collar": 0.185,
    "upper": 0.29,
    "fore": 0.255,
    "hand": 0.10,
    "thigh": 0.43,
    "shin": 0.42,
    "foot": 0.145,
}
COLLAR: Final = np.array([0.985, -0.17, 0.0]) / np.hypot(0.985, 0.17)
HIP: Final = np.array([0.09, 0.0, 0.0])
LEG_M: Final = LENGTHS_M["thigh"] + LENGTHS_M["shin"]
ANKLE_M, TOE_M = 0.08, 0.02
REFERENCE: Final = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
SPINE: Final = np.array([0.0, 0.16, 0.0])
NECK: Final = np.array([0.0, 0.37, 0.0])
HEAD: Final = np.array([0.0, 0.13, 0.015])
HEADTOP: Final = np.array([0.0, 0.18, 0.0])
FACE: Final = np.array([0.0, 0.0, 0.10])
SIDES: Final = np.array([1.0, -1.0])
FLIP: Final = np.array([-1.0, 1.0, 1.0])


def point(points: NDArray[np.floating], name: str) -> Array:
    """(..., 3) of one of `POINTS` in (..., 23, 3)."""
    return np.asarray(points[..., POINTS.index(name), :], dtype=np.float64)


def unit(vectors: NDArray[np.floating]) -> Array:
    """Vectors (..., 3) at length one; a zero vector stays zero."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-12), dtype=np.float64)


def apply(matrices: Array, vectors: NDArray[np.floating]) -> Array:
    """Rotations (..., 3, 3) on vectors (..., 3)."""
    return np.asarray((matrices @ vectors[..., None])[..., 0], dtype=np.float64)


def basis(first: NDArray[np.floating], hint: NDArray[np.floating]) -> Array:
    """(..., 3, 3) orthonormal columns: along `first`, then the part of `hint` across it, then their cross product."""
    along = unit(first)
    across = hint - (hint * along).sum(-1, keepdims=True) * along
    # A hint along `first` says nothing; any fixed axis across it will do.
    spare = np.cross(along, np.where(np.abs(along[..., :1]) < 0.7, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    across = unit(np.where(np.linalg.norm(across, axis=-1, keepdims=True) > 1e-6, across, spare))
    return np.stack([along, across, np.cross(along, across)], axis=-1)


def turn(first: Array, hint: Array, rest_first: Array, rest_hint: Array) -> Array:
    """(..., 3, 3) the rotation of `rest_first` onto `first` that brings `rest_hint` nearest to `hint`."""
    return np.asarray(basis(first, hint) @ np.swapaxes(basis(rest_first, rest_hint), -1, -2), dtype=np.float64)


def swing(start: Array, end: Array) -> Array:
    """(..., 3, 3) the shortest rotation from direction `start` to direction `end`."""
    start, end = np.broadcast_arrays(unit(start), unit(end))
    axis = np.cross(start, end)
    cosine = np.clip((start * end).sum(-1), -0.9999, 1.0)[..., None, None]
    cross = np.zeros((*axis.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    cross[..., 1, 0], cross[..., 2, 0], cross[..., 2, 1] = axis[..., 2], -axis[..., 1], axis[..., 0]
    return polish(np.eye(3) + cross + cross @ cross / (1 + cosine))


def polish(matrices: Array) -> Array:
    """(..., 3, 3) nearly rotations -> rotations."""
    return basis(matrices[..., :, 0], matrices[..., :, 1])


def mix(start: Array, end: Array, share: float | Array) -> Array:
    """Rotations (T, 3, 3) on the way from `start` to `end`; `share` 0 to 1, a number or (T,)."""
    step = Rotation.from_matrix(np.swapaxes(start, -1, -2) @ end).as_rotvec()
    step *= share if isinstance(share, float) else share[:, None]
    return np.asarray(start @ Rotation.from_rotvec(step).as_matrix(), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pose:
    """A movement of the canonical skeleton: T instants, world axes, y up, the floor at y = 0.

    Attributes:
        root: (T, 3) midpoint of the hips, metres.
        frames: (T, 3, 3, 3) rotations of `FRAMES` from the upright rest that faces +z.
        limbs: (T, 14, 3) unit directions of `LIMBS`, each from the trunk outwards.
    """

    root: Array
    frames: Array
    limbs: Array

    def points(self) -> Array:
        """(T, 23, 3) metres, in the order of `POINTS`."""
        pelvis, chest, head = (self.frames[:, i] for i in range(3))
        place: dict[str, Array] = {"pelvis": self.root + 0.06 * pelvis[:, :, 1]}
        place["spine"] = self.root + pelvis @ SPINE
        place["neck"] = place["spine"] + chest @ NECK
        place["chest"] = place["spine"] + 0.5 * (mix(pelvis, chest, 0.8) @ NECK)
        place["head"] = place["neck"] + mix(chest, head, 0.5) @ HEAD
        place["headtop"] = place["head"] + head @ HEADTOP
        place["face"] = place["head"] + head @ FACE
        for side, sign in zip("lr", SIDES):
            at = place["neck"]
            for part, name in (("collar", "sho"), ("upper", "elb"), ("fore", "wri"), ("hand", "hand")):
                at = place[side + name] = at + LENGTHS_M[part] * self.limbs[:, LIMBS.index(f"{side}_{part}")]
            at = place[side + "hip"] = self.root + pelvis @ (sign * HIP)
            for part, name in (("thigh", "knee"), ("shin", "ankle"), ("foot", "toe")):
                at = place[side + name] = at + LENGTHS_M[part] * self.limbs[:, LIMBS.index(f"{side}_{part}")]
        return np.stack([place[name] for name in POINTS], axis=1)

    def mirrored(self) -> "Pose":
        """The same movement with left and right exchanged."""
        flip = np.diag(FLIP)
        return Pose(root=self.root * FLIP, frames=flip @ self.frames @ flip, limbs=self.limbs[:, SWAPPED] * FLIP)

    def turned(self, rotation: Array) -> "Pose":
        """Turned by one rotation (3, 3) about the origin of the world."""
        return Pose(root=self.root @ rotation.T, frames=rotation @ self.frames, limbs=self.limbs @ rotation.T)

    def shifted(self, offset: Array) -> "Pose":
        """Moved by (3,) or (T, 3) metres."""
        return replace(self, root=self.root + offset)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Source:
    """A skeleton that points come from, and how it differs from the canonical one at rest.

    Attributes:
        reference: (2, 3) directions hips -> spine and spine -> neck when it stands upright and faces +z.
        collar: (3,) direction neck -> left shoulder then, in the axes of the chest; the right one is its mirror.
        nod: radians that its head is bent forwards on its chest when it looks ahead.
    """

    reference: Array
    collar: Array
    nod: float


def read_pose(points: NDArray[np.floating], source: Source) -> Pose:
    """The canonical pose of points (T, 23, 3), metres, the floor at y = 0, of any skeleton.

    Directions stay, bone lengths go; the way of the root is scaled by the length of the legs.
    """
    at = {name: np.asarray(points[:, i], dtype=np.float64) for i, name in enumerate(POINTS)}
    hips = (at["lhip"] + at["rhip"]) / 2
    across = np.array([1.0, 0.0, 0.0])
    pelvis = turn(at["lhip"] - at["rhip"], at["spine"] - hips, across, source.reference[0])
    chest = turn(at["neck"] - at["spine"], at["lsho"] - at["rsho"], source.reference[1], across)
    head = turn(at["headtop"] - at["head"], at["face"] - at["head"], np.array([0, 1.0, 0]), np.array([0, 0, 1.0]))
    level = np.asarray(Rotation.from_rotvec([-source.nod, 0.0, 0.0]).as_matrix())
    head = chest @ level @ np.swapaxes(chest, -1, -2) @ head
    limbs = []
    for side, sign in zip("lr", SIDES):
        flip = np.array([sign, 1.0, 1.0])
        lift = swing(source.collar * flip, COLLAR * flip)
        limbs.append(apply(chest @ lift @ np.swapaxes(chest, -1, -2), at[side + "sho"] - at["neck"]))
        for names in (("sho", "elb", "wri", "hand"), ("hip", "knee", "ankle", "toe")):
            limbs.extend(at[side + end] - at[side + start] for start, end in itertools.pairwise(names))
    legs = np.linalg.norm(at["lknee"] - at["lhip"], axis=1) + np.linalg.norm(at["lankle"] - at["lknee"], axis=1)
    root = hips * (LEG_M / float(legs.mean()))
    return Pose(root=root, frames=np.stack([pelvis, chest, head], axis=1), limbs=unit(np.stack(limbs, axis=1)))


def habits(points: NDArray[np.floating], reference: NDArray[np.floating]) -> Source:
    """The source of points (T, 23, 3) with this `reference`, the rest of it taken from how it mostly holds itself."""
    plain = Source(reference=np.asarray(reference, dtype=np.float64), collar=COLLAR, nod=0.0)
    if not len(points):
        return plain
    pose = read_pose(points, plain)
    chest = np.swapaxes(pose.frames[:, 1], -1, -2)
    collars = [apply(chest, pose.limbs[:, LIMBS.index(s + "_collar")]) * [sign, 1, 1] for s, sign in zip("lr", SIDES)]
    facing = apply(chest, pose.frames[:, 2, :, 2])
    nod = float(np.median(np.arctan2(-facing[:, 1], facing[:, 2])))
    return Source(reference=plain.reference, collar=unit(np.median(np.concatenate(collars), axis=0)), nod=nod)


def blend(first: Pose, second: Pose, share: Array) -> Pose:
    """`first` where share (T,) is 0, `second` where it is 1, and on the way between elsewhere."""
    weight = share[:, None]
    frames = [mix(first.frames[:, i], second.frames[:, i], share) for i in range(len(FRAMES))]
    limbs = first.limbs * (1 - weight[..., None]) + second.limbs * weight[..., None]
    # Opposite directions have no middle: stay with the first there.
    limbs = np.where(np.linalg.norm(limbs, axis=-1, keepdims=True) > 0.05, limbs, first.limbs)
    root = first.root * (1 - weight) + second.root * weight
    return Pose(root=root, frames=np.stack(frames, axis=1), limbs=unit(limbs))


def recombine(legs: Pose, arms: Pose) -> Pose:
    """The legs and root of one movement under the trunk, arms and head of another, carried by the first's pelvis."""
    carry = legs.frames[:, 0] @ np.swapaxes(arms.frames[:, 0], -1, -2)
    # The trunk follows the pelvis in full at the hips and keeps half of its own stance towards the vertical.
    carry = mix(heading(carry), carry, 0.5)
    frames = np.stack([legs.frames[:, 0], carry @ arms.frames[:, 1], carry @ arms.frames[:, 2]], axis=1)
    limbs = legs.limbs.copy()
    for i, name in enumerate(LIMBS):
        if name[2:] in ("collar", "upper", "fore", "hand"):
            limbs[:, i] = apply(carry, arms.limbs[:, i])
    return Pose(root=legs.root, frames=frames, limbs=limbs)


def heading(matrices: Array) -> Array:
    """(T, 3, 3) the part of rotations that turns about the vertical."""
    angle = np.arctan2(matrices[:, 0, 2] - matrices[:, 2, 0], matrices[:, 0, 0] + matrices[:, 2, 2])
    return np.asarray(Rotation.from_rotvec(angle[:, None] * np.array([0.0, 1.0, 0.0])).as_matrix(), dtype=np.float64)


def shake(pose: Pose, rng: np.random.Generator, degrees: float, per_s: float) -> Pose:
    """Smooth random rotations of trunk, head and whole limbs; knees and elbows keep their angle, bones their length.

    Args:
        pose: T instants.
        rng: draws the rotations.
        degrees: their standard deviation; the legs get half of it, for they carry the body.
        per_s: instants per second of movement.
    """
    count = len(pose.root)

    def wobble(scale: float) -> Array:
        sigma = 0.25 * per_s
        margin = int(4 * sigma) + 1
        noise = gaussian_filter1d(rng.normal(size=(count + 2 * margin, 3)), sigma, axis=0)[margin : margin + count]
        noise *= np.sqrt(2 * np.sqrt(np.pi) * sigma)  # a Gaussian filter of width sigma shrinks white noise by this
        vectors = np.deg2rad(degrees * scale) * noise
        return np.asarray(Rotation.from_rotvec(vectors).as_matrix(), dtype=np.float64)

    trunk = wobble(0.6)
    frames = np.stack([pose.frames[:, 0], trunk @ pose.frames[:, 1], wobble(1.2) @ trunk @ pose.frames[:, 2]], axis=1)
    limbs = pose.limbs.copy()
    for side in "lr":
        collar, arm, hand, leg, foot = trunk, wobble(1.5) @ trunk, wobble(2.0), wobble(0.5), wobble(0.7)
        turns = {
            "collar": collar,
            "upper": arm,
            "fore": arm,
            "hand": hand @ arm,
            "thigh": leg,
            "shin": leg,
            "foot": foot @ leg,
        }
        for part, rotation in turns.items():
            index = LIMBS.index(f"{side}_{part}")
            limbs[:, index] = apply(rotation, limbs[:, index])
    return Pose(root=pose.root, frames=frames, limbs=limbs)


def foot_clearance(points: NDArray[np.floating]) -> Array:
    """(T,) metres between the floor and the lowest foot of points (T, 23, 3); negative where it is in the floor."""
    heights = [point(points, side + "ankle")[:, 1] - ANKLE_M for side in "lr"]
    heights += [point(points, side + "toe")[:, 1] - TOE_M for side in "lr"]
    return np.asarray(np.min(heights, axis=0), dtype=np.float64)
