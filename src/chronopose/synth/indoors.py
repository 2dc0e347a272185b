"""Painted furnishings of made-up rooms: floors, windows, shelves, cupboards, chairs, lamps."""

import numpy as np

from chronopose.synth.paint import (
    Canvas,
    Colour,
    Rng,
    clouds,
    colour,
    dull,
    green,
    limb_colour,
    near,
    shade,
    slope,
    tint,
)

_PATCH = 96  # side of painted-in noise, in pixels

# Every function paints on `canvas`; `edge` and `base` are how far down the wall meets the floor, or a thing its foot.


def floor(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Planks, tiles or carpet that run towards a vanishing point."""
    paint = dull(rng, (0.2, 0.85))
    canvas.picture(0, edge, 1, 1 - edge, tint(paint, clouds(rng, _PATCH, _PATCH, 4), float(rng.uniform(0.01, 0.08))))
    kind, eye, seam = rng.integers(4), float(rng.uniform(0.2, 0.8)), shade(paint, 0.75)
    if kind == 3:
        if rng.random() < 0.6:
            rug = colour(rng, (0.1, 0.8), (0.2, 0.8))
            canvas.ellipse(eye, edge + 0.6 * (1 - edge), 0.7, 0.6 * (1 - edge), rug)
            canvas.ellipse(eye, edge + 0.6 * (1 - edge), 0.6, 0.5 * (1 - edge), shade(rug, 1.2))
        return
    count = int(rng.integers(8, 26))
    for number, x in enumerate(np.linspace(-2.5, 3.5, count)):
        here, there = eye + 0.3 * (float(x) - eye), eye + (float(x) - eye)
        if kind == 0:
            step = 6.0 / count
            far = 0.3 * step
            plank = shade(paint, float(rng.uniform(0.85, 1.1)))
            canvas.polygon([(here, edge), (here + far, edge), (there + step, 1.0), (there, 1.0)], plank)
        elif number % 2 == 0 or kind == 1:
            canvas.stroke([(here, edge), (there, 1.0)], 0.004, seam)
    if kind == 1:
        for step in range(1, 14):
            y = edge + (1 - edge) * 1.4 / (step + 0.4) * 0.3
            canvas.stroke([(0, y), (1, y)], 0.003, seam)


def wallpaper(canvas: Canvas, rng: Rng, wall: Colour, edge: float) -> None:
    """Stripes or dots a little off the wall's colour."""
    other, step = shade(near(rng, wall, 10), float(rng.choice([0.85, 1.12]))), float(rng.uniform(0.03, 0.1))
    if rng.random() < 0.5:
        for x in np.arange(0, 1, step):
            canvas.rectangle(float(x), 0, step / 2, edge, other)
    else:
        for y in np.arange(0, edge, step):
            for x in np.arange(0, 1, step):
                canvas.ellipse(float(x), float(y), step * 0.4, step * 0.4, other)


def window(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A window with a view."""
    wide, high = rng.uniform(0.15, 0.4), rng.uniform(0.25, 0.55) * edge
    x, y = rng.uniform(0, 1 - wide), rng.uniform(0.04, 0.3) * edge
    frame = near(rng, (225, 220, 210) if rng.random() < 0.6 else (92, 66, 46), 15)
    canvas.rectangle(x - 0.015, y - 0.015, wide + 0.03, high + 0.03, frame)
    light = shade(near(rng, (216, 228, 240), 15), float(rng.choice([0.25, 1.0, 1.15], p=[0.2, 0.4, 0.4])))
    canvas.picture(x, y, wide, high, slope(light, shade(light, 0.85), 2, 32))
    if rng.random() < 0.6:
        canvas.leaves(rng, x + wide / 2, y + 0.85 * high, 0.8 * wide, 0.25 * high, green(rng), 20)
    for part in range(1, int(rng.integers(2, 4))):
        canvas.rectangle(x + wide * part / 3, y, 0.012, high, frame)
    canvas.rectangle(x, y + high * rng.uniform(0.3, 0.6), wide, 0.012, frame)
    if rng.random() < 0.3:  # blinds
        for slat in np.arange(y, y + high * rng.uniform(0.3, 1), 0.022):
            canvas.rectangle(x, float(slat), wide, 0.012, shade(frame, 0.95))


def door(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A door or a dark opening."""
    wide, top, x = rng.uniform(0.12, 0.24), rng.uniform(0.02, 0.25) * edge, rng.uniform(0, 0.85)
    paint = dull(rng, (0.15, 0.9))
    canvas.rectangle(x - 0.015, top - 0.015, wide + 0.03, edge - top + 0.02, shade(paint, 1.2))
    canvas.rectangle(x, top, wide, edge - top + 0.005, paint)
    for part in range(rng.integers(0, 4)):
        y = top + (0.08 + 0.3 * part) * (edge - top)
        canvas.rectangle(x + 0.15 * wide, y, 0.7 * wide, 0.22 * (edge - top), shade(paint, 0.88))
    canvas.ellipse(x + 0.9 * wide, top + 0.55 * (edge - top), 0.012, 0.016, (200, 190, 150))


def frames(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Pictures and posters on the wall."""
    for _ in range(rng.integers(1, 5)):
        wide, high, x, y = rng.uniform(0.06, 0.2), rng.uniform(0.08, 0.25), rng.random(), rng.uniform(0.05, 0.6) * edge
        canvas.rectangle(x - 0.01, y - 0.01, wide + 0.02, high + 0.02, dull(rng, (0.05, 0.9)))
        canvas.picture(x, y, wide, high, tint(colour(rng), clouds(rng, 24, 24, 2, 3), 0.35))
        if rng.random() < 0.4:
            for line in range(3):
                canvas.writing(rng, x + 0.01, y + 0.02 + 0.05 * line, wide - 0.03, 0.03, (235, 235, 225))


def goods(canvas: Canvas, rng: Rng, x: float, y: float, wide: float, high: float) -> None:
    """Books, boxes, bottles and balls in a row of one shelf."""
    at, style = x, rng.integers(4)
    while at < x + wide:
        size = high * float(rng.uniform(0.06, 0.2) if style == 0 else rng.uniform(0.25, 0.9))
        size = min(size, x + wide - at)
        tall = high * float(rng.uniform(0.5, 0.97))
        paint = colour(rng, (0.0, 0.9), (0.15, 0.95)) if rng.random() < 0.6 else dull(rng)
        if rng.random() > 0.1:
            if style == 2 and size < high:
                canvas.ellipse(at + size / 2, y + high - size / 2, size, size, paint)
            elif style == 3:
                canvas.rectangle(at, y + high - 0.7 * tall, 0.8 * size, 0.7 * tall, paint)
                canvas.rectangle(at + 0.25 * size, y + high - tall, 0.3 * size, 0.35 * tall, shade(paint, 0.7))
            else:
                canvas.rectangle(at, y + high - tall, size * 0.94, tall, paint)
                if rng.random() < 0.35:
                    canvas.rectangle(at, y + high - 0.6 * tall, size * 0.94, 0.2 * tall, colour(rng))
        at += size


def bookcase(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A case with shelves."""
    wide, top, x = float(rng.uniform(0.15, 0.45)), float(rng.uniform(0.05, 0.45)) * edge, float(rng.uniform(-0.05, 0.8))
    board = dull(rng, (0.15, 0.9))
    canvas.rectangle(x, top, wide, edge + 0.03 - top, board)
    rows = int(rng.integers(2, 6))
    high = (edge - top) / rows
    for row in range(rows):
        canvas.rectangle(x + 0.01, top + row * high + 0.01, wide - 0.02, high - 0.015, shade(board, 0.5))
        goods(canvas, rng, x + 0.012, top + row * high + 0.01, wide - 0.024, high - 0.015)


def cupboard(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A low or high cupboard, a counter or an oven."""
    wide, top, x = float(rng.uniform(0.2, 0.7)), edge - float(rng.uniform(0.15, 0.5)), float(rng.uniform(-0.1, 0.7))
    paint, bottom = dull(rng), edge + float(rng.uniform(0.02, 0.08))
    canvas.rectangle(x, top, wide, bottom - top, paint)
    canvas.rectangle(x - 0.01, top - 0.015, wide + 0.02, 0.02, shade(paint, float(rng.choice([0.6, 1.3]))))
    for at in np.arange(x, x + wide - 0.05, float(rng.uniform(0.08, 0.18))):
        canvas.rectangle(float(at), top + 0.02, 0.004, bottom - top, shade(paint, 0.6))
        canvas.rectangle(float(at) + 0.02, top + 0.05, 0.008, 0.04, shade(paint, 0.4))


def curtain(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Cloth in folds."""
    wide, x, low = float(rng.uniform(0.08, 0.3)), float(rng.random()), edge + float(rng.uniform(-0.1, 0.04))
    paint = colour(rng, (0.0, 0.7), (0.25, 0.95))
    folds = int(rng.integers(6, 20))
    for fold in range(folds):
        lit = 0.8 + 0.25 * np.sin(fold * 1.9) + float(rng.normal(0, 0.05))
        canvas.rectangle(x + wide * fold / folds, 0, wide / folds + 0.003, low, shade(paint, float(lit)))


def sofa(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A sofa or a bed."""
    wide, x, base = float(rng.uniform(0.3, 0.6)), float(rng.uniform(-0.1, 0.6)), edge + float(rng.uniform(0.04, 0.15))
    paint, seat = colour(rng, (0.0, 0.6), (0.15, 0.8)), 0.1
    canvas.rectangle(x, base - 0.28, wide, 0.22, shade(paint, 0.9))
    canvas.rectangle(x, base - seat - 0.02, wide, seat, shade(paint, 1.12))
    canvas.rectangle(x, base - 0.03, wide, 0.04, shade(paint, 0.6))
    for at in (x - 0.03, x + wide - 0.03):
        canvas.rectangle(at, base - 0.2, 0.06, 0.2, paint)
    for _ in range(rng.integers(0, 4)):
        canvas.rectangle(x + rng.random() * (wide - 0.08), base - 0.2, 0.08, 0.09, colour(rng))


def table(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A table with four legs and things on it."""
    wide, x, top = float(rng.uniform(0.2, 0.5)), float(rng.uniform(-0.1, 0.7)), edge + float(rng.uniform(-0.14, 0.1))
    paint, tall = dull(rng) if rng.random() < 0.8 else limb_colour(rng), float(rng.uniform(0.14, 0.3))
    thick = float(rng.uniform(0.008, 0.025))
    for share, drop in ((0.08, 0.75), (0.85, 0.75), (0.0, 1.0), (0.94, 1.0)):
        canvas.stroke(
            [(x + share * wide + thick, top), (x + share * wide + thick, top + drop * tall)], thick, shade(paint, 0.7)
        )
    goods(canvas, rng, x + 0.1 * wide, top - 0.11, 0.6 * wide, 0.1)
    canvas.polygon(
        [(x + 0.06 * wide, top - 0.02), (x + 0.94 * wide, top - 0.02), (x + wide, top + 0.02), (x, top + 0.02)], paint
    )


def chair(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A chair whose thin legs look like shins."""
    x, base, size = float(rng.uniform(0.05, 0.9)), edge + float(rng.uniform(0.06, 0.25)), float(rng.uniform(0.08, 0.16))
    paint = dull(rng) if rng.random() < 0.6 else limb_colour(rng)
    thick = float(rng.uniform(0.008, 0.02))
    splay = float(rng.uniform(0, 0.03))
    for share in (0.0, 0.3, 0.7, 1.0):
        foot = x + share * size + splay * (share - 0.5) * 2
        canvas.stroke([(x + share * size, base - 1.2 * size), (foot, base)], thick, shade(paint, 0.8))
    canvas.rectangle(x - 0.01, base - 1.35 * size, size + 0.02, 0.2 * size, paint)
    for bar in np.linspace(x, x + size, int(rng.integers(2, 6))):
        canvas.stroke([(float(bar), base - 1.3 * size), (float(bar), base - 2.6 * size)], thick, paint)
    canvas.rectangle(x - 0.01, base - 2.7 * size, size + 0.02, 0.25 * size, paint)


def lamp(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A standing or a hanging lamp."""
    x, wide = float(rng.random()), float(rng.uniform(0.05, 0.13))
    paint, glow = dull(rng), near(rng, (250, 230, 180), 12)
    if rng.random() < 0.5:
        canvas.stroke([(x, 0), (x, 0.15)], 0.006, paint)
        canvas.ellipse(x, 0.18, wide, wide, glow)
        return
    top = edge * float(rng.uniform(0.25, 0.5))
    canvas.stroke([(x, top), (x, edge + 0.05)], 0.012, paint)
    canvas.polygon(
        [(x - wide / 3, top - 0.1), (x + wide / 3, top - 0.1), (x + wide / 2, top), (x - wide / 2, top)], glow
    )
    canvas.ellipse(x, edge + 0.05, wide, 0.02, paint)


def plant(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A pot with leaves."""
    x, base, size = float(rng.random()), edge + float(rng.uniform(0.02, 0.15)), float(rng.uniform(0.08, 0.2))
    paint = green(rng)
    for _ in range(rng.integers(8, 24)):
        tip = (x + float(rng.normal(0, size * 0.7)), base - size * float(rng.uniform(0.9, 2.2)))
        middle = (x + 0.3 * (tip[0] - x), base - 0.8 * size)
        canvas.stroke(
            [(x, base - 0.5 * size), middle, tip], float(rng.uniform(0.006, 0.02)), shade(paint, rng.uniform(0.6, 1.4))
        )
    pot = near(rng, (176, 96, 62), 25)
    canvas.polygon(
        [
            (x - 0.35 * size, base - 0.6 * size),
            (x + 0.35 * size, base - 0.6 * size),
            (x + 0.25 * size, base),
            (x - 0.25 * size, base),
        ],
        pot,
    )


def columns(canvas: Canvas, rng: Rng) -> None:
    """Pillars and poles from floor to ceiling."""
    for _ in range(rng.integers(1, 4)):
        x, thick, paint = float(rng.random()), float(rng.uniform(0.01, 0.09)), dull(rng)
        for part in range(6):
            lit = 0.7 + 0.5 * np.sin(np.pi * (part + 0.8) / 6.5)
            canvas.rectangle(x + thick * part / 6, 0, thick / 6 + 0.002, 1, shade(paint, float(lit)))
