"""PoseTrack files read for judging: exact numbers, joints by name, and the same persons as the other reader finds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.core.types import PoseSequence
from chronopose.formats import posetrack
from chronopose.formats.posetrack_judged import read_predictions, read_truth
from tests.formats.sequences import sequences

JOINTS = POSETRACK_15.joints
CATEGORY = {"id": 1, "name": "person", "keypoints": list(JOINTS)}


def images(*persons: dict[str, Any], frames: int = 1, **fields: Any) -> dict[str, Any]:
    """A file whose category names the 15 joints in their own order."""
    pictures = [{"id": 7 + k, "file_name": f"images/val/000042_mpii_test/{k:06d}.jpg", **fields} for k in range(frames)]
    return {"images": pictures, "annotations": list(persons), "categories": [CATEGORY]}


def person(image: int = 7, track_id: int = 0, x: float = 0.1, **fields: Any) -> dict[str, Any]:
    keypoints = [value for k in range(15) for value in (x + k, 2.0 * k + 1, 1)]
    return {"image_id": image, "track_id": track_id, "keypoints": keypoints, "bbox_head": [1, 2, 3, 4.5]} | fields


def saved(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "000042_mpii_test.json"
    path.write_text(json.dumps(content))
    return path


def test_numbers_keep_their_last_digit(tmp_path: Path) -> None:
    labels = read_truth(saved(tmp_path, images(person(x=0.1))))
    np.testing.assert_array_equal(labels.xy[0, :, 0], 0.1 + np.arange(15))
    assert labels.xy[0, 0, 0] != np.float64(np.float32(0.1))
    np.testing.assert_array_equal(labels.head_box, [[1, 2, 4, 6.5]])
    assert labels.numbers.tolist() == [0] and labels.labelled == (None,) and labels.regions == ((),)


def test_joints_go_by_name(tmp_path: Path) -> None:
    content = images(person(scores=list(range(15))))
    order = np.random.default_rng(0).permutation(15)
    names = [JOINTS[k] for k in order]
    content["categories"] = [{**CATEGORY, "keypoints": ["tail", *names]}]
    entry = content["annotations"][0]
    entry["keypoints"] = [9, 9, 1, *np.reshape(entry["keypoints"], (15, 3))[order].reshape(-1)]
    entry["scores"] = [99, *order.tolist()]
    answers = read_predictions(saved(tmp_path, content))
    np.testing.assert_array_equal(answers.xy[0, :, 0], 0.1 + np.arange(15))
    np.testing.assert_array_equal(answers.score[0], np.arange(15))


def test_persons_go_by_frame_and_then_as_in_the_file(tmp_path: Path) -> None:
    content = images(person(9, 3), person(7, 5), person(9, 1), person(7, 2), frames=3)
    labels = read_predictions(saved(tmp_path, content))
    assert labels.frame.tolist() == [0, 0, 2, 2] and labels.track_id.tolist() == [5, 2, 3, 1]


def test_truth_has_no_scores_and_predictions_no_heads_or_regions(tmp_path: Path) -> None:
    regions = {"ignore_regions_x": [[0, 4, 4]], "ignore_regions_y": [[0, 0, 4]]}
    path = saved(tmp_path, images(person(scores=[0.5] * 15), is_labeled=True, **regions))
    labels, answers = read_truth(path), read_predictions(path)
    assert np.isnan(labels.score).all() and (answers.score == 0.5).all()
    assert np.isnan(answers.head_box).all() and answers.regions == ((),)
    np.testing.assert_array_equal(labels.regions[0][0], [[0, 0], [4, 0], [4, 4]])
    assert labels.labelled == (True,)


@pytest.mark.parametrize("scores", [{}, {"scores": []}, {"scores": None}])
def test_scores_may_be_missing(tmp_path: Path, scores: dict[str, Any]) -> None:
    assert np.isnan(read_predictions(saved(tmp_path, images(person(**scores)))).score).all()


def test_a_person_without_joints_needs_no_head(tmp_path: Path) -> None:
    nobody = person(keypoints=[0] * 45, bbox_head=None)
    labels = read_truth(saved(tmp_path, images(nobody)))
    assert np.isnan(labels.xy).all() and labels.listed.all()
    with pytest.raises(InputError, match="annotations\\[0\\]: a person with joints and without a head box"):
        read_truth(saved(tmp_path, images(person(bbox_head=None))))


def test_persons_of_2017(tmp_path: Path) -> None:
    points = [
        {"id": [3], "x": [1.5], "y": [2.5], "score": [0.75]},
        {"id": [3], "x": [9], "y": [9]},  # listed twice: the first counts
        {"id": [14], "x": [0], "y": [0]},
    ]
    heads = {"x1": [10], "y1": [20], "x2": [5], "y2": [40.5]}
    rectangles = [
        {"annopoints": [{"point": points}], "track_id": [4], **heads},
        {"annopoints": [{"point": []}], "track_id": [5]},
        {"annopoints": [{}], "track_id": [6]},
        {"annopoints": []},
        {},
        {"annopoints": {"point": points[:1]}, "track_id": 7, "x1": 1, "y1": 2, "x2": 3, "y2": 4},
    ]
    region = [{"point": [{"x": [0], "y": [1]}, {"x": [2], "y": [3]}, {"x": [4], "y": [5]}]}]
    entries = [
        {"image": [{"name": "a/b/00000012.jpg"}], "is_labeled": [1], "annorect": rectangles, "ignore_regions": region},
        {"image": {"name": "a/b/x.jpg"}, "is_labeled": 0, "annorect": []},
        {},
    ]
    path = saved(tmp_path, {"annolist": entries})
    labels, answers = read_truth(path), read_predictions(path)
    assert labels.numbers.tolist() == [12, -1, -1] and labels.labelled == (True, False, None)
    assert labels.listed.tolist() == [True, True, False, False, False, True]
    assert labels.track_id.tolist() == [4, 5, 6, -1, -1, 7]
    assert np.flatnonzero(~np.isnan(labels.xy[0, :, 0])).tolist() == [3, 14]
    np.testing.assert_array_equal(labels.xy[0, [3, 14]], [[1.5, 2.5], [0, 0]])
    np.testing.assert_array_equal(labels.head_box[[0, 5]], [[10, 20, 5, 40.5], [1, 2, 3, 4]])
    np.testing.assert_array_equal(labels.regions[0][0], [[0, 1], [2, 3], [4, 5]])
    assert answers.score[0, 3] == 0.75 and np.isnan(answers.score[0, 14])


def test_ids_may_be_negative_and_below_ten_thousand(tmp_path: Path) -> None:
    content = images(person(track_id=-1), person(track_id=9999))
    assert read_predictions(saved(tmp_path, content)).track_id.tolist() == [-1, 9999]
    with pytest.raises(InputError, match=r"annotations\[1\]\.track_id: 9999 is there twice"):
        read_predictions(saved(tmp_path, images(person(track_id=9999), person(track_id=9999))))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"annolist": 5}', '{"images": {}}', '{"images": [], "annotations": 3}']
)
def test_other_content_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "000042_mpii_test.json"
    path.write_text(text)
    for read in (read_truth, read_predictions):
        with pytest.raises(InputError, match=r"000042_mpii_test\.json: ") as error:
            read(path)
        assert "\n" not in str(error.value)


@settings(max_examples=30)
@given(sequences((POSETRACK_15,)))
def test_what_was_written_for_use_is_read_for_judging(
    tmp_path_factory: pytest.TempPathFactory, sequence: PoseSequence
) -> None:
    path = tmp_path_factory.mktemp("posetrack") / "000042_mpii_test.json"
    posetrack.write(sequence, path)
    back = posetrack.read(path)
    poses = [(place, pose) for place, frame in enumerate(back) for pose in frame.poses]
    try:
        answers = read_predictions(path)
    except InputError as error:  # ids that no evaluation takes
        assert "track_id" in str(error)
        return
    assert answers.numbers.tolist() == [frame.frame for frame in back]
    assert answers.frame.tolist() == [place for place, _ in poses]
    for k, (_, pose) in enumerate(poses):
        np.testing.assert_array_equal(answers.xy[k].astype(np.float32), pose.xy)
        np.testing.assert_array_equal(np.nan_to_num(answers.score[k]).astype(np.float32), pose.score)
