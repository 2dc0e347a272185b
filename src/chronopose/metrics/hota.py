"""Keypoint-HOTA of PoseTrack21: how well joints are found, kept together through time, and kept in one piece.

HOTA (Luiten et al., 2021, arXiv:2009.07736) with joints in the place of boxes, as PoseTrack21's kit has it (Doering et
al., 2022; no code was copied). The likeness of two joints falls from 1 to 0 at half a head; in every frame the joints
of one type are paired for the largest sum of likeness, and at each of 19 thresholds those pairs count that are alike
enough. AssA asks of every such pair how much of both persons' time they share, AssRe how much of the true person's,
AssPr how much of the predicted one's, and FragA how much of both persons' time lies in the stretch that the pair is
part of: another id ends a stretch for good, a gap does not.

In a frame without true, or without predicted persons, the joints of the other side are misses or false positives of
that frame. The kit adds those of the whole sequence there and stops at a sequence without truth; here neither happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from chronopose.metrics.posetrack import JOINTS, Judged, Pairs, Table, table

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

THRESHOLDS = np.arange(0.05, 0.99, 0.05)
# The kit's figure: a hair above one half, so that an error of half a head is not a likeness of 0.
_FAR = 0.5001
_SHARES = ("AssA", "AssRe", "AssPr", "FragA")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Associated:
    """Sums over a sequence, or several, at each of the 19 thresholds and by joint, the 16th being all joints together.

    Attributes:
        pairs: (19, 16) joints found.
        misses: (19, 16) true joints not found.
        extra: (19, 16) predicted joints that found nothing.
        likeness: (19, 16) of the pairs.
        shares: (4, 19, 16) of the pairs: AssA, AssRe, AssPr and FragA.
    """

    pairs: Array
    misses: Array
    extra: Array
    likeness: Array
    shares: Array


def summed(parts: Sequence[Associated]) -> Associated:
    """The sums of several sequences together."""
    return Associated(
        **{field.name: np.sum([getattr(part, field.name) for part in parts], axis=0) for field in fields(Associated)}
    )


def associate(sequence: Judged, pairs: Pairs) -> Associated:
    """The sums of one sequence, in which a true and a predicted id stand once in a frame."""
    truth, found = sequence.truth, sequence.found
    like: Array = np.fmax(1 - pairs.distance * (1 / _FAR), 0)  # (N, 15); 0 where a joint is not there
    row, joint = _matched(like, pairs, sequence)
    alike = like[row, joint]
    counted = alike[:, None] >= THRESHOLDS - np.finfo(np.float64).eps  # (E, 19)
    true_id, true_time = _time(truth.track_id, truth.present)
    found_id, found_time = _time(found.track_id, found.present)
    one, other = true_id[pairs.truth[row]], found_id[pairs.found[row]]
    couples, couple = np.unique(np.stack([joint, one, other]), axis=1, return_inverse=True)
    kind, one_time, other_time = couples[0], true_time[couples[1], couples[0]], found_time[couples[2], couples[0]]
    together = _grouped(counted, couple.reshape(-1), couples.shape[1])  # (C, 19) frames
    either = np.maximum(one_time[:, None] + other_time[:, None] - together, 1)
    stretches = _stretches(counted, couple.reshape(-1), np.lexsort((row, one, joint)), together.shape)
    squares = (
        together**2 / either,
        together**2 / np.maximum(one_time, 1)[:, None],
        together**2 / np.maximum(other_time, 1)[:, None],
        stretches / either,
    )
    hits = _grouped(counted, joint, len(JOINTS)).T
    return Associated(
        pairs=_with_sum(hits),
        misses=_with_sum(truth.present.sum(axis=0) - hits),
        extra=_with_sum(found.present.sum(axis=0) - hits),
        likeness=_with_mean(_grouped(counted * alike[:, None], joint, len(JOINTS)).T, hits, 1.0),
        shares=np.stack([_with_mean(_grouped(square, kind, len(JOINTS)).T, hits, 0.0) for square in squares]),
    )


def _matched(like: Array, pairs: Pairs, sequence: Judged) -> tuple[Ints, Ints]:
    """Row of the pair and joint, (E,) each, of the joints that are paired for the largest sum of likeness."""
    row, joint = np.nonzero(like > 0)
    rivals = [
        np.unique(side[row] * len(JOINTS) + joint, return_inverse=True, return_counts=True)[1:]
        for side in (pairs.truth, pairs.found)
    ]
    contested = np.any([count[place] > 1 for place, count in rivals], axis=0)
    frame = np.repeat(np.arange(sequence.frames), np.diff(pairs.starts))
    task = frame[row] * len(JOINTS) + joint
    tasks = np.unique(task[contested])
    settled = ~np.isin(task, tasks)
    rows, joints = [row[settled]], [joint[settled]]
    _, given = sequence.persons
    for at, kind in zip(*np.divmod(tasks, len(JOINTS))):
        start, end = pairs.starts[at : at + 2]
        one, other = linear_sum_assignment(-like[start:end, kind].reshape(-1, given[at]))
        chosen = start + one * given[at] + other
        rows.append(chosen[like[chosen, kind] > 0])
        joints.append(np.full(len(rows[-1]), kind))
    return np.concatenate(rows), np.concatenate(joints)


def _time(track_id: Ints, present: Mask) -> tuple[Ints, Array]:
    """(P,) ids counted from 0, and in how many frames each of the I persons has each joint (I, 15)."""
    ids, place = np.unique(track_id, return_inverse=True)
    return place, _grouped(present, place, len(ids))


def _grouped(values: Array | Mask, group: Ints, groups: int) -> Array:
    """(groups, C) sums of the rows of values (N, C) by their group (N,)."""
    sums = np.zeros((groups, values.shape[1]))
    np.add.at(sums, group, values)
    return sums


def _stretches(counted: Mask, couple: Ints, order: Ints, shape: tuple[int, int]) -> Array:
    """(C, 19) sums of the squared lengths of each couple's stretches, given the `order` by joint, true person, time."""
    sums = np.zeros(shape)
    for threshold in range(shape[1]):
        kept = couple[order[counted[order, threshold]]]
        start = np.flatnonzero(np.append(True, kept[1:] != kept[:-1])[: len(kept)])
        np.add.at(sums[:, threshold], kept[start], np.diff(start, append=len(kept)) ** 2)
    return sums


