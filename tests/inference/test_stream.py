"""A stream answers every frame once and in order, like a plain loop, in flat memory, and goes on after a stop."""

import json
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chronopose.clips.crop import crop_clip, cut
from chronopose.core.errors import InputError
from chronopose.core.geometry import apply, crop_to_image
from chronopose.core.types import Floats, Frame, FramePoses, Pixels
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.tracking.detector import BoxFile, Detector, FullFrame
from chronopose.tracking.tracker import Detections, TrackerConfig
from tests.inference.tiny_pose import (
    WINDOW,
    BrightSpots,
    as_frames,
    given,
    model_in,
    movable,
    moving_spots,
    predictor,
    rendered,
    same,
    still,
)

CHUNK = StreamConfig().chunk


def answers(
    frames: Sequence[Frame],
    detector: Detector | BoxFile,
    config: StreamConfig | None = None,
    offsets: tuple[int, ...] = WINDOW,
    model: Callable[[tuple[int, ...]], Predictor] = predictor,
) -> list[FramePoses]:
    return list(PoseStream(model(offsets), detector, config or StreamConfig()).over(frames))


def plain(
    frames: Sequence[Pixels], boxes: NDArray[np.floating], offsets: tuple[int, ...] = WINDOW, lag: int | None = None
) -> Floats:
    """(T, P, K, 2) by the book: each key frame's window, clamped to the video, cut with one box, through forward."""
    model = model_in(predictor(offsets))
    xy = []
    for key in range(len(frames)):
        last = len(frames) - 1 if lag is None else min(len(frames) - 1, key + lag)
        window = model.spec.window(key, 0, last)
        for box in boxes[key]:
            clip = crop_clip([frames[frame] for frame in window], box, model.spec)
            with torch.inference_mode():
                output = model(torch.from_numpy(clip.pixels).permute(0, 3, 1, 2)[None])
            xy.append(apply(clip.crop_to_image[model.spec.key], output.xy_crop[0, 0].numpy()))
    return np.stack(xy).astype(np.float32).reshape(*boxes.shape[:2], -1, 2)


def joints(found: Sequence[FramePoses]) -> Floats:
    return np.stack([[pose.xy for pose in answer.poses] for answer in found])


# One answer for each frame ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 2, 3, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_every_frame_is_answered_once_and_in_order(length: int, crop: str) -> None:
    frames = as_frames(rendered(30).frames[:length])
    found = answers(frames, FullFrame(), StreamConfig(crop=crop))  # type: ignore[arg-type]
    assert [answer.frame for answer in found] == list(range(length))
    assert [answer.time_s for answer in found] == [frame.time_s for frame in frames]
    assert [[pose.track_id for pose in answer.poses] for answer in found] == [[0]] * length


def test_a_frame_without_persons_is_answered_too() -> None:
    clip = rendered(12)
    boxes = {frame: (clip.boxes[frame], np.ones(2), np.arange(2)) for frame in (3, 4, 8)}
    found = answers(as_frames(clip.frames), BoxFile(boxes))
    assert [len(answer.poses) for answer in found] == [0, 0, 0, 2, 2, 0, 0, 0, 2, 0, 0, 0]


def test_no_boxes_at_all_means_no_poses() -> None:
    assert [answer.poses for answer in answers(as_frames(rendered(12).frames), BoxFile({}))] == [()] * 12


@pytest.mark.parametrize("wrong", [1, 7])
def test_the_first_frame_must_be_frame_0(wrong: int) -> None:
    stream = PoseStream(predictor(), FullFrame(), StreamConfig())
    with pytest.raises(ValueError, match=f"got frame {wrong}, wanted 0"):
        stream.push(Frame(wrong, 0.0, rendered(12).frames[0]))


@pytest.mark.parametrize("wrong", [3, 4, 6])
@pytest.mark.parametrize("chunk", [1, 4])
def test_frames_must_follow_one_another(wrong: int, chunk: int) -> None:
    frames = as_frames(rendered(12).frames)
    stream = PoseStream(predictor(), FullFrame(), StreamConfig(chunk=chunk))
    for frame in frames[:5]:
        stream.push(frame)
    with pytest.raises(ValueError, match=f"got frame {wrong}, wanted 5"):
        stream.push(frames[wrong])
    assert stream.push(frames[5]) is not None  # and the stream still takes the right one


# The answers are those of a plain loop ----------------------------------------------------------------------------


