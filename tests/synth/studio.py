"""What the tests of drawing share: a renderer if the machine has one, cameras, lights, walls and a standing pose."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.synth.body import Body, Shape
from chronopose.synth.camera import Camera, look_at
from chronopose.synth.render import Renderer
from chronopose.synth.setting import Backdrop, Light, Texture

WIDTH, HEIGHT = 96, 72


@contextmanager
def renderer(width: int = WIDTH, height: int = HEIGHT, supersample: float = 1.5) -> Iterator[Renderer]:
    """A renderer; the test is skipped where there is nothing to draw with, unless CHRONOPOSE_GL=required."""
    try:
        made = Renderer(width, height, supersample)
    except InputError as error:
        if os.environ.get("CHRONOPOSE_GL") == "required":
            raise
        pytest.skip(str(error))
    with made:
        yield made


def camera(distance_m: float = 4.0, height_m: float = 1.2, width: int = WIDTH, height: int = HEIGHT) -> Camera:
    """In front of the origin, looking at a point a metre above it."""
    return look_at(np.array([0.0, height_m, distance_m]), np.array([0.0, 1.0, 0.0]), 0.0, 0.8, width, height)


def light(shadow: float = 0.0) -> Light:
    """From above on the left."""
    direction = np.array([0.6, 0.7, 0.3])
    return Light(
        sun_direction=direction / np.linalg.norm(direction),
        sun=np.full(3, 0.6),
        sky=np.full(3, 0.4),
        ground=np.full(3, 0.3),
        shadow=shadow,
    )


def wall(value: int = 200) -> Backdrop:
    """A plain flat backdrop."""
    pixels = np.full((4, 4, 3), value, np.uint8)
    texture = Texture(key=f"wall {value}", pixels=pixels)
    return Backdrop(texture=texture, kind="flat", yaw=0.0, window=(0.0, 0.0, 1.0, 1.0), gain=np.ones(3))


def standing(body: Body, shape: Shape) -> NDArray[np.float32]:
    """(B, 3, 4) matrices of the rest pose, feet on the floor."""
    matrices = np.tile(np.eye(3, 4, dtype=np.float32), (len(body.bones), 1, 1))
    matrices[:, 1, 3] = -shape.floor_m
    return matrices
