"""The CSV table goes on without a gap, and the other outputs appear when asked for."""

import sys
from pathlib import Path

import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.training.log import Log, Means, Table


def test_rows_after_the_resumed_step_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    table = Table(path, 0)
    for step in (10, 20, 30):
        table.append({"step": step, "loss": 1 / step})
    with path.open("a") as file:
        file.write("40")  # a row cut short by a kill
    Table(path, 20).append({"step": 30, "loss": 7.0})
    assert path.read_text().split() == ["step,loss", "10,0.1", "20,0.05", "30,7"]


def test_a_new_column_is_added_to_old_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    table = Table(path, 0)
    table.append({"step": 10, "a": 1.5})
    table.append({"step": 20, "a": 2.5, "b": 3.5})
    table.append({"step": 123456789, "a": 4.5})
    assert path.read_text().split() == ["step,a,b", "10,1.5,", "20,2.5,3.5", "123456789,4.5,"]


def test_means_are_taken_once() -> None:
    means = Means()
    for value in (1.0, 2.0, 6.0):
        means.add({"a": torch.tensor(value)})
    means.add({"b": torch.tensor(5.0)})
    assert means.take() == {"a": 3.0, "b": 5.0}
    assert means.take() == {}


def test_event_files_on_request(tmp_path: Path) -> None:
    with Log(tmp_path, step=0, steps=10, tensorboard=True) as log:
        log.train_row(5, {"loss": 1.0})
        log.validation_row(5, {"ap": 0.5})
    assert list((tmp_path / "tensorboard").glob("events.*"))
    assert (tmp_path / "validation.csv").read_text().split() == ["step,ap", "5,0.5"]


def test_missing_tensorboard_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'chronopose\[tensorboard\]'"):
        Log(tmp_path, step=0, steps=10, tensorboard=True)


def test_a_terminal_gets_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Log(tmp_path, step=0, steps=10, tensorboard=False) as log:
        log.train_row(5, {"loss": 1.0})
        log.advance(5)
    assert (tmp_path / "log.csv").exists()
