"""Detections against persons: who was found, what was wrong, and what counts as neither.

A detection is right where it overlaps a person not yet found by half at least (intersection over union). As in COCO's
own evaluation, persons that do not count (too small, say) and crowds excuse detections: one that matches such a person,
or lies mostly inside, is neither right nor wrong. No code was copied.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.geometry import box_size, iou_matrix

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How many persons there were and were found, and how many detections are wrong, in one picture or in many."""

    persons: int
    right: int
    wrong: int

    @property
    def recall(self) -> float:
        """The share of the persons that were found; NaN where there is nobody."""
        return self.right / self.persons if self.persons else float("nan")

    @property
    def precision(self) -> float:
        """The share of the detections that count and are right; NaN where none counts."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else float("nan")


def total(pictures: Iterable[Found]) -> Found:
    """The sums over pictures."""
    all_of_them = list(pictures)
    return Found(
        persons=sum(one.persons for one in all_of_them),
        right=sum(one.right for one in all_of_them),
        wrong=sum(one.wrong for one in all_of_them),
    )


def match(
    found: ArrayLike,
    persons: ArrayLike,
    *,
    counted: ArrayLike | None = None,
    crowd: ArrayLike | None = None,
    overlap: float = 0.5,
    excused: float = 0.5,
) -> Found:
    """Counts one picture.

    Each detection, best first, takes the free counted person that it overlaps most, or else the free person that does
    not count; what is left is wrong unless a share `excused` of it lies in a crowd or in a person that does not count.

    Args:
        found: (M, 4) boxes x1, y1, x2, y2 in pixels, the best first.
        persons: (N, 4) true boxes, those of crowds too.
        counted: (N,) false for persons that do not count; None where all do.
        crowd: (N,) true for areas with many persons in one box: they never count and excuse any number of detections.
        overlap: least intersection over union of a match.
        excused: least share of a detection inside such an area.
    """
    boxes, truth = (np.asarray(given, dtype=np.float64).reshape(-1, 4) for given in (found, persons))
    crowded = _mask(crowd, len(truth), False)
    counts = _mask(counted, len(truth), True) & ~crowded
    matches = iou_matrix(boxes, truth) >= overlap
    strength = np.where(matches, iou_matrix(boxes, truth), 0)
    pardon = _inside(boxes, truth[~counts]) >= excused
    free = ~crowded
    right = wrong = 0
    for row, forgiven in zip(strength, pardon):
        # Counted persons go first: 1 is more than any overlap.
        wish = np.where(free & (row > 0), row + counts, 0)
        best = int(wish.argmax()) if len(wish) else -1
        if best >= 0 and wish[best] > 0:
            free[best] = False
            right += int(counts[best])
        else:
            wrong += int(not forgiven.any())
    return Found(persons=int(counts.sum()), right=right, wrong=wrong)


def taller_than(boxes: ArrayLike, least_px: float) -> NDArray[np.bool_]:
    """(N,) which boxes (N, 4) are at least so many pixels high."""
    tall: NDArray[np.bool_] = box_size(np.asarray(boxes, dtype=np.float64).reshape(-1, 4))[:, 1] >= least_px
    return tall


def _mask(given: ArrayLike | None, count: int, default: bool) -> NDArray[np.bool_]:
    mask = np.full(count, default) if given is None else np.asarray(given, dtype=bool)
    if mask.shape != (count,):
        raise ValueError(f"match wants counted and crowd ({count},) for {count} persons, got {mask.shape}")
    return mask


def _inside(boxes: Array, areas: Array) -> Array:
    """(M, A) share of each box that lies in each area; 0 for empty boxes."""
    corners = np.minimum(boxes[:, None, 2:], areas[None, :, 2:]) - np.maximum(boxes[:, None, :2], areas[None, :, :2])
    shared = np.clip(corners, 0, None).prod(axis=-1)
    size = np.clip(box_size(boxes), 0, None).prod(axis=-1)[:, None]
    share: Array = np.divide(shared, size, out=np.zeros_like(shared), where=size > 0)
    return share
