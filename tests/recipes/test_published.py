"""Every published figure: its preset is there, and our network, counted by the paper's rule, has it."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.models import network_of
from chronopose.models.complexity import complexity
from chronopose.recipes.presets import PRESETS, describe
from chronopose.recipes.published import PUBLISHED, Figure, Published, compare, macs_of, parameters_of


@functools.cache
def on_paper(name: str) -> Any:
    """A preset's network without memory for its weights."""
    with torch.device("meta"):
        return network_of(PRESETS[name]).eval()


def figures(published: Published) -> list[Figure]:
    return [figure for figure in (published.parameters, published.macs) if figure is not None]


# Every figure ----------------------------------------------------------------------------------------------------


def test_every_published_name_is_a_preset_with_a_source_and_a_figure() -> None:
    assert set(PUBLISHED) <= set(PRESETS)
    for name, published in PUBLISHED.items():
        assert published.source and figures(published), name


@pytest.mark.parametrize("name", PUBLISHED)
def test_our_counts_are_the_published_ones_as_far_as_they_are_printed(name: str) -> None:
    published = PUBLISHED[name]
    if published.parameters is not None:
        assert published.parameters.agrees(parameters_of(on_paper(name), published.parameters))
    if published.macs is not None:
        assert published.macs.agrees(macs_of(on_paper(name), published.macs))


def test_a_distance_beyond_rounding_is_explained_and_no_larger_than_needed() -> None:
    apart = {name: figure for name, entry in PUBLISHED.items() for figure in figures(entry) if figure.apart}
    assert set(apart) == {"ftp-table2", "ftp-table2-a", "vitpose-l", "vitpose-h"}
    for name, figure in apart.items():
        assert PUBLISHED[name].note
        ours = parameters_of(on_paper(name), figure)
        assert not Figure(printed=figure.printed).agrees(ours), name
        assert not Figure(printed=figure.printed, apart=figure.apart - 0.001).agrees(ours), name


def test_a_clip_costs_the_shipped_network_what_was_measured_on_the_authors_code() -> None:
    cost = complexity(on_paper("dsta-r50-shipped"))
    # Their last temporal block also computes 17 tokens of two frames that nobody reads: scores, output, feed-forward.
    left_out = 17 * 2 * (2 * 3 * 32 + 32 * 32 + 2 * 32 * 64)
    assert 3 * cost.macs_encode_per_frame + cost.macs_fuse_per_window + left_out == pytest.approx(12.0167e9, abs=5e4)


# Figures as printed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "value", "step"),
    [
        ("63.9M", 63.9e6, 1e5),
        ("86M", 86e6, 1e6),
        ("5.803M", 5.803e6, 1e3),
        ("8.9G", 8.9e9, 1e8),
        ("24745407", 24745407, 1),
    ],
)
def test_a_printed_number_has_its_value_and_the_step_of_its_last_digit(printed: str, value: float, step: float) -> None:
    figure = Figure(printed=printed)
    assert figure.value == pytest.approx(value, rel=1e-12) and figure.step == pytest.approx(step, rel=1e-12)


def test_ours_agrees_when_rounding_it_or_cutting_it_off_gives_the_printed_number() -> None:
    figure = Figure(printed="63.9M")
    assert all(figure.agrees(ours) for ours in (63_850_001, 63_900_000, 63_949_999, 63_999_000))
    assert not any(figure.agrees(ours) for ours in (63_849_000, 64_000_001))
    assert Figure(printed="100M", apart=0.05).agrees(94_600_000)
    assert not Figure(printed="100M", apart=0.05).agrees(94_400_000)
    exact = Figure(printed="24745407")
    assert exact.agrees(24_745_407) and not exact.agrees(24_745_408) and not exact.agrees(24_745_406)


# Rules -----------------------------------------------------------------------------------------------------------


class Small(nn.Module):
    """One layer of each kind, with counts that can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = ClipSpec(offsets=(0,), height=16, width=8)
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.enlarge = nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1, bias=False)
        self.norm = nn.LayerNorm(2)
        self.linear = nn.Linear(2, 5)
        self.code = nn.Parameter(torch.zeros(7))

    def forward(self, pixels: Tensor) -> Tensor:
        enlarged = self.enlarge(self.backbone(pixels[:, 0]))  # (1, 2, 16, 8)
        tokens = self.linear(self.norm(enlarged.flatten(2).transpose(1, 2)))  # (1, 128, 5)
        return tokens @ tokens.transpose(1, 2)


CONVOLUTION, BIAS, CELLS, TOKENS = 4 * 3 * 9 * 32, 4 * 32, 32, 128


@pytest.mark.parametrize(
    ("rule", "part", "expected"),
    [
        ("products", "backbone", CONVOLUTION),
        ("products", "network", CONVOLUTION + 128 * CELLS + TOKENS * 10 + TOKENS * TOKENS * 5),
        ("mmcv", "backbone", CONVOLUTION + BIAS + 2 * 128 + 128),
        ("mmcv", "network", CONVOLUTION + BIAS + 3 * 128 + 128 * CELLS + 2 * 2 * TOKENS + TOKENS * 10),
        ("hrnet", "network", round((CONVOLUTION + 128 * TOKENS + TOKENS * 5 * TOKENS) / 1.024**3)),
    ],
)
def test_the_rules_count_what_they_say(rule: Any, part: Any, expected: int) -> None:
    assert macs_of(Small().eval(), Figure(printed="1G", rule=rule, part=part)) == expected


@pytest.mark.parametrize(
    ("rule", "part", "expected"),
    [
        ("products", "network", 112 + 8 + 128 + 4 + 15 + 7),
        ("products", "backbone", 112 + 8),
        ("products", "network and flow", 112 + 8 + 128 + 4 + 15 + 7 + 53_784),
        ("hrnet", "network", 112 + 8 + 128 + 15),
    ],
)
def test_parameters_are_counted_of_the_part_that_the_figure_is_about(rule: Any, part: Any, expected: int) -> None:
    assert parameters_of(Small(), Figure(printed="1M", rule=rule, part=part)) == expected


# Rows ------------------------------------------------------------------------------------------------------------


def test_a_row_holds_our_counts_and_the_published_ones_with_their_ratio() -> None:
    row, described = compare("tokenpose-t"), describe("tokenpose-t")
    for key in ("name", "parameters", "macs_encode_per_frame", "macs_fuse_per_window"):
        assert row[key] == described[key]
    published = row["published"]
    assert (published["parameters"], published["macs"]) == (5_803_000, 1_290_000_000)
    assert published["macs_ratio"] == pytest.approx(published["macs_ours"] / 1.29e9, abs=1e-4)
    assert (published["parameters_rule"], published["macs_rule"]) == ("hrnet", "hrnet")
    assert published["source"] and published["note"]


def test_the_shipped_network_alone_is_counted_with_its_flow() -> None:
    row = compare("dsta-r50-shipped")
    assert row["parameters"] == describe("dsta-r50-shipped")["parameters"] + 53_784 == 24_745_407
    assert row["published"]["parameters_ratio"] == 1.0 and "macs" not in row["published"]


def test_a_model_without_a_published_figure_says_so_and_an_unknown_name_is_refused() -> None:
    assert compare("listpose-t")["published"] is None
    with pytest.raises(InputError, match="no such model"):
        compare("nobody")
