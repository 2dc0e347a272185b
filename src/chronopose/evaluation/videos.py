"""Scores of a video's poses against its truth: persons found, ids kept, joints right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from chronopose.core.errors import InputError
from chronopose.core.geometry import iou_matrix
from chronopose.core.types import Pose, PoseSequence
from chronopose.data.videos import Key
from chronopose.evaluation.persons import Answers, Score, score
from chronopose.metrics.conventions import BOX, Convention
from chronopose.metrics.jitter import Jitter
from chronopose.metrics.pck import PCK


@dataclass(frozen=True, kw_only=True)
class VideoScore:
    """A video's poses against its truth.

    Attributes:
        persons: true persons in all frames.
        found: of those, how many were given a pose whose box overlaps theirs by half at least.
        extra: poses that belong to no true person.
        switches: how often a true person's id changed from one frame where it was found to the next.
        pck: of the found persons, by the longer side of the true box.
        jitter: of true persons with an id, where they were found in frames in a row; None where nobody was.
    """

    persons: int
    found: int
    extra: int
    switches: int
    pck: PCK
    jitter: Jitter | None


def compare(poses: PoseSequence, truth: PoseSequence, convention: Convention = BOX) -> VideoScore:
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
    result = score(_answers(pairs, poses, truth), counted_as=(convention,))
    return VideoScore(
        persons=sum(len(frame.poses) for frame in truth),
        found=len(pairs),
        extra=sum(len(frame.poses) for frame in poses) - len(pairs),
        switches=switches,
        pck=result.by_size[convention.name],
        jitter=result.jitter,
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
    answers = _answers(pairs, poses, truth)
    for row, (frame, _, theirs) in enumerate(pairs):
        answers.visible[row] = visible[frame - first, theirs.track_id]
    return answers


def by_video(answers: Answers, convention: Convention) -> dict[str, Score]:
    """The score of each video of a data set, in the order in which they come; none for photographs."""
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(answers.keys):
        if key.video:
            rows.setdefault(key.video, []).append(row)
    if len({(key.video, key.frame) for key in answers.keys}) == len(rows):  # videos of one picture
        return {}
    return {
        video: score(answers.part(np.array(its, dtype=np.intp)), counted_as=(convention,))
        for video, its in rows.items()
    }


_Pair = tuple[int, Pose, Pose]


def _pairs(poses: PoseSequence, truth: PoseSequence) -> list[_Pair]:
    """Frame, pose and true pose of every person found."""
    if [frame.frame for frame in poses] != [frame.frame for frame in truth]:
        raise InputError(f"{len(poses)} frames of poses against {len(truth)} of truth; wanted the same frames")
    if (truth.skeleton.index_in(poses.skeleton) < 0).all():
        raise InputError(f"the poses ({poses.skeleton.name}) and the truth ({truth.skeleton.name}) share no joint")
    return [
        (true.frame, answered.poses[mine], true.poses[theirs])
        for answered, true in zip(poses, truth)
        for mine, theirs in matches([pose.box for pose in answered.poses], [pose.box for pose in true.poses])
    ]


def _answers(pairs: Sequence[_Pair], poses: PoseSequence, truth: PoseSequence) -> Answers:
    """The pairs as answers, every labelled joint being visible."""
    skeleton, theirs = truth.skeleton, poses.skeleton
    shape = (len(pairs), len(skeleton), 2)
    xy = np.array([skeleton.gather(mine.xy, theirs) for _, mine, _ in pairs], dtype=np.float32).reshape(shape)
    # A joint that the skeleton of the poses has, and that was not found, is wrong.
    xy[:, skeleton.index_in(theirs) >= 0] = np.nan_to_num(xy[:, skeleton.index_in(theirs) >= 0], nan=np.inf)
    sigma = [skeleton.gather(mine.sigma, theirs) for _, mine, _ in pairs if mine.sigma is not None]
    wanted = np.array([true.xy for _, _, true in pairs], dtype=np.float32).reshape(shape)
    named = all(true.track_id is not None for _, _, true in pairs)
    return Answers(
        skeleton=skeleton,
        xy=xy,
        sigma=np.stack(sigma) if pairs and len(sigma) == len(pairs) else None,
        truth=wanted,
        visible=~np.isnan(wanted[..., 0]),
        box=np.array([true.box for _, _, true in pairs], dtype=np.float32).reshape(-1, 4),
        keys=tuple(Key(truth.info.source, frame, true.track_id or 0) for frame, _, true in pairs) if named else (),
    )


def matches(
    mine: Sequence[NDArray[np.floating]], theirs: Sequence[NDArray[np.floating]], least: float = 0.5
) -> list[tuple[int, int]]:
    """Places of the boxes (4,) of two lists that belong together: the most overlap in all, each at least `least`."""
    if not mine or not theirs:
        return []
    overlap = iou_matrix(np.stack(mine), np.stack(theirs))
    # Pairs that do not count must not draw persons away from those that do.
    overlap[overlap < least] = 0
    rows, columns = linear_sum_assignment(-overlap)
    return [(int(i), int(j)) for i, j in zip(rows, columns) if overlap[i, j] > 0]
