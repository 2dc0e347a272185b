"""`eval` prints the figures of the library, for a data set and for a video."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.core.types import PoseSequence
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople, truth
from chronopose.evaluation.persons import evaluate, mean_pose, score
from chronopose.inference.estimator import load
from tests.inference.tiny_pose import save_tiny


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture(scope="module")
def video() -> PoseSequence:
    """Two persons in each of 8 frames."""
    return truth(SyntheticConfig(seed=1, frames=8, width=128, height=96, people=(2, 2), motions=("waving",)), 0)


def test_a_model_and_the_baseline_on_drawn_people(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", weights, "--limit", "3", "--seed", "1001", "--baseline", "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    assert list(found) == ["tiny", "mean pose"]
    judged = SyntheticPeople(SyntheticConfig(seed=1001, clips=500))
    wanted = evaluate(load(weights).predictor, judged, limit=3)
    assert found["tiny"]["samples"] == 3
    assert found["tiny"]["inside_one_sigma"] == pytest.approx(wanted.inside_one_sigma, abs=0.02)
    for size in ("tight", "box", "torso"):
        assert list(found["tiny"]["pck"][size]) == ["0.2", "0.1", "0.05"]
        share = found["tiny"]["pck"][size]["0.2"]["mean_points"]
        assert share == pytest.approx(wanted.by_size[size].mean_points[0], abs=0.03)
    learned = SyntheticPeople(SyntheticConfig(seed=1, clips=500))
    mean = score(mean_pose(learned, judged, 3)).by_size["tight"]
    assert found["mean pose"]["pck"]["tight"]["0.2"]["mean_joints"] == pytest.approx(mean.mean_joints[0], abs=1e-6)
    assert found["mean pose"]["inside_one_sigma"] is None


def test_the_table_for_people_has_the_same_figures(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", weights, "--limit", "2", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["tiny"]
    assert run(["eval", weights, "--limit", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 persons"
    (row,) = [line for line in lines if line.startswith("tiny, box @0.2 ")]
    assert row.split()[-1] == f"{100 * wanted['pck']['box']['0.2']['mean_points']:.1f}"
    assert lines[-1] == f"tiny: {100 * wanted['inside_one_sigma']:.1f} % of coordinates inside one sigma"


def test_saved_poses_against_their_truth(
    video: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = replace(
        video, frames=tuple(replace(frame, poses=frame.poses[: 1 if frame.frame == 2 else 2]) for frame in video)
    )
    formats.write(missing, tmp_path / "poses.csv")
    formats.write(video, tmp_path / "truth.parquet")
    command = ["eval", "--poses", str(tmp_path / "poses.csv"), "--truth", str(tmp_path / "truth.parquet")]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "persons": 16, "found": 15, "extra": 0, "switches": 0, "pck_box": {"0.2": 1.0, "0.1": 1.0, "0.05": 1.0},
    }  # fmt: skip
    assert run(command) == 0
    told = capsys.readouterr().out
    assert told.startswith("found 15 of 16 persons (93.8 %), 0 extra, 0 id switches; of those found: PCK@0.2 100.0 %")


def test_poses_of_another_video_are_refused(
    video: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(replace(video, frames=video.frames[:5]), tmp_path / "poses.csv")
    formats.write(video, tmp_path / "truth.csv")
    assert run(["eval", "--poses", str(tmp_path / "poses.csv"), "--truth", str(tmp_path / "truth.csv")]) == 1
    assert "5 frames of poses against 8 of truth" in capsys.readouterr().err
