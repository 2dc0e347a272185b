"""PCK: the share of joints found within a distance that grows with the size of the person.

A joint is correct if it lies within threshold x size of the truth, both in image pixels. Published figures differ in
the size (person box, tight joint box, torso, head), in what counts as within, and in what is averaged, so each has a
name here and none is implied.

Follows the public evaluation code of LSTM Pose Machines (Luo et al., 2018, arXiv:1712.06316: Penn Action and
sub-JHMDB, `<=`, box or torso) and of mmpose (`JhmdbPCKAccuracy`, `PCKAccuracy`: `<`); no code was copied.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.geometry import box_of_points, box_size
from chronopose.core.skeleton import Skeleton
from chronopose.metrics.text import aligned, percent

Array = NDArray[np.float64]

# Rows of the papers' tables. Neck and belly of JHMDB belong to no group: they count in `mean_joints` only.
GROUPS: dict[str, tuple[str, ...]] = {
    "head": ("head", "head_top", "head_bottom", "face", "nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    **{part: (f"left_{part}", f"right_{part}") for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
}
# The LSTM-PM benchmark measures this diagonal on Penn Action, and the other one (the default) on sub-JHMDB.
PENN_TORSO = ("right_shoulder", "left_hip")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PCK:
    """Shares of correct joints at A thresholds, all in [0, 1].

    Attributes:
        skeleton: names and order of the K joints.
        thresholds: the A thresholds, as fractions of the person's size.
        joints: (A, K) share of each joint; NaN where it has no label.
        counts: (K,) labelled points that were judged.
        groups: (A, 7) share of each of `GROUPS`, the plain mean of its joints; NaN where none has a label.
        mean_joints: (A,) mean over the joints, each joint weighing the same. mmpose's and K-FPN's mean.
        mean_points: (A,) mean over all labelled points. What LSTM-PM's code prints as overall.
        mean_groups: (A,) mean over the seven groups. The mean of LSTM-PM's JHMDB table.
        left_out: labelled points not judged because the person's size is unknown or zero.
    """

    skeleton: Skeleton
    thresholds: tuple[float, ...]
    joints: Array
    counts: NDArray[np.int64]
    groups: Array
    mean_joints: Array
    mean_points: Array
    mean_groups: Array
    left_out: int


def pck(
    pred: ArrayLike,
    true: ArrayLike,
    labelled: ArrayLike,
    size: ArrayLike,
    thresholds: Sequence[float],
    skeleton: Skeleton,
    strict: bool = False,
) -> PCK:
    """Judges N predicted poses against N true ones, pair by pair.

    A predicted joint that is NaN is wrong. A pose whose `size` is NaN or not above 0 cannot be judged and is left out.

    Args:
        pred: (N, K, 2) image pixels.
        true: (N, K, 2) image pixels; NaN counts as not labelled.
        labelled: (N, K) true or above 0 where the truth is to be counted (Penn Action: the visible joints).
        size: (N,) pixels, from one of `person_box_size`, `tight_box_size`, `torso_size`, `head_size`.
        thresholds: fractions of the size, such as 0.2.
        skeleton: of both poses.
        strict: correct if the distance is less than threshold x size (mmpose), instead of at most (LSTM-PM).

    Raises:
        ValueError: shapes that do not fit together, or no thresholds.
    """
    correct, judged, left_out = _judge(pred, true, labelled, size, thresholds, skeleton, strict)
    counts = judged.sum(axis=0)
    hits = correct.sum(axis=1)
    joints = _share(hits, counts)
    groups = np.stack([_known_mean(joints[:, _members(skeleton, names)]) for names in GROUPS.values()], axis=-1)
    return PCK(
        skeleton=skeleton,
        thresholds=tuple(float(threshold) for threshold in thresholds),
        joints=joints,
        counts=counts.astype(np.int64),
        groups=groups,
        mean_joints=_known_mean(joints),
        mean_points=_share(hits.sum(axis=-1), counts.sum()),
        mean_groups=_known_mean(groups),
        left_out=left_out,
    )


def correct_joints(
    pred: ArrayLike,
    true: ArrayLike,
    labelled: ArrayLike,
    size: ArrayLike,
    thresholds: Sequence[float],
    skeleton: Skeleton,
    strict: bool = False,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which joints are correct (A, N, K) and which were judged (N, K): `pck` before it takes means; same arguments."""
    correct, judged, _ = _judge(pred, true, labelled, size, thresholds, skeleton, strict)
    return correct, judged


