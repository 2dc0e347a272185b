"""Draws people, props and a backdrop with OpenGL, and says for every pixel whose it is and how far away."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.synth.camera import FAR_M, NEAR_M, Camera
from chronopose.synth.look import FABRICS, Look, Surface
from chronopose.synth.mesh import Mesh
from chronopose.synth.setting import Backdrop, Light, Prop, Texture
from chronopose.synth.solids import SOLIDS, noise_block, print_atlas

if TYPE_CHECKING:
    import moderngl

Array = NDArray[np.float64]

PROP_OWNER = 255
MOST_BONES = 64
_SUN_MAP_PX = 320
_KEPT_TEXTURES = 48
_SUN_CELL_M = 0.05
_SCENE, _POSE, _LOOK = 0, 1, 2  # bindings of the uniform blocks
_PROGRAM_OF = {
    Surface.SKIN: "skin",
    Surface.EYES: "plain",
    Surface.HAIR: "hair",
    Surface.CLOTH: "cloth",
    Surface.SKIRT: "cloth",
    Surface.SHOE: "plain",
    Surface.HAT: "plain",
}
# Where the textures are bound.
_PICTURE, _NOISE, _SUN_MAP, _PRINTS = range(4)


@dataclass(slots=True, eq=False, kw_only=True)
class Actor:
    """A person on the graphics card; `release` when the clip is over."""

    surfaces: "list[tuple[Surface, moderngl.VertexArray]]"
    silhouette: "moderngl.VertexArray"
    buffers: "list[moderngl.Buffer]"
    look: "moderngl.Buffer"
    pose: "moderngl.Buffer"
    middles: Floats

    def release(self) -> None:
        """Gives the graphics card's memory back; the actor cannot be drawn any more."""
        for _, surface in self.surfaces:
            surface.release()
        self.silhouette.release()
        for buffer in (*self.buffers, self.look, self.pose):
            buffer.release()
        self.surfaces, self.buffers = [], []


