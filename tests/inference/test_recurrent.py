"""A recurrent model in a stream: every frame once and at once, a state for each track, and the same after a stop."""

import base64
import gc
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chronopose.clips.contract import Carried
from chronopose.clips.crop import crop_clip
from chronopose.core.errors import InputError
from chronopose.core.geometry import apply
from chronopose.core.types import Floats, Frame, FramePoses, Pixels
from chronopose.formats import read
from chronopose.inference.estimator import Estimator, load
from chronopose.inference.persons import Person
from chronopose.inference.pipeline import predict_video
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.tracking.detector import BoxFile, Detector, FullFrame
from chronopose.tracking.tracker import TrackerConfig
from tests.inference.tiny_pose import (
    BrightSpots,
    Counting,
    as_frames,
    counts,
    given,
    identical,
    model_in,
    moving_spots,
    predictor,
    recurrent,
    rendered,
    same,
    save_listpose,
    still,
    write_video,
)

BOX = np.array([10, 10, 30, 50], np.float32)


def answers(
    frames: Sequence[Frame], detector: Detector | BoxFile, config: StreamConfig | None = None
) -> list[FramePoses]:
    return list(PoseStream(recurrent(), detector, config or StreamConfig()).over(frames))


def plain(frames: Sequence[Pixels], boxes: NDArray[np.floating]) -> Floats:
    """(T, P, K, 2) by the book: each person's frames, cut with each frame's own box, through one forward pass."""
    model = model_in(recurrent())
    xy = []
    for person in range(boxes.shape[1]):
        clip = crop_clip(frames, boxes[:, person], model.spec)
        with torch.inference_mode():
            output = model(torch.from_numpy(clip.pixels).permute(0, 3, 1, 2)[None])
        xy.append(apply(clip.crop_to_image, output.xy_crop[0].numpy()))
    return np.stack(xy, axis=1).astype(np.float32)


def joints(found: Sequence[FramePoses]) -> Floats:
    return np.stack([[pose.xy for pose in answer.poses] for answer in found])


def blank(count: int) -> list[Frame]:
    return as_frames(np.zeros((count, 64, 96, 3), np.uint8))


def boxes_in(where: dict[int, Sequence[tuple[int, NDArray[np.floating]]]]) -> BoxFile:
    """A user's boxes with ids: frame -> (id, box) of each person."""
    return BoxFile(
        {
            frame: (np.array([box for _, box in here]), np.ones(len(here)), np.array([track for track, _ in here]))
            for frame, here in where.items()
        }
    )


