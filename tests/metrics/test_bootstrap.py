"""The bootstrap: intervals as wide as theory says, and wider where pictures hang together."""

import numpy as np
import pytest

from chronopose.metrics.bootstrap import by_group, interval


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    rng = np.random.default_rng(0)
    hits = (rng.random(1000) < 0.7).astype(float)
    low, high = interval(hits, np.ones(1000), np.random.default_rng(1))
    half = 1.96 * np.sqrt(0.7 * 0.3 / 1000)
    assert low == pytest.approx(hits.mean() - half, abs=0.005)
    assert high == pytest.approx(hits.mean() + half, abs=0.005)


def test_pictures_that_succeed_as_a_whole_make_it_wider() -> None:
    rng = np.random.default_rng(0)
    picture = np.repeat(np.arange(50), 20)
    hits = np.repeat(rng.random(50) < 0.5, 20).astype(float)
    apart = interval(hits, np.ones(1000), np.random.default_rng(1))
    together = interval(by_group(hits, picture), by_group(np.ones(1000), picture), np.random.default_rng(1))
    assert together[1] - together[0] > 3 * (apart[1] - apart[0])


def test_what_is_always_or_never_right_has_no_width() -> None:
    rng = np.random.default_rng(0)
    assert interval([4.0, 2.0], [4.0, 2.0], rng) == (1.0, 1.0)
    assert interval([0.0, 0.0], [4.0, 2.0], rng) == (0.0, 0.0)


def test_pictures_without_anything_counted_change_nothing_but_the_draw() -> None:
    low, high = interval([1.0, 0.0], [2.0, 0.0], np.random.default_rng(0))
    assert (low, high) == (0.5, 0.5)
    assert np.isnan(interval([0.0], [0.0], np.random.default_rng(0))).all()
    assert np.isnan(interval([], [], np.random.default_rng(0))).all()


def test_the_interval_of_a_difference_may_lie_below_zero() -> None:
    low, high = interval([-1.0, -2.0, -1.0], [2.0, 2.0, 2.0], np.random.default_rng(0))
    assert -1 <= low < high < 0


def test_sums_by_group_follow_the_sorted_names() -> None:
    np.testing.assert_array_equal(by_group([1.0, 2.0, 4.0], ["b", "a", "b"]), [2, 5])


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(2,\) and \(3,\)"):
        interval([1, 2], [1, 2, 3], np.random.default_rng(0))
