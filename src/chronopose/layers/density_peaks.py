"""Which tokens of a set are worth keeping: the peaks of their density, after Rodriguez and Laio (2014).

FTP-Pose (arXiv:2503.05365, Eq. 1 and 2) scores every token x_i of N by density and by distance to what is denser:

    density_i = exp(-mean of |x_i - x_j|^2 over the k nearest j / tau)      the token itself is one of the k
    distance_i = min |x_i - x_j| over the denser j, for the densest token max |x_i - x_j| over all j
    score_i = density_i * distance_i

and keeps the highest scores. Here the product is compared by its logarithm, which does not underflow. Of two tokens of
equal density, or of equal score, the one that stands first is the denser, or the one that is kept; so the same tokens
give the same choice every time, without the noise that published code adds to tell them apart.

Checked against: a loop over tokens in float64 that follows the formulas (tests/layers/test_density_peaks.py).
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Int64
from torch import Tensor

ON_CPU, ELSEWHERE = 1 << 19, 1 << 26
"""Distances to hold at a time: on a CPU what stays in its cache (2 MB), elsewhere what fits beside a model (256 MB)."""


def density_peaks(
    tokens: Float[Tensor, "B N D"], keep: int, k: int = 5, tau: float | None = None
) -> Int64[Tensor, "B keep"]:
    """Indices, ascending, of the tokens of each set to keep.

    No gradient passes. Distances are computed in float32, inside autocast too: a product of bfloat16 numbers, unlike
    their rounding, changes the choice. For the same reason `torch.set_float32_matmul_precision` should be left at
    "highest" where the choice is to be the same on every device.

    Args:
        tokens: sets of N tokens.
        keep: how many to keep.
        k: nearest tokens that make a token's density, itself included. Another k is another choice.
        tau: scale of the squared distances; None for D, the width of a token.
    """
    count, width = tokens.shape[-2:]
    if not 1 <= keep <= count:
        raise ValueError(f"keep must be between 1 and the number of tokens {count}, got {keep}")
    if not 1 <= k <= count:
        raise ValueError(f"k must be between 1 and the number of tokens {count}, got {k}")
    if tau is not None and not tau > 0:
        raise ValueError(f"tau must be positive, got {tau}")
    scale = float(width) if tau is None else tau
    exact = tokens.detach().float()
    with _without_autocast(tokens.device):
        if torch.compiler.is_compiling():  # one graph for every batch
            return highest(_scores(exact, k, scale), keep)
        at_a_time = max(1, (ON_CPU if tokens.device.type == "cpu" else ELSEWHERE) // count**2)
        return torch.cat([highest(_scores(part, k, scale), keep) for part in torch.split(exact, at_a_time)])


def highest(scores: Float[Tensor, "B N"], keep: int) -> Int64[Tensor, "B keep"]:
    """Indices, ascending, of the highest scores; among equal ones the first. (`topk` alone promises no order.)"""
    place = torch.arange(scores.shape[1], device=scores.device)
    least = scores.topk(keep).values.amin(-1, keepdim=True)
    above, equal = scores > least, scores == least
    room = keep - above.sum(-1, keepdim=True)
    kept = above | (equal & (equal.cumsum(-1) <= room))
    # Distinct whole numbers, those of the kept first: their order is no matter of chance. Scores that are no numbers
    # keep none, and the first stand in for them.
    return torch.where(kept, place, place + len(place)).topk(keep, largest=False).values % len(place)


def _scores(tokens: Tensor, k: int, tau: float) -> Tensor:
    """(B, N) logarithms of the scores of tokens (B, N, D)."""
    place = torch.arange(tokens.shape[1], device=tokens.device)
    centred = tokens - tokens.mean(1, keepdim=True)  # what all have in common only costs digits
    square = centred.square().sum(-1)
    apart = torch.baddbmm(square[:, None, :], centred, centred.mT, alpha=-2).add_(square[:, :, None])  # (B, N, N)
    itself = torch.eye(len(place), dtype=torch.bool, device=tokens.device)
    apart = apart.clamp_min_(0).masked_fill_(itself, 0)
    sparse = apart.topk(k, largest=False, sorted=False).values.mean(-1) / tau  # minus the logarithm of the density
    mine, other = sparse[:, :, None], sparse[:, None, :]
    denser = (other < mine) | ((other == mine) & (place < place[:, None]))
    nearest = torch.where(denser, apart, torch.inf).amin(-1)
    distance = torch.where(nearest.isinf(), apart.amax(-1), nearest)  # exactly one token of a set has no denser one
    return 0.5 * distance.clamp_min(1e-12).log() - sparse


def _without_autocast(device: torch.device) -> AbstractContextManager[object]:
    if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
