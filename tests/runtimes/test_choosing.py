"""A name or file becomes the runtime that was asked for, or one line says why not."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.inference.estimator import load
from chronopose.runtimes import cache, graph_file, parity, sample
from chronopose.runtimes.as_module import RuntimeModel
from chronopose.runtimes.choosing import FASTEST, opened
from chronopose.runtimes.contract import answer
from chronopose.runtimes.export import to_openvino
from chronopose.runtimes.graph_model import GraphModel
from chronopose.runtimes.in_torch import TorchRuntime
from chronopose.runtimes.sessions import computed_by
from tests.runtimes.tiny_graphs import pair, pair_int8, pixels, save, tiny, window


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save("dsta", tmp_path / "tiny-dsta.safetensors")


def keep(weights: Path, precision: Any = "fp32") -> None:
    """Puts the graphs of the weights where they are looked for."""
    file = pair("dsta") if precision == "fp32" else pair_int8("dsta")
    made = replace(file, about=replace(file.about, source=cache.source_of(weights, None)))
    cache.keep(made, "tiny-dsta", precision)


def test_ready_is_torch_until_graphs_are_there(weights: Path) -> None:
    assert isinstance(opened(weights, backend="ready").runtime, TorchRuntime)
    keep(weights)
    found = opened(weights, backend="ready").runtime
    assert isinstance(found, GraphModel) and found.name == FASTEST["fp32"][0]
    assert isinstance(opened(weights, backend="torch").runtime, TorchRuntime)


def test_graphs_that_are_kept_are_not_made_again(weights: Path) -> None:
    keep(weights)
    told: list[str] = []
    for backend in FASTEST["fp32"]:
        assert opened(weights, backend=backend, notify=told.append).runtime.name == backend
    keep(weights, "int8")
    for backend in FASTEST["int8"]:
        runtime = opened(weights, backend=backend, precision="int8", notify=told.append).runtime
        assert (runtime.name, runtime.precision) == (backend, "int8")
    assert told == []


def test_graphs_are_compared_with_the_model_once_for_each_way_to_compute_them(weights: Path) -> None:
    file = pair("dsta")
    wrong = replace(file, graphs={**file.graphs, "fuse": _shifted(file.graphs["fuse"])})
    source = cache.source_of(weights, None)
    cache.keep(replace(wrong, about=replace(file.about, source=source)), "tiny-dsta", "fp32")
    place = cache.place("tiny-dsta", source, "fp32")
    with pytest.raises(InputError, match="joints are off by"):
        opened(weights, backend="onnxruntime")
    cache.note_passed(place, computed_by("onnxruntime", "fp32"))
    assert opened(weights, backend="onnxruntime").runtime.name == "onnxruntime"  # it is taken at its word
    with pytest.raises(InputError, match="joints are off by"):
        opened(weights, backend="openvino")


def _shifted(graph: bytes) -> bytes:
    """A graph that answers another place than it should."""
    model = onnx.load_from_string(graph)
    (node,) = [node for node in model.graph.node if "xy" in node.output]
    node.output[list(node.output).index("xy")] = "unmoved"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), "by"))
    model.graph.node.append(onnx.helper.make_node("Add", ["unmoved", "by"], ["xy"]))
    return bytes(model.SerializeToString())


def test_graphs_that_have_passed_are_run_without_torch(weights: Path) -> None:
    keep(weights)
    opened(weights, backend="onnxruntime")
    code = (
        "import sys; from chronopose.runtimes.choosing import opened; "
        f"found = opened({str(weights)!r}, backend='onnxruntime'); heavy = {{'timm', 'torchvision', 'torch'}}; "
        "print(found.runtime.name, sorted(heavy & set(sys.modules))); found.model; print('timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["onnxruntime []", "True"]


def test_damaged_graphs_are_made_anew_and_kept(tmp_path: Path) -> None:
    weights = save("listpose", tmp_path / "tiny-listpose.safetensors")
    source = cache.source_of(weights, None)
    place = cache.place("tiny-listpose", source, "fp32")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"PK\x03\x04 not really")
    told: list[str] = []
    found = opened(weights, backend="auto", notify=told.append)
    assert isinstance(found.runtime, GraphModel) and found.runtime.spec.recurrent
    assert len(told) == 1 and "making graphs of tiny-listpose" in told[0]
    assert cache.kept("tiny-listpose", source, "fp32") is not None
    with torch.no_grad():
        shown = pixels("listpose", 2)
        got = RuntimeModel(found.runtime)(shown)
        torch.testing.assert_close(got.xy_crop, found.model(shown).xy_crop, atol=1e-3, rtol=0)


def test_int8_for_an_encoder_without_convolutions_says_so(tmp_path: Path) -> None:
    weights = save("listpose", tmp_path / "tiny-listpose.safetensors")
    file = pair("listpose")
    source = cache.source_of(weights, None)
    cache.keep(replace(file, about=replace(file.about, source=source)), "tiny-listpose", "fp32")
    with pytest.raises(InputError, match="no convolution to quantise"):
        opened(weights, backend="onnxruntime", precision="int8")


@torch.no_grad()
def test_other_answers_are_refused_with_the_figure(weights: Path) -> None:
    keep(weights)
    model: Any = tiny("dsta").model
    runtime = opened(weights, backend="onnxruntime").runtime
    shown = sample.windows(model.spec, 4, 12)
    parity.check(parity.difference(model, runtime, shown), runtime, "tiny")
    for wrong in (0.1, float("nan")):
        moved = answer(runtime, shown).xy_crop + np.float32(wrong)
        with pytest.raises(InputError, match=r"joints are off by mean .* px, largest .* px; wanted at most 0\.05 px"):
            parity.check(parity.between(model, moved, shown), runtime, "tiny")


# Files --------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["window.onnx", "pair.zip", "openvino.zip"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    graphs = {"window.onnx": window, "pair.zip": pair, "openvino.zip": lambda kind: to_openvino(pair(kind))}
    graph_file.write(graphs[request.param]("dsta"), tmp_path / request.param)
    return tmp_path / str(request.param)


def test_a_file_needs_nothing_else(file: Path) -> None:
    estimator = load(file)
    assert (estimator.name, estimator.card.data) == ("tiny-dsta", "nothing")
    assert isinstance(estimator.model, RuntimeModel) and estimator.model.runtime is estimator.predictor.runtime
    shown = pixels("dsta", 2)
    with torch.no_grad():
        wanted = tiny("dsta").model(shown)
    torch.testing.assert_close(estimator.model(shown).xy_crop, wanted.xy_crop, atol=1e-3, rtol=0)


def test_a_file_has_no_torch_no_other_window_and_one_precision(file: Path) -> None:
    for settings, why in (
        ({"backend": "torch"}, "holds graphs, not weights"),
        ({"window": (-1, 0)}, "made for one window"),
        ({"precision": "int8"}, "is in fp32, got int8"),
        ({"device": "cuda"}, "run on the CPU"),
    ):
        with pytest.raises(InputError, match=why):
            opened(file, **{"backend": "ready", **settings})  # type: ignore[arg-type]


def test_openvinos_form_is_for_openvino(tmp_path: Path) -> None:
    graph_file.write(to_openvino(pair("dsta")), tmp_path / "ov.zip")
    assert opened(tmp_path / "ov.zip", backend="auto").runtime.name == "openvino"
    with pytest.raises(InputError, match="which onnxruntime cannot run; take openvino"):
        opened(tmp_path / "ov.zip", backend="onnxruntime")


def test_a_file_in_8_bits_is_run_in_8_bits(tmp_path: Path) -> None:
    graph_file.write(pair_int8("dsta"), tmp_path / "small.zip")
    assert opened(tmp_path / "small.zip", backend="ready").runtime.precision == "int8"
    with pytest.raises(InputError, match="is in int8, got bf16"):
        opened(tmp_path / "small.zip", backend="ready", precision="bf16")


# Mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"backend": "torch", "precision": "int8"}, "torch has no int8, only fp32 and bf16; for int8 take onnxruntime"),
        ({"backend": "onnxruntime", "precision": "bf16"}, "onnxruntime has no bf16"),
        ({"backend": "onnxruntime", "device": "cuda"}, "run on the CPU"),
    ],
)
def test_what_a_backend_cannot_do(settings: dict[str, Any], why: str, weights: Path) -> None:
    with pytest.raises(InputError, match=why):
        opened(weights, **settings)


def test_a_detector_answers_no_poses() -> None:
    with pytest.raises(InputError, match="answers no poses"):
        opened("person-small")
