"""A video's results survive a kill, a full disk and a broken file; its annotated copy keeps every frame."""

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels, PoseSequence
from chronopose.formats import read, table
from chronopose.formats.stream import ResultStream
from chronopose.inference.drawing import annotate
from chronopose.inference.pipeline import Outcome, describe_run, predict_video, tally, without_password
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.tracking.detector import BoxFile, FullFrame
from chronopose.tracking.tracker import Detections
from chronopose.video.reader import open_video
from tests.inference.test_drawing import alike, pictures, poses_of
from tests.inference.tiny_pose import predictor, rendered, same, save_tiny, write_video


def predict(video: Path, results: Path, *, overwrite: bool = False, config: StreamConfig | None = None) -> Outcome:
    config = config or StreamConfig()
    weights = results.parent / "weights.bin"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"the same each time")
    run = describe_run(str(video), weights, "full-frame", config)
    stream = PoseStream(predictor(), FullFrame(), config)
    return predict_video(str(video), results, stream, run, overwrite=overwrite)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(rendered(20).frames, tmp_path_factory.mktemp("video") / "walk.mp4")


def test_all_frames_of_a_video_are_written(video: Path, tmp_path: Path) -> None:
    progress: list[int] = []
    begun: list[tuple[int | None, int]] = []
    stream = PoseStream(predictor(), FullFrame(), StreamConfig())
    outcome = predict_video(
        str(video),
        tmp_path / "new" / "walk.poses.parquet",
        stream,
        {},
        started=lambda info, done: begun.append((info.frames, done)),
        progress=progress.append,
    )
    assert outcome == Outcome(
        results=tmp_path / "new" / "walk.poses.parquet", frames=20, resumed=0, encoded=20, broken=None
    )
    assert begun == [(20, 0)]
    assert sum(progress) == 20 and len(progress) > 1
    written = read(outcome.results)
    assert [answer.frame for answer in written] == list(range(20))
    with open_video(video) as frames:
        same(written.frames, list(PoseStream(predictor(), FullFrame(), StreamConfig(chunk=1)).over(frames)), 1e-3)
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["walk.poses.parquet"]


def test_the_same_call_again_has_nothing_to_do(video: Path, tmp_path: Path) -> None:
    results = tmp_path / "walk.poses.parquet"
    predict(video, results)
    before = results.read_bytes()
    again = predict(video, results)
    assert (again.frames, again.resumed, again.encoded) == (20, 20, 0)
    assert results.read_bytes() == before


def test_other_settings_do_not_touch_earlier_results(video: Path, tmp_path: Path) -> None:
    results = tmp_path / "walk.poses.parquet"
    predict(video, results)
    before = results.read_bytes()
    with pytest.raises(InputError, match=r"made with other settings \(config was .*'drift': 0.05.*'drift': 0.2"):
        predict(video, results, config=StreamConfig(drift=0.2))
    assert results.read_bytes() == before
    outcome = predict(video, results, config=StreamConfig(drift=0.2), overwrite=True)
    assert (outcome.resumed, outcome.frames) == (0, 20)
    assert predict(video, results, config=StreamConfig(drift=0.2)).resumed == 20


def test_a_video_that_was_changed_is_not_taken_for_the_old_one(video: Path, tmp_path: Path) -> None:
    copy, results = tmp_path / "copy.mp4", tmp_path / "copy.poses.parquet"
    copy.write_bytes(video.read_bytes())
    predict(copy, results)
    write_video(rendered(12).frames, copy)
    with pytest.raises(InputError, match="bytes was"):
        predict(copy, results)


def test_a_folder_that_got_more_images_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for number, picture in enumerate(rendered(12).frames[:4]):
        Image.fromarray(picture).save(folder / f"{number}.png")
    results = tmp_path / "images.poses.parquet"
    assert predict(folder, results).frames == 4
    Image.fromarray(rendered(12).frames[4]).save(folder / "4.png")
    with pytest.raises(InputError, match=r"files was 4, now 5|bytes was"):
        predict(folder, results)
    assert predict(folder, results, overwrite=True).frames == 5


def stopping_after(frames: int) -> Callable[[int], None]:
    """A user who stops a run once so many frames are told of."""
    told = 0

    def stop(steps: int) -> None:
        nonlocal told
        told += steps
        if told >= frames:
            raise KeyboardInterrupt

    return stop


