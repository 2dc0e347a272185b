"""Similarity and assignment on cases small enough to work out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from chronopose.core.geometry import iou_matrix
from chronopose.tracking.matching import _greatest, assign, carried, padded_iou, similarity

BOXES = np.array([[0, 0, 40, 100], [30, 10, 80, 120], [500, 0, 540, 100]], dtype=np.float64)


def matched(alike: list[list[float]], least: float = 0.2) -> list[int]:
    table = np.array(alike)
    match = np.full(len(table), -1, dtype=np.intp)
    everyone, everything = np.ones(len(table), dtype=np.bool_), np.ones(table.shape[1], dtype=np.bool_)
    assign(match, table, np.ones((len(table), 1)), everyone, everything, least)
    return match.tolist()


def test_the_sum_of_similarities_is_greatest() -> None:
    assert matched([[0.9, 0.8], [0.8, 0.3]]) == [1, 0]
    assert matched([[0.9, 0.5], [0.8, 0.3]]) == [1, 0]
    assert matched([[0.9, 0.3], [0.8, 0.3]]) == [0, 1]


def test_a_pair_below_the_least_neither_matches_nor_displaces() -> None:
    assert matched([[0.9, 0.19], [0.19, 0.1]]) == [0, -1]
    assert matched([[0.0]], least=0.0) == [-1]


def test_those_matched_before_keep_their_match() -> None:
    match = np.array([5, -1], dtype=np.intp)
    both = np.ones(2, dtype=np.bool_)
    assign(match, np.array([[0.9], [0.5]]), np.ones((2, 1)), both, both[:1], 0.2)
    assert match.tolist() == [5, 0]


def test_preference_decides_between_persons() -> None:
    match = np.full(2, -1, dtype=np.intp)
    both = np.ones(2, dtype=np.bool_)
    assign(match, np.array([[0.8], [0.7]]), np.array([[0.7], [1.0]]), both, both[:1], 0.2)
    assert match.tolist() == [-1, 0]


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1),
    )
)
def test_no_assignment_gains_more(gain: np.ndarray) -> None:
    rows, columns = _greatest(gain)
    assert len(set(rows)) == len(rows) and len(set(columns)) == len(columns)
    best = linear_sum_assignment(gain, maximize=True)
    assert gain[rows, columns].sum() == pytest.approx(gain[best].sum(), abs=1e-12)


def test_padded_overlap() -> None:
    assert np.allclose(padded_iou(BOXES, BOXES, np.zeros((3, 2))), iou_matrix(BOXES, BOXES))
    apart = padded_iou(BOXES[:1], BOXES[:1] + np.array([60, 0, 60, 0]), np.array([[40.0, 0.0]]))
    assert apart == pytest.approx((120 - 60) / (120 + 60))


@given(x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3), scale=st.floats(0.2, 5))
def test_joints_keep_their_place_in_the_box(x: float, y: float, scale: float) -> None:
    xy = np.array([[10, 20], [np.nan, np.nan], [40, 100]], dtype=np.float64)
    old = np.array([0, 0, 40, 100], dtype=np.float64)
    new = np.array([x, y, x + 40 * scale, y + 100 * scale])
    assert np.allclose(carried(xy, old, new), [x, y] + xy * scale, equal_nan=True)


def test_joints_count_only_where_enough_are_shared() -> None:
    joints = np.random.default_rng(0).uniform(0, 100, (3, 5, 2))
    few = joints.copy()
    few[:, 2:] = np.nan
    pad, sigmas = np.zeros((3, 2)), np.full(5, 0.079)
    overlap = padded_iou(BOXES, BOXES, pad)
    assert np.allclose(similarity(BOXES, pad, few, BOXES, joints, sigmas, 0.5), overlap)
    assert np.allclose(similarity(BOXES, pad, None, BOXES, joints, sigmas, 0.5), overlap)
    assert np.allclose(np.diag(similarity(BOXES, pad, joints, BOXES, joints, sigmas, 0.5)), 1)
    assert similarity(BOXES, pad, joints, BOXES, joints[::-1], sigmas, 0.5)[0, 0] < 0.9