def counted(where: dict[int, Sequence[tuple[int, NDArray[np.floating]]]], frames: int, **settings: Any) -> list[Any]:
    """How many frames led to each answer, with the same result for any chunk."""
    found = [
        counts(PoseStream(Predictor(Counting(), "cpu"), boxes_in(where), StreamConfig(chunk=n, **settings)).over(film))
        for n, film in ((1, blank(frames)), (8, blank(frames)), (frames, blank(frames)))
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


# The answers are those of a plain loop ----------------------------------------------------------------------------


def test_exact_crops_answer_like_one_pass_over_the_whole_clip() -> None:
    clip = rendered(20)
    found = joints(answers(as_frames(clip.frames), given(clip.boxes), StreamConfig(crop="exact")))
    wanted = plain(clip.frames, clip.boxes)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    # Frame by frame with nothing remembered, the answers are others, except for the first.
    alone = np.concatenate([plain(clip.frames[i : i + 1], clip.boxes[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone[0], wanted[0], atol=1e-3)
    assert (np.abs(alone - wanted).max(axis=(1, 2, 3))[1:] > 1).all()


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_the_state_is_kept_where_the_crop_moves_with_the_box(crop: str) -> None:
    frames = rendered(20).frames
    boxes = np.tile(BOX, (20, 1, 1))
    boxes[..., ::2] += np.arange(20, dtype=np.float32)[:, None, None]
    # 4.4 px of 40 would be an anchor for 5 frames.
    config = StreamConfig(crop=crop, drift=0.11)  # type: ignore[arg-type]
    found = joints(answers(as_frames(frames), given(boxes), config))
    np.testing.assert_allclose(found, plain(frames, boxes), atol=1e-3)


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_every_frame_is_encoded_and_fused_once_all_its_persons_together(crop: str) -> None:
    clip, model = rendered(12, 3), Counting()
    boxes = {frame: list(enumerate(clip.boxes[frame]))[: 1 + frame % 3] for frame in range(12) if frame != 5}
    stream = PoseStream(Predictor(model, "cpu"), boxes_in(boxes), StreamConfig(crop=crop))  # type: ignore[arg-type]
    assert [len(answer.poses) for answer in stream.over(as_frames(clip.frames))] == [1, 2, 3, 1, 2, 0, *[1, 2, 3] * 2]
    assert stream.encoded == 21
    assert model.batches == [1, 2, 3, 1, 2, *[1, 2, 3] * 2]


@pytest.mark.parametrize("lag", [None, 0, 3])
def test_every_frame_is_answered_at_once(lag: int | None) -> None:
    clip = rendered(12)
    stream = PoseStream(recurrent(), given(clip.boxes), StreamConfig(chunk=1, lag=lag))
    assert stream.look_ahead == 0
    found = []
    for frame in as_frames(clip.frames):
        found += stream.push(frame)
        assert found[-1].frame == frame.index
        assert stream.first_frame == frame.index + 1  # and no frame is ever shown again
    assert stream.flush() == []
    same(found, answers(as_frames(clip.frames), given(clip.boxes)), 1e-4)


def test_any_chunk_size_gives_the_same_answers() -> None:
    frames = moving_spots(21, [(10, 5, 2, 255), (100, 35, -3, 220)])
    base = StreamConfig(chunk=1, detect_every=3)
    wanted = answers(frames, BrightSpots(), base)
    assert len({pose.track_id for answer in wanted for pose in answer.poses}) == 2
    for chunk in (2, 5, 8, 64):
        same(answers(frames, BrightSpots(), replace(base, chunk=chunk)), wanted, 1e-4)


def test_persons_are_answered_alone_as_together() -> None:
    clip = rendered(20, 3)
    together = answers(as_frames(clip.frames), given(clip.boxes))
    for person in range(3):
        alone = answers(as_frames(clip.frames), given(clip.boxes[:, [person]]))
        np.testing.assert_allclose(joints(alone)[:, 0], joints(together)[:, person], atol=1e-4)


# A state for each track -------------------------------------------------------------------------------------------


def test_each_person_has_a_state_from_the_first_frame_on_and_a_video_begins_anew() -> None:
    both = {frame: [(4, BOX)] + [(9, BOX + 20)] * (frame >= 3) for frame in range(6)}
    wanted = [[1], [2], [3], [4, 1], [5, 2], [6, 3]]
    model = Predictor(Counting(), "cpu")
    for _ in range(2):  # the same model, another video
        assert counts(PoseStream(model, boxes_in(both), StreamConfig()).over(blank(6))) == wanted


def test_a_state_belongs_to_the_person_not_to_the_place_in_the_batch() -> None:
    pictures = np.zeros((9, 64, 96, 3), np.uint8)
    pictures[:, :, :48, 0] = 40
    pictures[:, :, 48:, 0] = 200
    left, right = np.array([10, 10, 30, 40], np.float32), np.array([66, 10, 86, 40], np.float32)
    # The dark one is not there in the middle, so the bright one moves up a row and down again.
    where = {f: [(1, left)] * (not 3 <= f < 6) + [(2, right)] for f in range(9)}
    found = PoseStream(Predictor(Counting(), "cpu"), boxes_in(where), StreamConfig(chunk=4)).over(as_frames(pictures))
    for answer in found:
        for pose in answer.poses:
            box, red = (left, 40) if pose.track_id == 1 else (right, 200)
            clip = crop_clip([pictures[0]], box, Counting().spec)
            np.testing.assert_allclose(
                pose.xy, apply(clip.crop_to_image, [[red, red]]).repeat(15, axis=1)[0], rtol=1e-5
            )


@pytest.mark.parametrize("forget_after", [0, 1, 5])
@pytest.mark.parametrize("more", [0, 1])
def test_a_person_is_forgotten_after_so_many_frames_without_an_answer(forget_after: int, more: int) -> None:
    away = forget_after + more
    where = {frame: [(7, BOX)] for frame in range(12 + away) if not 4 <= frame < 4 + away}
    found = counted(where, 12 + away, forget_after=forget_after)
    again = [1] if more else [5]
    assert found[: 5 + away] == [[1], [2], [3], [4], *[[]] * away, again]
    assert found[-1] == [again[0] + 7]


def test_nobody_is_remembered_for_longer_than_the_tracker_would() -> None:
    where = {frame: [(7, BOX)] for frame in range(12) if not 4 <= frame < 7}
    assert counted(where, 12, forget_after=1000, tracker=TrackerConfig(patience=3))[7] == [5]
    assert counted(where, 12, forget_after=1000, tracker=TrackerConfig(patience=2))[7] == [1]


@pytest.mark.parametrize(("step", "kept"), [(0.0, True), (9.5, True), (12.0, False), (200.0, False)])
def test_a_person_whose_box_jumps_is_somebody_new(step: float, kept: bool) -> None:
    # 20 px wide: moved by 9.5 the overlap is 10.5 / 29.5 = 0.36, by 12 it is 8 / 32 = 0.25.
    where = {frame: [(7, BOX + np.array([step, 0, step, 0], np.float32) * (frame >= 4))] for frame in range(8)}
    assert counted(where, 8)[3:] == ([[4], [5], [6], [7], [8]] if kept else [[4], [1], [2], [3], [4]])
    assert counted(where, 8, jump_iou=0.0)[-1] == [8]


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_a_long_walk_is_no_jump(crop: str) -> None:
    step = np.array([4, 0, 4, 0], np.float32)
    where = {frame: [(7, BOX + step * frame)] for frame in range(20)}
    assert counted(where, 20, crop=crop)[-1] == [20]


def test_a_jump_is_measured_from_the_last_answer_not_from_the_last_box() -> None:
    """Whoever is not among the persons answered is away, and comes back where the box is then."""
    step = np.array([4, 0, 4, 0], np.float32)
    scores = {frame: 0.2 if 3 <= frame < 6 else 0.9 for frame in range(9)}
    boxes = BoxFile(
        {
            frame: (np.stack([BOX + step * frame, BOX + 60]), np.array([scores[frame], 0.5]), np.array([1, 2]))
            for frame in range(9)
        }
    )
    model = Predictor(Counting(), "cpu")
    found = list(PoseStream(model, boxes, StreamConfig(max_persons=1)).over(blank(9)))
    assert [pose.track_id for answer in found for pose in answer.poses] == [1, 1, 1, 2, 2, 2, 1, 1, 1]
    # From frame 2 to frame 6 the box moved by 16 of its 20 px.
    assert counts(found) == [[1], [2], [3], [1], [2], [3], [1], [2], [3]]
    found = list(PoseStream(model, boxes, StreamConfig(max_persons=1, jump_iou=0.1)).over(blank(9)))
    assert counts(found) == [[1], [2], [3], [1], [2], [3], [4], [5], [6]]


def test_memory_stays_flat_while_persons_come_and_go() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    # Every frame has three persons, and every ten frames each of them is somebody who was never there.
    where = {f: [(3 * (f // 10) + p, BOX + 7 * p) for p in range(3)] for f in range(600)}
    stream = PoseStream(Predictor(Counting(), "cpu"), boxes_in(where), StreamConfig(chunk=5))
    alive: list[int] = []
    most: dict[str, int] = {}
    for index in range(600):
        stream.push(Frame(index, index / 25, picture))
        for name, held in vars(stream).items():
            if hasattr(held, "__len__"):
                most[name] = max(most.get(name, 0), len(held))
        if index in (99, 599):
            gc.collect()
            alive.append(sum(type(one) in (torch.Tensor, Person) for one in gc.get_objects()))
            assert len(json.dumps(stream.state())) < 20_000
    assert most["_states"] == 6  # three who are there and three who left within the last 5 frames
    assert most["_features"] == 0 and most["_frames"] <= 6 and most["_anchors"] <= 3 * (30 // 10 + 2)
    assert alive[0] == alive[1]


# Going on after a stop --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", ["locked", "exact"])
@pytest.mark.parametrize("chunk", [1, 4])
def test_a_restored_stream_gives_the_remaining_answers_bit_for_bit(crop: str, chunk: int) -> None:
    frames = moving_spots(22, [(10, 5, 2, 255), (110, 35, -3, 220)])
    config = StreamConfig(crop=crop, chunk=chunk, detect_every=3, drift=0.15)  # type: ignore[arg-type]
    wanted = answers(frames, BrightSpots(), config)
    stream = PoseStream(recurrent(), BrightSpots(), config)
    done = 0
    for frame in frames:
        done += len(stream.push(frame))
        if (frame.index + 1) % 4:
            continue
        again = PoseStream(recurrent(), BrightSpots(), config)
        again.restore(json.loads(json.dumps(stream.state(), allow_nan=False)))
        assert again.first_frame == done
        identical(list(again.over(frames[done:])), wanted[done:])
    assert done == 22 // chunk * chunk


def test_without_the_states_the_answers_after_a_stop_are_others() -> None:
    clip, config = rendered(12), StreamConfig(chunk=4)
    frames, boxes = as_frames(clip.frames), given(clip.boxes)
    stream = PoseStream(recurrent(), boxes, config)
    for frame in frames[:8]:
        stream.push(frame)
    found = []
    for rows in (stream.state()["states"], []):
        again = PoseStream(recurrent(), boxes, config)
        again.restore(stream.state() | {"states": rows})
        found.append(joints(list(again.over(frames[8:]))))
    assert np.abs(found[0] - found[1]).max() > 1


def test_a_stream_stopped_after_every_chunk_is_still_the_same() -> None:
    clip = rendered(30)
    frames, config = as_frames(clip.frames), StreamConfig(chunk=3)
    found: list[FramePoses] = []
    stream = PoseStream(recurrent(), given(clip.boxes, ids=False), config)
    for frame in frames:
        if got := stream.push(frame):
            found += got
            state = json.dumps(stream.state())
            stream = PoseStream(recurrent(), given(clip.boxes, ids=False), config)
            stream.restore(json.loads(state))
    identical(found + stream.flush(), answers(frames, given(clip.boxes, ids=False), config))


def test_a_person_who_is_away_at_the_stop_is_remembered() -> None:
    where = {frame: [(7, BOX)] for frame in range(12) if not 6 <= frame < 10}
    stream = PoseStream(Predictor(Counting(), "cpu"), boxes_in(where), StreamConfig(chunk=4))
    for frame in blank(8):
        stream.push(frame)
    again = PoseStream(Predictor(Counting(), "cpu"), boxes_in(where), StreamConfig(chunk=4))
    again.restore(json.loads(json.dumps(stream.state())))
    assert counts(again.over(blank(12)[8:])) == [[], [], [7], [8]]


def test_a_run_that_was_stopped_is_finished_bit_for_bit(tmp_path: Path) -> None:
    clip = rendered(20)
    video = str(write_video(clip.frames, tmp_path / "walk.mp4"))
    told = 0

    def stop(steps: int) -> None:
        nonlocal told
        told += steps
        if told == 16:
            raise KeyboardInterrupt

    def stream() -> PoseStream:
        return PoseStream(recurrent(), given(clip.boxes, ids=False), StreamConfig())

    with pytest.raises(KeyboardInterrupt):
        predict_video(video, tmp_path / "walk.parquet", stream(), {}, progress=stop)
    outcome = predict_video(video, tmp_path / "walk.parquet", stream(), {})
    assert (outcome.resumed, outcome.frames, outcome.encoded) == (16, 20, 2 * 4)  # no frame is encoded twice
    predict_video(video, tmp_path / "whole.parquet", stream(), {})
    identical(read(outcome.results).frames, read(tmp_path / "whole.parquet").frames)


def text(tokens: Any, kind: str = "<f4") -> str:
    return base64.b64encode(np.asarray(tokens, dtype=kind).tobytes()).decode()


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (2, text([1.0]), "track 7: tokens (2,) are 12 characters of base64, got 8 characters"),
        (2, text(np.zeros(1000)), "track 7: tokens (2,) are 12 characters of base64, got 5336 characters"),
        (2, text([1.0, 2.0], "<f8"), "track 7: tokens (2,) are 12 characters of base64, got 24 characters"),
        (2, text([np.nan, np.inf]), "track 7: tokens must be finite, got 2 that are not"),
        (2, 3, "track 7: tokens (2,) are 12 characters of base64, got int"),
        (2, None, "track 7: tokens (2,) are 12 characters of base64, got NoneType"),
        (2, "!" * 12, "Error"),
        (2, "A" * 12, "ValueError"),
        (1, 99, "track 7: tokens of frame 99, wanted those of 3 or shortly before"),
        (1, -9, "track 7: tokens of frame -9, wanted those of 3 or shortly before"),
        (0, "seven", "ValueError"),
        (0, float("inf"), "OverflowError"),
        (4, float("nan"), "track 7: box must be four finite numbers"),
        (slice(3, 5), [], "track 7: box must be four finite numbers"),
    ],
)
def test_tokens_that_are_none_are_refused_in_one_line(place: Any, value: Any, told: str) -> None:
    stream = PoseStream(Predictor(Counting(), "cpu"), boxes_in({0: [(7, BOX)]}), StreamConfig(chunk=4))
    for frame in blank(4):
        stream.push(frame)
    state = json.loads(json.dumps(stream.state()))
    PoseStream(stream.predictor, stream.detector, stream.config).restore(state)  # which is fine as it is
    state["states"][0][place] = value
    with pytest.raises(InputError) as caught:
        PoseStream(stream.predictor, stream.detector, stream.config).restore(state)
    assert str(caught.value).startswith("stream state: ") and told in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("rows", [None, 5, [None], [[]], [5]])
def test_rows_that_are_none_are_refused(rows: Any) -> None:
    stream = PoseStream(recurrent(), FullFrame(), StreamConfig(chunk=4))
    with pytest.raises(InputError, match="stream state: "):
        PoseStream(recurrent(), FullFrame(), StreamConfig(chunk=4)).restore(stream.state() | {"states": rows})


def test_tokens_are_wanted_once_and_of_a_recurrent_model_alone() -> None:
    stream = PoseStream(recurrent(), FullFrame(), StreamConfig(chunk=4))
    for frame in blank(4):
        stream.push(frame)
    state = stream.state()
    with pytest.raises(InputError, match="track 0: found tokens twice"):
        PoseStream(recurrent(), FullFrame(), stream.config).restore(state | {"states": state["states"] * 2})
    with pytest.raises(InputError, match="track 0: found tokens, but this model carries none"):
        PoseStream(predictor((0,)), FullFrame(), stream.config).restore(state)
    with pytest.raises(InputError, match="'states'"):
        PoseStream(recurrent(), FullFrame(), stream.config).restore({k: v for k, v in state.items() if k != "states"})


def test_the_state_of_a_person_is_as_large_as_the_tokens() -> None:
    stream = PoseStream(recurrent(), given(still(rendered(12))), StreamConfig(chunk=4))
    for frame in as_frames(rendered(12).frames[:4]):
        stream.push(frame)
    tokens: Carried = model_in(recurrent()).fresh(1)
    size = len(json.dumps(stream.state()["states"]))
    assert 2 * 4 / 3 * 4 * tokens.tokens.numel() < size < 2 * (4 / 3 * 4 * tokens.tokens.numel() + 150)


# The Python entry -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Estimator:
    return load(save_listpose(tmp_path_factory.mktemp("weights") / "tiny.safetensors"), device="cpu")


def test_a_saved_model_streams_frame_by_frame_and_predicts_the_same(estimator: Estimator, tmp_path: Path) -> None:
    clip = rendered(12)
    video = write_video(clip.frames, tmp_path / "walk.mp4")
    whole = estimator.predict(video, detector=given(clip.boxes))
    assert [len(answer.poses) for answer in whole] == [2] * 12
    same(list(estimator.stream(video, detector=given(clip.boxes))), whole.frames, 1e-4)
    live = estimator.stream(iter(as_frames(clip.frames)), detector=FullFrame())
    assert [next(live).frame for _ in range(3)] == [0, 1, 2]


def test_there_is_no_window_to_change(tmp_path: Path) -> None:
    weights = save_listpose(tmp_path / "tiny.safetensors")
    with pytest.raises(InputError, match=r"tiny.safetensors: a listpose model has no window that could be changed"):
        load(weights, window=(-2, -1, 0))
    with pytest.raises(InputError, match="person-small is a person model, which answers no poses"):
        load("person-small", window=(-2, -1, 0))
