"""Loss of a detector's cells: which cell answers for which person, how sure, how well the box fits."""

import torch
from jaxtyping import Float
from torch import Tensor, distributed
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

TINY = 1e-6


def detection_loss(
    logit: Float[Tensor, "B N"],
    boxes: Float[Tensor, "B N 4"],
    centres: Float[Tensor, "N 2"],
    truth: Float[Tensor, "B M 4"],
    known: Float[Tensor, "B M"],
    doubt: Float[Tensor, "B R 5"],
    *,
    per_person: int = 9,
    box_weight: float = 2.0,
) -> dict[str, Tensor]:
    """Focal loss on the scores, whose target is the fit of the box, and GIoU on the boxes of the cells that answer.

    Both are summed over cells and divided by the summed targets, so that a person counts alike whatever its size. Where
    several processes share a batch, the mean of their losses is that of the whole batch.

    Args:
        logit: of the score of each cell.
        boxes: of each cell, x1, y1, x2, y2 in pixels.
        centres: of the cells in pixels.
        truth: boxes of the labelled persons in pixels; rows with `known` 0 are padding.
        known: 1 for a person, 0 for padding.
        doubt: x1, y1, x2, y2, bar: areas that may hold people nobody labelled. A cell in there that sees a person
            with a score above the bar, apart from every labelled one, is left out of the loss.
        per_person: cells that answer for one person.
        box_weight: of the GIoU part against the score part.

    Returns:
        "score" and "box", to be summed.
    """
    with torch.no_grad():
        overlap = pairwise_iou(truth, boxes) * known[..., None]  # (B, M, N)
        target, owner = assign(logit.sigmoid(), overlap, centres, truth, known, per_person)
        trusted = 1 - _doubtful(logit.sigmoid(), overlap, centres, doubt).to(logit) * (target == 0)
        total = _share_of_total(target.sum(), least=1.0)
    # Focal with exponent 1: with the usual 2 the boxes take nearly all of the gradient while scores are still low, and
    # a short run ends with boxes that fit and scores that tell little.
    surprise = (target - logit.sigmoid()).abs()
    score = functional.binary_cross_entropy_with_logits(logit, target, reduction="none") * surprise * trusted
    answers = target > 0
    wanted = torch.gather(truth, 1, owner[..., None].expand(-1, -1, 4))  # (B, N, 4)
    misfit = generalized_box_iou_loss(boxes[answers], wanted[answers], reduction="none")
    return {"score": score.sum() / total, "box": box_weight * (misfit * target[answers]).sum() / total}


def _share_of_total(number: Tensor, least: float) -> Tensor:
    """An equal share of a number summed over the processes of a batch, `least` or more: a process alone has it all."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return number.clamp_min(least)
    total = number.clone()
    distributed.all_reduce(total)
    return total.clamp_min(least) / distributed.get_world_size()


def assign(
    score: Float[Tensor, "B N"],
    overlap: Float[Tensor, "B M N"],
    centres: Float[Tensor, "N 2"],
    truth: Float[Tensor, "B M 4"],
    known: Float[Tensor, "B M"],
    per_person: int,
) -> tuple[Tensor, Tensor]:
    """Target score (B, N) of each cell, 0 for background, and the person (B, N) it answers for.

    The task alignment of TOOD (arXiv 2108.07755): cells inside a person's box are ranked by score and fit together, and
    the best `per_person` answer, the very best with a target equal to the best fit. Here the distance from the box's
    middle takes part in the ranking, which settles the first steps, when all cells fit equally badly.
    """
    middle = (truth[..., :2] + truth[..., 2:]) / 2
    # Persons smaller than a few cells still need candidates: no box counts as smaller than three cells of 8 pixels.
    size = (truth[..., 2:] - truth[..., :2]).clamp_min(24.0)
    off = (centres[None, None] - middle[:, :, None]) / size[:, :, None]  # (B, M, N, 2)
    inside = (off.abs().amax(dim=-1) < 0.5) & (known[..., None] > 0)
    near = torch.exp(-6 * off.square().sum(dim=-1))
    rank = (score[:, None].sqrt() * overlap.pow(4) + TINY * near) * near * inside  # (B, M, N)
    count = min(per_person, rank.shape[-1])
    best, cells = rank.topk(count, dim=-1)
    chosen = torch.zeros_like(rank).scatter(-1, cells, (best > 0).to(rank))
    # A cell that two persons want goes to the one it fits better.
    fit = torch.where(chosen > 0, overlap + TINY, 0.0)
    share, owner = fit.max(dim=1)  # (B, N)
    rank = rank * chosen
    height = torch.where(chosen > 0, overlap, 0.0).amax(dim=-1, keepdim=True).clamp_min(0.05)
    aligned = rank / rank.amax(dim=-1, keepdim=True).clamp_min(1e-12) * height
    target = torch.gather(aligned, 1, owner[:, None])[:, 0]
    return torch.where(share > 0, target, torch.zeros_like(target)), owner


def pairwise_iou(a: Float[Tensor, "B M 4"], b: Float[Tensor, "B N 4"]) -> Float[Tensor, "B M N"]:
    """Intersection over union of every box of `a` with every box of `b` of the same picture; 0 for empty boxes."""
    first, second = a[:, :, None], b[:, None]
    shared = (torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])).clamp(0)
    area = shared.prod(dim=-1)
    union = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(-1) - area
    return area / union.clamp_min(TINY)


def _doubtful(score: Tensor, overlap: Tensor, centres: Tensor, doubt: Tensor) -> Tensor:
    """(B, N) whether a cell sees a person that may be there without a label."""
    x, y = centres[:, 0], centres[:, 1]
    x1, y1, x2, y2, bar = (part[..., None] for part in doubt.unbind(-1))  # each (B, R, 1)
    inside = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2) & (score[:, None] > bar)
    return inside.any(dim=1) & (overlap.amax(dim=1) < 0.3)
