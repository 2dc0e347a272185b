"""Tiny models and their graphs, traced once for all tests: tracing takes seconds."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint
from chronopose.models.checkpoint import Checkpoint
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.models.ftp_pose import FTPPose, FTPPoseConfig
from chronopose.runtimes import export
from chronopose.runtimes.about import WINDOW
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.in_torch import faster
from chronopose.runtimes.sample import crops
from tests.inference.tiny_pose import tiny_listpose

KINDS = ("dsta", "ftp_pose", "listpose")
BACKBONE = BackboneConfig(name="resnet10t", stride=16, neck_width=16)


@cache
def tiny(kind: str) -> Checkpoint:
    """Random weights, always the same; "listpose" is recurrent, "ftp_pose" prunes."""
    torch.manual_seed(1)
    size: dict[str, Any] = {"backbone": BACKBONE, "height": 64, "width": 48}
    if kind == "dsta":
        model: Any = DSTA(
            DSTAConfig(**size, offsets=(-1, 0, 1), jfd="integral_fc", token_width=16, heads=4, hidden=16, depth=1)
        )
    elif kind == "ftp_pose":
        few = {"coarse_depth": 1, "shared_depth": 1, "heads": 4, "keep_hrb": 3, "keep_lrb": 3, "head_width": 16}
        model = FTPPose(FTPPoseConfig(**size, **few, maps="log"))
    else:
        model = tiny_listpose()
    return Checkpoint(name=f"tiny-{kind}", kind=kind, model=_settled(model.eval()), card=Card(data="nothing"))


@torch.no_grad()
def _settled(model: Any) -> Any:
    """Norms with statistics of their own, so that folding one has something to do."""
    generator = torch.Generator().manual_seed(2)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return model


@cache
def _parts(kind: str) -> Any:
    loaded: Any = tiny(kind)
    return export.parts_of(faster(loaded.model), export.describe(loaded, pair=True))


@cache
def pair(kind: str) -> GraphFile:
    """Encode and fuse in ONNX."""
    return export.to_file(_parts(kind), export.describe(tiny(kind), pair=True))


@cache
def window(kind: str) -> GraphFile:
    """The graph of a window in ONNX; of a window model, whose parts are those of the pair."""
    about = export.describe(tiny(kind), pair=False)
    assert about.graphs == WINDOW and kind != "listpose"
    return export.to_file(_parts(kind), about)


@cache
def pair_int8(kind: str) -> GraphFile:
    """The pair with a quantised encoder."""
    loaded = tiny(kind)
    spec: Any = loaded.model.spec
    return export.made(loaded, pair=True, calibration=crops(spec, 16), plain=pair(kind))


def pixels(kind: str, batch: int, seed: int = 0) -> Tensor:
    """(B, T, 3, H, W) uint8 windows of noise."""
    spec: Any = tiny(kind).model.spec
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, len(spec.offsets), 3, spec.height, spec.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def save(kind: str, path: Path) -> Path:
    """The weights as a file."""
    checkpoint.save(tiny(kind).model, path, Card(data="nothing"))
    return path
