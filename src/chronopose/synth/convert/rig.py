"""Reduces MakeHuman's default skeleton to the bones the engine moves, with joints and skin weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.convert.text import is_finite, read_json

_SPINE = ("root", "spine05", "spine04", "spine03", "spine02", "spine01", "neck01", "neck02", "neck03", "head")
_SIDE = (
    *("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist"),
    *("pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot", "toes"),
)
BONES = (*_SPINE, *(f"{bone}.{side}" for side in "LR" for bone in _SIDE))
"""The bones that are kept, every parent before its children; fingers and face move with theirs."""

# The skeleton has five toes a foot and no bone for them together: ours begins and ends as the middle toe does.
_TOE_HEAD, _TOE_TAIL = "toe3-1", "toe3-3"
_PADDING = 24  # the most vertices that a joint of the default skeleton is the mean of
_MOST_JOINT_VERTICES = 64
_MOST_BONES = 1000
_FULL = 65535


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rig:
    """B bones over V vertices, as body.npz keeps them.

    Attributes:
        parents: (B,) int8, -1 for the root.
        head_vertices: (B, n) int32 vertices whose weighted mean is where a bone begins; padded with 0.
        head_weights: (B, n) float32; padded with 0.
        tail_vertices: (B, n) int32 the same for its end.
        tail_weights: (B, n) float32.
        skin_bones: (V, 4) uint8 the bones that move a vertex, strongest first.
        skin_weights: (V, 4) uint16; rows sum to 65535.
    """

    parents: NDArray[np.int8]
    head_vertices: NDArray[np.int32]
    head_weights: Floats
    tail_vertices: NDArray[np.int32]
    tail_weights: Floats
    skin_bones: NDArray[np.uint8]
    skin_weights: NDArray[np.uint16]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bone:
    head: str
    tail: str
    parent: str | None


def read_rig(skeleton: Path, weights: Path, vertices: int) -> Rig:
    """Reads a .mhskel file and a .mhw file of weights for a mesh of that many vertices."""
    joints, bones = _read_skeleton(skeleton, vertices)
    kept = {name: _nearest_kept(skeleton, bones, name) for name in bones}
    heads, tails = [], []
    for name in BONES:
        side = name[-2:]
        first, last = (_TOE_HEAD + side, _TOE_TAIL + side) if name.startswith("toes") else (name, name)
        for bone in (first, last):
            if bone not in bones:
                raise InputError(f"{skeleton}: no bone {bone!r}; wanted MakeHuman's default skeleton")
        heads.append(joints[bones[first].head])
        tails.append(joints[bones[last].tail])
    head_vertices, head_weights = _mean_of(heads)
    tail_vertices, tail_weights = _mean_of(tails)
    skin_bones, skin_weights = _read_weights(weights, kept, vertices)
    return Rig(
        parents=_parents(skeleton, bones, kept),
        head_vertices=head_vertices,
        head_weights=head_weights,
        tail_vertices=tail_vertices,
        tail_weights=tail_weights,
        skin_bones=skin_bones,
        skin_weights=skin_weights,
    )


def _read_skeleton(path: Path, vertices: int) -> tuple[dict[str, list[int]], dict[str, _Bone]]:
    content = read_json(path)
    joints: dict[str, list[int]] = {}
    for name, members in _mapping(path, content, "joints").items():
        if not isinstance(members, list) or not 1 <= len(members) <= _MOST_JOINT_VERTICES:
            raise InputError(f"{path}: joint {name!r}: wanted a list of 1 to {_MOST_JOINT_VERTICES} vertices")
        for member in members:
            if type(member) is not int or not 0 <= member < vertices:
                raise InputError(f"{path}: joint {name!r}: vertex {member!r}; wanted 0 to {vertices - 1}")
        joints[name] = members
    bones: dict[str, _Bone] = {}
    for name, fields in _mapping(path, content, "bones").items():
        if not isinstance(fields, dict):
            raise InputError(f"{path}: bone {name!r}: wanted an object with head, tail and parent")
        ends = {end: fields.get(end) for end in ("head", "tail")}
        for end, joint in ends.items():
            if not isinstance(joint, str) or joint not in joints:
                raise InputError(f"{path}: bone {name!r}: {end} {joint!r}; wanted the name of a joint in the file")
        parent = fields.get("parent")
        if parent is not None and not isinstance(parent, str):
            raise InputError(f"{path}: bone {name!r}: parent {parent!r}; wanted a bone's name or null")
        bones[name] = _Bone(head=str(ends["head"]), tail=str(ends["tail"]), parent=parent)
    return joints, bones


def _mapping(path: Path, content: Mapping[str, object], field: str) -> dict[str, object]:
    value = content.get(field)
    if not isinstance(value, dict) or not 1 <= len(value) <= 4 * _MOST_BONES:
        raise InputError(f"{path}: {field}: wanted an object of 1 to {4 * _MOST_BONES} entries")
    return value


def _nearest_kept(path: Path, bones: Mapping[str, _Bone], name: str) -> str:
    """The kept bone that moves what the bone `name` moved: itself or its nearest ancestor that is kept."""
    place: str | None = name
    for _ in range(_MOST_BONES):
        if place in BONES:
            return place
        if place is None:
            break
        if place.startswith("toe") and f"toes{place[-2:]}" in BONES:
            return f"toes{place[-2:]}"
        if place not in bones:
            raise InputError(f"{path}: bone {name!r} hangs on {place!r}, which is not in the file")
        place = bones[place].parent
    raise InputError(f"{path}: bone {name!r} hangs on no root; wanted MakeHuman's default skeleton")


def _parents(path: Path, bones: Mapping[str, _Bone], kept: Mapping[str, str]) -> NDArray[np.int8]:
    """(B,) the kept bone that each kept bone hangs on."""
    parents = []
    for place, name in enumerate(BONES):
        above = f"foot{name[-2:]}" if name.startswith("toes") else bones[name].parent
        parent = -1 if above is None else BONES.index(kept[above])
        if (parent < 0) != (place == 0) or parent >= place:
            raise InputError(f"{path}: bone {name!r} hangs on {above!r}; wanted MakeHuman's default skeleton")
        parents.append(parent)
    return np.array(parents, np.int8)


def _mean_of(joints: list[list[int]]) -> tuple[NDArray[np.int32], Floats]:
    """Vertices and equal weights of each joint, all padded to one length with weight 0."""
    length = max(_PADDING, *map(len, joints))
    vertices = np.zeros((len(joints), length), np.int32)
    weights = np.zeros((len(joints), length), np.float32)
    for row, members in enumerate(joints):
        vertices[row, : len(members)] = members
        weights[row, : len(members)] = 1 / len(members)
    return vertices, weights


def _read_weights(path: Path, kept: Mapping[str, str], vertices: int) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """The four strongest bones of each vertex; weights of bones that are not kept count for those that are."""
    full = np.zeros((vertices, len(BONES)))
    for bone, pairs in _mapping(path, read_json(path), "weights").items():
        if bone not in kept:
            raise InputError(f"{path}: weights of a bone {bone!r}, which the skeleton does not have")
        if not isinstance(pairs, list) or len(pairs) > 2 * vertices:
            raise InputError(f"{path}: weights of {bone!r}: wanted a list of at most {2 * vertices} pairs")
        column = BONES.index(kept[bone])
        for pair in pairs:
            if not (isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and is_finite(pair[1])):
                raise InputError(f"{path}: weights of {bone!r}: {str(pair)[:40]}; wanted [vertex, weight]")
            if not 0 <= pair[0] < vertices or not 0 <= pair[1] <= 1.5:
                raise InputError(
                    f"{path}: weights of {bone!r}: {pair}; wanted a vertex 0 to {vertices - 1}, a weight 0 to 1"
                )
            full[pair[0], column] += pair[1]
    full[full.sum(axis=1) <= 0, 0] = 1  # what no bone moves goes where the root goes
    strongest = np.argsort(-full, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(full, strongest, axis=1)
    whole = np.floor(weights / weights.sum(axis=1, keepdims=True) * _FULL + 0.5).astype(np.int64)
    whole[:, 0] += _FULL - whole.sum(axis=1)
    return strongest.astype(np.uint8), whole.astype(np.uint16)
