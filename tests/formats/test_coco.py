"""COCO JSON keeps what it says it keeps, and names what is wrong."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import COCO_17
from chronopose.core.types import Pose, PoseSequence
from chronopose.formats import coco, document

from .sequences import assert_same, changed, sequences

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

GOOD: dict[str, Any] = {
    "images": [{"id": 5, "file_name": "clip/1.jpg", "width": 64, "height": 48}, {"id": 3, "file_name": "clip/2.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 3, "category_id": 1, "keypoints": [4, 5.5, 2] + [9, 9, 1] + [0, 0, 0] * 15,
         "bbox": [1, 2, 10, 20], "area": 200, "iscrowd": 0},
        {"id": 2, "image_id": 3, "category_id": 1, "keypoints": [0] * 51, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        {"id": 3, "image_id": 3, "category_id": 2, "bbox": [0, 0, 9, 9]},
    ],
    "categories": [{"id": 2, "name": "dog"}, {"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
}  # fmt: skip


def boxed(pose: Pose) -> Pose:
    """What the format loses of a pose: a box that is unknown."""
    unknown = np.isnan(pose.box).any()
    return replace(pose, box=box_of_points(pose.xy).astype(np.float32)) if unknown else pose


@quick
@given(sequence=sequences())
def test_only_unknown_boxes_are_lost(tmp_path: Path, sequence: PoseSequence) -> None:
    coco.write(sequence, tmp_path / "a.json")
    assert_same(coco.read(tmp_path / "a.json"), changed(sequence, boxed))


@quick
@given(sequence=sequences())
def test_without_our_additions_it_is_still_coco(tmp_path: Path, sequence: PoseSequence) -> None:
    coco.write(sequence, tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    del content["info"]
    for annotation in content["annotations"]:
        for key in ("keypoint_scores", "keypoint_sigmas", "track_id"):
            annotation.pop(key, None)
        assert annotation["num_keypoints"] == sum(v > 0 for v in annotation["keypoints"][2::3])
        assert annotation["area"] == pytest.approx(annotation["bbox"][2] * annotation["bbox"][3])
    read = coco.from_document(content, "a")
    assert read.skeleton.joints == sequence.skeleton.joints
    assert sorted(read.skeleton.limbs) == sorted(sequence.skeleton.limbs)
    for one, two in zip(read, sequence):
        assert one.frame == two.frame
        for got, wanted in zip(one.poses, two.poses):
            np.testing.assert_array_equal(got.xy, wanted.xy)
            np.testing.assert_array_equal(got.score, np.isfinite(wanted.xy).all(axis=1))


def test_a_file_of_another_program() -> None:
    read = coco.from_document(GOOD, "a.json")
    assert [(frame.frame, len(frame.poses)) for frame in read] == [(0, 0), (1, 1)]
    assert (read.info.source, read.info.width, read.info.height) == ("clip", 64, 48)
    assert all(math.isnan(frame.time_s) for frame in read)
    pose = read.frames[1].poses[0]
    assert pose.skeleton is COCO_17
    assert pose.xy[:2].tolist() == [[4, 5.5], [9, 9]]
    assert np.isnan(pose.xy[2:]).all()
    assert pose.score.tolist() == [1, 1] + [0] * 15
    assert pose.box.tolist() == [1, 2, 11, 22]
    assert (pose.sigma, pose.box_score, pose.track_id) == (None, 1.0, None)


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Sets the field at a path like annotations.0.bbox; `...` deletes it."""

    def apply(content: Any) -> None:
        *folders, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        for key in folders:
            content = content[key]
        if value is ...:
            del content[last]
        else:
            content[last] = value

    return apply


