"""An OpenPose folder keeps what it says it keeps, and names what is wrong."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import COCO_17
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import openpose

from .sequences import assert_same, changed, sequences
from .test_table import INFO, pose

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kept(pose: Pose) -> Pose:
    """A pose after what the format loses: other joints, sigma, the box and its score."""
    xy = COCO_17.gather(pose.xy, pose.skeleton)
    score = COCO_17.gather(pose.score[:, None], pose.skeleton, fill=0.0)[:, 0]
    box = box_of_points(xy).astype(np.float32)
    return replace(pose, skeleton=COCO_17, xy=xy, score=score, sigma=None, box=box, box_score=1.0)


@quick
@given(sequence=sequences())
def test_what_is_lost(tmp_path: Path, sequence: PoseSequence) -> None:
    folder = tmp_path / "a"
    openpose.write(sequence, folder)
    if not len(sequence):
        with pytest.raises(InputError, match="no file"):
            openpose.read(folder)
        return
    got = openpose.read(folder)
    info = VideoInfo(source=got.info.source, width=0, height=0, fps=0.0)
    assert_same(got, changed(sequence, kept, np.nan, info=info, skeleton=COCO_17))
    assert len(list(folder.iterdir())) == len(sequence)


def test_the_order_is_that_of_body_25(tmp_path: Path) -> None:
    person = replace(pose(track_id=4), xy=np.arange(34, dtype=np.float32).reshape(17, 2) + 1)
    person.score[COCO_17.index("left_hip")] = 0.25
    person.xy[COCO_17.index("right_shoulder")] = np.nan
    info = replace(INFO, source="/a/b/my walk.mp4")
    openpose.write(PoseSequence(info=info, skeleton=COCO_17, frames=(FramePoses(3, 0.1, (person,)),)), tmp_path / "a")
    (file,) = (tmp_path / "a").iterdir()
    assert file.name == "my walk_000000000003_keypoints.json"
    content = json.loads(file.read_text())
    assert content["version"] == 1.3
    assert content["people"][0]["person_id"] == [4]
    joints = np.reshape(content["people"][0]["pose_keypoints_2d"], (25, 3))
    for index, name in {
        0: "nose",
        4: "right_wrist",
        5: "left_shoulder",
        9: "right_hip",
        14: "left_ankle",
        18: "left_ear",
    }.items():
        assert joints[index, :2].tolist() == person.xy[COCO_17.index(name)].tolist()
    assert joints[1].tolist() == [0, 0, 0]  # one shoulder is unknown, so is the neck
    hips = person.xy[[COCO_17.index("left_hip"), COCO_17.index("right_hip")]]
    assert joints[8].tolist() == [*hips.mean(axis=0), 0.25]
    assert (joints[19:] == 0).all()


def test_the_older_model_is_read(tmp_path: Path) -> None:
    values = [0.0] * 54
    values[3 * 4 : 3 * 4 + 3] = [5.0, 6.0, 0.5]
    (tmp_path / "a_000000000000_keypoints.json").write_text(json.dumps({"people": [{"pose_keypoints_2d": values}]}))
    person = openpose.read(tmp_path).frames[0].poses[0]
    assert person.xy[COCO_17.index("right_wrist")].tolist() == [5, 6]
    assert np.isfinite(person.xy).all(axis=1).sum() == 1
    assert person.track_id is None


@pytest.mark.parametrize("source", ["", "a/..", "x" * 300 + ".mp4", "ü" * 200, "rtsp://host:80/st\x00ream", "日本.mp4"])
def test_any_source_makes_a_file_name(tmp_path: Path, source: str) -> None:
    sequence = PoseSequence(info=replace(INFO, source=source), skeleton=COCO_17, frames=(FramePoses(0, 0.0, ()),))
    openpose.write(sequence, tmp_path / "a")
    assert len(openpose.read(tmp_path / "a")) == 1


def test_only_a_folder_of_this_format_is_replaced(tmp_path: Path) -> None:
    sequence = PoseSequence(info=INFO, skeleton=COCO_17, frames=tuple(FramePoses(i, 0.0, ()) for i in range(3)))
    folder = tmp_path / "a"
    folder.mkdir()
    openpose.write(sequence, folder)
    openpose.write(replace(sequence, frames=sequence.frames[:1]), folder)
    assert len(list(folder.iterdir())) == 1
    (folder / "thesis.tex").touch()
    with pytest.raises(InputError, match="thesis"):
        openpose.write(sequence, folder)
    assert len(list(folder.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [folder]


GOOD = {"pose_keypoints_2d": [0.0] * 75, "person_id": [-1]}


@pytest.mark.parametrize(
    ("person", "word"),
    [
        ({}, "pose_keypoints_2d"),
        ({**GOOD, "pose_keypoints_2d": [0.0] * 74}, "75 numbers, got a list of 74"),
        ({**GOOD, "pose_keypoints_2d": [0.0] * 74 + ["1"]}, "pose_keypoints_2d[74]"),
        ({**GOOD, "pose_keypoints_2d": {}}, "pose_keypoints_2d"),
        ({**GOOD, "person_id": [0.5]}, "person_id"),
        ({**GOOD, "person_id": [2**40]}, "person_id"),
        ({**GOOD, "person_id": [4, 5]}, "person_id"),
        (7, "people[0]"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, person: object, word: str) -> None:
    file = tmp_path / "a_000000000000_keypoints.json"
    file.write_text(json.dumps({"people": [person]}))
    with pytest.raises(InputError, match=re.escape(word)) as caught:
        openpose.read(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert len(str(caught.value).splitlines()) == 1


def test_wrong_folders_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="not a folder"):
        openpose.read(tmp_path / "none")
    (tmp_path / "a_000000000000_keypoints.json").write_text('{"people": []}')
    monkeypatch.setattr(openpose, "_MOST_BYTES", 5)
    with pytest.raises(InputError, match="at most 5"):
        openpose.read(tmp_path)
    (tmp_path / "b_000000000000_keypoints.json").touch()
    with pytest.raises(InputError, match="more than one video: a and b"):
        openpose.read(tmp_path)
    monkeypatch.setattr(openpose, "_MOST_FILES", 0)
    (tmp_path / "b_000000000000_keypoints.json").unlink()
    with pytest.raises(InputError, match="more than 0 frames"):
        openpose.read(tmp_path)