@pytest.mark.parametrize("offsets", [WINDOW, (-2, -1, 0), (0, 1, 2), (0,), (-5, -1, 0, 3)])
def test_exact_crops_answer_like_a_plain_loop(offsets: tuple[int, ...]) -> None:
    clip = rendered(12)
    found = joints(answers(as_frames(clip.frames), given(clip.boxes), StreamConfig(crop="exact"), offsets))
    wanted = plain(clip.frames, clip.boxes, offsets)
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    if len(offsets) > 1:  # with a wrong window the loop would answer otherwise
        assert np.abs(plain(clip.frames, clip.boxes, offsets, lag=0) - wanted).max() > 0.01 or max(offsets) == 0


def test_exact_crops_encode_every_frame_of_every_window() -> None:
    clip = rendered(12)
    stream = PoseStream(predictor(), given(clip.boxes[:, :1]), StreamConfig(crop="exact"))
    assert (np.abs(np.diff(clip.boxes[:, 0], axis=0)).max(axis=-1) > 0).all()  # the box moves in every frame
    list(stream.over(as_frames(clip.frames)))
    spec = predictor().spec
    assert stream.encoded == sum(len(set(spec.window(key, 0, 11))) for key in range(12)) == 12 * 5 - 2 * (2 + 1)


def test_a_still_box_gives_locked_and_exact_the_same_answers_and_one_encoding_for_each_frame() -> None:
    clip = rendered(20)
    locked = PoseStream(predictor(), given(still(clip)[:, :1]), StreamConfig(crop="locked"))
    exact = PoseStream(predictor(), given(still(clip)[:, :1]), StreamConfig(crop="exact"))
    frames = as_frames(clip.frames)
    same(list(locked.over(frames)), list(exact.over(frames)), 1e-4)
    assert locked.encoded == exact.encoded == 20


def drifting(frames: int, step_px: float) -> Floats:
    """(T, 1, 4) a box of 20 x 40 pixels that moves to the right."""
    box = np.tile(np.array([20, 10, 40, 50], np.float32), (frames, 1, 1))
    box[..., ::2] += step_px * np.arange(frames, dtype=np.float32)[:, None, None]
    return box


def test_a_slow_drift_is_anchored_anew_only_past_the_threshold() -> None:
    frames, boxes = rendered(20).frames, drifting(20, 1.0)
    # 4.4 px are the most of a crop of 40, so the first anchor holds for 5 frames, 0 to 4 px. The next ones lie 2.2 px
    # ahead of the walker and hold for 7: from there to 6.6 px further.
    since = np.array([0] * 5 + [5] * 7 + [12] * 7 + [19])
    anchors = boxes[since] + np.where(since > 0, 2.2, 0)[:, None, None] * np.array([1, 0, 1, 0], np.float32)
    stream = PoseStream(predictor(), given(boxes), StreamConfig(crop="locked", drift=0.11))
    found = list(stream.over(as_frames(frames)))
    np.testing.assert_allclose(joints(found), plain(frames, anchors), atol=1e-3)
    # Each of the 4 anchors shows its own frames and 2 on either side, which the video's ends cut off.
    assert stream.encoded == 20 + (0 + 2) + (2 + 2) + (2 + 1) + (2 + 0)
    # A pose carries the person's own box, not the anchor.
    np.testing.assert_array_equal([answer.poses[0].box for answer in found], boxes[:, 0])


def test_a_model_that_moves_its_features_encodes_a_walker_once_a_frame() -> None:
    frames, boxes = as_frames(rendered(20).frames), given(drifting(20, 1.0))
    stream = PoseStream(movable(), boxes, StreamConfig())
    exact = PoseStream(movable(), boxes, StreamConfig(crop="exact"))
    assert len(list(stream.over(frames))) == len(list(exact.over(frames))) == 20
    assert (stream.encoded, exact.encoded) == (20, 20 * 5 - 2 * (2 + 1))


def test_features_are_not_moved_as_far_as_a_box_jumps() -> None:
    boxes = drifting(20, 0.0)
    boxes[10] += np.array([-5, -10, 5, 10])  # half as large again for a frame
    stream = PoseStream(movable(), given(boxes), StreamConfig())
    exact = PoseStream(movable(), given(boxes), StreamConfig(crop="exact"))
    frames = as_frames(rendered(20).frames)
    found, wanted = list(stream.over(frames)), list(exact.over(frames))
    # Frame 10 in the boxes before and after it too, and 8, 9, 11 and 12 in its own.
    assert stream.encoded == 20 + 1 + 4 + 1
    np.testing.assert_allclose(joints(found), joints(wanted), atol=1e-3)


