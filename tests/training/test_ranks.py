"""Several ranks learn what one process learns, go on where they stopped, and end together."""

import csv
import re
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed

from chronopose.core.errors import InputError
from chronopose.losses.detection import detection_loss
from chronopose.training import sharding
from chronopose.training.ranks import Ranks
from tests.training.processes import ranks, run_ranks
from tests.training.tiny_run import TinyBatch, TinyData, run

FILES = ("model", "ema", "loss", "optimizer")


def _rows(out: Path) -> list[dict[str, float]]:
    with (out / "log.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [{name: row[name] for name in row if name not in ("seconds", "samples_per_s")} for row in rows]


def _close(one: Path, two: Path, step: int) -> None:
    """Weights, average, loss and optimiser agree to a hundred-thousandth of each tensor's largest value; so do logs."""
    for name in FILES:
        file = f"checkpoints/step-{step:08d}/{name}.safetensors"
        first, second = load_file(one / file), load_file(two / file)
        assert first.keys() == second.keys()
        for key in first:
            tolerance = 1e-5 * max(float(first[key].abs().max()), 1e-6)
            torch.testing.assert_close(first[key], second[key], rtol=0, atol=tolerance, msg=f"{name}: {key}")
    for first_row, second_row in zip(_rows(one), _rows(two), strict=True):
        assert first_row == pytest.approx(second_row, rel=1e-5)


def _same(one: Path, two: Path, step: int) -> None:
    for name in (*FILES, "loop"):
        file = f"checkpoints/step-{step:08d}/{name}.safetensors"
        first, second = load_file(one / file), load_file(two / file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), name
    assert _rows(one) == _rows(two)


def _finely_spread(out: Path, steps: int, **changes: object) -> None:
    sharding._LEAST = 10  # so that the tiny model has blocks worth gathering for themselves
    run(out, steps, **changes)  # type: ignore[arg-type]


def test_each_leg_of_a_run_may_be_run_otherwise(tmp_path: Path) -> None:
    # The rate does not look ahead: legs of other lengths would have other rates.
    settings = {"plain": True, "schedule": "constant", "batch_size": 4, "log_every": 1, "checkpoint_every": 3}
    run(tmp_path / "one", 12, **settings)  # type: ignore[arg-type]
    several = tmp_path / "several"
    told = run_ranks(tmp_path, 2, partial(_finely_spread, several, 4, shard=True, **settings))
    told += run_ranks(tmp_path, 2, partial(run, several, 8, resume=True, **settings))
    assert "Warning" not in told and "Traceback" not in told, told
    run_ranks(tmp_path, 2, partial(_finely_spread, several, 10, resume=True, shard=True, **settings))
    run(several, 12, resume=True, **settings)  # type: ignore[arg-type]
    _close(tmp_path / "one", several, 12)
    assert sorted(path.name for path in several.iterdir()) == ["checkpoints", "log.csv", "model.safetensors"]
    # What has no part in the loss was neither moved nor decayed, on any leg.
    exported = load_file(several / "model.safetensors")
    assert torch.equal(exported["idle.weight"], load_file(tmp_path / "one" / "model.safetensors")["idle.weight"])


def test_ranks_that_lose_one_end_with_a_line_and_resume_to_the_same_bits(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_ranks(tmp_path, 2, partial(run, whole, 12))
    started = ranks(tmp_path, 2, partial(run, killed, 12, delay_s=0.05))
    deadline = time.monotonic() + 120
    while not (killed / "checkpoints" / "step-00000004").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.15)  # a step is 0.1 s: in the second epoch, before the next checkpoint
    started[1].process.kill()
    first, second = (process.ended() for process in started)
    assert second.code == -signal.SIGKILL
    lines = [line for line in first.told.splitlines() if line.startswith("chronopose: ")]
    assert first.code == 1 and lines == ["chronopose: rank 0: another rank is gone, killed perhaps; resume the run"]
    assert not (killed / "checkpoints" / "step-00000012").exists()
    run_ranks(tmp_path, 2, partial(run, killed, 12, resume=True))
    _same(whole, killed, 12)
    # Dropout differs from rank to rank.
    loop = load_file(whole / "checkpoints" / "step-00000012" / "loop.safetensors")
    assert not torch.equal(loop["rng.cpu"], loop["rank1.rng.cpu"])


class _HoledData(TinyData):
    def sample(self, index: int, rng: np.random.Generator) -> TinyBatch:
        if index == 5:
            raise InputError("clip 5 has no frames: at least 1 is needed")
        return super().sample(index, rng)


@pytest.mark.parametrize(
    ("work", "line"),
    [
        (partial(run, data=_HoledData()), "chronopose: rank [01]: clip 5 has no frames: at least 1 is needed"),
        (partial(run, batch_size=3), "chronopose: rank [01]: batch_size 3 has no equal parts for 2 ranks: .*"),
        (
            partial(run, shard=True),
            "chronopose: rank [01]: shard: scale is a single number, .*",
        ),
    ],
)
def test_an_error_of_one_rank_is_one_line_and_the_end_of_all(tmp_path: Path, work: "partial[None]", line: str) -> None:
    ended = [process.ended() for process in ranks(tmp_path, 2, work, tmp_path / "run", 20)]
    told = "".join(end.told for end in ended)
    assert [end.code for end in ended] == [1, 1], told
    assert told.count("chronopose: ") == 1 and "Traceback" not in told, told
    (said,) = [text for text in told.splitlines() if text.startswith("chronopose: ")]
    assert re.fullmatch(line, said)


def test_one_process_has_nothing_to_spread_weights_over(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shard spreads weights over ranks, and this is one process"):
        run(tmp_path, 4, shard=True)
    assert list(tmp_path.iterdir()) == []


def _detections() -> dict[str, Tensor]:
    """Two pictures, in which 1 and 3 persons are known."""
    made = torch.Generator().manual_seed(0)
    corner = 80 * torch.rand(2, 3, 2, generator=made)
    x, y = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="xy")
    centres = 16 * torch.stack([x, y], -1).flatten(0, 1) + 8
    return {
        "logit": torch.randn(2, 64, generator=made),
        "boxes": torch.cat([centres - 20, centres + 20], -1) + 8 * torch.randn(2, 64, 4, generator=made),
        "truth": torch.cat([corner, corner + 40], -1),
        "known": torch.tensor([[1.0, 0, 0], [1, 1, 1]]),
        "doubt": torch.zeros(2, 1, 5),
        "centres": centres,
    }


def _part_of_detections(out: Path) -> None:
    who = Ranks()
    mine = {
        name: value if name == "centres" else value[who.rank : who.rank + 1] for name, value in _detections().items()
    }
    mine["logit"].requires_grad_()
    parts = detection_loss(**mine)
    sum(parts.values()).backward()  # type: ignore[union-attr]
    numbers = {**{name: part.detach() for name, part in parts.items()}, "gradient": mine["logit"].grad}
    save_file(numbers, out / f"{who.rank}.safetensors")  # type: ignore[arg-type]


def test_a_detectors_loss_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    whole = _detections()
    whole["logit"].requires_grad_()
    parts = detection_loss(**whole)
    sum(parts.values()).backward()  # type: ignore[union-attr]
    run_ranks(tmp_path, 2, _part_of_detections, tmp_path)
    told = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(2)]
    for name, part in parts.items():
        torch.testing.assert_close((told[0][name] + told[1][name]) / 2, part.detach())
    assert whole["logit"].grad is not None
    torch.testing.assert_close(torch.cat([numbers["gradient"] for numbers in told]) / 2, whole["logit"].grad)
    assert not distributed.is_initialized()
