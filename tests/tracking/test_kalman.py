"""The Kalman filter for boxes: convergence, time steps, no boxes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.tracking.kalman import BoxBeliefs, to_centre


def boxes_at(frame: float) -> np.ndarray:
    """Three boxes that move at (3, 1), (-2, 0), (0, 0) pixels a frame."""
    start = np.array([[0, 0, 40, 100], [500, 50, 620, 350], [10, 10, 30, 60]], dtype=np.float64)
    velocity = np.array([[3, 1], [-2, 0], [0, 0]], dtype=np.float64)
    return start + frame * np.tile(velocity, 2)


def test_constant_velocity_is_learnt() -> None:
    rng = np.random.default_rng(0)
    beliefs = BoxBeliefs.born(boxes_at(0))
    for frame in range(1, 60):
        beliefs = beliefs.predict(1).update(boxes_at(frame) + rng.normal(0, 1, (3, 4)))
    assert np.allclose(beliefs.mean[:, :2, 1], [[3, 1], [-2, 0], [0, 0]], atol=0.5)
    assert np.allclose(beliefs.predict(10).boxes, boxes_at(69), atol=6)


def test_without_noise_the_error_dies_out() -> None:
    beliefs = BoxBeliefs.born(boxes_at(0))
    errors = []
    for frame in range(1, 80):
        beliefs = beliefs.predict(1)
        errors.append(np.abs(beliefs.boxes - boxes_at(frame)).max())
        beliefs = beliefs.update(boxes_at(frame))
    assert errors[0] == pytest.approx(3) and errors[-1] < 0.05


@given(first=st.integers(0, 5), second=st.integers(0, 5))
def test_steps_add_up(first: int, second: int) -> None:
    beliefs = BoxBeliefs.born(boxes_at(0)).predict(1).update(boxes_at(1))
    beliefs = beliefs.hold_size(np.ones(3, dtype=np.bool_))
    once, twice = beliefs.predict(first + second), beliefs.predict(first).predict(second)
    assert np.allclose(once.mean, twice.mean) and np.allclose(once.cov, twice.cov)


def test_agrees_with_the_full_matrices() -> None:
    """One coordinate, written out as the textbook has it."""
    beliefs = BoxBeliefs.born(boxes_at(0)).predict(2)
    mean, (place, both, velocity) = beliefs.mean[0, 0], beliefs.cov[0, 0]
    covariance = np.array([[place, both], [both, velocity]])
    observe = np.array([[1.0, 0.0]])
    noise = (100 / 20) ** 2
    gain = covariance @ observe.T / (observe @ covariance @ observe.T + noise)
    seen = to_centre(boxes_at(2))[0, 0]
    wanted = mean + (gain * (seen - mean[0]))[:, 0]
    left = (np.eye(2) - gain @ observe) @ covariance
    after = beliefs.update(boxes_at(2))
    assert np.allclose(after.mean[0, 0], wanted)
    assert np.allclose(after.cov[0, 0], [left[0, 0], left[0, 1], left[1, 1]])


def test_uncertainty_grows_with_time_and_with_the_size_of_the_person() -> None:
    beliefs = BoxBeliefs.born(boxes_at(0))
    spread = [beliefs.predict(dt).centre_std for dt in range(10)]
    assert all((after > before).all() for before, after in pairwise(spread))
    assert np.allclose(spread[5] / beliefs.height[:, None], spread[5][0] / beliefs.height[0])


def test_no_boxes() -> None:
    beliefs = BoxBeliefs.none().predict(3).update(np.zeros((0, 4)))
    assert len(beliefs) == 0 and beliefs.boxes.shape == (0, 4)
    assert len(beliefs.join(BoxBeliefs.born(boxes_at(0)))) == 3


def test_a_box_never_turns_inside_out() -> None:
    beliefs = BoxBeliefs.born([[0, 0, 40, 100]])
    for frame in range(1, 10):
        beliefs = beliefs.predict(1).update([[3 * frame, 0, 40, 100 - 9 * frame]])
    far = beliefs.predict(100).boxes[0]
    assert (far[2:] > far[:2]).all()


def test_time_does_not_run_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        BoxBeliefs.none().predict(-1)
