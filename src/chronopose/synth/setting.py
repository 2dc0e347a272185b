"""What surrounds the people of a clip: backdrop, light and things in front of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Pixels

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Texture:
    """A picture for the graphics card: `key` names it for as long as it is kept there, pixels (H, W, 3) uint8 RGB."""

    key: str
    pixels: Pixels


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Backdrop:
    """What is seen behind everybody.

    Attributes:
        texture: an equirectangular panorama, or a flat picture that fills the frame.
        kind: which of the two.
        yaw: how far the panorama is turned, radians; u = atan2(x, -z) / 2 pi + 0.5 of the turned view direction.
        window: x, y, width, height of the part of a flat picture that is shown, 0 to 1.
        gain: (3,) factor on red, green and blue.
    """

    texture: Texture
    kind: Literal["panorama", "flat"]
    yaw: float
    window: tuple[float, float, float, float]
    gain: Array


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Light:
    """A sun, a sky above and a ground below.

    Attributes:
        sun_direction: (3,) unit, towards the sun, world axes.
        sun: (3,) linear colour; a white surface facing the sun gets sun + ambient.
        sky: (3,) ambient colour of surfaces that face up.
        ground: (3,) ambient colour of surfaces that face down.
        shadow: how dark the shadow on the floor is, 0 for none to 1.
    """

    sun_direction: Array
    sun: Array
    sky: Array
    ground: Array
    shadow: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prop:
    """A thing that is not a person, opaque and textured, which may hide one.

    Attributes:
        shape: "card" is a flat rectangle in x and y, "box" a cube, "cylinder" upright along y, "ball" a sphere; each
            fills -0.5 to 0.5 of its own axes.
        texture: what is painted on it.
        window: x, y, width, height of the part of the texture that is used, 0 to 1.
        gain: (3,) factor on red, green and blue.
        placement: (T, 4, 4) own axes -> world, at each instant of the clip (frames times sub-frames); of a carried
            thing own axes -> metres from the head of its bone, in the axes of the rest pose.
        bone: name of the main person's bone that carries it, None for a thing on its own.
    """

    shape: Literal["card", "box", "cylinder", "ball"]
    texture: Texture
    window: tuple[float, float, float, float]
    gain: Array
    placement: Array
    bone: str | None = None
