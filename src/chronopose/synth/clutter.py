"""Made-up surroundings: rooms, streets, parks, halls, shelves, patterns, and shapes like limbs."""

from collections.abc import Callable

import numpy as np

from chronopose.core.types import Pixels
from chronopose.synth.indoors import (
    bookcase,
    chair,
    columns,
    cupboard,
    curtain,
    door,
    floor,
    frames,
    goods,
    lamp,
    plant,
    sofa,
    table,
    wallpaper,
    window,
)
from chronopose.synth.outdoors import balls, boards, car, fence, ground, house, limbs, path, post, seats, sky, tree
from chronopose.synth.paint import (
    Canvas,
    Rng,
    clouds,
    colour,
    dull,
    green,
    near,
    shade,
    slope,
    tint,
)

_PATCH = 96  # side of painted-in noise, in pixels


def random_clutter(rng: Rng, width: int, height: int) -> Pixels:
    """(height, width, 3) RGB uint8 a picture of a place without people, or of a pattern."""
    scene = _SCENES[rng.choice(len(_SCENES), p=_CHANCES)]
    canvas = Canvas(width, height, dull(rng))
    scene(canvas, rng)
    if rng.random() < 0.55:
        _distractors(canvas, rng)
    light = None
    if rng.random() < 0.8:
        light = np.clip(1 + rng.uniform(0.03, 0.2) * clouds(rng, 64, 64, 2, 3), 0.3, 1.7)
    blur = float(rng.choice([0.0, rng.uniform(0.3, 1.0), rng.uniform(1.0, 3.5)], p=[0.4, 0.35, 0.25]))
    return canvas.finish(light, blur)


# --- places


def _room(canvas: Canvas, rng: Rng) -> None:
    """Wall, floor, and what stands along the wall."""
    wall, edge = dull(rng, (0.35, 1.0)), float(rng.uniform(0.5, 0.85))
    canvas.picture(0, 0, 1, edge, tint(wall, clouds(rng, _PATCH, _PATCH), float(rng.uniform(0.01, 0.06))))
    if rng.random() < 0.25:
        wallpaper(canvas, rng, wall, edge)
    floor(canvas, rng, edge)
    if rng.random() < 0.4:  # the corner of the room
        corner = float(rng.uniform(0.1, 0.9))
        side = shade(wall, float(rng.uniform(0.7, 0.93)))
        x, lower = (0.0, edge + 0.5 * corner) if corner < 0.5 else (1.0, edge + 0.5 * (1 - corner))
        canvas.polygon([(x, 0), (corner, 0), (corner, edge), (x, lower)], side)
    canvas.rectangle(0, edge - 0.018, 1, 0.02, shade(wall, float(rng.choice([0.6, 1.25]))))
    pieces: list[Callable[[Canvas, Rng, float], None]] = [
        window, door, frames, bookcase, curtain, sofa, table, chair, lamp, plant, cupboard,
    ]  # fmt: skip
    for number in rng.permutation(len(pieces))[: rng.integers(3, 8)]:
        pieces[number](canvas, rng, edge)


def _street(canvas: Canvas, rng: Rng) -> None:
    """Houses under the sky, a road, cars, lamp posts and signs."""
    edge = float(rng.uniform(0.55, 0.8))
    sky(canvas, rng, edge)
    x = float(rng.uniform(-0.2, 0.0))
    while x < 1:
        wide = float(rng.uniform(0.12, 0.45))
        if rng.random() < 0.88:
            house(canvas, rng, x, wide, edge)
        x += wide
    ground(canvas, rng, edge, near(rng, (112, 112, 116), 25))
    canvas.rectangle(0, edge, 1, float(rng.uniform(0.02, 0.08)), near(rng, (165, 160, 152), 15))
    if rng.random() < 0.5:
        stripe = edge + float(rng.uniform(0.1, 0.18))
        for step in range(8):
            canvas.polygon(
                [
                    (step / 7, stripe),
                    (step / 7 + 0.07, stripe),
                    (step / 7 + 0.06, stripe + 0.02),
                    (step / 7 - 0.01, stripe + 0.02),
                ],
                (225, 225, 215),
            )
    for _ in range(rng.integers(0, 4)):
        car(canvas, rng, edge + float(rng.uniform(0.0, 0.12)))
    for _ in range(rng.integers(0, 3)):
        tree(canvas, rng, edge + float(rng.uniform(0.0, 0.05)))
    for _ in range(rng.integers(0, 5)):
        post(canvas, rng, edge + float(rng.uniform(0.0, 0.12)))


