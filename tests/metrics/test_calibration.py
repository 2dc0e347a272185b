"""Calibration: hand-worked shares, and a normal error that is calibrated by construction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.metrics.calibration import (
    LEVELS,
    ONE_SIGMA,
    SIGMAS,
    calibration,
    calibration_error,
    correcting_factor,
    coverage,
    deviations,
    format_calibration,
    nominal,
    share_inside,
)


def test_deviations_are_errors_in_sigmas_coordinate_by_coordinate() -> None:
    error = np.array([[[3.0, -4.0], [1.0, 0.0]]])
    sigma = np.array([[[3.0, 2.0], [0.5, 1.0]]])
    np.testing.assert_array_equal(deviations(error, sigma), [1, 2, 2, 0])


def test_unknown_and_uncounted_joints_are_left_out() -> None:
    error = np.array([[1.0, np.nan], [2.0, 2.0], [9.0, 9.0]])
    sigma = np.array([[1.0, 1.0], [1.0, np.nan], [1.0, 1.0]])
    np.testing.assert_array_equal(deviations(error, sigma, [1, 1, 0]), [1, 2])
    assert deviations(error, sigma, [0, 0, 0]).shape == (0,)


def test_a_sigma_of_zero_is_right_only_without_an_error() -> None:
    np.testing.assert_array_equal(deviations([[0.0, 0.1]], [[0.0, 0.0]]), [0, np.inf])


def test_a_negative_sigma_and_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="sigma must not be negative, got -1"):
        deviations([[1.0, 1.0]], [[1.0, -1.0]])
    with pytest.raises(ValueError, match=r"wants error and sigma \(\.\.\., 2\)"):
        deviations(np.zeros((3, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="counted"):
        deviations(np.zeros((3, 2)), np.ones((3, 2)), [True, True])


def test_the_share_inside_counts_the_edge() -> None:
    assert share_inside([0.5, 1.0, 1.0001, 7.0]) == 0.5
    assert share_inside([0.5, 1.0, 1.0001, 7.0], sigmas=2) == 0.75
    assert np.isnan(share_inside([]))


def test_coverage_and_calibration_error_worked_by_hand() -> None:
    # Half of a normal error lies within 0.6745 sigma, nine tenths within 1.6449.
    deviation = [0.1, 0.6, 0.7, 1.7]
    np.testing.assert_array_equal(coverage(deviation, [0.5, 0.9]), [0.5, 0.75])
    assert calibration_error(deviation, [0.5, 0.9]) == pytest.approx(0.075)


def test_a_normal_error_of_the_sigma_it_is_given_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.5, 20, (5000, 2))
    deviation = deviations(rng.normal(scale=sigma), sigma)
    assert share_inside(deviation) == pytest.approx(ONE_SIGMA, abs=0.015)
    assert calibration_error(deviation) < 0.01
    assert correcting_factor(deviation) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(("told", "factor"), [(0.5, 2.0), (2.0, 0.5)])
def test_a_sigma_off_by_a_factor_shows_it(told: float, factor: float) -> None:
    rng = np.random.default_rng(1)
    deviation = deviations(rng.normal(size=(5000, 2)), np.full((5000, 2), told))
    assert correcting_factor(deviation) == pytest.approx(factor, rel=0.03)
    assert calibration_error(deviation) > 0.1
    assert (np.sign(coverage(deviation) - LEVELS) == (-1 if told < 1 else 1)).all()


def test_infinite_deviations_leave_the_factor_finite() -> None:
    assert correcting_factor([0.5, 1.0, 2.0, np.inf], 0.5) == 1.0
    assert correcting_factor([0.5, np.inf], 0.9) == np.inf
    assert np.isnan(correcting_factor([]))
    assert np.isnan(calibration_error([]))


@given(st.lists(st.floats(0, 50), min_size=1, max_size=40), st.floats(0.1, 10))
def test_the_correcting_factor_does_what_it_says(deviation: list[float], sigma: float) -> None:
    factor = correcting_factor(np.array(deviation) / sigma)
    share = share_inside(np.array(deviation) / sigma, factor)
    assert share >= ONE_SIGMA


def test_the_shares_that_each_density_names() -> None:
    np.testing.assert_allclose(nominal(SIGMAS), [0.3829, 0.6827, 0.8664, 0.9545, 0.9973], atol=5e-5)
    # Of a Laplace error, exp(-sqrt(2) z) lies outside.
    np.testing.assert_allclose(nominal([0, 1, 2], "laplace"), [0, 1 - np.exp(-(2**0.5)), 1 - np.exp(-2 * 2**0.5)])


def test_an_error_is_calibrated_against_its_own_density() -> None:
    rng = np.random.default_rng(2)
    sigma = rng.uniform(0.5, 20, (5000, 2))
    normal = calibration(deviations(rng.normal(scale=sigma), sigma))
    laplace = calibration(deviations(rng.laplace(scale=sigma / 2**0.5), sigma))
    assert normal.error["normal"] < 0.01 < 0.03 < normal.error["laplace"]
    assert laplace.error["laplace"] < 0.01 < 0.03 < laplace.error["normal"]
    np.testing.assert_allclose(normal.inside, nominal(SIGMAS), atol=0.02)
    np.testing.assert_allclose(laplace.inside, nominal(SIGMAS, "laplace"), atol=0.02)
    assert normal.coordinates == 10000


@given(st.lists(st.floats(0, 50), min_size=1, max_size=40))
def test_the_curve_at_the_share_of_a_number_of_sigmas_is_the_share_within_them(deviation: list[float]) -> None:
    # A deviation of exactly so many sigmas may fall on either side when the share is turned back into sigmas.
    inside = calibration(deviation).inside
    for density in ("normal", "laplace"):
        for reach, found in zip(SIGMAS, inside):
            around = coverage(deviation, nominal([reach * (1 - 1e-9), reach * (1 + 1e-9)], density), density)
            assert around[0] <= found <= around[1]


def test_the_coverage_table_names_both_densities() -> None:
    lines = format_calibration({"tiny": calibration([0.4, 0.9, 1.2, 9.0]), "none": calibration([])}).splitlines()
    assert lines[0].split() == ["within", "sigmas", "0.5", "1", "1.5", "2", "3", "ECE", "normal", "ECE", "Laplace"]
    assert lines[1].split() == ["normal", "error", "38.3", "68.3", "86.6", "95.4", "99.7"]
    assert lines[2].split() == ["Laplace", "error", "50.7", "75.7", "88.0", "94.1", "98.6"]
    assert lines[3].split()[:6] == ["tiny", "25.0", "50.0", "75.0", "75.0", "75.0"]
    assert lines[4].split() == ["none", *"-------"]
