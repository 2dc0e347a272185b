import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.assets import Assets, read_assets
from chronopose.synth.authored import HELDOUT
from chronopose.synth.motion import Repertoire, held_out
from chronopose.synth.puppet import LENGTHS_M, foot_clearance, point
from tests.synth.tiny import tiny_assets

CLIPS = [f"tiny/clip_{i}" for i in range(30)]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return read_assets(tiny_assets(tmp_path_factory.mktemp("assets"), CLIPS))


@pytest.fixture(scope="module")
def repertoire(assets: Assets) -> Repertoire:
    return Repertoire(assets, "all")


def test_train_and_heldout_share_nothing_and_make_up_everything(assets: Assets) -> None:
    train, heldout, everything = (set(Repertoire(assets, split).names) for split in ("train", "heldout", "all"))
    assert train and heldout and not train & heldout
    assert train | heldout == everything
    assert set(CLIPS) <= everything and heldout >= HELDOUT
    assert 1 <= len(heldout & set(CLIPS)) <= 8


def test_parts_of_one_recording_are_on_the_same_side() -> None:
    assert len({held_out(f"exp/walk_{number}#{part}") for number in (3,) for part in range(40)}) == 1
    assert 60 < sum(held_out(f"clip {i}") for i in range(1000)) < 140


def test_a_take_is_a_pure_function_of_the_generator(repertoire: Repertoire) -> None:
    for seed in range(8):
        once, again = (repertoire.take(np.random.default_rng(seed), 5, 15.0, 2) for _ in range(2))
        assert once.name == again.name
        np.testing.assert_array_equal(once.points, again.points)
    assert not np.array_equal(once.points, repertoire.take(np.random.default_rng(99), 5, 15.0, 2).points)


@pytest.mark.parametrize(("frames", "fps", "sub"), [(1, 30.0, 1), (7, 12.5, 1), (9, 25.0, 6), (240, 30.0, 1)])
def test_a_take_has_all_instants_and_constant_bones(repertoire: Repertoire, frames: int, fps: float, sub: int) -> None:
    for seed in range(12):
        moves = repertoire.take(np.random.default_rng(seed), frames, fps, sub)
        assert moves.points.shape == (frames * sub, 23, 3) and np.isfinite(moves.points).all()
        thigh = np.linalg.norm(point(moves.points, "lknee") - point(moves.points, "lhip"), axis=1)
        np.testing.assert_allclose(thigh, LENGTHS_M["thigh"], atol=1e-9)
        hips = (point(moves.points, "lhip") + point(moves.points, "rhip")) / 2
        np.testing.assert_allclose(hips[len(hips) // 2, [0, 2]], 0, atol=1e-9)


def test_the_names_asked_for_are_the_ones_taken(repertoire: Repertoire) -> None:
    names = {repertoire.take(np.random.default_rng(s), 3, 15.0, 1, ("walk", CLIPS[4])).name for s in range(20)}
    assert names == {"walk", CLIPS[4]}


def test_an_unknown_name_is_one_clear_line(repertoire: Repertoire) -> None:
    with pytest.raises(InputError, match="'flying' is not one of"):
        repertoire.take(np.random.default_rng(0), 3, 15.0, 1, ("flying",))
    with pytest.raises(InputError, match="none are left"):
        repertoire.take(np.random.default_rng(0), 3, 15.0, 1, ())


def test_the_share_of_key_framed_takes_is_the_one_asked_for(repertoire: Repertoire) -> None:
    for share in (0.0, 1.0):
        for seed in range(15):
            name = repertoire.take(np.random.default_rng(seed), 2, 15.0, 1, authored=share).name
            assert name.startswith("tiny/") == (share == 0.0), name


def test_recorded_feet_stand_on_the_floor(repertoire: Repertoire) -> None:
    for seed in range(10):
        moves = repertoire.take(np.random.default_rng(seed), 30, 15.0, 1, (CLIPS[0],))
        clearance = foot_clearance(moves.points)
        assert moves.ground == "feet"
        assert clearance.min() > -0.06 and np.median(clearance) < 0.06


def test_half_of_the_takes_are_mirrored(repertoire: Repertoire) -> None:
    """The odd clips wave the left arm, which is the right one in the mirror."""
    higher = []
    for seed in range(40):
        points = repertoire.take(np.random.default_rng(seed), 20, 15.0, 1, (CLIPS[1],)).points
        higher.append(point(points, "lwri")[:, 1].mean() > point(points, "rwri")[:, 1].mean())
    assert 10 < sum(higher) < 30


def test_a_quicker_tempo_is_within_its_bounds(repertoire: Repertoire) -> None:
    """The even clips walk 1.2 m a second; on longer legs they go further by as much."""
    speeds = []
    for seed in range(20):
        points = repertoire.take(np.random.default_rng(seed), 10, 15.0, 1, (CLIPS[0],)).points
        way = point(points, "pelvis")[-1] - point(points, "pelvis")[0]
        speeds.append(np.hypot(way[0], way[2]) / (9 / 15))
    assert np.ptp(speeds) > 0.2 and min(speeds) > 0.5 and max(speeds) < 2.0


def test_motions_are_combined_now_and_then_and_say_so(repertoire: Repertoire) -> None:
    names = [repertoire.take(np.random.default_rng(seed), 3, 15.0, 1).name for seed in range(60)]
    assert 5 < sum("+" in name for name in names) < 35