def test_windows_show_moved_features_where_the_anchor_is_another() -> None:
    frames, boxes = as_frames(rendered(20).frames), given(drifting(20, 1.0))
    moved = joints(list(PoseStream(movable(), boxes, StreamConfig(drift=0.11)).over(frames)))
    spec, runtime = movable().spec, movable().runtime
    assert runtime.moving is not None
    # Anchored anew in frames 5, 12 and 19, see above; the anchor is then 2.2 px ahead.
    since, ahead = np.array([0] * 5 + [5] * 7 + [12] * 7 + [19]), 2.2
    anchors = np.stack([drifting(20, 1.0)[at, 0] + (ahead * (at > 0), 0) * 2 for at in since])
    transforms = crop_to_image(anchors, spec.height, spec.width, spec.margin)
    features = movable().encode(cut([frame.pixels for frame in frames], transforms, spec.height, spec.width))
    for key in (3, 6, 11, 18):
        window = list(spec.window(key, 0, 19))
        shown = movable().moved(features[window], transforms[window], transforms[[key] * 5])
        wanted = movable().joints(shown[None], transforms[[key]]).xy[0]
        np.testing.assert_allclose(moved[key, 0], wanted, atol=1e-2)
        unmoved = movable().joints(features[window][None], transforms[[key]]).xy[0]
        assert (np.abs(unmoved - wanted).max() > 0.05) == (len(set(since[window])) > 1)


def test_a_wider_threshold_keeps_the_first_anchor() -> None:
    frames, boxes = rendered(20).frames, drifting(20, 1.0)
    stream = PoseStream(predictor(), given(boxes), StreamConfig(crop="locked", drift=0.5))
    found = list(stream.over(as_frames(frames)))
    assert stream.encoded == 20
    np.testing.assert_allclose(joints(found), plain(frames, np.repeat(boxes[:1], 20, axis=0)), atol=1e-3)


def test_a_box_that_grows_in_place_is_anchored_anew() -> None:
    boxes = np.tile(np.array([20, 10, 40, 50], np.float32), (12, 1, 1))
    boxes[6:] += np.array([-4, -8, 4, 8], np.float32)  # the same centre, sides 1.4 times as long
    stream = PoseStream(predictor(), given(boxes), StreamConfig(crop="locked", drift=0.3))
    found = joints(stream.over(as_frames(rendered(12).frames)))
    assert stream.encoded == (6 + 2) + (6 + 2)
    np.testing.assert_allclose(found, plain(rendered(12).frames, boxes), atol=1e-3)


# Chunks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_any_chunk_size_gives_the_same_answers(crop: str) -> None:
    frames = moving_spots(21, [(10, 5, 2, 255), (100, 35, -3, 220)])
    base = StreamConfig(crop=crop, chunk=1, detect_every=3)  # type: ignore[arg-type]
    wanted = answers(frames, BrightSpots(), base)
    assert len({pose.track_id for answer in wanted for pose in answer.poses}) == 2
    for chunk in (2, 5, 8, 21, 64):
        same(answers(frames, BrightSpots(), replace(base, chunk=chunk)), wanted, 1e-3)


def test_a_person_long_out_of_sight_is_anchored_anew_whatever_the_chunk_size() -> None:
    clip = rendered(30)
    boxes = {
        frame: (drifting(30, 0.1)[frame], np.ones(1), np.zeros(1, int)) for frame in range(30) if not 5 <= frame < 20
    }
    config = StreamConfig(tracker=TrackerConfig(patience=10), drift=0.5)
    small, large = (answers(as_frames(clip.frames), BoxFile(boxes), replace(config, chunk=n)) for n in (1, 30))
    same(small, large, 1e-3)
    own = plain(clip.frames, drifting(30, 0.1)[[20] * 30])
    np.testing.assert_allclose(joints(small[20:]), own[20:], atol=1e-3)


# Look-ahead -------------------------------------------------------------------------------------------------------


def test_no_lag_answers_at_once_and_the_key_frame_stands_in_for_the_future() -> None:
    clip = rendered(12)
    stream = PoseStream(predictor(), given(clip.boxes), StreamConfig(crop="exact", lag=0, chunk=1))
    found = []
    for frame in as_frames(clip.frames):
        (answer,) = stream.push(frame)
        assert answer.frame == frame.index
        found.append(answer)
    assert stream.flush() == []
    now, whole = plain(clip.frames, clip.boxes, lag=0), plain(clip.frames, clip.boxes)
    np.testing.assert_allclose(joints(found), now, atol=1e-3)
    assert np.abs(now - whole).max() > 0.01


