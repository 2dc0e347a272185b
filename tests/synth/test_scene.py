import dataclasses

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.assets import Assets, read_assets
from chronopose.synth.camera import Camera
from chronopose.synth.labels import joint_paths
from chronopose.synth.ranges import SceneConfig
from chronopose.synth.scene import Crew, plan
from tests.synth.tiny import tiny_assets


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return read_assets(tiny_assets(tmp_path_factory.mktemp("assets")))


@pytest.fixture(scope="module")
def crew(assets: Assets) -> Crew:
    return Crew(assets, "all")


def main_person(config: SceneConfig, crew: Crew, index: int) -> tuple[np.ndarray, list[Camera]]:
    scene = plan(config, crew, index)
    first = scene.people[0]
    return joint_paths(crew.body, first.shape, first.matrices), list(scene.cameras)


def test_a_plan_is_a_pure_function_of_seed_and_number(crew: Crew) -> None:
    config = SceneConfig(seed=4, split="all")
    once, again, other = plan(config, crew, 7), plan(config, crew, 7), plan(config, crew, 8)
    np.testing.assert_array_equal(once.people[0].matrices, again.people[0].matrices)
    np.testing.assert_array_equal(once.cameras[0].rotation, again.cameras[0].rotation)
    assert (once.fps, once.backdrop.texture.key, len(once.props)) == (
        again.fps,
        again.backdrop.texture.key,
        len(again.props),
    )
    assert once.fps != other.fps
    assert plan(dataclasses.replace(config, seed=5), crew, 7).fps != once.fps


def test_more_props_leave_the_people_as_they_were(crew: Crew) -> None:
    bare = plan(SceneConfig(split="all", occluded=0, furnished=0, handheld=0, clean=True), crew, 3)
    full = plan(SceneConfig(split="all", occluded=1, furnished=1, handheld=1), crew, 3)
    assert not bare.props and bare.sensor is None
    assert full.props and full.sensor is not None
    for one, other in zip(bare.people, full.people, strict=True):
        np.testing.assert_array_equal(one.matrices, other.matrices)


def test_there_is_an_instant_for_all_that_is_averaged(crew: Crew) -> None:
    sharp = plan(SceneConfig(split="all", blurred=0, frames=3), crew, 0)
    assert (sharp.instants, sharp.lit, len(sharp.cameras)) == (1, 1, 3)
    soft = plan(SceneConfig(split="all", blurred=1, frames=3), crew, 0)
    assert 1 < soft.lit <= soft.instants
    assert len(soft.cameras) == 3 * soft.instants
    assert all(len(person.matrices) == len(soft.cameras) for person in soft.people)
    assert all(len(prop.placement) == len(soft.cameras) for prop in soft.props)


def test_the_main_person_is_as_large_as_asked_and_inside_the_picture(crew: Crew) -> None:
    config = SceneConfig(
        split="all", person=(0.5, 0.5), truncated=0, people=(1, 1), motions=("idle",), fov_deg=(40, 40)
    )
    sizes, inside = [], []
    for index in range(30):
        joints, cameras = main_person(config, crew, index)
        key = len(cameras) // 2
        xy, _ = cameras[key].project(joints[key])
        scene_height = np.ptp(joints[key][:, 1]) if cameras[key].position[1] < 2.0 else np.nan
        sizes.append(np.ptp(xy[:, 1]) / config.height / scene_height)
        inside.append(((xy >= 0) & (xy < 256)).all(1).mean())
    assert np.mean(inside) > 0.97
    # Half the frame for a person of one to two metres, measured without the soles and the crown.
    assert 0.22 < np.nanmedian(sizes) < 0.5


def test_truncation_cuts_people_off(crew: Crew) -> None:
    def share_inside(truncated: float) -> float:
        config = SceneConfig(split="all", truncated=truncated, people=(1, 1), person=(0.6, 0.9))
        shares = []
        for index in range(30):
            joints, cameras = main_person(config, crew, index)
            xy, _ = cameras[len(cameras) // 2].project(joints[len(cameras) // 2])
            shares.append(((xy >= 0) & (xy < 256)).all(1).mean())
        return float(np.mean(shares))

    assert share_inside(1.0) < share_inside(0.0) - 0.15


def test_a_dark_scene_is_exposed_for_its_main_person(crew: Crew) -> None:
    for index in range(20):
        scene = plan(SceneConfig(split="all"), crew, index)
        assert scene.people[0].look.luminance(scene.light) > 0.05


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "frames must lie in 1 to 10000, got 0"),
        ({"width": 16}, "width must lie in 32 to 4096, got 16"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"people": (3, 2)}, "people must be a fewest and a most in 1 to 12"),
        ({"fps": (0.0, 30.0)}, "fps must be a lowest and a highest above 0"),
        ({"fov_deg": (30.0, 170.0)}, "fov_deg must lie below 150"),
        ({"blurred": 1.5}, "blurred must lie in 0 to 1"),
        ({"supersample": 0.5}, "supersample must lie in 1 to 4"),
    ],
)
def test_a_range_that_cannot_be_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        SceneConfig(**change)  # type: ignore[arg-type]
