"""Features of a crop that has moved: what a code of places says after the places have changed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from chronopose.clips.moving import Moving, moved, moves
from chronopose.core.geometry import apply, crop_to_image, invert
from chronopose.layers.position import grid_code

HEIGHT, WIDTH = 192, 144
ROWS, COLUMNS = 48, 36


def code() -> NDArray[np.float64]:
    """(D, h, w): coordinates, squares and two waves a side, which moves turn into each other."""
    return grid_code(ROWS, COLUMNS, 8).T.unflatten(1, (ROWS, COLUMNS)).double().numpy()


def tokens_at(points: Tensor) -> Tensor:
    """(N, 8) the code of points (N, 2) in shares of the crop, x first: what `grid_code` says of such a cell."""
    x = points.double() * 2 - 1
    return torch.cat([x, x**2, (x * math.pi / 2).sin(), (x * math.pi / 2).cos()], dim=1)


def told(moving: Moving, features: Tensor, way: NDArray[np.float64]) -> Tensor:
    """Features moved, as tensors; as arrays they are the same."""
    matrices = moving.matrices(way)
    found = moved(features, torch.from_numpy(matrices))
    np.testing.assert_allclose(moved(features.numpy(), matrices), found, atol=1e-5)
    return found


shares = st.floats(0.25, 0.75)
steps = st.floats(-0.15, 0.15)


@given(shares, shares, steps, steps)
def test_a_token_moves_as_the_place_does_that_it_tells_of(x: float, y: float, right: float, down: float) -> None:
    here = torch.tensor([[x, y]])
    found = told(Moving.of_code(code()), tokens_at(here).float(), np.array([[right, down, 0.0]]))
    wanted = tokens_at(here + torch.tensor([[right, down]])).float()
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    assert (found - wanted).norm() <= 0.05 * (tokens_at(here).float() - wanted).norm() + 1e-4


@given(shares, shares, steps)
def test_a_token_moves_away_from_the_centre_as_things_grow(x: float, y: float, growth: float) -> None:
    here = torch.tensor([[x, y]])
    found = told(Moving.of_code(code()), tokens_at(here).float(), np.array([[0.0, 0.0, growth]]))
    wanted = tokens_at((here - 0.5) * math.exp(growth) + 0.5).float()
    # The derivative of a square by the size is no sum of the code's numbers times a constant: near, and not equal.
    torch.testing.assert_close(found, wanted, atol=0.05, rtol=0)


def test_the_mean_over_a_map_moves_like_a_single_place() -> None:
    generator = torch.Generator().manual_seed(0)
    places, weight = 0.3 + 0.4 * torch.rand(50, 2, generator=generator), torch.rand(50, generator=generator)
    weight /= weight.sum()
    step = torch.tensor([[0.1, -0.05]])
    before, after = ((weight[:, None] * tokens_at(p)).sum(0, keepdim=True).float() for p in (places, places + step))
    found = told(Moving.of_code(code()), before, np.array([[0.1, -0.05, 0.0]]))
    torch.testing.assert_close(found, after, atol=0.01, rtol=0)


def test_no_move_changes_nothing_and_there_and_back_is_the_same() -> None:
    moving, features = Moving.of_code(code()), torch.randn(3, 5, 8)
    torch.testing.assert_close(told(moving, features, np.zeros((3, 3))), features, atol=1e-6, rtol=0)
    way = np.array([[0.1, 0.02, 0.05], [-0.03, 0.1, -0.02], [0.0, 0.1, 0.0]])
    back = told(moving, told(moving, features, way), -way)
    torch.testing.assert_close(back, features, atol=1e-4, rtol=1e-4)


def test_each_row_moves_its_own_way_whatever_stands_beside_it() -> None:
    moving, features = Moving.of_code(code()), torch.randn(6, 2, 8)
    way = np.array([[0.1, 0, 0], [0, 0.1, 0], [0.1, 0, 0], [0, 0, 0.1], [0, 0, 0], [0, 0.1, 0]])
    together = told(moving, features, way)
    for row in range(6):
        torch.testing.assert_close(together[row], told(moving, features[row : row + 1], way[row : row + 1])[0])


def test_features_without_joints_are_moved_too() -> None:
    moving, features = Moving.of_code(code()), torch.randn(2, 8)
    way = np.array([[0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
    torch.testing.assert_close(told(moving, features, way), told(moving, features[:, None], way)[:, 0])


def test_a_code_whose_numbers_depend_on_each_other_moves_all_the_same() -> None:
    twice = np.concatenate([code(), code()])  # 16 numbers, 8 of them of use
    features = tokens_at(torch.tensor([[0.4, 0.5]])).float().repeat(1, 2)
    found = told(Moving.of_code(twice), features, np.array([[0.1, 0.0, 0.0]]))
    alone = told(Moving.of_code(code()), features[:, :8], np.array([[0.1, 0.0, 0.0]]))
    torch.testing.assert_close(found, alone.repeat(1, 2), atol=1e-4, rtol=1e-4)


# Moves of crops -----------------------------------------------------------------------------------------------------


def crop(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return crop_to_image(box[None], HEIGHT, WIDTH, 1.25)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.7, 1.4), st.floats(20, 120), st.floats(20, 170))
def test_following_the_move_leads_a_point_to_where_the_moved_crop_has_it(
    right: float, down: float, larger: float, x: float, y: float
) -> None:
    before = np.array([100.0, 50.0, 160.0, 200.0])
    middle, half = np.array([130.0 + right, 125.0 + down]), np.array([30.0, 75.0]) * larger
    after = np.concatenate([middle - half, middle + half])
    ((to_right, downwards, growth),) = moves(crop(before), crop(after), HEIGHT, WIDTH)
    wanted = apply(invert(crop(after)), apply(crop(before), np.array([[[x, y]]])))[0, 0]
    # In small steps: shift and growth at once, about the crop's centre, as the exponential has it.
    place, steps = np.array([x, y]), 2000
    for _ in range(steps):
        share = (place + 0.5) / (WIDTH, HEIGHT) - 0.5
        place = place + (np.array([to_right, downwards]) + growth * share) * (WIDTH, HEIGHT) / steps
    np.testing.assert_allclose(place, wanted, atol=0.05)


def test_a_crop_that_goes_right_sees_things_go_left() -> None:
    before, after = crop(np.array([0.0, 0, 60, 100])), crop(np.array([9.375, 0, 69.375, 100]))
    np.testing.assert_allclose(moves(before, after, HEIGHT, WIDTH), [[-0.1, 0, 0]], atol=1e-9)


@pytest.mark.parametrize("larger", [0.5, 1.0, 2.0])
def test_a_crop_that_grows_sees_things_shrink(larger: float) -> None:
    before, after = crop(np.array([-30.0, -50, 30, 50])), crop(np.array([-30.0, -50, 30, 50]) * larger)
    np.testing.assert_allclose(moves(before, after, HEIGHT, WIDTH), [[0, 0, -math.log(larger)]], atol=1e-9)
