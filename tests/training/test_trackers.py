"""Trackers are told what the table is told; one that is missing or broken is named."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from chronopose.core.errors import InputError
from chronopose.training.trackers import Trackers
from tests.training.tiny_run import run


def _scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: Any = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_tensorboard_has_the_rows_of_the_table(tmp_path: Path) -> None:
    run(tmp_path, 4, log=("tensorboard",), log_every=2, checkpoint_every=2)
    (tmp_path / "checkpoints" / "step-00000004").rename(tmp_path / "checkpoints" / "step-00000004.partial")
    run(tmp_path, 6, log=("tensorboard",), log_every=2, resume=True)
    rows = [row.split(",") for row in (tmp_path / "log.csv").read_text().split()]
    loss = rows[0].index("loss")
    told = _scalars(tmp_path / "tensorboard", "train/loss")
    assert [step for step, _ in told] == [2, 4, 6]  # the second step 4 took the place of the first
    assert [value for _, value in told] == pytest.approx([float(row[loss]) for row in rows[1:]], rel=1e-5)


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow", "trackio"])
def test_a_missing_package_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    wanted = rf"log {name}: the package {name} is not installed: pip install 'chronopose\[{name}\]'"
    with pytest.raises(InputError, match=wanted):
        run(tmp_path / "run", 4, log=(name,))
    assert not (tmp_path / "run").exists()


def _package(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's, made up."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(folder)


def test_a_tracker_that_does_not_start_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, "wandb", "def init(**settings):\n    raise RuntimeError('nobody\\nis logged in')\n", monkeypatch)
    with pytest.raises(InputError, match="log wandb: does not start: RuntimeError: nobody is logged in"):
        Trackers(("wandb",), tmp_path, 0, {})


_TRACKIO = """
rows = []

class Config:
    def update(self, values, allow_val_change):
        rows.append(values['train.log'])

class Record:
    def log(self, values, step):
        if step > 4:
            raise OSError('the server is gone')
        rows.append((step, sorted(values)))

config = Config()

def init(project, name, resume):
    rows.append((project, name, resume))
    return Record()
"""


def test_a_tracker_that_fails_on_the_way_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _package(tmp_path, "trackio", _TRACKIO, monkeypatch)
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "mine", 8, log=("trackio",), log_every=4)
    assert caplog.text.count("log trackio: gives up, and the run goes on without it: OSError: the server is gone") == 1
    import trackio

    names = ["epoch", "fit", "grad_norm", "loss", "lr", "samples_per_s", "seconds", "size"]
    told = (4, [f"train/{name}" for name in names])
    assert trackio.rows == [("chronopose", "mine", "never"), "('trackio',)", told]
    assert (tmp_path / "mine" / "model.safetensors").exists()
