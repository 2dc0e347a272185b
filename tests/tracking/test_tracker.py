"""The tracker against scenes whose answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.tracking.tracker import Detections, TrackedBox, Tracker, TrackerConfig, relabel

SHAPE = np.random.default_rng(7).uniform(0.05, 0.95, (17, 2))  # one body, in units of its box


def body(x: float, y: float = 200, height: float = 100) -> list[float]:
    """A standing person's box about a centre."""
    return [x - height / 5, y - height / 2, x + height / 5, y + height / 2]


def found(*boxes: list[float], scores: list[float] | None = None, shapes: list[np.ndarray] | None = None) -> Detections:
    """Detections of those boxes; with `shapes`, (K, 2) joints in units of the box."""
    corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    confidence = np.array(scores if scores is not None else [0.9] * len(boxes), dtype=np.float32)
    if shapes is None:
        return Detections(corners, confidence)
    xy = np.stack([box[:2] + shape * (box[2:] - box[:2]) for box, shape in zip(corners, shapes)]).astype(np.float32)
    return Detections(corners, confidence, xy, np.ones(xy.shape[:2], dtype=np.float32))


def ids(tracked: tuple[TrackedBox, ...]) -> list[int]:
    return [box.id for box in tracked]


def same(a: tuple[TrackedBox, ...], b: tuple[TrackedBox, ...]) -> bool:
    """Whether two answers are equal to the last bit."""
    fields = [[(t.id, t.box.tobytes(), t.score, t.detected, t.index) for t in side] for side in (a, b)]
    return fields[0] == fields[1]


def id_at(tracked: tuple[TrackedBox, ...], index: int) -> int | None:
    return next((box.id for box in tracked if box.index == index), None)


def test_first_frame_is_shown_at_once_and_later_births_wait_for_confirmation() -> None:
    tracker = Tracker()
    assert ids(tracker.update(0, found(body(100)))) == [0]
    assert ids(tracker.update(1, found(body(102), body(400)))) == [0]
    second = tracker.update(2, found(body(104), body(402)))
    assert ids(second) == [0, 1]
    assert [box.index for box in second] == [0, 1]
    assert np.array_equal(second[1].box, np.float32(body(402)))


def test_one_frame_of_a_false_alarm_takes_no_id() -> None:
    tracker = Tracker()
    tracker.update(0, found(body(100)))
    tracker.update(1, found(body(100), body(400)))
    tracker.update(2, found(body(100)))
    tracker.update(3, found(body(100), body(600)))
    assert ids(tracker.update(4, found(body(100), body(600)))) == [0, 1]


@pytest.mark.parametrize("speed", [2.0, 5.0, 8.0])
@pytest.mark.parametrize("joints", [False, True])
def test_people_who_pass_each_other_keep_their_ids(speed: float, joints: bool) -> None:
    tracker = Tracker(skeleton=COCO_17)
    rng = np.random.default_rng(0)
    shapes = [SHAPE, 1 - SHAPE]
    for frame in range(int(400 / speed)):
        left, right = 100 + speed * frame, 500 - speed * frame
        boxes = [(np.array(body(x)) + rng.normal(0, 1, 4)).tolist() for x in (left, right)]
        tracked = tracker.update(frame, found(*boxes, shapes=shapes if joints else None))
        # Where two boxes coincide and there are no joints, nothing in the frame says who is who.
        if joints or abs(left - right) > 10:
            assert [id_at(tracked, 0), id_at(tracked, 1)] == [0, 1], f"frame {frame}"


def test_joints_tell_apart_people_whose_boxes_do_not() -> None:
    """Two people dance around one place: their boxes coincide for some frames, then part the way they came."""
    tracker = Tracker(skeleton=COCO_17)
    shapes = [SHAPE, 1 - SHAPE]
    for frame in range(60):
        apart = abs(frame - 30) * 3
        tracked = tracker.update(frame, found(body(300 - apart), body(300 + apart), shapes=shapes))
        if apart > 3:
            assert [id_at(tracked, 0), id_at(tracked, 1)] == [0, 1], f"frame {frame}"


def test_one_in_front_hides_the_other_for_a_while() -> None:
    """While one detection is left for two people it stays with the person in front; the other comes back as before."""
    tracker = Tracker()
    for frame in range(80):
        walker = 100 + 5 * frame
        hidden = abs(walker - 300) < 45
        boxes = [body(300, 205, 110)] if hidden else [body(300, 205, 110), body(walker)]
        tracked = tracker.update(frame, found(*boxes))
        if frame == 0:
            first = [id_at(tracked, 0), id_at(tracked, 1)]
        assert id_at(tracked, 0) == first[0], f"frame {frame}"
        if not hidden:
            assert id_at(tracked, 1) == first[1], f"frame {frame}"


