"""The writer, judged by what the reader and FFmpeg find in its files."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.video import writer
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter, sweep


def picture(i: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A smooth ramp in red and green with blue telling the frame's number."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 20 + 5 * i)], axis=-1).astype(np.uint8)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["out.mp4", "out.MP4", "out.mov", "out.mkv"])
def test_round_trip_of_frames_times_and_colours(tmp_path, name):
    times = np.cumsum([0, *[0.04, 0.013, 0.1, 1 / 30] * 6])
    with VideoWriter(tmp_path / name, 64, 48, 25) as out:
        for i, time_s in enumerate(times):
            out.write(picture(i), float(time_s))
    assert names(tmp_path) == [name]
    with open_video(tmp_path / name) as reader:
        frames = list(reader)
    assert (reader.info.width, reader.info.height) == (64, 48)
    assert reader.broken is None
    # Matroska keeps whole milliseconds.
    assert np.allclose([frame.time_s for frame in frames], times, atol=6e-4 if name.endswith("mkv") else 1e-5)
    for i, frame in enumerate(frames):
        assert np.abs(frame.pixels.astype(int) - picture(i)).mean() < 4
        assert abs(frame.pixels[..., 2].mean() - (20 + 5 * i)) < 6


def test_plays_in_browsers(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 29.97) as out:
        for i in range(5):
            out.write(picture(i), i / 29.97)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (1, 1)
        assert float(container.streams.video[0].average_rate) == pytest.approx(29.97, rel=1e-3)


@pytest.mark.parametrize("width,height", [(63, 48), (64, 47), (63, 47), (1, 1)])
def test_odd_sizes_are_padded_at_right_and_bottom(tmp_path, width, height):
    with VideoWriter(tmp_path / "a.mp4", width, height, 25) as out:
        for i in range(3):
            out.write(picture(i, width, height), i / 25)
    with open_video(tmp_path / "a.mp4") as reader:
        frames = list(reader)
    assert (reader.info.width, reader.info.height) == (width + width % 2, height + height % 2)
    assert np.abs(frames[0].pixels[:height, :width].astype(int) - picture(0, width, height)).mean() < 5


def test_any_memory_layout(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as out:
        out.write(np.asfortranarray(picture(0)), 0.0)
        out.write(np.repeat(picture(1), 2, axis=1)[:, ::2], 0.04)
        out.write(picture(2)[:, :, ::-1][:, :, ::-1], 0.08)
    with open_video(tmp_path / "a.mp4") as reader:
        for i, frame in enumerate(reader):
            assert np.abs(frame.pixels.astype(int) - picture(i)).mean() < 4


def test_times_that_stand_still_are_moved_on(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as out:
        for time_s in (0.0, 0.0, 0.04, 0.02, 0.08):
            out.write(picture(0), time_s)
    with open_video(tmp_path / "a.mp4") as reader:
        times = [frame.time_s for frame in reader]
    assert all(b > a for a, b in pairwise(times))
    assert np.allclose(times, [0, 0, 0.04, 0.04, 0.08], atol=1e-4)


def test_an_exception_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as out:
        for i in range(30):
            out.write(picture(i), i / 25)
        assert len(names(tmp_path)) == 1
        raise RuntimeError("stop")
    assert names(tmp_path) == []


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, 64, 48, 25) as out:
        out.write(picture(0), 0)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"older"
    with VideoWriter(path, 64, 48, 25) as out:
        out.write(picture(0), 0)
        assert path.read_bytes() == b"older"
    assert path.read_bytes() != b"older"
    assert names(tmp_path) == ["a.mp4"]


def test_no_frames_leave_nothing_behind(tmp_path):
    with pytest.raises(InputError, match=r"a\.mp4.*no frame"), VideoWriter(tmp_path / "a.mp4", 64, 48, 25):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("pixels,time_s", [
    (np.zeros((48, 63, 3), np.uint8), 0.0),
    (np.zeros((48, 64), np.uint8), 0.0),
    (np.zeros((48, 64, 3), np.float32), 0.0),
    (np.zeros((48, 64, 3), np.uint8), float("nan")),
    (np.zeros((48, 64, 3), np.uint8), -0.1),
])  # fmt: skip
def test_wrong_frames_are_refused(tmp_path, pixels, time_s):
    with pytest.raises(ValueError, match="wanted"), VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as out:
        out.write(pixels, time_s)
    assert names(tmp_path) == []


def test_writing_after_the_end_is_refused(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 64, 48, 25) as out:
        out.write(picture(0), 0)
    with pytest.raises(ValueError, match="closed"):
        out.write(picture(1), 1)


@pytest.mark.parametrize("name,width,height,fps", [
    ("a.gif", 64, 48, 25), ("no/a.mp4", 64, 48, 25), ("a.mp4", 0, 48, 25), ("a.mp4", 64, 99999, 25),
    ("a.mp4", 64, 48, 0), ("a.mp4", 64, 48, float("nan")), ("folder.mp4", 64, 48, 25),
])  # fmt: skip
def test_unusable_targets_are_refused_in_one_line(tmp_path, name, width, height, fps):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(InputError) as caught:
        VideoWriter(tmp_path / name, width, height, fps)
    assert Path(name).name in str(caught.value)
    assert "wanted" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["folder.mp4"]


def test_without_a_working_encoder_the_refusal_names_them(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "ENCODERS", ("no_such_encoder", "h264_v4l2m2m"))
    with pytest.raises(InputError, match=r"no H\.264 encoder"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, 25)
    assert names(tmp_path) == []


def test_what_killed_writers_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    kept = ["a.mp4", ".a.0123abcd.part.mkv", ".b.0123abcd.part.mp4", ".a.part.mp4"]
    for name in [*kept, ".a.0123abcd.part.mp4", ".a.fedc9876.part.mp4"]:
        (tmp_path / name).touch()
    sweep(tmp_path / "a.mp4")
    assert {entry.name for entry in tmp_path.iterdir()} == set(kept)
    sweep(tmp_path / "nowhere" / "a.mp4")
    (tmp_path / ".[x].0123abcd.part.mp4").touch()
    sweep(tmp_path / "[x].mp4")
    assert not (tmp_path / ".[x].0123abcd.part.mp4").exists()
