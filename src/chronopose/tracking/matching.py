"""How alike known persons and new detections are, and who is given which.

Dimensions: N persons, M detections, K joints. All boxes are x1, y1, x2, y2 in pixels.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.similarity import oks_matrix
from chronopose.tracking.kalman import to_centre

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_SHARED_JOINTS = 3  # fewer joints in common say nothing about who it is


def similarity(
    boxes: Array,
    pad: Array,
    joints: Array | None,
    seen_boxes: ArrayLike,
    seen_joints: Array | None,
    sigmas: ArrayLike,
    oks_weight: float,
) -> Array:
    """(N, M) similarity in 0 to 1: overlap of boxes, blended with the OKS of joints where both sides have joints.

    Args:
        boxes: (N, 4) where the persons should be.
        pad: (N, 2) how unsure that is in x and y, pixels.
        joints: (N, K, 2) where their joints should be, NaN where unknown.
        seen_boxes: (M, 4) detections.
        seen_joints: (M, K, 2) their joints, NaN where unknown.
        sigmas: (K,) OKS constants.
        oks_weight: share of the joints where the place is sure.
    """
    overlap = padded_iou(boxes, seen_boxes, pad)
    if joints is None or seen_joints is None:
        return overlap
    size = boxes[:, 2:] - boxes[:, :2]
    area, wide_area = size.prod(-1), (size + 2 * pad).prod(-1)
    oks = oks_matrix(seen_joints, joints, wide_area, sigmas).T
    known = np.isfinite(joints[:, None] + seen_joints[None]).all(-1)  # (N, M, K)
    enough = known.sum(-1) >= _SHARED_JOINTS
    # The less sure the place, the less the joints can say: they fade as the boxes widen.
    weight = np.where(enough, oks_weight * (area / wide_area)[:, None], 0.0)
    blend: Array = (1 - weight) * overlap + weight * oks
    return blend


def padded_iou(persons: Array, detections: ArrayLike, pad: Array) -> Array:
    """(N, M) overlap of boxes (N, 4) and (M, 4), both first widened on every side by the person's `pad` (N, 2)."""
    outward = np.concatenate([-pad, pad], axis=-1)[:, None]  # (N, 1, 4)
    a, b = persons[:, None] + outward, np.asarray(detections, dtype=np.float64)[None] + outward
    shared = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    iou: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def carried(xy: Array, old: ArrayLike, new: ArrayLike) -> Array:
    """Joints (K, 2) of a person whose box went from `old` (4,) to `new` (4,)."""
    (before,), (after,) = to_centre(old), to_centre(new)
    moved: Array = (xy - before[:2]) * (after[2:] / np.maximum(before[2:], 1.0)) + after[:2]
    return moved


def assign(
    match: Indices,
    similarity: Array,
    preference: Array,
    persons: NDArray[np.bool_],
    detections: NDArray[np.bool_],
    least: float,
) -> None:
    """Writes into `match` the best assignment of `detections` (a mask) to those `persons` that have none yet."""
    rows, columns = np.flatnonzero(persons & (match < 0)), np.flatnonzero(detections)
    if not len(rows) or not len(columns):
        return
    part = similarity[np.ix_(rows, columns)]
    allowed = part >= max(least, np.finfo(np.float64).tiny)
    # A pair that is not allowed gains nothing, so it never displaces one that is.
    for row, column in zip(*_greatest(np.where(allowed, part * preference[rows], 0.0))):
        if allowed[row, column]:
            match[rows[row]] = columns[column]


def _greatest(gain: Array) -> tuple[Indices, Indices]:
    """Rows and columns of an assignment with the greatest sum of gains (N, M), none below 0.

    Where every row may have the column that is best for it, that is the answer, and nobody loads scipy's solver, which
    takes a second.
    """
    rows, best = np.flatnonzero(gain.max(axis=1) > 0), gain.argmax(axis=1)
    if len(np.unique(best[rows])) == len(rows):
        return rows, best[rows]
    from scipy.optimize import linear_sum_assignment

    found: tuple[Indices, Indices] = linear_sum_assignment(gain, maximize=True)
    return found