@pytest.mark.parametrize("speed", [0.0, 3.0, -6.0])
@pytest.mark.parametrize("where", ["where it was left", "where the motion points"])
def test_leaves_and_returns_within_patience(speed: float, where: str) -> None:
    tracker = Tracker()
    other = body(900)
    for frame in range(20):
        tracker.update(frame, found(other, body(400 + speed * frame)))
    for frame in range(20, 40):
        tracker.update(frame, found(other))
    x = 400 + speed * (19 if where == "where it was left" else 40)
    tracked = tracker.update(40, found(other, body(x + 15, 205)))
    first = id_at(tracked, 1)
    assert first is not None and sorted(ids(tracked)) == [0, 1]
    assert id_at(tracker.update(41, found(other, body(x + 15, 205))), 1) == first


@pytest.mark.parametrize(("away", "same_id"), [(30, True), (31, False)])
def test_patience_is_counted_in_frames_away(away: int, same_id: bool) -> None:
    tracker = Tracker(TrackerConfig(confirm=1, patience=30))
    for frame in range(10):
        tracker.update(frame, found(body(100)))
    for frame in range(10, 10 + away):
        tracker.update(frame, found())
    assert ids(tracker.update(10 + away, found(body(100)))) == [0 if same_id else 1]
    assert len(tracker) == 1


def test_missed_people_coast_then_hide_and_are_not_forgotten() -> None:
    tracker = Tracker(TrackerConfig(coast=3))
    for frame in range(10):
        tracker.update(frame, found(body(100 + 4 * frame)))
    shown = [tracker.update(frame, found()) for frame in range(10, 16)]
    assert [ids(boxes) for boxes in shown] == [[0], [0], [0], [], [], []]
    assert not any(box.detected for boxes in shown for box in boxes)
    x1, _, x2, _ = shown[2][0].box
    assert abs((x1 + x2) / 2 - (100 + 4 * 12)) < 4
    assert len(tracker) == 1


def test_ids_rise_above_the_number_of_people() -> None:
    """One person after another: an index by id, in place of position, would fail at the second."""
    tracker = Tracker(TrackerConfig(patience=2, confirm=1))
    seen = []
    for person in range(12):
        for step in range(6):
            tracked = tracker.update(person * 10 + step, found(body(100 + 60 * person)))
            assert len(tracked) == 1 and tracked[0].index == 0
            seen.append(tracked[0].id)
        for step in range(6, 10):
            tracker.update(person * 10 + step, found() if step % 2 else None)
    assert seen == [person for person in range(12) for _ in range(6)]
    assert tracker.update(200, None) == () and len(tracker) == 0


@pytest.mark.parametrize("every", [2, 5, 10])
def test_detector_run_every_few_frames(every: int) -> None:
    """Fast walkers, more than a box width from look to look, are predicted in between; later arrivals are shown."""
    tracker = Tracker(TrackerConfig())
    worst = 0.0
    for frame in range(120):
        centres = [100 + 5 * frame, 900 - 4 * frame]
        detections = found(*(body(x, 200 + 300 * i) for i, x in enumerate(centres))) if frame % every == 0 else None
        tracked = tracker.update(frame, detections)
        assert ids(tracked) == [0, 1], f"frame {frame}"
        if frame >= 4 * every:
            by_row = sorted(tracked, key=lambda box: float(box.box[1]))
            for box, x in zip(by_row, centres):
                worst = max(worst, abs(float(box.box[0] + box.box[2]) / 2 - x))
    assert worst < 8


def test_a_person_born_between_looks_is_shown_one_frame_later() -> None:
    tracker = Tracker()
    tracker.update(0, found(body(100)))
    tracker.update(1, None)
    assert ids(tracker.update(5, found(body(100), body(400)))) == [0]
    assert ids(tracker.update(6, None)) == [0, 1]


def test_looks_further_apart_than_patience_do_not_lose_people() -> None:
    tracker = Tracker(TrackerConfig(patience=5))
    for frame in range(101):
        tracked = tracker.update(frame, found(body(100)) if frame % 20 == 0 else None)
        assert ids(tracked) == [0]


