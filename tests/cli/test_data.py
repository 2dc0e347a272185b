"""`data info` tells what can be read and how it must lie; `data check` tells what is there and what is wrong."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.cli.__main__ import run
from chronopose.core.skeleton import SKELETONS
from chronopose.data.catalogue import CATALOGUE
from tests.data import coco_folder, penn_folder
from tests.data.labelled_folders import posetrack, rendered


@pytest.fixture
def penn(tmp_path: Path) -> Path:
    return penn_folder.write(tmp_path / "penn")


def cut_short(folder: Path, *numbers: int) -> None:
    for number in numbers:
        picture = folder / "frames" / "0001" / f"{number:06d}.jpg"
        picture.write_bytes(picture.read_bytes()[:200])


def test_info_lists_every_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "info"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["name", "of", "skeleton"]
    assert [line.split()[0] for line in lines] == list(CATALOGUE)
    assert run(["data", "info", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(CATALOGUE)


def test_info_of_one_tells_layout_terms_and_splits(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "info", "jhmdb"]) == 0
    told = capsys.readouterr().out
    for part in (
        "Towards Understanding Action Recognition",
        "joint_positions.mat",
        "research use",
        "train1 train2 train3",
    ):
        assert part in told
    assert run(["data", "info", "penn", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["joints"] == list(SKELETONS["penn-13"].joints)
    assert (row["training"], row["tests"], row["of"]) == (["train"], ["test"], "videos")
    assert run(["data", "info", "coco-style"]) == 0
    assert "as the files say" in capsys.readouterr().out


def test_a_sound_folder_is_counted_and_the_exit_code_is_0(penn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "check", "penn", str(penn)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    lines = {line[:21].strip(): line[21:].split("  ") for line in told.out.splitlines()}
    assert told.out.startswith(f"Penn Action, {penn}\n")
    assert [cell.strip() for cell in lines["videos"] if cell] == ["2 of 1,258", "2 of 1,068"]
    assert re.search(r"labelled joints +120 +120\n", told.out)
    assert re.search(r"picture sizes +64x48 +64x48\n", told.out)
    assert "known, in the owners' release too: 1\n  labels/1154.mat: bbox of frame 5: no box" in told.out
    assert told.out.endswith("no damage found\n")


def test_one_split_alone(penn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "check", "penn", str(penn), "--split", "train", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["splits"]) == ["train"] and found["splits"]["train"]["frames"] == 10
    assert (found["damage"], found["defects"], found["name"]) == (0, [], "penn")


def test_damage_is_listed_with_file_and_the_exit_code_is_1(penn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut_short(penn, 2, 4)
    assert run(["data", "check", "penn", str(penn)]) == 1
    told = capsys.readouterr().out
    assert "damage: 2\n" in told and "no damage" not in told
    assert re.search(r"  frames/0001/000002\.jpg: cannot be read as a picture \(.*\)", told)
    assert run(["data", "check", "penn", str(penn), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["damage"] == 2
    (kind,) = [kind for kind in found["defects"] if not kind["known"]]
    assert (kind["count"], len(kind["first"])) == (2, 2)
    assert kind["first"][0]["file"] == str(penn / "frames" / "0001" / "000002.jpg")


def test_many_defects_are_cut_unless_all_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = penn_folder.write_clip(tmp_path, "0001", penn_folder.fields(1, length=60)) or tmp_path
    cut_short(folder, *range(1, 61))
    assert run(["data", "check", "penn", str(folder)]) == 1
    told = capsys.readouterr().out
    assert told.count("cannot be read as a picture") == 50
    assert "damage: 60\n" in told and "... and 10 more of this kind; --all prints them" in told
    assert run(["data", "check", "penn", str(folder), "--all"]) == 1
    assert capsys.readouterr().out.count("cannot be read as a picture") == 60


def test_pictures_are_decoded_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = coco_folder.write_videos(tmp_path)
    picture = folder / "images" / "1" / "2.png"
    content = bytearray(picture.read_bytes())
    content[len(content) // 2] ^= 255
    picture.write_bytes(content)
    assert run(["data", "check", "coco-style", str(folder)]) == 0
    assert run(["data", "check", "coco-style", str(folder), "--pictures"]) == 1
    assert "images/1/2.png: cannot be read" in capsys.readouterr().out


def test_a_sheet_is_drawn_and_its_persons_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = rendered(tmp_path / "rendered"), tmp_path / "sheet.png"
    assert run(["data", "check", "rendered", str(folder), "--sheet", str(file)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"wrote {file}: #0 rendered/") and "#2 rendered/" in last
    first = np.asarray(Image.open(file))
    assert first.shape[2] == 3 and first.shape[1] > 3 * 200
    for seed, same in (("0", True), ("1", False)):
        assert run(["data", "check", "rendered", str(folder), "--sheet", str(file), "--seed", seed, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["sheet"] == str(file) and len(told["persons"]) == 3
        assert np.array_equal(np.asarray(Image.open(file)), first) == same


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["peen", "."], "no data set called 'peen'; did you mean penn"),
        (["penn", "nowhere"], "nowhere: no such folder; wanted that of Penn Action"),
        (["penn", "here"], r"here: not the folder of Penn Action: looked for labels/\*\.mat; there is nothing"),
        (["penn", "here", "--sheet", "sheet.gif"], r"--sheet sheet\.gif: wanted a name ending in \.png or \.jpg"),
        (["penn", "here", "--sheet", "gone/s.png"], r"--sheet gone/s\.png: there is no folder gone; create it first"),
        (["penn", "here", "--split", "val"], "Penn Action has no split 'val'; it has train, test"),
        (["coco-style", "here", "--split", "../x"], "has no split '../x'; it has train, val, test"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    assert run(["data", "check", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and re.search(why, told.err), told.err


def test_labels_that_cannot_be_read_are_damage_and_no_figures_are_made_up(
    penn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (penn / "labels" / "0001.mat").write_bytes(b"MATLAB 5.0")
    assert run(["data", "check", "penn", str(penn)]) == 1
    told = capsys.readouterr().out
    assert "no split could be read to its end" in told and "labels/0001.mat: " in told


def test_what_is_known_is_told_in_a_few_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = posetrack(tmp_path, 2018)
    for number in range(3, 6):
        name = f"annotations/train/{number:06d}_bonn_train.json"
        shutil.copy(folder / "annotations/train/000001_bonn_train.json", folder / name)
    assert run(["data", "check", "posetrack18", str(folder)]) == 0
    told = capsys.readouterr().out
    assert told.count("of 7 frames were not labelled") == 3 and "... and 4 more of this kind; --all" in told
    assert run(["data", "check", "posetrack18", str(folder), "--all"]) == 0
    assert capsys.readouterr().out.count("of 7 frames were not labelled") == 7


def test_a_sheet_of_nobody_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = coco_folder.write(tmp_path / "coco")
    for file in (folder / "annotations").iterdir():
        content = json.loads(file.read_text())
        file.write_text(json.dumps(content | {"annotations": []}))
    file = tmp_path / "sheet.png"
    assert run(["data", "check", "coco", str(folder), "--sheet", str(file)]) == 0
    assert capsys.readouterr().out.endswith(f"did not write {file}: nobody is there who could be shown\n")
    assert not file.exists()
