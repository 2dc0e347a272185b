"""The bundled pose models side by side: accuracy on the same persons, cost, speed, and how long an answer waits.

    python benchmarks/side_by_side.py --lspet FOLDER --real-persons FOLDER --rendered FOLDER --blurred FOLDER

Folders as for `default_model.py`, and judged by the same code. Few joints of the rendered clips are blurred, so
--blurred takes a folder that `chronopose synth --split heldout --blurred 1` made, in which only those are judged.
Speed is of one person in a stream on one thread: a frame encoded once and fused once, in the rounds of a run that asks
the models in turn, so that a busy machine disturbs all of them alike. Prints the page and writes it, by default to
benchmarks/side_by_side.md.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import passes
import torch
from default_model import MEASURES, accuracy, identity, listed, table, written
from passes import BLURRED, OCCLUDED, Judged, Networks

from chronopose.clips.contract import PoseModel
from chronopose.data.coco import CocoPeople
from chronopose.inference.estimator import load
from chronopose.inference.stream import shown
from chronopose.models.complexity import complexity

MODELS = ("dsta-small", "ftp-small", "listpose-small")
ROWS = (
    ("LSP-extended", "all"),
    ("real_persons", "all"),
    ("rendered", "visible"),
    ("rendered", OCCLUDED),
    ("rendered", passes.OCCLUDED_SEEN),
    ("blurred", BLURRED),
)
FOLDERS = ("--lspet", "--real-persons", "--rendered", "--blurred")
ROUNDS, WARM_UP = 30, 5

ABOUT = """
Share of labelled joints within 0.2 or 0.1 of the longer side of the tight box around them, boxes given. In brackets the
same for the key frame alone, by the same network. A frame's answer waits for so many frames after it. Time and frames a
second are of one person, medians of {rounds} rounds on one thread of a CPU that may be busy: compare them with each
other, not with other machines.
"""


def judged(arguments: argparse.Namespace, networks: Networks) -> dict[str, Judged]:
    """Every data set that is given."""
    sets: dict[str, Judged] = {}
    if arguments.lspet:
        sets["LSP-extended"] = passes.lspet(arguments.lspet, networks, arguments.limit)
    if arguments.real_persons:
        sets["real_persons"] = passes.real_persons(CocoPeople(arguments.real_persons), networks, arguments.limit)
    if arguments.rendered:
        sets["rendered"] = passes.rendered(arguments.rendered, networks, arguments.limit)
    if arguments.blurred:
        sets["blurred"] = passes.rendered(arguments.blurred, networks, arguments.limit)
    return sets


def accuracy_table(names: Sequence[str], sets: Sequence[dict[str, Judged]]) -> str:
    """A row for each kind of joint and measure, a column for each model."""
    rows = []
    for data, joints in ROWS:
        if data not in sets[0]:
            continue
        for measure in ("PCK@0.2", "PCK@0.1"):
            found = [accuracy(one[data], one[data].joints[joints], *MEASURES[measure]) for one in sets]
            cells = [f"{figures['model'].value:.3f} ({figures['single'].value:.3f})" for figures in found]
            judged_joints = sets[0][data].joints[joints] & sets[0][data].known
            mean, count = found[0]["mean"].value, f"{judged_joints.sum():,}"
            rows.append([data, joints, count, measure, *cells, f"{mean:.3f}"])
    return table(f"| data | joints | of them | measure | {' | '.join(names)} | mean pose |", rows)


def seconds_per_frame(models: Sequence[PoseModel], rounds: int = ROUNDS) -> list[float]:
    """Median seconds that each model takes for a frame of one person in a stream, asked in turn."""
    steps = [_step(model) for model in models]
    times: list[list[float]] = [[] for _ in models]
    with torch.inference_mode():
        for round_number in range(WARM_UP + rounds):
            for step, kept in zip(steps, times, strict=True):
                begun = time.perf_counter()
                step()
                if round_number >= WARM_UP:
                    kept.append(time.perf_counter() - begun)
    return [statistics.median(kept) for kept in times]


def _step(model: Any) -> Any:
    """One frame of a stream: encoded, and fused with what is remembered."""
    spec = shown(model.spec)
    pixels = torch.randint(0, 256, (1, 3, spec.height, spec.width), dtype=torch.uint8)

    def step() -> None:
        features = model.encode(pixels)
        model.fuse(features[:, None].expand(-1, len(spec.offsets), *features.shape[1:]), state)

    state = None
    if spec.recurrent:
        with torch.inference_mode():
            state = model.fuse(model.encode(pixels)[:, None])[1]
    return step


def cost_table(names: Sequence[str], models: Sequence[PoseModel]) -> str:
    """What each model weighs, costs and waits for."""
    seconds = seconds_per_frame(models)
    rows = []
    for name, model, took in zip(names, models, seconds, strict=True):
        cost = complexity(model)  # type: ignore[arg-type]
        rows.append(
            [
                name,
                f"{cost.parameters / 1e6:.2f} M",
                f"{cost.macs_encode_per_frame / 1e6:.0f} M",
                f"{cost.macs_fuse_per_window / 1e6:.0f} M",
                f"{1000 * took:.1f} ms",
                f"{1 / took:.0f}",
                f"{took / seconds[0]:.2f}",
                model.spec.look_ahead,
            ]
        )
    columns = "parameters | MACs encode | MACs fuse | time | frames/s | time, first = 1 | waits for frames"
    return table(f"| model | {columns} |", rows)


def page(arguments: argparse.Namespace) -> str:
    """The whole page."""
    torch.set_num_threads(1)
    names: Sequence[str] = arguments.models
    estimators = [load(name, device="cpu") for name in names]
    with torch.inference_mode():
        sets = [judged(arguments, Networks(one.predictor, None)) for one in estimators]
    lines = [f"- {identity(name)}, offsets {listed(one.model.spec.offsets)}" for name, one in zip(names, estimators)]
    few = f", **the first {arguments.limit} persons only**" if arguments.limit is not None else ""
    parts = [
        "# The bundled pose models side by side\n",
        f"`python benchmarks/side_by_side.py {' '.join(f'{name} FOLDER' for name in FOLDERS)}`{few}\n",
        "\n".join(lines),
        ABOUT.format(rounds=ROUNDS),
        accuracy_table(names, sets),
        cost_table(names, [one.model for one in estimators]),
    ]
    return "\n".join(parts)


def main(given: Sequence[str] | None = None) -> int:
    """Prints and writes the page; 1 where an input is at fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in FOLDERS:
        parser.add_argument(name, type=Path, metavar="FOLDER")
    parser.add_argument("--models", nargs="+", default=MODELS, help="bundled names, files or run folders")
    parser.add_argument("--limit", type=int, help="judge the first so many persons of each data set only")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args(given)
    if not (arguments.lspet or arguments.real_persons or arguments.rendered or arguments.blurred):
        parser.error("nothing to measure: give at least one folder")
    return written(page, arguments)


if __name__ == "__main__":
    sys.exit(main())