def test_weak_detections_carry_people_through_occlusion_and_start_nobody() -> None:
    tracker = Tracker()
    for frame in range(60):
        score = 0.9 if frame < 10 or frame >= 50 else 0.2
        tracked = tracker.update(frame, found(body(100 + 3 * frame), body(700), scores=[score, 0.2]))
        assert ids(tracked) == [0] and tracked[0].detected
        assert tracked[0].score == np.float32(score)


def test_weaker_than_weak_is_dropped() -> None:
    tracker = Tracker(TrackerConfig(coast=0))
    tracker.update(0, found(body(100)))
    assert tracker.update(1, found(body(100), scores=[0.05])) == ()


def test_nothing_at_all() -> None:
    tracker = Tracker(skeleton=COCO_17)
    assert tracker.update(0, None) == ()
    empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 17, 2), np.float32))
    assert tracker.update(1, empty) == ()
    assert tracker.update(2, found()) == ()
    assert tracker.update(9, None) == ()
    assert ids(tracker.update(10, found(body(100), scores=[1.0]))) == []  # the first look has passed: confirm
    assert ids(tracker.update(11, found(body(100)))) == [0]


def test_a_point_is_a_box() -> None:
    tracker = Tracker()
    for frame in range(5):
        assert ids(tracker.update(frame, found([5, 5, 5, 5]))) == [0]
    assert np.isfinite(tracker.update(9, None)[0].box).all()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([np.nan, 0, 1, 1], "finite"),
        ([0, 0, np.inf, 1], "finite"),
        ([10, 0, 5, 5], "x1 <= x2"),
    ],
)
def test_bad_boxes_are_refused_and_change_nothing(bad: list[float], words: str) -> None:
    tracker = Tracker()
    tracker.update(0, found(body(100)))
    before = tracker.state()
    with pytest.raises(ValueError, match=words):
        tracker.update(1, found(body(100), bad))
    assert tracker.state() == before


def test_bad_calls_are_refused() -> None:
    tracker = Tracker(skeleton=COCO_17)
    tracker.update(3, found(body(100)))
    with pytest.raises(ValueError, match="ascend"):
        tracker.update(3, None)
    with pytest.raises(ValueError, match="scores"):
        tracker.update(4, found(body(100), scores=[]))
    with pytest.raises(ValueError, match="joints"):
        tracker.update(4, found(body(100), shapes=[SHAPE[:5]]))
    for wrong in ({"high_score": 1.5}, {"patience": -1}, {"confirm": 0}, {"low_score": 0.7}, {"new_score": 0.2}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            TrackerConfig(**wrong)
    with pytest.raises(InputError, match="persons"):
        Tracker.restore(TrackerConfig(), {k: v for k, v in tracker.state().items() if k != "persons"})
    with pytest.raises(InputError, match="version"):
        Tracker.restore(TrackerConfig(), tracker.state() | {"version": 99})


def crowd(seed: int, frames: int, joints: bool) -> list[Detections | None]:
    """People who walk, come, go, are missed and are found weakly; the detector rests now and then."""
    rng = np.random.default_rng(seed)
    start, velocity = rng.uniform(0, 600, (6, 2)), rng.normal(0, 4, (6, 2))
    scene: list[Detections | None] = []
    for frame in range(frames):
        here = np.flatnonzero(rng.uniform(size=6) < 0.8)
        centre = start[here] + velocity[here] * frame + rng.normal(0, 1, (len(here), 2))
        boxes = [body(x, y, 80 + 10 * person) for (x, y), person in zip(centre, here)]
        shapes = [SHAPE + 0.05 * rng.normal(size=SHAPE.shape) for _ in here]
        scores = rng.choice([0.05, 0.3, 0.55, 0.7, 0.95], size=len(here), p=[0.05, 0.15, 0.1, 0.2, 0.5]).tolist()
        detections = found(*boxes, scores=scores, shapes=shapes if joints and len(here) else None)
        if detections.xy is not None:
            detections.xy[rng.uniform(size=detections.xy.shape[:2]) < 0.1] = np.nan
        scene.append(None if rng.uniform() < 0.2 else detections)
    return scene


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 29), joints=st.booleans())
def test_a_restored_tracker_goes_on_exactly(seed: int, cut: int, joints: bool) -> None:
    scene = crowd(seed, 30, joints)
    config = TrackerConfig(patience=5)
    tracker = Tracker(config, COCO_17 if joints else None)
    for frame, detections in enumerate(scene[:cut]):
        tracker.update(frame, detections)
    text = json.dumps(tracker.state(), allow_nan=False)
    twin = Tracker.restore(config, json.loads(text))
    assert twin.state() == tracker.state()
    for frame, detections in enumerate(scene[cut:], start=cut):
        assert same(twin.update(frame, detections), tracker.update(frame, detections))
    assert twin.state() == tracker.state()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), joints=st.booleans())
