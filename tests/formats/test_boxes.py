"""Boxes from CSV, MOTChallenge text and JSON; what is wrong is named by line and field."""

import copy
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.formats import coco, posetrack, table
from chronopose.formats.boxes import Boxes, read_boxes

from .test_coco import change
from .test_table import INFO, three_frames

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plain(boxes: Boxes) -> dict[int, list[tuple[list[float], float, int]]]:
    for xyxy, score, track in boxes.values():
        assert (xyxy.dtype, score.dtype, track.dtype) == (np.float32, np.float32, np.int64)
        assert xyxy.shape == (len(score), 4) and len(score) == len(track)
    return {f: [(b.tolist(), float(s), int(t)) for b, s, t in zip(*rows)] for f, rows in boxes.items()}


def read(tmp_path: Path, text: str) -> dict[int, list[tuple[list[float], float, int]]]:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    return plain(read_boxes(tmp_path / "a.csv"))


def test_named_columns(tmp_path: Path) -> None:
    text = "x1, frame,y1,x2,y2,score,track,note\n# comment\n\n1.5,4,2,3,4,0.5,7,ü\n1,0,2,3,4,,,\r\n0,4,0,1,1,1,-1,\n"
    assert read(tmp_path, text) == {
        0: [([1, 2, 3, 4], 1, -1)],
        4: [([1.5, 2, 3, 4], 0.5, 7), ([0, 0, 1, 1], 1, -1)],
    }
    assert read(tmp_path, "\ufeffframe,x1,y1,x2,y2\n3,1,2,3,4") == {3: [([1, 2, 3, 4], 1, -1)]}
    assert read(tmp_path, "") == {}
    assert read(tmp_path, "frame,x1,y1,x2,y2\n") == {}


def test_motchallenge_counts_from_one(tmp_path: Path) -> None:
    text = "1,-1,11,21,30,40,-1,-1,-1,-1\n3,8,1,1,2,2,0.25\n3,9,1,1,2,2,37.5\n4,9,1,1,2,2\n"
    assert read(tmp_path, text) == {
        0: [([10, 20, 40, 60], 1, -1)],
        2: [([0, 0, 2, 2], 0.25, 8), ([0, 0, 2, 2], 1, 9)],
        3: [([0, 0, 2, 2], 1, 9)],
    }


@quick
@given(rows=st.lists(st.tuples(st.integers(0, 10**9), st.floats(-1e6, 1e6, width=32), st.integers(-1, 99)), max_size=9))
def test_what_is_written_is_read(tmp_path: Path, rows: list[tuple[int, float, int]]) -> None:
    text = "frame,x1,y1,x2,y2,score,track\n" + "".join(f"{f},{x!r},0,{x + 1!r},1,0.5,{t}\n" for f, x, t in rows)
    got = read(tmp_path, text)
    assert list(got) == sorted({frame for frame, _, _ in rows})
    wanted = [([x, 0.0, float(np.float32(x + 1)), 1.0], 0.5, t) for _, x, t in sorted(rows, key=lambda row: row[0])]
    assert [row for found in got.values() for row in found] == wanted


def test_our_own_files_give_their_boxes(tmp_path: Path) -> None:
    wanted = {0: [([0, 0, 2, 2], 1, 1)], 2: [([0, 0, 2, 2], 1, 1), ([0, 0, 2, 2], 1, 2)]}
    table.write_csv(three_frames(), tmp_path / "a.csv")
    coco.write(three_frames(), tmp_path / "b.json")
    posetrack.write(three_frames(), tmp_path / "c.json")
    for name in ("a.csv", "b.json", "c.json"):
        assert plain(read_boxes(tmp_path / name, replace(INFO, frames=3))) == wanted
        with pytest.raises(InputError, match="frame 2; the video has 2"):
            read_boxes(tmp_path / name, replace(INFO, frames=2))


NAMES = "frame,x1,y1,x2,y2,score,track\n"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("frame,x1,y1,x2\n1,2,3,4\n", "no column 'y2'"),
        ("frame,x1,y1,x2,y2,x1\n", "same name"),
        (NAMES + "0,0,0,1,1,1,1\n0,0,0,1\n", "line 3: 4 fields"),
        (NAMES + "#\n\n0,zero,0,1,1,1,1\n", "line 4: x1 is 'zero'"),
        (NAMES + "0,nan,0,1,1,1,1\n", "x1 is 'nan'"),
        (NAMES + "0,0,0,inf,1,1,1\n", "x2 is 'inf'"),
        (NAMES + "0,0,0,1e30,1,1,1\n", "x2 is '1e30'"),
        (NAMES + "0,0,0,1,,1,1\n", "y2 is ''"),
        (NAMES + "0.5,0,0,1,1,1,1\n", "frame is '0.5'"),
        (NAMES + "-1,0,0,1,1,1,1\n", "frame is '-1'"),
        (NAMES + "9" * 5000 + ",0,0,1,1,1,1\n", "frame is '999"),
        (NAMES + "0,0,0,1,1,good,1\n", "score is 'good'"),
        (NAMES + "0,0,0,1,1,1,x\n", "track is 'x'"),
        (NAMES + "0,5,0,1,1,1,1\n", "line 2: the box 5,0,1,1 is empty"),
        ("1,2,3\n", "line 1: 3 fields"),
        ("0,1,1,1,2,2,1\n", "line 1: frame is '0'"),
        ("1,1,1,1,2,2,1\n1,1,1,1,-2,2,1\n", "line 2: the box"),
        ("1,1,1,a,2,2,1\n", "line 1: y is 'a'"),
        ("1," + "1" * 200_000 + "\n", "not readable as CSV"),
        ('{"images": []}', "no column 'frame'"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError, match=re.escape(word)) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "a.csv"))
    assert len(message.splitlines()) == 1
    assert len(message) < 300


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("annotations.0.bbox", ..., "annotations[0].bbox"),
        ("annotations.0.bbox", [1, 2, 0, 5], "annotations[0].bbox"),
        ("annotations.0.bbox", [1, 2, "3", 5], "annotations[0].bbox[2]"),
        ("annotations.0.score", [], "annotations[0].score"),
        ("annotations.0.image_id", 77, "annotations[0].image_id"),
        ("annotations", ..., "annotations"),
        ("images", ..., "images"),
        ("annolist", [], "heads"),
    ],
)
def test_wrong_json_is_named(tmp_path: Path, path: str, value: object, word: str) -> None:
    coco.write(three_frames(), tmp_path / "a.json")
    content = copy.deepcopy(json.loads((tmp_path / "a.json").read_text()))
    change(path, value)(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=re.escape(word)) as caught:
        read_boxes(tmp_path / "a.json")
    assert len(str(caught.value).splitlines()) == 1


def test_garbage_and_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\x00\xfe" * 100)
    with pytest.raises(InputError, match="not readable as CSV"):
        read_boxes(tmp_path / "a")
    with pytest.raises(InputError, match="No such file"):
        read_boxes(tmp_path / "none")
