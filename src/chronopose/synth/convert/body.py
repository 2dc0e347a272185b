"""Converts MakeHuman's base mesh, skeleton and shape targets to body.npz and shape_targets.npz."""

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.synth.convert.obj import Obj, read_obj
from chronopose.synth.convert.rig import BONES, read_rig
from chronopose.synth.convert.text import licence, lines, read_text

GROUPS = {
    "body": ("body",),
    "tights": ("helper-tights",),
    "skirt": ("helper-skirt",),
    "hair": ("helper-hair",),
    "eyes": ("helper-l-eye", "helper-r-eye"),
}
"""The groups of faces that are kept, and what they are called in base.obj."""

UNIT_DM = 0.002
"""Step of the shape targets' whole numbers."""

_SEXES, _AGES = ("female", "male"), ("child", "young", "old")
_BUILDS = (
    *("averagemuscle-averageweight", "averagemuscle-minweight", "averagemuscle-maxweight"),
    *("minmuscle-averageweight", "maxmuscle-averageweight", "maxmuscle-maxweight", "minmuscle-minweight"),
)
_HEIGHTS = ("averagemuscle-averageweight-minheight", "averagemuscle-averageweight-maxheight")

Licences = Counter[str]


def target_files() -> dict[str, str]:
    """The 72 shape targets: their name in the bundle -> file below `targets/macrodetails`."""
    files = {
        f"{people}-{sex}-{age}": f"{people}-{sex}-{age}.target"
        for people, sex, age in product(("african", "asian", "caucasian"), _SEXES, _AGES)
    }
    for sex, age in product(_SEXES, _AGES):
        builds = (f"universal-{sex}-{age}-{build}" for build in _BUILDS)
        files.update({name: f"{name}.target" for name in builds})
        files.update({f"height-{sex}-{age}-{tall}": f"height/{sex}-{age}-{tall}.target" for tall in _HEIGHTS})
    return files


def find_data(checkout: Path) -> Path:
    """The folder `makehuman/data` of a MakeHuman checkout, which may be given itself."""
    for folder in (checkout / "makehuman" / "data", checkout / "data", checkout):
        if (folder / "3dobjs" / "base.obj").is_file():
            return folder
    raise InputError(f"{checkout}: no makehuman/data/3dobjs/base.obj below it; wanted a checkout of MakeHuman")


def convert_body(data: Path, out: Path) -> tuple[int, Licences]:
    """Writes `out`/body.npz and `out`/shape_targets.npz from the folder `makehuman/data`.

    Returns:
        How many vertices the mesh has, and how many files state which licence.
    """
    mesh_file = data / "3dobjs" / "base.obj"
    skeleton, weights = data / "rigs" / "default.mhskel", data / "rigs" / "default_weights.mhw"
    mesh = read_obj(mesh_file)
    count = len(mesh.vertices)
    if count > 65535:
        raise InputError(f"{mesh_file}: {count} vertices; at most 65535 can be bound to")
    faces, faces_uv, groups = _faces(mesh_file, mesh)
    rig = read_rig(skeleton, weights, count)
    np.savez_compressed(
        out / "body.npz",
        verts=mesh.vertices,
        uv=mesh.uv if len(mesh.uv) else np.zeros((1, 2), np.float32),
        faces=faces,
        faces_uv=faces_uv,
        face_group=groups,
        group_names=np.array(list(GROUPS)),
        skin_idx=rig.skin_bones,
        skin_w=rig.skin_weights,
        bone_names=np.array(BONES),
        bone_parent=rig.parents,
        head_idx=rig.head_vertices,
        head_w=rig.head_weights,
        tail_idx=rig.tail_vertices,
        tail_w=rig.tail_weights,
    )
    licences = Counter(licence(read_text(file)) for file in (mesh_file, skeleton, weights))
    return count, licences + _convert_targets(data / "targets" / "macrodetails", out / "shape_targets.npz", count)


def _faces(path: Path, mesh: Obj) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8]]:
    """Quads (M, 4) of vertices and of texture coordinates, and the group (M,) of each; triangles end in a double."""
    kinds = {name: kind for kind, names in enumerate(GROUPS.values()) for name in names}
    faces, uv, groups = [], [], []
    for face in mesh.polygons:
        if face.group not in kinds:
            continue
        if len(face.vertices) > 4:
            raise InputError(f"{path}: group {face.group}: a face of {len(face.vertices)} corners; wanted 3 or 4")
        faces.append((*face.vertices, face.vertices[-1])[:4])
        uv.append((*face.uv, face.uv[-1])[:4] if face.uv else (0, 0, 0, 0))
        groups.append(kinds[face.group])
    for kind, names in enumerate(GROUPS.values()):
        if kind not in groups:
            raise InputError(f"{path}: no faces in group {names[0]!r}; wanted MakeHuman's base mesh hm08")
    return np.array(faces, np.int32), np.array(uv, np.int32), np.array(groups, np.uint8)


def _convert_targets(folder: Path, out: Path, vertices: int) -> Licences:
    """Writes the shape targets as int16 steps of `UNIT_DM`."""
    files = target_files()
    if missing := [file for file in files.values() if not (folder / file).is_file()]:
        raise InputError(f"{folder}: {missing[0]} and {len(missing) - 1} more of the {len(files)} shapes are missing")
    deltas = np.zeros((len(files), vertices, 3), np.int16)
    licences: Licences = Counter()
    for row, name in enumerate(files.values()):
        text = read_text(folder / name)
        licences[licence(text)] += 1
        deltas[row] = _read_target(folder / name, text, vertices)
    np.savez_compressed(out, names=np.array(list(files)), delta=deltas, unit=np.float32(UNIT_DM))
    return licences


def _read_target(path: Path, text: str, vertices: int) -> NDArray[np.int16]:
    """(V, 3) whole steps of `UNIT_DM` from the lines `vertex dx dy dz`; vertices without a line stay."""
    indices, moves = [], []
    for line in lines(path, text):
        line.wants(4, "a vertex and its way along x, y and z")
        indices.append(line.whole(0, 0, vertices))
        moves.append(line.reals(1, 3))
    steps = np.round(np.array(moves).reshape(-1, 3) / UNIT_DM)
    if np.abs(steps).max(initial=0) > np.iinfo(np.int16).max:
        raise InputError(f"{path}: moves a vertex by {np.abs(steps).max() * UNIT_DM:g} dm; wanted at most 65")
    deltas = np.zeros((vertices, 3), np.int16)
    deltas[indices] = steps.astype(np.int16)
    return deltas
