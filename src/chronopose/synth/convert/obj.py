"""Reads meshes in Wavefront's .obj format: positions, texture coordinates, polygons and their groups."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.convert.text import Line, lines

_MOST_VERTICES = 200_000
_MOST_FACES = 400_000
_MOST_CORNERS = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Polygon:
    """One face: the vertices at its corners, their texture coordinates (empty without any), and its group."""

    vertices: tuple[int, ...]
    uv: tuple[int, ...]
    group: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Obj:
    """A mesh: `vertices` (V, 3) float32 in the file's unit, `uv` (U, 2) float32, and its faces."""

    vertices: Floats
    uv: Floats
    polygons: tuple[Polygon, ...]

    def triangles(self) -> NDArray[np.int32]:
        """(M, 3) all faces, each cut into a fan."""
        fans = [
            (face.vertices[0], face.vertices[k], face.vertices[k + 1])
            for face in self.polygons
            for k in range(1, len(face.vertices) - 1)
        ]
        return np.array(fans, np.int32).reshape(-1, 3)


def read_obj(path: Path) -> Obj:
    """Reads a mesh; normals, materials and smoothing are passed over.

    Raises:
        InputError: a line that cannot be, a face whose vertices are not there, or too much of anything.
    """
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    polygons: list[Polygon] = []
    group = ""
    for line in lines(path):
        kind = line.words[0]
        if kind == "v":
            vertices.append(line.reals(1, 3))
        elif kind == "vt":
            uv.append(line.reals(1, 2))
        elif kind == "g":
            group = line.words[1] if len(line.words) > 1 else ""
        elif kind == "f":
            polygons.append(_polygon(line, len(vertices), len(uv), group))
        if len(vertices) > _MOST_VERTICES or len(uv) > 2 * _MOST_VERTICES or len(polygons) > _MOST_FACES:
            raise line.fail(f"too big a mesh; at most {_MOST_VERTICES} vertices and {_MOST_FACES} faces are read")
    if not vertices or not polygons:
        raise InputError(f"{path}: {len(vertices)} vertices and {len(polygons)} faces; wanted a mesh in .obj format")
    return Obj(
        vertices=np.array(vertices, np.float32),
        uv=np.array(uv, np.float32).reshape(-1, 2),
        polygons=tuple(polygons),
    )


def _polygon(line: Line, vertices: int, coordinates: int, group: str) -> Polygon:
    corners = line.words[1:]
    if not 3 <= len(corners) <= _MOST_CORNERS:
        raise line.fail(f"a face of {len(corners)} corners; wanted 3 to {_MOST_CORNERS}")
    places, uv = [], []
    for corner in corners:
        fields = corner.split("/")
        places.append(_index(line, fields[0], vertices, "vertex"))
        if len(fields) > 1 and fields[1]:
            uv.append(_index(line, fields[1], coordinates, "texture coordinate"))
    if uv and len(uv) != len(places):
        raise line.fail("texture coordinates at some corners only; wanted all or none")
    return Polygon(vertices=tuple(places), uv=tuple(uv), group=group)


def _index(line: Line, word: str, count: int, what: str) -> int:
    """Indices count from 1, or from the end backwards where they are below zero."""
    try:
        value = int(word)
    except ValueError:
        raise line.fail(f"{word[:40]!r}; wanted the number of a {what}") from None
    place = value - 1 if value > 0 else count + value
    if value == 0 or not 0 <= place < count:
        raise line.fail(f"{what} {value}; {count} stand before this line")
    return place
