"""Puts a person on the graphics card: vertices, fabrics, bones, and a coarse hull for the shadow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.look import FABRICS, Look, Surface
from chronopose.synth.mesh import Mesh, Triangles
from chronopose.synth.programs import LOOK, POSE, Programs, is_cloth

if TYPE_CHECKING:
    import moderngl

Array = NDArray[np.float64]

MOST_BONES = 64
_COARSE_CELL_M = 0.06
# Seen from both sides: strands are flat, and a skirt is open below.
_TWO_SIDED = (Surface.HAIR, Surface.SKIRT)
# What is likely in front comes first, so that less of what is behind it is painted.
_ORDER = (Surface.HAT, Surface.HAIR, Surface.SHOE, Surface.SKIRT, Surface.CLOTH, Surface.SKIN, Surface.EYES)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one draw call paints."""

    vertices: "moderngl.VertexArray"
    program: "moderngl.Program"
    fabric: int | None
    two_sided: bool


class Actor:
    """A person on the graphics card. `release` it when the clip is over.

    Attributes:
        middles: (B, 3) float32 mean rest place of what each bone moves most; 0, 0, 0 if nothing.
    """

    def __init__(self, context: "moderngl.Context", programs: Programs, meshes: Sequence[Mesh], look: Look) -> None:
        self._context = context
        self._buffers: list[moderngl.Buffer] = []
        self._parts: list[_Part] = []
        for mesh in sorted(meshes, key=lambda mesh: _ORDER.index(Surface(mesh.kind))):
            self._parts += self._upload(programs, mesh, look)
        self._hull = self._upload_hull(programs, meshes)
        self._look = self._buffer(look.block())
        self._pose = context.buffer(reserve=16 * (3 * MOST_BONES + 1))
        self._buffers.append(self._pose)
        self.middles = _middles(meshes)

    @property
    def released(self) -> bool:
        """Whether the graphics card holds nothing of the person any more."""
        return not self._buffers

    def release(self) -> None:
        """Gives the graphics card's memory back; the person cannot be drawn any more. Twice does no harm."""
        if self.released:
            return
        with self._context:
            for part in self._parts:
                part.vertices.release()
            self._hull.release()
            for buffer in self._buffers:
                buffer.release()
        self._parts, self._buffers = [], []

    def pose(self, matrices: Floats, owner: int) -> Array:
        """Takes on a pose.

        Args:
            matrices: (B, 3, 4) rest -> world.
            owner: 0 to 255, written into every pixel of the person.

        Returns:
            (B, 3) world metres: where `middles` are now.
        """
        if len(matrices) > MOST_BONES:
            raise ValueError(f"{len(matrices)} bones; at most {MOST_BONES} fit the shader")
        rows = np.zeros((3 * MOST_BONES + 1, 4), np.float32)
        rows[: 3 * len(matrices)] = matrices.reshape(-1, 4)
        rows[-1] = owner / 255
        self._pose.write(rows.tobytes())
        held = np.asarray(matrices, np.float64)
        places: Array = np.einsum("brc,bc->br", held[:, :, :3], self.middles[: len(held)]) + held[:, :, 3]
        return places

    def draw(self, cull_face: int) -> None:
        """Paints the person into the current frame; `cull_face` is the context's flag for it."""
        self._pose.bind_to_uniform_block(POSE)
        self._look.bind_to_uniform_block(LOOK)
        for part in self._parts:
            if part.two_sided:
                self._context.disable(cull_face)
            else:
                self._context.enable(cull_face)
            if part.fabric is not None:
                part.program["number"] = part.fabric
            part.vertices.render()

    def draw_hull(self) -> None:
        """Draws the depth of the person into the current frame."""
        self._pose.bind_to_uniform_block(POSE)
        self._hull.render()

    def _buffer(self, array: NDArray[np.generic]) -> "moderngl.Buffer":
        buffer = self._context.buffer(np.ascontiguousarray(array).tobytes())
        self._buffers.append(buffer)
        return buffer

    def _upload(self, programs: Programs, mesh: Mesh, look: Look) -> Iterator[_Part]:
        used, triangles = _compacted(mesh.triangles, len(mesh.positions))
        if not len(used):
            return
        packed = np.concatenate(
            [
                _bytes(mesh.positions[used]),
                _bytes(
                    np.column_stack(
                        [mesh.normals[used], _openness(mesh.positions[used], mesh.normals[used], triangles)]
                    )
                ),
                mesh.bones[used].astype(np.uint8),
                _bytes(mesh.weights[used]),
                _bytes(mesh.limbs[used]),
            ],
            axis=1,
        )
        vertices = self._buffer(packed)
        kind = Surface(mesh.kind)
        layout = (vertices, "3f 4f 4u1 4f 4f", "in_position", "in_normal", "in_bones", "in_weights", "in_limbs")
        numbers = np.floor(mesh.limbs[used, 3]).astype(np.int64)
        # A triangle between two fabrics is drawn with each; the shader keeps to its own side.
        fabrics: list[int | None] = [*np.unique(numbers).tolist()] if is_cloth(kind) else [None]
        for fabric in fabrics:
            if fabric is not None and not 0 <= fabric < FABRICS:
                raise ValueError(f"fabric {fabric}; a look has 0 to {FABRICS - 1}")
            program = programs.of_surface(kind, None if fabric is None else look.fabrics[fabric])
            mine = triangles if len(fabrics) == 1 else triangles[(numbers == fabric)[triangles].any(axis=1)]
            drawn = self._context.vertex_array(program, [layout], self._buffer(mine), skip_errors=True)
            yield _Part(drawn, program, fabric, kind in _TWO_SIDED)

    def _upload_hull(self, programs: Programs, meshes: Sequence[Mesh]) -> "moderngl.VertexArray":
        firsts = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])[:-1]
        positions = np.concatenate([mesh.positions for mesh in meshes])
        bones = np.concatenate([mesh.bones for mesh in meshes])
        weights = np.concatenate([mesh.weights for mesh in meshes])
        triangles = np.concatenate([mesh.triangles + first for mesh, first in zip(meshes, firsts, strict=True)])
        used, order = _compacted(_coarsened(positions, bones, triangles), len(positions))
        packed = np.concatenate([_bytes(positions[used]), bones[used].astype(np.uint8), _bytes(weights[used])], axis=1)
        layout = (self._buffer(packed), "3f 4u1 4f", "in_position", "in_bones", "in_weights")
        program = programs.get("sun_person.vert", "sun.frag")
        return self._context.vertex_array(program, [layout], self._buffer(order))


