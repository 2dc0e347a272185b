"""Draws people, props and a backdrop with OpenGL, and says of each pixel whose it is and how far."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.synth.actor import Actor
from chronopose.synth.camera import FAR_M, NEAR_M, Camera
from chronopose.synth.look import Look
from chronopose.synth.mesh import Mesh
from chronopose.synth.programs import NOISE, PICTURE, PRINTS, SCENE, SUN_MAP, Programs
from chronopose.synth.setting import Backdrop, Light, Prop, Texture
from chronopose.synth.solids import SOLIDS, noise_block, print_atlas

if TYPE_CHECKING:
    import moderngl

__all__ = ["PROP_OWNER", "Actor", "Renderer"]

Array = NDArray[np.float64]

PROP_OWNER = 255
_SUN_MAP_PX = 320
_KEPT_TEXTURES = 48
_MOST_TOUCHES = 512
_WIDEST_SUN_M = 14.0


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
            context = moderngl.create_context(standalone=True, require=330, backend="egl")  # type: ignore[arg-type]
        except Exception as error:  # glcontext raises bare exceptions of several kinds
            brief = " ".join(str(error).split())[:120]
            raise InputError(
                f"no OpenGL 3.3 through EGL on this machine ({brief}); "
                "Mesa's software one will do: libegl1 and libgl1-mesa-dri on Debian"
            ) from None
        self.width, self.height = round(width * supersample), round(height * supersample)
        self._gl, self._context = moderngl, context
        self._programs = Programs(context)
        self._colour = context.texture((self.width, self.height), 4)
        self._depth = context.depth_texture((self.width, self.height))
        self._frame = context.framebuffer([self._colour], self._depth)
        self._sun_map = context.depth_texture((_SUN_MAP_PX, _SUN_MAP_PX))
        self._sun_map.compare_func = "<="
        self._sun_map.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self._sun_map.repeat_x = self._sun_map.repeat_y = False
        self._sun_frame = context.framebuffer(depth_attachment=self._sun_map)
        noise, atlas = noise_block(), print_atlas()
        self._noise = context.texture3d(noise.shape[2::-1], 4, noise.tobytes())
        self._noise.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._prints = context.texture(atlas.shape[1::-1], 3, atlas.tobytes())
        self._prints.build_mipmaps()
        self._prints.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self._textures: dict[str, moderngl.Texture] = {}
        self._make_shapes(context)
        self._camera: Camera | None = None
        self._read: NDArray[np.uint8] | None = None

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
        with self._context:
            return Actor(self._context, self._programs, meshes, look)

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
            people: each with the matrices (B, 3, 4) of its bones, rest -> world, B <= `actor.MOST_BONES`.
            backdrop: what is behind.
            props: each with its placement (4, 4), own axes -> world.
            light: on everything but the backdrop, which brings its own.
        """
        self._camera, self._read = camera, None
        with self._context:  # another renderer of this process may have been at work
            self._shoot(camera, people, backdrop, props, light)

    def picture(self) -> Pixels:
        """(H', W', 3) uint8: what `shoot` drew, larger than the wanted picture by `supersample`, the top row first."""
        return np.ascontiguousarray(self._pixels()[1][..., :3])

    def surfaces(self) -> tuple[NDArray[np.uint8], Floats]:
        """Of every pixel that `shoot` drew, the top row first.

        Returns:
            (H', W') uint8: 0 for the backdrop, 1 for the first person and so on, `PROP_OWNER` for props.
            (H', W') float32: metres along the ray to what is seen there; `camera.FAR_M` and more for the backdrop.
        """
        camera, pixels = self._pixels()
        with self._context:
            stored = np.frombuffer(self._depth.read(), np.float32).reshape(self.height, self.width)
        depth = FAR_M * NEAR_M / (FAR_M - stored * (FAR_M - NEAR_M))
        high = np.tan(camera.fov / 2)
        down = ((np.arange(self.height) + 0.5) / self.height * 2 - 1) * high
        across = ((np.arange(self.width) + 0.5) / self.width * 2 - 1) * high * camera.width / camera.height
        rays = np.sqrt(1 + down[:, None] ** 2 + across[None] ** 2)
        return np.ascontiguousarray(pixels[..., 3]), (depth * rays).astype(np.float32)

    def _shoot(
        self,
        camera: Camera,
        people: Sequence[tuple[Actor, Floats]],
        backdrop: Backdrop,
        props: Sequence[tuple[Prop, Array]],
        light: Light,
    ) -> None:
        context, gl = self._context, self._gl
        owners = (min(number, PROP_OWNER - 1) for number in range(1, len(people) + 1))
        places = [actor.pose(matrices, owner) for (actor, matrices), owner in zip(people, owners)]
        around = np.concatenate(places) if places else np.zeros((1, 3))
        self._scene.write(_scene_block(camera, light, _sun_view(around, light.sun_direction)).tobytes())
        self._scene.bind_to_uniform_block(SCENE)
        context.disable(gl.BLEND | gl.CULL_FACE)
        context.enable(gl.DEPTH_TEST)
        context.depth_func = "<="
        context.front_face = "cw"  # the pictures are drawn upside down
        self._draw_sun_map([actor for actor, _ in people], props if light.shadow > 0 else [], light)

        self._frame.use()
        self._frame.clear(depth=1.0)
        self._noise.use(NOISE)
        self._sun_map.use(SUN_MAP)
        self._prints.use(PRINTS)
        for actor, _ in people:
            actor.draw(gl.CULL_FACE)
        context.disable(gl.CULL_FACE)
        program = self._programs.get("thing.vert", "thing.frag")
        for prop, placement in props:
            self._texture(prop.texture).use(PICTURE)
            program["own_to_world"] = _columns(placement)
            program["window"] = tuple(prop.window)
            program["gain"] = tuple(float(g) for g in prop.gain)
            self._solids[prop.shape].render()
        self._draw_backdrop(camera, backdrop, light)
        if people:
            self._draw_touches(around)

    def _make_shapes(self, context: "moderngl.Context") -> None:
        """What every picture is drawn with: the scene's block, the wall behind, spots on the floor, and solids."""
        self._scene = context.buffer(reserve=16 * 13)
        corners = context.buffer(np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32).tobytes())
        self._corners = corners
        self._walls: dict[tuple[bool, bool], tuple[moderngl.Program, moderngl.VertexArray]] = {}
        self._spots = context.buffer(reserve=16 * _MOST_TOUCHES)
        self._touches = context.vertex_array(
            self._programs.get("touch.vert", "touch.frag"),
            [(corners, "2f", "in_corner"), (self._spots, "4f/i", "in_spot")],
        )
        painted, cast = self._programs.get("thing.vert", "thing.frag"), self._programs.get("sun_thing.vert", "sun.frag")
        self._solids, self._casts = {}, {}
        for name, solid in SOLIDS.items():
            vertices = context.buffer(solid().tobytes())
            layout = (vertices, "3f 3f 2f", "in_position", "in_normal", "in_uv")
            self._solids[name] = context.vertex_array(painted, [layout])
            self._casts[name] = context.vertex_array(cast, [(vertices, "3f 20x", "in_position")])

    def _pixels(self) -> tuple[Camera, NDArray[np.uint8]]:
        """The last picture's camera, and its (H', W', 4) colours and owners."""
        if self._camera is None:
            raise RuntimeError("shoot something before you look at it")
        if self._read is None:
            with self._context:
                self._read = np.frombuffer(self._colour.read(), np.uint8).reshape(self.height, self.width, 4)
        return self._camera, self._read

    def _draw_sun_map(self, actors: Sequence[Actor], props: Sequence[tuple[Prop, Array]], light: Light) -> None:
        """What the sun sees of the scene; nothing where its shadow is not wanted."""
        self._sun_frame.use()
        self._sun_frame.clear(depth=1.0)
        if light.shadow <= 0:
            return
        for actor in actors:
            actor.draw_hull()
        program = self._programs.get("sun_thing.vert", "sun.frag")
        for prop, placement in props:
            program["own_to_world"] = _columns(placement)
            self._casts[prop.shape].render()

    def _draw_backdrop(self, camera: Camera, backdrop: Backdrop, light: Light) -> None:
        variant = backdrop.kind == "panorama", light.shadow > 0
        if variant not in self._walls:
            program = self._programs.get(
                "backdrop.vert", "backdrop.frag", {"PANORAMA": variant[0], "SHADOW": variant[1]}
            )
            self._walls[variant] = program, self._context.vertex_array(program, [(self._corners, "2f", "in_corner")])
        program, wall = self._walls[variant]
        self._texture(backdrop.texture).use(PICTURE)
        high = float(np.tan(camera.fov / 2))
        values: dict[str, float | tuple[float, ...]] = {
            "camera_to_world": _columns(camera.rotation.T),
            "half_view": (high * camera.width / camera.height, high),
            "gain": tuple(float(g) for g in backdrop.gain),
            "yaw": backdrop.yaw,
            "window": tuple(backdrop.window),
        }
        for name, value in values.items():
            if name in program:  # a flat wall without a shadow needs no rays
                program[name] = value
        wall.render(self._gl.TRIANGLE_STRIP)

    def _draw_touches(self, around: Array) -> None:
        """Darkens the floor where something (N, 3) is close above it, whatever the light."""
        near = around[(around[:, 1] < 0.35) & (around[:, 1] > -0.3)][:_MOST_TOUCHES]
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


def _columns(matrix: Array) -> tuple[float, ...]:
    """A matrix as OpenGL takes it, column by column."""
    return tuple(np.asarray(matrix, np.float64).T.reshape(-1).tolist())


def _sun_view(around: Array, direction: Array) -> Array:
    """(4, 4) world -> 0..1 in the sun's depth map, which holds all of the places `around` (N, 3)."""
    side = np.cross([0.0, 1.0, 0.0] if abs(direction[1]) < 0.99 else [1.0, 0.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), -direction])
    seen = around @ axes.T
    low, high = seen.min(axis=0) - 0.4, seen.max(axis=0) + 0.4
    reach = np.minimum(high - low, _WIDEST_SUN_M)
    scale = 1 / np.array([max(reach[0], reach[1]), max(reach[0], reach[1]), reach[2]])
    matrix = np.eye(4)
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = 0.5 - (low + high) / 2 * scale
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
