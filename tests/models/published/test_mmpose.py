"""mmpose's heatmap and regression files, and RLE's own: every tensor is used or named, and the answers are theirs."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, linear
from torchvision.models import resnet50

from chronopose.core.errors import InputError
from chronopose.models import checkpoint, published
from chronopose.models.published.reading import Source
from chronopose.models.published.rules import Conversion
from chronopose.recipes.presets import PRESETS
from tests.models.published.layouts import (
    Shapes,
    filled,
    head_maps,
    mmpose_hrnet,
    mmpose_resnet,
    mmpose_rle,
    noise_pixels,
    normalised,
    normed,
    resnet_features,
    rle_authors,
    shapes_alone,
)

R50, R152 = (3, 4, 6, 3), (3, 8, 36, 3)
HEIGHT, WIDTH = 128, 96  # convolutions do not mind, and the tests take a quarter of the time
FLOW = "the flow of the training loss"


def found(tensors: dict[str, Tensor]) -> Source:
    return Source(name="best.pth", sha256="", tensors=tensors)


def converted(tensors: dict[str, Tensor], preset: str) -> Conversion:
    return published.convert(found(tensors), preset, PRESETS[preset]).conversion


def answers(tensors: dict[str, Tensor], preset: str, folder: Path, pixels: Tensor) -> tuple[Tensor, torch.nn.Module]:
    """What the converted network encodes a picture to, from the file that is written, and the network."""
    config = published.sized(PRESETS[preset], f"{HEIGHT}x{WIDTH}", "")
    published.save(published.convert(found(tensors), preset, config), folder / "m.safetensors")
    model = checkpoint.load(folder / "m.safetensors").model
    return model.encode(pixels), model


@pytest.mark.parametrize(
    ("preset", "shapes"),
    [
        ("simple-baseline-r50", mmpose_resnet(R50, "keypoint_head.")),  # before 1.0
        ("simple-baseline-r152", mmpose_resnet(R152, "head.")),
        ("hrnet-w32", mmpose_hrnet(32, "keypoint_head.")),
        ("hrnet-w48", mmpose_hrnet(48, "head.")),
    ],
)
def test_every_tensor_of_a_heatmap_file_is_used(preset: str, shapes: Shapes) -> None:
    done = converted(shapes_alone(shapes), preset)
    assert set(done.used) == set(shapes) and not done.dropped
    assert len(set(done.used.values())) == len(done.tensors) == len(shapes)


def test_hrnets_last_exchange_towards_coarser_branches_is_named_as_left_out() -> None:
    shapes = mmpose_hrnet(32, "head.", last_fuses_all=True)
    extra = set(shapes) - set(mmpose_hrnet(32, "head."))
    assert len(extra) == 6 * 13 and all(name.startswith("backbone.stage4.2.fuse_layers.") for name in extra)
    done = converted(shapes_alone(shapes), "hrnet-w32")
    assert set(done.dropped) == extra
    assert set(done.dropped.values()) == {
        "HRNet's last exchange towards its coarser branches, which no map is drawn from"
    }


def _hrnet_reference(tensors: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """HRNet's finest map (N, C, H / 4, W / 4), from the names in the file alone: what is not there is not done."""

    def step(x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        weight = tensors[f"backbone.{conv}.weight"]
        return normed(tensors, f"backbone.{norm}", conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2))

    def block(x: Tensor, name: str, depth: int) -> Tensor:
        y = x
        for number in range(1, depth + 1):
            y = step(y, f"{name}.conv{number}", f"{name}.bn{number}")
            y = y.relu() if number < depth else y
        if f"backbone.{name}.downsample.0.weight" in tensors:
            x = step(x, f"{name}.downsample.0", f"{name}.downsample.1")
        return (x + y).relu()

    x = step(pictures, "conv1", "bn1", stride=2).relu()
    x = step(x, "conv2", "bn2", stride=2).relu()
    for number in range(4):
        x = block(x, f"layer1.{number}", 3)
    branches = [x]
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        coarsest, before = branches[-1], branches
        branches = []
        for branch in range(stage):
            name = f"transition{stage - 1}.{branch}"
            if branch >= len(before):
                branches.append(step(coarsest, f"{name}.0.0", f"{name}.0.1", stride=2).relu())
            elif f"backbone.{name}.0.weight" in tensors:
                branches.append(step(before[branch], f"{name}.0", f"{name}.1").relu())
            else:
                branches.append(before[branch])
        for module in range(modules):
            inner = f"stage{stage}.{module}"
            for branch in range(stage):
                for number in range(4):
                    branches[branch] = block(branches[branch], f"{inner}.branches.{branch}.{number}", 2)
            fused = []
            for to in range(stage):
                if f"backbone.{inner}.fuse_layers.{to}.{stage - 1 - (to == stage - 1)}" not in {
                    name.rsplit(".", 2 if to < stage - 1 else 3)[0] for name in tensors
                }:
                    continue  # the last module, which has the exchange towards the finest branch alone
                total = branches[to]
                for start in range(stage):
                    name = f"{inner}.fuse_layers.{to}.{start}"
                    if start > to:
                        total = total + interpolate(
                            step(branches[start], f"{name}.0", f"{name}.1"), scale_factor=2 ** (start - to)
                        )
                    elif start < to:
                        y = branches[start]
                        for down in range(to - start):
                            y = step(y, f"{name}.{down}.0", f"{name}.{down}.1", stride=2)
                            y = y if down == to - start - 1 else y.relu()
                        total = total + y
                fused.append(total.relu())
            branches = fused
    assert len(branches) == 1
    return branches[0]


