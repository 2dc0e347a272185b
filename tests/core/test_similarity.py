"""OKS and head-normalised distance."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.similarity import head_distance_matrix, oks_matrix
from chronopose.core.skeleton import COCO_17

SIGMAS = np.array(COCO_17.sigmas)
seeds = st.integers(0, 2**32 - 1)


def poses(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 200, (count, 17, 2))


@given(seeds)
def test_a_pose_is_1_to_itself_and_less_to_others(seed: int) -> None:
    xy = poses(seed, 3)
    oks = oks_matrix(xy, xy, np.full(3, 900.0), SIGMAS)
    np.testing.assert_allclose(np.diag(oks), 1.0)
    assert (oks[~np.eye(3, dtype=bool)] < 1).all()
    assert (oks >= 0).all()


@given(seeds)
def test_equal_areas_make_it_symmetric_and_joint_order_is_free(seed: int) -> None:
    a, b = poses(seed, 2), poses(seed + 1, 3)
    oks = oks_matrix(a, b, np.full(3, 5e4), SIGMAS)
    np.testing.assert_allclose(oks, oks_matrix(b, a, np.full(2, 5e4), SIGMAS).T)
    order = np.random.default_rng(seed).permutation(17)
    np.testing.assert_allclose(oks, oks_matrix(a[:, order], b[:, order], np.full(3, 5e4), SIGMAS[order]))


@given(seeds, st.floats(0.1, 10))
def test_scale_does_not_matter(seed: int, scale: float) -> None:
    a, b = poses(seed, 2), poses(seed + 1, 2)
    oks = oks_matrix(a, b, np.array([1e4, 2e4]), SIGMAS)
    scaled = oks_matrix(a * scale, b * scale, np.array([1e4, 2e4]) * scale**2, SIGMAS)
    np.testing.assert_allclose(oks, scaled, rtol=1e-9)


def test_by_hand_as_coco_counts() -> None:
    # Truth of area 10,000; the nose (k = 0.052) is 10 px off, the left hip (k = 0.214) 30 px, all else unlabelled.
    true = np.zeros((1, 17, 2))
    found = true.copy()
    found[0, 0] = (6, 8)
    found[0, 11] = (0, 30)
    weight = np.zeros((1, 17))
    weight[0, [0, 11]] = (1, 2)
    nose, hip = np.exp(-100 / (2 * 1e4 * 0.052**2)), np.exp(-900 / (2 * 1e4 * 0.214**2))
    np.testing.assert_allclose((nose, hip), (0.157377, 0.374330), atol=1e-6)
    oks = oks_matrix(found, true, [1e4], SIGMAS, weight_b=weight)
    np.testing.assert_allclose(oks, [[0.265853]], atol=1e-6)


def test_unknown_joints_are_left_out_on_both_sides() -> None:
    true, found = poses(0, 1), poses(0, 1)
    found[0, 3] += 1000
    assert oks_matrix(found, true, [1e4], SIGMAS)[0, 0] < 0.95
    for hidden_in in (true, found):
        kept = hidden_in[0, 3].copy()
        hidden_in[0, 3] = np.nan
        np.testing.assert_allclose(oks_matrix(found, true, [1e4], SIGMAS), 1.0)
        hidden_in[0, 3] = kept
    weight = np.ones((1, 17))
    weight[0, 3] = 0
    np.testing.assert_allclose(oks_matrix(found, true, [1e4], SIGMAS, weight_a=weight), 1.0)
    np.testing.assert_allclose(oks_matrix(found, true, [1e4], SIGMAS, weight_b=weight), 1.0)


def test_nothing_known_is_0_and_no_persons_is_empty() -> None:
    nothing = np.full((1, 17, 2), np.nan)
    assert oks_matrix(nothing, poses(0, 2), [1.0, 1.0], SIGMAS).tolist() == [[0.0, 0.0]]
    assert oks_matrix(np.zeros((0, 17, 2)), poses(0, 2), [1.0, 1.0], SIGMAS).shape == (0, 2)


def test_area_0_is_1_for_itself_and_0_for_others() -> None:
    xy = poses(0, 2)
    np.testing.assert_array_equal(oks_matrix(xy, xy, [0.0, 0.0], SIGMAS), np.eye(2))


def test_head_distance_by_hand() -> None:
    found = np.array([[[3.0, 4.0], [0.0, 0.0]], [[np.nan, 0.0], [0.0, 8.0]]])
    true = np.zeros((1, 2, 2))
    distance = head_distance_matrix(found, true, [10.0])
    assert distance.shape == (2, 1, 2)
    np.testing.assert_array_equal(distance[:, 0], [[0.5, 0.0], [np.nan, 0.8]])
