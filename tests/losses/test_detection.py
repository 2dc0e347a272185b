"""The detector's loss: who answers for whom, what is left out, and that a perfect answer costs least."""

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou

from chronopose.losses.detection import assign, detection_loss, pairwise_iou

SIDE = 12


def cells() -> Tensor:
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2) * 8.0 + 3.5


def truth(*boxes: tuple[float, float, float, float], rows: int = 3) -> tuple[Tensor, Tensor]:
    padded = torch.zeros(1, rows, 4)
    known = torch.zeros(1, rows)
    for number, box in enumerate(boxes):
        padded[0, number], known[0, number] = torch.tensor(box), 1
    return padded, known


NO_DOUBT = torch.tensor([[[0.0, 0, 0, 0, 2]]])
LEFT, RIGHT = (8.0, 10.0, 36.0, 80.0), (56.0, 20.0, 88.0, 90.0)


def test_pairwise_iou_is_that_of_torchvision() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 5, 2, generator=generator) * 50 for _ in range(2))
    first, second = torch.cat([a, a + 20], dim=-1), torch.cat([b, b + 30], dim=-1)
    expected = torch.stack([box_iou(x, y) for x, y in zip(first, second)])
    torch.testing.assert_close(pairwise_iou(first, second), expected)


def test_before_anything_is_learned_the_cells_in_the_middle_answer() -> None:
    boxes, known = truth(LEFT, RIGHT)
    nothing = torch.zeros(1, 3, SIDE * SIDE)
    target, owner = assign(torch.full((1, SIDE * SIDE), 0.01), nothing, cells(), boxes, known, per_person=4)
    for number, box in enumerate((LEFT, RIGHT)):
        mine = cells()[(target[0] > 0) & (owner[0] == number)]
        assert len(mine) == 4
        middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
        assert (mine - middle).abs().max() <= 12


def test_the_best_cell_has_its_overlap_as_target_and_a_person_of_a_few_pixels_still_has_a_cell() -> None:
    boxes, known = truth(LEFT, (60.0, 60.0, 63.0, 64.0))
    overlap = torch.zeros(1, 3, SIDE * SIDE)
    inside = ((cells() > torch.tensor(LEFT[:2])) & (cells() < torch.tensor(LEFT[2:]))).all(dim=-1)
    overlap[0, 0, inside] = 0.6
    overlap[0, 0, 4 * SIDE + 2] = 0.8
    target, owner = assign(torch.full((1, SIDE * SIDE), 0.3), overlap, cells(), boxes, known, per_person=5)
    assert target[0].argmax() == 4 * SIDE + 2
    assert target[0].max() == pytest.approx(0.8)
    assert ((target[0] > 0) & (owner[0] == 1)).any()
    assert int((target > 0).sum()) <= 10


def test_no_persons_cost_only_scores_and_padding_has_no_part() -> None:
    logit = torch.full((1, SIDE * SIDE), -4.0, requires_grad=True)
    boxes = torch.cat([cells() - 20, cells() + 20], dim=-1)[None].requires_grad_()
    parts = detection_loss(logit, boxes, cells(), *truth(), NO_DOUBT)
    assert parts["box"].item() == 0
    assert 0 < parts["score"].item() < 0.1
    sum(parts.values(), torch.zeros(())).backward()
    assert torch.isfinite(logit.grad).all()  # type: ignore[arg-type]


def test_perfect_answers_cost_less_than_shifted_or_unsure_ones() -> None:
    boxes, known = truth(LEFT, RIGHT)
    overlap_of = torch.tensor([LEFT, RIGHT])
    near = (cells()[:, 0] > 46).long()
    perfect = overlap_of[near][None]
    target, _ = assign(torch.full((1, SIDE * SIDE), 0.5), pairwise_iou(boxes, perfect), cells(), boxes, known, 9)
    sure = torch.logit(target.clamp(1e-4, 1 - 1e-4))

    def total(logit: Tensor, answer: Tensor) -> float:
        parts = detection_loss(logit, answer, cells(), boxes, known, NO_DOUBT)
        assert set(parts) == {"score", "box"}
        return float(sum(parts.values(), torch.zeros(())))

    best = total(sure, perfect)
    assert best < 0.2
    assert total(sure, perfect + 6) > best + 0.2
    assert total(torch.full_like(sure, -4.0), perfect) > best + 0.2


def test_a_second_person_in_a_doubtful_area_is_not_held_against_the_model() -> None:
    boxes, known = truth(LEFT)
    answer = torch.tensor([LEFT, RIGHT])[(cells()[:, 0] > 46).long()][None]
    quiet = torch.full((1, SIDE * SIDE), -6.0)
    seen = quiet.clone()
    seen[0, 6 * SIDE + 8] = 2.0  # inside RIGHT, which nobody labelled
    doubt = torch.tensor([[[50.0, 0, 95, 95, 0.3], [0, 0, 0, 0, 2]]])

    def score(logit: Tensor, areas: Tensor) -> float:
        return float(detection_loss(logit, answer, cells(), boxes, known, areas)["score"])

    assert score(seen, NO_DOUBT) > score(quiet, NO_DOUBT) + 0.1
    assert score(seen, doubt) == pytest.approx(score(quiet, doubt), abs=1e-3)
    strict = doubt.clone()
    strict[..., 4] = 0.95
    assert score(seen, strict) > score(quiet, doubt) + 0.1


def test_a_double_of_a_labelled_person_is_wrong_even_in_a_doubtful_area() -> None:
    boxes, known = truth(LEFT)
    answer = torch.tensor([LEFT])[torch.zeros(SIDE * SIDE, dtype=torch.long)][None]
    seen = torch.full((1, SIDE * SIDE), -6.0)
    seen[0, 11 * SIDE + 11] = 3.0  # a far cell that says LEFT too
    everywhere = torch.tensor([[[-1.0, -1, 99, 99, 0.3]]])
    with_double = detection_loss(seen, answer, cells(), boxes, known, everywhere)["score"]
    seen[0, 11 * SIDE + 11] = -6.0
    assert with_double > detection_loss(seen, answer, cells(), boxes, known, everywhere)["score"] + 0.1
