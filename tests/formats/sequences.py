"""Random sequences of poses for the round trips, and their comparison."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from chronopose.core.skeleton import SKELETONS, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo

CUSTOM = Skeleton(
    name='hánd, "own"',
    joints=("palm", "left_tip", "right_tip", "a,b"),
    limbs=(("palm", "left_tip"), ("palm", "a,b")),
    mirror=(("left_tip", "right_tip"),),
    sigmas=(0.1, 0.2, 0.25, 1e-3),
)


@st.composite
def sequences(draw: st.DrawFn, skeletons: tuple[Skeleton, ...] = (*SKELETONS.values(), CUSTOM)) -> PoseSequence:
    """Any sequence: gaps between frames, empty frames, unknown joints, boxes and times, any text as source."""
    skeleton = draw(st.sampled_from(skeletons))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = draw(st.lists(st.integers(1, 3), max_size=5))
    frames, number = [], draw(st.sampled_from([0, 7, 12_345])) - 1
    for step in steps:
        number += step
        count = draw(st.integers(0, 3))
        time_s = draw(st.floats(0, 1e6) | st.just(math.nan))
        frames.append(FramePoses(number, time_s, tuple(_pose(skeleton, rng) for _ in range(count))))
    info = VideoInfo(
        source=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
        width=draw(st.integers(0, 10_000)),
        height=draw(st.integers(0, 10_000)),
        fps=draw(st.floats(0, 1e4)),
        frames=draw(st.none() | st.integers(0, 10**9)),
        duration_s=draw(st.none() | st.floats(0, 1e9)),
    )
    return PoseSequence(info=info, skeleton=skeleton, frames=tuple(frames))


def _pose(skeleton: Skeleton, rng: np.random.Generator) -> Pose:
    joints = len(skeleton)
    xy = (rng.normal(size=(joints, 2)) * 10.0 ** rng.integers(-3, 5)).astype(np.float32)
    xy[rng.random(joints) < 0.2] = 0
    unknown = rng.random(joints) < rng.choice([0, 0.3, 1])
    score = rng.random(joints).astype(np.float32)
    xy[unknown], score[unknown] = np.nan, 0
    box = np.sort(rng.normal(size=(2, 2)) * 1000, axis=0).reshape(4).astype(np.float32)
    sigma = np.abs(rng.normal(size=(joints, 2))).astype(np.float32)
    sigma[unknown] = np.nan
    return Pose(
        skeleton=skeleton,
        xy=xy,
        score=score,
        box=np.full(4, np.nan, dtype=np.float32) if rng.random() < 0.2 else box,
        sigma=None if unknown.all() or rng.random() < 0.4 else sigma,
        box_score=float(np.float32(rng.random())),
        track_id=None if rng.random() < 0.3 else int(rng.integers(-(2**31), 2**31)),
    )


def changed(
    sequence: PoseSequence,
    pose: Callable[[Pose], Pose] = lambda pose: pose,
    time_s: float | None = None,
    **whole: object,
) -> PoseSequence:
    """The sequence after what a format loses: `pose` for each pose, one `time_s` for all frames, other fields."""
    frames = tuple(
        FramePoses(frame.frame, frame.time_s if time_s is None else time_s, tuple(map(pose, frame.poses)))
        for frame in sequence
    )
    return replace(sequence, frames=frames, **whole)  # type: ignore[arg-type]


def assert_same(got: PoseSequence, wanted: PoseSequence) -> None:
    """Equal in everything, bit for bit; NaN equals NaN."""
    assert got.skeleton == wanted.skeleton
    assert repr(got.info) == repr(wanted.info)
    assert [frame.frame for frame in got] == [frame.frame for frame in wanted]
    np.testing.assert_array_equal([f.time_s for f in got], [f.time_s for f in wanted])
    assert [len(frame.poses) for frame in got] == [len(frame.poses) for frame in wanted]
    pairs = [(a, b) for one, two in zip(got, wanted) for a, b in zip(one.poses, two.poses)]
    for a, b in pairs:
        assert a.skeleton == b.skeleton
        for name in ("xy", "score", "box", "sigma"):
            first, second = getattr(a, name), getattr(b, name)
            assert (first is None) == (second is None), name
            if first is not None:
                assert first.dtype == np.float32, name
                np.testing.assert_array_equal(first, second, err_msg=name)
        assert a.box_score == b.box_score
        assert a.track_id == b.track_id
