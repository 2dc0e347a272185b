"""Calibration: whether a predicted standard deviation is as large as the errors it speaks of.

Everything is counted by coordinate, x and y of a joint apart, against a normal error: 0.683 of the coordinates of a
calibrated model lie within one standard deviation. The calibration error is that of Kuleshov et al., 2018
(arXiv:1807.00263), with the plain mean over levels instead of a sum of squares; no code was copied.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The shares at which the calibration error is taken: 0.05, 0.10, ..., 0.95."""
ONE_SIGMA = float(2 * ndtr(1.0) - 1)
"""The share of a normal variable within one standard deviation, 0.6827."""


def deviations(error: ArrayLike, sigma: ArrayLike, counted: ArrayLike | None = None) -> Array:
    """(M,) absolute errors in standard deviations of the M coordinates that are known and `counted`.

    Args:
        error: (..., 2) difference to the truth in pixels; NaN where one of the two is unknown.
        sigma: (..., 2) predicted standard deviations in pixels, not negative; NaN where unknown. Where it is 0, an
            error of 0 is 0 deviations and any other infinitely many.
        counted: (...) true or above 0 where a joint is to be counted; None for all.

    Raises:
        ValueError: shapes that do not fit together, or a negative sigma where the error is known.
    """
    off, spread = np.asarray(error, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    chosen = np.ones(off.shape[:-1], dtype=bool) if counted is None else np.asarray(counted) > 0
    if off.shape != spread.shape or off.shape[-1:] != (2,) or chosen.shape != off.shape[:-1]:
        raise ValueError(
            f"deviations wants error and sigma (..., 2) and counted (...); got {off.shape}, {spread.shape}, "
            f"{chosen.shape}"
        )
    known = chosen[..., None] & np.isfinite(off) & np.isfinite(spread)
    size, width = np.abs(off[known]), spread[known]
    if (width < 0).any():
        raise ValueError(f"sigma must not be negative, got {width.min():g}")
    distance: Array = np.divide(size, width, out=np.where(size > 0, np.inf, 0.0), where=width > 0)
    return distance


def share_inside(deviation: ArrayLike, sigmas: float = 1.0) -> float:
    """The share of `deviations` (M,) of at most `sigmas`; NaN where there is none."""
    distance = np.asarray(deviation, dtype=np.float64)
    return float((distance <= sigmas).mean()) if distance.size else float("nan")


def coverage(deviation: ArrayLike, levels: ArrayLike = LEVELS) -> Array:
    """(L,) share of `deviations` (M,) inside the central interval that should hold each of the shares (L,) of them.

    Against `levels` this is the reliability curve: below it sigma is too small, above it too large.
    """
    reach = ndtri((1 + np.asarray(levels, dtype=np.float64)) / 2)
    distance = np.sort(np.asarray(deviation, dtype=np.float64))
    if not distance.size:
        return np.full(reach.shape, np.nan)
    inside: Array = np.searchsorted(distance, reach, side="right") / distance.size
    return inside


def calibration_error(deviation: ArrayLike, levels: ArrayLike = LEVELS) -> float:
    """The mean distance of `coverage` from `levels`: 0 for a calibrated normal error, NaN without any deviation."""
    return float(np.abs(coverage(deviation, levels) - np.asarray(levels, dtype=np.float64)).mean())


def correcting_factor(deviation: ArrayLike, share: float = ONE_SIGMA) -> float:
    """What sigma would have to be multiplied with for `share` of `deviations` (M,) to lie inside one; NaN for none."""
    distance = np.asarray(deviation, dtype=np.float64)
    # The order statistic itself: with interpolation, infinite deviations would make NaN of a finite quantile.
    return float(np.quantile(distance, share, method="inverted_cdf")) if distance.size else float("nan")
