"""COCO keypoints: the right person in the right picture, boxes of the house, errors that name the field."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17
from chronopose.data import coco
from chronopose.data.coco import CocoPeople
from chronopose.data.dataset import PoseDataset
from tests.data import coco_folder
from tests.data.dots import centre


def keypoints(first: float, labelled: int, flag: int = 2) -> list[float]:
    """`labelled` joints at (first + k, 2 first + k), the others unknown."""
    return [value for k in range(17) for value in ([first + k, 2 * first + k, flag] if k < labelled else [0, 0, 0])]


def content() -> dict[str, Any]:
    """Three photographs: two persons and a crowd in the first, nobody in the second, one person in the third."""
    persons = [
        {"image_id": 70, "iscrowd": 0, "bbox": [10, 5, 20, 30], "keypoints": keypoints(12, 17)},
        {"image_id": 70, "iscrowd": 0, "bbox": [40, 6, 8, 9], "keypoints": keypoints(40, 3)},
        {"image_id": 70, "iscrowd": 1, "bbox": [0, 0, 60, 12], "keypoints": keypoints(0, 0)},
        {"image_id": 9, "iscrowd": 0, "bbox": [1, 2, 30, 40], "keypoints": keypoints(3, 6, flag=1)},
        {"image_id": 9, "iscrowd": 0, "bbox": [0, 0, 5, 5], "keypoints": keypoints(3, 17), "category_id": 44},
    ]
    return {
        "images": [
            {"id": 70, "file_name": "a.jpg", "width": 60, "height": 48},
            {"id": 8, "file_name": "b.jpg"},
            {"id": 9, "file_name": "sub/c.jpg", "width": 64, "height": 50},
        ],
        "annotations": [{"id": number, "category_id": 1} | one for number, one in enumerate(persons)],
        "categories": [
            {"id": 1, "name": "person", "keypoints": list(COCO_17.joints), "skeleton": [[1, 2]]},
            {"id": 44, "name": "bottle"},
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images" / "sub").mkdir(parents=True)
    for grey, (name, size) in enumerate([("a.jpg", (60, 48)), ("b.jpg", (20, 20)), ("sub/c.jpg", (64, 50))], start=1):
        Image.new("RGB", size, (grey * 60,) * 3).save(tmp_path / "images" / name)
    store(tmp_path, content())
    return tmp_path


def store(folder: Path, value: Any) -> None:
    (folder / "persons.json").write_text(json.dumps(value))


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = content()
    change(value)
    store(folder, value)


def test_persons_with_enough_joints_are_examples_and_crowds_are_not(folder: Path) -> None:
    people = CocoPeople(folder)
    assert isinstance(people, PoseDataset)
    assert [people.clip(index, (0,)).name for index in range(len(people))] == ["coco/a.jpg#0", "coco/sub/c.jpg#3"]
    assert [people.picture_number(index) for index in range(len(people))] == [0, 2]
    assert len(CocoPeople(folder, at_least=3)) == 3
    assert len(CocoPeople(folder, at_least=7)) == 1


def test_joints_stay_and_boxes_move_by_half_a_pixel(folder: Path) -> None:
    clip = CocoPeople(folder).clip(0, (0,))
    np.testing.assert_array_equal(clip.box, [9.5, 4.5, 29.5, 34.5])
    np.testing.assert_array_equal(clip.xy_image[0, :2], [[12, 24], [13, 25]])
    assert clip.visible.all() and clip.box.dtype == clip.xy_image.dtype == np.float32


def test_unlabelled_joints_are_nan_and_labelled_hidden_ones_are_known(folder: Path) -> None:
    clip = CocoPeople(folder).clip(1, (0,))
    known = ~np.isnan(clip.xy_image[0, :, 0])
    assert known.sum() == 6 and not clip.visible.any()


def test_a_motionless_clip_repeats_the_right_photograph(folder: Path) -> None:
    clip = CocoPeople(folder).clip(1, (-1, 0, 2))
    assert len(clip.frames) == len(clip.xy_image) == len(clip.visible) == 3
    assert all(frame is clip.frames[0] for frame in clip.frames)
    assert clip.frames[0].shape == (50, 64, 3) and abs(int(clip.frames[0].mean()) - 180) <= 1


def test_a_detector_is_given_every_picture_with_everybody_in_it(folder: Path) -> None:
    people = CocoPeople(folder)
    assert people.pictures == 3
    first, second = people.photograph(0), people.photograph(1)
    assert first.crowd.tolist() == [False, False, True]
    np.testing.assert_array_equal(first.boxes[2], [-0.5, -0.5, 59.5, 11.5])
    assert second.boxes.shape == (0, 4) and second.crowd.shape == (0,) and second.pixels.shape == (20, 20, 3)


def test_cocos_own_layout_names_file_and_folder(folder: Path) -> None:
    (folder / "annotations").mkdir()
    file = (folder / "persons.json").rename(folder / "annotations" / "person_keypoints_val2017.json")
    (folder / "images").rename(folder / "val2017")
    assert len(CocoPeople(file, folder / "val2017")) == 2
    with pytest.raises(InputError, match=r"images: no such folder"):
        CocoPeople(file)


def test_a_person_without_a_box_gets_one_around_the_joints(folder: Path) -> None:
    changed(folder, lambda value: value["annotations"][0].update(bbox=[0, 0, 0, 0]))
    box = CocoPeople(folder).clip(0, (0,)).box
    assert box[0] < 12 and box[1] < 24 and box[2] > 28 and box[3] > 40


def test_a_file_without_persons_has_no_examples_but_pictures(folder: Path) -> None:
    changed(folder, lambda value: value.update(annotations=[]))
    people = CocoPeople(folder)
    assert len(people) == 0 and people.pictures == 3
    assert people.photograph(0).boxes.shape == (0, 4)


def _first(key: str, **change: Any) -> Callable[[dict[str, Any]], object]:
    return lambda value: value[key][0].update(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("images"), r"images: expected a list of objects, got nothing"),
        (_first("images", id="seven"), r"images\[0\]\.id: expected a whole number"),
        (_first("images", id=8), r"images\[1\]\.id: 8 is the id of an earlier image too"),
        (_first("images", file_name=5), r"images\[0\]\.file_name: expected text"),
        (
            _first("images", file_name="../secret.jpg"),
            r"images\[0\]\.file_name: expected the path of a file inside the folder",
        ),
        (
            _first("images", file_name="/etc/passwd"),
            r"images\[0\]\.file_name: expected the path of a file inside the folder",
        ),
        (
            _first("images", file_name="..\\x.jpg"),
            r"images\[0\]\.file_name: expected the path of a file inside the folder",
        ),
        (
            _first("images", file_name="a\n\0.jpg"),
            r"images\[0\]\.file_name: expected the path of a file inside the folder",
        ),
        (_first("images", width=-3), r"images\[0\]\.width: expected a whole number from 1"),
        (_first("annotations", image_id=123), r"annotations\[0\]\.image_id: no image has the id 123"),
        (_first("annotations", iscrowd=2), r"annotations\[0\]\.iscrowd: expected a whole number from 0 to 1"),
        (_first("annotations", keypoints=[1, 2, 3]), r"annotations\[0\]\.keypoints: expected a list of 51 numbers"),
        (_first("annotations", keypoints=[1e30] * 51), r"annotations\[0\]\.keypoints\[0\]: expected a number"),
        (_first("annotations", keypoints=[7] * 51), r"keypoints: every third number must be 0, 1 or 2, got 7"),
        (_first("annotations", bbox=[1, 2, -3, 4]), r"annotations\[0\]\.bbox: width and height must not be negative"),
        (_first("annotations", bbox="box"), r"annotations\[0\]\.bbox: expected a list of 4 numbers"),
        (lambda value: value.update(categories=[]), r"categories: expected one with keypoints, found 0"),
        (_first("categories", keypoints=["nose"]), r"annotations\[0\]\.keypoints: expected a list of 3 numbers"),
        (_first("categories", keypoints=["nose"] * 17), r"categories\[0\]: .*joint names must be unique"),
        (_first("categories", keypoints=[1]), r"categories\[0\]\.keypoints: expected a list of joint names"),
    ],
)
def test_a_defect_is_named_in_one_line(folder: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    changed(folder, change)
    with pytest.raises(InputError, match=message) as caught:
        CocoPeople(folder)
    assert "\n" not in str(caught.value) and "persons.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"images": NaN}'])
def test_what_is_no_annotation_file_is_refused(folder: Path, text: str) -> None:
    (folder / "persons.json").write_text(text)
    with pytest.raises(InputError, match=r"persons\.json") as caught:
        CocoPeople(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_strange_number_of_joints_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        CocoPeople(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="at_least must lie in 1 to 17"):
        CocoPeople(folder, at_least=0)


@pytest.mark.parametrize("data", [None, b"", b"\xff\xd8\xff\xe0 cut off"])
def test_a_photograph_that_is_missing_or_broken_is_named(folder: Path, data: bytes | None) -> None:
    file = folder / "images" / "a.jpg"
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.jpg") as caught:
        CocoPeople(folder).clip(0, (0,))
    assert "\n" not in str(caught.value)


def test_a_photograph_of_another_size_than_its_labels_is_refused(folder: Path) -> None:
    Image.new("RGB", (30, 24)).save(folder / "images" / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg: the picture is 30 x 24 pixels, the annotations say 60 x 48"):
        CocoPeople(folder).photograph(0)


def test_any_skeleton_will_do_and_few_joints_ask_for_fewer(folder: Path) -> None:
    def puppets(value: dict[str, Any]) -> None:
        value["categories"][0].update(keypoints=["head", "left_hand", "right_hand"], skeleton=[[1, 2]])
        for one in value["annotations"]:
            one["keypoints"] = one["keypoints"][:9]

    changed(folder, puppets)
    people = CocoPeople(folder)
    assert people.skeleton.joints == ("head", "left_hand", "right_hand")
    assert people.skeleton.mirror == (("left_hand", "right_hand"),)
    assert len(people) == 3 and people.clip(0, (0, 1)).xy_image.shape == (2, 3, 2)
    with pytest.raises(InputError, match="at_least must lie in 1 to 3"):
        CocoPeople(folder, at_least=4)


@pytest.mark.parametrize("split", ["train", "val"])
def test_cocos_own_folders_have_the_dots_under_the_noses(tmp_path: Path, split: str) -> None:
    folder = coco_folder.write(tmp_path)
    people = coco.dataset(folder, split)
    assert isinstance(people, CocoPeople) and len(people) == coco_folder.PICTURES
    for index in range(len(people)):
        clip = people.clip(index, (0,))
        np.testing.assert_allclose(centre(clip.frames[0]), clip.xy_image[0, 0], atol=0.15)
        xy = clip.xy_image[0]
        np.testing.assert_array_equal(clip.box, [*(xy.min(axis=0) - 2), *(xy.max(axis=0) + 2)])
    assert list(coco.defects(folder, split)) == [None] * coco_folder.PICTURES


def test_splits_are_found_under_other_names_too(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    with pytest.raises(
        InputError, match=r"none of annotations/person_keypoints_mine2017\.json.* is there; wanted COCO"
    ):
        coco.locate(tmp_path, "mine")
    (tmp_path / "mine.json").write_text("{}")
    assert coco.locate(tmp_path, "mine") == (tmp_path / "mine.json", tmp_path / "images")
    (tmp_path / "annotations" / "mine.json").write_text("{}")
    (tmp_path / "mine").mkdir()
    assert coco.locate(tmp_path, "mine") == (tmp_path / "annotations" / "mine.json", tmp_path / "mine")
    (tmp_path / "val.json").write_text("{}")
    (tmp_path / "images").rmdir()
    with pytest.raises(InputError, match=r"none of val2017/, val/, images/ is there; wanted the pictures"):
        coco.locate(tmp_path, "val")
    for split in ("", "../secret", "a/b"):
        with pytest.raises(InputError, match="split must be a name such as train or val"):
            coco.locate(tmp_path, split)


def test_all_defects_are_told_not_the_first_alone(tmp_path: Path) -> None:
    folder = coco_folder.write(tmp_path)
    file = folder / "annotations" / "person_keypoints_train2017.json"
    value = json.loads(file.read_text())
    value["images"][0]["file_name"] = "../../secret.jpg"
    value["annotations"][1]["keypoints"] = [1, 2]
    value["annotations"][2]["keypoints"] = [0] * 51
    value["annotations"][2]["bbox"] = [0, 0, 0, 0]
    value["images"][2]["width"] = 65
    file.write_text(json.dumps(value))
    (folder / "train2017" / "000000000002.jpg").unlink()
    found = [defect for defect in coco.defects(folder, "train") if defect]
    assert [(defect.file.name, defect.where) for defect in found] == [
        (file.name, "images[0]"),
        (file.name, "annotations[0]"),  # its image was left out
        (file.name, "annotations[1]"),
        (file.name, "annotations[3]"),
        (file.name, "annotations[2]"),
        ("000000000002.jpg", ""),
        ("000000000003.jpg", ""),
    ]
    assert "left out" in found[4].what and "64 x 48 pixels, wanted 65 x 48" in found[6].what
    with pytest.raises(InputError, match=r"images\[0\]\.file_name"):
        coco.dataset(folder, "train")


@pytest.mark.data
def test_the_real_persons_have_joints_near_their_boxes() -> None:
    people = CocoPeople(Path(os.environ["CHRONOPOSE_DATA"]) / "real_persons")
    assert len(people) == 129 and people.pictures == 54
    assert sum(len(people.photograph(number).boxes) for number in range(people.pictures)) == 234
    inside = []
    for row in people.persons:
        known = people.xy[row][~np.isnan(people.xy[row, :, 0])]
        inside.append(((known > people.boxes[row, :2] - 8) & (known < people.boxes[row, 2:] + 8)).all(axis=1))
    assert np.concatenate(inside).mean() > 0.9
