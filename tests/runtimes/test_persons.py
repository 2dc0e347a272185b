"""The detector's network gives the same boxes in every backend, from a graph that is made once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.formats import weights_file
from chronopose.inference.finding import choose_detector
from chronopose.models import checkpoint
from chronopose.models.person import PersonModel, PersonOutput
from chronopose.runtimes import cache, sample
from chronopose.runtimes.in_torch import TorchPersons, TorchRuntime
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.of_weights import compare_persons
from chronopose.runtimes.persons import PersonGraph, person_network
from chronopose.runtimes.sessions import has_bf16, installed
from tests.runtimes.tiny_graphs import pair, tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder of graphs for all tests here: tracing takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def plain() -> PersonModel:
    return cast(PersonModel, checkpoint.load("person-small").model).eval()


def noise(count: int, height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def asked(model: PersonModel, pictures: Pixels) -> PersonOutput:
    with torch.inference_mode():
        return cast(PersonOutput, model(torch.from_numpy(pictures).permute(0, 3, 1, 2)))


def test_folded_in_torch_the_answers_stay(plain: PersonModel) -> None:
    folded = person_network("person-small")
    assert isinstance(folded, TorchPersons)
    kinds = {type(module) for module in folded.model.modules()}
    assert not any(issubclass(kind, torch.nn.BatchNorm2d) for kind in kinds)
    wanted = asked(plain, noise(2, 64, 96))
    for got, exact in zip(folded(noise(2, 64, 96)), (wanted.logit, wanted.boxes), strict=True):
        np.testing.assert_allclose(got, exact, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("backend", "precision"), [("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16")]
)
def test_a_graph_answers_as_the_model_whatever_the_pictures(
    backend: Backend, precision: Precision, home: Path, plain: PersonModel
) -> None:
    if not installed(backend) or (precision == "bf16" and not has_bf16()):
        pytest.skip(f"no {backend} in {precision} here")
    told: list[str] = []
    graph = person_network("person-small", "cpu", backend, precision, told.append)
    assert isinstance(graph, PersonGraph)
    (kept,) = home.rglob("person-small-*.onnx")
    made_at = kept.stat().st_mtime_ns
    again = person_network("person-small", "cpu", backend, precision, told.append)
    assert len(told) <= 1 and kept.stat().st_mtime_ns == made_at
    px = 0.02 if precision == "fp32" else 8
    for count, height, width in ((1, 192, 320), (3, 320, 192), (1, 32, 32)):
        wanted = asked(plain, noise(count, height, width))
        for network in (graph, again):
            logit, boxes = map(torch.from_numpy, network(noise(count, height, width)))
            assert logit.shape == wanted.logit.shape and boxes.shape == wanted.boxes.shape
            assert (logit.sigmoid() - wanted.logit.sigmoid()).abs().max() < 0.02
            assert (boxes - wanted.boxes).abs().max() < px


def test_a_graph_that_has_passed_is_run_without_torch(home: Path, plain: PersonModel) -> None:
    person_network("person-small", "cpu", "onnxruntime")
    code = (
        "import sys; from chronopose.runtimes.persons import person_network; "
        "found = person_network('person-small', 'cpu', 'onnxruntime'); "
        "print(type(found).__name__, found.long_side, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PersonGraph", str(plain.config.long_side), "False"]


def test_the_detector_runs_where_the_pose_model_does(home: Path) -> None:
    class Beside(TorchRuntime):
        name: Backend = "onnxruntime"

    beside = Beside(tiny("dsta").model)  # type: ignore[arg-type]
    here, there = choose_detector("bundled"), choose_detector("bundled", "cpu", beside)
    assert isinstance(there.network, PersonGraph) and not isinstance(here.network, PersonGraph)  # type: ignore[attr-defined]
    for mine, yours in zip(here(sample.first_frames(2)), there(sample.first_frames(2)), strict=True):
        torch.testing.assert_close(mine.boxes, yours.boxes, rtol=0, atol=0.1)
        torch.testing.assert_close(mine.scores, yours.scores, rtol=0, atol=1e-3)


def test_a_graph_with_other_answers_is_refused(plain: PersonModel) -> None:
    class Aside(PersonModel):
        def forward(self, pixels: torch.Tensor) -> PersonOutput:
            output = plain(pixels)
            return output._replace(boxes=output.boxes + 1)

    other = TorchPersons(Aside(plain.config))
    with pytest.raises(InputError, match=r"in fp32 scores are off by 0, boxes by 0\.00"):
        compare_persons(plain, other, "fp32")
    compare_persons(plain, other, "bf16")
    compare_persons(plain, TorchPersons(plain), "fp32")


def test_what_lies_in_the_cache_and_finds_no_persons_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = cache.source_of(weights_file.locate("person-small"), None)
    strange = signed_as(source, pair("dsta").graphs["encode"])
    cache.keep_graph(strange, "person-small", source)
    assert cache.kept_graph("person-small", source) == strange
    assert not isinstance(person_network("person-small", "cpu", "onnxruntime"), PersonGraph)
    assert "finds no persons" in caplog.text


def test_damage_and_graphs_of_other_weights_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.kept_graph("one", "abc") is None
    graph = signed_as("abc", pair("dsta").graphs["encode"])
    cache.keep_graph(graph, "one", "abc")
    assert cache.kept_graph("one", "abc") == graph
    assert cache.kept_graph("one", "abd") is None
    (path,) = tmp_path.rglob("*.onnx")
    path.write_bytes(graph[: len(graph) // 2])
    assert cache.kept_graph("one", "abc") is None
    cache.keep_graph(signed_as("abd", graph), "one", "abc")
    assert cache.kept_graph("one", "abc") is None


def signed_as(source: str, graph: bytes) -> bytes:
    import onnx

    from chronopose.runtimes.export import signed

    return signed(onnx.load_from_string(graph), source, "a test")