def _park(canvas: Canvas, rng: Rng) -> None:
    """Grass, trees, hedges and fences under the sky."""
    edge = float(rng.uniform(0.35, 0.75))
    sky(canvas, rng, edge)
    for layer in range(rng.integers(1, 4)):
        paint = near(rng, (70 + 30 * layer, 100 + 10 * layer, 70 + 10 * layer), 22)
        heights = edge - 0.25 * rng.random() * np.abs(
            np.interp(np.linspace(0, 1, 24), np.linspace(0, 1, 6), rng.normal(0.5, 0.4, 6))
        )
        outline = [(float(x), float(y)) for x, y in zip(np.linspace(0, 1, 24), heights, strict=True)]
        canvas.polygon([(0, edge), *outline, (1, edge)], paint)
    earth = green(rng, (0.3, 0.7)) if rng.random() < 0.75 else near(rng, (196, 172, 128), 20)
    ground(canvas, rng, edge, earth)
    if rng.random() < 0.3:
        path(canvas, rng, edge)
    if rng.random() < 0.35:
        fence(canvas, rng, edge)
    for _ in range(rng.integers(1, 10)):
        tree(canvas, rng, edge + float(rng.exponential(0.05)))
    for _ in range(rng.integers(0, 6)):
        at, size = float(rng.random()), float(rng.uniform(0.06, 0.25))
        canvas.leaves(rng, at, edge + float(rng.uniform(-0.02, 0.1)), size, 0.7 * size, green(rng), 40)


def _forest(canvas: Canvas, rng: Rng) -> None:
    """Trunks behind trunks."""
    canvas.picture(0, 0, 1, 1, slope(green(rng, (0.3, 0.8)), green(rng, (0.1, 0.4)), 2, _PATCH))
    canvas.leaves(rng, 0.5, 0.2, 1.4, 0.9, green(rng), 160)
    edge = float(rng.uniform(0.6, 0.85))
    ground(canvas, rng, edge, near(rng, (104, 92, 62), 22))
    bark = near(rng, (92, 76, 58), 25)
    for depth in np.sort(rng.random(rng.integers(6, 22))):
        wide, x = 0.01 + 0.07 * float(depth) ** 2, float(rng.random())
        lean = float(rng.normal(0, 0.03))
        base = edge + 0.25 * float(depth)
        paint = shade(near(rng, bark, 8), 1.4 - 0.7 * float(depth))
        canvas.polygon(
            [(x, base), (x + wide, base), (x + 0.8 * wide + lean, -0.01), (x + 0.2 * wide + lean, -0.01)], paint
        )
        if rng.random() < 0.5:
            fork = float(rng.uniform(0.1, 0.5))
            canvas.stroke(
                [(x + wide / 2, fork + 0.2), (x + float(rng.choice([-1, 1])) * 0.15, fork)], 0.3 * wide, paint
            )
    canvas.leaves(rng, float(rng.random()), 0.0, 0.9, 0.35, green(rng), 60)


