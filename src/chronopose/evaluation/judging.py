"""A data set by name, and everything there is to say of models on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chronopose.data import catalogue, posetrack
from chronopose.data.dataset import PoseDataset
from chronopose.evaluation.boxes import BoxSource, ask_each, matched_each, posed
from chronopose.evaluation.coco import AveragePrecision, CocoTruth
from chronopose.evaluation.persons import Answers, Progress, Score, answer_each, key_of, score
from chronopose.evaluation.posetrack import PoseTrackScore
from chronopose.evaluation.posetrack_truth import YEARS, PoseTrackTruth
from chronopose.evaluation.temporal import Gain, gain
from chronopose.evaluation.videos import by_video
from chronopose.inference.predictor import Predictor
from chronopose.metrics.conventions import Convention

_COCO_STYLE = ("coco", "coco-style")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedData:
    """One part of a data set, to be judged on.

    Attributes:
        people: the labelled persons.
        learned: opens the part that a model would learn from.
        truth: what average precision is judged against, where the data set has one. It wants everybody, also those of
            whom too few joints are labelled to be in `people`.
    """

    people: PoseDataset
    learned: Callable[[], PoseDataset]
    truth: CocoTruth | PoseTrackTruth | None = None

    def asked(self, limit: int | None) -> PoseDataset:
        """Those whom a model is asked about."""
        return self.people if self.truth is None or limit is not None else self.truth.everybody


@dataclass(frozen=True, kw_only=True)
class Result:
    """All that is known of one model, or of one number of frames that it was shown.

    Attributes:
        score: over all key frames.
        videos: the score of each video, by its name.
        gain: what it is better by than the first result, None for that one.
        official: what COCO's or PoseTrack's own evaluation says, where there is one.
    """

    score: Score
    videos: Mapping[str, Score] = field(default_factory=dict)
    gain: Gain | None = None
    official: AveragePrecision | PoseTrackScore | None = None


def opened(name: str, folder: Path, split: str | None = None) -> JudgedData:
    """A part of a data set of the catalogue, the first that is to be judged on where none is named."""
    entry = catalogue.named(name)
    part = (entry.tests or entry.training)[0] if split is None else split
    training = next((group[0] for group in entry.splits if part in group), entry.training[0])
    people = catalogue.open_data(name, folder, part)
    truth: CocoTruth | PoseTrackTruth | None = None
    if name in _COCO_STYLE:
        truth = CocoTruth(folder, part, people.skeleton)
    elif name in YEARS and posetrack.label_files(YEARS[name], folder, part):
        truth = PoseTrackTruth(folder, part, YEARS[name])
    return JudgedData(people=people, learned=lambda: catalogue.open_data(name, folder, training), truth=truth)


def judge(
    data: JudgedData,
    variants: Mapping[str, Predictor],
    counted_as: tuple[Convention, ...],
    boxes: BoxSource | None = None,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Result], Answers]:
    """The results of several variants of one model, and the answers of the last.

    Args:
        data: to be judged on.
        variants: by name; they share an encoder, and the last is shown all frames that any of them is.
        counted_as: how joints are counted as right; the first leads the table.
        boxes: where the boxes come from, None for those of the labels.
        limit: ask about the first so many persons only.
        progress: is told how many persons are done, whenever some are.
    """
    people, whole = data.asked(limit), data.truth if limit is None else None
    predictors = list(variants.values())[::-1]
    has = people.skeleton.index_in(predictors[0].skeleton) >= 0
    if boxes is None:
        answers = answer_each(predictors, people, limit=limit, progress=progress)
        found = [posed(one) for one in answers] if whole is not None else []
    else:
        found = ask_each(predictors, people, boxes, limit=limit, progress=progress)
        answers = matched_each(found, people, has, limit)
    official: list[AveragePrecision | PoseTrackScore | None] = [None] * len(predictors)
    if whole is not None:
        if boxes is not None and len(whole.nobody):
            extra = ask_each(predictors, whole.nobody, boxes)
            found = [{**one, **more} for one, more in zip(found, extra)]
        official = [whole.judge(one, has) for one in found]
        row = {key: place for place, key in enumerate(answers[0].keys)}
        rows = np.array([row[key_of(data.people, index)] for index in range(len(data.people))], dtype=np.intp)
        answers = [one.part(rows) for one in answers]
    base = answers[-1]
    results = {
        name: Result(
            score=score(one, counted_as=counted_as),
            videos=by_video(one, counted_as[0]),
            gain=None if one is base else gain(one, base, counted_as[0], np.random.default_rng(0)),
            official=figures,
        )
        for name, one, figures in zip(variants, reversed(answers), reversed(official))
    }
    return results, answers[0]