def test_results_of_a_run_that_never_finished_are_gone_on_with_only_under_the_same_settings(
    video: Path, tmp_path: Path
) -> None:
    results = tmp_path / "walk.poses.parquet"

    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"the same each time")
    run = describe_run(str(video), weights, "full-frame", StreamConfig())
    with pytest.raises(KeyboardInterrupt):
        predict_video(
            str(video), results, PoseStream(predictor(), FullFrame(), StreamConfig()), run, progress=stopping_after(1)
        )
    assert not results.exists()
    with pytest.raises(InputError, match=r"walk.poses.partial: made with other settings \(config was"):
        predict(video, results, config=StreamConfig(chunk=4))
    outcome = predict(video, results)
    assert outcome.resumed == 6  # a chunk of 8 without the 2 frames of look-ahead
    assert outcome.frames == 20
    predict(video, tmp_path / "whole.parquet")
    same(read(results).frames, read(tmp_path / "whole.parquet").frames, 1e-3)


def test_a_kill_between_the_last_frame_and_the_final_file_costs_nothing(video: Path, tmp_path: Path) -> None:
    results, partial = tmp_path / "walk.poses.parquet", tmp_path / "walk.poses.partial"
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"the same each time")
    run = describe_run(str(video), weights, "full-frame", StreamConfig())
    with pytest.raises(KeyboardInterrupt):
        predict_video(
            str(video), results, PoseStream(predictor(), FullFrame(), StreamConfig()), run, progress=stopping_after(20)
        )
    assert partial.exists()
    outcome = predict(video, results)
    assert (outcome.resumed, outcome.frames, outcome.encoded) == (20, 20, 0)
    assert not partial.exists()


# A real kill ------------------------------------------------------------------------------------------------------


class Long:
    """A clip of 120 frames with its boxes, and the command that predicts it."""

    def __init__(self, folder: Path) -> None:
        clip = rendered(120, 3)
        self.folder = folder
        self.video = write_video(clip.frames, folder / "long.mp4")
        lines = ["frame,x1,y1,x2,y2"]
        lines += [f"{frame},{','.join(map(str, box))}" for frame, boxes in enumerate(clip.boxes) for box in boxes]
        (folder / "boxes.csv").write_text("\n".join(lines))
        self.weights = save_tiny(folder / "tiny.safetensors")

    def arguments(self, out: Path) -> list[str]:
        given = ["--model", str(self.weights), "--boxes", str(self.folder / "boxes.csv"), "--detect-every", "1"]
        return ["predict", str(self.video), "-o", str(out), "--no-video", "--device", "cpu", *given]

    def command(self, out: Path) -> list[str]:
        return [sys.executable, "-m", "chronopose.cli", *self.arguments(out)]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Long:
    return Long(tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="module")
def uninterrupted(long: Long) -> PoseSequence:
    from chronopose.cli.__main__ import run

    assert run(long.arguments(long.folder / "whole")) == 0
    return read(long.folder / "whole" / "long.poses.parquet")


