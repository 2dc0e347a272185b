"""Paint: colours in range, a block of the size the shaders want, and luminance that follows skin and light."""

from dataclasses import replace

import numpy as np
import pytest

from chronopose.synth.look import FABRICS, PRINTS, Face, Look, Part, Pattern, linear, random_colour, random_look
from chronopose.synth.setting import Light

FACE = Face(nose=np.array([0.0, 0.7, 0.16]), between=np.array([0.0, 0.73, 0.13]), apart_m=0.06, chin_y=0.64)


def some_look(seed: int, *, female: bool = False, age: str = "young") -> Look:
    return random_look(np.random.default_rng(seed), FACE, female=female, age=age, sole_y=-0.82, shod=True)


def plain_light(strength: float) -> Light:
    grey = np.full(3, strength)
    return Light(sun_direction=np.array([0.0, 1.0, 0.0]), sun=grey, sky=grey, ground=grey, shadow=0.0)


def test_all_colours_are_linear_shares_of_light() -> None:
    for seed in range(60):
        look = some_look(seed, female=seed % 2 == 0)
        colours = [look.skin, look.hair, look.lips, look.iris, *(fabric.colours for fabric in look.fabrics)]
        assert all(np.all((colour >= 0) & (colour <= 1)) for colour in colours)


def test_the_same_seed_gives_the_same_paint_and_another_seed_another() -> None:
    assert np.array_equal(some_look(3).block(), some_look(3).block())
    assert not np.array_equal(some_look(3).block(), some_look(4).block())


def test_the_block_has_the_rows_that_the_shaders_declare() -> None:
    look = some_look(0)
    block = look.block()
    assert block.shape == (8 + 4 * FABRICS, 4)
    assert block.dtype == np.float32
    top = 8 + 4 * Part.TOP
    assert np.allclose(block[top, :3], look.fabrics[Part.TOP].colours[0])
    assert block[top, 3] == look.fabrics[Part.TOP].pattern
    assert np.allclose(block[4], [*FACE.nose, FACE.apart_m])


def test_there_is_one_fabric_for_every_part() -> None:
    assert len(some_look(1).fabrics) == FABRICS == len(Part)


def test_a_pattern_can_be_seen_on_its_ground() -> None:
    for seed in range(40):
        first, second, _ = some_look(seed).fabrics[Part.TOP].colours
        assert np.abs(first - second).max() > 0.05


def test_prints_name_pictures_of_the_atlas() -> None:
    prints = {some_look(seed).fabrics[Part.TOP].print_ for seed in range(200)}
    assert -1 in prints
    assert len(prints) > 10
    assert all(-1 <= number < 2 * PRINTS for number in prints)


def test_many_patterns_come_up() -> None:
    assert {Pattern.PLAIN, Pattern.STRIPES_ACROSS, Pattern.CHECK} <= {
        some_look(seed).fabrics[Part.TOP].pattern for seed in range(80)
    }


@pytest.mark.parametrize(("female", "age"), [(True, "young"), (False, "child")])
def test_women_and_children_have_no_beard(female: bool, age: str) -> None:
    assert not any(some_look(seed, female=female, age=age).beard for seed in range(40))


def test_some_men_have_a_beard() -> None:
    assert any(some_look(seed).beard for seed in range(20))


def test_skin_goes_from_fair_to_dark() -> None:
    brightness = [some_look(seed).skin.mean() for seed in range(100)]
    assert max(brightness) > 0.45
    assert min(brightness) < 0.08


def test_luminance_follows_the_light_and_the_skin() -> None:
    look = some_look(0)
    assert look.luminance(plain_light(1.0)) == pytest.approx(2 * look.luminance(plain_light(0.5)))
    darker = replace(look, skin=look.skin * 0.2)
    assert darker.luminance(plain_light(1.0)) < look.luminance(plain_light(1.0))


def test_linear_darkens_the_middle_and_keeps_the_ends() -> None:
    assert np.allclose(linear([0.0, 1.0, 0.5]), [0, 1, 0.5**2.2])
    assert np.allclose(linear([-1.0, 2.0, 0.0]), [0, 1, 0])


def test_random_colours_are_many() -> None:
    rng = np.random.default_rng(0)
    colours = np.stack([random_colour(rng, 0) for _ in range(100)])
    assert colours.std(axis=0).min() > 0.1
