"""Every backend of graphs keeps the contract of a pose model and answers as torch does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from chronopose.clips.contract import PoseModel, PoseOutput, moving_of
from chronopose.clips.moving import moved
from chronopose.core.errors import InputError
from chronopose.core.types import FramePoses
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.runtimes.as_module import RuntimeModel
from chronopose.runtimes.contract import Runtime
from chronopose.runtimes.export import to_openvino
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.graph_model import GraphModel
from chronopose.runtimes.in_torch import TorchRuntime
from chronopose.runtimes.names import PRECISIONS
from chronopose.runtimes.sessions import has_bf16, installed
from tests.inference.tiny_pose import as_frames, given, rendered
from tests.runtimes.tiny_graphs import KINDS, pair, pair_int8, pixels, tiny, window

BACKENDS: list[Any] = [name for name in PRECISIONS if name != "torch" and installed(name)]


def in_backend(file: GraphFile, backend: Any, precision: Any = "fp32") -> GraphModel:
    return GraphModel(file, backend, precision, "tiny.zip")


def asked(runtime: Runtime, shown: Tensor) -> PoseOutput:
    """What a runtime answers to windows (B, T, 3, H, W)."""
    return cast(PoseOutput, RuntimeModel(runtime)(shown))


def assert_near(one: Any, other: Any, within_px: float = 1e-3) -> None:
    torch.testing.assert_close(one.xy_crop, other.xy_crop, atol=within_px, rtol=0)
    torch.testing.assert_close(one.score, other.score, atol=1e-4, rtol=0)
    torch.testing.assert_close(one.sigma, other.sigma, atol=within_px, rtol=0)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["torch", *BACKENDS])
def runtime(request: pytest.FixtureRequest, kind: str) -> Any:
    if request.param == "torch":
        model: Any = tiny(kind).model
        return TorchRuntime(model, moving=moving_of(model))
    return in_backend(pair(kind), request.param)


def test_both_backends_of_graphs_are_here() -> None:
    assert BACKENDS == ["onnxruntime", "openvino"]  # else the tests below would ask less than they seem to


def test_it_is_a_runtime_and_a_pose_model(runtime: Any, kind: str) -> None:
    assert isinstance(runtime, Runtime) and isinstance(RuntimeModel(runtime), PoseModel)
    assert (runtime.spec, runtime.skeleton) == (tiny(kind).model.spec, tiny(kind).model.skeleton)
    assert (runtime.precision, runtime.device) == ("fp32", "cpu")


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 3, 5])
def test_windows_in_any_number_are_answered_as_by_the_model(runtime: Any, kind: str, batch: int) -> None:
    shown = pixels(kind, batch, seed=batch)
    wanted = tiny(kind).model(shown)
    assert_near(asked(runtime, shown), wanted)


@torch.no_grad()
def test_a_crop_has_the_same_features_alone_in_a_batch_and_as_a_view(runtime: Any, kind: str) -> None:
    crops = pixels(kind, 4)[:, 0].permute(0, 2, 3, 1).contiguous().numpy()  # channels last, as crops are cut
    together = runtime.to_host(runtime.encode(crops))
    assert together.dtype == np.float32
    for row in range(4):
        alone = runtime.to_host(runtime.encode(crops[row : row + 1]))
        np.testing.assert_allclose(alone[0], together[row], atol=1e-4, rtol=1e-4)
    turned = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(runtime.to_host(runtime.encode(turned)), together, atol=1e-4, rtol=1e-4)


def test_rows_are_joined_into_memory_of_their_own(runtime: Any) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    rows = runtime.from_host(values.copy())
    for parts in ([rows[2:3]], [rows[2:3], rows[0:1]]):
        joined = runtime.joined(parts)
        np.testing.assert_array_equal(runtime.to_host(joined), values[[2, 0]][: len(parts)])
        joined[[0]] = joined[[0]] + 1
        np.testing.assert_array_equal(runtime.to_host(rows), values)


def answers(predictor: Predictor, config: StreamConfig) -> Sequence[FramePoses]:
    clip = rendered(12)
    stream = PoseStream(predictor, given(clip.boxes), config)
    return list(stream.over(as_frames(clip.frames)))


@pytest.mark.parametrize("crop", ["locked", "exact"])
def test_a_stream_gives_the_joints_that_it_gives_in_torch(runtime: Any, kind: str, crop: Any) -> None:
    config = StreamConfig(crop=crop, chunk=4)
    model: Any = tiny(kind).model
    mine, theirs = answers(Predictor(runtime), config), answers(Predictor(model, "cpu"), config)
    assert len(mine) == 12
    for one, other in zip(mine, theirs, strict=True):
        assert len(one.poses) == len(other.poses) == 2
        for a, b in zip(one.poses, other.poses, strict=True):
            np.testing.assert_allclose(a.xy, b.xy, atol=1e-3)
            assert a.sigma is not None and b.sigma is not None
            np.testing.assert_allclose(a.sigma, b.sigma, atol=1e-3)


def test_features_move_as_those_of_the_model_do(runtime: Any, kind: str) -> None:
    model: Any = tiny(kind).model
    assert (runtime.moving is None) == (moving_of(model) is None) == (kind != "dsta")
    if runtime.moving is not None:
        features, way = np.random.default_rng(0).normal(size=(2, 15, 16)), np.array([[0.1, 0, 0.05], [0, -0.05, 0]])
        features = features.astype(np.float32)
        theirs = moving_of(model)
        assert theirs is not None
        found = runtime.to_host(runtime.moved(runtime.from_host(features), way))
        np.testing.assert_allclose(found, moved(features, theirs.matrices(way)), atol=1e-5)
        assert np.abs(found - features).max() > 0.01


@torch.no_grad()
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_is_carried_from_call_to_call(backend: Any) -> None:
    runtime, model = RuntimeModel(in_backend(pair("listpose"), backend)), tiny("listpose").model
    shown = pixels("listpose", 2)
    features = runtime.encode(shown.flatten(0, 1)).unflatten(0, shown.shape[:2])
    whole, last = runtime.fuse(features)
    state: Any = runtime.fresh(2)
    assert last is not None
    assert not state.valid.any()
    for frame in range(features.shape[1]):
        step, state = runtime.fuse(features[:, frame : frame + 1], state)
        torch.testing.assert_close(step.xy_crop[:, 0], whole.xy_crop[:, frame], atol=1e-4, rtol=0)
    assert state.valid.all()
    torch.testing.assert_close(state.tokens, last.tokens, atol=1e-4, rtol=1e-4)
    assert_near(whole, model(shown))
    anew, _ = runtime.fuse(features[:, -1:], None)
    assert (anew.xy_crop[:, 0] - whole.xy_crop[:, -1]).abs().max() > 0.1  # else nothing would have been carried


@torch.no_grad()
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_graph_of_a_window_answers_alone_and_in_a_stream(backend: Any) -> None:
    runtime = in_backend(window("dsta"), backend)
    assert_near(asked(runtime, pixels("dsta", 3)), tiny("dsta").model(pixels("dsta", 3)))
    model: Any = tiny("dsta").model
    config = StreamConfig(crop="exact")  # its features are pixels: with locked crops the other model's are moved
    mine = answers(Predictor(runtime), config)
    for one, other in zip(mine, answers(Predictor(model, "cpu"), config), strict=True):
        for a, b in zip(one.poses, other.poses, strict=True):
            np.testing.assert_allclose(a.xy, b.xy, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("file", ["pair", "window"])
def test_openvinos_own_form_answers_likewise(file: str) -> None:
    graphs = to_openvino(pair("dsta") if file == "pair" else window("dsta"))
    assert_near(asked(in_backend(graphs, "openvino"), pixels("dsta", 3)), tiny("dsta").model(pixels("dsta", 3)))


@torch.no_grad()
@pytest.mark.parametrize("backend", BACKENDS)
def test_in_8_bits_answers_are_near(backend: Any) -> None:
    runtime = in_backend(pair_int8("dsta"), backend, "int8")
    exact, rough = tiny("dsta").model(pixels("dsta", 4)), asked(runtime, pixels("dsta", 4))
    apart = (exact.xy_crop - rough.xy_crop).norm(dim=-1)
    assert 1e-4 < apart.mean() < 0.02 * runtime.spec.height


@torch.no_grad()
def test_in_bf16_answers_are_near() -> None:
    if not has_bf16():
        pytest.skip("this CPU has no bf16")
    runtime = in_backend(pair("dsta"), "openvino", "bf16")
    apart = (tiny("dsta").model(pixels("dsta", 4)).xy_crop - asked(runtime, pixels("dsta", 4)).xy_crop).norm(dim=-1)
    assert 1e-4 < apart.mean() < 0.02 * runtime.spec.height


def test_pixels_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        in_backend(pair("dsta"), "onnxruntime").encode(np.zeros((1, 64, 48, 3), dtype=np.float32))  # type: ignore[arg-type]


# Graphs that are not what their record says -------------------------------------------------------------------------


def changed(file: GraphFile, **fields: Any) -> GraphFile:
    return replace(file, about=replace(file.about, **fields))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"feature": (15, 8), "moving": ()}, r"encode gave float32 \(3, 15, 16\), its record says \(3, 15, 8\)"),
        ({"sigma": False}, "fuse takes features and gives xy, score, sigma; wanted features and xy, score"),
    ],
)
def test_a_record_that_does_not_fit_its_graphs_is_refused(backend: Any, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        in_backend(changed(pair("dsta"), **fields), backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_record_with_another_size_or_window_is_refused(backend: Any) -> None:
    spec = pair("dsta").about.spec
    for other in (replace(spec, height=128), replace(spec, offsets=(-2, -1, 0, 1, 2))):
        with pytest.raises(InputError) as told:
            in_backend(changed(pair("dsta"), spec=other), backend)
        assert "\n" not in str(told.value) and str(told.value).startswith("tiny.zip")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("graph", [b"", b"\x08nonsense", b"<xml/>", b"\x00" * 100])
def test_graphs_that_are_none_are_refused_in_one_line(backend: Any, graph: bytes) -> None:
    file = GraphFile(about=pair("dsta").about, graphs={"encode": graph, "fuse": graph})
    with pytest.raises(InputError) as told:
        in_backend(file, backend)
    assert "\n" not in str(told.value) and str(told.value).startswith("tiny.zip: encode")
