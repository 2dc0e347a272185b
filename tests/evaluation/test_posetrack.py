"""Folders of PoseTrack files are scored by the rules of each year, and what is wrong with them is named."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.evaluation import posetrack
from chronopose.evaluation.posetrack import PoseTrackScore, Year, evaluate
from tests.evaluation.posetrack_folders import (
    JOINTS,
    Frames,
    Person,
    annolist,
    images,
    scored,
    standing,
    write,
)

NOSE = JOINTS.index("nose")
EVERYWHERE = np.array([[-1.0, -1], [5000, -1], [5000, 5000], [-1, 5000]])
NOBODY = Person(track_id=3, xy=np.full((15, 2), np.nan))


def score(
    folder: Path, truth: dict[str, Any], found: dict[str, Any], year: Year = 18, **options: Any
) -> PoseTrackScore:
    return evaluate(write(folder / "truth", truth), write(folder / "found", found), year, **options)


def counts(result: PoseTrackScore) -> list[float]:
    """True, predicted and right joints; true joints, pairs, misses and extra joints of tracking: of every joint."""
    tracked = result.tracked
    rows = np.array(
        [result.truths, result.found, result.right, tracked.truths, tracked.pairs, tracked.misses, tracked.extra]
    )
    np.testing.assert_array_equal(rows, np.repeat(rows[:, :1], 15, axis=1))
    return [float(row[0]) for row in rows]


def walk(frames: int = 4, persons: int = 2) -> list[list[Person]]:
    return [[standing(100 + 200 * k + 3.5 * t, track_id=k) for k in range(persons)] for t in range(frames)]


def answers(truth: Frames, shift: float = 4.25) -> list[list[Person]]:
    """Everybody a little beside the truth, by other ids, worse scores from frame to frame."""
    return [
        [scored(Person(track_id=40 - (p.track_id or 0), xy=p.xy + shift), 1 - 0.1 * t) for p in frame[::-1]]
        for t, frame in enumerate(truth)
    ]


@pytest.mark.parametrize("year", [17, 18, 21])
def test_everybody_found_is_perfect(tmp_path: Path, year: Year) -> None:
    truth = walk()
    result = score(tmp_path, images(truth, labelled=[True] * 4), images(answers(truth)), year)
    assert result.frames == 4 and list(result.sequences) == ["000042_mpii_test"]
    assert counts(result) == [8, 8, 8, 6, 6, 0, 0]
    for name in ("ap", "precision", "recall", "mota", "mot_precision", "mot_recall"):
        assert result.tables[name].mean == 100
    assert result.tables["motp"].mean == pytest.approx(100 * (1 - np.hypot(4.25, 4.25) / 30))
    if year == 21:
        # 6.01 px are 0.599 alike: enough for 11 of 19 thresholds.
        assert result.hota["AssA"].mean == pytest.approx(100 * 11 / 19)
        assert result.hota_totals["HOTA"] == pytest.approx(100 * 11 / 19)
    else:
        assert result.hota == result.hota_totals == {}


def test_both_styles_give_the_same_figures(tmp_path: Path) -> None:
    truth = walk(5, 3)
    found = answers(truth, 12.0)
    found[2] = found[2][:1]
    triangle = np.array([[90.0, 250], [180, 250], [90, 700]])
    regions = {1: [triangle], 3: [triangle, triangle + 200]}
    first = score(tmp_path / "18", images(truth, regions=regions), images(found))
    second = score(tmp_path / "17", annolist(truth, regions=regions), annolist(found), 17)
    mixed = score(tmp_path / "mixed", annolist(truth, regions=regions), images(found), 17)
    assert first.truths.sum() < 15 * 15
    for other in (second, mixed):
        for name, figure in first.tables.items():
            np.testing.assert_array_equal(other.tables[name].joints, figure.joints)


def test_frames_without_persons_cost_nothing(tmp_path: Path) -> None:
    truth = walk(5)
    found = answers(truth)
    truth[1], truth[4] = [], []
    result = score(tmp_path, images(truth), images(found))
    assert result.frames == 3
    assert counts(result) == [6, 6, 6, 4, 4, 0, 0]  # and the last of the three frames left is not tracked


def test_a_person_without_joints_keeps_the_frame(tmp_path: Path) -> None:
    found = answers(walk(3))
    truth: list[list[Person]] = [[NOBODY], *walk(2)]
    # 2018: the person stays, with no joints. All predictions of the frame are too many.
    assert counts(score(tmp_path / "18", images(truth), images(found)))[:3] == [4, 6, 4]
    assert counts(score(tmp_path / "a", images(truth), images(found)))[3:] == [2, 2, 0, 2]
    # 2017: a person with an empty list likewise; one with none is taken away, and the frame is empty on one side.
    assert counts(score(tmp_path / "17", annolist(truth), annolist(found)))[3:] == [2, 2, 0, 2]
    without = annolist(truth)
    without["annolist"][0]["annorect"] = [{"annopoints": []}]
    result = score(tmp_path / "none", without, annolist(found), 17)
    assert result.frames == 3
    assert counts(result) == [4, 6, 4, 3, 2, 1, 1]


def test_a_frame_emptied_by_ignore_regions_still_counts(tmp_path: Path) -> None:
    truth = walk(3)
    left = np.array([[0.0, 0], [200, 0], [200, 5000], [0, 5000]])  # around the first person
    found = [[*frame] for frame in answers(truth)]
    truth[0] = truth[0][:1]
    result = score(tmp_path, images(truth, regions={0: [left]}), images(found))
    # The second person's prediction in frame 0 is wrong; tracking counts the frame as one miss and one extra.
    assert result.frames == 3
    assert counts(result) == [4, 5, 4, 3, 2, 1, 1]
    both = score(tmp_path / "both", images(walk(3), regions={0: [EVERYWHERE]}), images(found))
    assert counts(both) == [4, 4, 4, 3, 2, 1, 1]


def test_the_labels_of_2021_say_which_frames_count(tmp_path: Path) -> None:
    truth = walk(4)
    found = answers(truth)
    truth[1] = []
    # Frame 1 is labelled and shows nobody, frame 3 shows persons and is not labelled.
    result = score(tmp_path, images(truth, labelled=[True, True, True, False]), images(found), 21)
    assert result.frames == 3
    assert counts(result)[:3] == [4, 6, 4]
    assert result.hota["DetPr"].mean == pytest.approx(100 * 2 / 3 * 11 / 19)


def test_which_joints_exist(tmp_path: Path) -> None:
    # (0, 0) with flag 0 is absent, with flag 1 present; coordinates with flag 0 are present.
    truth = standing(100, x_y_v={"nose": (0, 0, 0), "head_top": (0, 0, 1), "left_knee": (100.0, 460.0, 0)})
    found = scored(standing(100, x_y_v={"right_hip": (0, 0, 1), "left_hip": (100.0, -20.0, 1)}), 1)
    wanted = np.ones(15)
    old = score(tmp_path / "18", images([[truth]]), images([[found]]))
    wanted[NOSE] = 0
    np.testing.assert_array_equal(old.truths, wanted)
    np.testing.assert_array_equal(old.found, np.ones(15))
    new = score(tmp_path / "21", images([[truth]], labelled=[True]), images([[found]]), 21)
    wanted[JOINTS.index("head_top")] = 0
    np.testing.assert_array_equal(new.truths, wanted)
    hips = [JOINTS.index("right_hip"), JOINTS.index("left_hip")]
    assert np.flatnonzero(new.found == 0).tolist() == hips
    # A joint with a prediction and no label: NaN before 2021, 0 since.
    assert np.isnan(old.tables["ap"].joints[NOSE]) and new.tables["ap"].joints[NOSE] == 0
    assert np.isnan(old.tables["recall"].joints[NOSE]) and new.tables["recall"].joints[NOSE] == 0


def test_a_dummy_joint_in_the_corner_is_a_joint_of_2017(tmp_path: Path) -> None:
    corner = np.full((15, 2), np.nan)
    corner[0] = 0
    dummy = scored(Person(track_id=0, xy=corner), -100)
    result = score(tmp_path, annolist([[standing(100)], [standing(100)]]), annolist([[dummy], [dummy]]), 17)
    assert result.found.tolist() == [2] + [0] * 14
    assert result.tracked.extra.tolist() == [1] + [0] * 14 and result.tracked.misses.tolist() == [1] * 15


def test_sequences_are_scored_alone_and_together(tmp_path: Path) -> None:
    truth = walk(3)
    for name, shift in (("000001_mpii_test", 0.0), ("000002_mpii_test", 500.0)):
        write(tmp_path / "truth", images(truth, sequence=name), name)
        write(tmp_path / "found", images(answers(truth, shift), sequence=name), name)
    empty = images([[], []], sequence="000003_mpii_test")
    write(tmp_path / "truth", empty, "000003_mpii_test")
    write(tmp_path / "found", empty, "000003_mpii_test")
    done: list[int] = []
    result = evaluate(tmp_path / "truth", tmp_path / "found", 18, progress=done.append)
    assert done == [1, 1, 1]
    assert {name: one.tables["ap"].mean for name, one in result.sequences.items()} == {
        "000001_mpii_test": 100.0, "000002_mpii_test": 0.0,
    }  # fmt: skip
    assert result.frames == 6
    assert result.tables["mota"].mean == 0  # 8 joints: 4 missed, 4 too many
    # Equal scores in both: half of the predictions of each step are right.
    assert result.tables["ap"].mean == pytest.approx(25)


def test_several_processes_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posetrack, "PROCESS_BYTES", 1)
    truth = walk(3)
    for index in range(3):
        name = f"{index:06d}_mpii_test"
        write(tmp_path / "truth", images(truth, sequence=name), name)
        write(tmp_path / "found", images(answers(truth, 4.0 * index), sequence=name), name)
    one = evaluate(tmp_path / "truth", tmp_path / "found", 18)
    two = evaluate(tmp_path / "truth", tmp_path / "found", 18, workers=2)
    assert list(two.sequences) == list(one.sequences)
    for name, figure in one.tables.items():
        np.testing.assert_array_equal(two.tables[name].joints, figure.joints)


def test_a_sequence_of_one_frame_is_judged_and_not_tracked(tmp_path: Path) -> None:
    truth = walk(1)
    result = score(tmp_path, images(truth), images(answers(truth)))
    assert result.tables["ap"].mean == 100
    assert np.isnan(result.tables["mota"].mean)


def test_joints_without_scores_rank_last_and_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    truth = walk(2)
    found = [[scored(person, -500) for person in frame] for frame in truth]
    found[0].append(Person(track_id=9, xy=truth[0][0].xy + 400, head=None))  # without scores, and wrong
    with caplog.at_level(logging.WARNING):
        result = score(tmp_path, images(truth), images(found))
    (record,) = caplog.records
    assert record.getMessage().endswith(
        "15 predicted joints have no score (scores); each gets -9999, as in the official tool"
    )
    assert result.tables["ap"].mean == 100 and result.tables["precision"].mean == 80


@pytest.mark.parametrize("first", [0, 1, 41])
def test_frames_may_be_counted_from_another_number(tmp_path: Path, first: int) -> None:
    truth = walk(3)
    assert score(tmp_path, images(truth), images(answers(truth), first=first)).tables["ap"].mean == 100


# What can be wrong ------------------------------------------------------------------------------------------------


def good() -> tuple[dict[str, Any], dict[str, Any]]:
    truth = walk(3)
    return images(truth, labelled=[True] * 3), images(answers(truth))


def fails(tmp_path: Path, truth: dict[str, Any], found: dict[str, Any], year: Year = 18) -> str:
    with pytest.raises(InputError) as error:
        score(tmp_path, truth, found, year)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(tmp_path), "")


def test_folders_and_files_that_are_not_there(tmp_path: Path) -> None:
    truth, empty = write(tmp_path / "truth", good()[0]), tmp_path / "empty"
    empty.mkdir()
    for wrong, message in (
        ((tmp_path / "nowhere", truth), "nowhere: no such folder"),
        ((truth, tmp_path / "nowhere"), "nowhere: no such folder"),
        ((empty, truth), r"empty: no \.json files"),
        ((truth, empty), r"empty/000042_mpii_test\.json: no such file; .* wants predictions of the same name"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate(*wrong, 18)


def test_other_frames_than_those_of_the_truth(tmp_path: Path) -> None:
    truth, found = good()
    fewer = {**found, "images": found["images"][:2], "annotations": found["annotations"][:4]}
    assert fails(tmp_path, truth, fewer) == "/found/000042_mpii_test.json: 2 frames; the truth has 3"
    gap = {**found, "images": [dict(image) for image in found["images"]]}
    gap["images"][2]["file_name"] = "images/val/000042_mpii_test/000007.jpg"
    assert "frame 2 (counted from 0) is picture 7; the truth's is 2" in fails(tmp_path, truth, gap)
    turned = {**found, "images": found["images"][::-1]}
    assert "expected the same frames in the same order" in fails(tmp_path, truth, turned)


def test_nothing_to_judge(tmp_path: Path) -> None:
    empty = images([[], []], labelled=[False] * 2)
    assert "none of its 1 files has a labelled frame" in fails(tmp_path, empty, images([[], []]))
    assert "none of its 1 files has a labelled frame" in fails(tmp_path, empty, images([[], []]), 21)


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.pop(key)


def put(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update({key: value})


@pytest.mark.parametrize(
    ("side", "key", "change", "message"),
    [
        ("found", "annotations", drop("track_id"), "annotations[1].track_id: expected a whole number"),
        ("truth", "annotations", drop("track_id"), "annotations[1].track_id: expected a whole number"),
        ("found", "annotations", put("track_id", 10_000), "to 9999, got 10000"),
        ("found", "annotations", put("track_id", 39), "annotations[1].track_id: 39 is there twice in the same frame"),
        ("truth", "annotations", put("track_id", 0), "track_id: 0 is there twice in frame 0"),
        ("truth", "annotations", drop("bbox_head"), "annotations[1]: a person with joints and without a head box"),
        ("truth", "annotations", put("bbox_head", [1, 2]), "bbox_head: expected a list of 4 numbers, got a list of 2"),
        ("found", "annotations", drop("keypoints"), "keypoints: expected a list of 51 numbers, got nothing"),
        ("found", "annotations", put("keypoints", [1.0] * 50), "expected a list of 51 numbers, got a list of 50"),
        ("found", "annotations", put("keypoints", ["1"] * 51), "keypoints[0]: expected a number"),
        ("found", "annotations", put("scores", [1.0] * 15), "scores: expected a list of 17 numbers, got a list of 15"),
        ("found", "annotations", put("image_id", 5), "annotations[1].image_id: no image has the id 5"),
        ("found", "images", put("id", 10_000_420_000), "images[1].id: 10000420000 is the id of an earlier image too"),
        ("found", "images", put("file_name", "images/val/000043_mpii_test/000001.jpg"), "images: 2 sequences"),
        ("truth", "images", put("is_labeled", "yes"), "images[1].is_labeled: expected true or false, got 'yes'"),
        ("truth", "images", drop("is_labeled"), "images[1].is_labeled: expected true or false, got nothing"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(
    tmp_path: Path, side: str, key: str, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    truth, found = good()
    change({"truth": truth, "found": found}[side][key][1])
    told = fails(tmp_path, truth, found, 21)
    assert told.startswith(f"/{side}/000042_mpii_test.json: ")
    assert message in told


def test_the_category_names_the_joints(tmp_path: Path) -> None:
    truth, found = good()
    assert "categories: expected a list of objects, got nothing" in fails(
        tmp_path, truth, {key: value for key, value in found.items() if key != "categories"}
    )
    assert "categories: expected one" in fails(tmp_path, truth, found | {"categories": found["categories"] * 2})
    names = ["left_eye" if name == "head_top" else name for name in found["categories"][0]["keypoints"]]
    other = found | {"categories": [{"id": 1, "name": "person", "keypoints": names}]}
    assert "categories[0].keypoints: expected all of PoseTrack's joints, head_top is missing" in fails(
        tmp_path, truth, other
    )


def test_regions_that_do_not_fit(tmp_path: Path) -> None:
    truth, found = good()
    picture = truth["images"][0]
    picture |= {"ignore_regions_x": [[1, 2, 3]], "ignore_regions_y": [[1, 2]]}
    assert "images[0].ignore_regions_y[0]: expected a list of 3 numbers, got a list of 2" in fails(
        tmp_path, truth, found
    )
    picture |= {"ignore_regions_y": []}
    assert "images[0].ignore_regions_x, _y: expected two lists of equally many" in fails(tmp_path, truth, found)


def test_hostile_sizes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, found = good()
    monkeypatch.setattr(posetrack, "MOST_PAIRS", 11)
    assert "found/000042_mpii_test.json: 12 pairs of true and predicted persons; at most 11" in fails(
        tmp_path, truth, found
    )
    truth["images"][0] |= {f"ignore_regions_{axis}": [list(range(10_001))] for axis in "xy"}
    assert "an ignore region of 10001 corners; at most 10000" in fails(tmp_path, truth, found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("annopoints", [{"point": [{"id": [15], "x": [1], "y": [1]}]}]), "point[0].id: expected a whole number"),
        (put("annopoints", [{"point": [{"id": [1], "x": [1], "y": []}]}]), "point[0]: expected numbers x and y"),
        (put("annopoints", [5]), "annopoints: expected a list of one object"),
        (put("annopoints", [{"point": 5}]), "point: expected a list of objects"),
        (put("track_id", []), "annorect[1].track_id: expected a whole number"),
        (put("track_id", [39]), "annorect[1].track_id: 39 is there twice"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_2017_is_named(tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    truth = walk(3)
    found = annolist(answers(truth))
    change(found["annolist"][0]["annorect"][1])
    told = fails(tmp_path, annolist(truth), found, 17)
    assert told.startswith("/found/000042_mpii_test.json: annolist[0].annorect[1]")
    assert message in told
