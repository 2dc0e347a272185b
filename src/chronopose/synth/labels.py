"""Exact labels of a rendered person: joints by name, boxes of the whole body, and what can be seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.body import Body, Shape
from chronopose.synth.camera import NEAR_M, Camera
from chronopose.synth.mesh import Mesh

Array = NDArray[np.float64]

# The middle of a joint lies this far below the skin in front of it, metres; clothes come on top.
_DEPTH_M = {
    "nose": 0.05, "eye": 0.05, "ear": 0.06, "shoulder": 0.13, "elbow": 0.09, "wrist": 0.07, "hip": 0.17, "knee": 0.11,
    "ankle": 0.08, "head_top": 0.07, "head_bottom": 0.11, "neck": 0.11, "belly": 0.2, "face": 0.12, "head": 0.13,
}  # fmt: skip
# At which bone's head a joint lies, per side; and the joints of the middle.
_SIDED = {
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot",
}  # fmt: skip
_MIDDLE = {"head_bottom": "neck02", "neck": "neck01", "belly": "spine04"}
# Where people who label pictures put a joint, against the bone's head: outwards and up, in lengths of the torso.
# Measured against photographs: benchmarks/joint_habits.py.
_HABITS: dict[str, tuple[float, float]] = {"hip": (0.015, 0.07), "shoulder": (0.0, 0.055)}
_CLOTHES_M = 0.03
# A body is not thicker than this: something so much nearer than a point of it is not the body itself.
_BODY_M = 0.35

JOINTS: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    *(f"{side}_{joint}" for joint in _SIDED for side in ("left", "right")),
    "head_top", "head_bottom", "neck", "belly", "face", "head",
)  # fmt: skip
_RADIUS_M = np.array([_DEPTH_M[name.removeprefix("left_").removeprefix("right_")] for name in JOINTS]) + _CLOTHES_M


def rest_joints(body: Body, shape: Shape) -> tuple[Array, Array]:
    """Joints in the rest pose (J, 3) metres, and how much each bone moves them (J, B); rows sum to one."""
    places = np.zeros((len(JOINTS), 3))
    bones = np.zeros((len(JOINTS), len(body.bones)))
    middle = (shape.heads[body.index("upperleg01.L")] + shape.heads[body.index("upperleg01.R")]) / 2
    torso_m = float(np.linalg.norm(shape.heads[body.index("neck01")] - middle))

    def at_bone(joint: str, bone: str, carried_by: str, shift: tuple[float, float, float]) -> None:
        number = JOINTS.index(joint)
        places[number] = shape.heads[body.index(bone)] + np.array(shift) * torso_m
        bones[number, body.index(carried_by)] = 1

    def on_skin(joint: str, *landmarks: str) -> None:
        number = JOINTS.index(joint)
        for landmark in landmarks:
            vertices = body.landmarks[landmark]
            share = 1 / (len(landmarks) * len(vertices))
            places[number] += shape.vertices[vertices].sum(0) * share
            for vertex in vertices:
                np.add.at(bones[number], body.skin_bones[vertex], body.skin_weights[vertex] * share)

    for joint, bone in _SIDED.items():
        for side, letter, outwards in (("left", "L", 1.0), ("right", "R", -1.0)):
            out, up = _HABITS.get(joint, (0.0, 0.0))
            carrier = f"pelvis.{letter}" if joint == "hip" else f"{bone}.{letter}"
            at_bone(f"{side}_{joint}", f"{bone}.{letter}", carrier, (out * outwards, up, 0.0))
    for joint, bone in _MIDDLE.items():
        at_bone(joint, bone, bone, (0.0, 0.0, 0.0))
    for joint in ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top"):
        on_skin(joint, joint)
    on_skin("face", "nose", "left_ear", "right_ear")
    on_skin("head", "head_top", "nose", "left_ear", "right_ear")
    return places, bones / bones.sum(1, keepdims=True)


def joint_paths(body: Body, shape: Shape, matrices: NDArray[np.floating]) -> Array:
    """Joints (T, J, 3) in the world of a person whose bones move by `matrices` (T, B, 3, 4)."""
    places, bones = rest_joints(body, shape)
    held = np.einsum("jb,tbrc->tjrc", bones, matrices)  # (T, J, 3, 4)
    paths: Array = np.einsum("tjrc,jc->tjr", held[..., :3], places) + held[..., 3]
    return paths


def surface_paths(meshes: Sequence[Mesh], matrices: NDArray[np.floating], most: int = 250) -> Array:
    """Points (T, N, 3) spread over the meshes, at most `most` of each, moved by `matrices` (T, B, 3, 4)."""
    moved = []
    for mesh in meshes:
        used = np.unique(mesh.triangles)
        some = used[:: max(len(used) // most, 1)]
        held = np.einsum("nk,tnkrc->tnrc", mesh.weights[some], matrices[:, mesh.bones[some]])  # (T, n, 3, 4)
        moved.append(np.einsum("tnrc,nc->tnr", held[..., :3], mesh.positions[some]) + held[..., 3])
    return np.concatenate(moved, axis=1)


def box(xy: Array) -> Floats:
    """The box (4,) around projected points (N, 2); those behind the camera are NaN and left out; empty gives zeros."""
    known = xy[~np.isnan(xy[:, 0])]
    if not len(known):
        return np.zeros(4, dtype=np.float32)
    return np.concatenate([known.min(0), known.max(0)]).astype(np.float32)


def visibility(points: Array, camera: Camera, distance: Floats) -> NDArray[np.uint8]:
    """(J,) of joints (J, 3): 0 outside the picture or behind the camera, 1 hidden, 2 seen.

    `distance` (h, w) holds for every pixel how far along its ray the nearest surface is, in metres; it may be larger
    than the camera's picture.
    """
    inside, nearest, away = _probe(points, camera, distance)
    seen = nearest > away - _RADIUS_M
    return np.where(inside, np.where(seen, 2, 1), 0).astype(np.uint8)


def seen_share(points: Array, camera: Camera, distance: Floats) -> float:
    """Share of a body's surface points (N, 3) that are in the picture with nothing but the body itself before them."""
    inside, nearest, away = _probe(points, camera, distance)
    return float((inside & (nearest > away - _BODY_M)).mean())


def _probe(points: Array, camera: Camera, distance: Floats) -> tuple[NDArray[np.bool_], Array, Array]:
    """Which points lie in the picture, the nearest surface along the ray of each, and how far each is away."""
    xy, depth = camera.project(points)
    size = np.array([camera.width, camera.height])
    with np.errstate(invalid="ignore"):
        inside = (depth > NEAR_M) & ((xy >= -0.5) & (xy < size - 0.5)).all(axis=-1)
    scale = np.array(distance.shape[::-1]) / size
    place = np.clip((np.nan_to_num(xy) + 0.5) * scale, 0, np.array(distance.shape[::-1]) - 1).astype(int)
    away = np.linalg.norm(points - camera.position, axis=-1)
    return inside, distance[place[:, 1], place[:, 0]].astype(np.float64), away