def _hall(canvas: Canvas, rng: Rng) -> None:
    """A court with lines, boards with writing, and rows of seats."""
    edge = float(rng.uniform(0.35, 0.65))
    canvas.picture(0, 0, 1, edge, slope(dull(rng, (0.1, 0.7)), dull(rng, (0.1, 0.7)), 2, _PATCH))
    if rng.random() < 0.7:
        seats(canvas, rng, edge)
    if rng.random() < 0.7:
        boards(canvas, rng, edge)
    wood = rng.random() < 0.5
    paint = near(rng, (196, 148, 92), 18) if wood else colour(rng, (0.1, 0.65), (0.25, 0.75))
    ground(canvas, rng, edge, paint, float(rng.uniform(0.0, 0.06)))
    line = (240, 240, 235) if rng.random() < 0.7 else colour(rng)
    for _ in range(rng.integers(2, 6)):
        x, y = float(rng.uniform(-0.5, 1.5)), float(rng.uniform(edge, 1))
        if rng.random() < 0.5:
            canvas.stroke([(-0.1, y), (1.1, y + float(rng.normal(0, 0.06)))], 0.004 + 0.02 * (y - edge), line)
        else:
            canvas.stroke([(0.5 + 0.3 * (x - 0.5), edge), (x + (x - 0.5), 1.1)], 0.009, line)
    if rng.random() < 0.4:  # a net and its posts
        top = edge - float(rng.uniform(0.0, 0.15))
        for x in np.linspace(0, 1, 40):
            canvas.stroke([(float(x), top), (float(x), top + 0.14)], 0.002, (60, 60, 60))
        for y in np.linspace(top, top + 0.14, 6):
            canvas.stroke([(0, float(y)), (1, float(y))], 0.002, (60, 60, 60))
        canvas.stroke([(0, top), (1, top)], 0.012, (235, 235, 235))
    for _ in range(rng.integers(0, 3)):
        post(canvas, rng, edge + float(rng.uniform(0.02, 0.1)))


def _shelves(canvas: Canvas, rng: Rng) -> None:
    """A wall of goods."""
    board = dull(rng, (0.2, 0.9))
    canvas.rectangle(0, 0, 1, 1, shade(board, 0.4))
    y = float(rng.uniform(-0.1, 0.0))
    while y < 1:
        high = float(rng.uniform(0.1, 0.3))
        goods(canvas, rng, 0, y, 1, high)
        canvas.rectangle(0, y + high, 1, 0.02, board)
        y += high + 0.02
    for x in np.arange(rng.random() * 0.4, 1, float(rng.uniform(0.25, 0.6))):
        canvas.rectangle(float(x), 0, 0.02, 1, shade(board, 0.85))


def _masonry(canvas: Canvas, rng: Rng) -> None:
    """Bricks, tiles or planks all over."""
    rows = int(rng.integers(4, 28))
    high = 1 / rows
    wide = high * float(rng.choice([1.0, 2.2, 6.0])) * 0.8
    paint, joint = (near(rng, (158, 84, 62), 25), dull(rng)) if rng.random() < 0.4 else (dull(rng), dull(rng))
    canvas.rectangle(0, 0, 1, 1, joint)
    gap, odd = 0.08 * high, float(rng.choice([0.0, 0.5]))
    spread = float(rng.uniform(2, 16))
    for row in range(rows):
        for x in np.arange(-wide * (1 + odd * (row % 2)), 1, wide):
            canvas.rectangle(float(x), row * high, wide - gap, high - gap, near(rng, paint, spread))
    if rng.random() < 0.5:
        for _ in range(rng.integers(1, 4)):
            window(canvas, rng, float(rng.uniform(0.5, 0.9)))
    if rng.random() < 0.5:
        ground(canvas, rng, float(rng.uniform(0.7, 0.92)), dull(rng))


