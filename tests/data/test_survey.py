"""A folder gone through: exact counts, defects by kind and each once, and a sheet that shows who is where."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.data import penn_action, survey
from chronopose.data.catalogue import CATALOGUE, open_data
from chronopose.data.survey import Report
from tests.data import coco_folder, jhmdb_folder, penn_folder
from tests.data.labelled_folders import posetrack
from tests.data.posetrack_folder import LABELLED, LENGTH, people


def check(name: str, folder: Path, *splits: str, **more: Any) -> Report:
    return survey.check(CATALOGUE[name], folder, splits, **more)


def texts(report: Report, known: bool = False) -> list[str]:
    return [f"{one.where}: {one.what}" for kind in report.kinds if kind.known == known for one in kind.first]


def test_everything_labelled_is_counted_once(tmp_path: Path) -> None:
    report = check("posetrack18", posetrack(tmp_path, 2018), "train", "val")
    for counts, sequences in zip(report.counts.values(), ((1, 2), (3, 4)), strict=True):
        poses = [person for number in sequences for person in people(f"{number}_any")]
        assert (counts.videos, counts.frames, counts.labelled) == (2, 2 * LENGTH, 2 * len(LABELLED))
        assert (counts.persons, counts.poses) == (4, len(poses))
        # One joint of each is unknown, one more hidden.
        assert (counts.joints, counts.visible, counts.outside) == (14 * len(poses), 13 * len(poses), 0)
        assert counts.sizes == (((64, 48), 2),)
        sides = [max(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (person.box for person in poses)]
        np.testing.assert_allclose(counts.person_px, np.percentile(sides, (5, 50, 95)), rtol=1e-5)
    assert report.damage == 0


def test_joints_outside_the_picture_are_counted_and_no_defect(tmp_path: Path) -> None:
    folder = coco_folder.write(tmp_path)
    edit(folder / "annotations" / "person_keypoints_train2017.json", lambda a: a[0]["keypoints"].__setitem__(0, 70))
    report = check("coco", folder, "train")
    assert report.counts["train"].outside == 1 and report.damage == 0


def edit(file: Path, by: Callable[[Any], Any]) -> None:
    content = json.loads(file.read_text())
    by(content["annotations"])
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (lambda a: a[0].update(bbox=[5000, 10, 20, 20]), "a box at (5000, 10, 5020, 30) in a picture of 64 x 48"),
        (lambda a: a[0].update(bbox=[0, 0, 4, 4]), "no joint is near the box (-0, -0, 4, 4)"),
        (lambda a: a[0]["keypoints"].__setitem__(4, -900), "a joint, left_eye, at ("),
    ],
)
def test_what_cannot_be_right_is_named_with_the_photograph(tmp_path: Path, by: Callable[[Any], Any], told: str) -> None:
    folder = coco_folder.write(tmp_path)
    edit(folder / "annotations" / "person_keypoints_val2017.json", by)
    report = check("coco", folder, "train", "val")
    found = [defect for kind in report.kinds for defect in kind.first]
    assert {defect.file.name for defect in found} == {"000000000101.jpg"}
    assert any(told in text for text in texts(report)), texts(report)


def test_a_person_misplaced_in_many_frames_is_told_once(tmp_path: Path) -> None:
    labels = penn_folder.fields(1)
    labels["x"][2:, 3] = 9999
    penn_folder.write_clip(tmp_path, "0001", labels)
    report = check("penn", tmp_path, "train")
    (text,) = texts(report)
    assert text.startswith("person 0: a joint, left_elbow, at (9998, ") and text.endswith(", and in 2 more frames")


def test_known_defects_are_no_damage(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path)
    report = check("penn", folder, "train", "test")
    assert report.damage == 0
    assert texts(report, known=True) == ["bbox of frame 5: no box; that of frame 4 is taken"]


def test_defects_of_a_kind_are_kept_up_to_a_number_and_all_are_counted(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path)
    for picture in (folder / "frames" / "0001").iterdir():
        picture.write_bytes(picture.read_bytes()[:100])
    (folder / "frames" / "0003" / "000002.jpg").unlink()
    report = check("penn", folder, "train", most=2)
    assert sorted((kind.count, len(kind.first)) for kind in report.kinds if not kind.known) == [(1, 1), (5, 2)]
    assert report.damage == 6
    everything = check("penn", folder, "train", most=None).kinds
    assert sum(len(kind.first) for kind in everything if not kind.known) == 6


def test_a_split_that_cannot_be_read_leaves_the_others_counted(tmp_path: Path) -> None:
    folder = coco_folder.write(tmp_path)
    (folder / "annotations" / "person_keypoints_val2017.json").write_text("{")
    report = check("coco", folder, "train", "val")
    assert list(report.counts) == ["train"]
    (text,) = texts(report)
    assert text.startswith("val: annotations/person_keypoints_val2017.json: ")


def test_a_clip_of_three_splits_has_its_defects_once(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    action, clip = next(iter(jhmdb_folder.CLIPS))
    picture = folder / "Rename_Images" / action / clip / "00002.png"
    picture.write_bytes(picture.read_bytes()[:60])
    report = check("jhmdb", folder, *CATALOGUE["jhmdb"].training, *CATALOGUE["jhmdb"].tests, pictures=True)
    (text,) = texts(report)
    assert "picture" in text and report.damage == 1


def test_progress_is_told_of_every_video_twice(tmp_path: Path) -> None:
    steps: list[int] = []
    check("penn", penn_folder.write(tmp_path), "train", progress=steps.append)
    # The labels of all four are opened to see whose part they are; two are then counted.
    assert steps == [1] * 6


def test_the_sheet_shows_each_person_once_and_is_the_same_for_a_seed(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path)
    people = [open_data("penn", folder, split) for split in penn_action.SPLITS]
    pixels, names = survey.sheet(people, count=8, seed=3)
    assert len(set(names)) == 8 and pixels.dtype == np.uint8 and pixels.shape[2] == 3
    again, same = survey.sheet(people, count=8, seed=3)
    np.testing.assert_array_equal(pixels, again)
    assert same == names and survey.sheet(people, count=8, seed=4)[1] != names
    # Nobody more than there are: five frames of each of four clips.
    assert len(set(survey.sheet(people, count=50)[1])) == 20


def test_joints_on_the_sheet_lie_on_the_person(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path)
    clips = open_data("penn", folder, "train")
    pixels, _ = survey.sheet([clips], count=1)
    # A dark picture with a white dot at the head: next to the joint drawn there, the dot is still to be seen.
    bright = np.argwhere((pixels.min(axis=2) > 180)[8:-8, 8:-8])
    assert len(bright) > 0


def test_a_sheet_passes_over_damaged_pictures_and_needs_somebody(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path)
    clips = open_data("penn", folder, "train")
    for name in ("0001", "0003"):
        for picture in sorted((folder / "frames" / name).iterdir())[1:]:
            picture.write_bytes(b"")
    names = survey.sheet([clips], count=2)[1]
    assert set(names) == {"penn/0001/0", "penn/0003/0"}
    with pytest.raises(InputError, match="nobody is there who could be shown on a sheet"):
        survey.sheet([])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "place", "splits", "videos"),
    [
        ("lspet", "lspet", ("train", "heldout"), [7995, 749]),
        ("coco-style", "real_persons", ("persons",), [54]),
        ("jhmdb", "jhmdb_recovered", ("test1",), [112]),
    ],
)
def test_real_folders_are_sound_and_show_persons(
    name: str, place: str, splits: tuple[str, ...], videos: list[int]
) -> None:
    folder = Path(os.environ["CHRONOPOSE_DATA"]) / place
    report = check(name, folder, *splits)
    assert report.damage == 0
    assert [counts.videos for counts in report.counts.values()] == videos
    assert len(survey.sheet([open_data(name, folder, splits[0])])[1]) == 24
