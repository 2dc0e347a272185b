"""Coordinates to heatmaps and back: under half a pixel lost, on any grid."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from chronopose.clips.heatmap import dark_xy, expected_xy, gaussian_maps, pose_from_maps


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


@given(x=st.floats(0.0, 1.0), y=st.floats(0.0, 1.0), shape=st.sampled_from([(24, 18), (32, 24), (19, 23)]))
def test_the_peak_of_a_whole_gaussian_is_found_to_a_tenth_of_a_cell(x: float, y: float, shape: tuple[int, int]) -> None:
    crop = (shape[0] * 4, shape[1] * 4)
    # Seven cells from the border: smoothing bends what it cannot see the rest of.
    xy = torch.tensor([[[28 + x * (crop[1] - 57), 28 + y * (crop[0] - 57)]]])
    found, height = dark_xy(gaussian_maps(xy, crop, shape, 2.0), crop)
    assert (found - xy).abs().max() < 0.4
    assert 0.9 < height.item() <= 1


def test_peaks_at_the_border_and_maps_without_a_peak_stay_near_the_crop() -> None:
    crop = (64, 48)
    corner = torch.tensor([[[-0.5, -0.5], [47.5, 63.5]]])
    found, _ = dark_xy(gaussian_maps(corner, crop, (16, 12), 2.0), crop)
    assert (found - corner).abs().max() < 6
    for maps in (torch.zeros(1, 1, 16, 12), -torch.ones(1, 1, 16, 12), torch.full((1, 1, 16, 12), 0.3)):
        flat, _ = dark_xy(maps, crop)
        assert flat.isfinite().all() and (flat >= -4).all() and (flat <= 68).all()


def test_the_score_of_a_gaussian_map_is_its_height_and_it_has_no_sigma() -> None:
    xy = torch.tensor([[[[21.5, 33.5]]]])
    output = pose_from_maps(0.6 * gaussian_maps(xy, (64, 48), (16, 12), 2.0), (64, 48), "gaussian")
    torch.testing.assert_close(output.xy_crop, xy, atol=0.3, rtol=0)
    assert output.score.item() == pytest.approx(0.6, abs=0.02)
    assert output.sigma is None


def log_map(xy: Tensor, deviation: float) -> Tensor:
    maps = gaussian_maps(xy, (64, 48), (16, 12), deviation)
    return (maps / maps.sum((-2, -1), keepdim=True)).clamp_min(1e-30).log()


def test_a_log_map_as_wide_as_its_target_is_sure_and_a_wider_one_says_how_unsure_it_is() -> None:
    xy = torch.tensor([[[[23.5, 31.5]]]])
    sure = pose_from_maps(log_map(xy, 1.0), (64, 48), "log")
    torch.testing.assert_close(sure.xy_crop, xy, atol=0.2, rtol=0)
    assert sure.sigma is not None and sure.sigma.max() < 1.1
    wide = pose_from_maps(log_map(xy, 2.0), (64, 48), "log")
    # Cells of 4 pixels: sqrt(2^2 - 1^2) = 1.73 cells, a little less for what the map cuts off.
    assert wide.sigma is not None
    torch.testing.assert_close(wide.sigma, torch.full_like(wide.sigma, 4 * 3**0.5), rtol=0.05, atol=0)
    assert wide.score.item() < sure.score.item() <= 1


def test_two_peaks_are_answered_by_the_higher_one_with_a_sigma_that_reaches_the_other() -> None:
    places = torch.tensor([[[[9.5, 31.5]]], [[[37.5, 31.5]]]])
    both = (0.6 * log_map(places[:1], 1.0).exp() + 0.4 * log_map(places[1:], 1.0).exp()).log()
    output = pose_from_maps(both, (64, 48), "log")
    torch.testing.assert_close(output.xy_crop, places[:1], atol=0.5, rtol=0)
    assert output.score.item() == pytest.approx(0.6, abs=0.05)
    assert output.sigma is not None and 14 < output.sigma[0, 0, 0, 0] < 28
    assert output.sigma[0, 0, 0, 1] < 1.2


def test_a_log_map_is_normalised_here_and_teaches_through_place_score_and_sigma() -> None:
    torch.manual_seed(0)
    raw = torch.randn(2, 3, 4, 16, 12, requires_grad=True)
    output = pose_from_maps(raw, (64, 48), "log")
    assert output.heatmaps is not None and output.sigma is not None
    torch.testing.assert_close(output.heatmaps.exp().sum((-2, -1)), torch.ones(2, 3, 4))
    for part in (output.xy_crop, output.score, output.sigma):
        (grad,) = torch.autograd.grad(part.sum(), raw, retain_graph=True)
        assert grad.isfinite().all() and (grad != 0).any()


def test_only_sigma_is_scaled() -> None:
    maps = log_map(torch.tensor([[[[23.5, 31.5]]]]), 2.0)
    plain, scaled = (pose_from_maps(maps, (64, 48), "log", scale) for scale in (1.0, 0.5))
    assert plain.sigma is not None and scaled.sigma is not None
    torch.testing.assert_close(scaled.sigma, 0.5 * plain.sigma)
    assert torch.equal(scaled.xy_crop, plain.xy_crop) and torch.equal(scaled.score, plain.score)
