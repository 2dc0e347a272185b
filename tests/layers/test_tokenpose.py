"""Frame encoders, patches, the sine code, the transformer and the head that TokenPose's models share."""

import dataclasses
import math
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.layers.tokenpose import (
    FrameEncoder,
    PatchEmbedding,
    TokenBlock,
    TokenHead,
    TokenNetwork,
    TokenTransformer,
    frame_encoder,
    sine_code,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """The fields of a model's config that the network reads."""

    encoder: Any = "raw"
    backbone: BackboneConfig = BackboneConfig(name="mobilenetv4_conv_small_050")  # noqa: RUF009 - it is frozen
    height: int = 64
    width: int = 48
    patch: tuple[int, int] = (16, 12)
    token_width: int = 16
    depth: int = 2
    stages: int = 1
    heads: int = 4
    mlp_ratio: int = 3
    attn_scale: Any = "head"
    map_stride: int = 4


def pixels(count: int = 2, height: int = 64, width: int = 48) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=generator)


# Frame encoders -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "channels", "stride", "parameters"),
    [("raw", 3, 1, 0), ("stem", 256, 4, 325_056), ("hrnet_w32_s3", 32, 4, None), ("hrnet_w48_s3", 48, 4, None)],
)
def test_an_encoders_map_has_the_channels_and_cells_it_tells(
    kind: Any, channels: int, stride: int, parameters: int | None
) -> None:
    with torch.device("meta"):
        encoder = FrameEncoder(kind, 64, 48).eval()
        features = encoder(torch.zeros(2, 3, 64, 48))
    assert features.shape == (2, encoder.channels, *encoder.grid) == (2, channels, 64 // stride, 48 // stride)
    if parameters is not None:
        assert sum(p.numel() for p in encoder.parameters()) == parameters


def test_the_stem_is_the_beginning_of_timms_hrnet() -> None:
    torch.manual_seed(0)
    whole = timm.create_model("hrnet_w18_small_v2", pretrained=False, head="").eval()
    encoder = FrameEncoder("stem", 64, 48).eval()
    given = pixels()
    # Its first stage has half as many bottlenecks; those that both have are compared.
    encoder.trunk.layer1 = encoder.trunk.layer1[: len(whole.layer1)]
    weights = {name: value for name, value in whole.state_dict().items() if name in encoder.trunk.state_dict()}
    encoder.trunk.load_state_dict(weights)
    with torch.no_grad():
        normal = (given - encoder.normal.mean) / encoder.normal.std
        first = whole.act1(whole.bn1(whole.conv1(normal)))
        wanted = whole.layer1(whole.act2(whole.bn2(whole.conv2(first))))
        torch.testing.assert_close(encoder(given), wanted)


def test_hrnet_to_stage_3_keeps_timms_names_and_no_module_that_is_never_called() -> None:
    with torch.device("meta"):
        encoder = FrameEncoder("hrnet_w32_s3", 64, 48).eval()
        whole = timm.create_model("hrnet_w32", pretrained=False).state_dict()
        called = set[str]()
        leaves = [name for name, m in encoder.named_modules() if next(m.parameters(recurse=False), None) is not None]
        for leaf in leaves:
            encoder.get_submodule(leaf).register_forward_hook(lambda *_, leaf=leaf: called.add(leaf))
        encoder(torch.zeros(1, 3, 64, 48))
    assert called == set(leaves)
    kept = encoder.trunk.state_dict()
    assert {name: value.shape for name, value in kept.items()} == {name: whole[name].shape for name in kept}


def test_pixels_are_normalised_as_imagenets() -> None:
    encoder = FrameEncoder("raw", 64, 48)
    grey = torch.full((1, 3, 64, 48), 128, dtype=torch.uint8)
    wanted = (128 / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(encoder(grey)[0, :, 5, 7], wanted)
    with pytest.raises(ValueError, match="wants crops of 64 x 48 pixels"):
        encoder(grey[..., :40])


def test_a_frozen_encoder_stays_as_it_is_through_training() -> None:
    encoder = FrameEncoder("stem", 64, 48)
    encoder.freeze()
    encoder.train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder(pixels())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_any_timm_backbone_may_be_the_encoder() -> None:
    shape = Shape(encoder="timm", patch=(1, 1))
    network = TokenNetwork(shape, frame_encoder(shape), 3)
    assert network.grid == (2, 2)  # stride 32, the map of 64 x 48 pixels is 2 x 2
    with pytest.raises(InputError, match="patch must divide the encoder's map of 2 x 2 cells, got 3 x 1"):
        TokenNetwork(shape_bad := dataclasses.replace(shape, patch=(3, 1)), frame_encoder(shape_bad), 3)


# Patches ----------------------------------------------------------------------------------------------------------


def test_a_patch_is_read_row_by_row_with_a_cells_channels_together() -> None:
    embedding = PatchEmbedding(3, (4, 2), 24)
    with torch.no_grad():
        embedding.linear.weight.copy_(torch.eye(24))
        embedding.linear.bias.zero_()
    features = torch.randn(2, 3, 8, 6)
    patches = embedding(features)
    assert patches.shape == (2, 6, 24)
    # The patch in the second row and third column of the grid.
    wanted = [features[1, c, 4 + y, 4 + x] for y in range(4) for x in range(2) for c in range(3)]
    torch.testing.assert_close(patches[1, 1 * 3 + 2], torch.stack(wanted))


# The sine code ------------------------------------------------------------------------------------------------------


def test_the_code_is_sines_of_the_row_then_of_the_column() -> None:
    code = sine_code(5, 3, 16)
    assert code.shape == (15, 16)
    for row, column, channel in [(0, 0, 0), (2, 1, 3), (4, 2, 6), (1, 2, 9), (3, 0, 14), (4, 2, 15)]:
        half, place, count = (0, row, 5) if channel < 8 else (1, column, 3)
        index = channel - 8 * half
        angle = (place + 1) / (count + 1e-6) * 2 * math.pi / 10000 ** (2 * (index // 2) / 8)
        wanted = math.sin(angle) if index % 2 == 0 else math.cos(angle)
        assert code[row * 3 + column, channel].item() == pytest.approx(wanted, abs=1e-5)


def test_every_place_has_a_code_of_its_own() -> None:
    code = sine_code(16, 16, 192)
    distance = torch.cdist(code, code) + 10 * torch.eye(256)
    assert distance.min() > 0.1


# The transformer ----------------------------------------------------------------------------------------------------


def transformer(**change: Any) -> TokenTransformer:
    torch.manual_seed(0)
    return TokenTransformer(Shape(**change), 3, (4, 4)).eval()


class Watch(nn.Module):
    """A block that passes its tokens on and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, tokens: Tensor) -> Tensor:
        self.seen.append(tokens)
        return tokens


@pytest.mark.parametrize(("depth", "stages", "codes"), [(4, 1, [1, 2, 3, 4]), (6, 3, [1, 2, 2, 3, 3, 4])])
def test_the_code_is_added_to_the_patches_alone_before_every_layer_of_a_stage_but_the_later_stages_first(
    depth: int, stages: int, codes: list[int]
) -> None:
    network = transformer(depth=depth, stages=stages)
    watch = Watch()
    network.blocks = nn.ModuleList([watch] * depth)
    joints, patches = torch.randn(2, 3, 16), torch.randn(2, 16, 16)
    given = patches.clone()
    out = network(joints, patches)
    for tokens, times in zip(watch.seen, codes, strict=True):
        torch.testing.assert_close(tokens[:, :3], joints)
        torch.testing.assert_close(tokens[:, 3:], given + times * sine_code(4, 4, 16))
    torch.testing.assert_close(out, torch.cat([joints] * stages, dim=-1))
    assert torch.equal(patches, given)  # nothing is added in place


def test_the_stages_joint_tokens_stand_side_by_side_the_last_ones_last() -> None:
    network = transformer(depth=4, stages=2)
    joints, patches = torch.randn(2, 3, 16), torch.randn(2, 16, 16)
    with torch.no_grad():
        both = network(joints, patches)
        tokens = torch.cat([joints, patches], dim=1)
        for index, block in enumerate(network.blocks):
            tokens = block(tokens if index == 2 else tokens + network.code)
            if index % 2:
                torch.testing.assert_close(both[..., 16 * (index // 2) :][..., :16], tokens[:, :3])


@pytest.mark.parametrize(("kind", "scale"), [("head", 4**-0.5), ("dim", 16**-0.5)])
def test_attention_is_scaled_by_the_width_of_a_head_or_of_the_token(kind: str, scale: float) -> None:
    block = transformer(attn_scale=kind).blocks[0]
    assert isinstance(block, TokenBlock)
    tokens = torch.randn(2, 5, 16)
    with torch.no_grad():
        block.qkv.weight.mul_(5)  # so that the scale shows
        query, key, value = block.qkv(block.norm1(tokens)).view(2, 5, 3, 4, 4).permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-2, -1) * scale).softmax(-1)
        attended = tokens + block.out((weights @ value).transpose(1, 2).reshape(2, 5, 16))
        wanted = attended + block.feed_forward(block.norm2(attended))
        torch.testing.assert_close(block(tokens), wanted)


# The head -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "maps", "widths"),
    [
        (192, (64, 48), [192, 384, 3072]),
        (192, (64, 64), [192, 512, 4096]),
        (576, (64, 48), [576, 3072]),
        (192, (32, 32), [192, 1024]),
    ],
)
def test_the_head_has_a_hidden_layer_where_the_token_is_narrow_against_it(
    inside: int, maps: tuple[int, int], widths: list[int]
) -> None:
    with torch.device("meta"):
        head = TokenHead(inside, maps)
        assert head(torch.zeros(2, 5, inside)).shape == (2, 5, *maps)
    linear = [layer for layer in head.layers if isinstance(layer, nn.Linear)]
    assert [linear[0].in_features, *(layer.out_features for layer in linear)] == widths
    assert [type(layer) for layer in head.layers] == [nn.LayerNorm, nn.Linear] * len(linear)


def test_each_joints_map_is_drawn_from_its_own_token() -> None:
    torch.manual_seed(0)
    head = TokenHead(16, (16, 16))
    tokens = torch.randn(2, 3, 16)
    changed = tokens.clone()
    changed[:, 1] += torch.randn(16)
    differs = (head(tokens) - head(changed)).abs().amax((0, 2, 3)) > 0
    assert differs.tolist() == [False, True, False]


def test_linear_layers_start_narrow_and_without_bias_and_tokens_too() -> None:
    torch.manual_seed(0)
    shape = Shape(token_width=64, depth=2)
    network = TokenNetwork(shape, frame_encoder(shape), 17)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1), name
            assert module.bias is None or not module.bias.any(), name
    assert network.tokens.std().item() == pytest.approx(0.02, rel=0.1)
    assert [name for name, _ in network.named_parameters() if name.endswith("qkv.bias")] == []
