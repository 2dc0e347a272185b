"""Every example runs and prints what it promises."""

import importlib.util
from importlib import resources
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent.parent / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_example_is_left_out() -> None:
    tested = {"predict_video", "stream_frames", "plain_module", "render_demo_clip"}
    assert {file.stem for file in FOLDER.glob("*.py")} == tested


def test_predict_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("render_demo_clip").main(tmp_path, frames=12)
    example("predict_video").main(str(tmp_path / "crossing.mp4"))
    assert capsys.readouterr().out.startswith("12 frames of 640 x 360")


def test_stream_frames(capsys: pytest.CaptureFixture[str]) -> None:
    example("stream_frames").main(frames=5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "1", "2", "3", "4"]


def test_plain_module(capsys: pytest.CaptureFixture[str]) -> None:
    example("plain_module").main()
    out = capsys.readouterr().out
    assert "joints (2, 1, 15, 2), sigma (2, 1, 15, 2), tokens (6, 15, 32)" in out
    assert float(out.split("differ by")[1].split()[0]) < 1e-3


def test_the_clip_that_ships_is_what_its_script_renders(tmp_path: Path) -> None:
    from chronopose import formats

    script = example("render_demo_clip")
    shipped = formats.read(Path(str(resources.files("chronopose"))) / "demo" / "crossing.parquet")
    again = script.truth(script.CONFIG, 0)
    assert [frame.frame for frame in shipped] == [frame.frame for frame in again]
    for mine, theirs in zip(shipped.frames[::50], again.frames[::50]):
        assert [pose.track_id for pose in mine.poses] == [pose.track_id for pose in theirs.poses]
        for a, b in zip(mine.poses, theirs.poses):
            assert abs(a.box - b.box).max() < 1e-3
