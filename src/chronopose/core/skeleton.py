"""Skeletons: joints by name, their limbs, mirror pairs and OKS sigmas; conversion by joint name."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """An ordered set of named joints; the order is the axis K of every pose array.

    Args:
        name: the schema's name, as in `SKELETONS`.
        joints: joint names in order.
        limbs: pairs of joint names to draw a line between.
        mirror: pairs of joint names that change places when the image is flipped left to right.
        sigmas: per joint OKS constant (the COCO sigma, not doubled), in the order of `joints`.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[str, str], ...]
    mirror: tuple[tuple[str, str], ...]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise InputError(f"skeleton {self.name}: joint names must be unique, got {self.joints}")
        if len(self.sigmas) != len(self.joints):
            raise InputError(f"skeleton {self.name}: {len(self.joints)} joints but {len(self.sigmas)} sigmas")
        paired = [name for pair in self.mirror for name in pair]
        if len(set(paired)) != len(paired):
            raise InputError(f"skeleton {self.name}: a joint stands in two mirror pairs: {self.mirror}")
        for joint in [*paired, *(name for limb in self.limbs for name in limb)]:
            if joint not in self.joints:
                raise InputError(f"skeleton {self.name}: no joint called {joint!r}; joints are {self.joints}")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of the joint called `joint`; raises `InputError` if there is none."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise InputError(f"skeleton {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}") from None

    @cached_property
    def flip_order(self) -> NDArray[np.intp]:
        """(K,) permutation that swaps left and right; applied twice it is the identity."""
        order = np.arange(len(self.joints))
        for left, right in self.mirror:
            i, j = self.index(left), self.index(right)
            order[i], order[j] = j, i
        return order

    @cached_property
    def limb_indices(self) -> NDArray[np.intp]:
        """(L, 2) joint indices of the limbs."""
        return np.array([(self.index(a), self.index(b)) for a, b in self.limbs], dtype=np.intp).reshape(-1, 2)

    def index_in(self, other: "Skeleton") -> NDArray[np.intp]:
        """(K,) where each of this skeleton's joints stands in `other`; -1 where `other` has no such joint."""
        place = {joint: index for index, joint in enumerate(other.joints)}
        return np.array([place.get(joint, -1) for joint in self.joints], dtype=np.intp)

    def gather(self, values: NDArray[np.floating], other: "Skeleton", fill: float = np.nan) -> NDArray[np.floating]:
        """Reorders `values` (..., K_other, C) from `other`'s order into this skeleton's; missing joints get `fill`."""
        index = self.index_in(other)
        taken: NDArray[np.floating] = values[..., np.maximum(index, 0), :].copy()
        taken[..., index < 0, :] = fill
        return taken


def _both(*joints: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"left_{joint}", f"right_{joint}") for joint in joints)


def _sided(*limbs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in limbs)


# The COCO constants; head_top and head_bottom have no COCO value and take the shoulder's, as PoseTrack code does.
_SIGMA = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089, "head_top": 0.079, "head_bottom": 0.079, "head": 0.079,
    "neck": 0.079, "belly": 0.107, "face": 0.079,
}  # fmt: skip
_ARMS_AND_LEGS = _sided(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_TORSO = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
)


def _skeleton(name: str, joint_names: str, limbs: Sequence[tuple[str, str]]) -> Skeleton:
    joints = joint_names.split()
    sided = [joint.removeprefix("left_") for joint in joints if joint.startswith("left_")]
    sigmas = tuple(_SIGMA[joint.removeprefix("left_").removeprefix("right_")] for joint in joints)
    return Skeleton(name=name, joints=tuple(joints), limbs=tuple(limbs), mirror=_both(*sided), sigmas=sigmas)


COCO_17 = _skeleton(
    "coco-17",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist "
    "right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
    (
        *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear")),
        *_TORSO,
        *_ARMS_AND_LEGS,
    ),
)
# The order of the official PoseTrack evaluation; its "neck" is what the data set stores as head_bottom.
POSETRACK_15 = _skeleton(
    "posetrack-15",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
    "left_shoulder left_elbow left_wrist head_bottom nose head_top",
    (
        *(("head_top", "nose"), ("nose", "head_bottom")),
        *(("head_bottom", "left_shoulder"), ("head_bottom", "right_shoulder")),
        *_TORSO[1:],
        *_ARMS_AND_LEGS,
    ),
)
PENN_13 = _skeleton(
    "penn-13",
    "head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip right_hip left_knee "
    "right_knee left_ankle right_ankle",
    (("head", "left_shoulder"), ("head", "right_shoulder"), *_TORSO, *_ARMS_AND_LEGS),
)
JHMDB_15 = _skeleton(
    "jhmdb-15",
    "neck belly face right_shoulder left_shoulder right_hip left_hip right_elbow left_elbow right_knee left_knee "
    "right_wrist left_wrist right_ankle left_ankle",
    (("face", "neck"), ("neck", "belly"), ("neck", "left_shoulder"), ("neck", "right_shoulder"),
     ("belly", "left_hip"), ("belly", "right_hip"), *_ARMS_AND_LEGS),
)  # fmt: skip
# LSP calls the point between the shoulders "neck"; it is PoseTrack's head_bottom.
LSP_14 = _skeleton(
    "lsp-14",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
    "left_shoulder left_elbow left_wrist head_bottom head_top",
    (
        *(("head_top", "head_bottom"), ("head_bottom", "left_shoulder"), ("head_bottom", "right_shoulder")),
        *_TORSO[1:],
        *_ARMS_AND_LEGS,
    ),
)

SKELETONS = {s.name: s for s in (COCO_17, POSETRACK_15, PENN_13, JHMDB_15, LSP_14)}


def check_known(name: str, field: str) -> None:
    """Raises `InputError`, which names the field of a config, where there is no skeleton of that name."""
    if name not in SKELETONS:
        raise InputError(f"{field}: no skeleton {name!r}; there are {', '.join(SKELETONS)}")
