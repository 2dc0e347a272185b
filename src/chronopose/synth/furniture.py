"""Furniture, trees, fences, vehicles and things for hands, made of boxes, cylinders and balls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronopose.synth.paint import Rng
from chronopose.synth.swatches import Stuff

Array = NDArray[np.float64]
Solid = Literal["card", "box", "cylinder", "ball"]

_LYING_X = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # y axis -> x
_LYING_Z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # y axis -> z


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Part:
    """A piece of a thing, in the thing's axes: x to the right, y up from its foot, z to its front; metres.

    Attributes:
        shape: which solid.
        size: its length along its own x, y and z.
        at: where its middle is.
        paint: parts of one thing with the same number are painted alike.
        turn: (3, 3) its own axes -> the thing's.
        stuff: what it is made of; the first part with a paint counts.
    """

    shape: Solid
    size: tuple[float, float, float]
    at: tuple[float, float, float]
    paint: int = 0
    turn: Array = field(default_factory=lambda: np.eye(3))
    stuff: Stuff = "any"


Thing = tuple[Part, ...]
Maker = Callable[[Rng], Thing]


def pole(rng: Rng) -> Thing:
    """A pole or a pillar, from the floor to above the picture."""
    thick = float(np.exp(rng.uniform(np.log(0.03), np.log(0.25))))
    high = float(rng.uniform(2.2, 4.0))
    shape: Solid = "cylinder" if rng.random() < 0.75 else "box"
    return (Part(shape=shape, size=(thick, high, thick), at=(0, high / 2, 0)),)


def tree(rng: Rng) -> Thing:
    """A trunk with a crown of balls, some of which hang low."""
    thick, high = float(rng.uniform(0.08, 0.25)), float(rng.uniform(1.3, 2.4))
    parts = [Part(shape="cylinder", size=(thick, high, thick), at=(0, high / 2, 0), stuff="bark")]
    for _ in range(rng.integers(4, 10)):
        size = rng.uniform(0.3, 0.9)
        at = rng.normal(0, 0.45, 3) * (1, 0.5, 1) + (0, high + 0.3, 0)
        parts.append(_part("ball", size * rng.uniform(0.6, 1.2, 3), at, 1, stuff="leaves"))
    return tuple(parts)


def bush(rng: Rng) -> Thing:
    """A hedge or a bush: leaves in lumps, and single large leaves that stick out."""
    high, wide = rng.uniform(0.4, 1.3), rng.uniform(0.3, 1.2)
    parts: list[Part] = []
    for _ in range(rng.integers(5, 12)):
        size = rng.uniform(0.2, 0.5) * high
        at = (rng.uniform(-0.5, 0.5) * wide, rng.uniform(0.2, 0.85) * high, rng.normal(0, 0.1))
        parts.append(_part("ball", size * rng.uniform(0.7, 1.4, 3), at, 0, stuff="leaves"))
    for _ in range(rng.integers(4, 12)):
        at = (rng.uniform(-0.6, 0.6) * wide, rng.uniform(0.5, 1.1) * high, rng.normal(0.1, 0.1))
        parts.append(_part("card", (0.05, rng.uniform(0.1, 0.3), 1), at, 1, _roll(rng.normal(0, 0.8)), "leaves"))
    return tuple(parts)


def potted(rng: Rng) -> Thing:
    """A pot with long leaves."""
    size, high = rng.uniform(0.2, 0.4), rng.uniform(0.6, 1.6)
    parts = [_part("cylinder", (size, size, size), (0, size / 2, 0), 0)]
    for _ in range(rng.integers(6, 14)):
        lean = rng.normal(0, 0.5)
        length = high * rng.uniform(0.5, 1.0)
        turn = _yaw(rng.uniform(0, 2 * np.pi)) @ _roll(lean)
        at = turn @ np.array([0, length / 2, 0]) + (0, size, 0)
        parts.append(_part("card", (rng.uniform(0.03, 0.1), length, 1), at, 1, turn, "leaves"))
    return tuple(parts)


def table(rng: Rng) -> Thing:
    """A table or a desk, perhaps with things on it."""
    wide, deep, high = rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9), rng.uniform(0.45, 1.0)
    leg, thick = rng.uniform(0.03, 0.08), rng.uniform(0.02, 0.06)
    parts = [_part("box", (wide, thick, deep), (0, high, 0), 0, stuff="wood")]
    for x in (-1, 1):
        for z in (-1, 1):
            at = (x * (wide / 2 - leg), high / 2, z * (deep / 2 - leg))
            parts.append(_part("cylinder", (leg, high, leg), at, 1))
    for _ in range(rng.integers(0, 4)):
        size = rng.uniform(0.06, 0.35, 3)
        shape: Solid = "box" if rng.random() < 0.5 else "cylinder"
        at = (rng.uniform(-0.4, 0.4) * wide, high + size[1] / 2 + thick / 2, rng.uniform(-0.3, 0.3) * deep)
        parts.append(_part(shape, size, at, 2))
    return tuple(parts)


def chair(rng: Rng) -> Thing:
    """A chair with four legs and a back of bars or one piece."""
    wide, high, leg = rng.uniform(0.38, 0.5), rng.uniform(0.4, 0.5), rng.uniform(0.02, 0.05)
    back = rng.uniform(0.35, 0.6)
    parts = [_part("box", (wide, 0.05, wide), (0, high, 0), 0)]
    corners = [(x * (wide - leg) / 2, high / 2, z * (wide - leg) / 2) for x in (-1, 1) for z in (-1, 1)]
    parts += [_part("cylinder", (leg, high, leg), at, 1) for at in corners]
    if rng.random() < 0.5:
        parts.append(_part("box", (wide, back, 0.04), (0, high + back / 2 + 0.1, -wide / 2), 0))
    else:
        bars = np.linspace(-wide / 2, wide / 2, int(rng.integers(3, 6)))
        parts += [_part("cylinder", (leg, back, leg), (x, high + back / 2, -wide / 2), 1) for x in bars]
        parts.append(_part("box", (wide + 0.04, 0.08, 0.04), (0, high + back, -wide / 2), 0))
    return tuple(parts)


def crates(rng: Rng) -> Thing:
    """Boxes on boxes."""
    parts: list[Part] = []
    top = 0.0
    for _ in range(rng.integers(1, 4)):
        wide, high, deep = rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.6), rng.uniform(0.3, 0.6)
        turn = _yaw(rng.normal(0, 0.3))
        parts.append(_part("box", (wide, high, deep), (rng.normal(0, 0.05), top + high / 2, 0), len(parts), turn))
        top += high
    return tuple(parts)


def counter(rng: Rng) -> Thing:
    """A counter, a low wall, a parapet or a sofa's back."""
    wide, high, deep = rng.uniform(0.8, 3.0), rng.uniform(0.5, 1.15), rng.uniform(0.1, 0.7)
    parts = [_part("box", (wide, high, deep), (0, high / 2, 0), 0)]
    if rng.random() < 0.6:
        parts.append(_part("box", (wide + 0.08, 0.05, deep + 0.08), (0, high, 0), 1))
    return tuple(parts)


