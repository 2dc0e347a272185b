"""`chronopose export` writes a file that `predict` and `eval` take, and refuses what costs too much."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.cli.export import _calibration
from chronopose.formats import weights_file
from chronopose.formats.table import read_summary
from chronopose.models import checkpoint
from chronopose.runtimes import cache, graph_file
from chronopose.runtimes.export import made
from chronopose.runtimes.sessions import has_bf16
from tests.inference.tiny_pose import rendered, write_video
from tests.runtimes.tiny_graphs import pair, pair_int8, save, tiny


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def weights(tmp_path: Path) -> str:
    return str(save("listpose", tmp_path / "tiny.safetensors"))


@pytest.fixture
def video(tmp_path: Path) -> str:
    return str(write_video(rendered(12).frames, tmp_path / "walk.mp4"))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(list(arguments)) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1 and told.out == ""
    return told.err


def test_a_model_goes_to_a_file_that_predict_takes(
    weights: str, video: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", weights, "--streaming", "-o", "tiny.zip"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert re.search(r"wrote tiny\.zip: tiny, pair, onnx, fp32, \d\.\d MB", told.out)
    assert re.search(r"joints are off by \S+ px on average, (\S+) px at most", told.out)
    assert "next: chronopose predict VIDEO --model tiny.zip" in told.out
    Path(weights).rename(tmp_path / "gone")  # the file needs no weights
    for backend in ("ready", "onnxruntime", "openvino"):
        start = ["predict", video, "--full-frame", "--no-video", "-o", backend, "--backend", backend]
        assert run([*start, "--model", "tiny.zip"]) == 0
        schema, frames = read_summary(tmp_path / backend / "walk.poses.parquet")
        made = json.loads(schema.metadata[b"run"])
        assert (frames, made["precision"]) == (12, "fp32")
        assert made["backend"] == ("onnxruntime" if backend == "ready" else backend)
    assert run(["predict", video, "--full-frame", "--no-video", "-o", "torch", "--model", "gone"]) == 0
    there, here = (formats.read(tmp_path / name / "walk.poses.parquet") for name in ("torch", "openvino"))
    for one, other in zip(there, here, strict=True):
        np.testing.assert_allclose(one.poses[0].xy, other.poses[0].xy, atol=0.01)


def test_results_of_one_backend_are_gone_on_with_in_another_but_not_at_another_precision(
    video: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph_file.write(pair("dsta"), tmp_path / "t.zip")
    start = ["predict", video, "--full-frame", "--no-video", "-o", "out", "--model", "t.zip", "--backend"]
    assert run([*start, "onnxruntime"]) == 0
    assert run([*start, "openvino"]) == 0
    assert "all done before" in capsys.readouterr().out
    if has_bf16():
        assert "precision was 'fp32', now 'bf16'" in refused(capsys, *start, "openvino", "--precision", "bf16")


def test_eval_takes_a_file_and_names_its_precision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph_file.write(pair_int8("dsta"), tmp_path / "t.zip")
    assert run(["eval", "t.zip", "--limit", "4", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["tiny-dsta, int8"]
    assert run(["eval", "t.zip", "--limit", "4", "--json", "--flip", "--frames", "1,3"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_program_of_torch(weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", weights, "--format", "torch", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == "tiny.pt2" and told["largest_px"] < 1e-3
    assert told["bytes"] == (tmp_path / "tiny.pt2").stat().st_size
    assert "for other programs" in refused(capsys, "eval", "tiny.pt2")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--out", "x.zip"], "--out x.zip: such a file ends in .onnx"),
        (["--out", "x.onnx", "--streaming"], "ends in .zip"),
        (["--format", "torch", "--int8", "demo"], "programs of torch are in fp32"),
        (["--int8", "nothing"], "wanted demo, NAME DIR of a data set, or VIDEO BOXES"),
        (["--int8", "lspet", "nowhere"], "nowhere"),
        (["--int8", "nix.mp4", "boxes.csv"], "nix.mp4"),
        (["--frames", "0"], "no window that could be changed"),
        (["--format", "tflite"], "Choose from"),
    ],
)
def test_mistakes(arguments: list[str], why: str, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert why in refused(capsys, "export", weights, *arguments)
    assert not list(Path.cwd().glob("*.onnx")) and not list(Path.cwd().glob("*.zip"))


def test_a_model_of_no_poses(capsys: pytest.CaptureFixture[str]) -> None:
    assert "answers no poses" in refused(capsys, "export", "person-small")


def test_calibration_crops_come_from_a_video_with_boxes(video: str, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("frame,x1,y1,x2,y2\n0,10,10,40,60\n5,20,5,60,60\n7,30,5,70,60\n")
    crops = _calibration(tiny("dsta"), (video, "b.csv"))
    assert crops.shape == (3, 64, 48, 3) and crops.std() > 5


@pytest.mark.slow
def test_int8_that_costs_too_much_is_not_written_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = write_video([np.zeros((240, 320, 3), np.uint8)] * 3, tmp_path / "dark.mp4")
    (tmp_path / "b.csv").write_text("frame,x1,y1,x2,y2\n0,50,10,150,230\n1,60,10,150,230\n")
    start = ["export", "dsta-small", "--streaming", "--judge", "drawn", "--limit", "60", "-o", "s.zip", "--int8"]
    loaded = checkpoint.load("dsta-small")
    source = cache.source_of(weights_file.locate("dsta-small"), None)
    cache.keep(made(loaded, pair=True, source=source), "dsta-small", "fp32")  # so that it is traced once
    told = refused(capsys, *start, str(dark), "b.csv")  # ranges measured on black pictures fit no other
    assert re.search(r"not written: int8 costs \S+ points of PCK@0.2 on 60 persons of drawn", told)
    assert not (tmp_path / "s.zip").exists()
    assert run([*start, str(dark), "b.csv", "--force"]) == 0
    assert "PCK@0.2" in capsys.readouterr().out and (tmp_path / "s.zip").exists()
    assert run([*start, "demo"]) == 0
    assert "torch -> graphs: PCK@0.2" in capsys.readouterr().out
