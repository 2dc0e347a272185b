"""The network that finds persons in a runtime: folded in torch, or as a graph that is made once, kept and checked."""

import logging
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from chronopose.clips.letterbox import letterbox
from chronopose.core.errors import InputError
from chronopose.models import checkpoint
from chronopose.models.person import COARSEST, STRIDE, PersonConfig, PersonModel, PersonOutput, cell_centres
from chronopose.runtimes import cache, export, sample
from chronopose.runtimes.in_torch import faster_persons
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.sessions import Session, computed_by, has_bf16, opened

_log = logging.getLogger(__name__)

_COMPARED = 4  # frames of the bundled clip that a graph is compared on
_MOST_OF_SCORE, _MOST_OF_SIDE = {"fp32": 1e-3, "bf16": 0.05}, {"fp32": 1e-4, "bf16": 0.01}
"""How far scores and boxes of cells that may be persons may be off, of 1 and of the picture's longer side."""


class PersonGraph(nn.Module):
    """A `PersonModel` made of a graph: called likewise, on the CPU."""

    def __init__(self, config: PersonConfig, session: Session) -> None:
        super().__init__()
        self.config, self._session = config, session
        if session.inputs != ("pixels",) or session.outputs != ("logit", "boxes"):
            raise InputError(f"a graph that takes {session.inputs} and gives {session.outputs} finds no persons")

    def forward(self, pixels: Tensor) -> PersonOutput:
        """(B, 3, H, W) uint8 pixels, H and W multiples of 32 -> what every cell says."""
        logit, boxes = self._session.run({"pixels": pixels.contiguous().numpy()})
        centres = cell_centres(pixels.shape[-2] // STRIDE, pixels.shape[-1] // STRIDE)
        return PersonOutput(torch.from_numpy(logit), torch.from_numpy(boxes), centres)


def person_network(
    name: str,
    device: torch.device,
    backend: Backend = "torch",
    precision: Precision = "fp32",
    notify: Callable[[str], None] | None = None,
) -> nn.Module:
    """A bundled person network, called as `PersonModel` is.

    Args:
        name: of its weights.
        device: where torch runs it; graphs run on the CPU.
        backend: what runs it. A backend that fails is left out, and the reason logged: nobody asked for it by name.
        precision: of the pose model beside it. Nothing here is in int8: bf16 stands in for it where there is such.
        notify: told before a graph is made, which takes some ten seconds.
    """
    if backend != "torch" and device.type == "cpu":
        try:
            return _in_graph(name, backend, precision, notify or (lambda _: None))
        except InputError as error:
            _log.warning("%s is left out for %s: %s", backend, name, error)
    return faster_persons(_plain(name), device)


def _plain(name: str) -> PersonModel:
    return cast(PersonModel, checkpoint.load(name).model)


def _in_graph(name: str, backend: Backend, precision: Precision, notify: Callable[[str], None]) -> PersonGraph:
    half = backend == "openvino" and precision != "fp32" and has_bf16()
    computed: Precision = "bf16" if half else "fp32"
    source = cache.source_of(checkpoint.locate(name), None)
    kept = cache.kept_graph(name, source)
    if kept is None:
        notify(f"making a graph of {name} for faster runs; it is kept in {cache.folder()}")
    graph = kept or _made(_plain(name), source)
    network = PersonGraph(checkpoint.describe(name)[1], opened(graph, b"", backend, computed, name))
    place, by = cache.place_of_graph(name, source), computed_by(backend, computed)
    if kept is None or not cache.has_passed(place, by):
        _check(_plain(name), network, computed)
        if kept is None:
            cache.keep_graph(graph, name, source)
        cache.note_passed(place, by)
    return network


class _Answer(nn.Module):
    """Pixels (B, 3, H, W) -> logit (B, N), boxes (B, N, 4)."""

    def __init__(self, model: PersonModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(pixels)
        return output.logit, output.boxes


def _made(model: PersonModel, source: str) -> bytes:
    """An ONNX model for pictures of any number and size."""
    export.require_onnx()
    sides = {axis: COARSEST * torch.export.Dim(name, min=1, max=256) for axis, name in ((2, "rows"), (3, "columns"))}
    ready = _Answer(faster_persons(model, torch.device("cpu")))
    pixels = torch.zeros(2, 3, 2 * COARSEST, 3 * COARSEST, dtype=torch.uint8)
    graph = export.traced(ready, (pixels,), ("pixels",), ("logit", "boxes"), ({0: export.batch(), **sides},))
    return export.signed(graph, source, "pixels of pictures in RGB, sides multiples of 32 -> what every cell says")


def _check(model: PersonModel, other: nn.Module, precision: Precision) -> None:
    """Raises `InputError` where a graph does not find what the model finds."""
    side = model.config.long_side
    boxed = [letterbox(frame, side, side)[0] for frame in sample.first_frames(_COMPARED)]
    pixels = torch.stack([torch.from_numpy(canvas) for canvas in boxed]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted, got = model.eval()(pixels), other(pixels)
    scores = [(model.config.score_scale * one.logit + model.config.score_shift).sigmoid() for one in (wanted, got)]
    persons = scores[0] > 0.1
    score = float((scores[0] - scores[1]).abs().max())
    place = float((wanted.boxes - got.boxes)[persons].abs().max() / side)
    # Written so that NaN is refused too.
    if not (score <= _MOST_OF_SCORE[precision] and place <= _MOST_OF_SIDE[precision]):
        raise InputError(f"in {precision} scores are off by {score:.2g}, boxes by {place:.2g} of the picture's side")