def test_a_lag_of_one_waits_for_one_frame() -> None:
    clip = rendered(12)
    stream = PoseStream(predictor(), given(clip.boxes), StreamConfig(crop="exact", lag=1, chunk=1))
    pushed = [stream.push(frame) for frame in as_frames(clip.frames)]
    assert [[answer.frame for answer in each] for each in pushed] == [[], *([key] for key in range(11))]
    found = [answer for each in (*pushed, stream.flush()) for answer in each]
    np.testing.assert_allclose(joints(found), plain(clip.frames, clip.boxes, lag=1), atol=1e-3)


def test_a_model_that_looks_back_only_answers_at_once_by_itself() -> None:
    clip = rendered(12)
    stream = PoseStream(predictor((-2, -1, 0)), given(clip.boxes), StreamConfig(chunk=1))
    assert [[answer.frame for answer in stream.push(frame)] for frame in as_frames(clip.frames)] == [
        [i] for i in range(12)
    ]


@pytest.mark.parametrize("lag", [0, 1])
def test_frames_handled_together_do_not_see_further_ahead_than_the_lag(lag: int) -> None:
    clip = rendered(12)
    found = answers(as_frames(clip.frames), given(clip.boxes), StreamConfig(crop="exact", lag=lag, chunk=8))
    np.testing.assert_allclose(joints(found), plain(clip.frames, clip.boxes, lag=lag), atol=1e-3)


def test_more_lag_than_the_model_wants_changes_nothing() -> None:
    clip = rendered(12)
    stream = PoseStream(predictor(), given(clip.boxes), StreamConfig(lag=50, chunk=1))
    assert [len(stream.push(frame)) for frame in as_frames(clip.frames)] == [0, 0, *[1] * 10]


# Persons ----------------------------------------------------------------------------------------------------------


def test_at_most_so_many_persons_are_answered_those_with_the_highest_scores() -> None:
    frames = moving_spots(12, [(10, 5, 1, 200), (60, 5, 1, 255), (10, 38, 1, 230)])
    everyone = answers(frames, BrightSpots())
    assert [len(answer.poses) for answer in everyone] == [3] * 12
    for most, kept in ((1, {255}), (2, {255, 230})):
        found = answers(frames, BrightSpots(), StreamConfig(max_persons=most))
        assert [{round(pose.box_score * 255) for pose in answer.poses} for answer in found] == [kept] * 12


@pytest.mark.parametrize(("every", "chunk"), [(1, 8), (3, 8), (5, 4), (4, 1)])
def test_the_detector_sees_every_nth_frame_and_persons_are_followed_between(every: int, chunk: int) -> None:
    frames = moving_spots(21, [(10, 5, 2, 255), (100, 35, -2, 220)])
    detector = BrightSpots()
    found = answers(frames, detector, StreamConfig(detect_every=every, chunk=chunk))
    assert detector.seen == len(range(0, 21, every))
    assert [[pose.track_id for pose in answer.poses] for answer in found] == [[0, 1]] * 21
    for answer in found[2 * every + 1 :]:  # two looks tell the speed
        left = sorted(pose.box[0] for pose in answer.poses)
        true = sorted([9.5 + 2 * answer.frame, 99.5 - 2 * answer.frame])
        np.testing.assert_allclose(left, true, atol=1.5)


