"""TokenPose's files: every tensor is used or named, the code of place is compared, and the answers are theirs."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, gelu, layer_norm, linear

from chronopose.core.errors import InputError
from chronopose.models import checkpoint, published
from chronopose.models.published.reading import Source
from chronopose.models.published.rules import Conversion
from chronopose.recipes.presets import PRESETS
from tests.models.published.layouts import (
    filled,
    hrnet,
    noise_pixels,
    normalised,
    normed,
    shapes_alone,
    tokenpose,
)


def code_of_place(rows: int = 16, columns: int = 16, width: int = 192) -> Tensor:
    """(1, rows columns, width) as their program computes it, number by number."""
    half = width // 2
    code = torch.zeros(1, rows * columns, width)
    for row in range(rows):
        for column in range(columns):
            for start, place, count in ((0, row, rows), (half, column, columns)):
                angle = (place + 1) / (count + 1e-6) * 2 * math.pi
                for index in range(half):
                    turned = angle / 10000 ** (2 * (index // 2) / half)
                    value = math.cos(turned) if index % 2 else math.sin(turned)
                    code[0, row * columns + column, start + index] = value
    return code


CODE = code_of_place()


def converted(tensors: dict[str, Tensor], preset: str) -> Conversion:
    return published.convert(Source(name="best.pth", sha256="", tensors=tensors), preset, PRESETS[preset]).conversion


@pytest.mark.parametrize("variant", ["t", "s", "b", "l"])
def test_every_tensor_of_every_variant_is_used_but_the_computed_code(variant: str) -> None:
    shapes = tokenpose(variant)
    place = "features.pos_embedding" if variant == "s" else "transformer.pos_embedding"
    done = converted(shapes_alone(shapes) | {place: CODE}, f"tokenpose-{variant}")
    assert done.dropped == {place: "the sine code of place, which is computed"}
    assert set(done.used) == set(shapes) - {place}
    assert len(set(done.used.values())) == len(done.tensors) == len(shapes) - 1


def test_the_layers_of_the_three_stages_of_l_stand_one_behind_another() -> None:
    done = converted(shapes_alone(tokenpose("l")) | {"transformer.pos_embedding": CODE}, "tokenpose-l")
    used = done.used
    assert used["transformer.transformer1.layers.0.0.fn.norm.weight"] == "network.transformer.blocks.0.norm1.weight"
    assert used["transformer.transformer2.layers.3.0.fn.fn.to_qkv.weight"] == "network.transformer.blocks.11.qkv.weight"
    name = "transformer.transformer3.layers.7.1.fn.fn.net.3.bias"
    assert used[name] == "network.transformer.blocks.23.feed_forward.2.bias"


def test_hrnets_last_exchange_is_named_as_left_out() -> None:
    shapes = tokenpose("b") | hrnet("pre_feature.", 32, 3, last_fuses_all=True)
    done = converted(shapes_alone(shapes) | {"transformer.pos_embedding": CODE}, "tokenpose-b")
    left = {name for name, why in done.dropped.items() if "last exchange" in why}
    assert left == set(shapes) - set(tokenpose("b")) and len(left) == 6 * 5


@pytest.mark.parametrize(
    "place", [torch.randn(1, 256, 192), torch.zeros(1, 273, 192), CODE.transpose(0, 1), CODE + 0.01 * torch.ones(192)]
)
def test_a_learned_or_other_code_of_place_is_refused(place: Tensor) -> None:
    with pytest.raises(InputError, match=r"pos_embedding is not the sine code of place, which is computed$"):
        converted(shapes_alone(tokenpose("s")) | {"features.pos_embedding": place}, "tokenpose-s")


def _reference(tensors: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """Maps (N, 17, 64, 48) of normalised pictures by TokenPose-S, whose attention is scaled by the root of 192."""

    def step(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = tensors[f"features.{conv}.weight"]
        return normed(tensors, f"features.{norm}", conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2))

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, x.shape[-1:], tensors[f"features.{name}.weight"], tensors[f"features.{name}.bias"], 1e-5)

    def layer(x: Tensor, name: str) -> Tensor:
        return linear(x, tensors[f"features.{name}.weight"], tensors.get(f"features.{name}.bias"))

    x = step(step(pictures, "conv1", "bn1", 2).relu(), "conv2", "bn2", 2).relu()
    for number in range(4):
        name, y = f"layer1.{number}", x
        for part in (1, 2, 3):
            y = step(y if part == 1 else y.relu(), f"{name}.conv{part}", f"{name}.bn{part}")
        short = x if number else step(x, f"{name}.downsample.0", f"{name}.downsample.1")
        x = (short + y).relu()
    cells = x.view(-1, 256, 16, 4, 16, 3).permute(0, 2, 4, 3, 5, 1).reshape(len(x), 256, 4 * 3 * 256)
    patches = layer(cells, "patch_to_embedding")
    tokens = torch.cat([tensors["features.keypoint_token"].expand(len(x), -1, -1), patches], dim=1)
    place = torch.cat([torch.zeros(1, 17, 192), tensors["features.pos_embedding"]], dim=1)
    for number in range(12):
        tokens = tokens + place
        name = f"transformer.layers.{number}"
        query, key, value = layer(norm(tokens, f"{name}.0.fn.norm"), f"{name}.0.fn.fn.to_qkv").split(192, dim=-1)
        heads = []
        for head in range(8):
            part = slice(24 * head, 24 * head + 24)
            heads.append((query[..., part] @ key[..., part].mT * 192**-0.5).softmax(-1) @ value[..., part])
        tokens = tokens + layer(torch.cat(heads, -1), f"{name}.0.fn.fn.to_out.0")
        inner = gelu(layer(norm(tokens, f"{name}.1.fn.norm"), f"{name}.1.fn.fn.net.0"))
        tokens = tokens + layer(inner, f"{name}.1.fn.fn.net.3")
    x = layer(norm(tokens[:, :17], "mlp_head.0"), "mlp_head.1")
    return layer(norm(x, "mlp_head.2"), "mlp_head.3").unflatten(-1, (64, 48))


@torch.no_grad()
def test_the_converted_network_answers_as_theirs(tmp_path: Path) -> None:
    tensors = filled(tokenpose("s")) | {"features.pos_embedding": CODE}
    source = Source(name="best.pth", sha256="", tensors=tensors)
    done = published.convert(source, "tokenpose-s", PRESETS["tokenpose-s"])
    assert torch.equal(done.conversion.tensors["network.tokens"], tensors["features.keypoint_token"][0])
    published.save(done, tmp_path / "s.safetensors")
    pixels = noise_pixels(1, 3, 256, 192)
    wanted = _reference(tensors, normalised(pixels))
    maps = checkpoint.load(tmp_path / "s.safetensors").model(pixels[None]).heatmaps
    torch.testing.assert_close(maps[0], wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))
