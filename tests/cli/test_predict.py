"""`predict` writes what it says it writes, and `draw` draws it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.runtimes import graph_file
from chronopose.video.reader import open_video
from tests.inference.test_pipeline import stopped_after
from tests.inference.tiny_pose import identical, rendered, save_listpose, save_tiny, write_video
from tests.runtimes.tiny_graphs import pair


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("weights") / "tiny.safetensors"))


@pytest.fixture
def video(tmp_path: Path) -> str:
    return str(write_video(rendered(12).frames, tmp_path / "walk.mp4"))


def box_file(path: Path, *, ids: bool) -> Path:
    rows = ["frame,x1,y1,x2,y2,score" + ",track" * ids]
    for frame, boxes in enumerate(rendered(12).boxes):
        for person, box in enumerate(boxes):
            rows.append(f"{frame},{','.join(f'{side:.2f}' for side in box)},0.9" + f",{person + 5}" * ids)
    path.write_text("\n".join(rows))
    return path


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told = capsys.readouterr()
    assert told.err == ""
    found: dict[str, Any] = json.loads(told.out)
    return found


def frames_in(path: Path) -> int:
    with open_video(path) as video:
        return sum(1 for _ in video)


def test_all_formats_of_one_video_at_once(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    boxes = box_file(tmp_path / "boxes.csv", ids=True)
    command = ["predict", video, "--model", weights, "--boxes", str(boxes), "-o", str(out), "--json"]
    assert run([*command, "--to", "coco, posetrack,openpose,csv"]) == 0
    report = printed(capsys)
    names = ["parquet", "coco.json", "posetrack.json", "openpose", "csv", "mp4"]
    assert report["written"] == [str(out / f"walk.poses.{name}") for name in names]
    assert sorted(entry.name for entry in out.iterdir()) == sorted(f"walk.poses.{name}" for name in names)
    wanted = formats.read(out / "walk.poses.parquet")
    assert {key: report[key] for key in ("source", "frames", "resumed_at", "poses", "tracks", "broken")} == {
        "source": video, "frames": len(wanted), "resumed_at": 0, "poses": sum(len(f.poses) for f in wanted),
        "tracks": len(wanted.tracks), "broken": None,
    }  # fmt: skip
    assert (report["frames"], report["poses"], report["tracks"]) == (12, 24, 2)
    assert report["encoded_crops"] >= 24 and report["seconds"] > 0
    for name in ("coco.json", "posetrack.json", "openpose", "csv"):
        again = formats.read(out / f"walk.poses.{name}")
        assert [len(frame.poses) for frame in again] == [2] * 12, name
        assert [p.track_id for p in again.frames[3].poses] == [5, 6], name
        joints = wanted.skeleton.index("left_knee"), again.skeleton.index("left_knee")
        here, there = wanted.frames[3].poses[1].xy[joints[0]], again.frames[3].poses[1].xy[joints[1]]
        np.testing.assert_allclose(there, here, atol=0.01)
    assert frames_in(out / "walk.poses.mp4") == 12


def test_a_whole_frame_is_one_person(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", video, "--model", weights, "--full-frame", "--no-video", "-o", str(tmp_path / "p")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{re.escape(video)}: 12 frames, 12 poses, 1 persons, [\d.]+ frames/s", lines[0])
    assert lines[1:] == [f"  wrote {tmp_path / 'p' / 'walk.poses.parquet'}"]
    assert [entry.name for entry in (tmp_path / "p").iterdir()] == ["walk.poses.parquet"]


def test_the_same_command_again_has_nothing_to_do_in_any_format(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", video, "--model", weights, "--full-frame", "-o", str(tmp_path / "p")]
    command += ["--to", "parquet,openpose,coco,csv,parquet"]
    for _ in range(3):  # writing parquet anew would lose how it was made
        assert run(command) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.count(", all done before") == 2
    assert told.out.count("walk.poses.parquet") == 3


def test_other_settings_ask_for_overwrite(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", video, "--model", weights, "--full-frame", "--no-video", "-o", str(tmp_path / "p")]
    assert run(command) == 0
    assert run([*command, "--crop", "exact"]) == 1
    assert "made with other settings (config was" in capsys.readouterr().err
    assert run([*command, "--crop", "exact", "--overwrite"]) == 0


def test_a_box_file_that_was_edited_is_not_taken_for_the_old_one(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = box_file(tmp_path / "boxes.csv", ids=True)
    command = ["predict", video, "--model", weights, "--boxes", str(boxes), "--no-video", "-o", str(tmp_path / "p")]
    assert run(command) == 0
    box_file(boxes, ids=False)
    assert run(command) == 1
    assert "made with other settings (detector was" in capsys.readouterr().err


def test_another_window_and_fewer_persons(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = box_file(tmp_path / "boxes.csv", ids=False)
    command = ["predict", video, "--model", weights, "--boxes", str(boxes), "--no-video", "--json"]
    assert run([*command, "-o", str(tmp_path / "a")]) == 0
    assert run([*command, "-o", str(tmp_path / "b"), "--frames", "-2", "-1", "0", "--max-persons", "1"]) == 0
    whole, causal = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (whole["poses"], causal["poses"]) == (24, 12)
    poses = [formats.read(tmp_path / name / "walk.poses.parquet").frames[5].poses[0] for name in "ab"]
    np.testing.assert_array_equal(poses[0].box, poses[1].box)
    assert np.abs(poses[0].xy - poses[1].xy).max() > 0.01  # other frames, another answer


def test_a_recurrent_model_shows_each_frame_once_and_has_no_window_to_change(
    video: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = box_file(tmp_path / "boxes.csv", ids=False)
    command = ["predict", video, "--model", str(save_listpose(tmp_path / "list.safetensors")), "--boxes", str(boxes)]
    assert run([*command, "-o", str(tmp_path / "p"), "--crop", "exact", "--json"]) == 0
    report = printed(capsys)
    assert (report["frames"], report["poses"], report["encoded_crops"]) == (12, 24, 24)
    assert frames_in(tmp_path / "p" / "walk.poses.mp4") == 12
    assert run([*command, "-o", str(tmp_path / "q"), "--frames", "-2", "-1", "0"]) == 1
    assert "a listpose model has no window that could be changed; got (-2, -1, 0)" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


def test_a_recurrent_model_that_was_killed_goes_on_bit_for_bit(tmp_path: Path) -> None:
    clip = rendered(120, 3)
    film = write_video(clip.frames, tmp_path / "long.mp4")
    rows = [f"{frame},{','.join(map(str, box))}" for frame, boxes in enumerate(clip.boxes) for box in boxes]
    (tmp_path / "boxes.csv").write_text("\n".join(["frame,x1,y1,x2,y2", *rows]))
    command = ["predict", str(film), "--model", str(save_listpose(tmp_path / "list.safetensors")), "--device", "cpu"]
    command += ["--boxes", str(tmp_path / "boxes.csv"), "--no-video", "-o"]
    assert run([*command, str(tmp_path / "whole")]) == 0
    cut = [sys.executable, "-m", "chronopose.cli", *command, str(tmp_path / "cut")]
    assert stopped_after(6, cut, tmp_path / "cut" / "long.poses.partial")[0] == -signal.SIGKILL
    assert run([*command, str(tmp_path / "cut")]) == 0
    whole, gone_on = (formats.read(tmp_path / name / "long.poses.parquet") for name in ("whole", "cut"))
    assert [len(frame.poses) for frame in whole] == [3] * 120
    identical(gone_on.frames, whole.frames)


def test_a_folder_of_images_is_a_video_and_names_the_results(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    folder = tmp_path / "shots"
    folder.mkdir()
    for number, picture in enumerate(rendered(12).frames[:3]):
        Image.fromarray(picture).save(folder / f"{number}.png")
    command = ["predict", "--model", weights, "--full-frame", "-o", str(tmp_path / "p")]
    assert run([*command, str(folder)]) == 0
    assert (tmp_path / "p" / "shots.poses.mp4").exists()
    monkeypatch.chdir(folder)
    assert run([*command, ".", "--overwrite"]) == 0
    assert sorted(entry.name for entry in (tmp_path / "p").iterdir()) == ["shots.poses.mp4", "shots.poses.parquet"]
    assert capsys.readouterr().err == ""


def test_two_videos_in_one_command(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_video(rendered(12).frames[:5], tmp_path / "a.b.mkv")
    command = ["predict", video, str(other), "--model", weights, "--full-frame", "--json", "-o", str(tmp_path / "p")]
    assert run(command) == 0
    assert [json.loads(line)["frames"] for line in capsys.readouterr().out.splitlines()] == [12, 5]
    assert (tmp_path / "p" / "a.b.poses.mp4").exists()


def test_a_video_that_breaks_off_is_written_and_reported(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_video(rendered(60).frames, tmp_path / "cut.mkv")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert run(["predict", str(clip), "--model", weights, "--full-frame", "--json", "-o", str(tmp_path / "p")]) == 1
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert told.err == f"chronopose: {report['broken']}\n"
    assert "breaks off after frame" in report["broken"]
    assert 0 < report["frames"] < 60
    assert frames_in(tmp_path / "p" / "cut.poses.mp4") == report["frames"]


def test_what_the_library_logs_is_shown_on_request(weights: str, tmp_path: Path) -> None:
    clip = write_video(rendered(60).frames, tmp_path / "cut.mkv")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    command = ["predict", str(clip), "--model", weights, "--full-frame", "--no-video", "-o", str(tmp_path / "p"), "-v"]
    done = subprocess.run([sys.executable, "-m", "chronopose.cli", *command], capture_output=True, text=True)
    logged, told = done.stderr.splitlines()
    assert logged.startswith("chronopose.video.reader: ") and told.startswith("chronopose: ")
    assert logged.split(": ", 1)[1] == told.split(": ", 1)[1]


@pytest.mark.parametrize("ending", ["parquet", "csv", "coco.json", "posetrack.json"])
def test_saved_poses_are_drawn_on_their_frames(
    ending: str, video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = {frame: box for frame, box in enumerate(rendered(12).boxes) if frame in (4, 5)}
    rows = [
        f"{frame},{','.join(map(str, box))},{person}"
        for frame, both in boxes.items()
        for person, box in enumerate(both)
    ]
    (tmp_path / "boxes.csv").write_text("\n".join(["frame,x1,y1,x2,y2,track", *rows]))
    command = ["predict", video, "--model", weights, "--boxes", str(tmp_path / "boxes.csv"), "--no-video"]
    assert run([*command, "--to", "csv,coco,posetrack", "-o", str(tmp_path)]) == 0
    target = tmp_path / "drawn.mp4"
    assert run(["draw", video, str(tmp_path / f"walk.poses.{ending}"), "-o", str(target)]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {target}: 12 frames\n")
    with open_video(video) as before, open_video(target) as after:
        changed = [
            int((np.abs(a.pixels.astype(int) - b.pixels).max(axis=-1) > 60).sum())
            for a, b in zip(before, after, strict=True)
        ]
    assert set(np.flatnonzero(np.array(changed) > 50)) == {4, 5}


def test_drawing_over_the_video_itself_is_refused(
    video: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", video, "--model", weights, "--full-frame", "--no-video", "-o", str(tmp_path)]) == 0
    before = Path(video).read_bytes()
    assert run(["draw", video, str(tmp_path / "walk.poses.parquet"), "-o", video]) == 1
    assert "is the video itself" in capsys.readouterr().err
    assert Path(video).read_bytes() == before


def test_a_file_of_graphs_is_run_without_torch(video: str, tmp_path: Path) -> None:
    graphs, boxes = tmp_path / "tiny.zip", box_file(tmp_path / "boxes.csv", ids=False)
    graph_file.write(pair("dsta"), graphs)
    code = (
        "import sys; from chronopose.cli.__main__ import run; "
        "code = run(sys.argv[1:]); print(code, 'torch' in sys.modules)"
    )
    command = ["predict", video, "--model", str(graphs), "--boxes", str(boxes), "-o", str(tmp_path / "out"), "--json"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
    assert len(formats.read(tmp_path / "out" / "walk.poses.parquet")) == frames_in(Path(video)) == 12