WRONG = [
    ("images", ..., "images"),
    ("images", {}, "images"),
    ("images", [1], "images[0]"),
    ("images.0.id", "5", "images[0].id"),
    ("images.0.id", True, "images[0].id"),
    ("images.0.id", 3, "images[1].id"),
    ("images.0.width", 1.5, "images[0].width"),
    ("images.0.width", 10**12, "images[0].width"),
    ("images.0.time_s", "now", "images[0].time_s"),
    ("annotations", None, "annotations"),
    ("annotations.0.image_id", ..., "annotations[0].image_id"),
    ("annotations.0.image_id", 4, "annotations[0].image_id"),
    ("annotations.0.category_id", None, "annotations[0].category_id"),
    ("annotations.0.keypoints", [1, 2, 3], "annotations[0].keypoints"),
    ("annotations.0.keypoints", "x" * 51, "annotations[0].keypoints"),
    ("annotations.0.keypoints.4", "9", "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", None, "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", True, "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", [9], "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", math.inf, "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", math.nan, "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", 10**400, "annotations[0].keypoints[4]"),
    ("annotations.0.keypoints.4", [10**5000], "annotations[0].keypoints[4]"),
    ("annotations.0.keypoint_scores", [1], "annotations[0].keypoint_scores"),
    ("annotations.0.keypoint_sigmas", [None], "annotations[0].keypoint_sigmas"),
    ("annotations.0.bbox", [1, 2, -3, 4], "annotations[0].bbox"),
    ("annotations.0.bbox", [1, 2, 3], "annotations[0].bbox"),
    ("annotations.0.score", "1", "annotations[0].score"),
    ("annotations.0.track_id", 2**31, "annotations[0].track_id"),
    ("annotations.0.track_id", 0.5, "annotations[0].track_id"),
    ("categories", [], "categories"),
    ("categories.1.keypoints", [], "categories[1].keypoints"),
    ("categories.1.keypoints", [1], "categories[1].keypoints"),
    ("categories.1.keypoints", ["a"] * 17, "unique"),
    ("categories.1.keypoints", [str(i) for i in range(2000)], "joints"),
    ("categories.0.keypoints", ["a"], "categories"),
    ("info", {"chronopose": 1}, "info.chronopose"),
]


@pytest.mark.parametrize(("path", "value", "word"), WRONG)
def test_wrong_fields_are_named(path: str, value: object, word: str) -> None:
    content = copy.deepcopy(GOOD)
    change(path, value)(content)
    with pytest.raises(InputError) as caught:
        coco.from_document(content, "a.json")
    message = str(caught.value)
    assert word in message
    assert len(message.splitlines()) == 1
    assert len(message) < 250
    if word not in ("unique", "joints"):
        assert message.startswith("a.json: ")


def test_a_frame_that_is_there_twice_is_refused() -> None:
    content = copy.deepcopy(GOOD)
    content["images"] = [{"id": 3, "frame_id": 8}, {"id": 5, "frame_id": 8}]
    with pytest.raises(InputError, match="frame 8 is there twice"):
        coco.from_document(content, "a.json")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "JSON"),
        (b"[]", "list"),
        (b"null", "None"),
        (b'{"images": [', "JSON"),
        (b'{"images": NaN}', "NaN"),
        (b'{"images": -Infinity}', "Infinity"),
        (b"\x80\x81\x82", "JSON"),
        (bytes(range(256)), "JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"a": ' + b"1" * 10_000 + b"}", "JSON"),
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, text: bytes, word: str) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(InputError, match=word) as caught:
        coco.read(tmp_path / "a.json")
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "a.json"))
    assert len(message.splitlines()) == 1


def test_a_file_cut_short_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    text = json.dumps(GOOD).encode()
    for cut in range(0, len(text), 37):
        (tmp_path / "a.json").write_bytes(text[:cut])
        with pytest.raises(InputError):
            coco.read(tmp_path / "a.json")


def test_files_beyond_the_bound_are_not_read(tmp_path: Path) -> None:
    assert document.MOST_BYTES == 2**30
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: it takes no room
    with pytest.raises(InputError, match="at most 1073741824"):
        coco.read(tmp_path / "a.json")
    with pytest.raises(InputError, match="at most 1000"):
        document.load("/dev/zero", 1000)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot read: No such file"):
        coco.read(tmp_path / "none.json")
