import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.synth.camera import Camera, look_at

metres = st.floats(-5, 5)


def camera(x: float = 0.0, y: float = 1.5, z: float = 4.0, roll: float = 0.0) -> Camera:
    return look_at(np.array([x, y, z]), np.array([0.0, 1.0, 0.0]), roll, np.deg2rad(50), 200, 100)


@given(x=metres, y=metres, z=st.floats(1, 6), roll=st.floats(-1, 1))
def test_what_the_camera_looks_at_is_in_the_middle_of_the_picture(x: float, y: float, z: float, roll: float) -> None:
    xy, depth = camera(x, y, z, roll).project(np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(xy, [99.5, 49.5], atol=1e-6)
    assert depth == pytest.approx(np.linalg.norm([x, y - 1, z]))


@given(x=metres, y=metres, z=st.floats(1, 6), roll=st.floats(-1, 1), point=st.tuples(metres, metres, metres))
def test_pixels_agree_with_the_matrices_of_the_graphics_card(
    x: float, y: float, z: float, roll: float, point: tuple[float, float, float]
) -> None:
    eye = camera(x, y, z, roll)
    clip = eye.projection() @ eye.view() @ np.append(point, 1.0)
    xy, depth = eye.project(np.array(point))
    assert depth == pytest.approx(clip[3], abs=1e-9)
    if depth > 0.2:
        wanted = [(clip[0] / clip[3] + 1) / 2 * 200 - 0.5, (1 - clip[1] / clip[3]) / 2 * 100 - 0.5]
        np.testing.assert_allclose(xy, wanted, atol=1e-6, rtol=1e-9)


def test_up_is_up_and_right_is_right() -> None:
    front = look_at(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 0.0]), 0.0, 1.0, 100, 100)
    xy, _ = front.project(np.array([[0.5, 1.0, 0.0], [0.0, 1.5, 0.0]]))
    assert xy[0, 0] > 60 and xy[0, 1] == pytest.approx(49.5)
    assert xy[1, 1] < 40 and xy[1, 0] == pytest.approx(49.5)


def test_a_point_behind_the_camera_has_no_pixel() -> None:
    xy, depth = camera().project(np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 9.0]]))
    assert np.isfinite(xy[0]).all() and np.isnan(xy[1]).all() and depth[1] < 0


def test_the_axes_of_a_camera_are_a_rotation() -> None:
    rotation = camera(1.0, 3.0, 2.0, 0.3).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
