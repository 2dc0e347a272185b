"""Jitter: how much joints shake from frame to frame, against how much they truly move.

The acceleration of a joint is x(t + 1) - 2 x(t) + x(t - 1), in pixels per frame squared. The length of the difference
of the predicted and the true one is the acceleration error (Kanazawa et al., 2019, arXiv:1812.01601, there of joints in
space). It does not see where a joint stands, only how it moves: who is wrong by the same in all frames has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.skeleton import Skeleton

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Jitter:
    """Accelerations of K joints, each the mean over the triples of consecutive frames in which the joint is known.

    Attributes:
        skeleton: names and order of the joints.
        counts: (K,) triples judged.
        error_px: (K,) length of the difference of predicted and true acceleration, px/frame^2; NaN without a triple.
        error_size: (K,) the same over the person's size in the middle frame.
        predicted_px: (K,) length of the predicted acceleration, px/frame^2.
        true_px: (K,) length of the true one.
    """

    skeleton: Skeleton
    counts: NDArray[np.int64]
    error_px: Array
    error_size: Array
    predicted_px: Array
    true_px: Array

    def mean(self, values: Array) -> float:
        """The mean over all triples of one of the arrays (K,); NaN where there is none."""
        used = self.counts > 0
        return float(values[used] @ self.counts[used] / self.counts.sum()) if used.any() else float("nan")


def jitter(
    pred: ArrayLike,
    true: ArrayLike,
    labelled: ArrayLike,
    size: ArrayLike,
    track: ArrayLike,
    frame: ArrayLike,
    skeleton: Skeleton,
) -> Jitter:
    """Judges N predicted poses against N true ones, wherever a person has three frames in a row.

    Args:
        pred: (N, K, 2) image pixels; not finite where the person or the joint was not found.
        true: (N, K, 2) image pixels; NaN counts as not labelled.
        labelled: (N, K) true or above 0 where the truth is to be counted.
        size: (N,) pixels of the persons; one of NaN or not above 0 leaves its triple out.
        track: (N,) the same number for the same person of the same video.
        frame: (N,) number of the frame in its video.
        skeleton: of both poses.

    Raises:
        ValueError: shapes that do not fit together.
    """
    found, truth = np.asarray(pred, dtype=np.float64), np.asarray(true, dtype=np.float64)
    mask, scale = np.asarray(labelled) > 0, np.asarray(size, dtype=np.float64)
    person, time = np.asarray(track), np.asarray(frame)
    shape = (len(truth), len(skeleton))
    if truth.shape != (*shape, 2) or found.shape != truth.shape or mask.shape != shape:
        raise ValueError(
            f"jitter of {skeleton.name} wants pred and true (N, {len(skeleton)}, 2) and labelled (N, {len(skeleton)}); "
            f"got {found.shape}, {truth.shape}, {mask.shape}"
        )
    if not scale.shape == person.shape == time.shape == shape[:1]:
        raise ValueError(
            f"jitter wants size, track and frame ({shape[0]},); got {scale.shape}, {person.shape}, {time.shape}"
        )
    before, middle, after = _in_a_row(person, time)
    usable = np.isfinite(scale[middle]) & (scale[middle] > 0)
    before, middle, after = before[usable], middle[usable], after[usable]
    known = mask & np.isfinite(truth).all(axis=-1) & np.isfinite(found).all(axis=-1)
    found = np.where(known[..., None], found, np.nan)
    judged = known[before] & known[middle] & known[after]  # (M, K)
    moved, wanted = (each[before] - 2 * each[middle] + each[after] for each in (found, truth))
    error = np.linalg.norm(moved - wanted, axis=-1)
    lengths = (error, error / scale[middle, None], *(np.linalg.norm(each, axis=-1) for each in (moved, wanted)))
    counts = judged.sum(axis=0)
    error_px, error_size, predicted_px, true_px = (_mean(length, judged, counts) for length in lengths)
    return Jitter(
        skeleton=skeleton,
        counts=counts.astype(np.int64),
        error_px=error_px,
        error_size=error_size,
        predicted_px=predicted_px,
        true_px=true_px,
    )


def format_jitter(results: Mapping[str, Jitter]) -> str:
    """A line of words for each result that has frames in a row."""
    return "\n".join(
        f"{name}: acceleration error {result.mean(result.error_px):.2f} px/frame², "
        f"{100 * result.mean(result.error_size):.2f} % of the person's size; predicted acceleration "
        f"{result.mean(result.predicted_px):.2f}, true {result.mean(result.true_px):.2f} px/frame²"
        for name, result in results.items()
        if result.counts.any()
    )


def _in_a_row(person: NDArray[np.generic], time: NDArray[np.generic]) -> tuple[NDArray[np.intp], ...]:
    """Three arrays (M,): the places of the same person in each frame and the two after it."""
    order = np.lexsort((time, person))
    first, second, third = order[:-2], order[1:-1], order[2:]
    numbers = time.astype(np.int64)
    row = (person[first] == person[third]) & (numbers[second] - numbers[first] == 1)
    row &= numbers[third] - numbers[second] == 1
    return first[row], second[row], third[row]


def _mean(values: Array, judged: NDArray[np.bool_], counts: NDArray[np.integer]) -> Array:
    """(K,) mean over the judged of values (M, K), those not judged being NaN or anything else."""
    total = np.where(judged, values, 0).sum(axis=0)
    mean: Array = np.divide(total, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return mean
