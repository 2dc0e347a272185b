"""Scores of a model on labelled persons, boxes given, by the same crop and the same code as in use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from chronopose.clips.contract import ClipSpec, LabelledClip, PoseModel, PoseOutput
from chronopose.clips.crop import crop_clip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_size
from chronopose.core.skeleton import Skeleton
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
