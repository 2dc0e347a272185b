"""Reads motion capture in the ASF and AMC formats: a skeleton file and a motion file on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chronopose.core.errors import InputError
from chronopose.synth.convert.capture import MOST_FRAMES, Array, Capture, check_size, turn
from chronopose.synth.convert.text import Line, lines

_INCH_M = 0.0254
_MOST_BONES = 512
_TURNS = {"rx": 0, "ry": 1, "rz": 2}
_MOVES = {"tx": 0, "ty": 1, "tz": 2}


@dataclass(slots=True, kw_only=True)
class _Bone:
    """`step` is the way from its beginning to its end at rest; `axis` turns the file's world into its own axes."""

    step: Array = field(default_factory=lambda: np.zeros(3))
    axis: Array = field(default_factory=lambda: np.eye(3))
    dof: tuple[str, ...] = ()
    parent: str | None = None


@dataclass(slots=True, kw_only=True)
class _Skeleton:
    """The bones by name, parents before children; `unit_m` is the length of the file's unit in metres."""

    bones: dict[str, _Bone]
    unit_m: float
    per_degree: float


def read_amc(path: Path, fps: float) -> Capture:
    """Reads an .amc file with the .asf file of its subject; a joint is the end of the bone whose name it has.

    Args:
        path: 01_02.amc, beside 01.asf or beside a single .asf file of any name.
        fps: frames per second, which the format does not say.
    """
    skeleton = _read_asf(_skeleton_of(path))
    motion = _read_amc(path, skeleton)
    if not motion:
        raise InputError(f"{path}: a skeleton whose bones cannot move; wanted degrees of freedom in the .asf file")
    frames = len(next(iter(motion.values())))
    check_size(path, frames, len(skeleton.bones))
    return _move(skeleton, motion, frames, fps)


def _skeleton_of(path: Path) -> Path:
    own = path.with_name(f"{path.stem.split('_')[0]}.asf")
    if own.is_file():
        return own
    found = sorted(path.parent.glob("*.asf"))
    if len(found) != 1:
        raise InputError(f"{path}: {len(found)} .asf files beside it; wanted {own.name} or a single one")
    return found[0]


def _read_asf(path: Path) -> _Skeleton:
    skeleton = _Skeleton(bones={"root": _Bone()}, unit_m=0.0, per_degree=np.pi / 180)
    section, block = "", False
    bone, name, step, length = _Bone(), "", np.zeros(3), 0.0
    order: dict[str, _Bone] = {}
    for line in lines(path):
        word = line.words[0]
        if word.startswith(":"):
            section = word
        elif section == ":units" and word == "length":
            skeleton.unit_m = _INCH_M / max(line.real(1), 1e-3)
        elif section == ":units" and word == "angle" and line.word(1).startswith("rad"):
            skeleton.per_degree = 1.0
        elif section == ":root" and word == "order":
            skeleton.bones["root"].dof = tuple(each.lower() for each in line.words[1:])
        elif section == ":root" and word == "orientation":
            _refuse_turned_root(line)
        elif section == ":bonedata":
            if word == "begin":
                bone, name, step, length = _Bone(), "", np.zeros(3), 0.0
            elif word == "name":
                name = line.word(1)
            elif word == "direction":
                step = np.array(line.reals(1, 3))
            elif word == "length":
                length = line.real(1)
            elif word == "axis":
                bone.axis = _axis(line, skeleton.per_degree)
            elif word == "dof":
                bone.dof = tuple(each.lower() for each in line.words[1:])
            elif word == "end":
                if not name or name in skeleton.bones or len(skeleton.bones) > _MOST_BONES:
                    raise line.fail(f"bone {name!r} without a name, named twice, or one of more than {_MOST_BONES}")
                bone.step = step / max(float(np.linalg.norm(step)), 1e-9) * length
                skeleton.bones[name] = bone
        elif section == ":hierarchy":
            if word in ("begin", "end"):
                block = word == "begin"
            elif block:
                _hang(line, skeleton.bones, order)
    for known, each in skeleton.bones.items():
        if each.parent is None and known != "root":
            raise InputError(f"{path}: bone {known!r} hangs on none; wanted a line of it in :hierarchy")
        if wrong := [dof for dof in each.dof if dof not in _TURNS and dof not in _MOVES]:
            raise InputError(f"{path}: bone {known!r}: degree of freedom {wrong[0][:40]!r}; wanted rx to tz")
    if not order or skeleton.unit_m == 0:
        raise InputError(f"{path}: no :hierarchy or no length in :units; wanted a skeleton in ASF format")
    skeleton.bones = {"root": skeleton.bones["root"], **order}
    return skeleton


