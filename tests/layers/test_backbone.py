"""Backbones of several families behind one shape, with no parameter that serves nothing."""

import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.layers.backbone import Backbone, BackboneConfig

HEIGHT, WIDTH = 96, 64
# name, stride asked for, channels, stride of the map
FAMILIES = [
    ("resnet10t", None, 512, 32),
    ("vit_tiny_patch16_224", None, 192, 16),
    ("hrnet_w18_small", None, 16, 4),
    ("convnext_atto", None, 320, 32),
    ("mobilenetv4_conv_small_050", None, 480, 32),
    ("edgenext_xx_small", None, 168, 32),
    ("mobilenetv4_conv_small_050", 8, 24, 8),
    ("mobilenetv4_conv_small_050", 16, 24, 16),
    ("convnext_atto", 8, 24, 8),
    ("resnet10t", 4, 24, 4),
    ("vit_tiny_patch16_224", 16, 24, 16),
]


def build(name: str, stride: int | None = None) -> Backbone:
    torch.manual_seed(0)
    return Backbone(BackboneConfig(name=name, stride=stride, neck_width=24), HEIGHT, WIDTH)


@pytest.mark.parametrize(("name", "stride", "channels", "cell"), FAMILIES)
def test_every_family_gives_one_map_of_the_shape_it_says_and_every_parameter_serves_it(
    name: str, stride: int | None, channels: int, cell: int
) -> None:
    backbone = build(name, stride)
    features = backbone(torch.rand(2, 3, HEIGHT, WIDTH) * 255)
    assert features.shape == (2, channels, HEIGHT // cell, WIDTH // cell)
    assert (backbone.channels, backbone.grid) == (channels, (HEIGHT // cell, WIDTH // cell))
    (features * torch.randn_like(features)).sum().backward()
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224"])
def test_a_network_whose_map_has_its_channels_last_answers_with_channels_first(name: str) -> None:
    with torch.device("meta"):
        backbone = Backbone(BackboneConfig(name=name), 224, 224)
        assert backbone(torch.zeros(2, 3, 224, 224)).shape == (2, 768, 7, 7)


def test_a_transformers_map_keeps_rows_and_columns_apart() -> None:
    backbone = build("vit_tiny_patch16_224").eval()
    # With attention silenced, a cell of the map depends on its own patch of the picture alone.
    for block in backbone.trunk.blocks:
        torch.nn.init.zeros_(block.attn.proj.weight)
    plain = torch.zeros(1, 3, HEIGHT, WIDTH)
    spotted = plain.clone()
    spotted[..., 16:32, 48:64] = 255.0
    changed = (backbone(plain) - backbone(spotted)).abs().amax(1)[0] > 1e-3
    assert changed.nonzero().tolist() == [[1, 3]]


@pytest.mark.parametrize("stride", [None, 8])
def test_bytes_and_floats_of_the_same_picture_give_the_same_map(stride: int | None) -> None:
    backbone = build("mobilenetv4_conv_small_050", stride).eval()
    pixels = torch.randint(0, 256, (2, 3, HEIGHT, WIDTH), dtype=torch.uint8)
    torch.testing.assert_close(backbone(pixels), backbone(pixels.float()), rtol=0, atol=0)


def test_pixels_are_normalised_with_the_figures_of_imagenet() -> None:
    backbone = build("resnet10t")
    seen: list[torch.Tensor] = []
    first = next(module for module in backbone.trunk.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    backbone(torch.tensor([124.0, 116.0, 104.0]).view(1, 3, 1, 1).expand(1, 3, HEIGHT, WIDTH))
    expected = torch.tensor([(124 / 255 - 0.485) / 0.229, (116 / 255 - 0.456) / 0.224, (104 / 255 - 0.406) / 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], expected, rtol=1e-4, atol=1e-5)


def test_a_crop_of_another_size_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"wants crops of 96 x 64 pixels, got \(1, 3, 64, 96\)"):
        build("resnet10t")(torch.zeros(1, 3, WIDTH, HEIGHT))


def test_a_mistyped_name_is_answered_with_the_name_that_was_meant() -> None:
    with pytest.raises(InputError, match=r"no model 'resnt50'; did you mean .*resnet50"):
        build("resnt50")


@pytest.mark.parametrize(
    "name", ["", "qqqqqqqq", "hf-hub:someone/something", "local-dir:/tmp", "resnet18.nothing_here"]
)
def test_a_name_that_timm_does_not_have_is_refused_in_one_line_without_asking_the_network(name: str) -> None:
    with pytest.raises(InputError, match="backbone") as caught:
        build(name)
    assert "\n" not in str(caught.value)


def test_a_network_made_for_one_size_says_so_in_one_line() -> None:
    with pytest.raises(
        InputError, match="swin_tiny_patch4_window7_224 cannot look at crops of 96 x 64 pixels: "
    ) as caught:
        build("swin_tiny_patch4_window7_224")
    assert "\n" not in str(caught.value)


def test_a_stride_that_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"vit_tiny_patch16_224 has maps of stride \[16, 16, 16.*none of 8"):
        build("vit_tiny_patch16_224", 8)


@pytest.mark.parametrize("values", [{"stride": 7}, {"stride": 32}, {"neck_width": 0}])
def test_a_config_out_of_range_names_the_field(values: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"backbone.{next(iter(values))}"):
        BackboneConfig(**values)


def test_building_leaves_no_trace_of_the_trial_run() -> None:
    backbone = build("mobilenetv4_conv_small_050")
    assert backbone.training
    counters = [value for key, value in backbone.named_buffers() if key.endswith("num_batches_tracked")]
    assert counters and all(value == 0 for value in counters)
    assert {parameter.device.type for parameter in backbone.parameters()} == {"cpu"}
