"""ViTPose's files of three projects become the same network, and it answers as the authors' is described to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import conv2d, gelu, interpolate, layer_norm, linear

from chronopose.core.errors import InputError
from chronopose.models import checkpoint, published
from chronopose.models.baselines import SimpleBaselineConfig
from chronopose.models.published import Published
from chronopose.models.published.reading import Source, read
from chronopose.models.published.rules import Conversion
from chronopose.recipes.presets import PRESETS
from tests.models.published.layouts import (
    Shapes,
    filled,
    head_maps,
    noise_pixels,
    normalised,
    shapes_alone,
    simple_decoder,
    vit_authors,
    vit_hub,
    vit_mmpose,
)

SIZES = {"vitpose-s": (384, 12), "vitpose-b": (768, 12), "vitpose-l": (1024, 24), "vitpose-h": (1280, 32)}
SIMPLE = {"vit_authors": "keypoint_head.final_layer", "vit_mmpose": "head.final_layer", "vit_hub": "head.conv"}


def imported(tensors: dict[str, Tensor], preset: str = "vitpose-s") -> Published:
    return published.convert(Source(name="vit.pth", sha256="", tensors=tensors), preset, PRESETS[preset])


def converted(tensors: dict[str, Tensor], preset: str = "vitpose-s") -> Conversion:
    return imported(tensors, preset).conversion


def simple(layout: Callable[[int, int], Shapes], preset: str = "vitpose-s") -> Shapes:
    """The layout with the simple decoder instead of the classic one."""
    head, final = SIMPLE[layout.__name__].split(".")
    return simple_decoder(layout(*SIZES[preset]), f"{head}.", final, SIZES[preset][0])


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    return filled(vit_authors(384, 12))


@pytest.mark.parametrize("preset", SIZES)
@pytest.mark.parametrize("layout", [vit_authors, vit_mmpose, vit_hub])
def test_every_tensor_of_every_size_and_layout_is_used(preset: str, layout: object) -> None:
    shapes = layout(*SIZES[preset])  # type: ignore[operator]
    done = converted(shapes_alone(shapes), preset)
    assert set(done.used) == set(shapes) and not done.dropped
    assert len(set(done.used.values())) == len(done.tensors)
    # No number is lost but the row that is added to the others.
    row = 0 if layout is vit_mmpose else SIZES[preset][0]
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert sum(tensor.numel() for tensor in done.tensors.values()) == numbers - row


@pytest.mark.parametrize(
    ("size", "megabytes"),
    [((768, 12, 0), 360), ((384, 12, 96), 133), ((768, 12, 192), 502), ((1280, 32, 320), 3598)],
)
def test_the_described_files_of_the_hub_are_as_large_as_it_says(size: tuple[int, int, int], megabytes: int) -> None:
    """vitpose-base 360 MB, vitpose-plus-small 133 MB, -base 502 MB, -huge 3.6 GB, as their pages list them."""
    tensors = shapes_alone(vit_hub(*size)).values()
    assert round(sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6) == megabytes


def _reference(tensors: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """Features (N, 384, 16, 12) of normalised pictures: ViT-S of 12 heads, two pixels of padding."""

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, x.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], 1e-6)

    def layer(x: Tensor, name: str) -> Tensor:
        return linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    patches = conv2d(
        pictures,
        tensors["backbone.patch_embed.proj.weight"],
        tensors["backbone.patch_embed.proj.bias"],
        stride=16,
        padding=2,
    )
    place = tensors["backbone.pos_embed"]
    x = patches.flatten(2).mT + place[:, 1:] + place[:, :1]
    for block in range(12):
        name = f"backbone.blocks.{block}"
        query, key, value = layer(norm(x, f"{name}.norm1"), f"{name}.attn.qkv").split(384, dim=-1)
        heads = []
        for head in range(12):
            part = slice(32 * head, 32 * head + 32)
            heads.append((query[..., part] @ key[..., part].mT * 32**-0.5).softmax(-1) @ value[..., part])
        x = x + layer(torch.cat(heads, -1), f"{name}.attn.proj")
        x = x + layer(gelu(layer(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1")), f"{name}.mlp.fc2")
    return norm(x, "backbone.last_norm").mT.unflatten(2, (16, 12))


@torch.no_grad()
def test_the_authors_file_answers_as_their_network(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"state_dict": theirs, "meta": {"epoch": 210}}, tmp_path / "vitpose_small.pth")
    source = read(tmp_path / "vitpose_small.pth")
    published.save(published.convert(source, "vitpose-s", PRESETS["vitpose-s"]), tmp_path / "s.safetensors")
    model = checkpoint.load(tmp_path / "s.safetensors").model
    pixels = noise_pixels(1, 3, 256, 192)
    wanted = head_maps(theirs, "keypoint_head.", 2, _reference(theirs, normalised(pixels)))
    torch.testing.assert_close(model.encode(pixels), wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


def _of_the_hub(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the script that made the hub's files does, as its mapping and its treatment of qkv say."""
    names = {
        "patch_embed.proj": "embeddings.patch_embeddings.projection", "pos_embed": "embeddings.position_embeddings",
        "blocks": "encoder.layer", "attn.proj": "attention.output.dense", "norm1": "layernorm_before",
        "norm2": "layernorm_after", "last_norm": "layernorm", "keypoint_head": "head", "final_layer": "conv",
        "deconv_layers.0": "deconv1", "deconv_layers.1": "batchnorm1", "deconv_layers.3": "deconv2",
        "deconv_layers.4": "batchnorm2",
    }  # fmt: skip
    tensors: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        new = name
        for old, other in names.items():
            new = new.replace(old, other)
        if "qkv" in name:
            for part, rows in zip(("query", "key", "value"), tensor.chunk(3)):
                tensors[new.replace("attn.qkv", f"attention.attention.{part}")] = rows
        else:
            tensors[new] = tensor
    return tensors


