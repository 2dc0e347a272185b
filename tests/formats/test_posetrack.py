"""PoseTrack JSON keeps what it says it keeps; labels and predictions of all years are read."""

import copy
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import COCO_17, POSETRACK_15
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import posetrack

from .sequences import assert_same, changed, sequences
from .test_coco import change
from .test_table import pose

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# One frame, one person, in the layouts of 2018 and 2017.
LABELS_18: dict[str, Any] = {
    "images": [
        {"file_name": "images/val/000042_mpii_test/000007.jpg", "id": 10000420007, "frame_id": 10000420007,
         "vid_id": "000042", "nframes": 10**12, "width": 1280, "height": 720, "is_labeled": True},
    ],
    "annotations": [
        {"id": 1, "image_id": 10000420007, "category_id": 1, "track_id": 3, "bbox_head": [85.0, 70.0, 30.0, 40.0],
         "keypoints": [100.0, 90.0, 1, 100.0, 140.0, 0] + [0, 0, 0] * 15},
    ],
    "categories": [{"supercategory": "person", "id": 1, "name": "person", "keypoints": posetrack.STORED}],
}  # fmt: skip
LABELS_17: dict[str, Any] = {
    "annolist": [
        {
            "image": [{"name": "images/bonn_5sec/000042_mpii_test/00000008.jpg"}],
            "imgnum": [8],
            "is_labeled": [1],
            "annorect": [
                {"x1": [85], "y1": [70], "x2": [115], "y2": [110], "track_id": [3],
                 "annopoints": [{"point": [{"id": [13], "x": [100.0], "y": [90.0], "is_visible": [1]},
                                           {"id": [12], "x": [100.0], "y": [140.0], "is_visible": [0]}]}]},
            ],
        },
        {"image": [{"name": "images/bonn_5sec/000042_mpii_test/00000009.jpg"}], "imgnum": [9], "annorect": []},
    ]
}  # fmt: skip


def kept(pose: Pose) -> Pose:
    """A pose after what the format loses: other joints, sigmas, an unknown box."""
    xy = POSETRACK_15.gather(pose.xy, pose.skeleton)
    score = POSETRACK_15.gather(pose.score[:, None], pose.skeleton, fill=0.0)[:, 0]
    # A writer has all joints for the box of a pose without one; when reading, only zeros tell that none is known.
    box = box_of_points(pose.xy).astype(np.float32) if np.isnan(pose.box).any() else pose.box
    return replace(pose, skeleton=POSETRACK_15, xy=xy, score=score, sigma=None, box=box)


@quick
@given(sequence=sequences())
def test_what_is_lost(tmp_path: Path, sequence: PoseSequence) -> None:
    posetrack.write(sequence, tmp_path / "a.json")
    got = posetrack.read(tmp_path / "a.json")
    size = (sequence.info.width, sequence.info.height) if len(sequence) else (0, 0)
    info = VideoInfo(source=got.info.source, width=size[0], height=size[1], fps=0.0)
    assert_same(got, changed(sequence, kept, np.nan, info=info, skeleton=POSETRACK_15))
    assert not len(sequence) or re.fullmatch(r"[0-9]+_(mpii|bonn|mpiinew)_\w+", got.info.source)


