"""A live run answers the newest frames, counts the others, says how late it was, and keeps what it wrote."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import Frame, Pixels, VideoInfo
from chronopose.formats import read
from chronopose.inference.live import Live, LiveAnswer, Recording, at_own_pace
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.tracking.detector import FullFrame
from chronopose.tracking.tracker import Detections
from chronopose.video.reader import open_video
from tests.inference.tiny_pose import as_frames, predictor, rendered, same

INFO = VideoInfo(source="walk", width=96, height=64, fps=25.0)


class Slow(FullFrame):
    """A detector that takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        time.sleep(self.seconds)
        return super().__call__(frames)


def stream(detector: FullFrame | None = None, lag: int | None = None) -> PoseStream:
    return PoseStream(predictor(), detector or FullFrame(), StreamConfig(chunk=1, lag=lag))


def run(frames: Iterable[Frame], stream: PoseStream, *, drop: bool) -> tuple[list[LiveAnswer], Live]:
    before = threading.active_count()
    with Live(frames, stream, drop=drop) as live:
        answers = list(live)
    assert threading.active_count() == before
    assert len(live.latencies_s) == len(answers)
    return answers, live


def paced(frames: Sequence[Frame], step_s: float) -> Iterator[Frame]:
    for frame in frames:
        time.sleep(step_s)
        yield frame


def test_a_source_that_waits_is_answered_like_a_file() -> None:
    frames = as_frames(rendered(20).frames)
    answers, live = run(frames, stream(), drop=False)
    assert live.dropped == 0
    same([answer.poses for answer in answers], list(stream().over(frames)), 1e-3)
    assert all(answer.frame is frame for answer, frame in zip(answers, frames, strict=True))


def test_a_model_that_is_too_slow_gets_the_newest_frames_under_their_own_numbers() -> None:
    frames = as_frames(list(rendered(20).frames) * 3)
    answers, live = run(paced(frames, 0.01), stream(Slow(0.05)), drop=True)
    numbers = [answer.poses.frame for answer in answers]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0 and numbers[-1] == 59
    assert live.dropped == 60 - len(answers) > 10
    for answer in answers:
        assert answer.poses.frame == answer.frame.index and answer.poses.time_s == frames[answer.frame.index].time_s
        assert len(answer.poses.poses) == 1
    kept = [Frame(place, frames[number].time_s, frames[number].pixels) for place, number in enumerate(numbers)]
    wanted = list(stream().over(kept))  # the model sees the kept frames one after the other
    for answer, one in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(answer.poses.poses[0].xy, one.poses[0].xy, atol=1e-3)


def test_latency_counts_from_the_arrival_and_holds_the_look_ahead() -> None:
    frames = as_frames(rendered(12).frames)
    late = {}
    for lag in (0, 2):
        answers, live = run(paced(frames, 0.05), stream(lag=lag), drop=True)
        late[lag] = live.latencies_ms()
        assert list(late[lag]) == ["p50", "p90", "p99"]
        assert 0 < late[lag]["p50"] <= late[lag]["p90"] <= late[lag]["p99"] <= 1e3 * max(live.latencies_s)
        assert [answer.latency_s for answer in answers] == list(live.latencies_s)
    assert late[2]["p50"] > 90  # two steps of the source at least, less a timer's slack
    assert Live([], stream(), drop=False).latencies_ms() == {}


def test_an_error_of_the_source_and_an_early_end_of_the_reader_leave_no_thread() -> None:
    def broken() -> Iterator[Frame]:
        yield from as_frames(rendered(12).frames)[:4]
        raise InputError("the camera is gone")

    before = threading.active_count()
    with pytest.raises(InputError, match="the camera is gone"), Live(broken(), stream(), drop=True) as live:
        for _ in live:
            pass
    with Live(as_frames(rendered(12).frames), stream(), drop=False) as live:
        assert next(iter(live)).poses.frame == 0
    assert threading.active_count() == before


def test_a_recording_plays_at_its_own_pace() -> None:
    frames = [Frame(index, 5.0 + index * 0.02, np.zeros((8, 8, 3), np.uint8)) for index in range(6)]
    began = time.perf_counter()
    arrived = [(frame, time.perf_counter() - began) for frame in at_own_pace(frames)]
    assert [frame for frame, _ in arrived] == frames
    assert arrived[0][1] < 0.05
    for index, (_, after_s) in enumerate(arrived):
        assert after_s >= 0.02 * index - 0.001


# Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [5, 60])
def test_poses_and_video_are_kept(frames: int, tmp_path: Path) -> None:
    shown = as_frames((list(rendered(20).frames) * 3)[:frames])
    with Recording([tmp_path / "a.parquet", tmp_path / "a.mkv"], predictor().skeleton, INFO) as recording:
        answers, _ = run(shown, stream(), drop=False)
        for answer in answers:
            recording.add(answer)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.mkv", "a.parquet"]
    saved = read(tmp_path / "a.parquet")
    same(saved.frames, [answer.poses for answer in answers], 1e-4)
    assert saved.info == INFO
    with open_video(tmp_path / "a.mkv") as video:
        assert len(list(video)) == frames


def test_poses_are_kept_when_something_fails_and_half_a_video_is_not(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="mine"),
        Recording([tmp_path / "a.mp4", tmp_path / "a.parquet"], predictor().skeleton, INFO) as recording,
    ):
        for answer in run(as_frames(rendered(12).frames), stream(), drop=False)[0]:
            recording.add(answer)
        raise RuntimeError("mine")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]
    assert len(read(tmp_path / "a.parquet")) == 12


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["there.parquet"], "is there already"),
        (["a.csv"], r"--out .*a.csv: wanted one file of poses"),
        (["a.parquet", "b.parquet"], r"--out .*b.parquet: wanted one"),
        (["a.mp4", "b.mkv"], r"--out .*b.mkv: wanted one"),
        (["nowhere/a.parquet"], "there is no folder"),
        (["a.parquet", "nowhere/a.mp4"], "cannot be written"),
    ],
)
def test_files_that_cannot_be_written_are_named_before_anything_runs(
    names: list[str], why: str, tmp_path: Path
) -> None:
    (tmp_path / "there.parquet").touch()
    before = threading.active_count()
    with pytest.raises(InputError, match=why):
        Recording([tmp_path / name for name in names], predictor().skeleton, INFO)
    assert threading.active_count() == before
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob(".*"))
