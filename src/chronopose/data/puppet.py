"""A jointed body in three dimensions: proportions, named joints, and joint angles to places in space.

Metres, with y up. A body at rest stands upright in its own frame: x to the person's left, y up, z to the front. A
camera that looks along -z and calls x "right" therefore sees the left hand of a person who faces it at the right of
the image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEGMENTS = (
    "pelvis", "chest", "head", "left_arm", "right_arm", "left_forearm", "right_forearm", "left_thigh", "right_thigh",
    "left_shin", "right_shin", "left_foot", "right_foot",
)  # fmt: skip
SEGMENT = {name: index for index, name in enumerate(SEGMENTS)}
# Every segment stands after the one it hangs from, so one pass in order places them all.
_PARENT = (-1, 0, 1, 1, 1, 3, 4, 0, 0, 7, 8, 9, 10)

JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top", "head", "face", "head_bottom", "neck",
    "belly", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

# Angles are given as (side, bend, twist) with the same meaning on both sides of the body: positive side lifts a limb
# away from the body, positive bend moves it the way it bends most (arms, thighs, forearms to the front, shins to the
# back, trunk and head to the front, toes down), positive twist turns a lifted arm so that the bent forearm points up.
_SIGN = np.ones((len(SEGMENTS), 3))
for _name, _index in SEGMENT.items():
    if _name.startswith("right_"):
        _SIGN[_index, [0, 2]] = -1
    if _name.endswith(("arm", "thigh")):
        _SIGN[_index, 1] = -1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Body:
    """The proportions of one person.

    Attributes:
        hinge: (S, 3) metres, where each segment hangs, in the frame of the segment it hangs from.
        joint_segment: (J,) the segment each of `JOINTS` is fixed to.
        joint_offset: (J, 3) metres in that segment's frame.
        head: scale of the head, 1 for an average adult.
        girth: scale of all thicknesses, 1 for an average adult.
        size: scale of all lengths, 1 for a height of about 1.75 m.
    """

    hinge: Array
    joint_segment: NDArray[np.intp]
    joint_offset: Array
    head: float
    girth: float
    size: float


def random_body(rng: np.random.Generator) -> Body:
    """A person of random size and build, now and then a child."""
    child = rng.random() < 0.12
    size = float(rng.uniform(0.62, 0.8) if child else rng.uniform(0.86, 1.11))
    head = size * float(rng.uniform(1.2, 1.4) if child else rng.uniform(0.93, 1.07))
    girth = size * float(rng.uniform(0.85, 1.3))
    trunk, arms, legs, shoulders, hips = size * rng.uniform(0.92, 1.08, 5)
    hinge = np.zeros((len(SEGMENTS), 3))
    hinge[SEGMENT["chest"]] = 0, 0.13 * trunk, 0
    hinge[SEGMENT["head"]] = 0, 0.37 * trunk, 0
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hinge[SEGMENT[f"{side}_arm"]] = sign * 0.175 * shoulders, 0.32 * trunk, 0
        hinge[SEGMENT[f"{side}_forearm"]] = 0, -0.285 * arms, 0
        hinge[SEGMENT[f"{side}_thigh"]] = sign * 0.095 * hips, 0, 0
        hinge[SEGMENT[f"{side}_shin"]] = 0, -0.43 * legs, 0
        hinge[SEGMENT[f"{side}_foot"]] = 0, -0.42 * legs, 0
    places: dict[str, tuple[str, tuple[float, float, float]]] = {
        "nose": ("head", (0, 0.148 * head, 0.122 * head)),
        "head_top": ("head", (0, 0.268 * head, 0.0)),
        "head": ("head", (0, 0.165 * head, 0.02 * head)),
        "face": ("head", (0, 0.155 * head, 0.1 * head)),
        "head_bottom": ("head", (0, 0.05 * head, 0.005 * head)),
        "neck": ("head", (0, 0.0, 0.0)),
        "belly": ("chest", (0, 0.0, 0.0)),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        places[f"{side}_eye"] = ("head", (sign * 0.032 * head, 0.178 * head, 0.1 * head))
        places[f"{side}_ear"] = ("head", (sign * 0.083 * head, 0.158 * head, 0.01 * head))
        places[f"{side}_wrist"] = (f"{side}_forearm", (0, -0.25 * arms, 0))
        for joint, segment in (("shoulder", "arm"), ("elbow", "forearm"), ("hip", "thigh"), ("knee", "shin")):
            places[f"{side}_{joint}"] = (f"{side}_{segment}", (0, 0.0, 0.0))
        places[f"{side}_ankle"] = (f"{side}_foot", (0, 0.0, 0.0))
    return Body(
        hinge=hinge,
        joint_segment=np.array([SEGMENT[places[joint][0]] for joint in JOINTS], dtype=np.intp),
        joint_offset=np.array([places[joint][1] for joint in JOINTS], dtype=np.float64),
        head=head,
        girth=girth,
        size=size,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A body at T moments: `turn` (T, S, 3, 3) from each segment's frame to the world, `origin` (T, S, 3) metres."""

    turn: Array
    origin: Array

    def points(self, segment: NDArray[np.intp], offset: Array) -> Array:
        """(T, N, 3) world places of points (N, 3) fixed to segments (N,)."""
        placed: Array = (self.turn[:, segment] @ offset[:, :, None])[..., 0] + self.origin[:, segment]
        return placed

    def moved(self, shift: Array) -> "Placed":
        """The same body carried along (T, 3) metres."""
        return Placed(self.turn, self.origin + shift[:, None])


def rotations(angles: Array) -> Array:
    """(..., 3, 3) matrices Rz(side) Rx(bend) Ry(twist) of signed angles (..., 3) in radians."""
    c, s = np.cos(angles), np.sin(angles)
    cz, cx, cy, sz, sx, sy = c[..., 0], c[..., 1], c[..., 2], s[..., 0], s[..., 1], s[..., 2]
    turn = np.empty((*angles.shape, 3))
    turn[..., 0, 0] = cz * cy - sz * sx * sy
    turn[..., 0, 1] = -sz * cx
    turn[..., 0, 2] = cz * sy + sz * sx * cy
    turn[..., 1, 0] = sz * cy + cz * sx * sy
    turn[..., 1, 1] = cz * cx
    turn[..., 1, 2] = sz * sy - cz * sx * cy
    turn[..., 2, 0] = -cx * sy
    turn[..., 2, 1] = sx
    turn[..., 2, 2] = cx * cy
    return turn


def place(body: Body, angles: Array, yaw: Array) -> Placed:
    """The body at joint angles (T, S, 3) in radians, its middle of the hips at the world's origin.

    `yaw` (T,) radians is where it faces: 0 along +z, positive towards the person's left.
    """
    local = rotations(angles * _SIGN)
    heading = rotations(np.stack([np.zeros_like(yaw), np.zeros_like(yaw), yaw], axis=-1))
    turn = np.empty_like(local)
    origin = np.zeros(angles.shape)
    turn[:, 0] = heading @ local[:, 0]
    for segment in range(1, len(SEGMENTS)):
        parent = _PARENT[segment]
        turn[:, segment] = turn[:, parent] @ local[:, segment]
        origin[:, segment] = origin[:, parent] + turn[:, parent] @ body.hinge[segment]
    return Placed(turn, origin)
