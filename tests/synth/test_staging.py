import numpy as np
import pytest

from chronopose.synth.assets import read_assets
from chronopose.synth.body import Body
from chronopose.synth.motion import Repertoire
from chronopose.synth.retarget import bone_matrices
from chronopose.synth.staging import Mover, root_path, stand_around, walk_across
from tests.synth.tiny import tiny_assets


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> tuple[Body, Repertoire]:
    assets = read_assets(tiny_assets(tmp_path_factory.mktemp("assets")))
    return Body(assets), Repertoire(assets)


def movers(crew: tuple[Body, Repertoire], count: int, frames: int) -> list[Mover]:
    body, repertoire = crew
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        shape = body.shape(rng)
        moves = repertoire.take(rng, frames, 25.0, 1, ("walk",), 1.0)
        made.append((shape, bone_matrices(body, shape, moves.points, moves.reference, moves.ground)))
    return made


def test_people_stand_apart_and_the_first_in_the_middle(crew: tuple[Body, Repertoire]) -> None:
    people = movers(crew, 4, 9)
    stand_around(crew[0], people, np.random.default_rng(1))
    spots = [root_path(crew[0], shape, matrices)[4] for shape, matrices in people]
    np.testing.assert_allclose(spots[0], 0, atol=1e-5)
    apart = [float(np.linalg.norm(a - b)) for i, a in enumerate(spots) for b in spots[:i]]
    assert min(apart) > 0.44


def test_walkers_keep_their_pace_and_look_where_they_go(crew: tuple[Body, Repertoire]) -> None:
    body = crew[0]
    people = movers(crew, 2, 250)
    before = [np.linalg.norm(np.diff(root_path(body, *one), axis=0), axis=1).sum() for one in people]
    walk_across(body, people, np.random.default_rng(1), 25.0)
    for (shape, matrices), walked in zip(people, before, strict=True):
        path = root_path(body, shape, matrices)
        steps = np.diff(path, axis=0)
        assert np.linalg.norm(steps, axis=1).sum() == pytest.approx(walked, rel=0.1)
        assert np.abs(path[:, 0]).max() < 1.75
        root = matrices[:-1, body.index("root")]
        facing = root[:, ::2, 2] / np.linalg.norm(root[:, ::2, 2], axis=1, keepdims=True)
        along = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        assert np.median((facing * along).sum(1)) > 0.9
        gram = root[:, :, :3] @ root[:, :, :3].transpose(0, 2, 1)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-4)


def test_walkers_meet(crew: tuple[Body, Repertoire]) -> None:
    people = movers(crew, 2, 250)
    walk_across(crew[0], people, np.random.default_rng(1), 25.0)
    first, second = (root_path(crew[0], *one)[:, 0] for one in people)
    assert len(np.unique(np.sign(first - second))) == 2
