"""Boxes and transforms: the pixel convention, round trips, IoU."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.core import geometry

numbers = st.floats(-2000, 2000)
sides = st.floats(1, 1500)
boxes = st.builds(lambda x, y, w, h: np.array([x, y, x + w, y + h]), numbers, numbers, sides, sides)
crop_sizes = st.tuples(st.integers(2, 512), st.integers(2, 512))
margins = st.floats(1, 2)
turns = st.floats(-np.pi, np.pi)


def corner_points(height: int, width: int) -> np.ndarray:
    """Outer corners of a picture: half a pixel outside the centres of its corner pixels."""
    x, y = width - 0.5, height - 0.5
    return np.array([(-0.5, -0.5), (x, -0.5), (x, y), (-0.5, y)])


@given(boxes, crop_sizes, margins, turns, st.integers(0, 2**32 - 1))
def test_crop_and_back_is_the_identity(
    box: np.ndarray, size: tuple[int, int], margin: float, turn: float, seed: int
) -> None:
    to_image = geometry.crop_to_image(box, *size, margin, turn)
    points = np.random.default_rng(seed).uniform(-100, 600, (5, 2))
    to_crop = geometry.invert(to_image)
    np.testing.assert_allclose(geometry.apply(to_crop, geometry.apply(to_image, points)), points, atol=1e-5)
    np.testing.assert_allclose(geometry.compose(to_crop, to_image), np.eye(2, 3), atol=1e-5)


@given(boxes, st.integers(8, 512))
def test_corners_of_a_box_of_the_crops_shape_meet_the_crops_edges(box: np.ndarray, height: int) -> None:
    x1, y1, x2, y2 = box
    width = max(1, round(height * (x2 - x1) / (y2 - y1)))
    fitted = np.array([x1, y1, x1 + (y2 - y1) * width / height, y2])
    found = geometry.apply(geometry.crop_to_image(fitted, height, width, 1.0), corner_points(height, width))
    x2 = fitted[2]
    np.testing.assert_allclose(found, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)], atol=1e-6)


def test_the_margin_enlarges_about_the_centre_and_one_side_is_widened() -> None:
    # A 10 x 40 box in a 20 x 40 crop (width x height): widened to 20 x 40, then 1.5 times as large: 30 x 60.
    to_image = geometry.crop_to_image([100, 200, 110, 240], height=40, width=20, margin=1.5)
    found = geometry.apply(to_image, corner_points(40, 20))
    np.testing.assert_allclose(found[[0, 2]], [(90, 190), (120, 250)])


def test_the_whole_picture_at_its_own_size_is_the_identity() -> None:
    to_image = geometry.crop_to_image([-0.5, -0.5, 63.5, 47.5], height=48, width=64, margin=1.0)
    np.testing.assert_allclose(to_image, np.eye(2, 3), atol=1e-12)


@given(boxes, crop_sizes, margins, turns)
def test_a_turned_crop_keeps_its_centre_and_turns_clockwise(
    box: np.ndarray, size: tuple[int, int], margin: float, turn: float
) -> None:
    height, width = size
    straight = geometry.crop_to_image(box, height, width, margin)
    turned = geometry.crop_to_image(box, height, width, margin, turn)
    middle = np.array([[(width - 1) / 2, (height - 1) / 2]])
    centre = np.array([(box[:2] + box[2:]) / 2])
    np.testing.assert_allclose(geometry.apply(turned, middle), centre, atol=1e-6)
    beside = middle + np.array([1.0, 0.0])
    # The crop's x axis points right; turned clockwise on a screen whose y goes down it points right and then down.
    ahead = geometry.apply(turned, beside) - centre
    scale = np.linalg.norm(geometry.apply(straight, beside) - centre)
    np.testing.assert_allclose(ahead, [[scale * np.cos(turn), scale * np.sin(turn)]], atol=1e-6)
    assert np.isclose(np.linalg.det(turned[:, :2]), scale**2), "no mirroring, one scale"


def test_a_quarter_turn_by_hand() -> None:
    to_image = geometry.crop_to_image([0, 0, 10, 10], 10, 10, 1.0, np.pi / 2)
    # The crop's upper left corner lands on the upper right of the box.
    np.testing.assert_allclose(geometry.apply(to_image, [[-0.5, -0.5]]), [[10, 0]], atol=1e-9)


def test_many_boxes_at_once_equal_one_at_a_time() -> None:
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 100, (3, 4, 2))
    many = np.concatenate([low, low + rng.uniform(5, 90, (3, 4, 2))], axis=-1)
    turn = rng.uniform(-1, 1, (3, 4))
    points = rng.uniform(0, 50, (3, 4, 6, 2))
    together = geometry.crop_to_image(many, 64, 48, 1.25, turn)
    moved = geometry.apply(together, points)
    assert together.shape == (3, 4, 2, 3)
    for i, j in np.ndindex(3, 4):
        alone = geometry.crop_to_image(many[i, j], 64, 48, 1.25, turn[i, j])
        np.testing.assert_allclose(together[i, j], alone)
        np.testing.assert_allclose(moved[i, j], geometry.apply(alone, points[i, j]))
        np.testing.assert_allclose(geometry.invert(together)[i, j], geometry.invert(alone))


def test_an_empty_box_still_has_a_transform() -> None:
    assert np.isfinite(geometry.invert(geometry.crop_to_image([5, 5, 5, 5], 32, 32, 1.25))).all()


@given(st.integers(0, 2**32 - 1))
def test_compose_applies_the_inner_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outer, inner = rng.normal(size=(2, 2, 3))
    points = rng.normal(size=(4, 2))
    expected = geometry.apply(outer, geometry.apply(inner, points))
    np.testing.assert_allclose(geometry.apply(geometry.compose(outer, inner), points), expected)


def test_apply_keeps_nan_to_its_own_point() -> None:
    moved = geometry.apply([[2.0, 0, 1], [0, 3, -1]], [[1, 1], [np.nan, 1], [2, 2]])
    np.testing.assert_array_equal(moved[[0, 2]], [[3, 2], [5, 5]])
    assert np.isnan(moved[1, 0])


@settings(max_examples=30, deadline=None)
@given(turns, st.floats(0.1, 5), st.integers(0, 2**32 - 1))
def test_sigma_of_a_transform_against_monte_carlo(turn: float, scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sigma = rng.uniform(0.5, 10, (3, 2))
    transform = geometry.crop_to_image([0, 0, 100 * scale, 100 * scale], 100, 100, 1.0, turn)
    draws = rng.normal(size=(20_000, 3, 2)) * sigma
    # Of 20,000 draws a standard deviation is known to 0.5 %; 4 % is eight of those.
    seen = geometry.apply(transform, draws).std(axis=0)
    np.testing.assert_allclose(geometry.apply_to_sigma(transform, sigma), seen, rtol=0.04)


@given(boxes, boxes)
def test_iou_is_symmetric_bounded_and_1_for_itself(a: np.ndarray, b: np.ndarray) -> None:
    there, back = geometry.iou_matrix(a[None], b[None]), geometry.iou_matrix(b[None], a[None])
    assert there.shape == (1, 1)
    assert 0 <= there[0, 0] <= 1 + 1e-12
    assert there[0, 0] == back[0, 0]
    np.testing.assert_allclose(geometry.iou_matrix(a[None], a[None]), 1.0)


def test_iou_by_hand() -> None:
    first = [[0, 0, 10, 10], [0, 0, 0, 0], [np.nan] * 4]
    second = [[5, 0, 15, 10], [0, 0, 5, 5], [10, 0, 20, 10], [30, 30, 20, 20]]
    np.testing.assert_allclose(geometry.iou_matrix(first, second), [[1 / 3, 0.25, 0, 0], [0] * 4, [0] * 4])
    assert geometry.iou_matrix(np.zeros((0, 4)), second).shape == (0, 4)


def test_box_of_points_leaves_out_unknown_points_whole() -> None:
    points = [[1.0, 2.0], [5.0, -3.0], [np.nan, 100.0], [70.0, 70.0]]
    np.testing.assert_array_equal(geometry.box_of_points(points, [1, 1, 1, 0]), [1, -3, 5, 2])
    np.testing.assert_array_equal(geometry.box_of_points(points), [1, -3, 70, 70])
    assert np.isnan(geometry.box_of_points([[np.nan, 1.0]])).all()
    assert np.isnan(geometry.box_of_points(np.zeros((2, 0, 2)))).all()
    assert np.isnan(geometry.box_of_points(points, np.zeros(4))).all()


@given(st.integers(0, 2**32 - 1))
def test_box_of_points_holds_every_point_tightly(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(2, 7, 2))
    before = points.copy()
    box = geometry.box_of_points(points)
    np.testing.assert_array_equal(box, np.concatenate([points.min(1), points.max(1)], axis=-1))
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(geometry.box_size(box), np.ptp(points, axis=1))


def test_the_box_around_joints_has_room_and_is_never_a_thin_line() -> None:
    joints = np.array([[10, 20], [50, 100], [np.nan, np.nan]], np.float32)
    np.testing.assert_allclose(geometry.box_around(joints, 1.5), [0, 0, 60, 120])
    line = np.array([[30, 0], [30, 100]], np.float32)
    np.testing.assert_allclose(geometry.box_around(line, 1.0), [30 - 12.5, 0, 30 + 12.5, 100])


def test_an_image_reaches_half_a_pixel_past_the_centres_of_its_first_and_last_pixels() -> None:
    points = [[-0.5, -0.5], [9.49, 4.49], [9.5, 0], [0, -0.51], [np.nan, 1]]
    assert geometry.inside(points, (10, 5)).tolist() == [True, True, False, False, False]
    assert geometry.inside(points, (10, 5), reach=1).tolist() == [True, True, True, True, False]