def _compacted(triangles: Triangles, count: int) -> tuple[NDArray[np.int64], Triangles]:
    """Which of `count` vertices the triangles use (n,), and the triangles with these numbered from 0."""
    wanted = np.zeros(count, bool)
    wanted[triangles] = True
    return np.flatnonzero(wanted), (np.cumsum(wanted, dtype=np.int32) - 1)[triangles]


def _bytes(array: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(N, k) numbers as (N, 4 k) bytes of float32."""
    return np.ascontiguousarray(array, np.float32).view(np.uint8).reshape(len(array), -1)


def _openness(places: Floats, normals: Floats, triangles: Triangles) -> Array:
    """(n,) how much light from all around reaches each vertex, 0.4 to 1: less where the surface is hollow."""
    starts, ends = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    along = places[ends] - places[starts]
    length = np.maximum(np.sqrt(np.einsum("nk,nk->n", along, along)), 1e-6)
    counts = np.maximum(np.bincount(starts, minlength=len(places)), 1)
    rise = np.bincount(starts, np.einsum("nk,nk->n", along, normals[starts]) / length, len(places)) / counts
    # Once around: a sharp crease also shades what lies next to it.
    rise = 0.5 * rise + 0.5 * np.bincount(starts, rise[ends], len(places)) / counts
    opened: Array = np.clip(1 - 1.6 * rise, 0.4, 1)
    return opened


def _coarsened(positions: Floats, bones: NDArray[np.uint8], triangles: Triangles) -> Triangles:
    """The triangles (m, 3) left when the vertices in one cell of a coarse grid that one bone moves become one."""
    cell = np.floor(positions / _COARSE_CELL_M).astype(np.int64) + 512
    key = ((cell[:, 0] * 1024 + cell[:, 1]) * 1024 + cell[:, 2]) * 256 + bones[:, 0]
    _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
    fewer = np.sort(first[cluster.reshape(-1)][triangles], axis=1)  # both sides cast a shadow: order does not matter
    a, b, c = fewer.T
    kept = fewer[(a != b) & (b != c)]
    code = (kept[:, 0] * len(positions) + kept[:, 1]) * len(positions) + kept[:, 2]
    once = kept[np.unique(code, return_index=True)[1]]
    return once.astype(np.int32) if len(once) else triangles


def _middles(meshes: Sequence[Mesh]) -> Floats:
    """See `Actor.middles`."""
    bones = np.concatenate([mesh.bones[:, 0] for mesh in meshes])
    positions = np.concatenate([mesh.positions for mesh in meshes])
    counts = np.maximum(np.bincount(bones, minlength=MOST_BONES), 1)
    sums = [np.bincount(bones, positions[:, axis], MOST_BONES) for axis in range(3)]
    return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)
