"""Small textures of things: wood, metal, cloth, bark, leaves, print and plain paint."""

from functools import lru_cache
from typing import Literal

import numpy as np

from chronopose.core.types import Pixels
from chronopose.synth.paint import Rng, clouds, colour, dull, green, limb_colour, near, tint
from chronopose.synth.setting import Texture

_SIDE = 64
# So many different ones exist.
_COUNT = 160
# Trees with striped leaves are of use too: nobody is to go by the leaves.
_AS_WANTED = 0.75

Stuff = Literal["any", "wood", "metal", "cloth", "leaves", "bark", "stripes", "print", "skin", "bright", "dull"]
_KINDS: tuple[Stuff, ...] = ("wood", "metal", "cloth", "leaves", "bark", "stripes", "print", "skin", "bright", "dull")


def random_texture(rng: Rng, stuff: Stuff = "any") -> Texture:
    """One of a fixed set of textures of 64 x 64 pixels, mostly one of the wanted stuff."""
    number = int(rng.integers(_COUNT))
    if stuff != "any" and rng.random() < _AS_WANTED:
        number += _KINDS.index(stuff) - number % len(_KINDS)
    return _texture(number)


@lru_cache(maxsize=_COUNT)
def _texture(number: int) -> Texture:
    return Texture(
        key=f"swatch/{number}", pixels=_paint(np.random.default_rng([77, number]), _KINDS[number % len(_KINDS)])
    )


def _paint(rng: Rng, stuff: Stuff) -> Pixels:
    if stuff == "wood":
        grain = clouds(rng, 4 * _SIDE, _SIDE, 3, 5, 0.8)[:, :: rng.integers(2, 5)][:, :_SIDE]
        return tint(near(rng, (150, 104, 62), 30), grain, 0.13)
    if stuff == "metal":
        brushed = np.broadcast_to(clouds(rng, _SIDE, _SIDE, 8, 3)[:1], (_SIDE, _SIDE))
        return tint(dull(rng, (0.3, 0.9)), brushed, 0.12)
    if stuff == "cloth":
        fibre = clouds(rng, _SIDE, _SIDE, 4, 5, 0.9)
        return tint(colour(rng, (0.1, 0.8), (0.1, 0.9)), fibre, 0.1)
    if stuff == "leaves":
        return tint(green(rng), clouds(rng, _SIDE, _SIDE, 6, 4, 0.9), 0.35)
    if stuff == "bark":
        return tint(near(rng, (92, 72, 54), 20), clouds(rng, _SIDE, _SIDE, 10, 3, 0.8), 0.25)
    if stuff == "stripes":
        return _stripes(rng)
    if stuff == "print":
        return _print(rng)
    if stuff == "skin":
        return tint(limb_colour(rng), clouds(rng, _SIDE, _SIDE, 3, 3), 0.05)
    ground = colour(rng, (0.2, 1.0), (0.2, 1.0)) if stuff == "bright" else dull(rng)
    return tint(ground, clouds(rng, _SIDE, _SIDE, 2, 4), 0.05)


def _stripes(rng: Rng) -> Pixels:
    first, second = np.array(colour(rng)), np.array(colour(rng))
    at = np.arange(_SIDE) // rng.integers(3, 12) % 2
    rows = at[:, None] if rng.random() < 0.5 else at[:, None] ^ at[None] * rng.integers(0, 2)
    pattern = np.where(np.broadcast_to(rows, (_SIDE, _SIDE))[..., None], first, second).astype(np.uint8)
    return pattern if rng.random() < 0.5 else pattern.transpose(1, 0, 2).copy()


def _print(rng: Rng) -> Pixels:
    """Blocks like letters and labels."""
    pixels = np.empty((_SIDE, _SIDE, 3), dtype=np.uint8)
    pixels[:] = dull(rng, (0.4, 1.0)) if rng.random() < 0.5 else colour(rng)
    ink = colour(rng, (0.0, 1.0), (0.0, 0.5))
    for y in range(6, _SIDE - 8, int(rng.integers(8, 16))):
        for x in range(6, _SIDE - 6, 5):
            if rng.random() < 0.75:
                pixels[y : y + rng.integers(3, 7), x : x + rng.integers(1, 4)] = ink
    return pixels
