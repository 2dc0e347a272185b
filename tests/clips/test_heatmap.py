"""Coordinates to heatmaps and back: under half a pixel lost, on any grid."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chronopose.clips.heatmap import expected_xy, gaussian_maps


@given(
    x=st.floats(0.25, 0.75),
    y=st.floats(0.25, 0.75),
    cell=st.sampled_from([1, 2, 4, 8]),
    deviation=st.floats(0.6, 1.5),
    shape=st.sampled_from([(16, 12), (24, 16), (13, 17)]),
)
def test_encode_then_decode_loses_less_than_half_a_pixel(
    x: float, y: float, cell: int, deviation: float, shape: tuple[int, int]
) -> None:
    crop = (shape[0] * cell, shape[1] * cell)
    xy = torch.tensor([[[x * crop[1], y * crop[0]]]])
    maps = gaussian_maps(xy, crop, shape, deviation)
    assert maps.shape == (1, 1, *shape)
    assert (expected_xy(maps, crop) - xy).abs().max() < 0.5


def test_the_grid_covers_the_area_of_the_crop_and_not_its_pixel_centres() -> None:
    # A cell of 8 x 8 pixels spans -0.5 to 7.5, so its middle is pixel 3.5.
    maps = gaussian_maps(torch.tensor([[3.5, 11.5]]), (32, 16), (4, 2), 0.5)
    assert maps[0, 1, 0] == 1
    assert maps.flatten().argmax() == 2
    one = torch.zeros(1, 4, 2)
    one[0, 1, 0] = 5.0
    torch.testing.assert_close(expected_xy(one, (32, 16)), torch.tensor([[3.5, 11.5]]))


def test_x_is_the_last_axis_of_the_map() -> None:
    maps = gaussian_maps(torch.tensor([[40.0, 8.0]]), (64, 64), (16, 16), 1.0)
    row, column = divmod(int(maps[0].flatten().argmax()), 16)
    assert (row, column) == (2, 10)


def test_a_joint_far_outside_draws_nothing_and_an_empty_map_decodes_to_finite_numbers() -> None:
    maps = gaussian_maps(torch.tensor([[1e9, -1e9]]), (64, 64), (16, 16), 1.0)
    assert maps.sum() == 0
    assert expected_xy(maps, (64, 64)).isfinite().all()


def test_the_deviation_is_in_cells() -> None:
    maps = gaussian_maps(torch.tensor([[35.5, 35.5]]), (72, 72), (9, 9), 2.0)
    assert maps[0, 4, 6].item() == pytest.approx(torch.tensor(-0.5).exp().item())
