"""A split of PoseTrack to judge a model on: its people, and its official figures for the model's poses."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.data import posetrack
from chronopose.data.posetrack import NAMES, SKELETON, Year
from chronopose.data.videos import LabelledVideo, VideoClips
from chronopose.evaluation.boxes import BoxSource, Found, by_picture
from chronopose.evaluation.posetrack import PoseTrackScore, evaluate
from chronopose.evaluation.posetrack import Year as Rules
from chronopose.evaluation.unlabelled import Unlabelled
from chronopose.formats.posetrack import write
from chronopose.formats.posetrack_judged import read_truth

YEARS: dict[str, Year] = {name: year for year, name in NAMES.items()}
_RULES: dict[Year, Rules] = {2017: 17, 2018: 18, 2021: 21}


class PoseTrackTruth:
    """Everybody labelled in a split, and what the official evaluation makes of poses in its frames.

    Args:
        folder: of the data set, with a file of labels for each sequence.
        split: train or val.
        year: of the data set.

    Attributes:
        everybody: a data set of all persons with at least one joint inside the image.
        nobody: a data set of the labelled frames in which there is no such person.

    Raises:
        InputError: there are no such files.
    """

    def __init__(self, folder: Path, split: str, year: Year) -> None:
        self._files, self._year = posetrack.label_files(year, folder, split), year
        if not self._files:
            raise InputError(f"{folder}: a merged file alone; PoseTrack's figures want a file for each sequence")
        self._videos = {video.name: video for video in posetrack.videos(year, folder, split)}
        self.everybody = VideoClips(NAMES[year], SKELETON, tuple(self._videos.values()), at_least=1)
        frames = [
            (video.name, int(frame)) for video in self._videos.values() for frame in np.flatnonzero(video.labelled)
        ]
        self.nobody = Unlabelled(self.everybody, frames)

    def detections(self, file: Path) -> BoxSource:
        """The boxes of a list of detections with `image_id` or `image_name`, as the papers' code has them."""
        by_file = posetrack.boxes(file, list(self._videos.values()))
        return by_picture(
            {
                (video.name, frame): by_file[path]
                for video in self._videos.values()
                if isinstance(video.images, tuple)
                for frame, path in enumerate(video.images)
                if path in by_file
            }
        )

    def judge(self, found: Found, has: NDArray[np.bool_]) -> PoseTrackScore:
        """The official figures of poses in frames, `has` (K,) being the joints that the model has.

        A joint's score is its own times that of the box, as in the papers' code. A person without an id is somebody
        else in every frame, which AP does not see.
        """
        with tempfile.TemporaryDirectory() as folder:
            for file in self._files:
                write(_sequence(self._videos[file.stem], file, found), Path(folder) / file.name)
            return evaluate(self._files[0].parent, folder, _RULES[self._year])


def _sequence(video: LabelledVideo, file: Path, found: Found) -> PoseSequence:
    """The poses of the frames that a file of labels lists."""
    assert isinstance(video.images, tuple)
    numbers = read_truth(file).numbers.tolist()
    place = {int(path.stem): place for place, path in enumerate(video.images) if path.stem.isdecimal()}
    if -1 in numbers:  # pictures that have no numbers for names go by their order
        if len(numbers) != video.length:
            raise InputError(f"{file}: {len(numbers)} frames of {video.length} without numbers; wanted all of them")
        place = {number: number for number in range(video.length)}
        numbers = list(place)
    frames = tuple(
        FramePoses(number, float("nan"), tuple(_told(found.get((video.name, place[number]), ())))) for number in numbers
    )
    width, height = video.size or (0, 0)
    info = VideoInfo(source=file.stem, width=width, height=height, fps=0.0)
    return PoseSequence(info=info, skeleton=SKELETON, frames=frames)


def _told(poses: Sequence[Pose]) -> list[Pose]:
    """Poses as predictions: scores of joints times that of the box, and an id for everybody."""
    return [
        replace(
            pose,
            score=pose.score * np.float32(pose.box_score),
            track_id=number if pose.track_id is None else pose.track_id,
        )
        for number, pose in enumerate(poses)
    ]