def _of_mmpose(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same network as mmpose has it, whose code of place has no row for a class token."""
    names = {
        "patch_embed.proj": "patch_embed.projection", "blocks": "layers", "norm1": "ln1", "norm2": "ln2",
        "mlp.fc1": "ffn.layers.0.0", "mlp.fc2": "ffn.layers.1", "last_norm": "ln1", "keypoint_head": "head",
    }  # fmt: skip
    tensors: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        new = name
        for old, other in names.items():
            new = new.replace(old, other)
        tensors[new] = tensor[:, :1] + tensor[:, 1:] if name.endswith("pos_embed") else tensor
    return tensors


def test_the_three_projects_files_become_the_same_network(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    own = converted(theirs).tensors
    hub, mmpose = _of_the_hub(theirs), _of_mmpose(theirs)
    assert {name: tuple(t.shape) for name, t in hub.items()} == vit_hub(384, 12)
    assert {name: tuple(t.shape) for name, t in mmpose.items()} == vit_mmpose(384, 12)
    # Through a file, where parts of one tensor are written apart.
    save_file({name: tensor.contiguous() for name, tensor in hub.items()}, tmp_path / "model.safetensors")
    for other in (converted(read(tmp_path / "model.safetensors").tensors).tensors, converted(mmpose).tensors):
        assert other.keys() == own.keys()
        assert all(torch.equal(other[name], own[name]) for name in own)


def test_subtle_tensors_land_where_they_belong(theirs: dict[str, Tensor]) -> None:
    ours = converted(theirs).tensors
    place = theirs["backbone.pos_embed"]
    assert torch.equal(ours["backbone.trunk.pos_embed"][0, 7], place[0, 8] + place[0, 0])
    assert torch.equal(ours["enlarge.3.weight"], theirs["keypoint_head.deconv_layers.3.weight"])
    assert int(ours["enlarge.4.num_batches_tracked"]) == int(
        theirs["keypoint_head.deconv_layers.4.num_batches_tracked"]
    )
    hub = converted(_of_the_hub(theirs)).tensors["backbone.trunk.blocks.5.attn.qkv.bias"]
    assert torch.equal(hub[384:768], theirs["backbone.blocks.5.attn.qkv.bias"][384:768])


def test_mmpose_files_with_a_row_for_a_class_token_lose_it_as_its_loader_does(theirs: dict[str, Tensor]) -> None:
    tensors = _of_mmpose(theirs) | {"backbone.pos_embed": theirs["backbone.pos_embed"]}
    assert torch.equal(converted(tensors).tensors["backbone.trunk.pos_embed"], theirs["backbone.pos_embed"][:, 1:])


@pytest.mark.parametrize("layout", [vit_authors, vit_hub])
def test_of_vitpose_plus_the_expert_for_coco_is_put_behind_the_shared_rows(layout: object) -> None:
    tensors = filled(layout(384, 12, expert=96))  # type: ignore[operator]
    done = converted(tensors)
    block = "backbone.blocks.2" if layout is vit_authors else "backbone.encoder.layer.2"
    for part in ("weight", "bias"):
        made = done.tensors[f"backbone.trunk.blocks.2.mlp.fc2.{part}"]
        assert torch.equal(made[:288], tensors[f"{block}.mlp.fc2.{part}"])
        assert torch.equal(made[288:], tensors[f"{block}.mlp.experts.0.{part}"])
    assert set(done.used) | set(done.dropped) == set(tensors)
    left = {name for name in tensors if "associate" in name or ("experts" in name and ".experts.0." not in name)}
    assert set(done.dropped) == left and len(left) >= 12 * 5 * 2
    assert set(done.dropped.values()) == {"experts and heads for data sets other than COCO"}


def test_joint_training_left_a_class_token_in_the_authors_file(theirs: dict[str, Tensor]) -> None:
    done = converted(theirs | {"backbone.cls_token": torch.zeros(1, 1, 384)})
    assert done.dropped == {"backbone.cls_token": "a class token that nothing reads"}


@pytest.mark.parametrize("preset", SIZES)
@pytest.mark.parametrize("layout", [vit_authors, vit_mmpose, vit_hub])
def test_a_file_with_the_simple_decoder_becomes_a_network_with_it(
    preset: str, layout: Callable[[int, int], Shapes]
) -> None:
    shapes, width = simple(layout, preset), SIZES[preset][0]
    made = imported(shapes_alone(shapes), preset)
    config, done = made.config, made.conversion
    assert isinstance(config, SimpleBaselineConfig) and (config.head, config.deconvs) == ("simple", 0)
    assert (config.backbone, config.height, config.width) == (PRESETS[preset].backbone, 256, 192)
    assert set(done.used) == set(shapes) and not done.dropped
    assert done.used[f"{SIMPLE[layout.__name__]}.weight"] == "maps.weight"
    assert tuple(done.tensors["maps.weight"].shape) == (17, width, 3, 3)
    row = 0 if layout is vit_mmpose else width
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert sum(tensor.numel() for tensor in done.tensors.values()) == numbers - row


@torch.no_grad()
def test_the_authors_file_with_the_simple_decoder_answers_as_their_network(tmp_path: Path) -> None:
    tensors = filled(simple(vit_authors))
    torch.save({"state_dict": tensors}, tmp_path / "vitpose-s-simple.pth")
    published.save(
        published.convert(read(tmp_path / "vitpose-s-simple.pth"), "vitpose-s", PRESETS["vitpose-s"]),
        tmp_path / "s.safetensors",
    )
    model = checkpoint.load(tmp_path / "s.safetensors").model
    pixels = noise_pixels(1, 3, 256, 192)
    features = _reference(tensors, normalised(pixels)).relu()
    large = interpolate(features, size=(64, 48), mode="bilinear", align_corners=False)
    final = "keypoint_head.final_layer"
    wanted = conv2d(large, tensors[f"{final}.weight"], tensors[f"{final}.bias"], padding=1)
    answered = model.encode(pixels)
    assert answered.shape == (1, 17, 64, 48)
    torch.testing.assert_close(answered, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


def test_the_three_projects_files_with_the_simple_decoder_become_the_same_network() -> None:
    tensors = filled(simple(vit_authors))
    own = converted(tensors).tensors
    for other, layout in ((_of_the_hub(tensors), vit_hub), (_of_mmpose(tensors), vit_mmpose)):
        assert {name: tuple(t.shape) for name, t in other.items()} == simple(layout)
        made = converted(other).tensors
        assert made.keys() == own.keys() and all(torch.equal(made[name], own[name]) for name in own)


@pytest.mark.parametrize("layout", [vit_authors, vit_mmpose, vit_hub])
def test_a_file_with_the_backbone_alone_is_refused(layout: Callable[[int, int], Shapes]) -> None:
    shapes = {name: shape for name, shape in simple(layout).items() if name.startswith("backbone.")}
    with pytest.raises(InputError, match=r"^vit\.pth: it has ViTPose's backbone and no decoder; wanted a file with"):
        converted(shapes_alone(shapes))


def test_a_file_of_another_size_is_refused_with_the_first_five_and_how_many_more() -> None:
    with pytest.raises(InputError) as error:
        converted(shapes_alone(vit_mmpose(768, 12)), "vitpose-s")
    told = str(error.value)
    assert "backbone.pos_embed is (1, 192, 768), wanted (1, 192, 384)" in told
    assert told.count("wanted") == 5 and told.endswith("more") and "\n" not in told
