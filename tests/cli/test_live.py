"""`live` answers a file that plays like a camera, prints what it was asked to, and keeps its files when stopped."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.video.reader import open_video
from tests.inference.tiny_pose import rendered, save_tiny, write_video


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_video(list(rendered(20).frames) * 2, tmp_path_factory.mktemp("video") / "walk.mp4"))


def test_a_line_a_second_and_the_latency_at_the_end(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / "walk.parquet"), str(tmp_path / "walk.mp4")]
    command = ["live", video, "--realtime", "--model", weights, "--full-frame", "-o", files[0], "-o", files[1]]
    assert run(command) == 0
    told = capsys.readouterr()
    assert told.err == ""
    *lines, whole, late, first, second = told.out.splitlines()
    line = r" *[\d.]+ s +[\d.]+ frames/s +1 persons +\d+ ms late +\d+ dropped"
    assert lines and all(re.fullmatch(line, each) for each in lines)
    frames, dropped = map(int, re.fullmatch(r"(\d+) frames in .*, (\d+) dropped", whole).groups())  # type: ignore[union-attr]
    assert frames + dropped == 40
    p50, p90, p99 = (int(ms) for ms in re.findall(r"p\d\d (\d+) ms", late))
    assert 0 < p50 <= p90 <= p99
    assert [first, second] == [f"  wrote {file}" for file in files]
    saved = formats.read(files[0])
    assert len(saved) == frames and [len(frame.poses) for frame in saved] == [1] * frames
    with open_video(files[1]) as drawn:
        assert [frame.time_s for frame in drawn] == pytest.approx([frame.time_s for frame in saved], abs=1e-3)


def test_json_lines_hold_the_source_every_frame_and_the_end(
    video: str, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["live", video, "--model", weights, "--full-frame", "--lag", "1", "--json"]) == 0
    source, *frames, end = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (source["source"], source["width"], source["height"], source["look_ahead"]) == (video, 96, 64, 1)
    assert [frame["frame"] for frame in frames] == list(range(40))  # without --realtime a file waits
    person = frames[7]["persons"][0]
    assert len(person["xy"]) == len(person["score"]) == len(person["sigma"]) == len(source["joints"]) == 15
    assert person["track"] == 0 and person["box"] == [-0.5, -0.5, 95.5, 63.5]
    assert frames[7]["latency_ms"] > 0
    assert (end["frames"], end["dropped"], end["written"], end["broken"]) == (40, 0, [], None)
    assert 0 < end["latency_ms"]["p50"] <= end["latency_ms"]["p99"]


def test_ctrl_c_ends_it_and_keeps_its_files(video: str, weights: str, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    film = write_video(list(rendered(20).frames) * 50, folder / "long.mp4")  # 40 s
    files = [str(tmp_path / "a.parquet"), str(tmp_path / "a.mkv")]
    command = [sys.executable, "-m", "chronopose.cli", "live", str(film), "--realtime", "--json", "--device", "cpu"]
    command += ["--model", weights, "--full-frame", "-o", files[0], "-o", files[1]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    *frames, end = (json.loads(line) for line in [*lines[1:], *rest.splitlines()])
    assert 5 <= end["frames"] < 900 and end["written"] == files
    saved = formats.read(files[0])
    # The signal may come between an answer and its line.
    assert 0 <= len(saved) - len(frames) <= 1
    assert [frame.frame for frame in saved][: len(frames)] == [frame["frame"] for frame in frames]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mkv", "a.parquet", "many"]


def test_a_window_that_cannot_be_opened_is_said_before_anything_runs(
    video: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    if "GUI:                           NONE" not in cv2.getBuildInformation():
        pytest.skip("this build of OpenCV has windows")
    assert run(["live", video, "--show"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and "install opencv-python" in told.err


def test_a_file_that_breaks_off_is_answered_as_far_as_it_goes(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_video(rendered(60).frames, tmp_path / "cut.mkv")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert run(["live", str(clip), "--model", weights, "--full-frame", "--json"]) == 1
    told = capsys.readouterr()
    end = json.loads(told.out.splitlines()[-1])
    assert 0 < end["frames"] < 60 and "breaks off" in end["broken"]
    assert told.err == f"chronopose: {end['broken']}\n"