def _abstract(canvas: Canvas, rng: Rng) -> None:
    """Polygons, ellipses and strokes of every size."""
    for size in np.sort(rng.uniform(0.03, 0.9, rng.integers(15, 90)) ** 2)[::-1]:
        x, y = rng.random(2).tolist()
        paint = colour(rng) if rng.random() < 0.6 else dull(rng, (0.05, 1.0))
        kind = rng.integers(4)
        if kind == 0:
            canvas.ellipse(x, y, float(size) * rng.uniform(0.3, 1.5), float(size), paint)
        elif kind == 1:
            canvas.rectangle(x - float(size) / 2, y, float(size), float(size) * rng.uniform(0.1, 2), paint)
        elif kind == 2:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
            radius = float(size) * rng.uniform(0.4, 1, len(angles))
            corners = zip(x + radius * np.cos(angles), y + radius * np.sin(angles), strict=True)
            canvas.polygon([(float(u), float(v)) for u, v in corners], paint)
        else:
            ends = rng.normal((x, y), float(size) + 0.05, (rng.integers(2, 5), 2))
            canvas.stroke([(float(u), float(v)) for u, v in ends], float(rng.uniform(0.003, 0.05)), paint)


def _noise(canvas: Canvas, rng: Rng) -> None:
    """Coloured clouds, from smooth to rough."""
    side, fall = 192, float(rng.uniform(0.4, 0.95))
    layers = np.stack([clouds(rng, side, side, 2, 7, fall) for _ in range(3)], axis=-1)
    common = clouds(rng, side, side, 2, 7, fall)[..., None]
    mixed = np.asarray(dull(rng, (0.3, 0.8))) * (1 + rng.uniform(0.1, 0.4) * (common + rng.uniform(0.0, 0.6) * layers))
    canvas.picture(0, 0, 1, 1, np.clip(mixed, 0, 255).astype(np.uint8))


def _pattern(canvas: Canvas, rng: Rng) -> None:
    """Stripes, checks or lines of print."""
    first, second = (colour(rng), colour(rng)) if rng.random() < 0.5 else (dull(rng), dull(rng))
    canvas.rectangle(0, 0, 1, 1, first)
    step = float(rng.uniform(0.02, 0.16))
    kind = rng.integers(4)
    if kind == 0:
        lean = float(rng.normal(0, 0.4))
        for x in np.arange(-1, 2, step):
            canvas.polygon([(x, 0), (x + step / 2, 0), (x + step / 2 + lean, 1), (x + lean, 1)], second)
    elif kind == 1:
        for y in np.arange(0, 1, step):
            canvas.rectangle(0, float(y), 1, step * float(rng.uniform(0.3, 0.6)), second)
    elif kind == 2:
        for row, y in enumerate(np.arange(0, 1, step)):
            for x in np.arange(step * (row % 2), 1, 2 * step):
                canvas.rectangle(float(x), float(y), step, step, near(rng, second, 4))
    else:
        for y in np.arange(0.02, 1, 1.6 * step):
            canvas.writing(rng, float(rng.uniform(0, 0.2)), float(y), float(rng.uniform(0.3, 0.9)), step, second)


def _studio(canvas: Canvas, rng: Rng) -> None:
    """An empty backdrop whose wall turns into the floor."""
    wall = dull(rng, (0.05, 1.0)) if rng.random() < 0.7 else colour(rng, (0.2, 0.9), (0.2, 0.9))
    canvas.picture(0, 0, 1, 1, slope(wall, shade(wall, float(rng.uniform(0.6, 1.3))), 2, _PATCH))
    if rng.random() < 0.6:
        edge = float(rng.uniform(0.6, 0.9))
        canvas.picture(
            0, edge, 1, 1 - edge, slope(shade(wall, 0.8), shade(wall, float(rng.uniform(0.9, 1.2))), 2, _PATCH)
        )


def _distractors(canvas: Canvas, rng: Rng) -> None:
    """Things that a model may take for parts of a person."""
    kinds = [limbs, balls, columns]
    for number in rng.permutation(len(kinds))[: rng.integers(1, 3)]:
        kinds[number](canvas, rng)


_SCENES: tuple[Callable[[Canvas, Rng], None], ...] = (
    _room, _street, _park, _forest, _hall, _shelves, _masonry, _abstract, _noise, _pattern, _studio,
)  # fmt: skip
_CHANCES = (0.25, 0.15, 0.12, 0.06, 0.12, 0.05, 0.06, 0.07, 0.03, 0.04, 0.05)
