"""Scores of a model on labelled persons, by the same crop and the same code as in use."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.crop import crop_clip
from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_size
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.data.dataset import PoseDataset
from chronopose.data.videos import Key
from chronopose.inference.predictor import Joints, Predictor
from chronopose.metrics.calibration import Calibration, calibration, deviations
from chronopose.metrics.conventions import Convention, conventions
from chronopose.metrics.jitter import Jitter, jitter
from chronopose.metrics.pck import PCK, pck, person_box_size

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Predictions and truth of N key frames in image pixels, in one skeleton's order.

    Attributes:
        skeleton: of the data set.
        xy: (N, K, 2) predicted; NaN for a joint that the model does not have, infinite in a person who was not found.
        sigma: (N, K, 2) one predicted standard deviation, None for models without.
        truth: (N, K, 2) NaN where not labelled.
        visible: (N, K) False where hidden or not labelled.
        box: (N, 4) x1, y1, x2, y2 of the true persons.
        score: (N, K) the joints' scores, None where nobody wants them.
        keys: which person of which frame each one is; empty where nobody says.
    """

    skeleton: Skeleton
    xy: NDArray[np.floating]
    sigma: NDArray[np.floating] | None
    truth: NDArray[np.floating]
    visible: NDArray[np.bool_]
    box: NDArray[np.floating]
    score: NDArray[np.floating] | None = None
    keys: tuple[Key, ...] = ()

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N, K) the joints that are labelled and that the model has."""
        known: NDArray[np.bool_] = ~np.isnan(self.truth[..., 0]) & ~np.isnan(self.xy[..., 0])
        return known

    def part(self, rows: NDArray[np.integer]) -> "Answers":
        """Some of the key frames."""
        return Answers(
            skeleton=self.skeleton,
            xy=self.xy[rows],
            sigma=None if self.sigma is None else self.sigma[rows],
            truth=self.truth[rows],
            visible=self.visible[rows],
            box=self.box[rows],
            score=None if self.score is None else self.score[rows],
            keys=tuple(self.keys[row] for row in rows) if self.keys else (),
        )


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well N labelled key frames were answered.

    Attributes:
        samples: N.
        found: of those, how many had a box to be answered in.
        by_size: PCK by the name of the convention that it is counted by, see `metrics.conventions`.
        calibration: what the predicted standard deviations are worth, None for models without.
        jitter: accelerations where a person has frames in a row, None where nobody has.
    """

    samples: int
    found: int
    by_size: dict[str, PCK]
    calibration: Calibration | None
    jitter: Jitter | None

    @property
    def inside_one_sigma(self) -> float:
        """Share of labelled coordinates within one standard deviation of the truth; NaN for models without sigma."""
        return float("nan") if self.calibration is None else self.calibration.inside_one


@runtime_checkable
class Keyed(Protocol):
    """A data set that says which person of which frame an example is."""

    def key(self, index: int) -> Key: ...


def key_of(dataset: PoseDataset, index: int) -> Key:
    """Which person of which frame example `index` is; in a data set that does not say, a picture has one person."""
    return dataset.key(index) if isinstance(dataset, Keyed) else Key("", index, 0)


