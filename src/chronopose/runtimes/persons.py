"""The network that finds persons in a runtime: folded in torch, or as a graph that is made once, kept and checked."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.records import from_dict
from chronopose.core.types import Floats, Pixels
from chronopose.formats import weights_file
from chronopose.runtimes import cache
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.sessions import Session, computed_by, has_bf16, opened
from chronopose.tracking.person import PersonNetwork

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a detector asks of its network's config, which was checked whole when the graph was made."""

    long_side: int
    score_scale: float
    score_shift: float


class PersonGraph:
    """A `PersonNetwork` made of a graph, on the CPU.

    Args:
        config: of the network that the graph was made of, as its file of weights has it.
        session: the graph.
    """

    def __init__(self, config: Mapping[str, Any], session: Session) -> None:
        seen = from_dict(_Seen, {one.name: config.get(one.name) for one in fields(_Seen)}, "config")
        self.long_side, self.score_scale, self.score_shift = seen.long_side, seen.score_scale, seen.score_shift
        self._session = session
        if session.inputs != ("pixels",) or session.outputs != ("logit", "boxes"):
            raise InputError(f"a graph that takes {session.inputs} and gives {session.outputs} finds no persons")

    def __call__(self, pictures: Pixels) -> tuple[Floats, Floats]:
        """(B, H, W, 3) uint8, sides multiples of 32 -> logit (B, N) and boxes (B, N, 4) of every cell."""
        logit, boxes = self._session.run({"pixels": np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))})
        return logit, boxes


def person_network(
    name: str,
    device: str = "cpu",
    backend: Backend = "torch",
    precision: Precision = "fp32",
    notify: Callable[[str], None] | None = None,
) -> PersonNetwork:
    """A bundled person network.

    Args:
        name: of its weights.
        device: where torch runs it; graphs run on the CPU.
        backend: what runs it. A backend that fails is left out, and the reason logged: nobody asked for it by name.
        precision: of the pose model beside it. Nothing here is in int8: bf16 stands in for it where there is such.
        notify: told before a graph is made, which takes some ten seconds.
    """
    path = weights_file.locate(name)
    if backend != "torch" and device == "cpu":
        try:
            return _in_graph(path, backend, precision, notify or (lambda _: None))
        except InputError as error:
            _log.warning("%s is left out for %s: %s", backend, name, error)
    from chronopose.runtimes import of_weights

    return of_weights.persons_in_torch(of_weights.person_model(path), device)


def _in_graph(path: Path, backend: Backend, precision: Precision, notify: Callable[[str], None]) -> PersonGraph:
    half = backend == "openvino" and precision != "fp32" and has_bf16()
    computed: Precision = "bf16" if half else "fp32"
    name, source = path.stem, cache.source_of(path, None)
    graph = cache.kept_graph(name, source)
    new = graph is None
    if graph is None:
        from chronopose.runtimes import of_weights

        notify(f"making a graph of {name} for faster runs; it is kept in {cache.folder()}")
        graph = of_weights.person_graph(of_weights.person_model(path), source)
    made = graph
    network = PersonGraph(weights_file.header_of(path).config, opened(made, b"", backend, computed, name))

    def compare() -> None:
        from chronopose.runtimes import of_weights

        of_weights.compare_persons(of_weights.person_model(path), network, computed)

    cache.settle(
        cache.place_of_graph(name, source),
        computed_by(backend, computed),
        compare,
        (lambda: cache.keep_graph(made, name, source)) if new else None,
    )
    return network