def test_the_order_of_detections_changes_nothing(seed: int, joints: bool) -> None:
    rng = np.random.default_rng(seed)
    straight, shuffled = Tracker(skeleton=COCO_17), Tracker(skeleton=COCO_17)
    for frame, detections in enumerate(crowd(seed, 25, joints)):
        if detections is None:
            assert same(straight.update(frame, None), shuffled.update(frame, None))
            continue
        order = rng.permutation(len(detections.boxes))
        mixed = Detections(*(None if part is None else part[order] for part in detections))
        ours, theirs = straight.update(frame, detections), shuffled.update(frame, mixed)
        assert [box.id for box in ours] == [box.id for box in theirs]
        for a, b in zip(ours, theirs):
            assert np.array_equal(a.box, b.box) and a.detected == b.detected
            assert not a.detected or a.index == order[b.index]
    assert straight.state() == shuffled.state()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_ids_are_unique_and_every_detection_is_used_at_most_once(seed: int) -> None:
    tracker = Tracker(TrackerConfig(patience=3))
    highest = -1
    for frame, detections in enumerate(crowd(seed, 40, joints=False)):
        tracked = tracker.update(frame, detections)
        assert len(set(ids(tracked))) == len(tracked) and ids(tracked) == sorted(ids(tracked))
        used = [box.index for box in tracked if box.detected]
        assert len(set(used)) == len(used)
        for one in ids(tracked):
            assert one <= highest + 1  # from 0, without gaps
            highest = max(highest, one)


def test_memory_stays_flat_over_thousands_of_frames() -> None:
    tracker = Tracker(TrackerConfig(patience=10, confirm=1))
    sizes = []
    for frame in range(2000):
        visitor = frame // 15  # somebody new at another place, every 15 frames
        boxes = [body(100), body(300 + 211 * (visitor % 7))] if frame % 15 < 10 else [body(100)]
        tracker.update(frame, found(*boxes))
        sizes.append(len(tracker))
    assert max(sizes) <= 4
    assert len(json.dumps(tracker.state())) < 4000


def sequence(frames: int, ids_given: list[int | None]) -> PoseSequence:
    """Two people who pass each other, with ids as given."""
    rows = []
    for frame in range(frames):
        poses = []
        for person, shape in enumerate((SHAPE, 1 - SHAPE)):
            box = np.array(body(100 + 6 * frame if person == 0 else 400 - 6 * frame), dtype=np.float32)
            xy = (box[:2] + shape * (box[2:] - box[:2])).astype(np.float32)
            score = np.ones(17, dtype=np.float32)
            poses.append(Pose(skeleton=COCO_17, xy=xy, score=score, box=box, track_id=ids_given[person]))
        rows.append(FramePoses(frame, frame / 25, tuple(poses if frame % 2 else poses[::-1])))
    info = VideoInfo(source="made", width=640, height=480, fps=25.0)
    return PoseSequence(info=info, skeleton=COCO_17, frames=tuple(rows))


def test_relabel_gives_every_pose_a_steady_id_and_changes_nothing_else() -> None:
    before = sequence(50, [None, 17])
    after = relabel(before)
    people: dict[int, set[int]] = {0: set(), 1: set()}
    for old, new in zip(before, after):
        assert (old.frame, old.time_s, len(old.poses)) == (new.frame, new.time_s, len(new.poses))
        for a, b in zip(old.poses, new.poses):
            assert a.xy is b.xy and a.box is b.box
            assert b.track_id is not None
            people[0 if a.track_id is None else 1].add(b.track_id)
    assert [len(seen) for seen in people.values()] == [1, 1] and people[0] != people[1]


def test_relabel_takes_poses_without_a_box_or_anything_at_all() -> None:
    nothing = np.full(4, np.nan, dtype=np.float32)
    made = sequence(4, [None, None])
    rows = []
    for frame in made:
        first, second = frame.poses
        blind = replace(second, box=nothing, xy=np.full_like(second.xy, np.nan), score=np.zeros_like(second.score))
        rows.append(replace(frame, poses=(replace(first, box=nothing), blind)))
    after = relabel(PoseSequence(info=made.info, skeleton=made.skeleton, frames=tuple(rows)))
    assert all(frame.poses[0].track_id is not None and frame.poses[1].track_id is None for frame in after)
