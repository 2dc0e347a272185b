"""Reads motion capture in the BVH format."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chronopose.core.errors import InputError
from chronopose.synth.convert.capture import MOST_FRAMES, Array, Capture, check_size, turn
from chronopose.synth.convert.text import Line, lines

_CHANNELS = {f"{axis}{kind}": (kind, "XYZ".index(axis)) for axis in "XYZ" for kind in ("rotation", "position")}
_MOST_JOINTS = 512
_MOST_DEPTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[tuple[str, int], ...]


def read_bvh(path: Path) -> Capture:
    """Reads a .bvh file.

    Raises:
        InputError: the file breaks the format's rules or is too big.
    """
    rest_of_file = lines(path)
    joints = _read_hierarchy(path, rest_of_file)
    numbers, fps = _read_motion(path, rest_of_file, sum(len(joint.channels) for joint in joints))
    check_size(path, len(numbers), len(joints))
    return _move(joints, numbers, fps)


def _read_hierarchy(path: Path, source: Iterator[Line]) -> list[_Joint]:
    """The joints in the order of their channels, from HIERARCHY to the line MOTION, which is taken too."""
    joints: list[_Joint] = []
    open_joints: list[int] = []
    name: str | None = None
    for line in source:
        word = line.words[0]
        if word == "MOTION":
            if open_joints or not joints:
                raise line.fail("MOTION before the skeleton is complete; a brace is missing")
            return joints
        if word in ("ROOT", "JOINT", "End"):
            if (word == "ROOT") != (not joints) or (word != "ROOT" and not open_joints):
                raise line.fail(f"{word} here; wanted one ROOT and every joint within another")
            name = f"{joints[open_joints[-1]].name}_End" if word == "End" else " ".join(line.words[1:])
            if not name:
                raise line.fail(f"{word} without a name")
        elif word == "{":
            if name is None or len(joints) >= _MOST_JOINTS or len(open_joints) >= _MOST_DEPTH:
                raise line.fail(f"a brace for no joint, more than {_MOST_JOINTS} joints or {_MOST_DEPTH} levels")
            parent = open_joints[-1] if open_joints else -1
            open_joints.append(len(joints))
            joints.append(_Joint(name=name, parent=parent, offset=(0.0, 0.0, 0.0), channels=()))
            name = None
        elif word == "}":
            if not open_joints:
                raise line.fail("a brace too many")
            open_joints.pop()
        elif word in ("OFFSET", "CHANNELS") and open_joints:
            # A joint's own lines come before its children, so it is the last one that was opened.
            joint = joints[open_joints[-1]]
            offset, channels = joint.offset, joint.channels
            if word == "OFFSET":
                x, y, z = line.reals(1, 3)
                offset = (x, y, z)
            else:
                channels = _channels(line)
            joints[open_joints[-1]] = _Joint(name=joint.name, parent=joint.parent, offset=offset, channels=channels)
        elif word != "HIERARCHY":
            raise line.fail(f"{word[:40]!r}; wanted a skeleton in BVH format")
    raise InputError(f"{path}: no line MOTION; wanted a file in BVH format")


def _channels(line: Line) -> tuple[tuple[str, int], ...]:
    line.wants(2 + line.whole(1, 0, 7), "CHANNELS, how many, and that many names")
    for word in line.words[2:]:
        if word not in _CHANNELS:
            raise line.fail(f"channel {word[:40]!r}; wanted {', '.join(_CHANNELS)}")
    return tuple(_CHANNELS[word] for word in line.words[2:])


def _read_motion(path: Path, source: Iterator[Line], channels: int) -> tuple[Array, float]:
    """(T, channels) the numbers below MOTION, and frames per second."""
    frames = seconds = None
    rows: list[Array] = []
    for line in source:
        if frames is None:
            if line.words[0] != "Frames:":
                raise line.fail(f"{line.words[0][:40]!r}; wanted Frames:")
            frames = line.whole(1, 1, MOST_FRAMES + 1)
        elif seconds is None:
            if line.words[:2] != ["Frame", "Time:"]:
                raise line.fail(f"{line.words[0][:40]!r}; wanted Frame Time:")
            seconds = line.real(2)
            if not 1e-3 <= seconds <= 1:
                raise line.fail(f"a frame lasts {seconds:g} seconds; wanted 0.001 to 1")
        else:
            line.wants(channels, "one for every channel")
            try:
                rows.append(np.array(line.words, np.float64))
            except ValueError:
                raise line.fail("a word that is no number") from None
            if not (np.abs(rows[-1]) <= 1e6).all():
                raise line.fail("a number that is not finite or above 1000000")
    if frames is None or seconds is None or len(rows) != frames:
        raise InputError(f"{path}: {len(rows)} frames; wanted the {frames} that the file announces")
    return np.stack(rows), 1 / seconds


def _move(joints: list[_Joint], numbers: Array, fps: float) -> Capture:
    """Forward kinematics: a joint's rotations apply in the order of its channels, each in the last one's frame."""
    frames, count = len(numbers), len(joints)
    rest = np.zeros((count, 3))
    positions = np.zeros((frames, count, 3))
    rotations = np.zeros((frames, count, 3, 3))
    column = 0
    for place, joint in enumerate(joints):
        shift = np.tile(np.array(joint.offset), (frames, 1))
        rotation = np.tile(np.eye(3), (frames, 1, 1))
        for kind, axis in joint.channels:
            if kind == "position":
                shift[:, axis] = numbers[:, column]
            else:
                rotation = rotation @ turn(axis, np.radians(numbers[:, column]))
            column += 1
        if joint.parent < 0:
            # Some exporters write the root's way from its offset instead of its place: then it lies on the floor.
            up = 1 if abs(joint.offset[1]) >= abs(joint.offset[2]) else 2
            if np.median(shift[:, up]) < joint.offset[up] / 2:
                shift += joint.offset
            positions[:, place], rotations[:, place] = shift, rotation
        else:
            turned = rotations[:, joint.parent]
            positions[:, place] = positions[:, joint.parent] + (turned @ shift[..., None])[..., 0]
            rotations[:, place] = turned @ rotation
            rest[place] = rest[joint.parent] + joint.offset
    return Capture(
        names=tuple(joint.name for joint in joints), rest=rest, positions=positions, rotations=rotations, fps=fps
    )
