"""What is behind the people and what lights them: panoramas, made-up places, suns and skies."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.synth.assets import Panorama
from chronopose.synth.clutter import random_clutter
from chronopose.synth.setting import Backdrop, Light, Texture

Array = NDArray[np.float64]
Rng = np.random.Generator

# Share of clips before a panorama; the others have a made-up picture behind them.
_PANORAMAS = 0.6
# A made-up picture is larger than most frames, and a part of it is shown.
_WIDTH, _HEIGHT = 384, 320
# Panoramas are kept at this width at most, this many of them.
_PANORAMA_PX, _KEPT = 2048, 48
# The mean luminance of a white ball in the middle of the scene; below, dark skin would vanish.
_DARKEST, _BRIGHTEST = 0.7, 1.1
# The part of that which comes from all around at least, so that nobody's unlit side is black.
_LEAST_AMBIENT = 0.35
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def random_backdrop(rng: Rng, panoramas: Sequence[Panorama]) -> tuple[Backdrop, Panorama | None]:
    """What is seen behind everybody.

    Args:
        rng: source of chance.
        panoramas: to choose from; with none, every picture is made up.

    Returns:
        The backdrop, and the panorama it shows or None for a made-up picture.
    """
    gain = rng.uniform(0.55, 1.25) * np.clip(rng.normal(1, 0.06, 3), 0.8, 1.2)
    if panoramas and rng.random() < _PANORAMAS:
        panorama = panoramas[int(rng.integers(len(panoramas)))]
        yaw = float(rng.uniform(-np.pi, np.pi))
        whole = (0.0, 0.0, 1.0, 1.0)
        backdrop = Backdrop(texture=_texture(panorama), kind="panorama", yaw=yaw, window=whole, gain=gain)
        return backdrop, panorama
    seed = int(rng.integers(2**63))
    texture = Texture(key=f"clutter/{seed}", pixels=random_clutter(np.random.default_rng(seed), _WIDTH, _HEIGHT))
    wide, high = rng.uniform(0.4, 1.0) * rng.uniform(0.85, 1.0, 2)
    window = (float(rng.uniform(0, 1 - wide)), float(rng.uniform(0, 1 - high)), float(wide), float(high))
    return Backdrop(texture=texture, kind="flat", yaw=0.0, window=window, gain=gain), None


def random_light(rng: Rng, panorama: Panorama | None, yaw: float) -> Light:
    """The light on the people; before a panorama it is that place's own half of the time.

    It is always strong enough to see dark skin by, and never much too strong.

    Args:
        rng: source of chance.
        panorama: the one behind the people, or None.
        yaw: how far that is turned, radians (`Backdrop.yaw`).
    """
    if panorama is not None and rng.random() < 0.5:
        direction = _turn(panorama.sun_direction, yaw)
        return _light(rng, direction, panorama.sun, panorama.sky, panorama.ground)
    return _made_up(rng)


@lru_cache(maxsize=_KEPT)
def _texture(panorama: Panorama) -> Texture:
    """A panorama's picture, not larger than needed."""
    pixels = panorama.pixels()
    if pixels.shape[1] > _PANORAMA_PX:
        size = (_PANORAMA_PX, _PANORAMA_PX // 2)
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    return Texture(key=f"panorama/{panorama.file}", pixels=pixels)


def _turn(direction: Array, yaw: float) -> Array:
    """A direction (3,) of the panorama as it is in the world when the panorama is turned by `yaw`."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    x, y, z = direction
    return np.array([cos * x - sin * z, y, sin * x + cos * z])


def _made_up(rng: Rng) -> Light:
    """Sun, clouds, lamps, a stage or a low evening sun."""
    azimuth = rng.uniform(0, 2 * np.pi)
    # Height of the light as a sine, its strength as a share of all light, and the ground's share of the sky's.
    height, strength, bounce = {
        "sun": (rng.uniform(0.4, 0.98), rng.uniform(0.5, 0.65), rng.uniform(0.4, 0.9)),
        "clouds": (rng.uniform(0.7, 1.0), rng.uniform(0.0, 0.2), rng.uniform(0.4, 0.8)),
        "lamps": (rng.uniform(0.6, 1.0), rng.uniform(0.15, 0.5), rng.uniform(0.3, 0.8)),
        "stage": (rng.uniform(0.1, 0.9), rng.uniform(0.5, 0.65), rng.uniform(0.3, 1.3)),
        "evening": (rng.uniform(0.17, 0.4), rng.uniform(0.4, 0.6), rng.uniform(0.5, 1.0)),
    }[kind := str(rng.choice(["sun", "clouds", "lamps", "stage", "evening"], p=[0.3, 0.25, 0.25, 0.08, 0.12]))]
    flat = np.sqrt(1 - height**2)
    direction = np.array([flat * np.sin(azimuth), height, flat * np.cos(azimuth)])
    warmth = {"sun": 0.06, "clouds": 0.0, "lamps": 0.12, "stage": 0.0, "evening": 0.2}[kind] * rng.uniform(0.3, 1.3)
    spread = 0.25 if kind == "stage" else 0.04
    sun = strength * np.array([1 + warmth, 1.0, 1 - 1.5 * warmth]) * np.clip(rng.normal(1, spread, 3), 0.4, 1.6)
    coldness = rng.normal(0.03, 0.04)
    sky = (1 - strength) * np.array([1 - coldness, 1.0, 1 + 1.5 * coldness]) * np.clip(rng.normal(1, 0.03, 3), 0.8, 1.2)
    ground = sky * bounce * np.clip(rng.normal(1, 0.06, 3), 0.8, 1.2)
    return _light(rng, direction, sun, sky, ground)


def _light(rng: Rng, direction: Array, sun: Array, sky: Array, ground: Array) -> Light:
    """The given light at a strength by which people can be seen."""
    sun, sky, ground = _milder(sun), _milder(sky), _milder(ground)
    level = rng.uniform(_DARKEST, _BRIGHTEST)
    ambient = float(_LUMINANCE @ (sky + ground)) / 2
    direct = float(_LUMINANCE @ sun) / 2
    share = max(_LEAST_AMBIENT, ambient / max(ambient + direct, 1e-9))
    if ambient > 1e-9:
        sky, ground = (colour * (share * level / ambient) for colour in (sky, ground))
    else:
        sky, ground = (np.full(3, share * level) for _ in range(2))
    sun = sun * ((1 - share) * level / max(direct, 1e-9))
    shadow = float(rng.uniform(0.3, 0.8) * (1 - share) / (1 - _LEAST_AMBIENT)) if rng.random() < 0.75 else 0.0
    return Light(sun_direction=direction, sun=sun, sky=sky, ground=ground, shadow=shadow)


def _milder(light: Array) -> Array:
    """A colour (3,) with its cast held within what a camera's white balance leaves over."""
    grey = float(_LUMINANCE @ light)
    held: Array = np.clip(light, 0.6 * grey, 1.7 * grey)
    return held
