"""The gallery shows the worst key frames, worst first, with truth and prediction where they are."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.evaluation.gallery import worst, write_gallery
from chronopose.evaluation.persons import answer
from tests.evaluation.drawn import as_data, drawn_people, middle, true_answers, walking


def test_the_worst_come_first() -> None:
    answers = true_answers(drawn_people())
    size = (answers.box[:, 2:] - answers.box[:, :2]).max(axis=1)
    answers.xy[4, :, 0] += 0.5 * size[4]
    answers.xy[1, 3, 0] += 1.5 * size[1]  # a tenth of a size on the mean of its joints
    answers.xy[2] = np.inf
    rows, error = worst(answers, 3)
    assert rows[:2].tolist() == [4, 1] and 2 not in rows
    np.testing.assert_allclose(error[4], 0.5, atol=1e-5)
    assert error[1, 3] == pytest.approx(1.5, abs=1e-5) and np.isnan(error[2]).all()
    hidden = replace(answers, visible=np.arange(15) != np.full((6, 1), 3))
    rows, error = worst(hidden, 99)
    assert rows[0] == 4 and len(rows) == 5 and np.nanmax(error[1]) == pytest.approx(0, abs=1e-6)


def test_pictures_and_an_index(tmp_path: Path) -> None:
    data = as_data(walking(tmp_path, "a", [(40, 40)] * 4, error_px=12))
    answers = answer(middle(), data)
    assert write_gallery(tmp_path / "gallery", data, answers, 3) == 3
    with (tmp_path / "gallery" / "index.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["frame"] for line in lines] == ["1", "3", "0"]
    assert lines[0] == {
        "file": "001_walkers_a_1.png", "name": "walkers/a/1", "video": "a", "frame": "1", "person": "0",
        "error": "0.6000", "worst_joint": lines[0]["worst_joint"], "worst_error": "0.6000",
    }  # fmt: skip
    assert lines[0]["worst_joint"] in data.skeleton.joints
    assert {path.name for path in (tmp_path / "gallery").iterdir()} == {line["file"] for line in lines} | {"index.csv"}
    # 20 px of a box and 0.7 times that around are 448 px: the truth's joints stand 12 px to the right of the middle.
    shown = np.asarray(Image.open(tmp_path / "gallery" / lines[0]["file"]))
    assert shown.shape == (460, 914, 3)
    off = round(12 * 448 / (20 * 1.7))
    light = [[bool((shown[230, left + place] > 180).all()) for place in (224, 224 + off)] for left in (6, 460)]
    assert light == [[False, True], [True, False]]


def test_names_from_annotations_name_no_other_folder(tmp_path: Path) -> None:
    video = replace(walking(tmp_path, "a", [(40, 40)]), name="../../outside/é \n")
    data = as_data(video)
    write_gallery(tmp_path / "gallery", data, answer(middle(), data))
    files = sorted(path.name for path in (tmp_path / "gallery").iterdir())
    assert files == ["001_walkers_.._.._outside_0.png", "index.csv"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    data = as_data(walking(tmp_path, "a", [(40, 40)]))
    answers = answer(middle(), data)
    for name in ("full", "full/mine.txt"):
        with pytest.raises(InputError, match="is there already; wanted a new or empty folder"):
            write_gallery(tmp_path / name, data, answers)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert write_gallery(tmp_path / "empty", data, answers) == 1
