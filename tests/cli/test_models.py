"""`models` lists what can be used and built, and shows what one costs and was trained on."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from chronopose.cli.__main__ import run
from chronopose.formats import weights_file
from chronopose.models import checkpoint
from chronopose.models.baselines import Regression, RegressionConfig
from chronopose.models.dsta import DSTA
from chronopose.recipes import presets, smoke
from chronopose.recipes.presets import PRESETS
from chronopose.runtimes import graph_file
from tests.inference.tiny_pose import save_tiny, tiny_model
from tests.models.published.layouts import filled, tokenpose, vit_hub
from tests.models.published.test_tokenpose import CODE
from tests.runtimes.tiny_graphs import pair

DOCUMENTED = {
    "name", "parameters", "macs_encode_per_frame", "macs_fuse_per_window", "offsets", "skeleton", "data", "licence",
}  # fmt: skip


def test_info_has_the_documented_keys_and_the_models_own_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = save_tiny(tmp_path / "tiny.safetensors", (-1, 0, 2))
    assert run(["models", "info", str(weights), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert set(row) >= DOCUMENTED
    assert row["parameters"] == sum(parameter.numel() for parameter in tiny_model((-1, 0, 2)).parameters())
    assert (row["offsets"], row["skeleton"]) == ([-1, 0, 2], "posetrack-15")
    assert (row["data"], row["licence"]) == ("nothing", "none")
    assert row["macs_encode_per_frame"] > row["macs_fuse_per_window"] > 0


def test_info_for_people_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = save_tiny(tmp_path / "tiny.safetensors")
    assert run(["models", "info", str(weights)]) == 0
    lines = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines() if len(line.split(None, 1)) == 2)
    assert set(lines) >= DOCUMENTED
    assert lines["parameters"] == f"{sum(p.numel() for p in tiny_model().parameters()):,}"
    assert lines["offsets"] == "-2 -1 0 1 2"


def test_a_training_run_is_a_model_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny(tmp_path / "model.safetensors")
    assert run(["models", "info", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == str(tmp_path)


def test_a_file_of_graphs_says_what_it_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph_file.write(pair("listpose"), tmp_path / "pair.zip")
    assert run(["models", "info", str(tmp_path / "pair.zip"), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert set(row) >= DOCUMENTED - {"parameters", "macs_encode_per_frame", "macs_fuse_per_window"}
    assert (row["weights"], row["graphs"], row["precision"]) == ("tiny-listpose", ["encode", "fuse"], "fp32")
    assert run(["models", "info", str(tmp_path / "other.onnx")]) == 1
    assert capsys.readouterr().err == f"chronopose: {tmp_path / 'other.onnx'}: no such file\n"


def test_a_preset_costs_what_its_network_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", "dsta-mobilenetv2", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    with torch.device("meta"):
        network = DSTA(PRESETS["dsta-mobilenetv2"])
    assert row["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert row["data"] == "none: random weights"


def test_the_list_has_every_bundled_model_and_every_preset(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: PRESETS[name] for name in ("dsta-mobilenetv2", "listpose-t")}  # counting all takes half a minute
    monkeypatch.setattr(presets, "PRESETS", few)
    assert run(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [*weights_file.bundled(), *few]
    assert all(set(row) >= DOCUMENTED for row in rows)
    assert run(["models", "list"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "parameters", "MACs/frame", "MACs/window", "offsets"]
    for row, line in zip(rows, lines, strict=True):
        assert line.split()[:2] == [row["name"], f"{row['parameters']:,}"]


# Import ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def published_file(tmp_path: Path) -> Path:
    """A file as TokenPose's authors save it, beside an empty folder to write to."""
    (tmp_path / "out").mkdir()
    weights = filled(tokenpose("t")) | {"transformer.pos_embedding": CODE}
    torch.save({"epoch": 299, "state_dict": weights, "optimizer": {}}, tmp_path / "best.pth")
    return tmp_path / "best.pth"


