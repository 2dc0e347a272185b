"""Painted pieces of made-up streets, parks and halls, and shapes like limbs and heads."""

import itertools

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
_SHEET = 256

# Every function paints on `canvas`; `edge` and `base` are how far down the wall meets the floor, or a thing its foot.


def sky(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Blue, grey or evening, with or without clouds."""
    top = near(
        rng,
        [(96, 150, 214), (188, 196, 206), (214, 150, 110), (46, 56, 84)][rng.choice(4, p=[0.45, 0.35, 0.1, 0.1])],
        18,
    )
    low = shade(near(rng, top, 12), float(rng.uniform(1.0, 1.35)))
    canvas.picture(0, 0, 1, edge, slope(top, low, 2, _PATCH))
    if rng.random() < 0.5:
        veil = tint(low, np.clip(clouds(rng, _PATCH, _PATCH, 2, 5), 0, 2), 0.12)
        canvas.picture(0, 0, 1, edge, veil)


def ground(canvas: Canvas, rng: Rng, edge: float, paint: Colour, rough: float | None = None) -> None:
    """Earth, grass, asphalt or a court in perspective; `rough` is how uneven its colour is."""
    rough = float(rng.uniform(0.03, 0.16)) if rough is None else rough
    sheet = clouds(rng, _SHEET, _SHEET, 8, 6, float(rng.uniform(0.6, 0.95)))
    # A row of the picture shows what is the farther, and the wider, the nearer it is to the horizon.
    away = 1 / np.linspace(0.06, 1, 192)[:, None]
    across = np.linspace(-0.5, 0.5, 224) * away
    seen = sheet[(away * 40).astype(int) % _SHEET, (across * 90 + 900).astype(int) % _SHEET]
    seen = seen * np.clip(4 / away, 0.15, 1).astype(np.float32)  # far off, grains are too small to see
    canvas.picture(0, edge, 1, 1 - edge, tint(paint, seen, rough))


def house(canvas: Canvas, rng: Rng, x: float, wide: float, edge: float) -> None:
    """A front with rows of windows, perhaps a shop below."""
    top = edge * float(rng.uniform(-0.4, 0.75))
    wall = near(rng, (158, 90, 70), 25) if rng.random() < 0.25 else dull(rng, (0.3, 0.95))
    canvas.picture(x, top, wide, edge - top + 0.01, tint(wall, clouds(rng, 32, 48, 2, 4), 0.05))
    columns, step = int(rng.integers(2, 7)), float(rng.uniform(0.08, 0.16))
    pane = near(rng, (70, 84, 100), 30)
    for y in np.arange(top + 0.03, edge - step, step):
        for column in range(columns):
            left = x + wide * (column + 0.25) / columns
            canvas.rectangle(
                left - 0.004, float(y) - 0.004, 0.5 * wide / columns + 0.008, 0.62 * step + 0.008, shade(wall, 1.2)
            )
            canvas.rectangle(left, float(y), 0.5 * wide / columns, 0.6 * step, near(rng, pane, 18))
    if rng.random() < 0.5:
        canvas.rectangle(x + 0.05 * wide, edge - 0.16, 0.9 * wide, 0.16, near(rng, (52, 56, 62), 20))
        board = colour(rng, (0.3, 1.0), (0.3, 0.95))
        canvas.rectangle(x + 0.03 * wide, edge - 0.21, 0.94 * wide, 0.055, board)
        canvas.writing(rng, x + 0.1 * wide, edge - 0.2, 0.7 * wide, 0.035, (240, 240, 235))


def car(canvas: Canvas, rng: Rng, base: float) -> None:
    """A car from the side."""
    size, x = float(rng.uniform(0.22, 0.5)), float(rng.uniform(-0.2, 0.9))
    paint = colour(rng, (0.0, 0.9), (0.1, 0.95)) if rng.random() < 0.6 else near(rng, (200, 200, 204), 30)
    high = 0.36 * size
    roof = [
        (x + 0.2 * size, base - 0.55 * high),
        (x + 0.32 * size, base - high),
        (x + 0.72 * size, base - high),
        (x + 0.86 * size, base - 0.55 * high),
    ]
    canvas.polygon(roof, shade(paint, 0.9))
    glass = [
        (x + 0.25 * size, base - 0.56 * high),
        (x + 0.34 * size, base - 0.93 * high),
        (x + 0.7 * size, base - 0.93 * high),
        (x + 0.81 * size, base - 0.56 * high),
    ]
    canvas.polygon(glass, (48, 58, 68))
    canvas.rectangle(x + 0.51 * size, base - 0.95 * high, 0.02 * size, 0.4 * high, paint)
    canvas.rectangle(x, base - 0.58 * high, size, 0.42 * high, paint)
    canvas.rectangle(x, base - 0.2 * high, size, 0.06 * high, shade(paint, 0.6))
    for share in (0.2, 0.8):
        canvas.ellipse(x + share * size, base - 0.12 * high, 0.19 * size, 0.19 * size, (28, 28, 30))
        canvas.ellipse(x + share * size, base - 0.12 * high, 0.1 * size, 0.1 * size, (150, 150, 150))


def tree(canvas: Canvas, rng: Rng, base: float) -> None:
    """A trunk with boughs under a crown, or a fir."""
    x, size = float(rng.uniform(-0.05, 1.05)), float(rng.uniform(0.15, 0.7)) * min(1.0, base)
    bark, leaf = near(rng, (88, 66, 46), 18), green(rng, (0.15, 0.55))
    thick = 0.06 * size * float(rng.uniform(0.5, 1.3))
    lean = float(rng.normal(0, 0.08)) * size
    fork = (x + lean, base - 0.5 * size)
    canvas.stroke([(x, base), fork], thick, bark)
    if rng.random() < 0.25:
        for level in range(6):
            half, y = size * (0.3 - 0.045 * level), base - 0.2 * size - level * 0.14 * size
            canvas.polygon(
                [(x - half, y), (x + half, y), (x, y - 0.3 * size)], shade(leaf, float(rng.uniform(0.7, 1.1)))
            )
        return
    for side in (-1, 1):
        tip = (fork[0] + side * 0.25 * size * float(rng.random()), base - 0.8 * size)
        canvas.stroke([fork, tip], 0.6 * thick, bark)
    if rng.random() < 0.85:
        canvas.leaves(rng, fork[0], base - 0.75 * size, float(rng.uniform(0.4, 0.9)) * size, 0.65 * size, leaf, 70)


def post(canvas: Canvas, rng: Rng, base: float) -> None:
    """A lamp post, a bollard or a sign on a pole."""
    x, tall = float(rng.random()), float(rng.choice([rng.uniform(0.08, 0.2), rng.uniform(0.3, 0.9)]))
    paint, thick = dull(rng, (0.1, 0.8)), float(rng.uniform(0.008, 0.03))
    canvas.stroke([(x, base), (x, base - tall)], thick, paint)
    canvas.stroke([(x + thick / 5, base), (x + thick / 5, base - tall)], thick / 4, shade(paint, 1.5))
    if tall > 0.25 and rng.random() < 0.7:
        sign, size = colour(rng, (0.4, 1.0), (0.4, 1.0)), float(rng.uniform(0.05, 0.12))
        if rng.random() < 0.5:
            canvas.ellipse(x, base - tall, size, size, sign)
        else:
            canvas.rectangle(x - size, base - tall, 2 * size, size, sign)
            canvas.writing(rng, x - 0.9 * size, base - tall + 0.25 * size, 1.6 * size, 0.4 * size, (245, 245, 240))


def fence(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Pales and rails, or wire."""
    paint, step = dull(rng), float(rng.uniform(0.015, 0.07))
    top, low = edge - float(rng.uniform(0.05, 0.2)), edge + float(rng.uniform(0.02, 0.06))
    for x in np.arange(rng.random() * step, 1, step):
        canvas.stroke([(float(x), top), (float(x), low)], 0.25 * step, near(rng, paint, 6))
    for share in (0.2, 0.75):
        canvas.rectangle(0, top + share * (low - top), 1, 0.012, shade(paint, 0.85))


def path(canvas: Canvas, rng: Rng, edge: float) -> None:
    """A way that leads to the horizon."""
    at, end = float(rng.uniform(0.2, 0.8)), float(rng.uniform(-0.2, 1.0))
    canvas.polygon([(at, edge), (at + 0.03, edge), (end + 0.5, 1), (end, 1)], near(rng, (178, 164, 140), 18))


def seats(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Rows of seats, empty or with blobs in the colours of clothes and faces too far off to be people."""
    rows, across = int(rng.integers(3, 12)), int(rng.integers(14, 50))
    paint, full = colour(rng, (0.2, 0.9), (0.2, 0.8)), float(rng.choice([0.0, rng.random()]))
    top = edge * float(rng.uniform(0.05, 0.5))
    high = (edge - top) / rows
    for row in range(rows):
        y = top + row * high
        canvas.rectangle(0, y, 1, high * 0.95, shade((120, 118, 115), 0.6 + 0.04 * row))
        for number in range(across):
            x = (number + 0.5 * (row % 2)) / across
            canvas.rectangle(x, y + 0.35 * high, 0.8 / across, 0.5 * high, near(rng, paint, 10))
            if rng.random() < full:
                canvas.ellipse(x + 0.4 / across, y + 0.62 * high, 0.7 / across, 0.6 * high, colour(rng))


def boards(canvas: Canvas, rng: Rng, edge: float) -> None:
    """Advertising along a court."""
    high, x = float(rng.uniform(0.05, 0.14)), 0.0
    while x < 1:
        wide = float(rng.uniform(0.15, 0.5))
        paint = colour(rng, (0.0, 1.0), (0.15, 1.0))
        canvas.rectangle(x, edge - high, wide, high, paint)
        ink = (245, 245, 245) if sum(paint) < 380 else (25, 25, 40)
        canvas.writing(rng, x + 0.02, edge - 0.8 * high, wide - 0.05, 0.6 * high, ink)
        x += wide


def limbs(canvas: Canvas, rng: Rng) -> None:
    """Bent sticks in the colours of skin and cloth that belong to nobody."""
    for _ in range(rng.integers(1, 5)):
        start, angle, length = rng.uniform(0, 1, 2), rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.2)
        points = [start]
        for _ in range(rng.integers(1, 3)):
            points.append(points[-1] + length * np.array([np.cos(angle), np.sin(angle)]))
            angle += rng.normal(0, 0.7)
        paint = limb_colour(rng) if rng.random() < 0.7 else colour(rng)
        thick = float(length * rng.uniform(0.15, 0.4))
        placed = [(float(x), float(y)) for x, y in points]
        for begin, end in itertools.pairwise(placed):
            canvas.stroke([begin, end], thick, paint)
        lit = [(x - thick / 6, y - thick / 6) for x, y in placed]
        canvas.stroke(lit, thick / 3, shade(paint, 1.12))


def balls(canvas: Canvas, rng: Rng) -> None:
    """Round things in the colours of heads."""
    for _ in range(rng.integers(1, 4)):
        x, y, size = rng.random(), rng.random(), rng.uniform(0.03, 0.12)
        paint = limb_colour(rng)
        canvas.ellipse(x, y, size, size * 1.2, paint)
        canvas.ellipse(x - 0.1 * size, y - 0.15 * size, 0.6 * size, 0.7 * size, shade(paint, 1.1))
        if rng.random() < 0.1:
            canvas.ellipse(x, y - 0.3 * size, size, 0.6 * size, dull(rng, (0.05, 0.4)))
