"""The detector's network gives the same boxes in every backend, from a graph that is made once."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.inference.finding import choose_detector
from chronopose.models import checkpoint
from chronopose.models.person import PersonModel, PersonOutput
from chronopose.runtimes import cache, persons, sample
from chronopose.runtimes.in_torch import TorchRuntime
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.persons import PersonGraph, person_network
from chronopose.runtimes.sessions import has_bf16, installed
from tests.runtimes.tiny_graphs import pair, tiny

CPU = torch.device("cpu")


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


def asked(network: torch.nn.Module, count: int, height: int, width: int) -> PersonOutput:
    pixels = torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8, generator=torch.manual_seed(0))
    with torch.inference_mode():
        return cast(PersonOutput, network(pixels))


def test_folded_in_torch_the_answers_stay(plain: PersonModel) -> None:
    folded = person_network("person-small", CPU)
    kinds = {type(module) for module in folded.modules()}
    assert not any(issubclass(kind, torch.nn.BatchNorm2d) for kind in kinds)
    for got, wanted in zip(asked(folded, 2, 64, 96), asked(plain, 2, 64, 96), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("backend", "precision"), [("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16")]
)
def test_a_graph_answers_as_the_model_whatever_the_pictures(
    backend: Backend, precision: Precision, home: Path, plain: PersonModel
) -> None:
    if not installed(backend) or (precision == "bf16" and not has_bf16()):
        pytest.skip(f"no {backend} in {precision} here")
    told: list[str] = []
    graph = person_network("person-small", CPU, backend, precision, told.append)
    assert isinstance(graph, PersonGraph)
    (kept,) = home.rglob("person-small-*.onnx")
    made_at = kept.stat().st_mtime_ns
    again = person_network("person-small", CPU, backend, precision, told.append)
    assert len(told) <= 1 and kept.stat().st_mtime_ns == made_at
    px = 0.02 if precision == "fp32" else 8
    for count, height, width in ((1, 192, 320), (3, 320, 192), (1, 32, 32)):
        wanted = asked(plain, count, height, width)
        for network in (graph, again):
            got = asked(network, count, height, width)
            assert got.logit.shape == wanted.logit.shape and got.boxes.shape == wanted.boxes.shape
            assert (got.logit.sigmoid() - wanted.logit.sigmoid()).abs().max() < 0.02
            assert (got.boxes - wanted.boxes).abs().max() < px
            torch.testing.assert_close(got.centres, wanted.centres)


def test_the_detector_runs_where_the_pose_model_does(home: Path) -> None:
    class Beside(TorchRuntime):
        name: Backend = "onnxruntime"

    beside = Beside(tiny("dsta").model, CPU)  # type: ignore[arg-type]
    here, there = choose_detector("bundled"), choose_detector("bundled", "cpu", beside)
    assert isinstance(there.model, PersonGraph) and not isinstance(here.model, PersonGraph)  # type: ignore[attr-defined]
    for mine, yours in zip(here(sample.first_frames(2)), there(sample.first_frames(2)), strict=True):
        torch.testing.assert_close(mine.boxes, yours.boxes, rtol=0, atol=0.1)
        torch.testing.assert_close(mine.scores, yours.scores, rtol=0, atol=1e-3)


def test_a_graph_with_other_answers_is_refused(plain: PersonModel) -> None:
    class Aside(PersonModel):
        def forward(self, pixels: torch.Tensor) -> PersonOutput:
            output = plain(pixels)
            return output._replace(boxes=output.boxes + 1)

    other = Aside(plain.config)
    with pytest.raises(InputError, match=r"in fp32 scores are off by 0, boxes by 0\.00"):
        persons._check(plain, other, "fp32")
    persons._check(plain, other, "bf16")
    persons._check(plain, plain, "fp32")


def test_what_lies_in_the_cache_and_finds_no_persons_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = cache.source_of(checkpoint.locate("person-small"), None)
    strange = signed_as(source, pair("dsta").graphs["encode"])
    cache.keep_graph(strange, "person-small", source)
    assert cache.kept_graph("person-small", source) == strange
    assert not isinstance(person_network("person-small", CPU, "onnxruntime"), PersonGraph)
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
