"""AP of PoseTrack: which joints of a video are judged, which truth a predicted person is compared with, and how well.

Follows the official tools of PoseTrack17 and 18 (poseval) and of PoseTrack21; no code was copied. A joint is right
within half a head of the truth, a head being 0.6 times the diagonal of its box. A predicted person takes the true one
of which it has the largest share of joints right, and keeps that person unless another prediction is better there:
greedy, one-sided, and without regard to scores. Equal scores are one step of the curve, so that AP depends neither on
the order of persons nor on a sorting algorithm. All figures are percentages, as in papers.

Everybody on one side of a sequence stands in one array, frame after frame, and pairs of persons are rows of another, so
that a sequence is judged without a loop over frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.geometry import box_size
from chronopose.core.skeleton import POSETRACK_15

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

JOINTS = POSETRACK_15.joints
# Columns of the papers' tables.
GROUPS: dict[str, tuple[str, ...]] = {
    "Head": ("head_top", "head_bottom", "nose"),
    **{
        column: (f"right_{part}", f"left_{part}")
        for column, part in (
            *(("Shou", "shoulder"), ("Elb", "elbow"), ("Wri", "wrist")),
            *(("Hip", "hip"), ("Knee", "knee"), ("Ankl", "ankle")),
        )
    },
}
WITHIN = 0.5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class People:
    """Everybody on one side of a sequence, by frame, and within a frame in the order of the file.

    Attributes:
        frame: (P,) places of their frames in the sequence, ascending.
        xy: (P, 15, 2) image pixels in the order of PoseTrack-15; NaN where there is no joint.
        score: (P, 15) of predicted joints; any number will do, NaN for the truth.
        track_id: (P,) of the person in the sequence.
        head: (P,) pixels, the length that distances are measured with; NaN for predictions.
    """

    frame: Ints
    xy: Array
    score: Array
    track_id: Ints
    head: Array

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def present(self) -> Mask:
        """(P, 15) where there is a joint."""
        there: Mask = ~np.isnan(self.xy[..., 0])
        return there

    def only(self, chosen: Mask) -> Self:
        """The persons that are `chosen` (P,)."""
        return replace(
            self,
            frame=self.frame[chosen],
            xy=self.xy[chosen],
            score=self.score[chosen],
            track_id=self.track_id[chosen],
            head=self.head[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judged:
    """A sequence of F frames to be judged.

    Attributes:
        truth: the labelled persons.
        found: the predicted persons.
        regions: for each frame the polygons (N, 2) in which joints are ignored.
    """

    truth: People
    found: People
    regions: tuple[tuple[Array, ...], ...]

    @property
    def frames(self) -> int:
        """F."""
        return len(self.regions)

    @property
    def persons(self) -> tuple[Ints, Ints]:
        """(F,) each: how many true and how many predicted persons a frame has."""
        wanted, given = (np.bincount(side.frame, minlength=self.frames) for side in (self.truth, self.found))
        return wanted, given

    def only(self, kept: Mask) -> Self:
        """The frames that are `kept` (F,), counted anew from 0."""
        place = np.cumsum(kept) - 1
        sides = [side.only(kept[side.frame]) for side in (self.truth, self.found)]
        truth, found = (replace(side, frame=place[side.frame]) for side in sides)
        regions = tuple(polygons for polygons, keep in zip(self.regions, kept) if keep)
        return replace(self, truth=truth, found=found, regions=regions)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pairs:
    """All N pairs of a true and a predicted person in the same frame: by frame, by true person, by predicted one.

    Attributes:
        truth: (N,) rows of the true persons.
        found: (N,) rows of the predicted persons.
        distance: (N, 15) between their joints, in heads of the true person; NaN where one has no such joint.
        starts: (F + 1,) where the pairs of each frame begin.
    """

    truth: Ints
    found: Ints
    distance: Array
    starts: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Samples:
    """What AP is made of: predicted joints, right or wrong, and how many there were to be found.

    Attributes:
        score: (P, 15) of predicted joints; NaN where there is none.
        right: (P, 15) whether they are where the truth has them.
        truths: (15,) labelled joints.
    """

    score: Array
    right: Mask
    truths: Ints


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Table:
    """A figure of every joint, in percent.

    Attributes:
        joints: (15,) in the order of `JOINTS`; NaN where the figure has no meaning.
        mean: over the joints that are not NaN, each weighing the same.
    """

    joints: Array
    mean: float

    @property
    def groups(self) -> dict[str, float]:
        """Plain means over the joints of `GROUPS`, NaN where one of them is."""
        return {
            name: float(self.joints[[JOINTS.index(joint) for joint in members]].mean())
            for name, members in GROUPS.items()
        }


def table(joints: Array) -> Table:
    """The table of figures (15,) in percent."""
    known = joints[~np.isnan(joints)]
    return Table(joints=joints, mean=float(known.mean()) if len(known) else float("nan"))


def head_length(box: ArrayLike) -> Array:
    """(...) reference lengths in pixels of head boxes (..., 4) x1, y1, x2, y2."""
    # The same operations in the same order as the official tool, so that an error of exactly half a head is decided
    # alike: `vecdot` is the product that numpy's norm of a single vector uses, and differs from a sum in the last bit.
    size = box_size(box)
    length: Array = 0.6 * np.sqrt(np.vecdot(size, size))
    return length


def without_ignored(sequence: Judged) -> Judged:
    """Without the joints inside ignore regions; where a frame has regions, without persons left with no joint."""
    spoilt = np.array([len(polygons) > 0 for polygons in sequence.regions], dtype=bool)
    truth, found = (_outside(side, sequence.regions, spoilt) for side in (sequence.truth, sequence.found))
    return replace(sequence, truth=truth, found=found)


def _outside(people: People, regions: tuple[tuple[Array, ...], ...], spoilt: Mask) -> People:
    xy = people.xy.copy()
    for frame in np.flatnonzero(spoilt):
        first, last = np.searchsorted(people.frame, (frame, frame + 1))
        points = xy[first:last].reshape(-1, 2)  # a view: what is ignored below becomes unknown in xy
        for polygon in regions[frame]:
            points[inside(points, polygon)] = np.nan
    left = replace(people, xy=xy)
    return left.only(left.present.any(axis=1) | ~spoilt[people.frame])


def inside(points: Array, polygon: Array) -> Mask:
    """(N,) which points (N, 2) lie strictly inside a polygon (M, 2) by the even-odd rule; NaN never does.

    Points on the boundary are outside, exactly: a point whose side of an edge rounding could turn is decided by
    rational numbers.
    """
    within = np.zeros(len(points), dtype=bool)
    if len(polygon) < 3:
        return within
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero(((points > low) & (points < high)).all(axis=1))
    if not len(near):
        return within
    start, end = polygon, np.concatenate([polygon[1:], polygon[:1]])
    x, y = points[near, None, 0], points[near, None, 1]  # (n, 1) against M edges
    left, right = (end[:, 0] - start[:, 0]) * (y - start[:, 1]), (end[:, 1] - start[:, 1]) * (x - start[:, 0])
    side = left - right  # (n, M), above 0 where the point lies to the left of the edge
    for point, edge in zip(*np.nonzero(np.abs(side) <= 1e-12 * (np.abs(left) + np.abs(right)))):
        side[point, edge] = _side(start[edge], end[edge], points[near[point]])
    from_low, to_low = start[:, 1] <= y, end[:, 1] <= y  # edges to the right of the point, upwards or downwards
    crossings = ((from_low & ~to_low & (side > 0)) | (to_low & ~from_low & (side < 0))).sum(axis=1)
    point, edge = np.nonzero(side == 0)  # on the line of an edge: on the edge itself where it lies between its ends
    ends, here = np.stack([start[edge], end[edge]]), points[near[point]]
    boundary = ((ends.min(axis=0) <= here) & (here <= ends.max(axis=0))).all(axis=1)
    within[near] = crossings % 2 == 1
    within[near[point[boundary]]] = False
    return within


def _side(start: Array, end: Array, point: Array) -> int:
    """1 where a point (2,) lies to the left of an edge, -1 to the right, 0 on its line; without rounding."""
    (ax, ay), (bx, by), (x, y) = ([Fraction(float(value)) for value in corner] for corner in (start, end, point))
    cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    return (cross > 0) - (cross < 0)


def pair(sequence: Judged) -> Pairs:
    """Every true person with every predicted one of the same frame, and how far apart their joints are."""
    truth, found = sequence.truth, sequence.found
    wanted, given = sequence.persons
    starts = np.concatenate([[0], np.cumsum(wanted * given)])
    frame = np.repeat(np.arange(sequence.frames), wanted * given)
    place = np.arange(starts[-1]) - starts[frame]
    rows = (np.cumsum(wanted) - wanted)[frame] + place // given[frame]
    columns = (np.cumsum(given) - given)[frame] + place % given[frame]
    apart = truth.xy[rows] - found.xy[columns]
    with np.errstate(divide="ignore", invalid="ignore"):  # a head of no size has no joint near it
        distance = np.sqrt(np.vecdot(apart, apart)) / truth.head[rows, None]
    return Pairs(truth=rows, found=columns, distance=distance, starts=starts)


def samples(sequence: Judged, pairs: Pairs) -> Samples:
    """The predicted joints of a sequence, each right where its person's one true person has it."""
    labelled, hits = sequence.truth.present.sum(axis=1), pairs.distance <= WITHIN
    share = hits.sum(axis=1) / np.maximum(labelled[pairs.truth], 1)
    best = _first_of_each(pairs.found, -share)
    chosen = best[_first_of_each(pairs.truth[best], -share[best])]
    chosen = chosen[share[chosen] > 0]
    right = np.zeros(sequence.found.present.shape, dtype=bool)
    right[pairs.found[chosen]] = hits[chosen]
    score = np.where(sequence.found.present, sequence.found.score, np.nan)
    return Samples(score=score, right=right, truths=sequence.truth.present.sum(axis=0))


