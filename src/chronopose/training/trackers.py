"""Experiment trackers beside the CSV log: TensorBoard, Weights & Biases, MLflow and Trackio, through accelerate."""

import importlib.util
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from chronopose.core.errors import InputError

_log = logging.getLogger(__name__)
_PROJECT = "chronopose"


class Trackers:
    """The trackers of one run, told numbers by step. One that fails on the way is given up; the run goes on.

    Args:
        names: of those wanted, see `TrainConfig.log`.
        out: the run's folder, whose name is the run's.
        step: steps already done: a run that goes on adds to what the tracker has of it (MLflow begins a new record).
        settings: of the run, by name.

    Raises:
        InputError: a package is missing, or a tracker does not start (nobody is logged in, no server answers).
    """

    def __init__(self, names: Sequence[str], out: Path, step: int, settings: Mapping[str, Any]) -> None:
        check(names)
        self._open: dict[str, Any] = {}
        plain = {
            name: value if isinstance(value, int | float | str) else str(value) for name, value in settings.items()
        }
        for name in names:
            try:
                tracker: Any = LOGGER_TYPE_TO_CLASS[name](**_arguments(name, out.resolve(), step))
                tracker.start()
                tracker.store_init_configuration(plain)
            except Exception as error:  # each has its own kinds of error
                raise InputError(f"log {name}: does not start: {_reason(error)}") from error
            self._open[name] = tracker

    def row(self, step: int, values: Mapping[str, float]) -> None:
        """Tells all trackers."""
        self._each(lambda tracker: tracker.log(dict(values), step=step))

    def close(self) -> None:
        """Ends the records."""
        self._each(lambda tracker: tracker.finish())

    def _each(self, work: Callable[[Any], None]) -> None:
        for name, tracker in list(self._open.items()):
            try:
                work(tracker)
            except Exception as error:
                _log.warning("log %s: gives up, and the run goes on without it: %s", name, _reason(error))
                del self._open[name]


def check(names: Sequence[str]) -> None:
    """Raises `InputError` where the package of a tracker is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise InputError(f"log {name}: the package {name} is not installed: pip install 'chronopose[{name}]'")


def _arguments(name: str, out: Path, step: int) -> dict[str, Any]:
    if name == "tensorboard":
        # What comes after the checkpoint that a run goes on from is done again, and so written again.
        return {"run_name": name, "logging_dir": out, "purge_step": step + 1 if step else None}
    if name == "mlflow":
        return {"experiment_name": _PROJECT, "run_name": out.name}
    called = {"run_name": _PROJECT, "name": out.name}
    if name == "trackio":
        return called | {"resume": "allow" if step else "never"}
    # The same folder is the same run; begun anew, the record is too.
    known = uuid.uuid5(uuid.NAMESPACE_URL, out.as_uri()).hex
    return called | {"dir": str(out), "id": known, "resume": "allow" if step else None}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
