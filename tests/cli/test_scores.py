"""Tables of scores: every result has its rows, many videos are told by the worst, and unknown figures are null."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chronopose.cli.scores import as_json, number, tables, write_videos
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.videos import Key
from chronopose.evaluation.coco import FIGURES, AveragePrecision
from chronopose.evaluation.judging import Result
from chronopose.evaluation.persons import Answers, score
from chronopose.evaluation.temporal import gain
from chronopose.evaluation.videos import by_video
from chronopose.metrics.conventions import BOX, TIGHT


def answers(videos: int, off_px: float) -> Answers:
    """Three frames of one person in each video, the error growing from video to video."""
    keys = tuple(Key(f"v{video}", frame, 0) for video in range(videos) for frame in range(3))
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 100, (len(keys), 15, 2))
    xy = truth + np.array([off_px, 0]) * np.repeat(np.arange(videos), 3)[:, None, None]
    box = np.tile([0.0, 0.0, 100.0, 100.0], (len(keys), 1))
    return Answers(
        skeleton=POSETRACK_15, xy=xy, sigma=np.full_like(xy, 5.0), truth=truth, visible=np.ones(xy.shape[:2], bool),
        box=box, keys=keys,
    )  # fmt: skip


def result(videos: int, off_px: float, base: Answers | None = None) -> Result:
    mine = answers(videos, off_px)
    return Result(
        score=score(mine, counted_as=(BOX, TIGHT)),
        videos=by_video(mine, BOX),
        gain=None if base is None else gain(mine, base, BOX, np.random.default_rng(0)),
    )


def test_every_result_has_its_rows() -> None:
    told = tables({"one": result(2, 30), "two": result(2, 5, answers(2, 30))})
    for line in ("one, box @0.2 ", "two, box @0.05 ", "one, tight @0.2 "):
        assert sum(row.startswith(line) for row in told.splitlines()) == 1
    assert "6 persons\n" in told and "one, box\njoint" in told
    assert told.count("acceleration error ") == 2
    (base, more) = (
        [line for line in told.splitlines() if line.startswith(start)] for start in ("one  ", "  difference")
    )
    assert base[-1].split() == ["one", "50.0", "50.0", "50.0"]
    assert more[0].split()[:2] == ["difference", "+50.0"]


def test_of_many_videos_the_worst_are_told() -> None:
    told = tables({"it": result(20, 1.5)})
    rows = told[told.index("it, box, mean over points: the worst 12 of 20 videos") :].splitlines()
    assert rows[1].split()[:3] == ["video", "persons", "@0.2"]
    assert len(rows) == 14
    assert {row.split()[0] for row in rows[2:8]} == {f"v{video}" for video in range(14, 20)}  # over 20 px off
    assert "videos" not in tables({"it": result(1, 1)})


def test_all_videos_are_in_the_file(tmp_path: Path) -> None:
    write_videos({"a": result(20, 1.5), "b": result(20, 0)}, tmp_path / "videos.csv")
    with (tmp_path / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert (rows[19]["video"], rows[19]["pck@0.2"], rows[39]["pck@0.2"]) == ("v19", "0.0", "1.0")
    assert float(rows[0]["error_px"]) == pytest.approx(0)


def test_average_precision_says_over_which_joints() -> None:
    figures = AveragePrecision(figures=dict.fromkeys(FIGURES, 0.5), persons=9, joints=13, of=17)
    fewer = replace(result(1, 1), official=figures)
    assert "9 persons, 13 of 17 joints (those that the model has)\nOKS" in tables({"it": fewer})
    assert as_json(fewer)["oks"]["AP"] == 0.5
    every = replace(fewer, official=replace(figures, joints=17))
    assert "9 persons\nOKS" in tables({"it": every})


def test_values_are_json_and_unknown_ones_null() -> None:
    assert number(float("nan")) is None and number(np.float32(0.5)) == 0.5
    unknown = answers(1, 0)
    unknown.truth[:, 3] = np.nan
    value = as_json(Result(score=score(unknown, counted_as=(BOX,))))
    again = json.loads(json.dumps(value, allow_nan=False))
    assert again["pck"]["box"]["0.2"]["joints"][POSETRACK_15.joints[3]] is None
    assert again["calibration"]["inside"] == {"0.5": 1.0, "1": 1.0, "1.5": 1.0, "2": 1.0, "3": 1.0}
    assert set(again["calibration"]["error"]) == {"normal", "laplace"}
    assert again["jitter"]["joints"][POSETRACK_15.joints[0]]["error_px"] == 0
