"""The baselines of one frame: exact counts, maps in their places, and what RLE's two layers see."""

import dataclasses
import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chronopose.clips.contract import ClipBatch
from chronopose.clips.heatmap import gaussian_maps
from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17
from chronopose.layers.backbone import VITPOSE, Backbone, BackboneConfig
from chronopose.losses.rle import RLELoss
from chronopose.models.baselines import Regression, RegressionConfig, SimpleBaseline, SimpleBaselineConfig

SMALL = BackboneConfig(name="mobilenetv4_conv_small_050", stride=16, neck_width=8)
MAPS = SimpleBaselineConfig(backbone=SMALL, height=64, width=48, deconvs=1, deconv_width=8)
NUMBERS = RegressionConfig(backbone=SMALL, height=64, width=48)


def maps(**change: Any) -> SimpleBaseline:
    torch.manual_seed(0)
    return SimpleBaseline(dataclasses.replace(MAPS, **change)).eval()


def numbers(**change: Any) -> Regression:
    torch.manual_seed(0)
    return Regression(dataclasses.replace(NUMBERS, **change)).eval()


def pixels(batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (batch, 1, 3, 64, 48), dtype=torch.uint8, generator=generator)


@functools.cache
def on_paper(backbone: str, deconvs: int) -> SimpleBaseline:
    """A network of full size without memory for its weights."""
    with torch.device("meta"):
        return SimpleBaseline(SimpleBaselineConfig(backbone=BackboneConfig(name=backbone), deconvs=deconvs))


# Networks of full size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "deconvs", "parameters"),
    [
        ("resnet50", 3, 33_999_697),
        ("vitpose_small", 2, 21_663_360 + 2_626_833),
    ],
)
def test_the_parameters_are_those_of_the_papers_layout(backbone: str, deconvs: int, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in on_paper(backbone, deconvs).parameters()) == parameters


def test_vitposes_simple_head_is_one_convolution_on_maps_of_a_quarter_of_the_crop() -> None:
    with torch.device("meta"):
        backbone = BackboneConfig(name="vitpose_small")
        model = SimpleBaseline(SimpleBaselineConfig(backbone=backbone, head="simple", deconvs=0))
        assert model.encode(torch.zeros(2, 3, 256, 192)).shape == (2, 17, 64, 48)
    assert sum(parameter.numel() for parameter in model.parameters()) == 21_663_360 + 17 * (9 * 384 + 1)


@pytest.mark.parametrize(("backbone", "deconvs"), [("resnet50", 3), ("vitpose_small", 2)])
def test_every_layout_draws_maps_of_a_quarter_of_the_crop(backbone: str, deconvs: int) -> None:
    model = on_paper(backbone, deconvs)
    features = model.encode(torch.zeros(2, 3, 256, 192, device="meta"))
    assert features.shape == (2, 17, 64, 48)


@pytest.mark.parametrize(
    ("name", "width", "depth", "heads"),
    [
        ("vitpose_small", 384, 12, 12),
        ("vitpose_base", 768, 12, 12),
        ("vitpose_large", 1024, 24, 16),
        ("vitpose_huge", 1280, 32, 16),
    ],
)
def test_vitposes_transformers_have_the_papers_sizes(name: str, width: int, depth: int, heads: int) -> None:
    with torch.device("meta"):
        backbone = Backbone(BackboneConfig(name=name), 64, 48)
    assert (backbone.channels, backbone.grid) == (width, (4, 3))
    assert len(backbone.trunk.blocks) == depth
    assert {block.attn.num_heads for block in backbone.trunk.blocks} == {heads}
    projection = backbone.trunk.patch_embed.proj
    assert (projection.kernel_size, projection.stride, projection.padding) == ((16, 16), (16, 16), (2, 2))
    assert backbone.trunk.pos_embed.shape[1] == 12  # a place for each patch and none for a class token


def test_vitposes_patches_begin_two_pixels_outside_the_picture() -> None:
    torch.manual_seed(0)
    backbone = Backbone(BackboneConfig(name="vitpose_small"), 64, 48).eval()
    for block in backbone.trunk.blocks:  # with attention silenced a cell depends on its own patch alone
        nn.init.zeros_(block.attn.proj.weight)
    plain = torch.zeros(1, 3, 64, 48)
    for row, cell in ((13, 0), (14, 1), (29, 1), (30, 2)):
        spotted = plain.clone()
        spotted[..., row, 20] = 255.0
        with torch.no_grad():
            changed = (backbone(plain) - backbone(spotted)).abs().amax(1)[0] > 1e-4
        assert changed.nonzero().tolist() == [[cell, 1]]


