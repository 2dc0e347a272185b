"""A person on the graphics card: memory is given back, limits are kept, hollows are dark."""

from dataclasses import replace

import numpy as np
import pytest

from chronopose.synth.actor import MOST_BONES, _coarsened, _openness
from chronopose.synth.assets import read_assets
from chronopose.synth.body import Body, Shape
from chronopose.synth.look import FABRICS, Look, Surface
from chronopose.synth.mesh import Mesh, normals
from chronopose.synth.wardrobe import Wardrobe
from tests.synth.studio import renderer
from tests.synth.tiny import tiny_assets

Person = tuple[Body, Shape, tuple[Mesh, ...], Look]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Person:
    assets = read_assets(tiny_assets(tmp_path_factory.mktemp("assets")))
    body = Body(assets)
    rng = np.random.default_rng(0)
    shape = body.shape(rng)
    return body, shape, *Wardrobe(body, assets, "all").dress(rng, shape)


def test_released_actors_leave_nothing_behind(person: Person) -> None:
    with renderer() as lens:
        import moderngl

        made = lens.actor(person[2], person[3])
        buffers = list(made._buffers)
        assert buffers
        assert not made.released
        made.release()
        made.release()
        assert made.released
        assert all(isinstance(buffer.mglo, moderngl.mgl.InvalidObject) for buffer in buffers)


def test_too_many_bones_are_refused(person: Person) -> None:
    with renderer() as lens:
        made = lens.actor(person[2], person[3])
        with pytest.raises(ValueError, match="bones"):
            made.pose(np.zeros((MOST_BONES + 1, 3, 4), np.float32), 1)


def test_a_fabric_that_the_look_has_not_is_refused(person: Person) -> None:
    cloth = next(mesh for mesh in person[2] if mesh.kind == Surface.CLOTH)
    limbs = cloth.limbs.copy()
    limbs[:, 3] = FABRICS + 0.5
    with renderer() as lens, pytest.raises(ValueError, match="fabric"):
        lens.actor([replace(cloth, limbs=limbs)], person[3])


def test_middles_follow_the_bones(person: Person) -> None:
    body, _, meshes, look = person
    matrices = np.tile(np.eye(3, 4, dtype=np.float32), (len(body.bones), 1, 1))
    matrices[:, :, 3] = 1, 2, 3
    with renderer() as lens:
        made = lens.actor(meshes, look)
        assert np.allclose(made.pose(matrices, 1), made.middles[: len(body.bones)] + np.array([1, 2, 3]), atol=1e-5)


def test_a_hollow_is_darker_than_a_hill() -> None:
    x, z = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9), indexing="ij")
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).reshape(-1, 1)
    triangles = (corner + np.array([[[0, 1, 10]], [[0, 10, 9]]])).reshape(-1, 3).astype(np.int32)
    opened = []
    for sign in (1, -1):
        places = np.stack([x, sign * (x**2 + z**2), z], axis=-1).reshape(-1, 3).astype(np.float32)
        opened.append(_openness(places, normals(places, triangles), triangles)[40])
    assert opened[0] < 0.9
    assert opened[1] == 1


def test_the_hull_has_fewer_triangles_and_none_twice(person: Person) -> None:
    mesh = person[2][0]
    positions = np.concatenate([mesh.positions, mesh.positions + 0.001])
    triangles = np.concatenate([mesh.triangles, mesh.triangles + len(mesh.positions)])
    coarse = _coarsened(positions, np.zeros((len(positions), 4), np.uint8), triangles)
    assert 0 < len(coarse) < len(triangles)
    assert len(np.unique(np.sort(coarse, axis=1), axis=0)) == len(coarse)
