"""Drawing: every pixel knows its owner and distance, labels and pixels agree, shadows fall on the floor alone."""

from collections.abc import Iterator

import numpy as np
import pytest

from chronopose.synth.actor import Actor
from chronopose.synth.assets import read_assets
from chronopose.synth.body import Body, Shape
from chronopose.synth.camera import FAR_M, look_at
from chronopose.synth.look import Look, Surface
from chronopose.synth.mesh import Mesh
from chronopose.synth.render import PROP_OWNER, Renderer
from chronopose.synth.setting import Backdrop, Prop, Texture
from chronopose.synth.wardrobe import Wardrobe
from tests.synth.studio import HEIGHT, WIDTH, camera, light, renderer, standing, wall
from tests.synth.tiny import tiny_assets

PAINT = Texture(key="grey", pixels=np.full((2, 2, 3), 128, np.uint8))


@pytest.fixture(scope="module")
def lens() -> Iterator[Renderer]:
    with renderer() as made:
        yield made


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> tuple[Body, Shape, tuple[Mesh, ...], Look]:
    assets = read_assets(tiny_assets(tmp_path_factory.mktemp("assets")))
    body = Body(assets)
    rng = np.random.default_rng(0)
    shape = body.shape(rng)
    return body, shape, *Wardrobe(body, assets, "all").dress(rng, shape)


@pytest.fixture
def actor(lens: Renderer, person: tuple[Body, Shape, tuple[Mesh, ...], Look]) -> Iterator[Actor]:
    made = lens.actor(person[2], person[3])
    yield made
    made.release()


def prop(shape: str, texture: Texture = PAINT) -> Prop:
    return Prop(shape=shape, texture=texture, window=(0, 0, 1, 1), gain=np.ones(3), placement=np.eye(4)[None])  # type: ignore[arg-type]


def placed(centre: tuple[float, float, float], size: float) -> np.ndarray:
    placement = np.diag([size, size, size, 1.0])
    placement[:3, 3] = centre
    return placement


def test_the_picture_is_larger_by_the_supersampling(lens: Renderer) -> None:
    lens.shoot(camera(), [], wall(), [], light())
    owner, distance = lens.surfaces()
    assert lens.picture().shape == (round(HEIGHT * 1.5), round(WIDTH * 1.5), 3)
    assert owner.shape == distance.shape == (round(HEIGHT * 1.5), round(WIDTH * 1.5))
    assert owner.dtype == np.uint8
    assert distance.dtype == np.float32


def test_an_empty_scene_is_the_backdrop_and_far_away(lens: Renderer) -> None:
    lens.shoot(camera(), [], wall(77), [], light(shadow=0.8))
    owner, distance = lens.surfaces()
    assert (owner == 0).all()
    assert (distance > 0.99 * FAR_M).all()
    assert (lens.picture() == 77).all()


