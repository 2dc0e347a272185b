"""What a run writes down: a CSV table, what trackers are told, and progress on the terminal."""

import csv
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

from chronopose.core.files import replacing
from chronopose.training.checkpoints import writing
from chronopose.training.ranks import Ranks
from chronopose.training.trackers import Trackers

_log = logging.getLogger(__name__)


class Table:
    """A CSV file of numbers by step that can be continued.

    Args:
        path: of the file.
        step: rows of later steps are dropped: they belong to work that was lost and is done again.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.header: list[str] = []
        if not path.exists():
            return
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            reader = csv.DictReader(file)
            # A process killed while it wrote may leave half a row, which has no or a wrong number of cells.
            rows = [row for row in reader if None not in row and None not in row.values()]
            header = list(reader.fieldnames or [])
        if header[:1] == ["step"]:
            self._rewrite(header, [row for row in rows if row["step"].isdigit() and int(row["step"]) <= step])
        else:
            path.unlink()

    def append(self, row: Mapping[str, float]) -> None:
        """Adds a row; columns not seen before are added to the file."""
        with writing(self.path):
            new = [name for name in row if name not in self.header]
            if new and self.header:
                with self.path.open(newline="", encoding="utf-8") as file:
                    rows = list(csv.DictReader(file))
                self._rewrite([*self.header, *new], rows)
            elif new:
                self._rewrite(new, [])
            with self.path.open("a", newline="", encoding="utf-8") as file:
                cells = {name: _text(value) for name, value in row.items()}
                csv.DictWriter(file, self.header, restval="").writerow(cells)

    def _rewrite(self, header: list[str], rows: list[dict[str, str]]) -> None:
        with replacing(self.path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, header, restval="")
            writer.writeheader()
            writer.writerows(rows)
        self.header = header


class Means:
    """Running means of scalar tensors that stay on their device until they are asked for."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Adds one value to each mean."""
        for name, value in values.items():
            value = value.detach().double() if value.device.type != "mps" else value.detach().float()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def pool(self, ranks: Ranks) -> None:
        """Brings the values of all ranks to rank 0; the others begin anew."""
        if ranks.count == 1:
            return
        everyone = ranks.collected(self._numbers())
        self.sums, self.counts = {}, {}
        for numbers in everyone if ranks.main else []:
            for name, (total, count) in numbers.items():
                self.sums[name] = self.sums.get(name, torch.zeros((), dtype=torch.float64)) + total
                self.counts[name] = self.counts.get(name, 0) + count

    def take(self) -> dict[str, float]:
        """The means, and a new start; this is where the host waits for the device."""
        numbers = self._numbers()
        self.sums, self.counts = {}, {}
        return {name: total / count for name, (total, count) in numbers.items()}

    def _numbers(self) -> dict[str, tuple[float, int]]:
        return {name: (float(total), self.counts[name]) for name, total in self.sums.items()}


class Log:
    """The log of one run, to be used as a context manager.

    Args:
        out: the run's folder; `log.csv` and `validation.csv` are written there.
        step: steps already done.
        steps: in the whole run.
        trackers: what else is told the rows; closed with the log.
        main: whether this is the rank that writes; the log of another does nothing.
    """

    def __init__(
        self, out: Path, *, step: int, steps: int, trackers: Trackers | None = None, main: bool = True
    ) -> None:
        files = {"train": "log.csv", "validation": "validation.csv"} if main else {}
        self.tables = {title: Table(out / name, step) for title, name in files.items()}
        self.steps = steps
        self.trackers = trackers
        self._progress: Any = None
        if main and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True))
            self._task = self._progress.add_task("training", total=steps, completed=step)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self.trackers is not None:
            self.trackers.close()

    def advance(self, step: int) -> None:
        """Moves the progress bar, where there is one."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step)

    def train_row(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one row of the training table."""
        self._row("train", step, values)

    def validation_row(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one row of the validation table."""
        self._row("validation", step, values)

    def _row(self, title: str, step: int, values: Mapping[str, float]) -> None:
        if title not in self.tables:
            return
        self.tables[title].append({"step": step, **values})
        if self.trackers is not None:
            self.trackers.row(step, {f"{title}/{name}": value for name, value in values.items()})
        text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self._progress is not None and title == "train":
            self._progress.update(self._task, description=f"loss {values['loss']:.4g}")
        else:
            _log.info("%s step %d/%d  %s", title, step, self.steps, text)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.7g}"
