"""The DSTA authors' checkpoint: every tensor is used or named, and the network answers as theirs is described to."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear
from torchvision.models import resnet50

from chronopose.core.errors import InputError
from chronopose.models import checkpoint, published
from chronopose.models.published.reading import Source, read
from chronopose.models.published.rules import Conversion
from chronopose.recipes.presets import PRESETS
from tests.models.published.layouts import dsta_authors, filled, noise_pixels, normalised, resnet_features

NAME = "dsta-r50-shipped"


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    tensors = filled(dsta_authors())
    # Wide enough that an error of the order shows: sigma comes from a sigmoid, positions start at 0 in training.
    tensors["head_coord.1.weight"] *= 3
    tensors["flow.mask"] = torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 3)
    return tensors


def converted(tensors: dict[str, Tensor]) -> Conversion:
    source = Source(name="epoch_19_state.pth", sha256="", tensors=tensors)
    return published.convert(source, NAME, PRESETS[NAME]).conversion


def test_the_description_has_the_count_that_was_published() -> None:
    shapes = dsta_authors()
    trained = {n: s for n, s in shapes.items() if not n.endswith(("running_mean", "running_var", "tracked", "mask"))}
    assert sum(torch.Size(shape).numel() for shape in trained.values()) == 24_745_407


def test_every_tensor_is_used_or_named(theirs: dict[str, Tensor]) -> None:
    done = converted(theirs)
    assert set(done.used) | set(done.dropped) == set(theirs) and not set(done.used) & set(done.dropped)
    assert set(done.dropped) == {name for name in theirs if name.startswith("flow.")} and len(done.dropped) == 73
    assert set(done.dropped.values()) == {"the flow of the training loss"}
    ours = done.tensors
    assert len(ours) == len(done.used)
    for name, place in (
        ("preact.layer3.5.bn2.running_var", "backbone.trunk.layer3.5.bn2.running_var"),
        (
            "preact.layer4.0.downsample.1.num_batches_tracked",
            "backbone.trunk.layer4.0.downsample.1.num_batches_tracked",
        ),
        ("blocks.3.attn.qkv.weight", "aggregate.temporal.transformer.blocks.3.attention.qkv.weight"),
        ("Spatial_blocks.0.mlp.fc2.bias", "aggregate.spatial.transformer.blocks.0.feed_forward.2.bias"),
        ("Temporal_pos_embed", "aggregate.temporal.position"),
        ("Spatial_norm.weight", "aggregate.spatial.transformer.norm.weight"),
        ("head_sigma.1.weight", "deviation.1.weight"),
        ("fc_coord.linear.weight", "jfd.linear.weight"),
    ):
        assert torch.equal(ours[place], theirs[name]), name
    assert torch.equal(ours["aggregate.balance.weight"], theirs["weighted_mean.weight"].flatten()[None])


def _reference(tensors: dict[str, Tensor], frames: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates and sigma (B, 15, 2) in units of the crop, PoseTrack's order, from their tensors as they compute.

    `frames` is (B, 3, 3, H, W), normalised.
    """

    def norm(x: Tensor, name: str, eps: float) -> Tensor:
        return layer_norm(x, x.shape[-1:], tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps)

    def layer(x: Tensor, name: str) -> Tensor:
        return linear(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def stack(x: Tensor, name: str) -> Tensor:
        for block in range(4):
            inner = norm(x, f"{name}.{block}.norm1", 1e-6)
            query, key, value = layer(inner, f"{name}.{block}.attn.qkv").split(32, dim=-1)
            heads = []
            for head in range(8):
                part = slice(4 * head, 4 * head + 4)
                weights = (query[..., part] @ key[..., part].mT / 2).softmax(-1)
                heads.append(weights @ value[..., part])
            x = x + layer(torch.cat(heads, -1), f"{name}.{block}.attn.proj")
            inner = gelu(layer(norm(x, f"{name}.{block}.norm2", 1e-6), f"{name}.{block}.mlp.fc1"))
            x = x + layer(inner, f"{name}.{block}.mlp.fc2")
        return x

    batch = len(frames)
    pooled = resnet_features(tensors, "preact.", resnet50, frames.flatten(0, 1)).mean(dim=(2, 3))
    weight, bias = tensors["fc_coord.linear.weight"], tensors["fc_coord.linear.bias"]
    tokens = (pooled @ weight.T / pooled.norm(dim=1, keepdim=True) + bias).view(batch, 3, 17, 32)
    over_parts = tokens[:, 1, :15].reshape(batch * 5, 3, 32) + tensors["Spatial_pos_embed"]
    over_parts = norm(stack(over_parts, "Spatial_blocks"), "Spatial_norm", 1e-6).reshape(batch, 15, 32)
    over_time = tokens.permute(0, 2, 1, 3).reshape(batch * 17, 3, 32) + tensors["Temporal_pos_embed"]
    over_time = norm(stack(over_time, "blocks"), "Temporal_norm", 1e-6)[:, 1].reshape(batch, 17, 32)[:, :15]
    first, second = tensors["weighted_mean.weight"].flatten()
    joined = first * over_time + second * over_parts + tensors["weighted_mean.bias"]
    # From tokens part by part to the order of the official evaluation, right ankle first.
    joined = joined[:, [14, 13, 12, 9, 10, 11, 8, 7, 6, 3, 4, 5, 2, 1, 0]]
    xy = layer(norm(joined, "head_coord.0", 1e-5), "head_coord.1")
    return xy, layer(norm(joined, "head_sigma.0", 1e-5), "head_sigma.1").sigmoid()


@torch.no_grad()
def test_the_converted_network_answers_as_theirs(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    # As the training program saves it, from several devices.
    state = {f"module.{name}": tensor for name, tensor in theirs.items()}
    content = {"begin_epoch": 19, "state_dict": state, "optimizer": {"state": {}}, "tensorboard_global_steps": 7}
    torch.save(content, tmp_path / "epoch_19_state.pth")
    source = read(tmp_path / "epoch_19_state.pth")
    assert source.ignored == ("begin_epoch", "optimizer", "tensorboard_global_steps")
    # Pooled features do not mind the size of the crop, and the test takes a quarter of the time.
    done = published.convert(source, NAME, published.sized(PRESETS[NAME], "128x96", source.name))
    published.save(done, tmp_path / "dsta.safetensors")
    loaded = checkpoint.load(tmp_path / "dsta.safetensors")
    assert loaded.kind == "dsta" and source.sha256 in loaded.card.notes[0]

    pixels = noise_pixels(1, 3, 3, 128, 96)
    xy, sigma = _reference(theirs, normalised(pixels))
    output = loaded.model(pixels)
    size = torch.tensor([96.0, 128.0])
    assert (xy - xy.mean(dim=1, keepdim=True)).abs().max() > 0.1  # joints differ, so an exchange would show
    torch.testing.assert_close(output.xy_crop[:, 0] / size, xy, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.sigma[:, 0] / size, sigma, rtol=1e-4, atol=1e-4)


def test_the_first_release_which_could_not_run_is_refused(theirs: dict[str, Tensor]) -> None:
    changed = theirs | {"Spatial_pos_embed": torch.zeros(1, 17, 32)}
    with pytest.raises(InputError, match=r"Spatial_pos_embed is \(1, 17, 32\), wanted \(3, 32\)$"):
        converted(changed)
