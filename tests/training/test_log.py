"""The CSV table goes on without a gap, and the other outputs appear when asked for."""

import sys
from pathlib import Path

import pytest
import torch

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


def test_a_terminal_gets_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Log(tmp_path, step=0, steps=10) as log:
        log.train_row(5, {"loss": 1.0})
        log.advance(5)
    assert (tmp_path / "log.csv").exists()


def test_another_rank_writes_nothing(tmp_path: Path) -> None:
    with Log(tmp_path / "run", step=0, steps=10, main=False) as log:
        log.train_row(5, {"loss": 1.0})
        log.validation_row(5, {"ap": 0.5})
        log.advance(5)
    assert list(tmp_path.iterdir()) == []


def test_a_log_of_noise_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(bytes(range(256)) * 3)
    Table(path, 20).append({"step": 30, "loss": 7.0})
    assert path.read_text().split() == ["step,loss", "30,7"]
