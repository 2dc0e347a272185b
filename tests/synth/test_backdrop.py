from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.synth.assets import Panorama
from chronopose.synth.backdrop import random_backdrop, random_light
from chronopose.synth.clutter import random_clutter

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def panorama(folder: Path, name: str = "place", strength: float = 1.0, width: int = 64) -> Panorama:
    """A picture with its sun at -z, the middle, seen as a white column."""
    pixels = np.full((width // 2, width, 3), 40, dtype=np.uint8)
    pixels[:, width // 2 - 1 : width // 2 + 1] = 250
    file = folder / f"{name}.png"
    Image.fromarray(pixels).save(file)
    return Panorama(
        name=name,
        file=file,
        sun_direction=np.array([0.0, 0.6, -0.8]),
        sun=np.array([0.9, 0.6, 0.1]) * strength,
        sky=np.array([0.1, 0.2, 0.4]) * strength,
        ground=np.array([0.02, 0.02, 0.02]) * strength,
    )


def test_the_same_chance_gives_the_same_backdrop_and_light(tmp_path: Path) -> None:
    places = [panorama(tmp_path)]
    for seed in range(12):
        first, second = (random_backdrop(np.random.default_rng(seed), places)[0] for _ in range(2))
        assert first.texture.key == second.texture.key and first.window == second.window and first.yaw == second.yaw
        np.testing.assert_array_equal(first.texture.pixels, second.texture.pixels)
        lights = [random_light(np.random.default_rng(seed), places[0], 1.0) for _ in range(2)]
        np.testing.assert_array_equal(lights[0].sun_direction, lights[1].sun_direction)
        np.testing.assert_array_equal(lights[0].sun, lights[1].sun)


def test_most_backdrops_are_panoramas_and_the_others_are_all_different(tmp_path: Path) -> None:
    places = [panorama(tmp_path, "a"), panorama(tmp_path, "b")]
    rng = np.random.default_rng(0)
    made = [random_backdrop(rng, places) for _ in range(60)]
    shown = [place.name for _, place in made if place is not None]
    assert 0.4 < len(shown) / len(made) < 0.8 and set(shown) == {"a", "b"}
    flat = [backdrop for backdrop, place in made if place is None]
    assert all(backdrop.kind == "flat" for backdrop in flat)
    assert len({backdrop.texture.key for backdrop in flat}) == len(flat)
    for backdrop in flat:
        x, y, wide, high = backdrop.window
        assert x >= 0 and y >= 0 and wide > 0.3 and high > 0.3 and x + wide <= 1 and y + high <= 1


def test_without_panoramas_every_picture_is_made_up() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        backdrop, place = random_backdrop(rng, [])
        assert place is None and backdrop.kind == "flat" and backdrop.texture.pixels.dtype == np.uint8


def test_a_large_panorama_is_kept_smaller(tmp_path: Path) -> None:
    place = panorama(tmp_path, width=4096)
    rng = np.random.default_rng(0)
    while True:
        backdrop, shown = random_backdrop(rng, [place])
        if shown is not None:
            break
    assert backdrop.texture.pixels.shape == (1024, 2048, 3)


def test_places_differ_and_are_no_plain_colour() -> None:
    pictures = [random_clutter(np.random.default_rng(seed), 96, 80) for seed in range(40)]
    assert all(picture.shape == (80, 96, 3) and picture.dtype == np.uint8 for picture in pictures)
    means = np.array([picture.mean(axis=(0, 1)) for picture in pictures])
    assert means.std(axis=0).min() > 20
    assert np.median([picture.std() for picture in pictures]) > 20


@pytest.mark.parametrize("strength", [1e-3, 1.0, 50.0])
def test_light_is_never_too_weak_nor_much_too_strong(tmp_path: Path, strength: float) -> None:
    place = panorama(tmp_path, strength=strength)
    rng = np.random.default_rng(1)
    for number in range(200):
        light = random_light(rng, place if number % 2 else None, float(rng.uniform(-3, 3)))
        ambient = float(LUMINANCE @ (light.sky + light.ground)) / 2
        level = ambient + float(LUMINANCE @ light.sun) / 2
        assert 0.69 < level < 1.11 and ambient > 0.3 * level
        assert 0 <= light.shadow <= 1
        assert light.sun_direction[1] > 0.05 and abs(np.linalg.norm(light.sun_direction) - 1) < 1e-6


def test_the_sun_turns_with_the_panorama(tmp_path: Path) -> None:
    """The panorama's middle, -z, is seen where u = atan2(x, -z) / 2 pi + 0.5 less the yaw's share is one half."""
    place = panorama(tmp_path)
    found = 0
    for seed in range(40):
        yaw = 0.7
        light = random_light(np.random.default_rng(seed), place, yaw)
        x, y, z = light.sun_direction
        if abs(y - 0.6) < 1e-9:
            found += 1
            assert abs((np.arctan2(x, -z) - yaw) / (2 * np.pi)) < 1e-9
    assert found > 10
