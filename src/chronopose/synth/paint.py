"""Brushes for made-up pictures: colours, cloudy noise, and a canvas in shares of its size."""

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from chronopose.core.types import Floats, Pixels

Rng = np.random.Generator
Colour = tuple[int, int, int]
Point = tuple[float, float]

LIMBS: tuple[Colour, ...] = (
    (244, 208, 180),
    (226, 172, 136),
    (198, 142, 104),
    (160, 108, 76),
    (116, 76, 52),
    (78, 50, 36),
)
"""What bare limbs look like: things in these colours that are no limbs teach a model not to go by colour."""

_SMOOTHING = 2  # a canvas is painted this much larger than it is kept


def colour(rng: Rng, vivid: tuple[float, float] = (0.0, 1.0), bright: tuple[float, float] = (0.1, 1.0)) -> Colour:
    """Any hue, with saturation and value between the given bounds."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*vivid), rng.uniform(*bright))
    return round(255 * red), round(255 * green), round(255 * blue)


def dull(rng: Rng, bright: tuple[float, float] = (0.15, 0.95)) -> Colour:
    """A colour of walls, floors and stones."""
    warm = colorsys.hsv_to_rgb(rng.normal(0.09, 0.05) % 1, rng.beta(1.2, 4), rng.uniform(*bright))
    red, green, blue = warm if rng.random() < 0.75 else colorsys.hsv_to_rgb(rng.random(), rng.beta(1.2, 4), max(warm))
    return round(255 * red), round(255 * green), round(255 * blue)


def green(rng: Rng, bright: tuple[float, float] = (0.15, 0.65)) -> Colour:
    """A colour of leaves and grass."""
    red, leaf, blue = colorsys.hsv_to_rgb(rng.uniform(0.17, 0.4), rng.uniform(0.25, 0.75), rng.uniform(*bright))
    return round(255 * red), round(255 * leaf), round(255 * blue)


def limb_colour(rng: Rng) -> Colour:
    """The colour of somebody's skin."""
    return near(rng, LIMBS[rng.integers(len(LIMBS))], 10)


def shade(paint: Colour, factor: float) -> Colour:
    """A colour made darker (factor below 1) or lighter."""
    red, green_, blue = (min(255, max(0, round(factor * value))) for value in paint)
    return red, green_, blue


def near(rng: Rng, paint: Colour, spread: float) -> Colour:
    """A colour like `paint`, `spread` grey levels off."""
    red, green_, blue = np.clip(np.array(paint) + rng.normal(0, spread) + rng.normal(0, spread / 2, 3), 0, 255).tolist()
    return round(red), round(green_), round(blue)