def sofa(rng: Rng) -> Thing:
    """A sofa or an armchair."""
    wide, seat, deep = rng.uniform(0.7, 1.9), rng.uniform(0.35, 0.45), rng.uniform(0.6, 0.9)
    back = rng.uniform(0.3, 0.6)
    parts = [
        _part("box", (wide, seat, deep), (0, seat / 2, 0), 0, stuff="cloth"),
        _part("box", (wide, back, 0.2), (0, seat + back / 2, -deep / 2 + 0.1), 0),
    ]
    parts += [_part("box", (0.15, seat + 0.2, deep), (x * (wide / 2 + 0.05), (seat + 0.2) / 2, 0), 0) for x in (-1, 1)]
    for _ in range(rng.integers(0, 3)):
        at = (rng.uniform(-0.4, 0.4) * wide, seat + 0.2, -deep / 4)
        parts.append(_part("box", (0.4, 0.38, 0.14), at, 1, _roll(rng.normal(0, 0.2))))
    return tuple(parts)


def fence(rng: Rng) -> Thing:
    """Pales and rails, a railing, or the bars of a climbing frame."""
    wide, high = rng.uniform(1.0, 3.0), rng.uniform(0.6, 1.9)
    step, thick = rng.uniform(0.1, 0.5), rng.uniform(0.015, 0.06)
    pale: Solid = "box" if rng.random() < 0.4 else "cylinder"
    count = max(3, min(14, int(wide / step)))
    parts = [_part(pale, (thick, high, thick), (x, high / 2, 0), 0) for x in np.linspace(-wide / 2, wide / 2, count)]
    rails = np.linspace(high, 0.15 * high, int(rng.integers(1, 4)))
    parts += [_part("cylinder", (thick, wide, thick), (0, y, 0), 0, _LYING_X) for y in rails]
    return tuple(parts)


