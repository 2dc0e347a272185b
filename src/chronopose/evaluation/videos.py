"""Scores of a video's poses against its truth: persons found, ids kept, joints right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from chronopose.core.errors import InputError
from chronopose.core.geometry import iou_matrix
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pose, PoseSequence
from chronopose.evaluation.persons import THRESHOLDS, Answers
from chronopose.metrics.pck import PCK, pck, person_box_size


@dataclass(frozen=True, kw_only=True)
class VideoScore:
    """A video's poses against its truth.

    Attributes:
        persons: true persons in all frames.
        found: of those, how many were given a pose whose box overlaps theirs by half at least.
        extra: poses that belong to no true person.
        switches: how often a true person's id changed from one frame where it was found to the next.
        pck: of the found persons, by the longer side of the true box, over `THRESHOLDS`.
    """

    persons: int
    found: int
    extra: int
    switches: int
    pck: PCK


def compare(poses: PoseSequence, truth: PoseSequence) -> VideoScore:
    """Scores a video: persons are matched frame by frame by the overlap of their boxes, joints by name.

    Joints that the poses' skeleton does not have are not counted, and switches only for true persons with an id.

    Raises:
        InputError: the two do not have the same frames, or no joint in common.
    """
    pairs = _pairs(poses, truth)
    switches = 0
    last: dict[int, int | None] = {}
    for _, mine, theirs in pairs:
        if theirs.track_id is not None:
            switches += theirs.track_id in last and last[theirs.track_id] != mine.track_id
            last[theirs.track_id] = mine.track_id
    found, wanted, box = _stacked(pairs, truth.skeleton)
    labelled = ~np.isnan(wanted[..., 0]) & (truth.skeleton.index_in(poses.skeleton) >= 0)
    return VideoScore(
        persons=sum(len(frame.poses) for frame in truth),
        found=len(pairs),
        extra=sum(len(frame.poses) for frame in poses) - len(pairs),
        switches=switches,
        pck=pck(found, wanted, labelled, person_box_size(box), THRESHOLDS, truth.skeleton),
    )


def found_persons(poses: PoseSequence, truth: PoseSequence, visible: NDArray[np.bool_]) -> Answers:
    """The persons of a video who were found, matched as in `compare`, as answers to be scored.

    Args:
        poses: of the video.
        truth: of the video; every person has an id.
        visible: (T, P, K) which joints can be seen, by frame, id and joint of the truth.

    Raises:
        InputError: as for `compare`; or `visible` does not fit the truth.
    """
    pairs = _pairs(poses, truth)
    shape = (len(truth), 1 + max(truth.tracks, default=-1), len(truth.skeleton))
    if visible.shape != shape or any(pose.track_id is None for frame in truth for pose in frame.poses):
        raise InputError(f"visibility {visible.shape} for a truth with ids of shape {shape}")
    first = truth.frames[0].frame if truth.frames else 0
    xy, wanted, box = _stacked(pairs, truth.skeleton)
    sigma = [truth.skeleton.gather(mine.sigma, mine.skeleton) for _, mine, _ in pairs if mine.sigma is not None]
    seen = [visible[frame - first, theirs.track_id] for frame, _, theirs in pairs]
    return Answers(
        skeleton=truth.skeleton,
        xy=xy,
        sigma=np.stack(sigma) if pairs and len(sigma) == len(pairs) else None,
        truth=wanted,
        visible=np.array(seen, dtype=bool).reshape(wanted.shape[:2]),
        box=box,
    )


_Pair = tuple[int, Pose, Pose]


def _pairs(poses: PoseSequence, truth: PoseSequence) -> list[_Pair]:
    """Frame, pose and true pose of every person found."""
    if [frame.frame for frame in poses] != [frame.frame for frame in truth]:
        raise InputError(f"{len(poses)} frames of poses against {len(truth)} of truth; wanted the same frames")
    if (truth.skeleton.index_in(poses.skeleton) < 0).all():
        raise InputError(f"the poses ({poses.skeleton.name}) and the truth ({truth.skeleton.name}) share no joint")
    return [
        (true.frame, mine, theirs)
        for answered, true in zip(poses, truth)
        for mine, theirs in _matches(answered.poses, true.poses)
    ]


def _stacked(pairs: Sequence[_Pair], skeleton: Skeleton) -> tuple[Floats, Floats, Floats]:
    """Joints found (N, K, 2), true joints (N, K, 2) and true boxes (N, 4) of pairs, in one skeleton's order."""
    shape = (len(pairs), len(skeleton), 2)
    found = np.array([skeleton.gather(mine.xy, mine.skeleton) for _, mine, _ in pairs], dtype=np.float32)
    wanted = np.array([theirs.xy for _, _, theirs in pairs], dtype=np.float32)
    box = np.array([theirs.box for _, _, theirs in pairs], dtype=np.float32)
    return found.reshape(shape), wanted.reshape(shape), box.reshape(-1, 4)


def _matches(mine: Sequence[Pose], theirs: Sequence[Pose], least: float = 0.5) -> list[tuple[Pose, Pose]]:
    if not mine or not theirs:
        return []
    overlap = iou_matrix(np.stack([p.box for p in mine]), np.stack([p.box for p in theirs]))
    # Pairs that do not count must not draw persons away from those that do.
    overlap[overlap < least] = 0
    rows, columns = linear_sum_assignment(-overlap)
    return [(mine[int(i)], theirs[int(j)]) for i, j in zip(rows, columns) if overlap[i, j] > 0]