def _first_of_each(group: Ints, cost: Array) -> Ints:
    """Rows of the least cost in each group, the first one on ties."""
    order = np.lexsort((cost, group))  # stable
    _, first = np.unique(group[order], return_index=True)
    return order[first]


def joined(parts: Sequence[Samples]) -> Samples:
    """The samples of several sequences as those of one."""
    return Samples(
        score=np.concatenate([part.score for part in parts]),
        right=np.concatenate([part.right for part in parts]),
        truths=np.sum([part.truths for part in parts], axis=0),
    )


def average_precision(part: Samples, *, nothing_is_zero: bool = False) -> dict[str, Table]:
    """AP, and precision and recall of all predicted joints: tables "ap", "precision" and "recall".

    A joint without predictions has 0 in all three. One with predictions and no label has precision 0, and NaN in the
    other two, unless `nothing_is_zero`, as in PoseTrack21's tool.
    """
    curves = [
        _curve(part.score[:, joint], part.right[:, joint], int(part.truths[joint]), nothing_is_zero)
        for joint in range(len(JOINTS))
    ]
    return {name: table(100 * column) for name, column in zip(("ap", "precision", "recall"), np.transpose(curves))}


def _curve(score: Array, right: Mask, truths: int, nothing_is_zero: bool) -> tuple[float, float, float]:
    """Area under the precision-recall curve, its precision and its recall at the end."""
    there = ~np.isnan(score)
    if not there.any():
        return 0.0, 0.0, 0.0
    order = np.argsort(-score[there])
    ranked, hits = score[there][order], np.cumsum(right[there][order])
    step = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # the last of equal scores
    precision = hits[step] / (step + 1)
    if truths == 0:
        nothing = 0.0 if nothing_is_zero else float("nan")
        return nothing, 0.0, nothing
    recall = hits[step] / truths
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = (np.diff(recall, prepend=0.0) * envelope).sum()
    return float(area), float(precision[-1]), float(recall[-1])
