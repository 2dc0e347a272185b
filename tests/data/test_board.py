"""The canvas: boxes lie on the persons drawn, and what is cut, covered or hardly seen is told apart."""

import numpy as np
import pytest

from chronopose.data.board import Board, Picture, Scene, body_box, body_reach, placement
from chronopose.data.crowd import noise

WHOLE = (0.0, 0.0, 96.0, 96.0)
LIMITS = {"people": 12, "areas": 16, "shown": 0.35}


def red_person() -> Picture:
    """A green photograph with a red rectangle whose corners are the joints."""
    pixels = np.zeros((80, 60, 3), dtype=np.uint8)
    pixels[..., 1] = 120
    pixels[10:71, 15:41] = (250, 0, 0)
    xy = np.array([[15, 10], [40, 10], [40, 70], [15, 70]], dtype=np.float64)
    return Picture(pixels=pixels, xy_image=xy, bar=0.3)


def nobody() -> Picture:
    return Picture(pixels=noise(np.random.default_rng(0), 96), xy_image=np.zeros((0, 2)))


def two_people(seen: tuple[float, float] = (1.0, 0.8)) -> Scene:
    """A dark picture (60, 80) with a red person at the left and a blue one who leaves it at the right."""
    pixels = np.full((60, 80, 3), 20, dtype=np.uint8)
    pixels[10:50, 10:30] = (250, 0, 0)
    pixels[20:60, 60:80] = (0, 0, 250)
    boxes = np.array([[9.5, 9.5, 29.5, 49.5], [59.5, 19.5, 84.5, 69.5]])
    return Scene(pixels=pixels, boxes=boxes, seen=np.array(seen))


def tight(mask: np.ndarray) -> np.ndarray:
    places = np.argwhere(mask)
    return np.concatenate([places.min(axis=0)[::-1], places.max(axis=0)[::-1]])


def test_a_box_lies_on_the_person_drawn() -> None:
    board = Board(96)
    board.add(red_person(), 50.0, np.array([40.0, 52.0]), 0.0, WHOLE)
    truth, known, doubt = board.rows(**LIMITS)
    assert known.tolist() == [1] + [0] * 11
    np.testing.assert_allclose(truth[0], tight(board.pixels[..., 0] > 180), atol=1.0)
    assert doubt[0, 4] == pytest.approx(0.3) and (doubt[1:, 4] == 2).all()


def test_a_person_cut_by_its_tile_has_the_visible_box_and_a_covered_one_is_neither_right_nor_wrong() -> None:
    board = Board(96)
    board.add(red_person(), 50.0, np.array([48.0, 50.0]), 0.0, (0.0, 0.0, 48.0, 96.0))
    truth, known, _ = board.rows(**LIMITS)
    assert known[0] == 1 and truth[0, 2] == pytest.approx(47, abs=1) and truth[0, 0] < 40
    board.draw(nobody(), np.eye(2, 3), WHOLE)
    truth, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 0
    np.testing.assert_allclose(doubt[0, 4], 0)
    assert doubt[0, 2] == pytest.approx(47, abs=1)


@pytest.mark.parametrize("zoom", [1.0, 1.2, 0.6])
def test_everybody_in_a_scene_has_a_box_that_ends_at_the_picture(zoom: float) -> None:
    board = Board(96)
    board.draw_scene(two_people(), placement(np.array([40.0, 30.0]), np.array([47.0, 48.0]), zoom, 0.0), WHOLE)
    truth, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 2 and (doubt[:, 4] == 2).all()
    red, blue = (tight((board.pixels[..., channel] > 120) & (board.pixels[..., 1] < 60)) for channel in (0, 2))
    np.testing.assert_allclose(truth[0], red, atol=1.2)
    np.testing.assert_allclose(truth[1], blue, atol=1.2)


def test_a_mirrored_scene_has_its_boxes_mirrored() -> None:
    board = Board(96)
    board.draw_scene(two_people(), np.array([[-1.0, 0, 85], [0, 1, 10]]), WHOLE)
    truth, known, _ = board.rows(**LIMITS)
    assert known.sum() == 2
    np.testing.assert_allclose(truth[0], tight(board.pixels[..., 0] > 180), atol=1.2)


def test_persons_of_whom_little_is_seen_or_who_are_small_are_doubtful() -> None:
    at = np.eye(2, 3)
    board = Board(96)
    board.draw_scene(two_people((1.0, 0.3)), at, WHOLE)
    truth, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 1 and truth[0, 0] == pytest.approx(9.5)
    np.testing.assert_allclose(doubt[0], [59.5, 19.5, 79, 59, 0], atol=1)
    board = Board(96)
    board.draw_scene(two_people(), at, WHOLE, least_px=60.0)
    _, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 0 and (doubt[:, 4] == 0).sum() == 2
    board = Board(96)
    board.draw_scene(two_people((1.0, 1.0)), at, (0.0, 0.0, 65.0, 96.0))  # a quarter of the second is drawn
    _, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 1 and (doubt[:, 4] == 0).sum() == 1


def test_somebody_outside_the_picture_is_not_there_at_all() -> None:
    scene = Scene(pixels=two_people().pixels, boxes=np.array([[100.0, 5, 120, 50]]), seen=np.array([1.0]))
    board = Board(96)
    board.draw_scene(scene, np.eye(2, 3), WHOLE)
    _, known, doubt = board.rows(**LIMITS)
    assert known.sum() == 0 and (doubt[:, 4] == 2).all()


def test_more_persons_than_rows_leave_the_smallest_doubtful() -> None:
    boxes = np.array([[2.0, 2, 12, 12], [2, 30, 42, 70], [50, 2, 70, 22]])
    scene = Scene(pixels=np.zeros((96, 96, 3), np.uint8), boxes=boxes, seen=np.ones(3))
    board = Board(96)
    board.draw_scene(scene, np.eye(2, 3), WHOLE)
    truth, known, doubt = board.rows(people=2, areas=4, shown=0.35)
    assert known.tolist() == [1, 1]
    np.testing.assert_allclose(truth, boxes[[1, 2]])
    np.testing.assert_allclose(doubt[0], [*boxes[0], 0])
    assert (doubt[1:, 4] == 2).all()


def test_bodies_reach_past_their_joints() -> None:
    xy = np.array([[10.0, 10], [30, 110], [np.nan, np.nan]])
    reach = body_reach(xy, share=0.05)
    assert reach == pytest.approx(5)
    np.testing.assert_allclose(body_box(xy, reach), [5, 6, 35, 115])
