"""Density peaks: the formulas followed token by token, what makes a choice firm, and what must not change it."""

import importlib
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from chronopose.layers import density_peaks
from chronopose.layers.density_peaks import highest

# The package's attribute of that name is the function.
MODULE: Any = importlib.import_module("chronopose.layers.density_peaks")


def reference(tokens: Tensor, keep: int, k: int, tau: float) -> list[int]:
    """Eq. 1 and 2 of FTP-Pose for one set (N, D), in float64; ties to the token that stands first."""
    places = tokens.double().numpy()
    count = len(places)
    apart = [[float(np.sum((one - other) ** 2)) for other in places] for one in places]
    density = [-sum(sorted(row)[:k]) / k / tau for row in apart]  # its logarithm
    scores = []
    for i in range(count):
        denser = [j for j in range(count) if density[j] > density[i] or (density[j] == density[i] and j < i)]
        distance = min(apart[i][j] for j in denser) if denser else max(apart[i])
        scores.append(0.5 * math.log(max(distance, 1e-12)) + density[i])
    return sorted(sorted(range(count), key=lambda i: (-scores[i], i))[:keep])


def some(batch: int, count: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, count, width, generator=torch.Generator().manual_seed(seed))


# The formulas ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "width", "keep", "k", "tau"),
    [
        (48, 16, 8, 5, None),
        (64, 16, 10, 5, None),
        (64, 8, 21, 2, 3.0),
        (64, 16, 7, 1, None),
        (33, 4, 5, 33, None),
        (20, 6, 20, 5, None),
        (20, 6, 1, 5, None),
        (1, 3, 1, 1, None),
        (40, 8, 6, 5, 1e-3),  # densities of exp(-1000): their product with a distance would be 0
    ],
)
def test_it_keeps_what_the_formulas_say(count: int, width: int, keep: int, k: int, tau: float | None) -> None:
    tokens = some(3, count, width)
    expected = [reference(one, keep, k, width if tau is None else tau) for one in tokens]
    assert density_peaks(tokens, keep, k, tau).tolist() == expected


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=16, max_size=16),
    keep=st.integers(1, 16),
    k=st.integers(1, 16),
)
def test_duplicates_and_ties_fall_to_the_token_that_stands_first(values: list[list[int]], keep: int, k: int) -> None:
    tokens = torch.tensor(values, dtype=torch.float32)  # whole numbers, and a mean of sixteen: float32 is exact
    assert density_peaks(tokens[None], keep, k)[0].tolist() == reference(tokens, keep, k, 2.0)


def test_tokens_that_are_all_alike_are_kept_from_the_front() -> None:
    assert density_peaks(torch.ones(2, 12, 4), 5).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_one_token_of_each_crowd_is_kept() -> None:
    centres = 100 * some(1, 7, 8, seed=1)
    crowds = centres[0].repeat_interleave(9, dim=0) + some(1, 63, 8, seed=2)[0]
    kept = density_peaks(crowds[None], 7)[0]
    assert sorted((kept // 9).tolist()) == list(range(7))


# Promises --------------------------------------------------------------------------------------------------------


@given(count=st.integers(1, 40), data=st.data())
def test_indices_are_in_range_ascending_and_without_repeats(count: int, data: st.DataObject) -> None:
    keep, k = data.draw(st.integers(1, count)), data.draw(st.integers(1, count))
    tokens = some(2, count, 3, seed=data.draw(st.integers(0, 9)))
    kept = density_peaks(tokens, keep, k)
    assert kept.shape == (2, keep) and kept.dtype == torch.int64
    assert (kept >= 0).all() and (kept < count).all()
    assert (kept.diff(dim=1) > 0).all()


@given(order=st.permutations(range(24)), seed=st.integers(0, 9))
def test_the_choice_goes_with_the_tokens_and_not_with_their_places(order: list[int], seed: int) -> None:
    tokens = some(1, 24, 6, seed)
    moved = density_peaks(tokens[:, order], 5)[0].tolist()
    assert sorted(order[place] for place in moved) == density_peaks(tokens, 5)[0].tolist()


def test_a_set_gets_the_same_choice_alone_among_others_and_in_any_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = some(5, 50, 8)
    together = density_peaks(tokens, 9)
    for row in range(5):
        assert torch.equal(density_peaks(tokens[row : row + 1], 9)[0], together[row])
    for limit in (1, 2 * 50**2, 1 << 30):
        monkeypatch.setattr(MODULE, "ON_CPU", limit)
        assert torch.equal(density_peaks(tokens, 9), together)


def test_no_sets_give_no_choices() -> None:
    assert density_peaks(torch.zeros(0, 10, 4), 3).shape == (0, 3)


def test_no_gradient_passes() -> None:
    tokens = some(1, 12, 4).requires_grad_()
    kept = density_peaks(tokens, 3)
    assert not kept.requires_grad and kept.grad_fn is None


def test_autocast_does_not_change_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = some(4, 96, 32) + 3
    exact = density_peaks(tokens, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (tokens @ tokens.mT).dtype == torch.bfloat16
        assert torch.equal(density_peaks(tokens, 16), exact)
        # Without this care another set is kept: the test can tell.
        monkeypatch.setattr(MODULE, "_without_autocast", lambda device: torch.autocast(device.type, enabled=True))
        assert not torch.equal(density_peaks(tokens, 16), exact)


def test_half_precision_tokens_are_judged_in_float32() -> None:
    tokens = some(2, 40, 16).bfloat16()
    assert torch.equal(density_peaks(tokens, 7), density_peaks(tokens.float(), 7))


def test_tokens_that_are_no_numbers_still_give_indices_in_range() -> None:
    tokens = some(1, 10, 4)
    tokens[0, 3, 2] = torch.nan
    assert density_peaks(tokens, 4).tolist() == [[0, 1, 2, 3]]


class Pruning(nn.Module):
    """The choice and the gathering as a graph."""

    def forward(self, tokens: Tensor) -> Tensor:
        kept = density_peaks(tokens, 6)
        return tokens.gather(1, kept[..., None].expand(-1, -1, tokens.shape[2]))


def test_it_exports_with_a_free_batch() -> None:
    batch = torch.export.Dim("batch", min=1, max=64)
    graph = torch.export.export(Pruning(), (some(3, 30, 8),), dynamic_shapes=({0: batch},)).module()
    for count in (1, 4):
        tokens = some(count, 30, 8, seed=count)
        assert torch.equal(graph(tokens), Pruning()(tokens))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": 0}, "keep must be between 1 and the number of tokens 10, got 0"),
        ({"keep": 11}, "keep must be between 1 and the number of tokens 10, got 11"),
        ({"k": 0}, "k must be between 1 and the number of tokens 10, got 0"),
        ({"k": 11}, "k must be between 1 and the number of tokens 10, got 11"),
        ({"tau": 0.0}, "tau must be positive, got 0.0"),
        ({"tau": math.nan}, "tau must be positive, got nan"),
    ],
)
def test_what_cannot_be_chosen_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        density_peaks(torch.zeros(1, 10, 4), **{"keep": 3, **change})


# The highest of some scores --------------------------------------------------------------------------------------


@given(values=st.lists(st.integers(-2, 2), min_size=1, max_size=30), data=st.data())
def test_the_highest_are_those_of_a_stable_sort(values: list[int], data: st.DataObject) -> None:
    keep = data.draw(st.integers(1, len(values)))
    expected = sorted(sorted(range(len(values)), key=lambda place: -values[place])[:keep])
    assert highest(torch.tensor([values], dtype=torch.float32), keep)[0].tolist() == expected
