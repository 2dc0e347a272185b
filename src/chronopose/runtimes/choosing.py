"""Which backend runs a model: from a name or a file to a runtime, by way of graphs that are made, kept and checked.

Where kept graphs have passed, neither torch nor any model is imported: that takes seconds, and half a gigabyte.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chronopose.core.errors import InputError
from chronopose.formats import weights_file
from chronopose.formats.weights_file import Card
from chronopose.runtimes import cache, graph_file, names
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.graph_model import GraphModel
from chronopose.runtimes.names import Backend, Choice, Precision
from chronopose.runtimes.sessions import computed_by, has_bf16, installed, require

if TYPE_CHECKING:
    from chronopose.clips.contract import PoseModel
    from chronopose.models.checkpoint import Checkpoint

_log = logging.getLogger(__name__)

FASTEST: dict[Precision, tuple[Backend, ...]] = {
    "fp32": ("onnxruntime", "openvino"),
    "bf16": ("openvino",),
    "int8": ("openvino", "onnxruntime"),
}
"""The backends of graphs by precision, the fastest first, as benchmarks/runtimes.md found them; torch comes after."""

Notify = Callable[[str], None]
"""Told in a sentence what takes long."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Opened:
    """A model ready for use.

    Attributes:
        name: of the weights.
        card: what they were trained on, and their terms.
        runtime: what answers.
        build: makes `model`.
    """

    name: str
    card: Card
    runtime: Runtime
    build: "Callable[[], PoseModel]"

    @cached_property
    def model(self) -> "PoseModel":
        """The plain module, built when first asked for; for a file of graphs, which has none, one over the runtime."""
        return self.build()


def opened(
    name_or_path: str | Path,
    *,
    backend: Choice = "torch",
    precision: Precision | None = None,
    device: str = "cpu",
    window: tuple[int, ...] | None = None,
    notify: Notify | None = None,
) -> Opened:
    """A model by name or file, in a runtime.

    Args:
        name_or_path: a bundled model's name, a .safetensors file, a training run's folder, or a file of graphs.
        backend: see `Choice`.
        precision: None for what a file of graphs is in, and fp32 for weights. int8 is quantised on the bundled clip.
        device: as torch writes it; graphs run on the CPU.
        window: frame offsets to show instead of the model's own; not for graphs, which are made for one window.
        notify: told before graphs are made, which takes some ten seconds.

    Raises:
        InputError: no such model, a backend that is not installed or cannot do this, or graphs with other answers.
    """
    if graph_file.is_graph_file(name_or_path):
        if window is not None:
            raise InputError(f"{name_or_path}: graphs are made for one window; --frames goes with weights")
        return _of_graphs(Path(name_or_path), backend, precision, device)
    weights = _Weights(name_or_path, window, notify or (lambda _: None))
    runtime = _chosen(weights, backend, precision or "fp32", device)
    return Opened(name=weights.name, card=weights.card, runtime=runtime, build=lambda: weights.model)


# Files of graphs -----------------------------------------------------------------------------------------------------


def able_to_run(file: GraphFile, precision: Precision) -> list[Backend]:
    """The backends that know a file's graphs, here or not, the fastest first: OpenVINO's own run nowhere else."""
    return [name for name in FASTEST[precision] if name == "openvino" or not file.weights]


def _of_graphs(path: Path, backend: Choice, precision: Precision | None, device: str) -> Opened:
    file = graph_file.read(path)
    there = file.about.precision
    wanted: Precision = precision or there
    if "int8" in (wanted, there) and wanted != there:
        raise InputError(f"precision: {path} is in {there}, got {wanted}; `chronopose export` makes files in either")
    _only_cpu(device, str(path))
    if backend == "torch":
        raise InputError(f"backend: {path} holds graphs, not weights, which is what torch runs; take another")
    able = able_to_run(file, wanted)
    if backend != "ready" and backend != "auto":
        names.check(backend, wanted)
        if backend not in able:
            raise InputError(f"backend: {path} holds OpenVINO's graphs, which {backend} cannot run; take openvino")
        able = [backend]
    here = [name for name in able if installed(name)]
    if not here:
        require(able[0])
    _check_cpu(here[0], wanted)
    runtime = GraphModel(file, here[0], wanted, str(path))
    return Opened(name=file.about.name, card=file.about.card, runtime=runtime, build=lambda: _as_module(runtime))