def test_vitposes_layout_has_one_map_and_its_names_are_offered() -> None:
    with pytest.raises(InputError, match=r"backbone\.stride must be none with vitpose_base, got 16"):
        BackboneConfig(name="vitpose_base", stride=16)
    with pytest.raises(InputError, match=r"did you mean .*vitpose_large"):
        Backbone(BackboneConfig(name="vitpose_larg"), 64, 48)
    assert all(name.startswith("vitpose_") for name in VITPOSE)


# Maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deconvs", [0, 1, 2, 3])
def test_each_transposed_convolution_doubles_the_map(deconvs: int) -> None:
    model = maps(deconvs=deconvs)
    output = model(pixels())
    assert output.heatmaps is not None
    assert output.heatmaps.shape == (2, 1, 17, 4 * 2**deconvs, 3 * 2**deconvs)
    assert output.xy_crop.shape == (2, 1, 17, 2)


def test_a_map_with_a_peak_is_answered_with_the_place_of_the_peak() -> None:
    xy = torch.tensor([16.0, 24.0]) + torch.arange(17.0)[:, None]
    drawn = gaussian_maps(xy[None, None], (64, 48), (32, 24), 2.0)
    output, state = maps(deconvs=3).fuse(drawn)
    assert state is None and output.sigma is None
    torch.testing.assert_close(output.xy_crop, xy[None, None], rtol=0, atol=0.2)
    sure, _ = maps(deconvs=3, maps="log").fuse(20 * drawn)
    assert sure.sigma is not None and sure.heatmaps is not None
    torch.testing.assert_close(sure.xy_crop, xy[None, None], rtol=0, atol=1.0)
    torch.testing.assert_close(sure.heatmaps.exp().sum((-2, -1)), torch.ones(1, 1, 17))


def test_each_joints_map_is_drawn_by_the_weights_of_that_joint() -> None:
    model = maps()
    with torch.no_grad():
        before = model.encode(pixels()[:, 0])
        nn.init.normal_(model.maps.weight[4:5])
        moved = (model.encode(pixels()[:, 0]) - before).abs().amax((0, 2, 3)) > 1e-4
    assert moved.nonzero().flatten().tolist() == [4]


def test_the_simple_head_enlarges_what_is_positive_between_the_middles_of_the_cells() -> None:
    model = maps(head="simple", deconvs=0)
    model.backbone = Pooled(torch.tensor([-8.0, 8.0]).expand(1, 8, 2))  # type: ignore[assignment]
    with torch.no_grad():
        nn.init.zeros_(model.maps.weight)
        model.maps.weight[0, 0, 1, 1] = 1.0  # the cell itself
        model.maps.weight[1, 0, 1, 0] = 1.0  # its neighbour on the left
        drawn = model.encode(torch.zeros(1, 3, 64, 48))
    # -8 counts as 0; a cell of 4 has its middle between its second and its third.
    row = torch.tensor([0.0, 0.0, 1.0, 3.0, 5.0, 7.0, 8.0, 8.0])
    assert drawn.shape == (1, 17, 4, 8)
    torch.testing.assert_close(drawn[0, 0], row.expand(4, 8))
    torch.testing.assert_close(drawn[0, 1], torch.cat([torch.zeros(1), row[:-1]]).expand(4, 8))


def test_the_simple_head_learns_and_is_exported_with_a_free_batch() -> None:
    model = maps(head="simple", deconvs=0)
    model.encode(pixels()[:, 0]).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(model, (pixels(),), dynamic_shapes=({0: batch},)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(pixels(3)).heatmaps, model(pixels(3)).heatmaps)


def test_an_untrained_network_draws_next_to_nothing() -> None:
    model = maps()
    with torch.no_grad():
        assert model.encode(pixels()[:, 0]).abs().max() < 0.05
        assert float(model.enlarge[0].weight.std()) == pytest.approx(0.001, rel=0.1)


