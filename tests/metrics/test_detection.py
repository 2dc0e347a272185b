"""Detections against persons: pictures worked by hand."""

import math

import numpy as np
import pytest

from chronopose.metrics.detection import Found, match, taller_than, total

PERSON = [0.0, 0.0, 10.0, 20.0]
OTHER = [100.0, 0.0, 110.0, 20.0]


def found(boxes: list[list[float]], persons: list[list[float]], **how: object) -> tuple[int, int, int]:
    result = match(np.array(boxes).reshape(-1, 4), np.array(persons).reshape(-1, 4), **how)  # type: ignore[arg-type]
    return result.persons, result.right, result.wrong


def test_every_person_is_found_once_and_a_second_box_is_wrong() -> None:
    assert found([PERSON, PERSON, OTHER], [OTHER, PERSON]) == (2, 2, 1)


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    half, less = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 9.9]
    assert found([half], [PERSON]) == (1, 1, 0)
    assert found([less], [PERSON]) == (1, 0, 1)
    assert found([less], [PERSON], overlap=0.4) == (1, 1, 0)


def test_nobody_found_and_nobody_there() -> None:
    assert found([], [PERSON]) == (1, 0, 0)
    assert found([PERSON], []) == (0, 0, 1)
    assert found([], []) == (0, 0, 0)


def test_the_best_detection_chooses_first() -> None:
    # Both boxes overlap both persons by half; the first takes the one it fits best, the second the one left.
    persons = [[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0]]
    assert found([[1.9, 0.0, 11.9, 10.0], [1.0, 0.0, 11.0, 10.0]], persons) == (2, 2, 0)


def test_a_person_that_does_not_count_excuses_what_finds_it() -> None:
    small = [50.0, 0.0, 52.0, 4.0]
    assert found([small, PERSON], [small, PERSON], counted=[False, True]) == (1, 1, 0)
    # Half of this box lies in the small person without matching it; of the next one less than half.
    assert found([[50.0, 3.0, 52.0, 5.0]], [small], counted=[False]) == (0, 0, 0)
    assert found([[50.0, 3.5, 52.0, 5.0]], [small], counted=[False]) == (0, 0, 1)


def test_a_detection_rather_finds_a_person_that_counts() -> None:
    # It fits the one that does not count better, but both are matched by half.
    persons = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 14.0]]
    assert found([[0.0, 0.0, 10.0, 10.0]], persons, counted=[False, True]) == (1, 1, 0)


def test_a_crowd_excuses_any_number_and_is_nobody() -> None:
    crowd = [0.0, 0.0, 100.0, 100.0]
    inside = [[10.0, 10.0, 20.0, 30.0], [12.0, 10.0, 22.0, 30.0], [0.0, 0.0, 100.0, 100.0]]
    assert found(inside, [crowd], crowd=[True]) == (0, 0, 0)
    assert found([*inside, [200.0, 0.0, 210.0, 20.0]], [crowd], crowd=[True]) == (0, 0, 1)
    assert found([PERSON], [crowd, PERSON], crowd=[True, False]) == (1, 1, 0)


def test_empty_boxes_are_wrong_and_divide_nothing_by_zero() -> None:
    assert found([[5.0, 5.0, 5.0, 5.0]], [PERSON], counted=[False]) == (0, 0, 1)


def test_masks_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) for 2 persons, got \(1,\)"):
        found([PERSON], [PERSON, OTHER], counted=[True])


def test_recall_and_precision_over_pictures() -> None:
    both = total([Found(persons=3, right=2, wrong=1), Found(persons=1, right=1, wrong=0)])
    assert both == Found(persons=4, right=3, wrong=1)
    assert (both.recall, both.precision) == (0.75, 0.75)
    nothing = total([])
    assert math.isnan(nothing.recall) and math.isnan(nothing.precision)


def test_taller_than_looks_at_the_height() -> None:
    assert taller_than([PERSON, [0.0, 0.0, 90.0, 10.0]], 20).tolist() == [True, False]
    assert taller_than(np.zeros((0, 4)), 20).shape == (0,)
