"""Calibration: whether a predicted standard deviation is as large as the errors it speaks of.

Everything is counted by coordinate, x and y of a joint apart. What share of them should lie within so many standard
deviations depends on the density that the model was trained with: 0.683 within one for a normal error, 0.757 for a
Laplace error of the same standard deviation. The calibration error is that of Kuleshov et al., 2018
(arXiv:1807.00263), with the plain mean over levels instead of a sum of squares; no code was copied.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from chronopose.metrics.text import aligned, percent

Array = NDArray[np.float64]
Density = Literal["normal", "laplace"]

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""The shares at which the calibration error is taken: 0.05, 0.10, ..., 0.95."""
ONE_SIGMA = float(2 * ndtr(1.0) - 1)
"""The share of a normal variable within one standard deviation, 0.6827."""
SIGMAS = (0.5, 1.0, 1.5, 2.0, 3.0)
"""The numbers of standard deviations of a coverage table."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Calibration:
    """What the predicted standard deviations of M coordinates are worth.

    Attributes:
        coordinates: M.
        inside: (5,) share of them within each of `SIGMAS`; NaN where M is 0.
        error: the calibration error against each density.
    """

    coordinates: int
    inside: Array
    error: dict[Density, float]

    @property
    def inside_one(self) -> float:
        """The share within one standard deviation."""
        return float(self.inside[SIGMAS.index(1.0)])


def calibration(deviation: ArrayLike) -> Calibration:
    """The figures of `Calibration` for `deviations` (M,)."""
    distance = np.asarray(deviation, dtype=np.float64)
    return Calibration(
        coordinates=len(distance),
        inside=np.array([share_inside(distance, sigmas) for sigmas in SIGMAS]),
        error={
            "normal": calibration_error(distance, density="normal"),
            "laplace": calibration_error(distance, density="laplace"),
        },
    )


def nominal(sigmas: ArrayLike, density: Density = "normal") -> Array:
    """The share of a density within so many of its standard deviations."""
    reach = np.asarray(sigmas, dtype=np.float64)
    share: Array = 2 * ndtr(reach) - 1 if density == "normal" else -np.expm1(-np.sqrt(2) * reach)
    return share


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


def coverage(deviation: ArrayLike, levels: ArrayLike = LEVELS, density: Density = "normal") -> Array:
    """(L,) share of `deviations` (M,) inside the central interval that should hold each of the shares (L,) of them.

    Against `levels` this is the reliability curve: below it sigma is too small, above it too large.
    """
    wanted = np.asarray(levels, dtype=np.float64)
    reach = ndtri((1 + wanted) / 2) if density == "normal" else -np.log1p(-wanted) / np.sqrt(2)
    distance = np.sort(np.asarray(deviation, dtype=np.float64))
    if not distance.size:
        return np.full(reach.shape, np.nan)
    inside: Array = np.searchsorted(distance, reach, side="right") / distance.size
    return inside


def calibration_error(deviation: ArrayLike, levels: ArrayLike = LEVELS, density: Density = "normal") -> float:
    """The mean distance of `coverage` from `levels`: 0 for a calibrated error, NaN without any deviation."""
    return float(np.abs(coverage(deviation, levels, density) - np.asarray(levels, dtype=np.float64)).mean())


def correcting_factor(deviation: ArrayLike, share: float = ONE_SIGMA) -> float:
    """What sigma would have to be multiplied with for `share` of `deviations` (M,) to lie inside one; NaN for none."""
    distance = np.asarray(deviation, dtype=np.float64)
    # The order statistic itself: with interpolation, infinite deviations would make NaN of a finite quantile.
    return float(np.quantile(distance, share, method="inverted_cdf")) if distance.size else float("nan")


def format_calibration(results: Mapping[str, Calibration]) -> str:
    """The coverage table in percent: a row for each result, under those of a normal and of a Laplace error.

    The last two columns are the calibration errors against the two. Lines of plain text without a final newline.
    """
    header = ["within sigmas", *(f"{sigmas:g}" for sigmas in SIGMAS), "ECE normal", "ECE Laplace"]
    rows = [
        ["normal error", *map(percent, nominal(SIGMAS)), "", ""],
        ["Laplace error", *map(percent, nominal(SIGMAS, "laplace")), "", ""],
    ]
    rows += [
        [name, *map(percent, result.inside), percent(result.error["normal"]), percent(result.error["laplace"])]
        for name, result in results.items()
    ]
    return aligned([header, *rows])