def _as_module(runtime: Runtime) -> "PoseModel":
    from chronopose.runtimes.as_module import RuntimeModel

    return RuntimeModel(runtime)


# Weights -------------------------------------------------------------------------------------------------------------


class _Weights:
    """A model with what graphs of it are made and kept by. The model itself is built when something asks for it."""

    def __init__(self, name_or_path: str | Path, window: tuple[int, ...] | None, notify: Notify) -> None:
        self._path, self._window, self.notify = weights_file.locate(name_or_path), window, notify
        self.name, self.card = self._path.stem, weights_file.header_of(self._path).card
        self._kept: dict[Precision, GraphFile | None] = {}

    @cached_property
    def loaded(self) -> "Checkpoint":
        """The model with all that its file says."""
        from chronopose.runtimes import of_weights

        return of_weights.pose_model(self._path, self._window)

    @property
    def model(self) -> "PoseModel":
        """The plain one."""
        return cast("PoseModel", self.loaded.model)

    @cached_property
    def source(self) -> str:
        """See `cache.source_of`."""
        return cache.source_of(self._path, self._window)

    def kept(self, precision: Precision) -> GraphFile | None:
        """The pair of graphs made before, read once."""
        there = _in_file(precision)
        if there not in self._kept:
            self._kept[there] = cache.kept(self.name, self.source, there)
        return self._kept[there]

    def in_torch(self, precision: Precision, device: str) -> Runtime:
        """The model itself, made faster."""
        from chronopose.runtimes import of_weights

        return of_weights.in_torch(self.loaded, precision, device)

    def in_graphs(self, backend: Backend, precision: Precision) -> Runtime:
        """Graphs of these weights in a backend, checked against the model when they are new."""
        names.check(backend, precision)
        require(backend)
        _check_cpu(backend, precision)
        there = _in_file(precision)
        kept = self.kept(there)
        file = kept or self._made(there)
        runtime = GraphModel(file, backend, precision, self.name)

        def compare() -> None:
            from chronopose.runtimes import of_weights

            of_weights.compare(self.loaded, runtime)

        cache.settle(
            cache.place(self.name, self.source, there),
            computed_by(backend, precision),
            compare,
            (lambda: cache.keep(file, self.name, there)) if kept is None else None,
        )
        return runtime

    def _made(self, precision: Precision) -> GraphFile:
        from chronopose.runtimes import of_weights

        loaded = self.loaded  # before anything is said: a model that answers no poses has no graphs
        self.notify(f"making graphs of {self.name} for faster runs; they are kept in {cache.folder()}")
        return of_weights.graphs(loaded, precision, self.source, self.kept("fp32") if precision == "int8" else None)


def _chosen(weights: _Weights, choice: Choice, precision: Precision, device: str) -> Runtime:
    if choice != "ready" and choice != "auto":
        names.check(choice, precision)
        if choice == "torch":
            return weights.in_torch(precision, device)
        _only_cpu(device, weights.name)
        return weights.in_graphs(choice, precision)
    why = "precision: int8 runs on the CPU, in onnxruntime or openvino; pip install 'chronopose[export]'"
    if device == "cpu":
        # Torch has no int8: who asks for it has the graphs made.
        wait = choice == "ready" and precision != "int8"
        for backend in FASTEST[precision]:
            if not installed(backend) or (wait and weights.kept(precision) is None):
                continue
            try:
                return weights.in_graphs(backend, precision)
            except InputError as error:
                why = str(error)
                _log.warning("%s is left out: %s", backend, why)
    if precision == "int8":
        raise InputError(why)
    return weights.in_torch(precision, device)


def _in_file(precision: Precision) -> Precision:
    """bf16 is how graphs in fp32 are run."""
    return "int8" if precision == "int8" else "fp32"


def _check_cpu(backend: Backend, precision: Precision) -> None:
    if backend == "openvino" and precision == "bf16" and not has_bf16():
        raise InputError("precision: this CPU does not compute in bf16; take fp32 or int8")


def _only_cpu(device: str, name: str) -> None:
    if not device.startswith("cpu"):
        raise InputError(f"device: graphs of {name} run on the CPU, got {device}; on a GPU take weights and torch")
