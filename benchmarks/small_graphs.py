"""What two ways to run small graphs are worth: attention place by place, and OpenVINO's graphs of fixed sizes.

    python benchmarks/small_graphs.py [--rounds N] > benchmarks/small_graphs.md

Of dsta-small, random features and pixels, processor time of one thread, the variants in turn, medians of the rounds.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from chronopose.layers.transformer import SequenceAttention
from chronopose.models import checkpoint
from chronopose.runtimes import export, sessions

BATCHES = (1, 2, 4, 10)
WAYS = (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))

Step = Callable[[], object]


def graphs(short: int) -> dict[str, bytes]:
    """The pair as ONNX, sequences of up to `short` places multiplied place by place."""
    usual, SequenceAttention.SHORT = SequenceAttention.SHORT, short
    try:
        return dict(export.made(checkpoint.load("dsta-small"), pair=True).graphs)
    finally:
        SequenceAttention.SHORT = usual


def given(graph: str, batch: int) -> np.ndarray:
    """What a graph takes."""
    random = np.random.default_rng(0)
    if graph == "encode":
        return random.integers(0, 256, (batch, 3, 192, 144), dtype=np.uint8)
    return random.normal(size=(batch, 5, 15, 32)).astype(np.float32)


def step(session: sessions.Session, graph: str, batch: int) -> Step:
    """One run of a graph."""
    arrays = {session.inputs[0]: given(graph, batch)}
    return lambda: session.run(arrays)


def opened(graph: bytes, backend: str, precision: str, small: int = sessions._SMALL) -> sessions.Session:
    """A graph in a backend; with `small` 0 OpenVINO leaves its sizes open."""
    usual, sessions._SMALL = sessions._SMALL, small
    try:
        return sessions.opened(graph, b"", backend, precision, "dsta-small")  # type: ignore[arg-type]
    finally:
        sessions._SMALL = usual


def medians(steps: dict[str, list[Step]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each step of each row, every step right after another size of the same graph."""
    spent: dict[str, list[list[float]]] = {name: [[] for _ in row] for name, row in steps.items()}
    for number in range(rounds + 2):
        for name, row in steps.items():
            for place, one in enumerate(row):
                began = time.process_time()
                one()
                if number > 1:
                    spent[name][place].append(1e3 * (time.process_time() - began))
    return {name: [statistics.median(times) for times in row] for name, row in spent.items()}


def show(title: str, steps: dict[str, list[Step]], rounds: int) -> None:
    """Prints one table."""
    print(f"## {title}\n\n| ms of a batch of | {' | '.join(map(str, BATCHES))} |\n|---|{'---|' * len(BATCHES)}")
    for name, row in medians(steps, rounds).items():
        print(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in row)} |")
    print(flush=True)


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print(
        "# Small graphs\n\n`python benchmarks/small_graphs.py`: dsta-small, one thread, processor time, medians of "
        f"{rounds} rounds,\nthe sizes of a row one after the other.\n"
    )
    ways = {"heads at once": graphs(0), "place by place": graphs(SequenceAttention.SHORT)}
    attention = {
        f"{backend}, {precision}: {name}": [step(opened(pair["fuse"], backend, precision), "fuse", b) for b in BATCHES]
        for backend, precision in WAYS
        for name, pair in ways.items()
    }
    show("Fuse: attention over five places", attention, rounds)
    usual = ways["place by place"]
    for graph in ("encode", "fuse"):
        for precision in ("fp32", "bf16") if sessions.has_bf16() else ("fp32",):
            sessions_of = {
                "free sizes": opened(usual[graph], "openvino", precision, small=0),
                "fixed sizes": opened(usual[graph], "openvino", precision),
            }
            rows = {name: [step(one, graph, b) for b in BATCHES] for name, one in sessions_of.items()}
            show(f"OpenVINO, {graph}, {precision}", rows, rounds)


if __name__ == "__main__":
    main()
