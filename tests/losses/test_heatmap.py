"""The losses on maps: least where the map is the target, blind to unknown joints."""

import math

import pytest
import torch
from torch import Tensor

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.clips.heatmap import gaussian_maps
from chronopose.losses.heatmap import HeatmapCrossEntropy, HeatmapMSE

CROP, GRID = (64, 48), (16, 12)


def question(xy: Tensor, logs: Tensor, weight: Tensor) -> tuple[PoseOutput, ClipBatch]:
    batch = ClipBatch(torch.zeros(len(xy), 1, 3, *CROP, dtype=torch.uint8), xy, weight)
    return PoseOutput(xy_crop=xy, score=weight, heatmaps=logs), batch


def test_uniform_maps_cost_the_logarithm_of_the_number_of_cells_per_joint() -> None:
    xy = torch.tensor([[[[20.0, 30.0], [25.0, 25.0]]]])
    logs = torch.full((1, 1, 2, *GRID), -math.log(16 * 12))
    loss = HeatmapCrossEntropy(weight=3.0)(*question(xy, logs, torch.ones(1, 1, 2)))
    assert loss["heatmap"].item() == pytest.approx(3 * 2 * math.log(16 * 12), rel=1e-5)


def test_the_target_itself_costs_least() -> None:
    xy = torch.tensor([[[[20.0, 30.0]]]])
    target = gaussian_maps(xy, CROP, GRID, 1.0)
    logs = (target / target.sum()).clamp_min(1e-30).log()
    loss = HeatmapCrossEntropy()
    best = loss(*question(xy, logs, torch.ones(1, 1, 1)))["heatmap"]
    for shift in (4.0, -4.0):
        assert loss(*question(xy + shift, logs, torch.ones(1, 1, 1)))["heatmap"] > best + 0.1


def test_unknown_joints_cost_nothing_and_move_nothing() -> None:
    torch.manual_seed(0)
    raw = torch.randn(2, 1, 3, *GRID, requires_grad=True)
    logs = raw.flatten(3).log_softmax(-1).unflatten(3, GRID)
    weight = torch.tensor([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])
    loss = HeatmapCrossEntropy()(*question(torch.full((2, 1, 3, 2), 20.0), logs, weight))["heatmap"]
    loss.backward()
    assert raw.grad is not None
    assert (raw.grad[0, 0, 1] == 0).all() and (raw.grad[1] == 0).all()
    assert (raw.grad[0, 0, [0, 2]].abs().sum((-1, -2)) > 0).all()


def test_the_sum_is_divided_by_the_batch_alone() -> None:
    torch.manual_seed(0)
    logs = torch.randn(1, 1, 3, 16 * 12).log_softmax(-1).unflatten(3, GRID)
    xy, weight = torch.rand(1, 1, 3, 2) * 40, torch.ones(1, 1, 3)
    once = HeatmapCrossEntropy()(*question(xy, logs, weight))["heatmap"]
    twice = HeatmapCrossEntropy()(*question(xy.repeat(2, 1, 1, 1), logs.repeat(2, 1, 1, 1, 1), weight.repeat(2, 1, 1)))
    torch.testing.assert_close(twice["heatmap"], once)


def test_frames_answered_are_averaged() -> None:
    torch.manual_seed(0)
    logs = torch.randn(2, 1, 3, 16 * 12).log_softmax(-1).unflatten(3, GRID)
    xy, weight = torch.rand(2, 1, 3, 2) * 40, torch.ones(2, 1, 3)
    once = HeatmapCrossEntropy()(*question(xy, logs, weight))["heatmap"]
    twice = HeatmapCrossEntropy()(*question(xy.repeat(1, 2, 1, 1), logs.repeat(1, 2, 1, 1, 1), weight.repeat(1, 2, 1)))
    torch.testing.assert_close(twice["heatmap"], once)


def test_squares_are_halved_and_averaged_over_all_cells() -> None:
    xy = torch.tensor([[[[20.0, 30.0], [25.0, 25.0]]]])
    target = gaussian_maps(xy, CROP, GRID, 2.0)
    assert HeatmapMSE()(*question(xy, target, torch.ones(1, 1, 2)))["heatmap"] == 0
    off = HeatmapMSE(weight=3.0)(*question(xy, target + 0.2, torch.ones(1, 1, 2)))["heatmap"]
    assert off.item() == pytest.approx(3 * 0.5 * 0.04, rel=1e-4)
    # An unknown joint counts as no error among all joints, as published.
    half = HeatmapMSE()(*question(xy, target + 0.2, torch.tensor([[[1.0, 0.0]]])))["heatmap"]
    assert half.item() == pytest.approx(0.5 * 0.5 * 0.04, rel=1e-4)


def test_a_model_without_maps_is_refused() -> None:
    output, batch = question(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, *GRID), torch.ones(1, 1, 2))
    with pytest.raises(ValueError, match="draws heatmaps"):
        HeatmapCrossEntropy()(output._replace(heatmaps=None), batch)