def _judge(
    pred: ArrayLike,
    true: ArrayLike,
    labelled: ArrayLike,
    size: ArrayLike,
    thresholds: Sequence[float],
    skeleton: Skeleton,
    strict: bool,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Correct (A, N, K) and judged (N, K) joints, and the number of labelled ones left out."""
    found, truth = np.asarray(pred, dtype=np.float64), np.asarray(true, dtype=np.float64)
    mask, scale = np.asarray(labelled) > 0, np.asarray(size, dtype=np.float64)
    shape = (len(truth), len(skeleton))
    if truth.shape != (*shape, 2) or found.shape != truth.shape or mask.shape != shape or scale.shape != shape[:1]:
        raise ValueError(
            f"pck of {skeleton.name} wants pred and true (N, {len(skeleton)}, 2), labelled (N, {len(skeleton)}), "
            f"size (N,); got {found.shape}, {truth.shape}, {mask.shape}, {scale.shape}"
        )
    if not len(thresholds):
        raise ValueError("pck wants at least one threshold, got none")
    mask = mask & np.isfinite(truth).all(axis=-1)
    usable = np.isfinite(scale) & (scale > 0)
    judged = mask & usable[:, None]
    distance = _distance(found, truth)
    limit = np.multiply.outer(np.asarray(thresholds, dtype=np.float64), np.where(usable, scale, 0))[..., None]
    correct = (distance < limit if strict else distance <= limit) & judged  # (A, N, K)
    return correct, judged, int((mask & ~usable[:, None]).sum())


def person_box_size(box: ArrayLike) -> Array:
    """(...) longer side in pixels of person boxes (..., 4): the size of LSTM-PM's and DKD's tables."""
    longer: Array = box_size(box).max(axis=-1)
    return longer


def tight_box_size(xy: ArrayLike, labelled: ArrayLike | None = None) -> Array:
    """(...) longer side in pixels of the tight box around the joints (..., K, 2); the default for LSP-extended here.

    `labelled` (..., K), where given, leaves out the joints that are false or 0. NaN where no joint is known.
    """
    return person_box_size(box_of_points(xy, labelled))


def torso_size(
    xy: ArrayLike,
    skeleton: Skeleton,
    fallback: ArrayLike | None = None,
    diagonal: tuple[str, str] = ("left_shoulder", "right_hip"),
) -> Array:
    """(...) distance in pixels between the two joints of `diagonal` in poses (..., K, 2).

    Where it is under 1 px or unknown, the distance in `fallback` (..., K, 2; the predicted poses) takes its place,
    and NaN where that is no better. `diagonal` for the Penn Action benchmark is `PENN_TORSO`.

    Raises:
        InputError: the skeleton lacks one of the two joints.
    """
    ends = [skeleton.index(joint) for joint in diagonal]
    size = _joint_distance(xy, ends)
    if fallback is not None:
        size = np.where(size >= 1, size, _joint_distance(fallback, ends))
    torso: Array = np.where(size >= 1, size, np.nan)
    return torso


def head_size(xy: ArrayLike, skeleton: Skeleton) -> Array:
    """(...) distance in pixels from head_top to head_bottom in poses (..., K, 2); NaN where one is unknown.

    Raises:
        InputError: the skeleton lacks one of the two joints.
    """
    return _joint_distance(xy, [skeleton.index("head_top"), skeleton.index("head_bottom")])


def head_box_size(box: ArrayLike) -> Array:
    """(...) 0.6 x the diagonal in pixels of head boxes (..., 4): the size of PCKh on MPII and PoseTrack."""
    diagonal: Array = 0.6 * np.linalg.norm(box_size(box), axis=-1)
    return diagonal


def format_table(results: Mapping[str, PCK]) -> str:
    """The table as papers print it, in percent: a row for each result and threshold, columns for groups and means.

    Args:
        results: the name of each result, such as the size it was scaled with, and the result.

    Returns:
        Lines of plain text without a final newline; "-" where there is no label.
    """
    header = ["PCK", *(name.capitalize() for name in GROUPS), "Groups", "Joints", "Points"]
    rows = [
        [f"{name} @{threshold:g}", *(percent(share) for share in (*result.groups[i], *means))]
        for name, result in results.items()
        for i, threshold in enumerate(result.thresholds)
        for means in [(result.mean_groups[i], result.mean_joints[i], result.mean_points[i])]
    ]
    return aligned([header, *rows])


def format_joints(result: PCK) -> str:
    """One result joint by joint, in percent: a row for each joint, columns for the labels counted and each threshold.

    Returns:
        Lines of plain text without a final newline; "-" where there is no label.
    """
    header = ["joint", "labels", *(f"@{threshold:g}" for threshold in result.thresholds)]
    rows = [
        [joint, str(result.counts[k]), *(percent(share) for share in result.joints[:, k])]
        for k, joint in enumerate(result.skeleton.joints)
    ]
    return aligned([header, *rows])


def _distance(a: Array, b: Array) -> Array:
    """(...) distance of points (..., 2); infinite where one is unknown."""
    with np.errstate(invalid="ignore"):
        distance = np.hypot(*np.moveaxis(a - b, -1, 0))
    far: Array = np.where(np.isnan(distance), np.inf, distance)
    return far


def _joint_distance(xy: ArrayLike, ends: Sequence[int]) -> Array:
    points = np.asarray(xy, dtype=np.float64)
    distance: Array = np.linalg.norm(points[..., ends[0], :] - points[..., ends[1], :], axis=-1)
    return distance


def _share(hits: NDArray[np.integer], counts: NDArray[np.integer]) -> Array:
    share: Array = np.divide(hits, counts, out=np.full(hits.shape, np.nan), where=counts > 0)
    return share


def _known_mean(values: Array) -> Array:
    """(A,) mean over the last axis of the values that are not NaN; NaN where all are."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    mean: Array = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _members(skeleton: Skeleton, names: Sequence[str]) -> list[int]:
    return [k for k, joint in enumerate(skeleton.joints) if joint in names]
