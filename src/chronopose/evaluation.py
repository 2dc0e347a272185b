"""Scores: a data set or a video's truth against a predictor, by the same crop and the same code as in use."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from chronopose.clips.contract import ClipSpec, LabelledClip, PoseModel, PoseOutput
from chronopose.clips.crop import crop_clip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_size, iou_matrix
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pose, PoseSequence
from chronopose.data.dataset import PoseDataset
from chronopose.inference.predictor import Predictor
from chronopose.metrics.pck import PCK, pck, person_box_size, tight_box_size, torso_size

THRESHOLDS = (0.2, 0.1, 0.05)


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well N labelled key frames were answered.

    Attributes:
        samples: N.
        by_size: PCK over `THRESHOLDS`, by what a person's size is: "tight" (longer side of the tight box of the
            labelled joints), "box" (longer side of the person's box), "torso" (left shoulder to right hip).
        inside_one_sigma: share of labelled coordinates within one predicted standard deviation of the truth, NaN for
            models without sigma; 0.68 for a calibrated normal error.
    """

    samples: int
    by_size: dict[str, PCK]
    inside_one_sigma: float


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Predictions and truth of N key frames in image pixels, in one skeleton's order."""

    skeleton: Skeleton
    xy: NDArray[np.floating]
    sigma: NDArray[np.floating] | None
    truth: NDArray[np.floating]
    visible: NDArray[np.bool_]
    box: NDArray[np.floating]


