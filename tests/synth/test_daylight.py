"""The light of a panorama, reduced to sun, sky and ground, is the light it was made of."""

import numpy as np
import pytest
from numpy.typing import NDArray

from chronopose.synth.daylight import LOWEST_SUN, sun_sky_ground

Array = NDArray[np.float64]


def harmonics(sun: float, towards: Array, sky: float, ground: float, tint: Array) -> Array:
    """Projects the light of a sun and a hemisphere onto nine harmonics, by a sum over directions."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    x, y, z = directions.T
    lit = sun * np.maximum(directions @ towards, 0) + sky * (0.5 + 0.5 * y) + ground * (0.5 - 0.5 * y)
    basis = [
        *(np.full(len(x), 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z),
        *(0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y)),
    ]
    grey = np.array([(lit * wave).mean() * 4 * np.pi for wave in basis])
    return grey[:, None] * tint


def test_the_shares_come_back() -> None:
    towards = np.array([0.48, 0.6, 0.64])
    tint = np.array([1.2, 1.0, 0.8])
    direction, sun, sky, ground = sun_sky_ground(harmonics(2.0, towards, 0.8, 0.4, tint), towards)
    np.testing.assert_allclose(direction, towards)
    assert sun.mean() / sky.mean() == pytest.approx(2.5, rel=0.1)
    assert sky.mean() / ground.mean() == pytest.approx(2.0, rel=0.2)
    for colour in (sun, sky, ground):
        np.testing.assert_allclose(colour / colour.mean(), tint, atol=0.02)


def test_brightness_does_not_depend_on_the_exposure() -> None:
    towards = np.array([0.0, 0.6, 0.8])
    light = harmonics(1.0, towards, 0.5, 0.3, np.ones(3))
    for faint, strong in zip(sun_sky_ground(light, towards), sun_sky_ground(100 * light, towards), strict=True):
        np.testing.assert_allclose(faint, strong)
    _, sun, sky, ground = sun_sky_ground(light, towards)
    assert (sun + sky).max() >= 0.9
    assert max(colour.max() for colour in (sun, sky, ground)) <= 1.01


def test_a_low_sun_is_lifted_so_that_it_casts_a_shadow() -> None:
    low = np.array([0.8, -0.6, 0.0])
    direction = sun_sky_ground(harmonics(1.0, low, 0.5, 0.3, np.ones(3)), low)[0]
    assert direction[1] == pytest.approx(LOWEST_SUN)
    assert np.linalg.norm(direction) == pytest.approx(1)
    assert direction[0] > 0.9 and direction[2] == 0


def test_a_sun_straight_below_is_no_crash() -> None:
    direction = sun_sky_ground(np.ones((9, 3)), np.array([0.0, -1.0, 0.0]))[0]
    assert np.isfinite(direction).all() and direction[1] > 0


def test_no_side_is_black_and_no_light_is_negative() -> None:
    towards = np.array([0.0, 1.0, 0.0])
    _, sun, sky, ground = sun_sky_ground(harmonics(5.0, towards, 0.0, 0.0, np.ones(3)), towards)
    assert min(sky.min(), ground.min()) > 0 and sun.min() > 0.5
    assert min(part.min() for part in sun_sky_ground(np.zeros((9, 3)), towards)[1:]) >= 0