@pytest.mark.parametrize(
    ("source", "name", "first"),
    [
        ("/data/images/val/003418_mpii_test", "003418_mpii_test", 10034180000),
        ("C:\\clips\\000012_bonn_train.mp4", "000012_bonn_train", 20000120000),
        ("5_mpiinew_x/frames", "5_mpiinew_x", 30000050000),
        ("my walk.mp4", "000000_mpii_my_walk", 10000000000),
        ("", "000000_mpii_video", 10000000000),
    ],
)
def test_names_and_ids_are_those_the_official_tool_wants(tmp_path: Path, source: str, name: str, first: int) -> None:
    info = VideoInfo(source=source, width=4, height=3, fps=25.0)
    frames = (FramePoses(2, 0.0, (pose(POSETRACK_15, track_id=9),)),)
    posetrack.write(PoseSequence(info=info, skeleton=POSETRACK_15, frames=frames), tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    image, person = content["images"][0], content["annotations"][0]
    assert image["file_name"] == f"images/test/{name}/000002.jpg"
    assert image["id"] == image["frame_id"] == person["image_id"] == first + 2
    assert image["vid_id"] == f"{int(name.split('_')[0]):06d}"
    assert person["track_id"] == 9
    assert person["keypoints"] == [1, 1, 1] * 3 + [0, 0, 0] * 2 + [1, 1, 1] * 12
    assert person["scores"] == [1] * 3 + [0] * 2 + [1] * 12
    assert posetrack.read(tmp_path / "a.json").info.source == name


def test_coco_has_no_neck_and_no_head_top(tmp_path: Path) -> None:
    info = VideoInfo(source="", width=4, height=3, fps=25.0)
    sequence = PoseSequence(info=info, skeleton=COCO_17, frames=(FramePoses(0, 0.0, (pose(),)),))
    posetrack.write(sequence, tmp_path / "a.json")
    got = posetrack.read(tmp_path / "a.json").frames[0].poses[0]
    unknown = [joint for joint, xy in zip(got.skeleton.joints, got.xy) if np.isnan(xy).any()]
    assert unknown == ["head_bottom", "head_top"]


@pytest.mark.parametrize("content", [LABELS_18, LABELS_17])
def test_labels_of_both_layouts_read_alike(content: dict[str, Any]) -> None:
    got = posetrack.from_document(content, "a.json")
    assert got.info.source == "000042_mpii_test"
    assert got.frames[0].frame == 7
    person = got.frames[0].poses[0]
    assert person.track_id == 3
    assert person.xy[POSETRACK_15.index("nose")].tolist() == [100, 90]
    assert person.xy[POSETRACK_15.index("head_bottom")].tolist() == [100, 140]  # not visible is not unknown
    assert np.isfinite(person.xy).all(axis=1).sum() == 2
    assert person.score.sum() == 2
    assert person.box.tolist() == [100, 90, 100, 140]  # of the joints: the labels have boxes of heads only


def test_fifteen_joints_and_no_category_are_taken() -> None:
    content = copy.deepcopy(LABELS_18)
    content["categories"][0]["keypoints"] = list(POSETRACK_15.joints)
    content["annotations"][0]["keypoints"] = [1, 2, 1] + [0, 0, 0] * 14
    assert posetrack.from_document(content, "a").frames[0].poses[0].xy[0].tolist() == [1, 2]
    content = copy.deepcopy(LABELS_18)
    del content["categories"]
    assert posetrack.from_document(content, "a").frames[0].poses[0].track_id == 3


def test_persons_without_points_stay_persons() -> None:
    content = copy.deepcopy(LABELS_17)
    for points in ([], [{}], [{"point": []}], {"point": []}, ...):
        change("annolist.0.annorect.0.annopoints", points)(content)
        person = posetrack.from_document(content, "a").frames[0].poses[0]
        assert np.isnan(person.xy).all()
        assert np.isnan(person.box).all()


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("images.0.file_name", ..., "images[0].file_name"),
        ("images.0.file_name", "a/123456789012.jpg", "images[0].file_name"),
        ("images.0.id", None, "images[0].id"),
        ("annotations.0.keypoints", [1.0] * 45, "annotations[0].keypoints"),
        ("annotations.0.keypoints.3", "1", "annotations[0].keypoints[3]"),
        ("annotations.0.scores", [1.0] * 15, "annotations[0].scores"),
        ("annotations.0.image_id", 7, "annotations[0].image_id"),
        ("annotations.0.track_id", "3", "annotations[0].track_id"),
        ("annotations", ..., "annotations"),
        ("categories", [{}, {}], "categories"),
        ("categories.0.keypoints", ["tail"] * 1, "categories[0].keypoints"),
    ],
)
def test_wrong_fields_of_2018_are_named(path: str, value: object, word: str) -> None:
    refused(LABELS_18, path, value, word)


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("annolist", {}, "annolist"),
        ("annolist.0", 1, "annolist[0]"),
        ("annolist.0.imgnum", ["8"], "annolist[0].imgnum"),
        ("annolist.0.imgnum", [9], "annolist"),
        ("annolist.0.imgnum", [10**12], "annolist[0].imgnum"),
        ("annolist.0.annorect", {"a": 1}, "annolist[0]: annorect"),
        ("annolist.0.annorect.0.track_id", [None, 1], "annorect[0].track_id"),
        ("annolist.0.annorect.0.annopoints", [[]], "annorect[0].annopoints"),
        ("annolist.0.annorect.0.annopoints", 5, "annorect[0].annopoints"),
        ("annolist.0.annorect.0.annopoints.0.point.0.id", [15], "point[0].id"),
        ("annolist.0.annorect.0.annopoints.0.point.0.x", ["1"], "point[0].x"),
        ("annolist.0.annorect.0.annopoints.0.point.0.y", ..., "point[0].y"),
        ("annolist.0.annorect.0.annopoints.0.point.0.score", [[1]], "point[0].score"),
    ],
)
def test_wrong_fields_of_2017_are_named(path: str, value: object, word: str) -> None:
    refused(LABELS_17, path, value, word)


def refused(good: dict[str, Any], path: str, value: object, word: str) -> None:
    content = copy.deepcopy(good)
    change(path, value)(content)
    with pytest.raises(InputError) as caught:
        posetrack.from_document(content, "a.json")
    message = str(caught.value)
    assert message.startswith("a.json: ")
    assert word in message
    assert len(message.splitlines()) == 1


def test_two_sequences_in_one_file_are_refused() -> None:
    content = copy.deepcopy(LABELS_18)
    content["images"].append({**content["images"][0], "id": 1, "file_name": "images/val/000043_mpii_test/000007.jpg"})
    with pytest.raises(InputError, match="2 sequences"):
        posetrack.from_document(content, "a.json")
    content["images"][1]["file_name"] = content["images"][0]["file_name"]
    with pytest.raises(InputError, match="frame 7 is there twice"):
        posetrack.from_document(content, "a.json")


@pytest.mark.data
def test_real_files_of_both_layouts_read_and_go_through(tmp_path: Path) -> None:
    folder = os.environ.get("CHRONOPOSE_ORACLE")
    if not folder:
        pytest.skip("CHRONOPOSE_ORACLE names no folder")
    files = [path for path in Path(folder).rglob("*.json") if path.name != "official.json"]
    assert files
    for path in files:
        sequence = posetrack.read(path)
        assert sequence.info.source == path.stem
        content = json.loads(path.read_text())
        if "annotations" in content:
            assert sum(len(frame.poses) for frame in sequence) == len(content["annotations"])
            points = sum(sum(map(any, zip(*[iter(a["keypoints"])] * 3))) for a in content["annotations"])
            assert sum(np.isfinite(p.xy).all(axis=1).sum() for f in sequence for p in f.poses) == points
        else:
            assert len(sequence) == len(content["annolist"])
            assert sequence.frames[0].frame == 0
        posetrack.write(sequence, tmp_path / "a.json")
        assert_same(posetrack.read(tmp_path / "a.json"), sequence)
