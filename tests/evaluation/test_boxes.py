"""Boxes from files and detectors reach the persons they belong to; who has none is not found, who is none is extra."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.data.videos import VideoClips
from chronopose.evaluation.boxes import (
    BoxSource,
    Picture,
    ask_each,
    by_picture,
    from_detector,
    from_files,
    is_list,
    matched_each,
    pictures,
    posed,
)
from chronopose.evaluation.persons import Answers, answer, score
from chronopose.tracking.tracker import Detections
from tests.evaluation.drawn import as_data, box_around, middle, walking

NOTHING = np.zeros((2, 2, 3), dtype=np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> VideoClips:
    """Two videos: one person in three frames, two persons in two frames."""
    return as_data(
        walking(tmp_path, "alone", [(40, 40), (42, 40), (44, 40)]), walking(tmp_path, "pair", [(30, 30)] * 2, people=2)
    )


def asked(data: VideoClips, boxes: BoxSource, limit: int | None = None) -> Answers:
    found = ask_each([middle()], data, boxes, limit=limit, batch=2)
    return matched_each(found, data, np.ones(15, dtype=bool), limit)[0]


def true_boxes(data: VideoClips) -> dict[Picture, tuple[np.ndarray, np.ndarray]]:
    found = {}
    for picture, indices in pictures(data, len(data)).items():
        boxes = np.stack([data.clip(index, (0,)).box for index in indices])
        found[picture] = boxes, np.ones(len(boxes), dtype=np.float32)
    return found


def test_the_true_boxes_give_the_answers_of_the_data_sets_own(data: VideoClips) -> None:
    steps: list[int] = []
    mine = ask_each([middle()], data, by_picture(true_boxes(data)), progress=steps.append)
    assert sum(steps) == len(data) == 7
    again, own = matched_each(mine, data, np.ones(15, dtype=bool))[0], answer(middle(), data)
    for name in ("xy", "truth", "visible", "box", "sigma", "score"):
        np.testing.assert_allclose(getattr(again, name), getattr(own, name), err_msg=name)
    assert again.keys == own.keys


def test_who_has_no_box_is_not_found_and_all_joints_are_wrong(data: VideoClips) -> None:
    boxes = true_boxes(data)
    del boxes["alone", 1]
    boxes["pair", 0] = boxes["pair", 0][0][:1], np.ones(1, np.float32)
    boxes["pair", 1] = boxes["pair", 1][0] + 200, np.ones(2, np.float32)
    result = asked(data, by_picture(boxes))
    assert np.isinf(result.xy).all(axis=(1, 2)).tolist() == [False, True, False, False, True, True, True]
    told = score(result)
    assert (told.samples, told.found) == (7, 3)
    assert told.by_size["box"].mean_points[0] == pytest.approx(3 / 7)


def test_joints_that_the_model_does_not_have_are_not_wrong(data: VideoClips) -> None:
    has = np.arange(15) != 2
    (result,) = matched_each([{}], data, has)
    assert np.isnan(result.xy[:, 2]).all() and np.isinf(result.xy[:, has]).all()
    assert result.sigma is None


def test_the_pose_of_a_box_stands_where_the_box_is(data: VideoClips) -> None:
    seen: list[tuple[Picture, int]] = []

    def boxes(picture: Picture, pixels: Pixels) -> Detections:
        seen.append((picture, int(pixels[0, 0, 0])))  # pictures are as red as their number
        return Detections(np.stack([box_around((50, 40)), box_around((10, 10))]), np.array([0.9, 0.3], np.float32))

    (found,) = ask_each([middle()], data, boxes, limit=2)
    assert seen == [(("alone", 0), 0), (("alone", 1), 1)]
    poses = found["alone", 0]
    np.testing.assert_allclose([pose.xy.mean(axis=0) for pose in poses], [[50, 40], [10, 10]], atol=1e-4)
    assert [round(pose.box_score, 3) for pose in poses] == [0.9, 0.3]


def test_a_detector_is_asked_about_each_picture_once(data: VideoClips) -> None:
    class Everywhere:
        name = "everywhere"
        asked = 0

        def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
            self.asked += len(frames)
            return [Detections(np.stack([box_around((40, 40))]), np.ones(1, np.float32))] * len(frames)

    detector = Everywhere()
    assert score(asked(data, from_detector(detector))).found == 3
    assert detector.asked == 5


def test_a_file_for_one_video_and_a_folder_for_several(data: VideoClips, tmp_path: Path) -> None:
    (tmp_path / "boxes").mkdir()
    (tmp_path / "boxes" / "alone.csv").write_text("frame,x1,y1,x2,y2,score\n1,30,30,50,50,0.5\n")
    source = from_files(tmp_path / "boxes")
    assert source(("alone", 1), NOTHING).boxes.tolist() == [[30, 30, 50, 50]]
    assert len(source(("alone", 0), NOTHING).boxes) == len(source(("pair", 0), NOTHING).boxes) == 0
    one = from_files(tmp_path / "boxes" / "alone.csv")
    assert one(("", 1), NOTHING).scores.tolist() == [0.5]
    assert score(asked(data, source)).found == 1


def test_names_of_videos_lead_to_no_file_outside_the_folder(tmp_path: Path) -> None:
    (tmp_path / "boxes").mkdir()
    for name in ("secret.csv", "boxes/there.csv"):
        (tmp_path / name).write_text("frame,x1,y1,x2,y2\n0,30,30,50,50\n")
    source = from_files(tmp_path / "boxes")
    assert len(source(("there", 0), NOTHING).boxes) == 1
    for name in ("../secret", str(tmp_path / "secret"), "there/../../secret"):
        assert len(source((name, 0), NOTHING).boxes) == 0


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of boxes is there; wanted NAME_OF_VIDEO"):
        from_files(tmp_path)
    with pytest.raises(InputError, match=r"none\.csv: cannot read"):
        from_files(tmp_path / "none.csv")


def test_a_list_of_detections_is_told_from_other_json(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("\n [" + json.dumps({"image_id": 1}) + "]")
    (tmp_path / "object.json").write_text("{}")
    found = [is_list(tmp_path / name) for name in ("list.json", "object.json", "none.json", "list.csv")]
    assert found == [True, False, False, False]


def test_answers_as_poses_keep_ids_and_scores(data: VideoClips) -> None:
    found = posed(answer(middle(), data))
    assert set(found) == {("alone", 0), ("alone", 1), ("alone", 2), ("pair", 0), ("pair", 1)}
    assert [pose.track_id for pose in found["pair", 0]] == [0, 1]
    assert (found["pair", 1][1].score == 0.5).all()
    np.testing.assert_allclose(found["pair", 1][1].xy.mean(axis=0), [30, 70], atol=1e-4)
