"""Published settings by name, and what each bundled or published model is and costs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from chronopose.core.errors import InputError
from chronopose.formats import weights_file
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint, kind_of, network_of
from chronopose.models.baselines import RegressionConfig, SimpleBaselineConfig
from chronopose.models.complexity import complexity
from chronopose.models.dsta import DSTAConfig
from chronopose.models.ftp_pose import FTPPoseConfig
from chronopose.models.listpose import ListPoseConfig
from chronopose.models.tokenpose import TokenPoseConfig
from chronopose.runtimes.about import About
from chronopose.runtimes.graph_file import is_graph_file, read

_SMALL: dict[str, Any] = {
    "backbone": BackboneConfig(name="mobilenetv4_conv_small", stride=8, neck_width=96),
    "skeleton": "posetrack-15",
    "height": 192,
    "width": 144,
}
_W48 = BackboneConfig(name="hrnet_w48")

PRESETS: dict[str, Any] = {
    # DSTA. Table 3 and 6 of the paper: one frame on each side of the key frame.
    "dsta-r50": DSTAConfig(backbone=BackboneConfig(name="resnet50")),
    "dsta-r152": DSTAConfig(backbone=BackboneConfig(name="resnet152")),
    "dsta-hrnet-w48": DSTAConfig(backbone=BackboneConfig(name="hrnet_w48"), height=384, width=288, jfd="heatmap_fc"),
    "dsta-vit-h": DSTAConfig(backbone=BackboneConfig(name="vit_huge_patch16")),
    "dsta-mobilenetv2": DSTAConfig(backbone=BackboneConfig(name="mobilenetv2_100")),
    # The authors' released network: 17 tokens of which 15 are answered, a learned sum of the branches.
    "dsta-r50-shipped": DSTAConfig(backbone=BackboneConfig(name="resnet50"), extra_tokens=2, fusion="weighted"),
    # TokenPose. S is the paper's S-v1, L its L/D24: three stages of eight layers.
    "tokenpose-t": TokenPoseConfig(encoder="raw", patch=(16, 12), heads=16, attn_scale="head"),
    "tokenpose-s": TokenPoseConfig(),
    "tokenpose-s-v2": TokenPoseConfig(patch=(2, 2)),
    "tokenpose-b": TokenPoseConfig(encoder="hrnet_w32_s3", attn_scale="head"),
    "tokenpose-l-d6": TokenPoseConfig(encoder="hrnet_w48_s3", backbone=_W48, depth=6, stages=3, attn_scale="head"),
    "tokenpose-l": TokenPoseConfig(
        encoder="hrnet_w48_s3", backbone=_W48, depth=24, stages=3, heads=12, attn_scale="head"
    ),
    # ListPose, inferred from the abstract (docs/listpose.md).
    "listpose-t": ListPoseConfig(encoder="raw", patch=(16, 16), heads=16, attn_scale="head"),
    "listpose-xs": ListPoseConfig(depth=6),
    "listpose-s": ListPoseConfig(),
    "listpose-b": ListPoseConfig(encoder="hrnet_w32_s3", attn_scale="head"),
    # FTP-Pose. The rows of Table II in the layout that fits its sizes and speeds, and one of a usual size.
    "ftp-table2-base": FTPPoseConfig(
        coarse_depth=3, shared_depth=24, drop_path=0.1, high_resolution=False, keep_hrb=1, keep_lrb=1
    ),
    "ftp-table2-a": FTPPoseConfig(coarse_depth=3, shared_depth=24, drop_path=0.1, keep_hrb=1, keep_lrb=1),
    "ftp-table2": FTPPoseConfig(coarse_depth=3, shared_depth=24, drop_path=0.1),
    "ftp-s": FTPPoseConfig(),
    # Baselines of one frame, 256 x 192 (docs/baselines.md).
    "simple-baseline-r50": SimpleBaselineConfig(backbone=BackboneConfig(name="resnet50")),
    "simple-baseline-r152": SimpleBaselineConfig(backbone=BackboneConfig(name="resnet152")),
    "hrnet-w32": SimpleBaselineConfig(backbone=BackboneConfig(name="hrnet_w32"), deconvs=0),
    "hrnet-w48": SimpleBaselineConfig(backbone=_W48, deconvs=0),
    "rle-r50": RegressionConfig(backbone=BackboneConfig(name="resnet50")),
    "vitpose-s": SimpleBaselineConfig(backbone=BackboneConfig(name="vitpose_small"), deconvs=2),
    "vitpose-b": SimpleBaselineConfig(backbone=BackboneConfig(name="vitpose_base"), deconvs=2),
    "vitpose-l": SimpleBaselineConfig(backbone=BackboneConfig(name="vitpose_large"), deconvs=2),
    "vitpose-h": SimpleBaselineConfig(backbone=BackboneConfig(name="vitpose_huge"), deconvs=2),
    # The same beside the bundled models: their trunk, crop and joints, one frame.
    "simple-small": SimpleBaselineConfig(deconvs=1, deconv_width=96, maps="log", **_SMALL),
    "rle-small": RegressionConfig(**_SMALL),
}


def describe_all() -> Iterator[dict[str, Any]]:
    """A row for every bundled model and every preset, each as soon as it is counted: the largest take a second."""
    return (describe(name) for name in [*weights_file.bundled(), *PRESETS])


def describe(name: str) -> dict[str, Any]:
    """What a model is: the keys of `chronopose models info --json`.

    `parameters` counts inference; the flow of the training loss (53,784 for DSTA) is not in it. A file of graphs has no
    counts, and says which graphs it holds instead, and in which precision.

    Raises:
        InputError: there is neither a preset nor a checkpoint of that name, or a file of graphs is damaged.
    """
    if is_graph_file(name):
        return _described(name, read(Path(name)).about)
    if name in PRESETS:
        config: Any = PRESETS[name]
        kind, card = kind_of(config), Card()
    else:
        try:
            kind, config, card = checkpoint.describe(name)
        except InputError as error:
            raise InputError(f"{error}; presets are {', '.join(PRESETS)}") from None
    with torch.device("meta"):
        model = network_of(config)
    cost = complexity(model)
    spec: Any = getattr(model, "spec", None)
    return {
        "name": name,
        "model": kind,
        "parameters": cost.parameters,
        "macs_encode_per_frame": cost.macs_encode_per_frame,
        "macs_fuse_per_window": cost.macs_fuse_per_window,
        "offsets": list(spec.offsets) if spec else [0],
        "input": [spec.height, spec.width] if spec else None,
        "skeleton": getattr(config, "skeleton", None),
        **_terms(card),
    }


def _described(name: str, about: About) -> dict[str, Any]:
    """What a file of graphs says of itself."""
    return {
        "name": name,
        "model": about.kind,
        "weights": about.name,
        "graphs": list(about.graphs),
        "precision": about.precision,
        "offsets": list(about.spec.offsets),
        "input": [about.spec.height, about.spec.width],
        "skeleton": about.skeleton.name,
        **_terms(about.card),
    }


def _terms(card: Card) -> dict[str, Any]:
    """What weights were trained on, and under which terms."""
    return {
        "data": card.data,
        "data_licence": card.data_licence or None,
        "licence": card.licence,
        "notes": list(card.notes),
    }
