"""What a crop and a window cost in each backend and precision, as ratios to plain torch, and what precision costs.

    python benchmarks/runtimes.py [--lspet FOLDER] [--models dsta-small ftp-small listpose-small]

Times are CPU time on one thread, the variants in turn, the median of the rounds: a busy machine changes them little,
and ratios less. Plain torch is the model as it was trained, without folding. Graphs are made at first use and kept.
With --lspet, PCK of the held-out photographs stands beside (docs/evaluation.md).
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from processor import processor

from chronopose.core.errors import InputError
from chronopose.data import catalogue
from chronopose.evaluation.persons import evaluate
from chronopose.inference.predictor import Predictor
from chronopose.models import checkpoint
from chronopose.runtimes import choosing, sample
from chronopose.runtimes.in_torch import TorchRuntime

VARIANTS = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)


def runtimes(name: str) -> dict[str, object]:
    """Every variant that this machine can run, plain torch first."""
    found: dict[str, object] = {"torch, plain": TorchRuntime(checkpoint.load(name).model)}
    for backend, precision in VARIANTS:
        try:
            opened = choosing.opened(name, backend=backend, precision=precision, notify=print)
        except InputError as error:
            print(f"left out: {error}")
            continue
        found[f"{backend}, {precision}"] = opened.runtime
    return found


def in_turn(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU milliseconds of each call."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, call in calls.items():
            begun = time.process_time()
            call()
            if number >= 2:  # the first rounds warm up
                spent[name].append(time.process_time() - begun)
    return {name: 1000 * float(np.median(times)) for name, times in spent.items()}


def times(found: dict[str, object], rounds: int) -> dict[str, list[float]]:
    """For each variant: encode per crop at batch 1 and 8, fuse per window at batch 1 and 8, in milliseconds."""
    some = next(iter(found.values()))
    frames = 1 if some.spec.recurrent else len(some.spec.offsets)
    crops = sample.crops(some.spec, 8)
    columns: dict[str, list[float]] = {name: [] for name in found}
    shown = some.to_host(some.encode(crops))[:, None].repeat(frames, axis=1)
    windows = {name: one.from_host(shown) for name, one in found.items()}
    for batch in (1, 8):
        calls = {name: lambda one=one, batch=batch: one.encode(crops[:batch]) for name, one in found.items()}
        for name, spent in in_turn(calls, rounds).items():
            columns[name].append(spent / batch)
    for batch in (1, 8):
        calls = {
            name: lambda one=one, name=name, batch=batch: one.fuse(windows[name][:batch]) for name, one in found.items()
        }
        for name, spent in in_turn(calls, rounds).items():
            columns[name].append(spent / batch)
    return columns


def accuracy(runtime: object, people: object, limit: int) -> list[float]:
    """PCK at 0.2, 0.1 and 0.05 of the tight box, in percent."""
    score = evaluate(Predictor(runtime, "cpu"), people, limit=limit)
    return (100 * next(iter(score.by_size.values())).mean_points).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=["dsta-small", "ftp-small", "listpose-small"])
    parser.add_argument("--lspet", type=Path, help="folder of LSP-extended")
    parser.add_argument("--limit", type=int, default=1000, help="persons scored")
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    people = None if arguments.lspet is None else catalogue.open_data("lspet", arguments.lspet, "heldout")
    for name in arguments.models:
        found = runtimes(name)
        columns = times(found, arguments.rounds)
        plain = columns["torch, plain"]
        print(f"\n{name} on {processor()}; plain torch takes {', '.join(f'{ms:.2f}' for ms in plain)} ms\n")
        head = "| | encode, 1 crop | encode, 8 | fuse, 1 window | fuse, 8 |"
        print(head + (" PCK@0.2 | @0.1 | @0.05 |" if people else ""))
        print("|---|" + "---|" * (head.count("|") - 2 + (3 if people else 0)))
        for label, spent in columns.items():
            cells = [f"{before / ms:.2f} x" for before, ms in zip(plain, spent)]
            if people is not None:
                cells += [f"{share:.2f}" for share in accuracy(found[label], people, arguments.limit)]
            print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
