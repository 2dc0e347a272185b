"""What a PoseTrack file of annotations says: joints, boxes and ids in both kinds of file, and the field at fault."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data import posetrack
from tests.data.posetrack_folder import LABELLED, change, posetrack_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return posetrack_folder(tmp_path / "18", 2018)


def labels(folder: Path) -> Path:
    return folder / "annotations" / "val" / "000003_mpii_test.json"


def test_a_joint_is_unknown_only_if_all_its_numbers_are_0(folder: Path) -> None:
    stored = [0.0, 0.0, 0.0] * 17
    stored[0:3] = [0.0, 0.0, 1.0]  # the nose, in the corner
    stored[3:6] = [0.0, 7.5, 0.0]  # hidden, at the edge
    change(labels(folder), "annotations.0.keypoints", stored)
    person = posetrack.videos(2018, folder, "val")[0].persons[0]
    nose, neck = POSETRACK_15.index("nose"), POSETRACK_15.index("head_bottom")
    assert person.xy_image[0, nose].tolist() == [0, 0] and person.visible[0, nose]
    assert person.xy_image[0, neck].tolist() == [0, 7.5] and not person.visible[0, neck]
    assert np.isnan(person.xy_image[0]).any(axis=1).sum() == 13


def test_ears_are_never_used_and_joints_go_by_name(folder: Path) -> None:
    before = posetrack.videos(2018, folder, "val")[0].persons[0].xy_image
    content = json.loads(labels(folder).read_text())
    content["categories"][0]["keypoints"].reverse()
    for entry in content["annotations"]:
        entry["keypoints"][9:15] = [1.0, 2.0, 1] * 2
        entry["keypoints"] = np.array(entry["keypoints"]).reshape(17, 3)[::-1].reshape(-1).tolist()
    labels(folder).write_text(json.dumps(content))
    np.testing.assert_array_equal(posetrack.videos(2018, folder, "val")[0].persons[0].xy_image, before)


def test_persons_without_points_and_crowds(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "17", 2017)
    file = folder / "annotations" / "val" / "000003_mpii_test.json"
    for points in ([], [{"point": []}], {"point": []}, [[]], ...):
        change(file, "annolist.2.annorect.0.annopoints", points)
        assert np.isnan(posetrack.videos(2017, folder, "val")[0].persons[0].xy_image[0]).all()
        if points is ...:
            break
    other = posetrack_folder(tmp_path / "18", 2018)
    change(labels(other), "annotations.0.iscrowd", 1)
    assert posetrack.videos(2018, other, "val")[0].persons[0].frames.tolist() == list(LABELLED[1:])


WRONG_17: list[tuple[str, Any, str]] = [
    ("annolist.0.image", [], r"annolist\[0\].image: expected a list of one object with a name"),
    ("annolist.0.image.0.name", "images/../../x.jpg", r"annolist\[0\].image.name: expected the path of a file inside"),
    ("annolist.0.is_labeled", [2], r"annolist\[0\].is_labeled: expected true or false"),
    ("annolist.2.annorect", {"x1": 3}, r"annolist\[2\]: annorect: expected a list of objects"),
    ("annolist.2.annorect.0.x1", [[3]], r"annolist\[2\].annorect\[0\].x1: expected a number"),
    ("annolist.2.annorect.0.annopoints", [3], r"annorect\[0\].annopoints: expected a list of one object, got int"),
    ("annolist.2.annorect.0.annopoints.0.point.0.id", [15], r"point\[0\].id: expected a whole number from 0 to 14"),
    ("annolist.2.annorect.0.annopoints.0.point.0.x", [1e99], r"point\[0\].x: expected a number, got 1e\+99"),
    ("annolist.2.annorect.0.annopoints.0.point.0.y", [], r"point\[0\]: expected numbers x and y, got nothing"),
    ("annolist.2.annorect.0.track_id", ["1"], r"annorect\[0\].track_id: expected a whole number"),
    ("annolist", 3, r"annolist: expected a list of objects, got 3"),
]


@pytest.mark.parametrize(("path", "value", "told"), WRONG_17, ids=[path for path, *_ in WRONG_17])
def test_what_cannot_be_put_right_in_an_annolist_is_named(tmp_path: Path, path: str, value: Any, told: str) -> None:
    folder = posetrack_folder(tmp_path / "17", 2017)
    change(folder / "annotations" / "val" / "000003_mpii_test.json", path, value)
    with pytest.raises(InputError, match=told) as caught:
        posetrack.videos(2017, folder, "val")
    assert "\n" not in str(caught.value) and "000003_mpii_test.json" in str(caught.value)


def test_a_joint_that_is_listed_twice_counts_once(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "17", 2017)
    file = folder / "annotations" / "val" / "000003_mpii_test.json"
    before = posetrack.videos(2017, folder, "val")[0].persons[0].xy_image
    change(file, "annolist.2.annorect.0.annopoints.0.point.3.id", [2])
    after = posetrack.videos(2017, folder, "val")[0].persons[0].xy_image
    changed = np.flatnonzero((before[0] != after[0]).any(axis=1)).tolist()
    # Joint 0 is not listed, so that point 3 was joint 4, and nobody is it now.
    assert changed == [0, 4] and np.isnan(after[0, 4]).all()
    told = [one for one in posetrack.defects(2017, folder, "val") if one is not None and not one.known]
    assert [(one.file, one.where, one.what) for one in told] == [
        (file, "annolist[2].annorect[0].annopoints.point[3]", "joint 2 is listed twice; the first counts")
    ]
