"""TokenPose: the published counts, every encoder, and what each joint's map is drawn from."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.complexity import complexity
from chronopose.models.tokenpose import TokenPose, TokenPoseConfig
from chronopose.recipes.presets import PRESETS

TINY = TokenPoseConfig(encoder="raw", height=64, width=48, patch=(16, 12), token_width=16, depth=2, heads=4)
VARIANTS: dict[str, dict[str, Any]] = {
    "pixels": {},
    "stem": {"encoder": "stem", "patch": (4, 3)},
    "stem, one cell a patch": {"encoder": "stem", "patch": (1, 1), "depth": 1},
    "HRNet": {"encoder": "hrnet_w32_s3", "patch": (4, 4)},
    "timm": {"encoder": "timm", "backbone": BackboneConfig(name="mobilenetv4_conv_small_050"), "patch": (1, 2)},
    "timm with a neck": {
        "encoder": "timm",
        "backbone": BackboneConfig(name="mobilenetv4_conv_small_050", stride=8, neck_width=8),
        "patch": (2, 3),
    },
    "three stages": {"depth": 3, "stages": 3},
    "scaled by the token's width": {"attn_scale": "dim"},
    "fine maps": {"map_stride": 2, "token_width": 24},
    "log maps": {"maps": "log"},
    "lying crop": {"height": 32, "width": 96, "skeleton": "penn-13"},
}


def tiny(**change: Any) -> TokenPose:
    """A small network whose weights are wide enough for its frames to show in its maps."""
    torch.manual_seed(0)
    model = TokenPose(dataclasses.replace(TINY, **change))
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter.shape[1] ** -0.5)
    return model.eval()


def frames(model: TokenPose, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    shape = (batch, 1, 3, model.spec.height, model.spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


# Published and worked-out counts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "millions", "gmacs", "products"),
    [
        ("tokenpose-t", 5.82, 1.60, 1.26),
        ("tokenpose-s", 6.62, 2.73, 2.39),
        ("tokenpose-s-v2", 6.23, 7.49, 4.65),
        ("tokenpose-b", 13.47, 6.28, 5.94),
        ("tokenpose-l-d6", 20.82, None, None),
        ("tokenpose-l", 27.48, 12.19, 11.51),
    ],
)
def test_parameters_are_as_many_as_published_and_macs_as_worked_out(
    name: str, millions: float, gmacs: float | None, products: float | None
) -> None:
    """`gmacs` with the products of queries, keys and values, `products` without (docs/baselines.md)."""
    config = PRESETS[name]
    assert (config.height, config.width, config.skeleton) == (256, 192, "coco-17")
    with torch.device("meta"):
        model = TokenPose(config)
    if gmacs is None or products is None:
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
        return
    cost = complexity(model)
    total = cost.macs_encode_per_frame + cost.macs_fuse_per_window
    attention = 2 * len(model.network.transformer.code) ** 2 * config.token_width * config.depth
    assert cost.parameters / 1e6 == pytest.approx(millions, abs=0.01)
    assert total / 1e9 == pytest.approx(gmacs, rel=0.02)
    assert (total - attention) / 1e9 == pytest.approx(products, rel=0.02)


# Every variant ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_answers_in_crop_pixels_and_every_parameter_learns(change: dict[str, Any]) -> None:
    model = tiny(**change).train()
    output = model(frames(model))
    joints, config = len(model.skeleton), model.config
    assert output.xy_crop.shape == (2, 1, joints, 2)
    size = torch.tensor([config.width, config.height])
    assert (output.xy_crop > -2 * config.map_stride).all() and (output.xy_crop < size + 2 * config.map_stride).all()
    assert output.heatmaps.shape == (
        2, 1, joints, config.height // config.map_stride, config.width // config.map_stride,
    )  # fmt: skip
    assert (output.sigma is None) == (config.maps == "gaussian")
    output.heatmaps.square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize("change", VARIANTS.values(), ids=VARIANTS)
def test_each_frame_counts_and_gets_the_answer_it_gets_alone(change: dict[str, Any]) -> None:
    model = tiny(**change)
    given = frames(model, 3)
    with torch.no_grad():
        maps = model(given).heatmaps
        torch.testing.assert_close(model(given[1:2]).heatmaps, maps[1:2], rtol=1e-4, atol=1e-4)
    assert (maps[0] - maps[1]).abs().max() > 1e-3


def test_the_names_of_the_weights_tell_encoder_and_network_apart() -> None:
    names = {name.split(".")[0] for name, _ in tiny(**VARIANTS["stem"]).named_parameters()}
    assert names == {"backbone", "network"}


def test_what_the_crop_shows_far_right_does_not_change_where_rows_stand() -> None:
    """In a crop that is not square, patches are laid out by height, then width, in tensors and code alike."""
    model = tiny(**VARIANTS["lying crop"])
    given = frames(model, 1).float()
    changed = given.clone()
    changed[..., :16, 84:] = 255 - changed[..., :16, 84:]  # the patch in the first row and the last of 8 columns
    with torch.no_grad():
        before, after = model.encode(given[:, 0]), model.encode(changed[:, 0])
    differs = (before - after).abs().amax((0, 2)) > 0
    assert differs.nonzero().flatten().tolist() == [7]
    assert model.network.grid == (2, 8)


# Configs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skeleton": "octopus-8"}, "no skeleton 'octopus-8'; there are coco-17"),
        ({"token_width": 30}, "token_width must be a multiple of 4 and of heads 8, got 30"),
        ({"heads": 0}, "heads must be at least 1, got 0"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"stages": 5}, "depth must be a multiple of stages 5, got 12"),
        ({"patch": (5, 3)}, "patch must divide the encoder's map of 64 x 48 cells, got 5 x 3"),
        ({"patch": (4,)}, "patch must be a height and a width of at least 1 cell"),
        ({"map_stride": 5}, "map_stride must divide the crop of 256 x 192 pixels, got 5"),
        ({"height": 250, "map_stride": 2}, "encoder stem wants crops in multiples of 4 pixels, got 250 x 192"),
        ({"encoder": "hrnet_w32_s3", "height": 264}, "hrnet_w32_s3 wants crops in multiples of 16 pixels, got 264"),
        ({"height": 4}, "at least 8 x 8"),
    ],
)
def test_a_config_that_cannot_be_built_says_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TokenPoseConfig(**change)