class Renderer:
    """An off-screen picture to draw into. Use it in a `with` statement, or `close` it.

    Args:
        width: of the picture that is wanted, pixels.
        height: of it.
        supersample: how much larger it is drawn.

    Raises:
        InputError: moderngl is not installed, or the machine has no OpenGL to draw with.
    """

    def __init__(self, width: int, height: int, supersample: float = 1.5) -> None:
        try:
            import moderngl
        except ImportError:
            raise InputError("rendering needs the package moderngl; `pip install chronopose[synth]` has it") from None
        try:
            self._context = moderngl.create_standalone_context(backend="egl", require=330)
        except Exception as error:  # glcontext raises bare exceptions of several kinds
            brief = " ".join(str(error).split())[:120]
            raise InputError(f"no OpenGL 3.3 through EGL on this machine ({brief}); Mesa's software one will do") from None
        context = self._context
        self._gl = moderngl
        self.width, self.height = round(width * supersample), round(height * supersample)
        self._programs = {name: self._program("person.vert", f"{name}.frag") for name in ("skin", "cloth", "hair", "plain")}
        self._programs["sun person"] = self._program("sun_person.vert", "sun.frag")
        self._programs["sun thing"] = self._program("sun_thing.vert", "sun.frag")
        for name in ("backdrop", "thing", "touch"):
            self._programs[name] = self._program(f"{name}.vert", f"{name}.frag")

        size = (self.width, self.height)
        self._colour = context.texture(size, 4)
        self._depth = context.depth_texture(size)
        self._frame = context.framebuffer([self._colour], self._depth)
        self._sun_map = context.depth_texture((_SUN_MAP_PX, _SUN_MAP_PX))
        self._sun_map.compare_func = "<="
        self._sun_map.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._sun_frame = context.framebuffer(depth_attachment=self._sun_map)
        self._noise = context.texture3d(noise_block().shape[2::-1], 4, noise_block().tobytes())
        self._noise.filter = (moderngl.LINEAR, moderngl.LINEAR)
        atlas = print_atlas()
        self._prints = context.texture(atlas.shape[1::-1], 3, atlas.tobytes())
        self._prints.build_mipmaps()
        self._prints.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self._textures: dict[str, moderngl.Texture] = {}

        self._scene = context.buffer(reserve=4 * 4 * 13)
        corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
        self._corners = context.buffer(corners.tobytes())
        self._wall = context.vertex_array(self._programs["backdrop"], [(self._corners, "2f", "in_corner")])
        self._spots = context.buffer(reserve=16 * 512)
        self._touches = context.vertex_array(
            self._programs["touch"], [(self._corners, "2f", "in_corner"), (self._spots, "4f/i", "in_spot")]
        )
        self._solids, self._solid_shadows = {}, {}
        for name, solid in SOLIDS.items():
            vertices = context.buffer(np.ascontiguousarray(solid(), np.float32).tobytes())
            self._solids[name] = context.vertex_array(
                self._programs["thing"], [(vertices, "3f 3f 2f", "in_position", "in_normal", "in_uv")]
            )
            self._solid_shadows[name] = context.vertex_array(
                self._programs["sun thing"], [(vertices, "3f 20x", "in_position")]
            )
        self._read: tuple[NDArray[np.uint8], Camera] | None = None
        self._camera: Camera | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the graphics card's memory back; nothing can be drawn afterwards."""
        self._context.release()

    def actor(self, meshes: Sequence[Mesh], look: Look) -> Actor:
        """Puts a person on the graphics card, where it stays until it is released."""
        context = self._context
        buffers: list[moderngl.Buffer] = []
        surfaces: list[tuple[Surface, moderngl.VertexArray]] = []
        for mesh in meshes:
            used, triangles = np.unique(mesh.triangles, return_inverse=True)
            if not len(used):
                continue
            triangles = triangles.reshape(-1, 3)
            packed = np.concatenate(
                [
                    _bytes(mesh.positions[used]),
                    _bytes(np.column_stack([mesh.normals[used], _openness(mesh, used, triangles)])),
                    mesh.bones[used].astype(np.uint8),
                    _bytes(mesh.weights[used]),
                    _bytes(mesh.limbs[used]),
                ],
                axis=1,
            )
            vertices, order = context.buffer(packed.tobytes()), context.buffer(triangles.astype(np.int32).tobytes())
            buffers += [vertices, order]
            kind = Surface(mesh.kind)
            layout = (vertices, "3f 4f 4u1 4f 4f", "in_position", "in_normal", "in_bones", "in_weights", "in_limbs")
            program = self._programs[_PROGRAM_OF[kind]]
            surfaces.append((kind, context.vertex_array(program, [layout], order, skip_errors=True)))
        silhouette, more = self._silhouette(meshes)
        return Actor(
            surfaces=surfaces,
            silhouette=silhouette,
            buffers=buffers + more,
            look=context.buffer(look.block().tobytes()),
            pose=context.buffer(reserve=16 * (3 * MOST_BONES + 1)),
            middles=_middles(meshes),
        )

    def shoot(
        self,
        camera: Camera,
        people: Sequence[tuple[Actor, Floats]],
        backdrop: Backdrop,
        props: Sequence[tuple[Prop, Array]],
        light: Light,
    ) -> None:
        """Draws one instant; `picture` and `surfaces` read it.

        Args:
            camera: whence.
            people: each with the matrices (B, 3, 4) of its bones, rest -> world, B <= `MOST_BONES`.
            backdrop: what is behind.
            props: each with its placement (4, 4), own axes -> world.
            light: on everything but the backdrop, which brings its own.
        """
        context, gl = self._context, self._gl
        self._read, self._camera = None, camera
        middles = []
        for number, (actor, matrices) in enumerate(people):
            rows = np.zeros((3 * MOST_BONES + 1, 4), np.float32)
            rows[: 3 * len(matrices)] = matrices.reshape(-1, 4)
            rows[-1] = min(number + 1, PROP_OWNER - 1) / 255
            actor.pose.write(rows.tobytes())
            middles.append(
                np.einsum("brc,bc->br", matrices[:, :, :3], actor.middles[: len(matrices), :3]) + matrices[:, :, 3]
            )
        around = np.concatenate(middles) if middles else np.zeros((1, 3))
        self._scene.write(_scene_block(camera, light, _sun_view(around, light.sun_direction)).tobytes())
        self._scene.bind_to_uniform_block(_SCENE)
        context.disable(gl.BLEND | gl.CULL_FACE)
        context.enable(gl.DEPTH_TEST)
        context.depth_func = "<="
        if light.shadow > 0:
            self._draw_sun_map(people, props)

        self._frame.use()
        self._frame.clear(depth=1.0)
        self._noise.use(_NOISE)
        self._sun_map.use(_SUN_MAP)
        self._prints.use(_PRINTS)
        for actor, _ in people:
            actor.pose.bind_to_uniform_block(_POSE)
            actor.look.bind_to_uniform_block(_LOOK)
            for kind, surface in actor.surfaces:
                if _PROGRAM_OF[kind] == "plain":
                    self._programs["plain"]["kind"] = int(kind)
                surface.render()
        program = self._programs["thing"]
        for prop, placement in props:
            self._texture(prop.texture).use(_PICTURE)
            program["own_to_world"].write(np.asarray(placement, np.float32).T.tobytes())
            program["window"] = tuple(prop.window)
            program["gain"] = tuple(float(g) for g in prop.gain)
            self._solids[prop.shape].render()
        self._draw_backdrop(camera, backdrop)
        self._draw_touches(around)

    def picture(self) -> Pixels:
        """(H', W', 3) uint8: what `shoot` drew, larger than the wanted picture by `supersample`, the top row first."""
        return np.ascontiguousarray(self._pixels()[..., :3])

    def surfaces(self) -> tuple[NDArray[np.uint8], Floats]:
        """Of every pixel that `shoot` drew, the top row first.

        Returns:
            (H', W') uint8: 0 for the backdrop, 1 for the first person and so on, 255 for props.
            (H', W') float32: metres along the ray to what is seen there; `camera.FAR_M` and more for the backdrop.
        """
        owner = np.ascontiguousarray(self._pixels()[..., 3])
        camera = self._camera
        assert camera is not None
        stored = np.frombuffer(self._depth.read(), np.float32).reshape(self.height, self.width)
        depth = FAR_M * NEAR_M / (FAR_M - stored * (FAR_M - NEAR_M))
        high = np.tan(camera.fov / 2)
        down = ((np.arange(self.height) + 0.5) / self.height * 2 - 1) * high
        across = ((np.arange(self.width) + 0.5) / self.width * 2 - 1) * high * camera.width / camera.height
        rays = np.sqrt(1 + down[:, None] ** 2 + across[None] ** 2)
        return owner, (depth * rays).astype(np.float32)

    def _pixels(self) -> NDArray[np.uint8]:
        if self._camera is None:
            raise RuntimeError("shoot something before you look at it")
        if self._read is None or self._read[1] is not self._camera:
            read = np.frombuffer(self._colour.read(), np.uint8).reshape(self.height, self.width, 4)
            self._read = (read, self._camera)
        return self._read[0]

    def _draw_sun_map(self, people: Sequence[tuple[Actor, Floats]], props: Sequence[tuple[Prop, Array]]) -> None:
        self._sun_frame.use()
        self._sun_frame.clear(depth=1.0)
        for actor, _ in people:
            actor.pose.bind_to_uniform_block(_POSE)
            actor.silhouette.render()
        program = self._programs["sun thing"]
        for prop, placement in props:
            program["own_to_world"].write(np.asarray(placement, np.float32).T.tobytes())
            self._solid_shadows[prop.shape].render()

    def _draw_backdrop(self, camera: Camera, backdrop: Backdrop) -> None:
        program = self._programs["backdrop"]
        self._texture(backdrop.texture).use(_PICTURE)
        high = float(np.tan(camera.fov / 2))
        program["camera_to_world"].write(np.asarray(camera.rotation, np.float32).tobytes())
        program["half_view"] = (high * camera.width / camera.height, high)
        program["window"] = tuple(backdrop.window)
        program["gain"] = tuple(float(g) for g in backdrop.gain)
        program["yaw"] = backdrop.yaw
        program["panorama"] = backdrop.kind == "panorama"
        self._wall.render(self._gl.TRIANGLE_STRIP)

    def _draw_touches(self, around: Array) -> None:
        """Darkens the floor where something is close above it, whatever the light."""
        near = around[(around[:, 1] < 0.35) & (around[:, 1] > -0.3)][:512]
        if not len(near):
            return
        height = np.maximum(near[:, 1], 0.02)
        spots = np.column_stack([near[:, 0], near[:, 2], 0.12 + 0.8 * height, 0.5 * np.exp(-height / 0.09)])
        self._spots.write(spots.astype(np.float32).tobytes())
        context, gl = self._context, self._gl
        context.enable(gl.BLEND)
        context.blend_func = gl.ZERO, gl.ONE_MINUS_SRC_ALPHA
        self._frame.depth_mask = False
        self._frame.color_mask = True, True, True, False
        self._touches.render(gl.TRIANGLE_STRIP, instances=len(near))
        self._frame.color_mask = True, True, True, True
        self._frame.depth_mask = True
        context.disable(gl.BLEND)

    def _silhouette(self, meshes: Sequence[Mesh]) -> "tuple[moderngl.VertexArray, list[moderngl.Buffer]]":
        """A coarse hull of all meshes, for the sun's depth map."""
        offsets = np.cumsum([0, *(len(mesh.positions) for mesh in meshes)])
        positions = np.concatenate([mesh.positions for mesh in meshes])
        bones = np.concatenate([mesh.bones for mesh in meshes])
        weights = np.concatenate([mesh.weights for mesh in meshes])
        triangles = np.concatenate([mesh.triangles + at for mesh, at in zip(meshes, offsets[:-1], strict=True)])
        coarse = _coarsened(positions, bones, triangles)
        used, order = np.unique(coarse, return_inverse=True)
        packed = np.concatenate([_bytes(positions[used]), bones[used].astype(np.uint8), _bytes(weights[used])], axis=1)
        context = self._context
        vertices, indices = context.buffer(packed.tobytes()), context.buffer(order.astype(np.int32).tobytes())
        layout = (vertices, "3f 4u1 4f", "in_position", "in_bones", "in_weights")
        return context.vertex_array(self._programs["sun person"], [layout], indices), [vertices, indices]

    def _texture(self, texture: Texture) -> "moderngl.Texture":
        """A picture on the graphics card; those used longest ago go when there are too many."""
        found = self._textures.pop(texture.key, None)
        if found is None:
            pixels = np.ascontiguousarray(texture.pixels)
            found = self._context.texture(pixels.shape[1::-1], 3, pixels.tobytes(), alignment=1)
            found.build_mipmaps()
            found.filter = (self._gl.LINEAR_MIPMAP_LINEAR, self._gl.LINEAR)
            found.repeat_x, found.repeat_y = True, False
        self._textures[texture.key] = found
        while len(self._textures) > _KEPT_TEXTURES:
            self._textures.pop(next(iter(self._textures))).release()
        return found

    def _program(self, vertex: str, fragment: str) -> "moderngl.Program":
        program = self._context.program(vertex_shader=_source(vertex), fragment_shader=_source(fragment))
        for name, binding in (("Scene", _SCENE), ("Pose", _POSE), ("Look", _LOOK)):
            if name in program:
                program[name].binding = binding
        for name, unit in (("picture", _PICTURE), ("noise_map", _NOISE), ("sun_map", _SUN_MAP), ("prints", _PRINTS)):
            if name in program:
                program[name] = unit
        return program


