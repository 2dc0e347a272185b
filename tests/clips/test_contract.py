"""Clip specs: which frames a window shows, what must be seen before an answer, and which specs are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError


def spec(offsets: tuple[int, ...], predicts: tuple[int, ...] = (0,)) -> ClipSpec:
    return ClipSpec(offsets=offsets, predicts=predicts, height=64, width=48)


def test_a_window_is_clamped_at_both_ends_of_the_video() -> None:
    five = spec((-2, -1, 0, 1, 2))
    assert five.window(0, 0, 9) == (0, 0, 0, 1, 2)
    assert five.window(5, 0, 9) == (3, 4, 5, 6, 7)
    assert five.window(9, 0, 9) == (7, 8, 9, 9, 9)
    assert spec((-4, 0)).window(6, 5, 9) == (5, 6)


@given(key=st.integers(0, 30), last=st.integers(0, 30), reach=st.integers(0, 5))
def test_every_window_stays_inside_the_video_and_never_runs_backwards(key: int, last: int, reach: int) -> None:
    window = spec(tuple(range(-reach, reach + 1))).window(min(key, last), 0, last)
    assert len(window) == 2 * reach + 1
    assert list(window) == sorted(window)
    assert min(window) >= 0 and max(window) <= last
    assert window[reach] == min(key, last)


def test_the_key_is_the_place_of_frame_0_wherever_it_stands() -> None:
    assert spec((-1, 0, 1)).key == 1
    assert spec((-2, -1, 0)).key == 2
    assert spec((0, 1, 2)).key == 0


def test_look_ahead_and_look_back_follow_from_the_offsets() -> None:
    assert (spec((-3, 0, 2)).look_back, spec((-3, 0, 2)).look_ahead) == (3, 2)
    assert (spec((-2, -1, 0)).look_back, spec((-2, -1, 0)).look_ahead) == (2, 0)
    assert (spec((0, 1)).look_back, spec((0, 1)).look_ahead) == (0, 1)


def test_a_model_that_answers_every_frame_is_judged_by_its_key_frame() -> None:
    every = spec((-2, -1, 0, 1), predicts=(-1, 0, 1))
    assert (every.key, every.answer) == (2, 1)
    assert every.look_ahead == 1


def test_a_recurrent_model_neither_looks_ahead_nor_is_shown_a_frame_twice() -> None:
    carried = ClipSpec(offsets=(-2, -1, 0, 1), predicts=(-2, -1, 0, 1), height=64, width=48, recurrent=True)
    assert (carried.look_ahead, carried.look_back) == (0, 0)


def test_a_spec_that_does_not_answer_its_key_frame_is_refused() -> None:
    with pytest.raises(InputError, match="must hold the key frame 0"):
        spec((-1, 0, 1), (1,))


@pytest.mark.parametrize("offsets", [(), (0, -1), (-1, -1, 0), (0, 0)])
def test_offsets_must_ascend_without_repeats(offsets: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="ascending and without repeats, got"):
        spec(offsets)


@pytest.mark.parametrize("predicts", [(), (2,), (0, 5)])
def test_only_frames_that_are_shown_can_be_answered(predicts: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="predicts must be among the offsets"):
        spec((-1, 0, 1), predicts)


def test_a_spec_without_its_key_frame_is_refused() -> None:
    with pytest.raises(InputError, match="predicts"):
        spec((-2, -1))


@pytest.mark.parametrize(("height", "width"), [(7, 48), (64, 0), (-64, 48)])
def test_a_crop_of_no_size_is_refused(height: int, width: int) -> None:
    with pytest.raises(InputError, match=f"at least 8 x 8 pixels, got {height} x {width}"):
        ClipSpec(offsets=(0,), height=height, width=width)


@pytest.mark.parametrize("margin", [0.9, 4.1, float("nan")])
def test_a_margin_that_cuts_the_person_or_loses_it_is_refused(margin: float) -> None:
    with pytest.raises(InputError, match="margin must lie in 1 to 4"):
        ClipSpec(offsets=(0,), height=64, width=48, margin=margin)