def clouds(rng: Rng, width: int, height: int, coarsest: int = 3, octaves: int = 5, fall: float = 0.5) -> Floats:
    """(height, width) float32 noise of mean 0 and deviation 1 with structure of every size, as plaster or grass has.

    Args:
        rng: source of chance.
        width: in pixels.
        height: in pixels.
        coarsest: number of the largest blobs along the width.
        octaves: number of sizes, each half of the one before.
        fall: strength of each size as a share of the one before.
    """
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        across = coarsest * 2**octave
        grid = rng.standard_normal((max(2, across * height // max(width, 1)) + 1, across + 1)).astype(np.float32)
        if across > width:
            break
        blobs = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.float32(fall**octave) * np.asarray(blobs)
    total -= total.mean()
    return total / max(float(total.std()), 1e-6)


def tint(ground: Colour, noise: Floats, strength: float) -> Pixels:
    """(H, W, 3) a colour made lighter and darker by noise (H, W) times `strength`."""
    lit = np.asarray(ground, dtype=np.float32) * (1 + np.float32(strength) * noise)[..., None]
    return np.clip(lit, 0, 255).astype(np.uint8)


def slope(top: Colour, bottom: Colour, width: int, height: int) -> Pixels:
    """(height, width, 3) one colour that turns into another from top to bottom."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    rows = np.asarray(top, dtype=np.float32) * (1 - share) + np.asarray(bottom, dtype=np.float32) * share
    return np.broadcast_to(rows, (height, width, 3)).astype(np.uint8)


class Canvas:
    """A picture while it is painted; places and lengths are shares of its width (x) and height (y), y downwards.

    Args:
        width: of the finished picture in pixels.
        height: of the finished picture in pixels.
        ground: the colour it starts with.
    """

    def __init__(self, width: int, height: int, ground: Colour) -> None:
        self.width, self.height = width * _SMOOTHING, height * _SMOOTHING
        self._image = Image.new("RGB", (self.width, self.height), ground)
        self._draw = ImageDraw.Draw(self._image)

    def rectangle(self, x: float, y: float, width: float, height: float, paint: Colour) -> None:
        """An upright rectangle by its left, top, width and height."""
        left, top = self._at(x, y)
        right, bottom = self._at(x + width, y + height)
        if right > left and bottom > top:
            self._draw.rectangle((left, top, right - 1, bottom - 1), fill=paint)

    def ellipse(self, x: float, y: float, across: float, high: float, paint: Colour) -> None:
        """An ellipse about (x, y); `across` and `high` are its whole width and height."""
        left, top = self._at(x - across / 2, y - high / 2)
        right, bottom = self._at(x + across / 2, y + high / 2)
        if right > left and bottom > top:
            self._draw.ellipse((left, top, right, bottom), fill=paint)

    def polygon(self, points: Sequence[Point], paint: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([self._at(x, y) for x, y in points], fill=paint)

    def stroke(self, points: Sequence[Point], thick: float, paint: Colour) -> None:
        """A line through points with round ends; `thick` is a share of the picture's height."""
        wide = max(1, round(thick * self.height))
        placed = [self._at(x, y) for x, y in points]
        self._draw.line(placed, fill=paint, width=wide, joint="curve")
        if wide > 2:
            for x, y in (placed[0], placed[-1]):
                self._draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=paint)

    def picture(self, x: float, y: float, width: float, height: float, pixels: Pixels) -> None:
        """A picture (h, w, 3) stretched over a rectangle."""
        left, top = self._at(x, y)
        right, bottom = self._at(x + width, y + height)
        if right > left and bottom > top:
            stretched = Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
            self._image.paste(stretched, (left, top))

    def leaves(self, rng: Rng, x: float, y: float, across: float, high: float, paint: Colour, count: int) -> None:
        """A ragged crown of `count` blobs inside an ellipse about (x, y), lit from above."""
        angle, reach = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.random(count))
        size = rng.uniform(0.12, 0.4, count) * (1.1 - 0.5 * reach)
        along, up = reach * np.cos(angle), reach * np.sin(angle)
        lit = np.clip(1.0 - 0.4 * up + rng.normal(0, 0.18, count), 0.3, 1.8)
        for number in np.argsort(-up):
            self.ellipse(
                x + 0.5 * across * float(along[number]),
                y + 0.5 * high * float(up[number]),
                across * float(size[number]),
                high * float(size[number]) * 0.8,
                shade(paint, float(lit[number])),
            )

    def writing(self, rng: Rng, x: float, y: float, width: float, height: float, paint: Colour) -> None:
        """Strokes that look like a line of print from afar."""
        pen = x
        while pen < x + width:
            letter = height * self.height / self.width * rng.uniform(0.3, 0.75)
            if rng.random() < 0.85:
                corners = [(pen + letter * rng.random() * 0.8, y + height * rng.random()) for _ in range(4)]
                if rng.random() < 0.5:
                    corners[:2] = [(pen, y), (pen, y + height)]
                self.stroke(corners, height * 0.14, paint)
            pen += letter * 1.15

    def finish(self, light: NDArray[np.float32] | None, blur_px: float) -> Pixels:
        """(height, width, 3) the picture, multiplied by a light (h, w) of any size, about `blur_px` out of focus."""
        width, height = self.width // _SMOOTHING, self.height // _SMOOTHING
        # Too few pixels and back: looks like a lens out of focus and costs a tenth of a true blur.
        coarse = 1 + 1.3 * blur_px
        image = self._image.resize(
            (max(2, round(width / coarse)), max(2, round(height / coarse))), Image.Resampling.BOX
        )
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        if light is None:
            return pixels
        spread = np.asarray(Image.fromarray(light).resize(image.size, Image.Resampling.BILINEAR))
        lit: Pixels = np.clip(pixels * spread[..., None], 0, 255).astype(np.uint8)
        return lit

    def _at(self, x: float, y: float) -> tuple[int, int]:
        return round(x * self.width), round(y * self.height)