def test_ids_of_a_box_file_are_kept_and_ids_that_are_missing_are_made() -> None:
    clip = rendered(12)
    boxes = {frame: (clip.boxes[frame], np.ones(2), np.array([40, 7])) for frame in range(12)}
    named = answers(as_frames(clip.frames), BoxFile(boxes))
    assert [[pose.track_id for pose in answer.poses] for answer in named] == [[7, 40]] * 12
    np.testing.assert_array_equal(named[5].poses[0].box, clip.boxes[5, 1])
    tracked = answers(as_frames(clip.frames), given(clip.boxes, ids=False))
    assert [[pose.track_id for pose in answer.poses] for answer in tracked] == [[0, 1]] * 12


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("crop", "loose"),
        ("drift", -0.1),
        ("drift", 1.5),
        ("detect_every", 0),
        ("chunk", 0),
        ("lag", -1),
        ("max_persons", 0),
        ("forget_after", -1),
        ("jump_iou", -0.1),
        ("jump_iou", 1.5),
        ("still", -1),
        ("still", 256),
    ],
)
def test_settings_that_make_no_sense_are_named(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        StreamConfig(**{field: value})  # type: ignore[arg-type]


# Still pictures and lost persons ---------------------------------------------------------------------------------


class Seen(FullFrame):
    """A whole-frame detector that counts the frames it is shown."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        self.frames += len(frames)
        return super().__call__(frames)


def stop_and_go() -> list[Frame]:
    """24 frames that stand still but for one step after every sixth."""
    return as_frames([rendered(20).frames[index // 6] for index in range(24)])


@pytest.mark.parametrize(("chunk", "looks"), [(1, 24), (6, 4), (24, 4)])
def test_a_still_picture_is_encoded_once_and_answers_as_before(chunk: int, looks: int) -> None:
    spared, whole = (
        PoseStream(predictor(), Seen(), StreamConfig(chunk=chunk, still=still_from)) for still_from in (0, None)
    )
    same(list(spared.over(stop_and_go())), list(whole.over(stop_and_go())), 1e-3)
    assert (spared.encoded, whole.encoded) == (4, 24)
    assert isinstance(spared.detector, Seen) and isinstance(whole.detector, Seen)
    assert (spared.detector.frames, whole.detector.frames) == (looks, 24)  # looks are compared inside a chunk


def test_only_the_part_of_the_picture_that_a_person_stands_in_has_to_be_still() -> None:
    pixels = np.repeat(rendered(20).frames[:1], 12, axis=0).copy()
    pixels[:, :, 80:] = np.random.default_rng(0).integers(0, 255, pixels[:, :, 80:].shape)
    boxes = np.tile(np.array([[10, 5, 40, 60], [50, 5, 90, 60]], np.float32), (12, 1, 1))
    stream = PoseStream(predictor(), given(boxes), StreamConfig())
    list(stream.over(as_frames(pixels)))
    assert stream.encoded == 1 + 12


@pytest.mark.parametrize(("still", "encoded"), [(None, 16), (0, 16), (1, 16), (2, 1), (255, 1)])
def test_noise_up_to_the_bound_is_taken_for_stillness(still: int | None, encoded: int) -> None:
    rng = np.random.default_rng(0)
    picture = np.clip(rendered(20).frames[0], 2, 250)
    noisy = [picture + rng.choice(np.array([0, 2], np.uint8), picture.shape) for _ in range(16)]
    # Crops are cut pixel by pixel here, so that no noise is averaged away.
    boxes = np.tile(np.array([20.1, 6.9, 58.5, 58.1], np.float32), (16, 1, 1))
    stream = PoseStream(predictor(), given(boxes), StreamConfig(still=still))
    list(stream.over(as_frames(noisy)))
    assert stream.encoded == encoded


def test_slow_change_is_measured_from_the_crop_that_was_encoded() -> None:
    fading = as_frames([np.full((64, 96, 3), 100 + index, np.uint8) for index in range(16)])
    stream = PoseStream(predictor(), FullFrame(), StreamConfig(still=3, chunk=4))
    list(stream.over(fading))
    assert stream.encoded == 4  # 100 stands for 103 and not for 104


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_a_person_who_is_lost_is_not_cropped_beyond_the_last_window(crop: str) -> None:
    clip = rendered(30)
    boxes = {frame: (drifting(30, 0.0)[frame], np.ones(1), np.zeros(1, int)) for frame in range(10)}
    stream = PoseStream(predictor(), BoxFile(boxes), StreamConfig(crop=crop, still=None))  # type: ignore[arg-type]
    found = list(stream.over(as_frames(clip.frames)))
    assert [len(answer.poses) for answer in found] == [1] * 10 + [0] * 20
    assert stream.encoded == 10 + 2  # the look-ahead of the last frame that shows the person


# Memory -----------------------------------------------------------------------------------------------------------


def test_memory_stays_flat_over_thousands_of_frames() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    # First the box sways and every 40 frames somebody else comes, so that anchors and ids are always new; then one
    # person stays in one place, so that nothing is ever anchored anew.
    where = [(frame % 17, frame // 40) if frame < 1000 else (0, 99) for frame in range(2000)]
    boxes = {
        frame: (np.array([[4 + x, 2, 20 + x, 30]]), np.ones(1), np.array([person]))
        for frame, (x, person) in enumerate(where)
    }
    stream = PoseStream(predictor(), BoxFile(boxes), StreamConfig(chunk=25, tracker=TrackerConfig(patience=5)))
    most: dict[str, int] = {}
    early = late = answered = 0
    tracemalloc.start()
    for index in range(2000):
        answered += len(stream.push(Frame(index, index / 25, picture)))
        for name, held in {**vars(stream), **vars(stream._features)}.items():
            if hasattr(held, "__len__"):
                most[name] = max(most.get(name, 0), len(held))
        if index in (399, 1999):  # both at the end of a chunk
            early, late = late, tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert answered == 2000 - 2
    assert {"_frames", "_persons", "_anchors", "_states", "_known", "_looks", "_waiting"} <= set(most)
    assert max(most.values()) <= 2 * 25 + 4, most
    assert most["_anchors"] <= 2
    # Python keeps up to 2000 tuples of a size for later use, 160 kB; the frames alone would be 7 MB.
    assert late - early < 300_000


# Going on after a stop --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "model"),
    [("locked", predictor), ("exact", predictor), ("locked", movable)],
    ids=["locked", "exact", "moved"],
)
@pytest.mark.parametrize("offsets", [WINDOW, (-2, -1, 0), (0,), (0, 1, 2)])
def test_a_restored_stream_gives_the_remaining_answers(
    crop: Any, model: Callable[[tuple[int, ...]], Predictor], offsets: tuple[int, ...]
) -> None:
    frames = moving_spots(22, [(10, 5, 2, 255), (110, 35, -3, 220)])
    config = StreamConfig(crop=crop, chunk=4, detect_every=3, drift=0.15)
    stream = PoseStream(model(offsets), BrightSpots(), config)
    wanted = answers(frames, BrightSpots(), config, offsets, model)
    given_so_far, stops = 0, 0
    for frame in frames:
        given_so_far += len(stream.push(frame))
        if (frame.index + 1) % config.chunk:
            continue
        again = PoseStream(model(offsets), BrightSpots(), config)
        again.restore(json.loads(json.dumps(stream.state())))
        assert given_so_far - len(offsets) <= again.first_frame <= given_so_far
        same(list(again.over(frames[again.first_frame :])), wanted[given_so_far:], 1e-3)
        stops += 1
    assert stops == 5


def test_a_stream_restored_again_and_again_still_gives_the_same() -> None:
    clip = rendered(30)
    frames, config = as_frames(clip.frames), StreamConfig(chunk=3)
    wanted = answers(frames, given(clip.boxes, ids=False), config)
    found: list[FramePoses] = []
    stream = PoseStream(predictor(), given(clip.boxes, ids=False), config)
    index = 0
    while index < len(frames):
        got = stream.push(frames[index])
        found += got
        index += 1
        if got and index < len(frames):
            state = stream.state()
            stream = PoseStream(predictor(), given(clip.boxes, ids=False), config)
            stream.restore(state)
            index = stream.first_frame
    same(found + stream.flush(), wanted, 1e-3)


def test_a_stream_that_was_all_done_has_nothing_left_after_a_restore() -> None:
    frames = as_frames(rendered(12).frames)
    stream = PoseStream(predictor(), FullFrame(), StreamConfig())
    list(stream.over(frames))
    again = PoseStream(predictor(), FullFrame(), StreamConfig())
    again.restore(stream.state())
    assert again.first_frame == 10
    assert list(again.over(frames[10:])) == []


def test_the_state_is_not_given_in_the_middle_of_a_chunk() -> None:
    stream = PoseStream(predictor(), FullFrame(), StreamConfig(chunk=4))
    stream.push(as_frames(rendered(12).frames)[0])
    with pytest.raises(ValueError, match="end of a chunk"):
        stream.state()


@pytest.mark.parametrize("spoil", [{}, {"next_key": "x"}, {"anchors": []}, {"tracker": {}}, {"persons": None}])
def test_a_state_that_is_none_is_refused_in_one_line(spoil: dict[str, object]) -> None:
    stream = PoseStream(predictor(), FullFrame(), StreamConfig(chunk=4))
    for frame in as_frames(rendered(12).frames[:4]):
        stream.push(frame)
    state = stream.state() | spoil if spoil else {}
    with pytest.raises(InputError, match="state: "):
        PoseStream(predictor(), FullFrame(), StreamConfig(chunk=4)).restore(state)
