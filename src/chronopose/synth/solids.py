"""What the renderer makes for itself: boxes and balls, noise in space, prints for shirts."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from chronopose.core.types import Floats, Pixels

_NOISE_CELLS = 64
_PRINT_PX = 64
_PRINTS_ACROSS = 8


def card() -> Floats:
    """(6, 8) position, normal, uv of the corners of two triangles in x and y."""
    return _grid(1, 1, lambda u, v: (u - 0.5, 0.5 - v, 0 * u), lambda u, v: (0 * u, 0 * u, 1 + 0 * u))


def box() -> Floats:
    """(36, 8) of a cube; every side shows the whole picture."""
    side = card()
    side[:, 2] += 0.5
    turns: list[NDArray[np.float64]] = [np.eye(3)]
    for angle in (np.pi / 2, np.pi, -np.pi / 2):
        cos, sin = np.cos(angle), np.sin(angle)
        turns.append(np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]))
    turns += [np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]), np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])]
    sides = [np.concatenate([side[:, :3] @ turn.T, side[:, 3:6] @ turn.T, side[:, 6:]], axis=1) for turn in turns]
    return np.concatenate(sides).astype(np.float32)


def cylinder() -> Floats:
    """Triangles of an upright round bar with its two lids; the picture goes once around."""
    around = 2 * np.pi

    def wall(u: Floats, v: Floats) -> tuple[Floats, ...]:
        return 0.5 * np.sin(around * u), 0.5 - v, 0.5 * np.cos(around * u)

    def lid(u: Floats, v: Floats) -> tuple[Floats, ...]:
        return 0.5 * v * np.sin(around * u), 0.5 + 0 * u, 0.5 * v * np.cos(around * u)

    side = _grid(16, 1, wall, lambda u, v: (np.sin(around * u), 0 * u, np.cos(around * u)))
    top = _grid(16, 1, lid, lambda u, v: (0 * u, 1 + 0 * u, 0 * u))
    bottom = top * np.array([1, -1, 1, 1, -1, 1, 1, 1])
    return np.concatenate([side, top, bottom]).astype(np.float32)


def ball() -> Floats:
    """Triangles of a sphere; the picture goes once around, pole to pole."""

    def place(u: Floats, v: Floats) -> tuple[Floats, ...]:
        flat = np.sin(np.pi * v)
        return flat * np.sin(2 * np.pi * u), np.cos(np.pi * v), flat * np.cos(2 * np.pi * u)

    return _grid(20, 12, lambda u, v: tuple(0.5 * part for part in place(u, v)), place)


SOLIDS: dict[str, Callable[[], Floats]] = {"card": card, "box": box, "cylinder": cylinder, "ball": ball}


def _grid(
    columns: int,
    rows: int,
    place: Callable[[Floats, Floats], tuple[Floats, ...]],
    normal: Callable[[Floats, Floats], tuple[Floats, ...]],
) -> Floats:
    """Triangles over the unit square, bent to `place`(u, v)."""
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    corners = np.array([[0, 0], [0, 1], [1, 1], [0, 0], [1, 1], [1, 0]])
    v = ((row.reshape(-1, 1) + corners[:, 0]) / rows).reshape(-1).astype(np.float32)
    u = ((column.reshape(-1, 1) + corners[:, 1]) / columns).reshape(-1).astype(np.float32)
    return np.stack([*place(u, v), *normal(u, v), u, v], axis=1).astype(np.float32)


@lru_cache(maxsize=1)
def noise_block() -> NDArray[np.uint8]:
    """(64, 64, 64, 4) uint8: four smooth noises that repeat without a seam; eight waves fit along an axis."""
    rng = np.random.default_rng(7)
    block = np.zeros((_NOISE_CELLS,) * 3 + (4,), np.float32)
    for cells, strength in ((8, 1.0), (16, 0.5), (32, 0.25)):
        knots = rng.normal(0, strength, (cells, cells, cells, 4)).astype(np.float32)
        at = np.arange(_NOISE_CELLS) * cells / _NOISE_CELLS
        low, share = at.astype(int), at % 1
        share = share * share * (3 - 2 * share)
        for axis in range(3):
            shape = [1] * 4
            shape[axis] = _NOISE_CELLS
            blend = share.astype(np.float32).reshape(shape)
            knots = (np.take(knots, low, axis) * (1 - blend) + np.take(knots, (low + 1) % cells, axis) * blend).astype(
                np.float32
            )
        block += knots
    return np.clip(127.5 + 127.5 * block / 3, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def print_atlas() -> Pixels:
    """(512, 512, 3) uint8: 8 x 8 pictures for shirts, red for the fabric's second colour and green for its third."""
    rng = np.random.default_rng(11)
    atlas = Image.new("RGB", (_PRINT_PX * _PRINTS_ACROSS,) * 2)
    for number in range(_PRINTS_ACROSS**2):
        cell = Image.new("RGB", (_PRINT_PX, _PRINT_PX))
        _draw_print(ImageDraw.Draw(cell), number, rng)
        atlas.paste(cell, (number % _PRINTS_ACROSS * _PRINT_PX, number // _PRINTS_ACROSS * _PRINT_PX))
    return np.asarray(atlas)


def _draw_print(draw: ImageDraw.ImageDraw, number: int, rng: np.random.Generator) -> None:
    """A number, a word, rings, a star, bars or a blot."""
    red, green = (255, 0, 0), (0, 255, 0)
    full, half = _PRINT_PX, _PRINT_PX // 2
    letters = "ACDEHKLMNORSTUVX"
    kind = number % 7
    if kind == 0:
        draw.text((half, half), str(rng.integers(1, 100)), red, ImageFont.load_default(58), anchor="mm", stroke_width=2)
    elif kind == 1:
        for line, high in enumerate(np.linspace(14, 50, int(rng.integers(1, 4)))):
            word = "".join(rng.choice(list(letters), int(rng.integers(3, 8))))
            paint = green if line == 1 else red
            draw.text((half, high), word, paint, ImageFont.load_default(float(rng.uniform(11, 17))), anchor="mm")
    elif kind == 2:
        for radius in np.arange(rng.uniform(18, 29), 4, -rng.uniform(6, 12)):
            draw.circle((half, half), float(radius), outline=red if rng.random() < 0.6 else green, width=4)
    elif kind == 3:
        points = int(rng.integers(3, 8))
        angles = np.arange(2 * points) * np.pi / points - np.pi / 2
        radii = np.where(np.arange(2 * points) % 2, 28 * rng.uniform(0.35, 0.8), 28)
        corners = [(half + r * np.cos(t), half + r * np.sin(t)) for r, t in zip(radii, angles, strict=True)]
        draw.polygon(corners, fill=red, outline=green)
    elif kind == 4:
        for left in np.arange(4, full - 8, rng.uniform(9, 16)):
            draw.rectangle((left, rng.uniform(4, 30), left + 5, full - 6), fill=red if rng.random() < 0.6 else green)
    elif kind == 5:
        for _ in range(int(rng.integers(6, 16))):
            x, y, r = rng.uniform(14, 50), rng.uniform(14, 50), rng.uniform(3, 13)
            draw.ellipse((x - r, y - 0.7 * r, x + r, y + 0.7 * r), fill=red if rng.random() < 0.55 else green)
    else:
        draw.rectangle((8, 14, full - 8, full - 14), fill=red if rng.random() < 0.5 else green)
        draw.line((8, full - 16, 24, 26, 36, 40, 46, 30, full - 8, full - 16), fill=green, width=3)
