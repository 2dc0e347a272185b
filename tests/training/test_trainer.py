"""The loop learns, stops where it must, and goes on after a kill as if nothing had happened."""

import csv
import json
import logging
import signal
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.training.config import OptimConfig, TrainConfig
from chronopose.training.trainer import train
from tests.training.processes import Started, alone
from tests.training.tiny_run import TinyBatch, TinyData, TinyLoss, TinyModel, run, save


def _same_weights(one: Path, two: Path, step: int) -> None:
    """Every tensor both runs end with is equal bit by bit: weights, average, loss, optimiser, random state, log."""
    names = ["model.safetensors"]
    names += [f"checkpoints/step-{step:08d}/{n}.safetensors" for n in ("model", "ema", "loss", "optimizer", "loop")]
    for name in names:
        first, second = load_file(one / name), load_file(two / name)
        assert first.keys() == second.keys()
        for key in first:
            assert torch.equal(first[key], second[key]), f"{name}: {key}"
    assert _numbers(one / "log.csv") == _numbers(two / "log.csv")


def _numbers(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in ("seconds", "samples_per_s")} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps that was never stopped."""
    out = tmp_path_factory.mktemp("whole")
    run(out, 20)
    return out


class _Stop(Exception):
    pass


@pytest.mark.parametrize("calls", [3 * 4 + 2, 5 * 4 + 2, 10 * 4 + 1])
def test_a_resumed_run_ends_with_the_same_bits(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    left = calls
    sample = TinyData.sample

    def failing(self: TinyData, index: int, rng: np.random.Generator) -> TinyBatch:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Stop
        return sample(self, index, rng)

    with monkeypatch.context() as patch:
        patch.setattr(TinyData, "sample", failing)
        with pytest.raises(_Stop):
            run(tmp_path, 20)
    torch.randn(17)  # what else a process does with the default generator must not matter
    run(tmp_path, 20, resume=True)
    _same_weights(whole, tmp_path, 20)


def test_workers_change_nothing(whole: Path, tmp_path: Path) -> None:
    run(tmp_path, 20, workers=2)
    _same_weights(whole, tmp_path, 20)


def test_a_killed_process_resumes_to_the_same_bits(whole: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    started = alone(tmp_path, partial(run, killed, 20, delay_s=0.05))
    # 0.2 s a step: the kill comes in the second epoch, between the checkpoints of steps 4 and 8.
    deadline = time.monotonic() + 120
    while not (killed / "checkpoints" / "step-00000004").exists():
        assert started.process.is_alive() and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.35)
    started.process.kill()
    assert started.ended().code == -signal.SIGKILL
    assert not (killed / "checkpoints" / "step-00000020").exists()
    assert alone(tmp_path, partial(run, killed, 20, resume=True)).ended().code == 0
    _same_weights(whole, killed, 20)
    assert [row["step"] for row in _numbers(killed / "log.csv")] == ["3", "6", "9", "12", "15", "18", "20"]


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sound, hurt = tmp_path / "sound", tmp_path / "hurt"
    run(sound, 12)
    run(hurt, 12)
    file = hurt / "checkpoints" / "step-00000012" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with caplog.at_level(logging.INFO):
        run(hurt, 12, resume=True)
    assert "step-00000012 is damaged and is passed over: model.safetensors is not what was written" in caplog.text
    assert "going on from step 8" in caplog.text
    _same_weights(sound, hurt, 12)


def test_epochs_are_turned_into_steps_and_resumed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "steps", 7)
    with caplog.at_level(logging.INFO):
        run(tmp_path / "epochs", 0, epochs=2.0)  # 13 samples, 4 in a step
        assert "2 epochs over 13 samples are 7 steps" in caplog.text
        _same_weights(tmp_path / "steps", tmp_path / "epochs", 7)
        caplog.clear()
        run(tmp_path / "epochs", 0, epochs=2.0, resume=True)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_finished_run_resumes_to_nothing_more(tmp_path: Path) -> None:
    run(tmp_path, 4)
    before = (tmp_path / "log.csv").read_bytes()
    (tmp_path / "model.safetensors").unlink()
    run(tmp_path, 4, resume=True)
    assert (tmp_path / "model.safetensors").exists()
    assert (tmp_path / "log.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resume": False}, "holds a run of 4 steps: resume it, or choose another folder"),
        ({"batch_size": 3}, "keeps its batch_size: the checkpoint has 2, got 3"),
        ({"seed": 4}, "keeps its seed: the checkpoint has 3, got 4"),
        ({"ema_decay": 0.0}, r"keeps its moving average: the checkpoint has 0\.9"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    run(tmp_path, 4)
    with pytest.raises(InputError, match=message):
        run(tmp_path, 8, **{"resume": True, **changes})  # type: ignore[arg-type]


def test_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, 4)
    monkeypatch.setattr("tests.training.tiny_run.TinyModel", lambda *_: nn.Linear(192, 3))
    with pytest.raises(InputError, match="the checkpoint of step 4 does not fit this run's model") as caught:
        run(tmp_path, 8, resume=True)
    assert "\n" not in str(caught.value)


class _LineData:
    """Numbers x in -1 to 1, with y = 3 x - 1."""

    def __len__(self) -> int:
        return 100

    def sample(self, index: int, rng: np.random.Generator) -> TinyBatch:
        x = rng.uniform(-1, 1, 1).astype(np.float32)
        return TinyBatch(x, 3 * x - 1)  # type: ignore[arg-type]


def _squared(output: Tensor, batch: TinyBatch) -> dict[str, Tensor]:
    assert output.dtype == torch.float32
    return {"fit": (output - batch.target).square().mean()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_line_is_learned_and_validated(tmp_path: Path, precision: str) -> None:
    scores: list[bool] = []

    def validate(model: nn.Module) -> dict[str, float]:
        scores.append(model.training or torch.is_grad_enabled())
        return {"slope": model.weight.item()}  # type: ignore[arg-type]

    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    train(
        TrainConfig(steps=200, batch_size=16, log_every=50, precision=precision),  # type: ignore[arg-type]
        OptimConfig(lr=0.1, weight_decay=0.0, schedule="cosine"),
        model=model, loss=_squared, data=_LineData(), out=tmp_path, save=save, resume=False,
        validate=validate, validate_every=20,
    )  # fmt: skip
    assert model.training and model.weight.dtype == torch.float32
    assert model.weight.item() == pytest.approx(3, abs=0.02) and model.bias.item() == pytest.approx(-1, abs=0.02)
    assert scores == [False] * 10
    rows = _numbers(tmp_path / "validation.csv")
    assert [row["step"] for row in rows] == [str(step) for step in range(20, 201, 20)]
    losses = [float(row["loss"]) for row in _numbers(tmp_path / "log.csv")]
    assert losses[-1] < 0.01 * losses[0]


def test_validation_leaves_no_trace(tmp_path: Path) -> None:
    def validate(model: nn.Module) -> dict[str, float]:
        model.eval()
        return {"draw": torch.randn(()).item()}

    run(tmp_path / "without", 12, ema_decay=0.0)
    run(tmp_path / "with", 12, ema_decay=0.0, validate=validate, validate_every=2)
    assert len(_numbers(tmp_path / "with" / "validation.csv")) == 6
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("with", "without"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_accumulated_passes_equal_one_large_one(tmp_path: Path) -> None:
    weights = []
    for batch_size, accumulate in ((8, 1), (2, 4)):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        config = TrainConfig(steps=20, batch_size=batch_size, accumulate=accumulate)
        out = tmp_path / str(accumulate)
        train(config, OptimConfig(lr=0.1), model=model, loss=_squared, data=_LineData(), out=out, save=save,
              resume=False)  # fmt: skip
        weights.append(model.weight.detach().clone())
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, where: str) -> None:
    class Failing(TinyLoss):
        count = 0

        def forward(self, output: Tensor, batch: TinyBatch) -> dict[str, Tensor]:
            self.count += 1
            parts = super().forward(output, batch)
            if self.count == 7:
                # The square root of 0 has an infinite slope but a finite value.
                zero = (output * 0).sum()
                parts["bad"] = zero.sqrt() if where == "gradient" else zero / 0
            return parts

    with pytest.raises(InputError, match=r"not finite at step 7 .*older checkpoints are untouched") as caught:
        train(
            TrainConfig(steps=30, batch_size=2, log_every=10, checkpoint_every=3), OptimConfig(),
            model=TinyModel(), loss=Failing(), data=TinyData(), out=tmp_path, save=save, resume=False,
        )  # fmt: skip
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000003", "step-00000006"]
    assert all(bool(value.isfinite().all()) for value in load_file(tmp_path / "model.safetensors").values())


def test_the_export_is_the_average_without_the_loss(whole: Path) -> None:
    exported = load_file(whole / "model.safetensors")
    average = load_file(whole / "checkpoints" / "step-00000020" / "ema.safetensors")
    current = load_file(whole / "checkpoints" / "step-00000020" / "model.safetensors")
    assert exported.keys() == average.keys() == TinyModel().state_dict().keys()
    assert all(torch.equal(exported[name], average[name]) for name in exported)
    assert not torch.equal(exported["head.weight"], current["head.weight"])
    assert torch.equal(exported["backbone.1.running_mean"], current["backbone.1.running_mean"])


def test_save_is_given_a_plain_copy_and_replaces_whole_files(tmp_path: Path) -> None:
    def checking(model: nn.Module, path: Path) -> None:
        assert not model.training and path.parent == tmp_path and path.name != "model.safetensors"
        assert all(value.is_contiguous() and value.device.type == "cpu" for value in model.state_dict().values())
        save_file({"a": torch.zeros(1)}, path)

    train(TrainConfig(steps=1, batch_size=2), OptimConfig(), model=TinyModel(), loss=TinyLoss(), data=TinyData(),
          out=tmp_path, save=checking, resume=False)  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoints", "log.csv", "model.safetensors"]


def test_a_run_of_an_older_version_goes_on_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path, 4)
    file = tmp_path / "checkpoints" / "step-00000004" / "state.json"
    content = json.loads(file.read_text())
    del content["state"]["ranks"]
    for name in ("log", "shard", "compile", "epochs"):
        del content["state"]["train"][name]
    content["state"]["train"]["tensorboard"] = False
    file.write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING):
        run(tmp_path, 6, resume=True)
    assert [record.getMessage() for record in caplog.records] == ["steps was 4 before step 4 and is 6 from there on"]


def _compiled(out: Path, steps: int, resume: bool = False) -> None:
    run(out, steps, compile=True, resume=resume)


@pytest.mark.slow
def test_a_compiled_run_resumes_to_the_same_bits_and_keeps_the_names(tmp_path: Path) -> None:
    _compiled(tmp_path / "whole", 8)
    assert load_file(tmp_path / "whole" / "model.safetensors").keys() == TinyModel().state_dict().keys()
    for legs in ((5, False), (8, True)):
        ended = alone(tmp_path, _compiled, tmp_path / "legs", *legs).ended()
        assert ended.code == 0, ended.told
    _same_weights(tmp_path / "whole", tmp_path / "legs", 8)
    run(tmp_path / "legs", 10, resume=True)  # and without
    run(tmp_path / "eager", 8)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "eager"))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_without_a_compiler_one_line_says_so(tmp_path: Path) -> None:
    nothing = {"CXX": "/no/such/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    ended = Started(tmp_path, _compiled, tmp_path / "run", 4, environment=nothing).ended()
    assert ended.code == 1, ended.told
    line = ended.told.splitlines()[-1]
    assert line.startswith("chronopose: compile: torch cannot compile for cpu here (")
    assert line.endswith("; train without it") and "Traceback" not in ended.told
    assert not (tmp_path / "run").exists()


@pytest.mark.gpu
def test_a_step_never_waits_for_the_device(tmp_path: Path) -> None:
    data = TinyData()
    modes = []

    def watched(output: Tensor, batch: TinyBatch) -> dict[str, Tensor]:
        modes.append(batch.pixels.device.type)
        torch.cuda.set_sync_debug_mode("error" if len(modes) < 9 else "default")
        return {"fit": (output - batch.target).square().mean()}

    try:
        train(TrainConfig(steps=10, batch_size=2, ema_decay=0.9, log_every=10), OptimConfig(), model=TinyModel(),
              loss=watched, data=data, out=tmp_path, save=save, resume=False)  # fmt: skip
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert set(modes) == {"cuda"}
