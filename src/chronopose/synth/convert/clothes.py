"""Converts clothes and hair of MakeHuman (.mhclo and .obj) to clothes.npz."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.convert.body import Licences
from chronopose.synth.convert.obj import read_obj
from chronopose.synth.convert.text import Line, licence, lines, read_text

# Folders of a checkout of makehuman-assets whose parts would be pixels in our pictures, or are for debugging.
_PASSED_OVER = {"eyebrows", "eyelashes", "eyes", "teeth", "tongue", "genitals", "proxymeshes", "debug"}
_AXES = {"x_scale": 0, "y_scale": 1, "z_scale": 2}
_MOST_FILES = 1000
_MOST_VERTICES = 65535


@dataclass(slots=True, eq=False, kw_only=True)
class _Binding:
    """What a .mhclo file says; N vertices.

    Attributes:
        corners: N times three vertices of the base mesh.
        weights: N times what each of them counts.
        offsets: N times the way from there, in decimetres.
        scale: (3, 3) per axis two vertices of the base mesh and their distance along it; equal vertices do not scale.
        hidden: (V,) bool vertices of the base mesh that lie under it.
        mesh: the name of its .obj file.
    """

    corners: list[tuple[int, int, int]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    offsets: list[list[float]] = field(default_factory=list)
    scale: Floats
    hidden: NDArray[np.bool_]
    mesh: str | None = None


def convert_clothes(
    folder: Path, out: Path, vertices: int, broken: Callable[[InputError], None]
) -> tuple[tuple[str, ...], Licences]:
    """Writes `out`/clothes.npz from all garments below `folder`.

    Args:
        vertices: of the base mesh they are bound to.
        broken: is told of a file that cannot be used, which is left out if it does not raise.

    Returns:
        The names of the garments, and how many files state which licence.
    """
    arrays: dict[str, NDArray[np.generic]] = {}
    files: dict[str, Path] = {}
    licences: Licences = Counter()
    for file in _find(folder):
        name = re.sub(r"[^\w-]", "_", file.stem)
        try:
            if name in files:
                raise InputError(f"{file}: there is a garment {name!r} already, {files[name]}; rename one")
            text = read_text(file)
            arrays.update({f"{name}/{field}": array for field, array in _garment(file, text, vertices).items()})
        except InputError as error:
            broken(error)
            continue
        files[name] = file
        licences[licence(text)] += 1
    if not files:
        raise InputError(f"{folder}: no usable .mhclo files below it; wanted a checkout of makehuman-assets")
    np.savez_compressed(out / "clothes.npz", names=np.array(list(files)), **arrays)  # type: ignore[arg-type]
    return tuple(files), licences


def _find(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of clothes")
    found = sorted(
        file for file in folder.rglob("*.mhclo") if not _PASSED_OVER & set(file.relative_to(folder).parts[:-1])
    )
    if len(found) > _MOST_FILES:
        raise InputError(f"{folder}: {len(found)} garments; at most {_MOST_FILES} are read")
    return found


def _garment(path: Path, text: str, vertices: int) -> dict[str, NDArray[np.generic]]:
    """The arrays of one garment as clothes.npz names them."""
    binding = _read_binding(path, text, vertices)
    mesh_file = _beside(path, binding.mesh)
    mesh = read_obj(mesh_file)
    count = len(binding.corners)
    if len(mesh.vertices) != count:
        raise InputError(f"{path}: binds {count} vertices, but {mesh_file.name} has {len(mesh.vertices)}")
    triangles = mesh.triangles()
    weights = np.array(binding.weights)
    if (wrong := np.abs(weights.sum(axis=1) - 1) > 0.01).any():
        row = int(np.argmax(wrong))
        raise InputError(f"{path}: the weights of vertex {row} sum to {weights[row].sum():g}; wanted 1")
    return {
        "idx": np.array(binding.corners, np.uint16),
        "w": weights.astype(np.float16),
        "off": np.array(binding.offsets).astype(np.float16),
        "tri": triangles.astype(np.uint16),
        "scale": binding.scale,
        "comp": _parts(triangles, count),
        "hide": np.packbits(binding.hidden),
    }


def _read_binding(path: Path, text: str, vertices: int) -> _Binding:
    binding = _Binding(scale=np.zeros((3, 3), np.float32), hidden=np.zeros(vertices, np.bool_))
    section = ""
    for line in lines(path, text):
        key = line.words[0]
        if key.lstrip("-").isdigit():
            if section == "verts":
                _bind(line, binding, vertices)
            elif section == "delete_verts":
                _hide(line, line.words, binding.hidden)
            continue  # numbers of other sections, such as old weights, are not needed
        if key in _AXES:
            line.wants(4, "two vertices and a length")
            ends = [line.whole(place, 0, vertices) for place in (1, 2)]
            binding.scale[_AXES[key]] = [*ends, line.real(3)]
        elif key == "obj_file":
            binding.mesh = " ".join(line.words[1:])
        elif key == "basemesh" and line.word(1) != "hm08":
            raise line.fail(f"made for the base mesh {line.word(1)[:40]!r}; wanted hm08")
        # A line such as `material` may stand between `verts` and its numbers: only these words open a section.
        elif key in ("verts", "delete_verts", "weights"):
            section = key
            if key == "delete_verts":
                _hide(line, line.words[1:], binding.hidden)
    if not binding.corners:
        raise InputError(f"{path}: binds no vertices; wanted lines of numbers after `verts`")
    return binding


def _bind(line: Line, binding: _Binding, vertices: int) -> None:
    """One vertex: the body vertex it sticks to, or three with their weights and the offset."""
    if len(binding.corners) >= _MOST_VERTICES:
        raise line.fail(f"more than {_MOST_VERTICES} vertices")
    if len(line.words) == 1:
        only = line.whole(0, 0, vertices)
        binding.corners.append((only, only, only))
        binding.weights.append([1.0, 0.0, 0.0])
        binding.offsets.append([0.0, 0.0, 0.0])
        return
    line.wants(9, "three vertices, three weights and an offset, or one vertex alone")
    first, second, third = (line.whole(place, 0, vertices) for place in range(3))
    weights, offset = line.reals(3, 3), line.reals(6, 3)
    if max(map(abs, weights)) > 100 or max(map(abs, offset)) > 100:
        raise line.fail("a weight or an offset above 100; wanted weights about 1 and decimetres")
    binding.corners.append((first, second, third))
    binding.weights.append(weights)
    binding.offsets.append(offset)


def _hide(line: Line, words: Sequence[str], hidden: NDArray[np.bool_]) -> None:
    """Marks the vertices of a line such as `4793 - 4846 4899 6415 - 6430`."""
    parts = " ".join(words).replace("-", " - ").split()
    place = 0
    while place < len(parts):
        length = 3 if parts[place + 1 : place + 2] == ["-"] else 1
        ends = Line(line.path, line.number, parts[place : place + length : 2])
        low = ends.whole(0, 0, len(hidden))
        high = ends.whole(1, low, len(hidden)) if length == 3 else low
        hidden[low : high + 1] = True
        place += length


def _beside(path: Path, name: str | None) -> Path:
    """The mesh file that `path` names, which must lie in its folder."""
    if name is None:
        raise InputError(f"{path}: no line `obj_file`")
    folder = path.parent.resolve()
    try:
        file = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):
        file = folder
    if file.suffix.lower() != ".obj" or not file.is_relative_to(folder):
        raise InputError(f"{path}: obj_file {name[:80]!r}; wanted an .obj file in the same folder")
    return file


def _parts(triangles: NDArray[np.int32], vertices: int) -> NDArray[np.uint16]:
    """(N,) which connected part of the mesh a vertex belongs to, counted in the order of their first vertices."""
    pairs = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(vertices, vertices))
    labels = connected_components(links, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.uint16)