# Coordinates -----------------------------------------------------------------------------------------------------


class Pooled(nn.Module):
    """Stands for a backbone: features (N, C), or a row of cells (N, C, w), are what it was given."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features

    def forward(self, _: Tensor) -> Tensor:
        return self.features[..., None, None] if self.features.ndim == 2 else self.features[:, :, None]


def seen(model: Regression, pooled: Tensor) -> Tensor:
    """The (N, K, 4) numbers from these pooled features."""
    model.backbone = Pooled(pooled)  # type: ignore[assignment]
    with torch.no_grad():
        return model.encode(torch.zeros(len(pooled), 3, 64, 48))


def test_coordinates_see_the_direction_of_the_features_and_sigma_their_length_too() -> None:
    pooled = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    once, twice = seen(numbers(), pooled), seen(numbers(), 2 * pooled)
    torch.testing.assert_close(once[..., :2], twice[..., :2])
    torch.testing.assert_close(2 * once[..., 2:], twice[..., 2:])
    plain = numbers(normalise_features=False)
    torch.testing.assert_close(2 * seen(plain, pooled)[..., :2], seen(plain, 2 * pooled)[..., :2])


def test_features_of_zero_stay_finite() -> None:
    assert seen(numbers(), torch.zeros(1, 8)).isfinite().all()


def test_numbers_become_the_joint_of_their_place_counted_from_the_crops_middle() -> None:
    given = torch.zeros(1, 1, 17, 4)
    given[0, 0, 3] = torch.tensor([0.25, -0.5, 2.0, -50.0])
    output, state = numbers().fuse(given)
    assert state is None and output.heatmaps is None and output.sigma is not None
    middle = torch.tensor([24.0, 32.0])
    expected = middle.expand(17, 2).clone()
    expected[3] = torch.tensor([36.0, 0.0])
    torch.testing.assert_close(output.xy_crop[0, 0], expected)
    sigma = torch.tensor([2.0, -50.0]).sigmoid().clamp_min(1e-4)
    torch.testing.assert_close(output.sigma[0, 0, 3], sigma * torch.tensor([48.0, 64.0]))
    torch.testing.assert_close(output.score[0, 0, 3], 1 - sigma.mean())
    torch.testing.assert_close(output.sigma[0, 0, 0], middle)


def test_an_untrained_network_points_to_the_middle_of_the_crop() -> None:
    with torch.no_grad():
        xy = numbers()(pixels()).xy_crop
    assert (xy - torch.tensor([24.0, 32.0])).abs().max() < 0.5


def test_the_loss_it_is_named_after_pulls_it_towards_the_truth() -> None:
    model, loss = numbers().train(), RLELoss(COCO_17)
    generator = torch.Generator().manual_seed(3)
    truth = torch.rand(2, 1, 17, 2, generator=generator) * torch.tensor([48.0, 64.0])
    batch = ClipBatch(pixels=pixels(), xy_crop=truth, weight=torch.ones(2, 1, 17))
    optimiser = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=0.01)
    errors = []
    for _ in range(30):
        output = model(batch.pixels)
        errors.append(float((output.xy_crop.detach() - truth).abs().mean()))
        optimiser.zero_grad()
        loss(output, batch)["rle"].backward()
        optimiser.step()
    assert errors[-1] < 0.7 * errors[0]


# Configs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'; there are coco-17"),
        ({"deconvs": 4}, r"model\.deconvs must lie in 0 to 3, got 4"),
        ({"deconvs": -1}, r"model\.deconvs must lie in 0 to 3, got -1"),
        ({"deconv_width": 0}, r"model\.deconv_width must be positive, got 0"),
        ({"head": "upside"}, r"model\.head must be deconv or simple, got 'upside'"),
        ({"head": "simple"}, r"model\.deconvs must be 0 where model\.head is simple, got 3"),
        ({"maps": "sine"}, r"model\.maps must be gaussian or log, got 'sine'"),
        ({"height": 4}, "at least 8 x 8"),
    ],
)
def test_a_config_of_maps_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SimpleBaselineConfig(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'"), ({"margin": 9.0}, "margin must lie in 1 to 4, got 9.0")],
)
def test_a_config_of_coordinates_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RegressionConfig(**change)
