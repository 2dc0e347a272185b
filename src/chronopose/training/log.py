"""What a run writes down: a CSV table, TensorBoard on request, and progress on the terminal."""

import csv
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.core.files import replacing

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
        with path.open(newline="", encoding="utf-8") as file:
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
        new = [name for name in row if name not in self.header]
        if new and self.header:
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            self._rewrite([*self.header, *new], rows)
        elif new:
            self._rewrite(new, [])
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.header, restval="").writerow({name: _text(value) for name, value in row.items()})

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

    def take(self) -> dict[str, float]:
        """The means, and a new start; this is where the host waits for the device."""
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


class Log:
    """The log of one run, to be used as a context manager.

    Args:
        out: the run's folder; `log.csv` and `validation.csv` are written there, event files under `tensorboard/`.
        step: steps already done.
        steps: in the whole run.
        tensorboard: write event files.
    """

    def __init__(self, out: Path, *, step: int, steps: int, tensorboard: bool) -> None:
        self.training = Table(out / "log.csv", step)
        self.validation = Table(out / "validation.csv", step)
        self.steps = steps
        self._writer: Any = _event_writer(out / "tensorboard", step) if tensorboard else None
        self._progress: Any = None
        if sys.stderr.isatty():
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
        if self._writer is not None:
            self._writer.close()

    def advance(self, step: int) -> None:
        """Moves the progress bar, where there is one."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step)

    def train_row(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one row of the training table."""
        self._row(self.training, "train", step, values)

    def validation_row(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one row of the validation table."""
        self._row(self.validation, "validation", step, values)

    def _row(self, table: Table, title: str, step: int, values: Mapping[str, float]) -> None:
        table.append({"step": step, **values})
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{title}/{name}", value, step)
        text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self._progress is not None and title == "train":
            self._progress.update(self._task, description=f"loss {values['loss']:.4g}")
        else:
            _log.info("%s step %d/%d  %s", title, step, self.steps, text)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def _event_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("tensorboard=True needs TensorBoard: pip install 'chronopose[tensorboard]'") from None
    writer: Any = SummaryWriter  # it has no types
    return writer(str(folder), purge_step=step + 1 if step else None)
