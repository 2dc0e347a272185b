"""Graphs opened in onnxruntime or OpenVINO: arrays in by name, arrays out; threads and precision are set here alone."""

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.runtimes.names import PACKAGES, Backend, Precision

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One graph, ready to run.

    Attributes:
        inputs: names of the arrays that it takes.
        outputs: names of the arrays that it gives, in order.
        run: arrays by name -> arrays in the order of `outputs`.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[[Mapping[str, Array]], list[Array]]


def installed(backend: Backend) -> bool:
    """Whether a backend's package is here; nothing is imported."""
    return importlib.util.find_spec(backend) is not None


def require(backend: Backend) -> None:
    """Raises `InputError`, which says how to get it, where a backend's package is missing."""
    if not installed(backend):
        raise InputError(f"backend: {backend} is not installed; pip install '{PACKAGES[backend]}'")


@cache
def openvino_core() -> Any:
    """OpenVINO's entry, one for the process and kept for good.

    On CPUs with AMX each one gives the main thread a stack for signals, and takes it away when it goes; of several that
    come and go in turn the last one leaves a stack that is there no more, and the next Ctrl-C ends in a crash.
    """
    import openvino

    return openvino.Core()


@cache
def has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU; elsewhere it would be slower than fp32."""
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@cache
def computed_by(backend: Backend, precision: Precision) -> str:
    """What computes a graph, as far as rounding may depend on it: the package, its version, and the CPU."""
    processor = platform.processor() or platform.machine()
    if backend == "openvino":
        processor = openvino_core().get_property("CPU", "FULL_DEVICE_NAME")
    return f"{backend} {importlib.import_module(backend).__version__} {precision} {processor}"


def opened(graph: bytes, weights: bytes, backend: Backend, precision: Precision, where: str) -> Session:
    """A graph in a backend, on the CPU.

    Args:
        graph: an ONNX model or OpenVINO's XML.
        weights: OpenVINO's binary part, empty for ONNX.
        backend: "onnxruntime" or "openvino".
        precision: what is computed in where the graph does not say; "int8" is said in the graph.
        where: the graph's name, for error messages.
    """
    require(backend)
    try:
        if backend == "onnxruntime":
            return _in_onnxruntime(graph, where)
        return _in_openvino(graph, weights, precision)
    except InputError:
        raise
    except Exception as error:  # both libraries have kinds of their own, and all mean the same here
        raise InputError(f"{where}: {backend} cannot open this graph ({' '.join(str(error).split())[:200]})") from None


def _threads() -> int:
    """As many as torch takes, so that one setting, such as OMP_NUM_THREADS, holds for all backends."""
    if "torch" in sys.modules:  # where somebody may have told it
        return int(sys.modules["torch"].get_num_threads())
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else _cores()


def _cores() -> int:
    """The cores that this process may run on: of two threads of a core one alone is counted."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    usable = os.sched_getaffinity(0)
    try:
        places = (Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list") for number in usable)
        return len({place.read_text() for place in places})
    except OSError:
        return len(usable)


def _in_onnxruntime(graph: bytes, where: str) -> Session:
    import onnxruntime

    if not graph.startswith(b"\x08"):  # onnxruntime would take other kinds of files too
        raise InputError(f"{where}: not an ONNX model, which is what onnxruntime runs")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _threads(), 1
    # Spinning threads take the CPU from the decoder and from other programs; sleeping ones cost next to nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    outputs = [one.name for one in session.get_outputs()]

    def run(arrays: Mapping[str, Array]) -> list[Array]:
        found: list[Array] = session.run(outputs, dict(arrays))
        return found

    return Session(tuple(one.name for one in session.get_inputs()), tuple(outputs), run)


def _in_openvino(graph: bytes, weights: bytes, precision: Precision) -> Session:
    plan = _Compiled(openvino_core().read_model(graph, weights), precision, len(graph) + len(weights))
    return Session(plan.inputs, plan.outputs, plan.run)


_SIZES = {8: 7, 4: 3, 2: 2, 1: 1}
"""Rows of the batches that a small graph is compiled for, and from how many rows on each is used: one that is missing
is filled up, sooner done than two smaller batches. Other batches are made up of these; 16 rows are no faster a row."""

_SMALL, _MOST = 64 * 2**20, 16
"""Bytes of a graph up to which it is compiled for each size, and how many of those stand ready at once."""

_ALONE = 2**20
"""Bytes of a graph up to which one thread runs it: to wake another takes longer than all that it would do."""


class _Compiled:
    """A graph with the first axis free, compiled anew for each size of a batch at its first use.

    One whose sizes are left open takes a millisecond or two more whenever they change, as they do from frame to frame,
    which is half of the time of a few persons (benchmarks/small_graphs.md).

    Args:
        model: what OpenVINO has read.
        precision: "bf16", or else fp32 wherever the graph does not say int8.
        size: bytes. A large one is compiled once, with free sizes: each time takes the memory of its weights.
    """

    def __init__(self, model: Any, precision: Precision, size: int) -> None:
        self._model, self._small = model, size <= _SMALL
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": "1" if size <= _ALONE else str(_threads()),
            "ENABLE_CPU_PINNING": "NO",  # other programs run here too
            # Said always: where the CPU has bf16, OpenVINO would take it without being asked.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self.inputs = tuple(one.any_name for one in model.inputs)
        self.outputs = tuple(one.any_name for one in model.outputs)
        self._ready: dict[tuple[tuple[int, ...], ...], Any] = {}

    def run(self, arrays: Mapping[str, Array]) -> list[Array]:
        """Arrays by name -> arrays in the order of `outputs`."""
        given = {name: arrays[name] for name in self.inputs}
        rows = len(next(iter(given.values())))
        if not self._small:
            return self._infer(given)
        parts, start = [], 0
        for size, fewest in _SIZES.items():
            while rows - start >= fewest:
                some = {name: array[start : start + size] for name, array in given.items()}
                if rows - start < size:
                    some = {name: np.concatenate([array, array[-1:]]) for name, array in some.items()}
                parts.append(self._infer(some))
                start += size
        if len(parts) == 1 and start == rows:
            return parts[0]
        return [np.concatenate(part)[:rows] for part in zip(*parts, strict=True)]

    def _infer(self, given: Mapping[str, Array]) -> list[Array]:
        shapes = tuple(array.shape for array in given.values()) if self._small else ()
        request = self._ready.pop(shapes, None) or self._compiled(shapes)
        self._ready[shapes] = request  # the last used is the last to go
        found = request.infer(dict(given), share_inputs=True)
        return [np.array(found[place]) for place in range(len(self.outputs))]

    def _compiled(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        if len(self._ready) >= _MOST:
            del self._ready[next(iter(self._ready))]
        model = self._model
        if shapes:
            model = model.clone()
            model.reshape(dict(zip(self.inputs, shapes, strict=True)))
        return openvino_core().compile_model(model, "CPU", self._settings).create_infer_request()
