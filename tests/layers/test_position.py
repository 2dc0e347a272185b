"""The grid code: an expectation under a map holds the map's mean and spread."""

import pytest
import torch

from chronopose.layers.position import grid_code


def test_the_first_four_channels_are_the_coordinates_and_their_squares_row_by_row() -> None:
    code = grid_code(2, 4, 4)
    x = torch.tensor([-0.75, -0.25, 0.25, 0.75]).repeat(2)
    y = torch.tensor([-0.5, 0.5]).repeat_interleave(4)
    torch.testing.assert_close(code, torch.stack([x, y, x**2, y**2], dim=1))


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8, 9, 32, 33])
def test_it_has_as_many_channels_as_asked_for_and_stays_between_minus_one_and_one(channels: int) -> None:
    code = grid_code(6, 5, channels)
    assert code.shape == (30, channels)
    assert code.abs().max() <= 1


def test_every_cell_has_a_code_of_its_own_and_neighbours_are_alike() -> None:
    code = grid_code(24, 18, 32)
    distance = torch.cdist(code, code) + 9 * torch.eye(24 * 18)
    assert distance.min() > 0.1
    grid = code.unflatten(0, (24, 18))
    assert (grid[:, 1:] - grid[:, :-1]).norm(dim=-1).mean() < distance.mean() / 2


def test_the_expectation_under_a_map_gives_its_mean_and_variance() -> None:
    centres = (torch.arange(20) + 0.5) / 20 * 2 - 1
    weight = torch.exp(-0.5 * ((centres[:, None] - 0.2) / 0.15) ** 2 - 0.5 * ((centres[None] + 0.3) / 0.1) ** 2)
    mean_x, mean_y, square_x, square_y = (weight.flatten() / weight.sum()) @ grid_code(20, 20, 32)[:, :4]
    assert (mean_x.item(), mean_y.item()) == pytest.approx((-0.3, 0.2), abs=1e-3)
    assert (square_x - mean_x**2).sqrt().item() == pytest.approx(0.1, abs=5e-3)
    assert (square_y - mean_y**2).sqrt().item() == pytest.approx(0.15, abs=5e-3)
