"""Jitter: accelerations worked by hand, motion that has none, and what counts as three frames in a row."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.skeleton import POSETRACK_15, Skeleton
from chronopose.metrics.jitter import Jitter, format_jitter, jitter

ONE = Skeleton(name="one", joints=("hip",), limbs=(), mirror=(), sigmas=(0.1,))


def of_one(
    pred: Sequence[float], true: Sequence[float], frame: Sequence[int], track: Sequence[int] | None = None
) -> Jitter:
    """One joint on the x axis, of persons of 50 px."""
    count = len(pred)
    points = [np.stack([np.array(x, dtype=float), np.zeros(count)], axis=-1)[:, None] for x in (pred, true)]
    given_track = np.zeros(count) if track is None else track
    return jitter(*points, np.ones((count, 1)), np.full(count, 50.0), given_track, frame, ONE)


def test_worked_by_hand() -> None:
    # Predicted 0 1 4 5: accelerations 2 and -2; true 0 1 2 4: 0 and 1.
    result = of_one([0, 1, 4, 5], [0, 1, 2, 4], [7, 8, 9, 10])
    assert result.counts.tolist() == [2]
    assert result.error_px[0] == pytest.approx((2 + 3) / 2)
    assert result.error_size[0] == pytest.approx(2.5 / 50)
    assert (result.predicted_px[0], result.true_px[0]) == (2.0, 0.5)
    assert result.mean(result.error_px) == 2.5


def test_a_gap_and_a_change_of_person_are_no_frames_in_a_row() -> None:
    assert of_one([0, 1, 4], [0, 0, 0], [1, 2, 4]).counts.tolist() == [0]
    assert of_one([0, 1, 4], [0, 0, 0], [1, 2, 3], [0, 0, 1]).counts.tolist() == [0]
    assert of_one([0, 1, 4], [0, 0, 0], [1, 2, 2]).counts.tolist() == [0]
    assert of_one([0, 1], [0, 0], [1, 2]).counts.tolist() == [0]
    assert np.isnan(of_one([0, 1], [0, 0], [1, 2]).error_px[0])


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    pred, true = rng.normal(size=(2, 40, 15, 2))
    track, frame = np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4)
    rest = (np.ones((40, 15)), np.full(40, 9.0), track, frame)
    there = jitter(pred, true, *rest, POSETRACK_15)
    mixed = rng.permutation(40)
    back = jitter(pred[mixed], true[mixed], *(each[mixed] for each in rest), POSETRACK_15)
    assert there.counts.tolist() == [32] * 15
    np.testing.assert_allclose(there.error_px, back.error_px)


def test_unknown_joints_and_sizes_leave_their_triples_out() -> None:
    pred, true = np.zeros((5, 15, 2)), np.ones((5, 15, 2))
    pred[2, 3] = np.nan
    true[0, 4, 1] = np.nan
    labelled = np.ones((5, 15), dtype=bool)
    labelled[4, 5] = False
    size = np.array([10.0, 10, 10, 0, 10])  # the triple around the fourth has no size
    result = jitter(pred, true, labelled, size, np.zeros(5), np.arange(5), POSETRACK_15)
    wanted = np.full(15, 2)
    wanted[[3, 4]] = [0, 1]
    np.testing.assert_array_equal(result.counts, wanted)
    assert result.mean(result.error_px) == 0


@given(st.floats(-50, 50), st.floats(-50, 50), st.integers(0, 2**31))
def test_a_constant_error_and_a_steady_drift_are_no_jitter(shift: float, drift: float, seed: int) -> None:
    true = np.random.default_rng(seed).normal(scale=20, size=(6, 15, 2))
    pred = true + shift + drift * np.arange(6)[:, None, None]
    result = jitter(pred, true, np.ones((6, 15)), np.full(6, 30.0), np.zeros(6), np.arange(6), POSETRACK_15)
    np.testing.assert_allclose(result.error_px, 0, atol=1e-9)
    np.testing.assert_allclose(result.predicted_px, result.true_px, atol=1e-9)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"wants pred and true \(N, 15, 2\)"):
        jitter(np.zeros((3, 1, 2)), np.zeros((3, 1, 2)), np.ones((3, 1)), np.ones(3), [0] * 3, [0, 1, 2], POSETRACK_15)
    with pytest.raises(ValueError, match=r"size, track and frame \(3,\); got \(3,\), \(2,\), \(3,\)"):
        jitter(np.zeros((3, 1, 2)), np.zeros((3, 1, 2)), np.ones((3, 1)), np.ones(3), [0] * 2, [0, 1, 2], ONE)


def test_nothing_is_said_of_photographs() -> None:
    moving, still = of_one([0, 1, 4], [0, 1, 2], [0, 1, 2]), of_one([0], [0], [0])
    told = format_jitter({"moving": moving, "still": still})
    assert told == (
        "moving: acceleration error 2.00 px/frame², 4.00 % of the person's size; "
        "predicted acceleration 2.00, true 0.00 px/frame²"
    )
