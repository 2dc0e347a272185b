"""Pictures on a canvas: where they lie, and that the transform says so."""

import numpy as np
import pytest

from chronopose.clips.letterbox import GREY, letterbox, place
from chronopose.core import geometry
from chronopose.core.errors import InputError


@pytest.mark.parametrize(("rows", "columns"), [(90, 160), (160, 90), (31, 500), (64, 64), (1, 1)])
def test_letterbox_maps_the_edges_of_the_picture_onto_the_edges_of_its_place(rows: int, columns: int) -> None:
    canvas, crop_to_image = letterbox(np.full((rows, columns, 3), 200, dtype=np.uint8), 64, 96)
    filled = np.argwhere((canvas != GREY).any(axis=-1))
    assert canvas.shape == (64, 96, 3)
    corners = np.array([filled.min(axis=0)[::-1] - 0.5, filled.max(axis=0)[::-1] + 0.5])
    edges = geometry.apply(crop_to_image, corners)
    np.testing.assert_allclose(edges, [[-0.5, -0.5], [columns - 0.5, rows - 0.5]], atol=1e-9)
    assert (canvas[filled[:, 0], filled[:, 1]] == 200).all()


def test_letterbox_keeps_a_spot_where_the_transform_puts_it() -> None:
    pixels = np.zeros((120, 200, 3), dtype=np.uint8)
    pixels[40:44, 150:154] = 255
    canvas, crop_to_image = letterbox(pixels, 96, 96)
    weight = canvas[..., 0].astype(float) * (canvas != GREY).any(axis=-1)
    y, x = np.mgrid[:96, :96]
    middle = np.array([[(weight * x).sum(), (weight * y).sum()]]) / weight.sum()
    np.testing.assert_allclose(geometry.apply(crop_to_image, middle), [[151.5, 41.5]], atol=0.05)


@pytest.mark.parametrize("zoom", [0.3, 1.0, 2.5])
def test_place_puts_pixels_where_the_transform_says(zoom: float) -> None:
    pixels = np.zeros((100, 140, 3), dtype=np.uint8)
    pixels[50:58, 80:88] = 255
    image_to_canvas = np.array([[zoom, 0, 7.0], [0, zoom, 3.0]])
    canvas = place(pixels, geometry.invert(image_to_canvas), 160, 256, (0, 0, 0))
    y, x = np.mgrid[:160, :256]
    weight = canvas[..., 0].astype(float)
    middle = np.array([[(weight * x).sum(), (weight * y).sum()]]) / weight.sum()
    np.testing.assert_allclose(middle, geometry.apply(image_to_canvas, [[83.5, 53.5]]), atol=0.15)


def test_place_fills_what_the_picture_does_not_reach() -> None:
    canvas = place(np.zeros((8, 8, 3), dtype=np.uint8), np.array([[1.0, 0, 0], [0, 1, 0]]), 16, 16, (1, 2, 3))
    assert (canvas[:8, :8] == 0).all() and (canvas[10:, 10:] == (1, 2, 3)).all()


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)]
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\(H, W, 3\) uint8"):
        letterbox(pixels, 64, 64)
    with pytest.raises(InputError, match=r"\(H, W, 3\) uint8"):
        place(pixels, np.eye(2, 3), 64, 64)