def stopped_after(
    growths: int, command: list[str], partial: Path, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Starts the command, stops it when its results have grown so many times; gives its exit code and last words."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        size, grown, until = -1, -1, time.monotonic() + 120  # the first size is the schema's
        while grown < growths:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < until
            now = partial.stat().st_size if partial.exists() else -1
            grown, size = grown + (now != size), now
            time.sleep(0.0005)
        process.send_signal(by)
        return process.wait(), process.stdout.read()


@pytest.mark.parametrize("growths", [1, 6])
def test_a_run_that_was_killed_goes_on_and_ends_as_if_nothing_had_been(
    growths: int, long: Long, uninterrupted: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from chronopose.cli.__main__ import run

    partial, results = tmp_path / "long.poses.partial", tmp_path / "long.poses.parquet"
    assert stopped_after(growths, long.command(tmp_path), partial)[0] == -signal.SIGKILL
    assert not results.exists()
    stream, state, done = ResultStream.resume(partial)
    stream.close()
    assert state is not None and 6 <= done < 120
    assert run([*long.arguments(tmp_path), "--json"]) == 0
    assert f'"frames": 120, "resumed_at": {done}' in capsys.readouterr().out
    assert not partial.exists()
    same(read(results).frames, uninterrupted.frames, 1e-3)
    assert [len(answer.poses) for answer in uninterrupted] == [3] * 120


def test_ctrl_c_says_how_to_go_on_and_keeps_what_was_done(long: Long, tmp_path: Path) -> None:
    partial = tmp_path / "long.poses.partial"
    code, words = stopped_after(2, long.command(tmp_path), partial, signal.SIGINT)
    assert (code, words) == (130, "chronopose: stopped; the same command goes on from here\n")
    stream, _, done = ResultStream.resume(partial)
    stream.close()
    assert 0 < done < 120


# Disks and files that fail ----------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_and_the_run_goes_on_when_there_is_room(
    long: Long, uninterrupted: PoseSequence, tmp_path: Path
) -> None:
    from chronopose.cli.__main__ import run

    whole = (long.folder / "whole" / "long.poses.parquet").stat().st_size

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(whole, 120_000), resource.RLIM_INFINITY))

    failed = subprocess.run(long.command(tmp_path), capture_output=True, text=True, preexec_fn=little_room)
    assert failed.returncode == 1
    assert failed.stderr.startswith("chronopose: ") and failed.stderr.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["long.poses.partial"]
    stream, _, done = ResultStream.resume(tmp_path / "long.poses.partial")
    stream.close()
    assert 0 < done < 120
    assert run(long.arguments(tmp_path)) == 0
    same(read(tmp_path / "long.poses.parquet").frames, uninterrupted.frames, 1e-3)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system_and_leaves_nothing(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        predict_video(
            str(video), tmp_path / "file" / "x.parquet", PoseStream(predictor(), FullFrame(), StreamConfig()), {}
        )
    assert (tmp_path / "file").read_text() == "in the way"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_source_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"text.mp4: cannot be opened"):
        predict_video(
            str(tmp_path / "text.mp4"), tmp_path / "x.parquet", PoseStream(predictor(), FullFrame(), StreamConfig()), {}
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["text.mp4"]


def write_ts(path: Path) -> Path:
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "5", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = Fraction(1, 25)
        for index, picture in enumerate(rendered(60).frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("kind", ["mkv", "ts"])
def test_a_video_that_breaks_off_gives_the_frames_before(kind: str, tmp_path: Path) -> None:
    clip = tmp_path / f"cut.{kind}"
    write_ts(clip) if kind == "ts" else write_video(rendered(60).frames, clip)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    with open_video(clip) as reader:
        readable = sum(1 for _ in reader)
    assert 10 < readable < 60
    outcome = predict(clip, tmp_path / "cut.poses.parquet")
    assert outcome.frames == readable
    assert outcome.broken is not None and f"the video breaks off after frame {readable - 1}" in outcome.broken
    assert [answer.frame for answer in read(outcome.results)] == list(range(readable))
    again = predict(clip, tmp_path / "cut.poses.parquet")
    assert (again.resumed, again.broken) == (readable, outcome.broken)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A clip of 60 frames as a network stream of this machine's own."""
    (tmp_path / "served").mkdir()
    write_ts(tmp_path / "served" / "live.ts")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(tmp_path / "served"))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/live.ts"
        server.shutdown()


def test_a_live_source_is_written_like_a_file(address: str, tmp_path: Path) -> None:
    outcome = predict_video(
        address, tmp_path / "live.parquet", PoseStream(predictor(), FullFrame(), StreamConfig()), {}
    )
    assert (outcome.frames, outcome.broken) == (60, None)


def test_a_recording_that_its_user_stops_is_finished_with_what_it_has(address: str, tmp_path: Path) -> None:
    stream = PoseStream(predictor(), FullFrame(), StreamConfig())
    outcome = predict_video(address, tmp_path / "live.parquet", stream, {}, progress=stopping_after(21))
    assert 20 < outcome.frames < 60
    assert len(read(outcome.results)) == outcome.frames
    assert not (tmp_path / "live.partial").exists()


def test_a_recording_that_is_stopped_in_the_midst_of_a_chunk_is_finished_too(address: str, tmp_path: Path) -> None:
    class Tired(FullFrame):
        """A detector in whose third call the user presses Ctrl-C."""

        calls = 0

        def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().__call__(frames)

    outcome = predict_video(address, tmp_path / "live.parquet", PoseStream(predictor(), Tired(), StreamConfig()), {})
    assert outcome.frames == len(read(outcome.results)) == 14


def test_a_live_source_is_not_gone_on_with(address: str, tmp_path: Path) -> None:
    with ResultStream.create(
        tmp_path / "live.partial", table.schema(predictor().skeleton, poses_of(0).info, {})
    ) as stream:
        stream.append(poses_of(3).frames, PoseStream(predictor(), FullFrame(), StreamConfig()).state())
    with pytest.raises(InputError, match="a live source cannot go on where it was cut short; use --overwrite"):
        predict_video(address, tmp_path / "live.parquet", PoseStream(predictor(), FullFrame(), StreamConfig()), {})
    assert (tmp_path / "live.partial").exists()


# The annotated video in the same pass ---------------------------------------------------------------------------


def in_one_pass(source: str, folder: Path, **options: Any) -> Outcome:
    stream = PoseStream(predictor(), FullFrame(), StreamConfig())
    return predict_video(source, folder / "a.parquet", stream, {}, annotated=folder / "a.mp4", **options)


def drawn_frames(video: Path, drawn: Path) -> list[int]:
    """The frames on which something was painted."""
    before, stamps = pictures(video)
    after, new_stamps = pictures(drawn)
    np.testing.assert_allclose(new_stamps, stamps, atol=1e-4)
    changed = (np.abs(after - before).max(axis=-1) > 60).reshape(len(before), -1).sum(axis=1)
    return np.flatnonzero(changed > 50).tolist()


@pytest.mark.parametrize("overlap", [True, False])
def test_a_run_from_the_first_frame_to_the_last_is_annotated_meanwhile(
    overlap: bool, video: Path, tmp_path: Path
) -> None:
    before = threading.active_count()
    outcome = in_one_pass(str(video), tmp_path, overlap=overlap)
    assert outcome.annotated and outcome.frames == 20
    assert drawn_frames(video, tmp_path / "a.mp4") == list(range(20))
    annotate(str(video), read(outcome.results), tmp_path / "second.mp4")
    assert alike(pictures(tmp_path / "a.mp4")[0], pictures(tmp_path / "second.mp4")[0])
    assert threading.active_count() == before


def test_a_run_that_is_gone_on_with_leaves_the_annotated_video_to_a_second_pass(video: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        in_one_pass(str(video), tmp_path, progress=stopping_after(1))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.partial"]
    (tmp_path / ".a.0123abcd.part.mp4").write_bytes(b"left by a kill")
    outcome = in_one_pass(str(video), tmp_path)
    assert (outcome.resumed, outcome.frames, outcome.annotated) == (6, 20, False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]
    assert not in_one_pass(str(video), tmp_path).annotated
    assert in_one_pass(str(video), tmp_path, overwrite=True).annotated


def test_a_video_that_cannot_be_written_ends_the_run_at_once_and_costs_no_results(video: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(InputError, match=r"a.mp4: is a folder"):
        in_one_pass(str(video), tmp_path)
    (tmp_path / "a.mp4").rmdir()
    assert in_one_pass(str(video), tmp_path).annotated


def test_a_broken_video_is_annotated_as_far_as_it_goes(tmp_path: Path) -> None:
    clip = write_video(rendered(60).frames, tmp_path / "cut.mkv")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    outcome = in_one_pass(str(clip), tmp_path)
    assert outcome.annotated and outcome.broken is not None
    assert drawn_frames(clip, tmp_path / "a.mp4") == list(range(outcome.frames))


def test_a_live_source_is_annotated_too_even_when_its_user_stops_it(address: str, tmp_path: Path) -> None:
    outcome = in_one_pass(address, tmp_path, progress=stopping_after(21))
    assert outcome.annotated and 20 < outcome.frames < 60
    assert len(pictures(tmp_path / "a.mp4")[0]) == outcome.frames


def test_poses_and_persons_are_counted_without_reading_them(tmp_path: Path) -> None:
    boxes = {frame: (rendered(12).boxes[frame], np.ones(2), np.array([7, frame])) for frame in (0, 3, 4)}
    stream = PoseStream(predictor(), BoxFile(boxes), StreamConfig())
    clip = write_video(rendered(12).frames, tmp_path / "walk.mp4")
    predict_video(str(clip), tmp_path / "a.parquet", stream, {})
    sequence = read(tmp_path / "a.parquet")
    assert tally(tmp_path / "a.parquet", stream.skeleton) == (6, 4)
    assert (sum(len(frame.poses) for frame in sequence), len(sequence.tracks)) == (6, 4)


# What a run is made of --------------------------------------------------------------------------------------------


def test_passwords_of_addresses_are_neither_shown_nor_saved(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"")
    about = describe_run("rtsp://me:secret@host/live", tmp_path / "weights", "bundled", StreamConfig())
    assert about["source"] == "rtsp://***@host/live"
    assert without_password("rtsp://host/live") == "rtsp://host/live"
    assert without_password("clips/a@b.mp4") == "clips/a@b.mp4"


def test_other_weights_or_another_detector_make_another_run(video: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    base = describe_run(str(video), tmp_path / "a", "bundled", StreamConfig())
    assert base == describe_run(str(video), tmp_path / "a", "bundled", StreamConfig())
    other = [
        describe_run(str(video), tmp_path / "b", "bundled", StreamConfig()),
        describe_run(str(video), tmp_path / "a", "full-frame", StreamConfig()),
        describe_run(str(video), tmp_path / "a", "bundled", StreamConfig(max_persons=1)),
        describe_run(str(video), tmp_path / "a", "bundled", StreamConfig(), (-2, -1, 0)),
    ]
    assert all(run != base for run in other)
