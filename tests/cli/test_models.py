"""`models` lists what can be used and built, and shows what one costs and was trained on."""

import json
from pathlib import Path

import pytest
import torch

from chronopose.cli.__main__ import run
from chronopose.models import checkpoint
from chronopose.models.dsta import DSTA
from chronopose.recipes.presets import PRESETS
from tests.inference.tiny_pose import save_tiny, tiny_model

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


def test_a_preset_costs_what_its_network_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", "dsta-mobilenetv2", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    with torch.device("meta"):
        network = DSTA(PRESETS["dsta-mobilenetv2"])
    assert row["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    assert row["data"] == "none: random weights"


def test_the_list_has_every_bundled_model_and_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [*checkpoint.bundled(), *PRESETS]
    assert all(set(row) >= DOCUMENTED for row in rows)
    assert run(["models", "list"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "parameters", "MACs/frame", "MACs/window", "offsets"]
    for row, line in zip(rows, lines, strict=True):
        assert line.split()[:2] == [row["name"], f"{row['parameters']:,}"]
