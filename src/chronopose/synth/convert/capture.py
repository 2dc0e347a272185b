"""A recorded motion on any skeleton, and forward kinematics: what the readers of motion files give."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError

Array = NDArray[np.float64]
MOST_FRAMES = 60_000
_MOST_PLACES = 6_000_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Capture:
    """T frames of J joints; the last axis is x, y, z of the file's world in the file's unit.

    Attributes:
        names: of the joints, as the file has them; an end without a name is called after its joint, plus `_End`.
        rest: (J, 3) positions where all angles are zero.
        positions: (T, J, 3).
        rotations: (T, J, 3, 3) how each joint's bone is turned away from where it points at rest.
        fps: frames per second.
        unit_m: metres in the file's unit, None where the file does not say it.
    """

    names: tuple[str, ...]
    rest: Array
    positions: Array
    rotations: Array
    fps: float
    unit_m: float | None = None


def check_size(path: Path, frames: int, joints: int) -> None:
    """Raises where a motion would need more memory than any recording does."""
    if frames > MOST_FRAMES or frames * joints > _MOST_PLACES:
        raise InputError(
            f"{path}: {frames} frames of {joints} joints; at most {MOST_FRAMES} frames and {_MOST_PLACES} joints in all"
        )


def turn(axis: int, radians: Array) -> Array:
    """(T, 3, 3) rotations about the x, y or z axis (0, 1, 2) by (T,) angles."""
    cos, sin = np.cos(radians), np.sin(radians)
    rotation = np.zeros((len(radians), 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation[:, axis, axis] = 1
    rotation[:, first, first] = rotation[:, second, second] = cos
    rotation[:, second, first], rotation[:, first, second] = sin, -sin
    return rotation
