"""The tensors of published files by name and shape, written down from the sources that `models.published` names.

Nothing here knows the networks of this package: each function is the description of somebody else's. Behind them stand
the pieces from which the tests put together what those networks compute.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm as batch_norm_of
from torch.nn.functional import conv2d, conv_transpose2d

Shapes = dict[str, tuple[int, ...]]


def filled(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Random weights at a scale that keeps activations alive; variances positive, counters whole."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(int(noise.abs() * 1000))
        elif name.endswith("running_var"):
            tensors[name] = 0.5 + noise.abs()
        elif len(shape) > 1:
            tensors[name] = noise * (2 / max(noise[0].numel(), 1)) ** 0.5
        else:
            tensors[name] = 0.2 * noise + (1.0 if name.endswith("weight") else 0.0)
    return tensors


def affine(name: str, *size: int, bias: bool = True) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A linear or convolution layer of PyTorch, or a layer norm: the weight has that size, the bias its first part."""
    yield f"{name}.weight", size
    if bias:
        yield f"{name}.bias", size[:1]


def batch_norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
    yield f"{name}.num_batches_tracked", ()


def conv_norm(conv: str, norm: str, inside: int, outside: int, kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{conv}.weight", (outside, inside, kernel, kernel)
    yield from batch_norm(norm, outside)


def bottleneck(name: str, inside: int, narrow: int, outside: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from conv_norm(f"{name}.conv1", f"{name}.bn1", inside, narrow, 1)
    yield from conv_norm(f"{name}.conv2", f"{name}.bn2", narrow, narrow, 3)
    yield from conv_norm(f"{name}.conv3", f"{name}.bn3", narrow, outside, 1)
    if inside != outside:
        yield from conv_norm(f"{name}.downsample.0", f"{name}.downsample.1", inside, outside, 1)


def resnet(prefix: str, depths: tuple[int, int, int, int]) -> Shapes:
    """ResNet-50 is (3, 4, 6, 3), ResNet-152 is (3, 8, 36, 3)."""
    shapes = dict(conv_norm(f"{prefix}conv1", f"{prefix}bn1", 3, 64, 7))
    inside = 64
    for stage, depth in enumerate(depths):
        narrow = 64 * 2**stage
        for block in range(depth):
            # The first block of stage 2 to 4 halves the map, so its short cut is a convolution too.
            shapes |= dict(bottleneck(f"{prefix}layer{stage + 1}.{block}", inside, narrow, 4 * narrow))
            inside = 4 * narrow
    return shapes


def hrnet(prefix: str, width: int, stages: int, last_fuses_all: bool = False) -> Shapes:
    """HRNet of `width` channels at stride 4 up to a stage; the last exchange is towards the finest branch alone."""
    shapes = dict(conv_norm(f"{prefix}conv1", f"{prefix}bn1", 3, 64, 3))
    shapes |= dict(conv_norm(f"{prefix}conv2", f"{prefix}bn2", 64, 64, 3))
    for block in range(4):
        shapes |= dict(bottleneck(f"{prefix}layer1.{block}", 64 if block == 0 else 256, 64, 256))
    before = [256]
    for stage, modules in ((2, 1), (3, 4), (4, 3))[: stages - 1]:
        channels = [width * 2**branch for branch in range(stage)]
        for branch, outside in enumerate(channels):
            transition = f"{prefix}transition{stage - 1}.{branch}"
            if branch >= len(before):
                shapes |= dict(conv_norm(f"{transition}.0.0", f"{transition}.0.1", before[-1], outside, 3))
            elif before[branch] != outside:
                shapes |= dict(conv_norm(f"{transition}.0", f"{transition}.1", before[branch], outside, 3))
        for module in range(modules):
            inner = f"{prefix}stage{stage}.{module}"
            for branch, wide in enumerate(channels):
                for block in range(4):
                    for number in (1, 2):
                        name = f"{inner}.branches.{branch}.{block}"
                        shapes |= dict(conv_norm(f"{name}.conv{number}", f"{name}.bn{number}", wide, wide, 3))
            last = stage == stages and module == modules - 1
            for to in range(1 if last and not last_fuses_all else stage):
                for start in range(stage):
                    fuse = f"{inner}.fuse_layers.{to}.{start}"
                    if start > to:
                        shapes |= dict(conv_norm(f"{fuse}.0", f"{fuse}.1", channels[start], channels[to], 1))
                    for step in range(to - start):
                        outside = channels[to] if step == to - start - 1 else channels[start]
                        shapes |= dict(conv_norm(f"{fuse}.{step}.0", f"{fuse}.{step}.1", channels[start], outside, 3))
        before = channels
    return shapes


def flow(prefix: str) -> Shapes:
    """The RealNVP of residual log-likelihood estimation: six couplings, two nets each of 2-64-64-2."""
    shapes: Shapes = {f"{prefix}mask": (6, 2)}
    for net in "ts":
        for coupling in range(6):
            for layer, (outside, inside) in ((0, (64, 2)), (2, (64, 64)), (4, (2, 64))):
                shapes |= dict(affine(f"{prefix}{net}.{coupling}.{layer}", outside, inside))
    return shapes


def dsta_authors() -> Shapes:
    """DSTA_STD_ResNet50: 17 tokens of 32 numbers, 4 + 4 blocks, heads of the residual log-likelihood, the flow."""
    shapes: Shapes = {"Spatial_pos_embed": (3, 32), "Temporal_pos_embed": (1, 3, 32)}
    shapes |= resnet("preact.", (3, 4, 6, 3))
    for branch in ("Spatial_blocks", "blocks"):
        for block in range(4):
            name = f"{branch}.{block}"
            shapes |= dict(affine(f"{name}.norm1", 32)) | dict(affine(f"{name}.attn.qkv", 96, 32))
            shapes |= dict(affine(f"{name}.attn.proj", 32, 32)) | dict(affine(f"{name}.norm2", 32))
            shapes |= dict(affine(f"{name}.mlp.fc1", 64, 32)) | dict(affine(f"{name}.mlp.fc2", 32, 64))
    shapes |= dict(affine("Spatial_norm", 32)) | dict(affine("Temporal_norm", 32))
    shapes |= dict(affine("weighted_mean", 1, 2, 1, 1))
    for head in ("head_coord", "head_sigma"):
        shapes |= dict(affine(f"{head}.0", 32)) | dict(affine(f"{head}.1", 2, 32))
    return shapes | flow("flow.") | dict(affine("fc_coord.linear", 17 * 32, 2048))


def tokenpose(variant: str) -> Shapes:
    """TokenPose T, S-v1 ("s"), B and L/D24 ("l") at 256 x 192 for COCO's 17 joints."""
    inside = "features." if variant == "s" else "transformer."
    channels = {"t": 3, "s": 256, "b": 32, "l": 48}[variant]
    cells = {"t": 16 * 12, "s": 4 * 3, "b": 4 * 3, "l": 4 * 3}[variant]
    shapes: Shapes = {f"{inside}keypoint_token": (1, 17, 192), f"{inside}pos_embedding": (1, 256, 192)}
    shapes |= dict(affine(f"{inside}patch_to_embedding", 192, cells * channels))
    if variant == "s":
        stem = hrnet("features.", 1, 1)
        shapes |= stem
    elif variant in "bl":
        shapes |= hrnet("pre_feature.", channels, 3)
    for stack in ("1", "2", "3") if variant == "l" else ("",):
        for layer in range(8 if variant == "l" else 12):
            name = f"{inside}transformer{stack}.layers.{layer}"
            shapes |= dict(affine(f"{name}.0.fn.norm", 192)) | dict(affine(f"{name}.1.fn.norm", 192))
            shapes[f"{name}.0.fn.fn.to_qkv.weight"] = (576, 192)
            shapes |= dict(affine(f"{name}.0.fn.fn.to_out.0", 192, 192))
            shapes |= dict(affine(f"{name}.1.fn.fn.net.0", 576, 192)) | dict(affine(f"{name}.1.fn.fn.net.3", 192, 576))
    sizes = [576, 3072] if variant == "l" else [192, 384, 3072]
    for index, (before, after) in enumerate(pairwise(sizes)):
        shapes |= dict(affine(f"{inside}mlp_head.{2 * index}", before))
        shapes |= dict(affine(f"{inside}mlp_head.{2 * index + 1}", after, before))
    return shapes


def vit_authors(width: int, depth: int, expert: int = 0) -> Shapes:
    """ViTPose of its authors at 256 x 192, classic decoder; of ViTPose+, `expert` rows of each of six experts."""
    shapes: Shapes = {"backbone.pos_embed": (1, 193, width)}
    shapes |= dict(affine("backbone.patch_embed.proj", width, 3, 16, 16))
    for block in range(depth):
        name = f"backbone.blocks.{block}"
        shapes |= dict(affine(f"{name}.norm1", width)) | dict(affine(f"{name}.attn.qkv", 3 * width, width))
        shapes |= dict(affine(f"{name}.attn.proj", width, width)) | dict(affine(f"{name}.norm2", width))
        shapes |= dict(affine(f"{name}.mlp.fc1", 4 * width, width))
        shapes |= dict(affine(f"{name}.mlp.fc2", width - expert, 4 * width))
        for number in range(6 if expert else 0):
            shapes |= dict(affine(f"{name}.mlp.experts.{number}", expert, 4 * width))
    shapes |= dict(affine("backbone.last_norm", width)) | two_deconvs("keypoint_head.", width)
    for number in range(5 if expert else 0):
        joints = (14, 16, 17, 17, 133)[number]  # AIC, MPII, AP-10K, APT-36K, COCO-WholeBody
        shapes |= two_deconvs(f"associate_keypoint_heads.{number}.", width, joints)
    return shapes


def deconvs(prefix: str, inside: int, count: int, joints: int = 17) -> Shapes:
    """Transposed convolutions of 256 channels and a 1 x 1 convolution, as mmpose and all that stand on it have it."""
    shapes: Shapes = {}
    for number in range(count):
        # A transposed convolution's weight has the channels that go in first; it has no bias.
        shapes[f"{prefix}deconv_layers.{3 * number}.weight"] = (inside if number == 0 else 256, 256, 4, 4)
        shapes |= dict(batch_norm(f"{prefix}deconv_layers.{3 * number + 1}", 256))
    return shapes | dict(affine(f"{prefix}final_layer", joints, 256 if count else inside, 1, 1))


def two_deconvs(prefix: str, inside: int, joints: int = 17) -> Shapes:
    return deconvs(prefix, inside, 2, joints)


def vit_mmpose(width: int, depth: int) -> Shapes:
    """ViTPose of mmpose 1.x, whose backbone is mmpretrain's without a class token."""
    shapes: Shapes = {"backbone.pos_embed": (1, 192, width)}
    shapes |= dict(affine("backbone.patch_embed.projection", width, 3, 16, 16))
    for layer in range(depth):
        name = f"backbone.layers.{layer}"
        shapes |= dict(affine(f"{name}.ln1", width)) | dict(affine(f"{name}.attn.qkv", 3 * width, width))
        shapes |= dict(affine(f"{name}.attn.proj", width, width)) | dict(affine(f"{name}.ln2", width))
        shapes |= dict(affine(f"{name}.ffn.layers.0.0", 4 * width, width))
        shapes |= dict(affine(f"{name}.ffn.layers.1", width, 4 * width))
    return shapes | dict(affine("backbone.ln1", width)) | two_deconvs("head.", width)


def vit_hub(width: int, depth: int, expert: int = 0) -> Shapes:
    """VitPoseForPoseEstimation of transformers, classic decoder; `expert` as for the authors' files."""
    shapes: Shapes = {"backbone.embeddings.position_embeddings": (1, 193, width)}
    shapes |= dict(affine("backbone.embeddings.patch_embeddings.projection", width, 3, 16, 16))
    for layer in range(depth):
        name = f"backbone.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= dict(affine(f"{name}.attention.attention.{part}", width, width))
        shapes |= dict(affine(f"{name}.attention.output.dense", width, width))
        shapes |= dict(affine(f"{name}.mlp.fc1", 4 * width, width))
        shapes |= dict(affine(f"{name}.mlp.fc2", width - expert, 4 * width))
        for number in range(6 if expert else 0):
            shapes |= dict(affine(f"{name}.mlp.experts.{number}", expert, 4 * width))
        shapes |= dict(affine(f"{name}.layernorm_before", width)) | dict(affine(f"{name}.layernorm_after", width))
    shapes |= dict(affine("backbone.layernorm", width))
    for number, inside in ((1, width), (2, 256)):
        shapes[f"head.deconv{number}.weight"] = (inside, 256, 4, 4)
        shapes |= dict(batch_norm(f"head.batchnorm{number}", 256))
    return shapes | dict(affine("head.conv", 17, 256, 1, 1))


def simple_decoder(shapes: Shapes, head: str, final: str, width: int) -> Shapes:
    """The same backbone with the simple decoder: one 3 x 3 convolution."""
    backbone = {name: shape for name, shape in shapes.items() if not name.startswith(head)}
    return backbone | dict(affine(f"{head}{final}", 17, width, 3, 3))


def mmpose_resnet(depths: tuple[int, int, int, int], head: str) -> Shapes:
    """SimpleBaseline of mmpose; `head` is "head." from 1.0 on and "keypoint_head." before."""
    return resnet("backbone.", depths) | deconvs(head, 2048, 3)


def mmpose_hrnet(width: int, head: str, last_fuses_all: bool = False) -> Shapes:
    return hrnet("backbone.", width, 4, last_fuses_all) | deconvs(head, width, 0)


def mmpose_rle(head: str, loss: str) -> Shapes:
    """RLE of mmpose; the loss is "loss_module" from 1.0 on and "loss" before."""
    prefix = f"{head}{loss}.flow_model."
    shapes = resnet("backbone.", (3, 4, 6, 3)) | dict(affine(f"{head}fc", 17 * 4, 2048))
    return shapes | {f"{prefix}loc": (2,), f"{prefix}cov": (2, 2)} | flow(prefix)


def rle_authors() -> Shapes:
    """RegressFlow of the RLE repository for COCO."""
    shapes = resnet("preact.", (3, 4, 6, 3)) | dict(affine("fc_coord.linear", 34, 2048))
    return shapes | dict(affine("fc_sigma.linear", 34, 2048)) | flow("flow.")


def shapes_alone(shapes: Shapes) -> dict[str, Tensor]:
    """Tensors without values: the largest network takes no memory."""
    return {
        name: torch.empty(shape, device="meta", dtype=torch.int64 if name.endswith("tracked") else torch.float32)
        for name, shape in shapes.items()
    }


def normalised(pixels: Tensor) -> Tensor:
    """Pixels (..., 3, H, W) in 0..255 as all these projects feed their networks."""
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
    return (pixels.float() / 255 - mean) / deviation


def noise_pixels(*size: int) -> Tensor:
    return torch.randint(0, 256, size, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def normed(tensors: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Batch norm as it is applied to pictures outside training."""
    mean, variance = tensors[f"{name}.running_mean"], tensors[f"{name}.running_var"]
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return batch_norm_of(x, mean, variance, weight, bias, training=False)


def head_maps(tensors: dict[str, Tensor], head: str, count: int, x: Tensor) -> Tensor:
    """What `deconvs` describes, applied to a map (N, C, h, w)."""
    for number in range(count):
        x = conv_transpose2d(x, tensors[f"{head}deconv_layers.{3 * number}.weight"], stride=2, padding=1)
        x = normed(tensors, f"{head}deconv_layers.{3 * number + 1}", x).relu()
    return conv2d(x, tensors[f"{head}final_layer.weight"], tensors[f"{head}final_layer.bias"])


def resnet_features(tensors: dict[str, Tensor], prefix: str, network: Callable[[], Any], x: Tensor) -> Tensor:
    """The last map of torchvision's ResNet, which has the same names, with the weights behind `prefix`."""
    with torch.device("meta"):
        trunk = network()
    trunk.fc = trunk.avgpool = nn.Identity()
    weights = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    trunk.load_state_dict(weights, assign=True)
    features: Tensor = trunk.eval()(x)
    return features.view(len(x), 2048, x.shape[-2] // 32, x.shape[-1] // 32)