def _source(name: str) -> str:
    """A shader's text, with its `#include` lines replaced by what they name."""
    text = (resources.files("chronopose.synth") / "shaders" / name).read_text("utf-8")
    lines = [_source(line.split('"')[1]) if line.startswith("#include") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _bytes(array: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(N, k) numbers as (N, 4 k) bytes of float32."""
    return np.ascontiguousarray(array, np.float32).view(np.uint8).reshape(len(array), -1)


def _openness(mesh: Mesh, used: NDArray[np.intp], triangles: NDArray[np.intp]) -> Array:
    """(n,) how much light from all around reaches each vertex, 0.4 to 1: less where the surface is hollow."""
    places, normals = mesh.positions[used], mesh.normals[used]
    starts, ends = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
    along = places[ends] - places[starts]
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-6)
    counts = np.maximum(np.bincount(starts, minlength=len(used)), 1)
    rise = np.bincount(starts, np.einsum("nk,nk->n", along, normals[starts]) / length, len(used)) / counts
    # Once around: a single sharp crease also shades what lies next to it.
    rise = 0.5 * rise + 0.5 * np.bincount(starts, rise[ends], len(used)) / counts
    opened: Array = np.clip(1 - 1.6 * rise, 0.4, 1)
    return opened


def _coarsened(positions: Floats, bones: NDArray[np.uint8], triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """The triangles (m, 3) left when the vertices of a cell of a coarse grid that one bone moves become one."""
    cell = np.floor(positions / _SUN_CELL_M).astype(np.int64) + 512
    key = ((cell[:, 0] * 1024 + cell[:, 1]) * 1024 + cell[:, 2]) * 256 + bones[:, 0]
    _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
    fewer = first[cluster.reshape(-1)][triangles]
    a, b, c = fewer.T
    kept: NDArray[np.int32] = fewer[(a != b) & (b != c) & (c != a)].astype(np.int32)
    return kept if len(kept) else triangles


def _middles(meshes: Sequence[Mesh]) -> Floats:
    """(B, 3) float32: the mean rest position of what each bone moves most."""
    bones = np.concatenate([mesh.bones[:, 0] for mesh in meshes])
    positions = np.concatenate([mesh.positions for mesh in meshes])
    counts = np.maximum(np.bincount(bones, minlength=MOST_BONES), 1)
    sums = [np.bincount(bones, positions[:, axis], MOST_BONES) for axis in range(3)]
    return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)


def _sun_view(around: Array, direction: Array) -> Array:
    """(4, 4) world -> 0..1 in the sun's depth map, which holds all of the places `around` (N, 3)."""
    side = np.cross([0.0, 1.0, 0.0] if abs(direction[1]) < 0.99 else [1.0, 0.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -direction])
    seen = around @ axes.T
    low, high = seen.min(axis=0) - 0.4, seen.max(axis=0) + 0.4
    reach = np.minimum(high - low, 14.0)
    scale = 1 / np.array([max(reach[0], reach[1]), max(reach[0], reach[1]), reach[2]])
    middle = (low + high) / 2
    matrix = np.eye(4)
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = 0.5 - middle * scale
    return matrix


def _scene_block(camera: Camera, light: Light, world_to_sun: Array) -> Floats:
    """(13, 4) float32: the uniform block of shaders/scene.glsl."""
    clip = camera.projection() @ camera.view()
    clip[1] *= -1
    rows = [
        *clip.T,
        *world_to_sun.T,
        (*camera.position, 0.0),
        (*light.sun_direction, light.shadow),
        (*light.sun, 0.0),
        (*light.sky, 0.0),
        (*light.ground, 0.0),
    ]
    return np.array(rows, dtype=np.float32)
