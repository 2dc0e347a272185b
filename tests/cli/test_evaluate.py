"""`eval` prints the figures of the library, for a data set and for a video."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.core.types import PoseSequence
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople, truth
from chronopose.evaluation.flip import FlipTested
from chronopose.evaluation.persons import answer, evaluate, mean_pose, score
from chronopose.inference.estimator import load
from chronopose.inference.predictor import Predictor
from tests.evaluation import test_coco
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
    command = ["eval", weights, "--limit", "2", "--thresholds", "0.3", "0.15"]
    assert run([*command, "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["tiny"]
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 persons"
    (row,) = [line for line in lines if line.startswith("tiny, box @0.3 ")]
    assert row.split()[-1] == f"{100 * wanted['pck']['box']['0.3']['mean_points']:.1f}"
    (knee,) = [line for line in lines if line.startswith("left_knee")]
    assert knee.split()[2] == f"{100 * wanted['pck']['tight']['0.3']['joints']['left_knee']:.1f}"
    (coverage,) = [line for line in lines if line.startswith("tiny") and len(line.split()) == 8]
    assert coverage.split()[2] == f"{100 * wanted['inside_one_sigma']:.1f}"


def test_fewer_frames_and_the_mirror(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["eval", weights, "--limit", "2", "--frames", "5,1", "--flip"]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["tiny, 1 frame", "tiny, 5 frames"]
    gain = found["tiny, 5 frames"]["gain"]
    assert list(gain) == ["0.2", "0.1", "0.05"] and "gain" not in found["tiny, 1 frame"]
    shares = [found[name]["pck"]["tight"]["0.2"]["mean_points"] for name in found]
    assert gain["0.2"]["difference"] == pytest.approx(shares[1] - shares[0], abs=2e-6)
    assert gain["0.2"]["low"] <= gain["0.2"]["difference"] <= gain["0.2"]["high"]
    flipped = Predictor(FlipTested(load(weights, device="cpu").model), "cpu")
    wanted = score(answer(flipped, SyntheticPeople(SyntheticConfig(seed=1000, clips=500)), limit=2))
    assert shares[1] == pytest.approx(wanted.by_size["tight"].mean_points[0], abs=0.04)
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4].split()[0] == "mean" and lines[-3].startswith("tiny, 1 frame ")
    assert lines[-1].split()[0] == "difference" and lines[-1].count("[") == 3


def test_a_folder_with_boxes_a_gallery_and_scores_of_videos(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = test_coco.folder(tmp_path / "data", videos=True)
    listed = [{"image_id": 7, "category_id": 1, "bbox": [10, 10, 110, 110], "score": 0.5}]
    (tmp_path / "boxes.json").write_text(json.dumps(listed))
    command = ["eval", weights, "--data", "coco-style", str(data), "--split", "val"]
    outputs = ["--gallery", str(tmp_path / "gallery"), "--by-video", str(tmp_path / "videos.csv")]
    assert run([*command, "--boxes", str(tmp_path / "boxes.json"), *outputs]) == 0
    told = capsys.readouterr().out
    assert told.startswith("2 persons, tiny: 1 found\n")
    assert "3 persons, 13 of 17 joints (those that the model has)" in told
    assert told.endswith(f"wrote 1 pictures to {tmp_path / 'gallery'}; next: open {tmp_path / 'gallery'}/index.csv\n")
    with (tmp_path / "videos.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["result"], row["video"], row["persons"], row["found"]) == ("tiny", "3", "2", "1")
    assert list(row)[4:] == ["pck@0.2", "pck@0.1", "pck@0.05", "error_px"]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["tiny"]
    assert found["oks"]["persons"] == 3 and 0 <= found["oks"]["AP"] <= 1
    assert found["videos"]["3"]["persons"] == 2
    assert run([*command, *outputs]) == 1
    assert "is there already; wanted a new or empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--data", "lspet"), "--data lspet: wanted the name of a data set and its folder"),
        (("--data", "lspet", "a", "b"), "--data lspet a b: wanted the name of a data set and its folder"),
        (("--data", "drawn", "here"), "--data drawn here: drawn people have neither a folder nor a split"),
        (("--split", "val"), "drawn people have neither a folder nor a split"),
        (("--data", "lspett", "a"), "no data set called 'lspett'"),
        (("--frames", "1;5"), "--frames 1;5: wanted numbers of frames such as 1,3,5"),
        (("--frames", "7"), "frames: 7 of a window of 5; wanted 1 to 5"),
        (("--thresholds", "0"), "--thresholds must be fractions of a size, got 0"),
        (("--boxes", "none.csv"), "none.csv: cannot read"),
        (("--limit", "0"), "no labelled persons"),
        (("--poses", "a.csv"), "--poses and --truth are given together"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    weights: str, flags: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["eval", weights, *flags]) == 1
    told = capsys.readouterr()
    assert why in told.err and told.err.count("\n") == 1 and told.out == ""


def test_detections_by_picture_want_data_with_names_of_pictures(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found.json").write_text("[]")
    assert run(["eval", weights, "--boxes", str(tmp_path / "found.json")]) == 1
    assert "a list of detections names pictures of COCO or PoseTrack" in capsys.readouterr().err


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
    jitter = found.pop("jitter")
    assert found == {
        "persons": 16, "found": 15, "extra": 0, "switches": 0, "pck_box": {"0.2": 1.0, "0.1": 1.0, "0.05": 1.0},
    }  # fmt: skip
    assert jitter["error_px"] == pytest.approx(0, abs=1e-3) and jitter["true_px"] > 0
    assert np.isfinite([each["error_px"] for each in jitter["joints"].values()]).all()
    assert run(command) == 0
    told = capsys.readouterr().out
    assert told.startswith("found 15 of 16 persons (93.8 %), 0 extra, 0 id switches; of those found: PCK@0.2 100.0 %")
    assert told.endswith("; acceleration error 0.00 px/frame²\n")


def test_poses_of_another_video_are_refused(
    video: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(replace(video, frames=video.frames[:5]), tmp_path / "poses.csv")
    formats.write(video, tmp_path / "truth.csv")
    assert run(["eval", "--poses", str(tmp_path / "poses.csv"), "--truth", str(tmp_path / "truth.csv")]) == 1
    assert "5 frames of poses against 8 of truth" in capsys.readouterr().err
