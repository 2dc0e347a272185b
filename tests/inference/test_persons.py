"""Anchors: how long a person keeps one, and where the next one is put."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.geometry import crop_to_image
from chronopose.core.types import Floats
from chronopose.inference.persons import Anchors

ASPECT, DRIFT = 0.75, 0.1001


def box(x: float, y: float, width: float, height: float) -> Floats:
    """Around a centre."""
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], dtype=np.float32)


def astray(one: Floats, anchor: Floats) -> float:
    """How far apart the two crops are that a model is shown, by the transforms that cut them."""
    here, there = (crop_to_image(each, 400, 300, 1.25) for each in (one, anchor))
    shift = np.abs(here @ (149.5, 199.5, 1) - there @ (149.5, 199.5, 1)).max() / (400 * there[0, 0] / 1.25)
    return float(max(shift, abs(np.log(here[0, 0] / there[0, 0]))))


boxes = st.builds(box, *[st.floats(0, 500)] * 2, *[st.floats(20, 400)] * 2)
walks = st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 4), min_size=1, max_size=20)


@given(boxes, walks, st.sampled_from([0.0, 0.05, 0.3]))
def test_no_crop_is_further_from_its_anchor_than_allowed(
    start: Floats, walk: list[tuple[float, ...]], drift: float
) -> None:
    anchors, here = Anchors(drift, 30, ASPECT), start
    for frame, (right, down, wider, taller) in enumerate(walk):
        width, height = here[2:] - here[:2]
        middle = (here[:2] + here[2:]) / 2 + (right * width, down * height)
        here = box(*middle, max(width * (1 + wider), 5), max(height * (1 + taller), 5))
        anchor = anchors.of(1, here, frame)
        assert astray(here, anchor.box) <= drift + 1e-4


def test_without_drift_every_box_is_its_own_anchor() -> None:
    anchors = Anchors(0.0, 30, ASPECT)
    for frame in range(5):
        here = box(100 + frame, 100, 50, 150)
        anchor = anchors.of(1, here, frame)
        np.testing.assert_array_equal(anchor.box, here)
        assert anchor.number == frame
    assert anchors.of(1, here, 5).number == 4


def test_swinging_arms_move_no_crop() -> None:
    anchors = Anchors(DRIFT, 30, ASPECT)
    numbers = {anchors.of(1, box(100, 100, 60 + 40 * (frame % 2), 200), frame).number for frame in range(10)}
    assert numbers == {0}
    assert anchors.of(1, box(100, 100, 240, 200), 10).number == 1  # now wider than the crop


def test_the_next_anchor_lies_ahead_of_a_walker() -> None:
    anchors, found = Anchors(DRIFT, 30, ASPECT), {}
    for frame in range(200):
        here = box(100 + frame, 100, 60, 200)
        anchor = anchors.of(1, here, frame)
        found.setdefault(anchor.number, (frame, float(anchor.box[[0, 2]].mean())))
    (_, _), (second, middle), *_ = found.values()
    # 20 px, a tenth of 200, are kept to; the next middle is half of that ahead, and lasts once and a half as long.
    assert (second, middle) == (21, pytest.approx(100 + 21 + 10, abs=0.02))
    assert len(found) == 1 + -(-(200 - 21) // 31)


def test_a_size_is_not_foreseen() -> None:
    anchors = Anchors(DRIFT, 30, ASPECT)
    anchors.of(1, box(100, 100, 60, 200), 0)
    np.testing.assert_array_equal(anchors.of(1, box(100, 100, 60, 230), 1).box, box(100, 100, 60, 230))


def test_who_was_out_of_sight_for_long_is_anchored_anew() -> None:
    anchors, here = Anchors(DRIFT, 3, ASPECT), box(100, 100, 60, 200)
    assert [anchors.of(1, here, frame).number for frame in (0, 3, 6, 10)] == [0, 0, 0, 1]
    assert len(anchors) == 1
    anchors.forget(14)
    assert len(anchors) == 0
