"""Reduces the light of a panorama to a sun, a sky and a ground."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

LOWEST_SUN = 0.17  # sine of ten degrees
_LEAST_AMBIENT = 0.1


def sun_sky_ground(harmonics: Array, direction: Array) -> tuple[Array, Array, Array, Array]:
    """The sun, sky and ground that best light a white ball as nine spherical harmonics do.

    How much comes from where is fitted to the harmonics' grey; the colours are those of a surface that faces the sun,
    up and down. Overall brightness is set so that the brightest side of the ball is 1.

    Args:
        harmonics: (9, 3) irradiance over pi, of real orthonormal harmonics of the axes x, y, z in the order of l and m:
            0, 0; 1, -1; 1, 0; 1, 1; 2, -2 to 2, 2.
        direction: (3,) unit, towards the sun.

    Returns:
        Towards the sun (3,), lifted to at least ten degrees above the horizon, so that it casts a shadow on the floor;
        then linear colours (3,): what a white surface gets from the sun when it faces it, and from all around when it
        faces up and down.
    """
    if direction[1] < LOWEST_SUN:
        flat = np.array([direction[0], 0, direction[2]])
        flat /= max(float(np.linalg.norm(flat)), 1e-9)
        direction = flat * np.sqrt(1 - LOWEST_SUN**2) + [0, LOWEST_SUN, 0]
        direction /= np.linalg.norm(direction)
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(200)
    height = np.linspace(-0.995, 0.995, 200)
    level = np.sqrt(1 - height**2)
    ball = np.stack([level * np.cos(angle), height, level * np.sin(angle)], axis=1)
    lit = np.maximum(_basis(np.concatenate([ball, [direction, [0, 1, 0], [0, -1, 0]]])) @ harmonics, 1e-6)
    grey = lit.mean(axis=1)
    terms = np.stack([np.maximum(ball @ direction, 0), 0.5 + 0.5 * height, 0.5 - 0.5 * height], axis=1)
    shares = nnls(terms, grey[:200])[0]
    shares[1:] = np.maximum(shares[1:], _LEAST_AMBIENT * grey.mean())  # no place is black where the sun does not reach
    sun, sky, ground = lit[200:] / grey[200:, None] * (shares / (terms @ shares).max())[:, None]
    return direction, sun, sky, ground


def _basis(directions: Array) -> Array:
    """(n, 9) the harmonics in unit `directions` (n, 3)."""
    x, y, z = directions.T
    first = [0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x]
    second = [1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z]
    return np.stack([*first, *second, 0.546274 * (x * x - y * y)], axis=1)