def evaluate(
    predictor: Predictor,
    dataset: PoseDataset,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> Score:
    """All figures of a model on a data set, boxes given by the data set, counted as its own tables do."""
    answers = answer(predictor, dataset, limit=limit, batch=batch, progress=progress)
    return score(answers, counted_as=conventions(dataset.name, dataset.skeleton))


def answer(
    predictor: Predictor,
    dataset: PoseDataset,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> Answers:
    """The model's poses of every labelled key frame, moved into the data set's skeleton by joint name.

    Raises:
        InputError: the data set is empty, or shares no joint with the model.
    """
    return answer_each([predictor], dataset, limit=limit, batch=batch, progress=progress)[0]


def answer_each(
    predictors: Sequence[Predictor],
    dataset: PoseDataset,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> list[Answers]:
    """As `answer`, for several models that share an encoder; the first is shown all frames that any of them is."""
    count = shared(predictors[0], dataset, limit)
    spec = predictors[0].spec
    found: list[list[Joints]] = [[] for _ in predictors]
    truth, visible, box = [], [], []
    for start in range(0, count, batch):
        clips = [dataset.clip(index, spec.offsets) for index in range(start, min(start + batch, count))]
        for mine, joints in zip(found, joints_in(predictors, clips, [clip.box for clip in clips], dataset.skeleton)):
            mine.append(joints)
        truth += [clip.xy_image[spec.key] for clip in clips]
        visible += [clip.visible[spec.key] for clip in clips]
        box += [clip.box for clip in clips]
        if progress is not None:
            progress(len(clips))
    labels = (np.stack(truth), np.stack(visible), np.stack(box))
    keys = tuple(key_of(dataset, index) for index in range(count))
    return [_answers(dataset.skeleton, parts, *labels, keys) for parts in found]


def shared(predictor: Predictor, dataset: PoseDataset, limit: int | None) -> int:
    """How many key frames are to be answered.

    Raises:
        InputError: none, or the data set shares no joint with the model.
    """
    if (dataset.skeleton.index_in(predictor.skeleton) < 0).all():
        raise InputError(
            f"{dataset.name} ({dataset.skeleton.name}) and the model ({predictor.skeleton.name}) share no joint"
        )
    count = len(dataset) if limit is None else min(limit, len(dataset))
    if count <= 0:
        raise InputError(f"{dataset.name}: no labelled persons to evaluate")
    return count


def joints_in(
    predictors: Sequence[Predictor], clips: Sequence[LabelledClip], boxes: Sequence[Floats], skeleton: Skeleton
) -> list[Joints]:
    """The key frame's joints of one box (4,) in each of B clips, in a skeleton's order, by each of several models.

    The models share an encoder, and the first is shown all frames that any of them is. A crop that stands in several
    places of a window, as in photographs and at the ends of videos, is encoded once.
    """
    spec = predictors[0].spec
    crops: list[Pixels] = []
    place: list[int] = []
    transforms = []
    for clip, box in zip(clips, boxes):
        # The clip keeps its frames alive, so that an id names one of them.
        at = {id(frame): number for number, frame in reversed(list(enumerate(clip.frames)))}
        shown = sorted(at.values())
        cut = crop_clip([clip.frames[number] for number in shown], box, spec)
        place += [len(crops) + shown.index(at[id(frame)]) for frame in clip.frames]
        crops += list(cut.pixels)
        transforms.append(cut.crop_to_image[0])
    to_image = np.stack(transforms)
    features = predictors[0].encode(np.stack(crops))[place]
    features = features.reshape(len(clips), -1, *features.shape[1:])
    answered = []
    for predictor in predictors:
        window = [spec.offsets.index(offset) for offset in predictor.spec.offsets]
        joints = predictor.joints(features[:, window], to_image)
        theirs = predictor.skeleton
        answered.append(
            Joints(
                xy=skeleton.gather(joints.xy, theirs).astype(np.float32),
                score=skeleton.gather(joints.score[..., None], theirs, fill=0.0)[..., 0].astype(np.float32),
                sigma=None if joints.sigma is None else skeleton.gather(joints.sigma, theirs).astype(np.float32),
            )
        )
    return answered


def score(
    answers: Answers, counted: NDArray[np.bool_] | None = None, counted_as: Sequence[Convention] | None = None
) -> Score:
    """The figures of `Score` over the labelled joints, or over those of them that are `counted` (N, K).

    Joints that the model does not have are not counted. Without `counted_as`, every size that the skeleton has.
    """
    known = answers.known if counted is None else answers.known & counted
    told = None
    if answers.sigma is not None:
        told = calibration(deviations(answers.xy - answers.truth, answers.sigma, known))
    moved = None
    if answers.keys:
        _, track = np.unique([f"{key.track_id}/{key.video}" for key in answers.keys], return_inverse=True)
        frame = [key.frame for key in answers.keys]
        size = person_box_size(answers.box)
        moved = jitter(answers.xy, answers.truth, known, size, track, frame, answers.skeleton)
    return Score(
        samples=len(answers.truth),
        found=int(np.isfinite(answers.xy).any(axis=(1, 2)).sum()),
        by_size={
            one.name: pck(*to_judge(answers, one, known), one.thresholds, answers.skeleton, one.strict)
            for one in (conventions("", answers.skeleton) if counted_as is None else counted_as)
        },
        calibration=told,
        jitter=moved if moved is not None and moved.counts.any() else None,
    )


def to_judge(
    answers: Answers, convention: Convention, known: NDArray[np.bool_]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_], NDArray[np.float64]]:
    """Prediction, truth, the joints that count among the `known` (N, K), and sizes (N,): what `metrics.pck` takes."""
    counts = known & answers.visible if convention.visible_only else known
    return answers.xy, answers.truth, counts, convention.sizes(answers.xy, answers.truth, answers.box, answers.skeleton)


def mean_pose(learned: PoseDataset, judged: PoseDataset, limit: int | None = None) -> Answers:
    """The baseline that looks at no pixel: every person has the mean pose of `learned`, in units of their box."""
    poses = np.stack([_in_box(clip) for clip in _all(learned, limit)])
    mean = np.nanmean(poses, axis=0)
    clips = list(_all(judged, limit))
    box = np.stack([clip.box for clip in clips])
    return Answers(
        skeleton=judged.skeleton,
        xy=box[:, None, :2] + mean * box_size(box)[:, None],
        sigma=None,
        truth=np.stack([clip.xy_image[0] for clip in clips]),
        visible=np.stack([clip.visible[0] for clip in clips]),
        box=box,
        keys=tuple(key_of(judged, index) for index in range(len(clips))),
    )


def _answers(
    skeleton: Skeleton,
    parts: Sequence[Joints],
    truth: NDArray[np.floating],
    visible: NDArray[np.bool_],
    box: NDArray[np.floating],
    keys: tuple[Key, ...],
) -> Answers:
    sigma = [part.sigma for part in parts if part.sigma is not None]
    return Answers(
        skeleton=skeleton,
        xy=np.concatenate([part.xy for part in parts]),
        sigma=np.concatenate(sigma) if sigma else None,
        truth=truth,
        visible=visible,
        box=box,
        score=np.concatenate([part.score for part in parts]),
        keys=keys,
    )


def _in_box(clip: LabelledClip) -> NDArray[np.floating]:
    unit: NDArray[np.floating] = (clip.xy_image[0] - clip.box[:2]) / box_size(clip.box)
    return unit


def _all(dataset: PoseDataset, limit: int | None) -> Iterator[LabelledClip]:
    for index in range(len(dataset) if limit is None else min(limit, len(dataset))):
        yield dataset.clip(index, (0,))
