"""Triangle meshes in the rest pose, with what the skinning shader needs; thinning and normals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats

Array = NDArray[np.float64]
Triangles = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Mesh:
    """A surface that moves with the bones. World axes: y up, the body faces +z at rest, metres.

    Attributes:
        kind: which paint the shader puts on it, one of `look.Surface`.
        positions: (N, 3) float32 rest positions in metres.
        normals: (N, 3) float32 unit normals.
        bones: (N, 4) uint8 indices of the bones that move a vertex.
        weights: (N, 4) float32 how much each does; rows sum to one.
        limbs: (N, 4) float32 limb coordinates as `body.Body.limbs` has them; on clothes the last is the layer.
        triangles: (M, 3) int32.
    """

    kind: int
    positions: Floats
    normals: Floats
    bones: NDArray[np.uint8]
    weights: Floats
    limbs: Floats
    triangles: Triangles


def thin(positions: Floats, triangles: Triangles, cell_m: float | Floats, parts: Triangles | None = None) -> Triangles:
    """Fewer triangles over the same vertices: all vertices in one cell of a grid become the one nearest their mean.

    Args:
        positions: (N, 3) metres.
        triangles: (M, 3).
        cell_m: edge of a cell in metres, or (N,) of them where some places stay finer.
        parts: (N,) whole numbers; vertices of different parts never become one. All one part by default.

    Returns:
        (m, 3) int32, m <= M, no corner twice in a triangle and no triangle twice.
    """
    used = np.unique(triangles)
    if not len(used):
        return triangles.reshape(-1, 3)
    cell = np.broadcast_to(np.asarray(cell_m, np.float32), len(positions))[used]
    part = np.zeros(len(used), np.int64) if parts is None else parts[used]
    places = positions[used]
    grid = np.floor(places / cell[:, None]).astype(np.int64)
    key = np.column_stack([grid, part, np.unique(cell, return_inverse=True)[1]])
    _, cluster = np.unique(key, axis=0, return_inverse=True)
    cluster = cluster.reshape(-1)
    count = np.bincount(cluster)
    centre = np.stack([np.bincount(cluster, places[:, k]) for k in range(3)], axis=1) / count[:, None]
    order = np.lexsort((np.linalg.norm(places - centre[cluster], axis=1), cluster))
    first = np.append(True, np.diff(cluster[order]) > 0)
    stands_for = np.zeros(len(positions), np.int32)
    stands_for[used] = used[order[first]][cluster]
    fewer = stands_for[triangles]
    a, b, c = fewer.T
    fewer = fewer[(a != b) & (b != c) & (c != a)]
    # The same three corners may come from several triangles; turned to begin with the lowest, twins are equal.
    turned = np.take_along_axis(fewer, (fewer.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    return np.unique(turned, axis=0).astype(np.int32)


def normals(positions: Floats, triangles: Triangles) -> Floats:
    """(N, 3) float32 unit normals of `positions` (N, 3): the mean of the triangles around, by area; 0, 0, 0 if none."""
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    faces = np.cross(b - a, c - a)
    corners = triangles.T.reshape(-1)
    total = np.stack([np.bincount(corners, np.tile(faces[:, k], 3), len(positions)) for k in range(3)], axis=1)
    unit: Array = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return unit.astype(np.float32)