def test_every_person_owns_their_pixels(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, meshes, look = person
    left, right = standing(body, shape), standing(body, shape)
    left[:, 0, 3] -= 0.8
    right[:, 0, 3] += 0.8
    other = lens.actor(meshes, look)
    lens.shoot(camera(), [(actor, left), (other, right)], wall(), [], light())
    owner, _ = lens.surfaces()
    other.release()
    assert set(np.unique(owner)) == {0, 1, 2}
    middle = owner.shape[1] // 2
    assert (owner[:, :middle] != 2).all()
    assert (owner[:, middle:] != 1).all()
    assert 0.5 < (owner == 1).sum() / (owner == 2).sum() < 2


def test_the_owners_pixels_lie_within_the_projected_body(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, meshes, _ = person
    matrices = standing(body, shape)
    view = camera()
    lens.shoot(view, [(actor, matrices)], wall(), [], light())
    rows, columns = np.nonzero(lens.surfaces()[0] == 1)
    points = np.concatenate([mesh.positions[np.unique(mesh.triangles)] for mesh in meshes]) + matrices[0, :, 3]
    xy, _ = view.project(points)
    drawn = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / 1.5
    known = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
    assert np.abs(drawn - known).max() < 2.5


def test_the_distance_of_a_card_is_along_the_ray(lens: Renderer) -> None:
    view = look_at(np.array([0.0, 1.0, 5.0]), np.array([0.0, 1.0, 0.0]), 0.0, 0.8, WIDTH, HEIGHT)
    lens.shoot(view, [], wall(), [(prop("card"), placed((0.0, 1.0, 2.0), 40.0))], light())
    owner, distance = lens.surfaces()
    assert (owner == PROP_OWNER).all()
    height, width = distance.shape
    assert distance[height // 2, width // 2] == pytest.approx(3.0, abs=2e-3)
    high = np.tan(0.4) * (1 - 1 / height)
    wide = np.tan(0.4) * WIDTH / HEIGHT * (1 - 1 / width)
    assert distance[0, 0] == pytest.approx(3.0 * np.sqrt(1 + high**2 + wide**2), rel=1e-3)


@pytest.mark.parametrize("place", [(0.0, 1.0, 0.0), (0.9, 1.6, 0.3), (-1.0, 0.4, -0.6), (0.5, 1.7, 1.0)])
def test_a_ball_is_drawn_where_its_centre_projects(lens: Renderer, place: tuple[float, float, float]) -> None:
    view = look_at(np.array([0.4, 1.5, 4.0]), np.array([0.0, 1.0, 0.0]), 0.2, 0.8, WIDTH, HEIGHT)
    lens.shoot(view, [], wall(), [(prop("ball"), placed(place, 0.2))], light())
    rows, columns = np.nonzero(lens.surfaces()[0] == PROP_OWNER)
    centroid = (np.array([columns.mean(), rows.mean()]) + 0.5) / 1.5 - 0.5
    wanted, _ = view.project(np.array(place))
    assert np.abs(centroid - wanted).max() < 0.5


def test_shadow_darkens_floor_pixels_only(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, _, _ = person
    people = [(actor, standing(body, shape))]
    lens.shoot(camera(height_m=2.5), people, wall(), [], light(shadow=0.0))
    without, (owner, _) = lens.picture().astype(int), lens.surfaces()
    lens.shoot(camera(height_m=2.5), people, wall(), [], light(shadow=0.7))
    with_ = lens.picture().astype(int)
    backdrop = owner == 0
    darker = backdrop & ((without - with_).max(axis=2) > 20)
    brighter = (with_ - without).max(axis=2) > 0
    view = camera(height_m=2.5)
    downwards = (
        np.linspace(np.tan(0.4), -np.tan(0.4), len(owner))[:, None] * view.rotation[1, 1] - view.rotation[2, 1] < 0
    )
    assert darker.sum() > 50
    assert not (brighter & backdrop).any()
    assert not (darker & ~np.broadcast_to(downwards, darker.shape)).any()
    # The light comes from the right (+x): the shadow lies to the left of the feet.
    feet = np.nonzero(owner == 1)[1].mean()
    assert np.nonzero(darker)[1].mean() < feet


def test_what_is_nearer_hides_what_is_behind(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, _, _ = person
    people = [(actor, standing(body, shape))]
    lens.shoot(camera(), people, wall(), [(prop("box"), placed((0.0, 0.8, 1.5), 1.0))], light())
    hidden = (lens.surfaces()[0] == 1).sum()
    lens.shoot(camera(), people, wall(), [(prop("box"), placed((0.0, 0.8, -3.0), 1.0))], light())
    free = (lens.surfaces()[0] == 1).sum()
    assert hidden < 0.7 * free


def test_the_same_scene_gives_the_same_picture(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, _, _ = person
    pictures = []
    for _ in range(2):
        lens.shoot(camera(), [(actor, standing(body, shape))], wall(), [], light(shadow=0.5))
        pictures.append(lens.picture())
        lens.shoot(camera(2.0), [], wall(3), [(prop("cylinder"), placed((0.0, 1.0, 0.0), 0.5))], light())
    assert np.array_equal(*pictures)


def test_bones_move_the_surface(
    lens: Renderer, actor: Actor, person: tuple[Body, Shape, tuple[Mesh, ...], Look]
) -> None:
    body, shape, _, _ = person
    matrices = standing(body, shape)
    raised = matrices.copy()
    raised[body.index("head"), 1, 3] += 0.3
    tops = []
    for pose in (matrices, raised):
        lens.shoot(camera(), [(actor, pose)], wall(), [], light())
        tops.append(np.nonzero(lens.surfaces()[0] == 1)[0].min())
    assert tops[0] - tops[1] > 3


def test_a_panorama_turns_with_the_camera_and_its_yaw(lens: Renderer) -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, 32:] = 255  # the right half, seen on the right of -z
    texture = Texture(key="halves", pixels=pixels)

    def brightness(towards: tuple[float, float, float], yaw: float) -> float:
        backdrop = Backdrop(texture=texture, kind="panorama", yaw=yaw, window=(0, 0, 1, 1), gain=np.ones(3))
        view = look_at(np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0]) + towards, 0.0, 0.6, WIDTH, HEIGHT)
        lens.shoot(view, [], backdrop, [], light())
        return float(lens.picture().mean())

    assert brightness((1.0, 0.0, 0.0), 0.0) > 250
    assert brightness((-1.0, 0.0, 0.0), 0.0) < 5
    assert 100 < brightness((0.0, 0.0, -1.0), 0.0) < 155
    # Turned by yaw, what was at -z is at +x: daylight.py turns the sun the same way.
    assert 100 < brightness((1.0, 0.0, 0.0), np.pi / 2) < 155
    assert brightness((0.0, 0.0, 1.0), np.pi / 2) > 250


def test_too_many_textures_push_out_the_oldest(lens: Renderer) -> None:
    for number in range(60):
        pixels = np.full((2, 2, 3), number, np.uint8)
        backdrop = Backdrop(
            texture=Texture(key=f"t{number}", pixels=pixels), kind="flat", yaw=0, window=(0, 0, 1, 1), gain=np.ones(3)
        )
        lens.shoot(camera(), [], backdrop, [], light())
        assert (lens.picture() == number).all()
    assert len(lens._textures) <= 48


def test_nothing_to_look_at_before_the_first_picture() -> None:
    with renderer() as fresh, pytest.raises(RuntimeError, match="shoot"):
        fresh.picture()


def test_the_look_decides_the_colour(lens: Renderer, person: tuple[Body, Shape, tuple[Mesh, ...], Look]) -> None:
    from dataclasses import replace

    body, shape, meshes, look = person
    skin = [mesh for mesh in meshes if mesh.kind == Surface.SKIN]
    brightness = []
    for tone in (0.05, 0.6):
        made = lens.actor(skin, replace(look, skin=np.full(3, tone)))
        lens.shoot(camera(), [(made, standing(body, shape))], wall(), [], light())
        brightness.append(lens.picture()[lens.surfaces()[0] == 1].mean())
        made.release()
    assert brightness[1] > brightness[0] + 40


def test_two_renderers_do_not_disturb_each_other(lens: Renderer) -> None:
    with renderer(40, 30, 1.0) as other:
        lens.shoot(camera(), [], wall(50), [], light())
        other.shoot(camera(width=40, height=30), [], wall(90), [], light())
        assert (lens.picture() == 50).all()
        assert (other.picture() == 90).all()
    lens.shoot(camera(), [], wall(60), [], light())
    assert (lens.picture() == 60).all()
