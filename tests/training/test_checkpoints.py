"""Checkpoints appear whole, are read back exactly, and give way to older ones when damaged."""

import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from chronopose.core.errors import InputError
from chronopose.training import checkpoints


def _write(folder: Path, step: int, keep: int = 2) -> Path:
    weight = torch.full((2, 3), float(step))
    tensors = {"model": {"weight": weight, "shared": weight, "turned": weight.T}, "loss": {}}
    return checkpoints.write(folder, step=step, tensors=tensors, state={"epoch": step // 10}, keep=keep)


def _steps(folder: Path) -> list[int]:
    return sorted(int(path.name.removeprefix("step-")) for path in folder.iterdir())


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    _write(tmp_path, 30)
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 30 and found.state == {"epoch": 3}
    assert found.tensors["model"]["turned"].tolist() == [[30.0, 30.0]] * 3
    assert found.tensors["loss"] == {}


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        _write(tmp_path, step)
    assert _steps(tmp_path) == [20, 30]


def test_an_unfinished_one_is_named_and_gives_way_to_the_next_whole_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert checkpoints.newest(tmp_path / "missing") is None
    _write(tmp_path, 10).rename(tmp_path / "step-00000010.partial")
    with caplog.at_level(logging.WARNING):
        assert checkpoints.newest(tmp_path) is None
    assert "step-00000010.partial is unfinished and is passed over" in caplog.text
    _write(tmp_path, 20)
    assert _steps(tmp_path) == [20]


@pytest.mark.parametrize("damage", ["cut", "bit", "missing", "state"])
def test_a_damaged_one_is_named_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    _write(tmp_path, 10)
    newer = _write(tmp_path, 20)
    file = newer / ("state.json" if damage == "state" else "model.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(bytes(content) if damage == "bit" else bytes(content[:-7]))
    with caplog.at_level(logging.WARNING):
        found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 10
    assert "step-00000020 is damaged" in caplog.text
    _write(tmp_path, 15, keep=1)  # must not be taken for older than the damaged one
    assert _steps(tmp_path) == [15]


def test_all_damaged_is_an_error_not_a_fresh_start(tmp_path: Path) -> None:
    (_write(tmp_path, 10) / "state.json").unlink()
    with pytest.raises(InputError, match=r"every checkpoint in .* is damaged"):
        checkpoints.newest(tmp_path)


def test_a_failed_write_leaves_the_older_one(tmp_path: Path) -> None:
    _write(tmp_path, 10)
    with pytest.raises(TypeError):
        checkpoints.write(tmp_path, step=20, tensors={}, state={"bad": object()}, keep=1)
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 10


def test_optimizer_state_survives(tmp_path: Path) -> None:
    def made() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        return model, torch.optim.AdamW([{"params": list(model.named_parameters())}], lr=0.1)

    model, optimizer = made()
    model(torch.randn(1, 3, 5, 5)).sum().backward()
    optimizer.step()
    saved = checkpoints.optimizer_tensors(optimizer)
    assert sorted(saved) == sorted(f"{n}|{f}" for n in ("weight", "bias") for f in ("exp_avg", "exp_avg_sq", "step"))
    other, fresh = made()
    checkpoints.restore_optimizer(fresh, saved)
    one, two = optimizer.state[model.weight], fresh.state[other.weight]
    assert torch.equal(one["exp_avg"], two["exp_avg"]) and one["exp_avg"].stride() == two["exp_avg"].stride()
    assert float(two["step"]) == 1.0
    with pytest.raises(InputError, match="knows parameter gone"):
        checkpoints.restore_optimizer(fresh, {"gone|step": torch.ones(())})
