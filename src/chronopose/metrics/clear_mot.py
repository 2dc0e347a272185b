"""MOTA and MOTP of PoseTrack: every joint is an object of its own that is to be tracked.

CLEAR MOT (Bernardin and Stiefelhagen, 2008) as PoseTrack's poseval has it from py-motmetrics; no code was copied. A
true and a predicted joint can be a pair within half a head. A pairing lasts as long as it is possible, and is
remembered for ever; what is left is paired so that as many joints as possible are, at the least sum of distances. A
switch is a true person whose joint is paired with another id than the last time, however long ago that was.

Two habits of poseval are part of its figures and are kept. The last frame of every sequence is left out; so a sequence
of one frame, on which poseval stops, adds nothing. And a frame in which one side has nobody counts as one true joint
missed and one predicted joint too many of each type, however many persons there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from chronopose.metrics.posetrack import JOINTS, WITHIN, Judged, Pairs, Table, table

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Tracked:
    """Events of tracking by joint, each (15,), in one sequence or the sums over several.

    Attributes:
        truths: true joints.
        pairs: of those, how many were paired.
        switches: of those pairs, how many changed the id.
        misses: true joints without a pair.
        extra: predicted joints without a pair.
        distance: sum of the pairs' distances, in heads.
        all_distances: sum over all events to which motmetrics 1.4.0 gives a distance.
    """

    truths: Array
    pairs: Array
    switches: Array
    misses: Array
    extra: Array
    distance: Array
    all_distances: Array


def nothing() -> Tracked:
    """No events at all."""
    return Tracked(**{field.name: np.zeros(len(JOINTS)) for field in fields(Tracked)})


def summed(parts: Sequence[Tracked]) -> Tracked:
    """The events of several sequences together."""
    return Tracked(
        **{field.name: np.sum([getattr(part, field.name) for part in parts], axis=0) for field in fields(Tracked)}
    )


def track(sequence: Judged, pairs: Pairs) -> Tracked:
    """Counts the events of a sequence."""
    truth, found = sequence.truth, sequence.found
    _, true_id = np.unique(truth.track_id, return_inverse=True)
    _, found_id = np.unique(found.track_id, return_inverse=True)
    labelled, predicted = truth.present, found.present
    true_at, found_at = (np.searchsorted(side.frame, np.arange(sequence.frames + 1)) for side in (truth, found))
    memory, events = _Memory(len(truth), len(found)), nothing()
    for frame in range(sequence.frames - 1):
        rows, columns = (slice(*at[frame : frame + 2]) for at in (true_at, found_at))
        wanted, given = labelled[rows], predicted[columns]  # (G, 15), (P, 15)
        if not len(wanted) or not len(given):
            for total in (events.truths, events.misses, events.extra):
                total += 1
            continue
        block = pairs.distance[pairs.starts[frame] : pairs.starts[frame + 1]]
        distance = block.reshape(len(wanted), len(given), -1).transpose(2, 0, 1)  # (15, G, P)
        possible = distance <= WITHIN
        kept = memory.kept(possible, true_id[rows], found_id[columns])
        free = ~kept.any(axis=1, keepdims=True) & ~kept.any(axis=2, keepdims=True)
        new = _best(distance, possible & free, wanted, given)
        memory.add(new, distance, true_id[rows], found_id[columns], events)
        paired = kept | new
        count = paired.sum(axis=(1, 2))
        for total, more in (
            (events.truths, wanted.sum(axis=0)),
            (events.pairs, count),
            (events.misses, wanted.sum(axis=0) - count),
            (events.extra, given.sum(axis=0) - count),
            (events.distance, np.where(paired, distance, 0).sum(axis=(1, 2))),
            (events.all_distances, np.where(possible, distance * (1.0 + paired), 0).sum(axis=(1, 2))),
        ):
            total += more
    return events


class _Memory:
    """For every joint, who was paired with whom the last time.

    Args:
        truths: a number above every true id.
        founds: a number above every predicted id.
    """

    def __init__(self, truths: int, founds: int) -> None:
        self.partner = np.full((len(JOINTS), truths), -1)  # a predicted id, or -1 for nobody yet
        self.owner = np.full((len(JOINTS), founds), -1)  # a true id, likewise

    def kept(self, possible: Mask, true_id: Ints, found_id: Ints) -> Mask:
        """(15, G, P) pairs of before that are still possible; of two true persons the first has the choice."""
        kept = possible & (self.partner[:, true_id, None] == found_id)
        first: Mask = kept & (kept.cumsum(axis=1) == 1)
        return first

    def add(self, new: Mask, distance: Array, true_id: Ints, found_id: Ints, events: Tracked) -> None:
        """Remembers new pairs (15, G, P) and counts their switches, and what motmetrics records besides."""
        for joint, row, column in np.argwhere(new).tolist():
            person, answer = true_id[row], found_id[column]
            before, owner = self.partner[joint, person], self.owner[joint, answer]
            switch, transfer = before >= 0 and before != answer, owner >= 0 and owner != person
            events.switches[joint] += switch
            again = int(transfer) + int(transfer and before < 0) + int(switch and owner < 0)
            events.all_distances[joint] += again * distance[joint, row, column]
            self.partner[joint, person], self.owner[joint, answer] = answer, person


def _best(distance: Array, possible: Mask, wanted: Mask, given: Mask) -> Mask:
    """(15, G, P) of the `possible` pairs the largest number, and of as many those with the least sum of distances."""
    best = possible.copy()
    rivals = np.maximum(possible.sum(axis=1).max(axis=1), possible.sum(axis=2).max(axis=1)) > 1
    for joint in np.flatnonzero(rivals):
        # Joints that are paired already stay in the matrix, as in motmetrics: which of two equally good pairings the
        # solver returns may depend on its shape.
        rows, columns = np.flatnonzero(wanted[:, joint]), np.flatnonzero(given[:, joint])
        allowed, cost = (values[joint][np.ix_(rows, columns)] for values in (possible, distance))
        impossible = 2 * min(cost.shape) * (cost[allowed].max() + 1) + 1
        chosen = linear_sum_assignment(np.where(allowed, cost, impossible))
        best[joint] = False
        best[joint, rows[chosen[0]], columns[chosen[1]]] = allowed[chosen]
    return best


def mot(events: Tracked, *, as_printed: bool = False) -> dict[str, Table]:
    """Tables "mota", "motp", "mot_precision" and "mot_recall", in percent.

    A joint without truth has no MOTA and no recall, one without predictions no precision: NaN. MOTP is 100 (1 - mean
    distance of the pairs), 0 for a joint without pairs. With `as_printed` it is the number that poseval prints on
    motmetrics 1.4.0, which adds the distances of other events to those of the pairs: too low, and wrong.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (events.all_distances if as_printed else events.distance) / events.pairs
        joints = {
            "mota": _known(1 - (events.misses + events.switches + events.extra) / events.truths),
            "motp": np.where(events.pairs > 0, 1 - distance, 0.0),
            "mot_precision": events.pairs / (events.pairs + events.extra),
            "mot_recall": events.pairs / events.truths,
        }
    return {name: table(100 * values) for name, values in joints.items()}


def _known(values: Array) -> Array:
    known: Array = np.where(np.isfinite(values), values, np.nan)
    return known