def test_import_writes_a_model_and_says_what_became_of_the_file(
    published_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = published_file.parent / "out" / "t.safetensors"
    assert run(["models", "import", str(published_file), "--as", "tokenpose-t", "-o", str(out), "--list"]) == 0
    told = capsys.readouterr().out.splitlines()
    digest = hashlib.sha256(published_file.read_bytes()).hexdigest()
    names = list(tokenpose("t"))
    assert len(told) == len(names) + 6
    assert "transformer.keypoint_token -> network.tokens" in told
    assert "transformer.pos_embedding -> left out: the sine code of place, which is computed" in told
    assert f"read best.pth: {len(names)} tensors, sha256 {digest}" in told
    assert "ignored what is no weight: epoch, optimizer" in told
    assert any(line.startswith(f"wrote {out}: tokenpose-t from {len(names) - 1} of them") for line in told)
    assert told[-1] == f"next: chronopose predict VIDEO --model {out}"

    assert run(["models", "info", str(out), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["model"], row["skeleton"], row["input"]) == ("tokenpose", "coco-17", [256, 192])
    assert row["licence"].startswith("as its authors published it; see https://")
    assert digest in row["notes"][0]


def test_import_names_the_file_after_the_preset_if_nothing_is_said(
    published_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(published_file.parent / "out")
    assert run(["models", "import", str(published_file), "--as", "tokenpose-t", "--half"]) == 0
    assert [file.name for file in Path().iterdir()] == ["tokenpose-t.safetensors"]
    assert Path("tokenpose-t.safetensors").stat().st_size < 0.55 * published_file.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["best.pth", "--as", "tokenpose-x"], "no published weights are known for it, but for dsta-r50-shipped, "),
        (["best.pth", "--as", "dsta-r50"], "no published weights are known for it, but for dsta-r50-shipped, "),
        (["best.pth", "--as", "tokenpose-s"], "not named as in the files of the authors of TokenPose"),
        (["best.pth", "--as", "tokenpose-b"], "not these weights as the authors of TokenPose has them: "),
        (["best.pth", "--as", "tokenpose-t", "-o", "out/t.pth"], "wanted a name ending in .safetensors"),
        (["best.pth", "--as", "tokenpose-t", "-o", "no/t.safetensors"], "there is no folder no; create it first"),
        (["gone.pth", "--as", "tokenpose-t"], "gone.pth: no such file"),
        (["w.safetensors", "--as", "tokenpose-t", "-o", "w.safetensors"], "is the file to convert; give another name"),
        (["w.safetensors", "--as", "tokenpose-t"], "not a readable safetensors file"),
        (["best.pth", "--as", "tokenpose-t", "--input", "big"], "--input big: wanted HEIGHTxWIDTH"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_nothing_is_written(
    arguments: list[str],
    message: str,
    published_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(published_file.parent)
    Path("w.safetensors").write_bytes(b"\0" * 20)
    before = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    assert run(["models", "import", *arguments]) == 1
    told = capsys.readouterr()
    assert message in told.err and told.err.startswith("chronopose: ") and told.err.count("\n") == 1
    assert told.out == ""
    assert {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()} == before


def test_without_a_network_a_name_of_the_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert run(["models", "import", "usyd-community/vitpose-base", "--as", "vitpose-b"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "asking the Hugging Face hub for usyd-community/vitpose-base"
    assert second.startswith("chronopose: usyd-community/vitpose-base: neither a file nor to be had from the")
    assert not list(tmp_path.iterdir())


def test_a_name_of_the_hub_is_imported_under_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file(filled(vit_hub(384, 12, expert=96)), tmp_path / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: str(tmp_path / "model.safetensors"))
    out = tmp_path / "s.safetensors"
    assert run(["models", "import", "usyd-community/vitpose-plus-small", "--as", "vitpose-s", "-o", str(out)]) == 0
    assert "left out: experts and heads for data sets other than COCO: 120 tensors" in capsys.readouterr().out
    loaded = checkpoint.load(out)
    assert loaded.card.notes[0].startswith("converted from usyd-community/vitpose-plus-small, sha256 ")
    assert loaded.kind == "simple_baseline"


def test_a_run_starts_from_the_backbone_of_another_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = [
        "--model.height", "32", "--model.width", "32", "--people.width", "48", "--people.height", "48",
        "--people.clips", "8", "--train.batch-size", "2", "--train.steps", "1", "--optim.lr", "1e-9",
        "--out", str(tmp_path / "run"), "--backbone", str(tmp_path / "other.safetensors"),
    ]  # fmt: skip
    torch.manual_seed(5)
    backbone = smoke.config().model.backbone
    other = Regression(RegressionConfig(backbone=backbone, height=64, width=64))
    checkpoint.save(other, tmp_path / "other.safetensors", weights_file.Card())
    assert run(["train", "smoke", *small]) == 0
    trained = checkpoint.load(tmp_path / "run").model.state_dict()
    for name, tensor in other.backbone.named_parameters():
        torch.testing.assert_close(trained[f"backbone.{name}"], tensor, rtol=1e-3, atol=1e-5)

    capsys.readouterr()
    assert run(["train", "smoke", *small, "--pretrained"]) == 1
    assert "--pretrained is given too; wanted one of them" in capsys.readouterr().err
