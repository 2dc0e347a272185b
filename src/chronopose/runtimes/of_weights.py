"""What is made of weights: a network in torch, made faster, or graphs, compared with it before they are used.

All of this asks for torch and for the models. What runs graphs that were made before asks for neither, and so imports
this only when it has to.
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from chronopose.clips.contract import PoseModel, moving_of
from chronopose.clips.letterbox import letterbox
from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.models import MODELS, checkpoint
from chronopose.models.checkpoint import Checkpoint
from chronopose.models.person import COARSEST, PersonModel
from chronopose.runtimes import export, parity, quantise, sample
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.in_torch import TorchPersons, TorchRuntime, faster, faster_persons
from chronopose.runtimes.names import Precision
from chronopose.tracking.person import PersonNetwork

_COMPARED = 8  # windows that made graphs are compared on
_READ = 40  # frames of the bundled clip that they are taken from

_FRAMES = 4  # of the bundled clip that a graph of the detector is compared on
_MOST_OF_SCORE, _MOST_OF_SIDE = {"fp32": 1e-3, "bf16": 0.05}, {"fp32": 1e-4, "bf16": 0.01}
"""How far scores and boxes of cells that may be persons may be off, of 1 and of the picture's longer side."""


# Pose models ---------------------------------------------------------------------------------------------------------


def pose_model(path: Path, window: tuple[int, ...] | None) -> Checkpoint:
    """A pose model from its file, with frames shown instead of its own.

    Raises:
        InputError: see `checkpoint.load`; or it answers no poses.
    """
    kind, _, _ = checkpoint.describe(path)
    if not hasattr(MODELS[kind][1], "fuse"):
        raise InputError(f"{path.stem} is a {kind} model, which answers no poses")
    return checkpoint.load(path, window)


def in_torch(loaded: Checkpoint, precision: Precision, device: str) -> Runtime:
    """A pose model in torch, made faster."""
    model = cast(PoseModel, loaded.model)
    return TorchRuntime(faster(model, device), device, precision, moving_of(model))


def graphs(loaded: Checkpoint, precision: Precision, source: str, plain: GraphFile | None) -> GraphFile:
    """The pair of graphs of a pose model, in fp32 or int8, quantised on the bundled clip.

    Args:
        loaded: the model.
        precision: of the graphs.
        source: see `About`.
        plain: the pair in fp32, where it has been made before.
    """
    if precision != "int8":
        return export.made(loaded, pair=True, source=source)
    crops = sample.crops(cast(PoseModel, loaded.model).spec, quantise.CROPS)
    return export.made(loaded, pair=True, source=source, calibration=crops, plain=plain)


def compare(loaded: Checkpoint, runtime: Runtime) -> None:
    """Raises `InputError`, with the figure, where a runtime does not answer as the model does."""
    model = cast(PoseModel, loaded.model)
    apart = parity.difference(model, runtime, sample.windows(model.spec, _COMPARED, _READ))
    parity.check(apart, runtime, loaded.name)


# Networks that find persons ------------------------------------------------------------------------------------------


def person_model(path: Path) -> PersonModel:
    """A network that finds persons from its file."""
    return cast(PersonModel, checkpoint.load(path).model)


def persons_in_torch(model: PersonModel, device: str) -> PersonNetwork:
    """Such a network in torch, made faster."""
    return TorchPersons(faster_persons(model, device), device)


class _Cells(nn.Module):
    """Pixels (B, 3, H, W) -> logit (B, N), boxes (B, N, 4)."""

    def __init__(self, model: PersonModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(pixels)
        return output.logit, output.boxes


def person_graph(model: PersonModel, source: str) -> bytes:
    """An ONNX model for pictures of any number and size; its metadata say what it was made of."""
    export.require_onnx()
    sides = {axis: COARSEST * torch.export.Dim(name, min=1, max=256) for axis, name in ((2, "rows"), (3, "columns"))}
    pixels = torch.zeros(2, 3, 2 * COARSEST, 3 * COARSEST, dtype=torch.uint8)
    ready, free = _Cells(faster_persons(model)), ({0: export.batch(), **sides},)
    graph = export.traced(ready, (pixels,), ("pixels",), ("logit", "boxes"), free)
    return export.signed(graph, source, "pixels of pictures in RGB, sides multiples of 32 -> what every cell says")


def compare_persons(model: PersonModel, other: PersonNetwork, precision: Precision) -> None:
    """Raises `InputError`, with the figures, where a graph does not find what the model finds."""
    side = model.config.long_side
    pictures = np.stack([letterbox(frame, side, side)[0] for frame in sample.first_frames(_FRAMES)])
    (wanted, boxes), (got, other_boxes) = TorchPersons(model)(pictures), other(pictures)
    scores = [_score(model, logit) for logit in (wanted, got)]
    score = float(np.abs(scores[0] - scores[1]).max())
    place = float(np.abs(boxes - other_boxes)[scores[0] > 0.1].max() / side)
    # Written so that NaN is refused too.
    if not (score <= _MOST_OF_SCORE[precision] and place <= _MOST_OF_SIDE[precision]):
        raise InputError(f"in {precision} scores are off by {score:.2g}, boxes by {place:.2g} of the picture's side")


def _score(model: PersonModel, logit: Floats) -> Floats:
    scale, shift = model.config.score_scale, model.config.score_shift
    return torch.from_numpy(scale * logit + shift).sigmoid().numpy()