def _hang(line: Line, bones: dict[str, _Bone], order: dict[str, _Bone]) -> None:
    """A line of :hierarchy: a bone, then those that begin at its end."""
    parent = line.word(0)
    if parent != "root" and parent not in order:
        raise line.fail(f"{parent[:40]!r} before the line that hangs it on another bone")
    for child in line.words[1:]:
        if child not in bones or child in order or child == "root":
            raise line.fail(f"{child[:40]!r}, which is no bone of the file or hangs on two")
        bones[child].parent = parent
        order[child] = bones[child]


def _refuse_turned_root(line: Line) -> None:
    if any(line.reals(1, 3)):
        raise line.fail("a root that is turned at rest is not supported; wanted orientation 0 0 0")


def _axis(line: Line, per_degree: float) -> Array:
    angles = np.array(line.reals(1, 3)) * per_degree
    order = (line.words[4] if len(line.words) > 4 else "XYZ").upper()
    if sorted(order) != ["X", "Y", "Z"]:
        raise line.fail(f"axis order {order[:40]!r}; wanted XYZ in some order")
    rotation: Array = _compose(["XYZ".index(axis) for axis in order], [angles[[k]] for k in range(3)])[0]
    return rotation


def _compose(axes: Sequence[int], radians: Sequence[Array]) -> Array:
    """(T, 3, 3) rotations about fixed axes, the first of the list first."""
    rotation = np.tile(np.eye(3), (len(radians[0]), 1, 1))
    for axis, angles in zip(axes, radians, strict=True):
        rotation = turn(axis, angles) @ rotation
    return rotation


def _read_amc(path: Path, skeleton: _Skeleton) -> dict[str, Array]:
    """The numbers (T, degrees of freedom) of every bone that moves."""
    moving = {name for name, bone in skeleton.bones.items() if bone.dof}
    frames: list[dict[str, list[float]]] = []
    for line in lines(path):
        word = line.words[0]
        if word.startswith(":"):
            if word.upper() == ":RADIANS":
                raise line.fail("angles in radians; wanted :DEGREES")
        elif word.isdigit() and len(line.words) == 1:
            if len(frames) >= MOST_FRAMES:
                raise line.fail(f"more than {MOST_FRAMES} frames")
            frames.append({})
        elif word not in moving or not frames:
            raise line.fail(f"{word[:40]!r}; wanted a frame's number or a bone that can move")
        else:
            line.wants(1 + len(skeleton.bones[word].dof), "the bone and its degrees of freedom")
            frames[-1][word] = line.reals(1, len(skeleton.bones[word].dof))
    for number, frame in enumerate(frames, start=1):
        if missing := sorted(moving - set(frame)):
            raise InputError(f"{path}: frame {number} has no {missing[0]!r}; wanted every bone that can move")
    if not frames:
        raise InputError(f"{path}: no frames; wanted motion in AMC format")
    return {name: np.array([frame[name] for frame in frames]) for name in moving}


def _move(skeleton: _Skeleton, motion: dict[str, Array], frames: int, fps: float) -> Capture:
    """Forward kinematics: a bone turns in its own axes, which keep their angle to its parent."""
    names = list(skeleton.bones)
    rest = np.zeros((len(names), 3))
    positions = np.zeros((frames, len(names), 3))
    rotations = np.zeros((frames, len(names), 3, 3))
    for place, (name, bone) in enumerate(skeleton.bones.items()):
        turns = [(_TURNS[dof], k) for k, dof in enumerate(bone.dof) if dof in _TURNS]
        own = np.tile(np.eye(3), (frames, 1, 1))
        if turns:
            radians = [motion[name][:, k] * np.pi / 180 for _, k in turns]
            own = _compose([axis for axis, _ in turns], radians)
        turned = bone.axis @ own @ bone.axis.T
        if bone.parent is None:
            for k, dof in enumerate(bone.dof):
                if dof in _MOVES:
                    positions[:, place, _MOVES[dof]] = motion[name][:, k]
            rotations[:, place] = turned
            continue
        parent = names.index(bone.parent)
        rotations[:, place] = rotations[:, parent] @ turned
        positions[:, place] = positions[:, parent] + rotations[:, place] @ bone.step
        rest[place] = rest[parent] + bone.step
    return Capture(
        names=tuple(names),
        rest=rest,
        positions=positions,
        rotations=rotations,
        fps=fps,
        unit_m=skeleton.unit_m,
    )
