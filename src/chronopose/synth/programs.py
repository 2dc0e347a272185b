"""Compiles the shaders of the scene engine, one program for every kind of surface and pattern."""

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from chronopose.synth.look import Fabric, Pattern, Surface

if TYPE_CHECKING:
    import moderngl

# Where uniform blocks and textures are bound.
SCENE, POSE, LOOK = 0, 1, 2
PICTURE, NOISE, SUN_MAP, PRINTS = range(4)
_FRAGMENT_OF = {
    Surface.SKIN: "skin.frag",
    Surface.EYES: "plain.frag",
    Surface.HAIR: "hair.frag",
    Surface.CLOTH: "cloth.frag",
    Surface.SKIRT: "cloth.frag",
    Surface.SHOE: "plain.frag",
    Surface.HAT: "plain.frag",
}


class Programs:
    """The programs of one context, compiled when they are first asked for.

    A software driver runs both sides of every branch, so what differs between surfaces is left out by the preprocessor
    instead: `cloth.frag` alone is some twenty programs.
    """

    def __init__(self, context: "moderngl.Context") -> None:
        self._context = context
        self._compiled: dict[tuple[str, str, str], moderngl.Program] = {}

    def get(self, vertex: str, fragment: str, defines: Mapping[str, int] | None = None) -> "moderngl.Program":
        """The program of two files in `shaders/`, with the numbers that its `#if` lines ask for."""
        header = "".join(f"#define {name} {int(number)}\n" for name, number in (defines or {}).items())
        key = (vertex, fragment, header)
        if key not in self._compiled:
            self._compiled[key] = self._compile(_source(vertex, header), _source(fragment, header))
        return self._compiled[key]

    def of_surface(self, kind: Surface, fabric: Fabric | None = None) -> "moderngl.Program":
        """The program that paints a kind of surface; cloth is of a `fabric`."""
        defines: dict[str, int] = {surface.name: int(surface) for surface in Surface} | {"KIND": int(kind)}
        if fabric is not None:
            defines |= {pattern.name: int(pattern) for pattern in Pattern}
            defines |= {"PATTERN": int(fabric.pattern), "PRINTED": int(fabric.print_ >= 0)}
        fragment = _FRAGMENT_OF[kind]
        return self.get("person.vert", fragment, defines if fragment in ("cloth.frag", "plain.frag") else None)

    def _compile(self, vertex: str, fragment: str) -> "moderngl.Program":
        import moderngl

        program = self._context.program(vertex_shader=vertex, fragment_shader=fragment)
        for name, binding in (("Scene", SCENE), ("Pose", POSE), ("Look", LOOK)):
            block = program.get(name, None)
            if isinstance(block, moderngl.UniformBlock):
                block.binding = binding
        for name, unit in (("picture", PICTURE), ("noise_map", NOISE), ("sun_map", SUN_MAP), ("prints", PRINTS)):
            if name in program:
                program[name] = unit
        return program


def is_cloth(kind: Surface) -> bool:
    """Whether a surface is painted one fabric at a time."""
    return _FRAGMENT_OF[kind] == "cloth.frag"


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    """A shader's text, with its `#include` lines replaced by what they name."""
    text = (resources.files("chronopose.synth") / "shaders" / name).read_text("utf-8")
    lines = [_text(line.split('"')[1]) if line.startswith("#include") else line for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _source(name: str, header: str) -> str:
    version, _, rest = _text(name).partition("\n")
    return f"{version}\n{header}{rest}"
