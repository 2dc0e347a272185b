"""Bootstrap: how far a share would move, had other pictures been drawn (Efron, 1979)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def interval(
    hits: ArrayLike,
    counts: ArrayLike,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 1000,
) -> tuple[float, float]:
    """Both ends of the percentile interval of sum(hits) / sum(counts), pictures being drawn with replacement.

    Whole pictures are drawn since persons and joints of one picture succeed and fail together. Hits may be a difference
    of two models' hits: what is drawn is then the same for both, and the interval that of the difference.

    Args:
        hits: (N,) what each picture adds to the numerator.
        counts: (N,) what it adds to the denominator.
        rng: draws the pictures.
        level: share of the draws inside the interval.
        draws: how often N pictures are drawn.

    Returns:
        Lower and upper end; NaN where nothing was counted.
    """
    above, below = np.asarray(hits, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1:
        raise ValueError(f"interval wants hits and counts (N,), got {above.shape} and {below.shape}")
    if not below.sum() > 0:
        return float("nan"), float("nan")
    share = np.array([_share(above, below, rng) for _ in range(draws)])
    low, high = np.nanquantile(share, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def by_group(values: ArrayLike, group: ArrayLike) -> Array:
    """(G,) sums of values (N,) over the G different entries of `group` (N,), in the order of their sorted names."""
    _, place = np.unique(np.asarray(group), return_inverse=True)
    sums = np.bincount(place.reshape(-1), weights=np.asarray(values, dtype=np.float64).reshape(-1))
    return np.asarray(sums, dtype=np.float64)


def _share(hits: Array, counts: Array, rng: np.random.Generator) -> float:
    drawn = rng.integers(len(hits), size=len(hits))
    below = counts[drawn].sum()
    return float(hits[drawn].sum() / below) if below > 0 else float("nan")