@torch.no_grad()
def test_a_converted_hrnet_answers_as_theirs(tmp_path: Path) -> None:
    tensors = filled(mmpose_hrnet(32, "head."))
    pixels = noise_pixels(1, 3, HEIGHT, WIDTH)
    wanted = head_maps(tensors, "head.", 0, _hrnet_reference(tensors, normalised(pixels)))
    maps, _ = answers(tensors, "hrnet-w32", tmp_path, pixels)
    assert wanted.isfinite().all()
    torch.testing.assert_close(maps, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


@torch.no_grad()
def test_a_converted_simple_baseline_answers_as_theirs(tmp_path: Path) -> None:
    tensors = filled(mmpose_resnet(R50, "keypoint_head."))
    pixels = noise_pixels(1, 3, HEIGHT, WIDTH)
    wanted = head_maps(
        tensors, "keypoint_head.", 3, resnet_features(tensors, "backbone.", resnet50, normalised(pixels))
    )
    maps, _ = answers(tensors, "simple-baseline-r50", tmp_path, pixels)
    torch.testing.assert_close(maps, wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


@pytest.mark.parametrize(("head", "loss"), [("head.", "loss_module"), ("keypoint_head.", "loss")])
def test_mmposes_regression_layer_becomes_two_and_the_flow_is_named(head: str, loss: str) -> None:
    shapes = mmpose_rle(head, loss)
    done = converted(shapes_alone(shapes), "rle-r50")
    assert set(done.used) | set(done.dropped) == set(shapes)
    assert len(done.dropped) == 75 and set(done.dropped.values()) == {FLOW}
    assert done.used[f"{head}fc.weight"] == "coordinates.weight, deviation.weight"


@torch.no_grad()
def test_a_converted_regression_of_mmpose_answers_as_theirs(tmp_path: Path) -> None:
    tensors = filled(mmpose_rle("head.", "loss_module"))
    pixels = noise_pixels(1, 3, HEIGHT, WIDTH)
    pooled = resnet_features(tensors, "backbone.", resnet50, normalised(pixels)).mean(dim=(2, 3))
    numbers = linear(pooled, tensors["head.fc.weight"], tensors["head.fc.bias"]).view(1, 17, 4)
    _, model = answers(tensors, "rle-r50", tmp_path, pixels)
    assert not model.config.normalise_features
    output = model(pixels[None])
    size = torch.tensor([float(WIDTH), float(HEIGHT)])
    torch.testing.assert_close(output.xy_crop[0] / size, numbers[..., :2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.sigma[0] / size, numbers[..., 2:].sigmoid().clamp_min(1e-4), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_converted_network_of_rles_authors_answers_as_theirs(tmp_path: Path) -> None:
    tensors = filled(rle_authors())
    done = converted(tensors, "rle-r50")
    assert set(done.used) | set(done.dropped) == set(tensors) and len(done.dropped) == 73
    pixels = noise_pixels(1, 3, HEIGHT, WIDTH)
    pooled = resnet_features(tensors, "preact.", resnet50, normalised(pixels)).mean(dim=(2, 3))
    direction = pooled / pooled.norm(dim=1, keepdim=True)
    xy = direction @ tensors["fc_coord.linear.weight"].T + tensors["fc_coord.linear.bias"]
    sigma = linear(pooled, tensors["fc_sigma.linear.weight"], tensors["fc_sigma.linear.bias"]).sigmoid()
    _, model = answers(tensors, "rle-r50", tmp_path, pixels)
    assert model.config.normalise_features
    output = model(pixels[None])
    size = torch.tensor([float(WIDTH), float(HEIGHT)])
    # Their coordinates count from the crop's middle.
    torch.testing.assert_close(output.xy_crop[0] / size - 0.5, xy.view(1, 17, 2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.sigma[0] / size, sigma.view(1, 17, 2).clamp_min(1e-4), rtol=1e-4, atol=1e-4)


def test_files_of_old_pytorch_which_count_no_batches_are_taken_too() -> None:
    shapes = {name: shape for name, shape in mmpose_resnet(R50, "head.").items() if not name.endswith("tracked")}
    done = converted(filled(shapes), "simple-baseline-r50")
    assert int(done.tensors["backbone.trunk.bn1.num_batches_tracked"]) == 0
    # One counter that is missing among others is another matter.
    some = filled(shapes) | {"backbone.bn1.num_batches_tracked": torch.tensor(5)}
    with pytest.raises(InputError, match=r"missing backbone\.trunk\.layer1\.0\.bn1\.num_batches_tracked"):
        converted(some, "simple-baseline-r50")


def test_a_backbone_of_another_depth_or_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown backbone\.layer2\.4\.conv1\.weight.* more$"):
        converted(shapes_alone(mmpose_resnet(R152, "head.")), "simple-baseline-r50")
    with pytest.raises(InputError, match=r"missing backbone\.trunk\.layer2\.4\.conv1\.weight.* more$"):
        converted(shapes_alone(mmpose_resnet(R50, "head.")), "simple-baseline-r152")
    with pytest.raises(InputError, match=r"is \(48, 256, 3, 3\), wanted \(32, 256, 3, 3\).* more$"):
        converted(shapes_alone(mmpose_hrnet(48, "head.")), "hrnet-w32")
