"""Boxes found rather than given: a model's poses in all of them, and which labelled persons they belong to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels, Pose
from chronopose.data.dataset import PoseDataset
from chronopose.evaluation.persons import Answers, Progress, joints_in, key_of, shared
from chronopose.evaluation.videos import matches
from chronopose.formats.boxes import read_boxes
from chronopose.inference.predictor import Predictor
from chronopose.tracking.detector import BoxFile, Detector
from chronopose.tracking.tracker import Detections

Picture = tuple[str, int]
"""The name of a video, "" for photographs, and the number of the frame or photograph."""
BoxSource = Callable[[Picture, Pixels], Detections]
"""Gives the boxes in a picture, of which the pixels are at hand."""
Found = Mapping[Picture, Sequence[Pose]]
"""The poses in pictures, in the data set's skeleton."""

_SUFFIXES = (".csv", ".txt", ".json")


def is_list(path: Path) -> bool:
    """Whether a file is a list of detections in JSON, as `formats.boxes.read_detections` reads it."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def from_files(path: Path) -> BoxSource:
    """Boxes from a file as `formats.boxes` reads it, or from a folder with one such file for each video.

    A file counts frames from 0, or photographs in the order of the data set. In a folder it is called as the video is,
    with .csv, .txt or .json at the end; a video without a file has no boxes.

    Raises:
        InputError: there is nothing at the path, or what is there cannot be read.
    """
    if not path.is_dir():
        only = BoxFile(read_boxes(path))
        return lambda picture, pixels: only.at(picture[1])
    read: dict[str, BoxFile] = {}

    def boxes(picture: Picture, pixels: Pixels) -> Detections:
        video, frame = picture
        if video not in read:
            # The names of videos come from annotations: they may lead to no file but those in the folder.
            inside = ".." not in PurePosixPath(video).parts and not PurePosixPath(video).is_absolute()
            files = [path / f"{video}{suffix}" for suffix in _SUFFIXES if inside]
            found = next((file for file in files if file.is_file()), None)
            read[video] = BoxFile({} if found is None else read_boxes(found))
        return read[video].at(frame)

    if not any(file.suffix in _SUFFIXES for file in path.rglob("*")):
        raise InputError(f"{path}: no file of boxes is there; wanted NAME_OF_VIDEO with one of {', '.join(_SUFFIXES)}")
    return boxes


def by_picture(boxes: Mapping[Picture, tuple[Floats, Floats]]) -> BoxSource:
    """Boxes (N, 4) and scores (N,) of pictures; one that is not there has none."""
    none = (np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32))
    return lambda picture, pixels: Detections(*boxes.get(picture, none))


def from_detector(detector: Detector) -> BoxSource:
    """The boxes that a detector finds."""
    return lambda picture, pixels: detector([pixels])[0]


def pictures(dataset: PoseDataset, count: int) -> dict[Picture, list[int]]:
    """The pictures of the first `count` key frames, and which key frames are in each."""
    found: dict[Picture, list[int]] = {}
    for index in range(count):
        key = key_of(dataset, index)
        found.setdefault((key.video, key.frame), []).append(index)
    return found


def ask_each(
    predictors: Sequence[Predictor],
    dataset: PoseDataset,
    boxes: BoxSource,
    *,
    limit: int | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> list[Found]:
    """The poses in all boxes of a data set's pictures, by each of several models that share an encoder.

    The first model is shown all frames that any of them is. Progress counts labelled key frames.

    Raises:
        InputError: the data set is empty, or shares no joint with the model.
    """
    spec = predictors[0].spec
    where = pictures(dataset, shared(predictors[0], dataset, limit))

    def asked() -> Iterator[tuple[Picture, LabelledClip, Floats, float]]:
        for picture, indices in where.items():
            clip = dataset.clip(indices[0], spec.offsets)
            seen = boxes(picture, clip.frames[spec.key])
            yield from ((picture, clip, box, float(score)) for box, score in zip(seen.boxes, seen.scores))
            if progress is not None:
                progress(len(indices))

    found: list[dict[Picture, list[Pose]]] = [{picture: [] for picture in where} for _ in predictors]
    questions = asked()
    while part := list(islice(questions, batch)):
        answered = joints_in(
            predictors, [clip for _, clip, _, _ in part], [box for *_, box, _ in part], dataset.skeleton
        )
        for mine, joints in zip(found, answered):
            for row, (picture, _, box, score) in enumerate(part):
                pose = Pose(
                    skeleton=dataset.skeleton,
                    xy=joints.xy[row],
                    score=joints.score[row],
                    sigma=None if joints.sigma is None else joints.sigma[row],
                    box=box,
                    box_score=score,
                )
                mine[picture].append(pose)
    return list(found)


def matched_each(
    found: Sequence[Found], dataset: PoseDataset, has: NDArray[np.bool_], limit: int | None = None
) -> list[Answers]:
    """The answers to a data set's key frames: of each labelled person, the pose whose box overlaps its own.

    Boxes are paired within a picture for the most overlap in all, each pair by half at least. A person without a pair
    was not found: every joint that the model has is infinitely far away, so that it is wrong at any threshold.

    Args:
        found: the poses in the pictures, of each of several models.
        dataset: where somebody is labelled in them.
        has: (K,) the joints that the models have.
        limit: of key frames, as it was for the poses.
    """
    count = len(dataset) if limit is None else min(limit, len(dataset))
    clips = [_labels(dataset.clip(index, (0,))) for index in range(count)]
    truth, visible, box = (np.stack(part) for part in zip(*clips))
    keys = tuple(key_of(dataset, index) for index in range(count))
    answers = []
    for poses in found:
        xy = np.full(truth.shape, np.nan, dtype=np.float32)
        xy[:, has] = np.inf
        sigma, score = np.full_like(xy, np.nan), np.zeros(xy.shape[:2], dtype=np.float32)
        for picture, indices in pictures(dataset, count).items():
            here = poses.get(picture, ())
            for mine, theirs in matches([pose.box for pose in here], [box[index] for index in indices]):
                pose, row = here[mine], indices[theirs]
                xy[row], score[row] = pose.xy, pose.score
                sigma[row] = np.nan if pose.sigma is None else pose.sigma
        answers.append(
            Answers(
                skeleton=dataset.skeleton,
                xy=xy,
                sigma=None if np.isnan(sigma).all() else sigma,
                truth=truth,
                visible=visible,
                box=box,
                score=score,
                keys=keys,
            )
        )
    return answers


def _labels(clip: LabelledClip) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Joints, visibility and box without the frame."""
    return clip.xy_image[0], clip.visible[0], clip.box


def posed(answers: Answers) -> Found:
    """Answers to the data set's own boxes as poses in pictures, with the persons' ids; the boxes' score is 1."""
    found: dict[Picture, list[Pose]] = {}
    scores = np.ones(answers.xy.shape[:2], dtype=np.float32) if answers.score is None else answers.score
    for row, key in enumerate(answers.keys):
        pose = Pose(
            skeleton=answers.skeleton,
            xy=answers.xy[row].astype(np.float32),
            score=scores[row],
            sigma=None if answers.sigma is None else answers.sigma[row],
            box=answers.box[row],
            track_id=key.track_id,
        )
        found.setdefault((key.video, key.frame), []).append(pose)
    return found
