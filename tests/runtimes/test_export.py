"""Records say what graphs are; programs of torch answer as the model does; every kind of model goes to graphs."""

import io
import json
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.formats.weights_file import Card
from chronopose.models.checkpoint import Checkpoint
from chronopose.runtimes import export, parity, sample
from chronopose.runtimes.about import parsed, written
from chronopose.runtimes.as_module import RuntimeModel
from chronopose.runtimes.graph_model import GraphModel
from tests.contracts.test_pose_model import CONFIGS, assert_same, build, clips
from tests.runtimes.tiny_graphs import KINDS, pair, pair_int8, pixels, tiny


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_says_what_the_model_is(kind: str) -> None:
    model: Any = tiny(kind).model
    about = export.describe(tiny(kind), pair=True)
    assert (about.spec, about.skeleton) == (model.spec, model.skeleton)
    with torch.no_grad():
        assert about.feature == tuple(model.encode(pixels(kind, 1)[:, 0]).shape[1:])
    assert bool(about.state) == about.spec.recurrent == (kind == "listpose")
    assert parsed(written(about).encode(), "here") == about


def test_the_window_of_a_recurrent_model_begins_anew_each_time() -> None:
    about = export.describe(tiny("listpose"), pair=False)
    assert not about.spec.recurrent and about.state == ()
    assert about.spec.offsets == tiny("listpose").model.spec.offsets  # type: ignore[union-attr]


@pytest.mark.parametrize("streaming", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_programs_of_torch_answer_like_the_model(streaming: bool) -> None:
    model: Any = tiny("listpose").model
    about = export.describe(tiny("listpose"), pair=streaming)
    programs = export.to_programs(model, about)
    assert tuple(programs) == about.graphs
    windows = sample.windows(model.spec, 3, 12)
    apart = parity.between(model, export.answered(programs, about, windows).xy_crop.detach().numpy(), windows)
    assert apart.largest_px < 1e-4
    extra = {"chronopose.json": ""}
    torch.export.load(io.BytesIO(export.saved(next(iter(programs.values())), about)), extra_files=extra)
    assert json.loads(extra["chronopose.json"])["name"] == "tiny-listpose"


def test_a_quantised_encoder_is_smaller_and_says_so() -> None:
    plain, small = pair("dsta"), pair_int8("dsta")
    assert (plain.about.precision, small.about.precision) == ("fp32", "int8")
    assert len(small.graphs["encode"]) < 0.4 * len(plain.graphs["encode"])
    assert len(small.graphs["fuse"]) == pytest.approx(len(plain.graphs["fuse"]), abs=64)


def test_weights_in_8_bits_leave_room_for_the_sum_of_two_products() -> None:
    graph = onnx.load_from_string(pair_int8("dsta").graphs["encode"]).graph
    weights = [onnx.numpy_helper.to_array(one) for one in graph.initializer if one.data_type == onnx.TensorProto.INT8]
    largest = [np.abs(weight.astype(int)).max() for weight in weights if weight.ndim == 4]
    assert len(largest) > 5 and max(largest) == 64  # 2 x 255 x 64 is below 2^15


def test_without_crops_nothing_is_quantised() -> None:
    with pytest.raises(InputError, match="no calibration crops"):
        export.made(tiny("dsta"), pair=True, calibration=np.zeros((0, 64, 48, 3), np.uint8), plain=pair("dsta"))


@torch.no_grad()
def test_every_model_of_the_bundled_clip_sees_the_persons_of_that_clip() -> None:
    model: Any = tiny("dsta").model
    windows = sample.windows(model.spec, 6, 20)
    assert windows.shape == (6, 3, 64, 48, 3) and windows.dtype == np.uint8
    assert (windows.reshape(6, -1).std(axis=1) > 10).all()
    assert len({window.tobytes() for window in windows}) == 6


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_kind_of_model_goes_to_graphs(kind: str, backend: Any) -> None:
    model = build(kind).eval()
    loaded = Checkpoint(name=kind, kind=kind, model=model, card=Card())
    runtime = RuntimeModel(GraphModel(export.made(loaded, pair=True), backend, "fp32", kind))
    shown = clips(model, 3)
    assert_same(runtime(shown), model(shown)._replace(heatmaps=None), 1e-3)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_the_window_of_a_recurrent_model_answers_as_the_model_does(backend: Any) -> None:
    model: Any = tiny("listpose").model
    runtime = RuntimeModel(GraphModel(export.made(tiny("listpose"), pair=False), backend, "fp32", "tiny"))
    assert_same(runtime(pixels("listpose", 2)), model(pixels("listpose", 2))._replace(heatmaps=None), 1e-3)
