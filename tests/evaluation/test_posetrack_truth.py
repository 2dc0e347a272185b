"""A model on a small PoseTrack folder: its people are found, the official figures are those of the written poses."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.core.types import Pose
from chronopose.data import posetrack
from chronopose.evaluation.boxes import Picture, pictures
from chronopose.evaluation.persons import key_of
from chronopose.evaluation.posetrack_truth import PoseTrackTruth
from chronopose.formats.posetrack import STORED

ALL = np.ones(15, dtype=bool)
SEQUENCE = "000012_mpii_test"


def folder(tmp_path: Path, first: int = 0) -> Path:
    """PoseTrack18: a sequence of five frames, the last two not labelled, the third without a person."""
    rng = np.random.default_rng(0)
    pictures, annotations = [], []
    (tmp_path / "images" / "val" / SEQUENCE).mkdir(parents=True)
    (tmp_path / "annotations" / "val").mkdir(parents=True)
    for frame in range(5):
        name = f"images/val/{SEQUENCE}/{frame + first:06d}.jpg"
        Image.new("RGB", (200, 160)).save(tmp_path / name)
        key = 10000120000 + frame + first
        pictures.append(
            {"id": key, "frame_id": key, "file_name": name, "vid_id": "000012", "nframes": 5, "is_labeled": frame < 3,
             "width": 200, "height": 160}
        )  # fmt: skip
        for person in range(2 if frame < 2 else 0):
            triples = np.concatenate([rng.uniform(10, 90, (17, 2)), np.ones((17, 1))], axis=1)
            triples[:, 0] += 90 * person
            triples[3:5] = 0  # ears
            annotations.append(
                {"id": key * 10 + person, "image_id": key, "category_id": 1, "track_id": person,
                 "keypoints": triples.reshape(-1).tolist(), "bbox": [5 + 90 * person, 5, 90, 90],
                 "bbox_head": [40 + 90 * person, 10, 24, 32]}
            )  # fmt: skip
    category = {"id": 1, "name": "person", "keypoints": STORED}
    value = {"images": pictures, "annotations": annotations, "categories": [category]}
    (tmp_path / "annotations" / "val" / f"{SEQUENCE}.json").write_text(json.dumps(value))
    return tmp_path


def perfect(truth: PoseTrackTruth) -> dict[Picture, list[Pose]]:
    found: dict[Picture, list[Pose]] = {}
    for picture, indices in pictures(truth.everybody, len(truth.everybody)).items():
        clips = [truth.everybody.clip(index, (0,)) for index in indices]
        found[picture] = [
            Pose(
                skeleton=POSETRACK_15, xy=clip.xy_image[0], score=np.ones(15, np.float32), box=clip.box, track_id=person
            )
            for person, clip in enumerate(clips)
        ]
    return found


@pytest.mark.parametrize("first", [0, 1])
def test_the_truth_is_perfect_whatever_number_its_pictures_begin_with(tmp_path: Path, first: int) -> None:
    truth = PoseTrackTruth(folder(tmp_path, first), "val", 2018)
    result = truth.judge(perfect(truth), ALL)
    assert result.frames == 2 and list(result.sequences) == [SEQUENCE]
    assert result.tables["ap"].mean == pytest.approx(100)
    assert result.tables["precision"].mean == pytest.approx(100)


def test_frames_of_nobody_are_known_and_unlabelled_ones_are_left_out(tmp_path: Path) -> None:
    truth = PoseTrackTruth(folder(tmp_path), "val", 2018)
    assert len(truth.everybody) == 4
    assert [key_of(truth.nobody, index)[:2] for index in range(len(truth.nobody))] == [(SEQUENCE, 2)]


def test_wrong_joints_and_persons_without_ids_count(tmp_path: Path) -> None:
    truth = PoseTrackTruth(folder(tmp_path), "val", 2018)
    found = perfect(truth)
    wrong = {
        picture: [replace(poses[0], xy=poses[0].xy + 300, track_id=None), *poses[1:]]
        for picture, poses in found.items()
    }
    result = truth.judge(wrong, ALL)
    assert result.tables["recall"].mean == pytest.approx(50)
    assert result.tables["ap"].mean < 60
    # A box of little score goes to the end of the curve, where it costs less.
    unsure = {picture: [replace(poses[0], box_score=0.1), *poses[1:]] for picture, poses in wrong.items()}
    assert truth.judge(unsure, ALL).tables["ap"].mean == pytest.approx(50)
    assert truth.judge(wrong, ALL).tables["ap"].mean < 50


def test_detections_are_found_by_the_names_of_pictures(tmp_path: Path) -> None:
    truth = PoseTrackTruth(folder(tmp_path), "val", 2018)
    listed = [{"image_id": 10000120001, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.25}]
    (tmp_path / "found.json").write_text(json.dumps(listed))
    source = truth.detections(tmp_path / "found.json")
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    assert source((SEQUENCE, 1), pixels).boxes.tolist() == [[1, 2, 31, 42]]
    assert len(source((SEQUENCE, 0), pixels).boxes) == 0


def test_a_merged_file_alone_is_not_enough(tmp_path: Path) -> None:
    assert posetrack.label_files(2018, tmp_path, "val") == []
    with pytest.raises(InputError, match="a merged file alone; PoseTrack's figures want a file for each"):
        PoseTrackTruth(tmp_path, "val", 2018)
