"""Several losses as one: every part under its own name, every parameter found."""

import pytest
import torch

from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.core.skeleton import PENN_13
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy
from chronopose.losses.rle import RLELoss


def question() -> tuple[PoseOutput, ClipBatch]:
    torch.manual_seed(0)
    output = PoseOutput(
        xy_crop=torch.rand(2, 1, 13, 2) * 40,
        score=torch.ones(2, 1, 13),
        sigma=torch.full((2, 1, 13, 2), 4.0),
        heatmaps=torch.randn(2, 1, 13, 8, 6).flatten(3).log_softmax(-1).unflatten(3, (8, 6)),
    )
    batch = ClipBatch(
        torch.zeros(2, 1, 3, 64, 48, dtype=torch.uint8), torch.rand(2, 1, 13, 2) * 40, torch.ones(2, 1, 13)
    )
    return output, batch


def test_each_part_keeps_its_name_and_its_value() -> None:
    output, batch = question()
    rle, heatmap = RLELoss(PENN_13), HeatmapCrossEntropy()
    parts = LossSum(rle, heatmap)(output, batch)
    assert list(parts) == ["rle", "heatmap"]
    torch.testing.assert_close(parts["rle"], rle(output, batch)["rle"])
    torch.testing.assert_close(parts["heatmap"], heatmap(output, batch)["heatmap"])


def test_the_parameters_of_the_parts_are_its_own() -> None:
    rle = RLELoss(PENN_13)
    assert {id(p) for p in LossSum(rle, HeatmapCrossEntropy()).parameters()} == {id(p) for p in rle.parameters()}


def test_two_parts_of_one_name_are_refused_and_not_lost() -> None:
    with pytest.raises(ValueError, match="part called 'heatmap'"):
        LossSum(HeatmapCrossEntropy(), HeatmapCrossEntropy())(*question())