def _with_sum(values: Array) -> Array:
    """(19, 16) from (19, 15): counts of all joints together."""
    return np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)


def _with_mean(values: Array, hits: Array, nothing: float) -> Array:
    """(19, 16) from (19, 15): sums over pairs; for all joints together their plain mean average, times all pairs.

    That mean, in which a joint without pairs has `nothing`, is what PoseTrack21's kit adds up over sequences.
    """
    average = np.where(hits > 0, values / np.maximum(hits, 1), nothing)
    mean = average.mean(axis=1, keepdims=True) * hits.sum(axis=1, keepdims=True)
    return np.concatenate([values, mean], axis=1)


def hota(sums: Associated) -> dict[str, Table]:
    """Tables of HOTA, FA-HOTA and their parts, in percent, means over the thresholds.

    NaN where a joint has neither truth nor predictions. LocA is 100 where nothing was found.
    """
    known = (sums.pairs + sums.misses + sums.extra)[0, :-1] > 0
    return {name: table(np.where(known, values[:-1], np.nan)) for name, values in _figures(sums).items()}


def totals(sums: Associated) -> dict[str, float]:
    """The column "Total" of PoseTrack21's kit, in percent: near the tables' means, but joints are counted together."""
    return {name: float(values[-1]) for name, values in _figures(sums).items()}


def _figures(sums: Associated) -> dict[str, Array]:
    hits = sums.pairs
    found = {
        "DetA": hits / np.maximum(hits + sums.misses + sums.extra, 1),
        "DetRe": hits / np.maximum(hits + sums.misses, 1),
        "DetPr": hits / np.maximum(hits + sums.extra, 1),
        "LocA": np.where(hits > 0, sums.likeness / np.maximum(hits, 1), 1.0),
    }
    kept = {name: share / np.maximum(hits, 1) for name, share in zip(_SHARES, sums.shares)}
    parts = {
        "HOTA": np.sqrt(found["DetA"] * kept["AssA"]),
        "FA-HOTA": np.sqrt(found["DetA"] * np.sqrt(kept["AssA"] * kept["FragA"])),
        **found,
        **kept,
    }
    return {name: 100 * values.mean(axis=0) for name, values in parts.items()}