def evaluate(
    predictor: Predictor,
    dataset: PoseDataset,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Score:
    """PCK and calibration of a model on a data set, boxes given by the data set."""
    return score(answer(predictor, dataset, limit=limit, batch=batch, progress=progress))


def answer(
    predictor: Predictor,
    dataset: PoseDataset,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Answers:
    """The model's poses of every labelled key frame, moved into the data set's skeleton by joint name.

    Raises:
        InputError: the data set is empty, or shares no joint with the model.
    """
    spec, theirs = predictor.model.spec, dataset.skeleton
    if (theirs.index_in(predictor.model.skeleton) < 0).all():
        raise InputError(
            f"{dataset.name} ({theirs.name}) and the model ({predictor.model.skeleton.name}) share no joint"
        )
    count = len(dataset) if limit is None else min(limit, len(dataset))
    if count == 0:
        raise InputError(f"{dataset.name}: no labelled persons to evaluate")
    xy, sigma, truth, visible, box = [], [], [], [], []
    for clips in _chunks(dataset, spec, count, batch):
        cut = [crop_clip(clip.frames, clip.box, spec) for clip in clips]
        transforms = np.stack([one.crop_to_image[spec.key] for one in cut])
        joints = predictor.clips(np.stack([one.pixels for one in cut]), transforms)
        xy.append(theirs.gather(joints.xy, predictor.model.skeleton))
        if joints.sigma is not None:
            sigma.append(theirs.gather(joints.sigma, predictor.model.skeleton))
        truth += [clip.xy_image[spec.key] for clip in clips]
        visible += [clip.visible[spec.key] for clip in clips]
        box += [clip.box for clip in clips]
        if progress is not None:
            progress(len(clips))
    return Answers(
        skeleton=theirs,
        xy=np.concatenate(xy),
        sigma=np.concatenate(sigma) if sigma else None,
        truth=np.stack(truth),
        visible=np.stack(visible),
        box=np.stack(box),
    )


def score(answers: Answers, counted: NDArray[np.bool_] | None = None) -> Score:
    """The figures of `Score` over the labelled joints, or over those of them that are `counted` (N, K).

    Joints that the model does not know are not counted.
    """
    known = ~np.isnan(answers.truth[..., 0]) & ~np.isnan(answers.xy[..., 0])
    known &= counted if counted is not None else True
    sizes = {"tight": tight_box_size(answers.truth), "box": person_box_size(answers.box)}
    if {"left_shoulder", "right_hip"} <= set(answers.skeleton.joints):
        sizes["torso"] = torso_size(answers.truth, answers.skeleton, answers.xy)
    inside = float("nan")
    if answers.sigma is not None and known.any():
        inside = float((np.abs(answers.xy - answers.truth) <= answers.sigma)[known].mean())
    return Score(
        samples=len(answers.truth),
        by_size={
            name: pck(answers.xy, answers.truth, known, size, THRESHOLDS, answers.skeleton)
            for name, size in sizes.items()
        },
        inside_one_sigma=inside,
    )


def mean_pose(learned: PoseDataset, judged: PoseDataset, limit: int | None = None) -> Answers:
    """The baseline that looks at no pixel: every person has the mean pose of `learned`, in units of their box."""
    poses = np.stack([_in_box(clip) for clip in _all(learned, limit)])
    mean = np.nanmean(poses, axis=0)
    clips = list(_all(judged, limit))
    box = np.stack([clip.box for clip in clips])
    xy = box[:, None, :2] + mean * box_size(box)[:, None]
    return Answers(
        skeleton=judged.skeleton,
        xy=xy,
        sigma=None,
        truth=np.stack([clip.xy_image[0] for clip in clips]),
        visible=np.stack([clip.visible[0] for clip in clips]),
        box=box,
    )


def _in_box(clip: LabelledClip) -> NDArray[np.floating]:
    unit: NDArray[np.floating] = (clip.xy_image[0] - clip.box[:2]) / box_size(clip.box)
    return unit


def _all(dataset: PoseDataset, limit: int | None) -> Iterator[LabelledClip]:
    for index in range(len(dataset) if limit is None else min(limit, len(dataset))):
        yield dataset.clip(index, (0,))


def _chunks(dataset: PoseDataset, spec: ClipSpec, count: int, size: int) -> Iterator[list[LabelledClip]]:
    for start in range(0, count, size):
        yield [dataset.clip(index, spec.offsets) for index in range(start, min(start + size, count))]


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sight:
    """What a model makes of hidden joints, against the same joints where they are in sight.

    Ankles are harder than hips and less often hidden, so plain means would compare joints of different kinds. Here each
    joint weighs as much on both sides as it is hidden; one that is never hidden, or never in sight, is left out.

    Attributes:
        in_sight: (A,) PCK over `THRESHOLDS`, by the longer side of the person's box; NaN where no joint is left.
        hidden: (A,) the same of hidden joints.
        sigma_px: in sight and hidden, the joints' median predicted deviations; NaN where no joint is left.
    """

    in_sight: NDArray[np.float64]
    hidden: NDArray[np.float64]
    sigma_px: tuple[float, float]


def by_sight(answers: Answers) -> Sight:
    """Accuracy and sigma of hidden joints, and of the same joints in sight."""
    known = ~np.isnan(answers.truth[..., 0]) & ~np.isnan(answers.xy[..., 0])
    parts = (known & answers.visible, known & ~answers.visible)
    size = person_box_size(answers.box)
    shares = [pck(answers.xy, answers.truth, part, size, THRESHOLDS, answers.skeleton) for part in parts]
    used = (shares[0].counts > 0) & (shares[1].counts > 0)
    if not used.any():
        none = np.full(len(THRESHOLDS), np.nan)
        return Sight(in_sight=none, hidden=none, sigma_px=(float("nan"), float("nan")))
    weight = shares[1].counts[used] / shares[1].counts[used].sum()
    in_sight, hidden = (share.joints[:, used] @ weight for share in shares)
    spread = np.full(len(parts), np.nan)
    if (sigma := answers.sigma) is not None:
        middle = [[np.median(sigma[part[:, k], k]) for k in np.flatnonzero(used)] for part in parts]
        spread = np.array(middle) @ weight
    return Sight(in_sight=in_sight, hidden=hidden, sigma_px=(float(spread[0]), float(spread[1])))


class KeyFrameOnly(nn.Module):
    """The single-frame ablation of a model: the same weights, shown the key frame in place of every frame."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.spec = replace(model.spec, offsets=(0,), predicts=(0,), recurrent=False)
        # A recurrent model knows a first frame; a window model wants its window, in which nothing moves.
        self.shown = 1 if model.spec.recurrent else len(model.spec.offsets)
        self.skeleton = model.skeleton
        self.model = model

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) pixels of single frames -> (N, ...) features."""
        return self.model.encode(pixels)

    def fuse(self, features: Tensor, state: None = None) -> tuple[PoseOutput, None]:
        """(B, 1, ...) features of key frames -> the model's answer."""
        output, _ = self.model.fuse(features.repeat_interleave(self.shown, dim=1))
        return output, None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, 1, 3, H, W) -> the answer."""
        return self.fuse(self.encode(pixels[:, 0])[:, None])[0]


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