def frame(rng: Rng) -> Thing:
    """A door frame, a goal or a gate."""
    wide, high, thick = rng.uniform(0.8, 2.4), rng.uniform(1.6, 2.6), rng.uniform(0.05, 0.15)
    parts = [_part("box", (thick, high, thick), (x * wide / 2, high / 2, 0), 0) for x in (-1, 1)]
    parts.append(_part("box", (wide, thick, thick), (0, high, 0), 0))
    return tuple(parts)


def sign(rng: Rng) -> Thing:
    """A board on a pole or on two feet."""
    low, wide, high = rng.uniform(0.2, 1.3), rng.uniform(0.3, 1.0), rng.uniform(0.25, 0.9)
    thick = rng.uniform(0.03, 0.08)
    feet = (0.0,) if rng.random() < 0.5 else (-0.4, 0.4)
    parts = [_part("cylinder", (thick, low + high, thick), (x * wide, (low + high) / 2, -0.05), 0) for x in feet]
    shape: Solid = "box" if rng.random() < 0.75 else "ball"
    parts.append(_part(shape, (wide, high, 0.03), (0, low + high / 2, 0), 1, stuff="print"))
    return tuple(parts)


def lamp(rng: Rng) -> Thing:
    """A floor lamp, a parasol or a stand."""
    high, thick, wide = rng.uniform(1.1, 2.1), rng.uniform(0.02, 0.05), rng.uniform(0.2, 0.9)
    return (
        _part("cylinder", (thick, high, thick), (0, high / 2, 0), 0),
        _part("ball", (wide, 0.3, wide), (0, high, 0), 1),
        _part("cylinder", (0.3, 0.03, 0.3), (0, 0.015, 0), 0),
    )


def gym(rng: Rng) -> Thing:
    """A barbell on a stand, or an exercise ball."""
    if rng.random() < 0.3:
        size = rng.uniform(0.4, 0.75)
        return (_part("ball", (size, size, size), (0, size / 2, 0), 0),)
    high, wide = rng.uniform(0.5, 1.3), rng.uniform(1.0, 1.8)
    parts = [_part("cylinder", (0.04, wide, 0.04), (0, high, 0), 0, _LYING_X, "metal")]
    parts += [_part("box", (0.07, high, 0.07), (x * wide / 3, high / 2, 0), 1) for x in (-1, 1)]
    size = rng.uniform(0.2, 0.45)
    parts += [_part("cylinder", (size, 0.06, size), (x * wide / 2, high, 0), 2, _LYING_X) for x in (-1, 1)]
    return tuple(parts)


FURNITURE: Sequence[Maker] = (
    pole, pole, pole, tree, bush, potted, table, chair, crates, counter, sofa, fence, frame, sign, lamp, gym,
)  # fmt: skip
"""Things that stand on the floor, with their foot at the origin; poles are the most frequent."""


def vehicle(rng: Rng) -> Thing:
    """A car, a van or a cart that drives along its x axis."""
    long, high, deep = rng.uniform(1.0, 2.6), rng.uniform(0.5, 0.9), rng.uniform(0.6, 1.2)
    cabin = rng.uniform(0.3, 0.8)
    parts = [
        _part("box", (long, high, deep), (0, 0.15 + high / 2, 0), 0),
        _part("box", (0.55 * long, cabin, 0.9 * deep), (rng.normal(0, 0.08) * long, 0.15 + high + cabin / 2, 0), 1),
    ]
    parts += [_part("cylinder", (0.45, 0.15, 0.45), (x * long, 0.22, deep / 2), 2, _LYING_Z) for x in (-0.32, 0.32)]
    return tuple(parts)


def height_m(thing: Thing) -> float:
    """How high the highest part's middle is, about where a thing still hides what is behind it."""
    return max(part.at[1] for part in thing)


# --- in a hand; y points from the wrist to the fingers, z to the thumb's side, x out of the palm of the left hand


def stick(rng: Rng) -> Thing:
    """A stick, a bat, a sword or a long pole."""
    long, thick = float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(1.0, 2.0)])), rng.uniform(0.015, 0.06)
    reach = rng.uniform(-0.1, 0.45) * long
    parts = [_part("cylinder", (thick, long, thick), (0, 0, reach), 0, _LYING_Z)]
    if rng.random() < 0.25:  # a hockey stick, a golf club or a broom
        parts.append(_part("box", (rng.uniform(0.03, 0.3), 0.06, 0.05), (0, 0.02, reach + long / 2), 1))
    return tuple(parts)


def racket(rng: Rng) -> Thing:
    """A racket, a paddle or a pan."""
    grip, wide = rng.uniform(0.12, 0.4), rng.uniform(0.15, 0.3)
    parts = [_part("cylinder", (0.03, grip, 0.03), (0, 0, grip / 2 - 0.04), 0, _LYING_Z)]
    disc = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    long = wide * rng.uniform(1.0, 1.35)
    parts.append(_part("cylinder", (wide, 0.02, long), (0, 0, grip + long / 2 - 0.05), 1, disc))
    return tuple(parts)


def ball(rng: Rng) -> Thing:
    """From a tennis ball to a basketball."""
    size = float(rng.choice([rng.uniform(0.06, 0.1), rng.uniform(0.18, 0.26)]))
    return (_part("ball", (size, size, size), (size / 2, 0.02, 0), 0),)


def bag(rng: Rng) -> Thing:
    """A bag or a bucket that hangs off the fingers."""
    wide, high, strap = rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.45), rng.uniform(0.02, 0.2)
    return (
        _part("cylinder", (0.02, 0.8 * wide, 0.02), (0, 0.02, 0), 1, _LYING_Z),
        _part("box", (rng.uniform(0.06, 0.2), high, wide), (0, 0.03 + strap + high / 2, 0), 0),
        _part("box", (0.01, strap + 0.05, 0.04), (0, 0.03 + strap / 2, 0.4 * wide), 1),
        _part("box", (0.01, strap + 0.05, 0.04), (0, 0.03 + strap / 2, -0.4 * wide), 1),
    )


def small(rng: Rng) -> Thing:
    """A telephone, a book, a cup or a bottle."""
    if rng.random() < 0.5:
        thick, long, wide = rng.uniform(0.008, 0.04), rng.uniform(0.12, 0.28), rng.uniform(0.06, 0.2)
        return (_part("box", (thick, long, wide), (0.02, 0.03, 0.02), 0),)
    thick, long = rng.uniform(0.05, 0.09), rng.uniform(0.08, 0.3)
    parts = [_part("cylinder", (thick, long, thick), (0.02, 0.02, 0.03), 0, _LYING_Z)]
    if long > 0.18:
        parts.append(_part("cylinder", (thick / 2, 0.07, thick / 2), (0.02, 0.02, 0.06 + long / 2), 1, _LYING_Z))
    return tuple(parts)


def dumbbell(rng: Rng) -> Thing:
    """A bar with a weight at either end."""
    long, size = rng.uniform(0.2, 0.35), rng.uniform(0.08, 0.2)
    parts = [_part("cylinder", (0.03, long, 0.03), (0.01, 0, 0), 0, _LYING_Z)]
    shape: Solid = "cylinder" if rng.random() < 0.6 else "ball"
    weight = (size, size * rng.uniform(0.4, 1), size)
    parts += [_part(shape, weight, (0.01, 0, z * long / 2), 1, _LYING_Z) for z in (-1, 1)]
    return tuple(parts)


def umbrella(rng: Rng) -> Thing:
    """An open umbrella."""
    wide, long = rng.uniform(0.6, 1.1), rng.uniform(0.6, 0.9)
    return (
        _part("cylinder", (0.02, long, 0.02), (0, 0, long / 2 - 0.1), 0, _LYING_Z),
        _part("ball", (wide, 0.3 * wide, wide), (0, 0, long - 0.1), 1, _LYING_Z),
    )


HANDHELD: Sequence[Maker] = (stick, stick, racket, ball, bag, small, small, dumbbell, umbrella)
"""Things for a hand, held at the origin."""


def _part(
    shape: Solid,
    size: Sequence[float] | Array,
    at: Sequence[float] | Array,
    paint: int,
    turn: Array | None = None,
    stuff: Stuff = "any",
) -> Part:
    x, y, z = (float(value) for value in at)
    wide, high, deep = (float(value) for value in size)
    turn = np.eye(3) if turn is None else turn
    return Part(shape=shape, size=(wide, high, deep), at=(x, y, z), paint=paint, turn=turn, stuff=stuff)


def _yaw(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _roll(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
