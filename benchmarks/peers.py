"""Our models beside what else a user could take: time per person and per video frame, on the same crops, in one run.

    python benchmarks/peers.py --work FOLDER [--threads 1] [--peers NAME ...] [--out FILE]

Graphs of others have random weights: this is speed alone, no accuracy. RTMPose is `rtmpose_graph.py`, TokenPose-S and
ViTPose-S are our own of the papers' layouts. Every graph takes uint8 crops and gives joints, and is timed in each
runtime and precision that is installed; int8 is quantised on noise. YOLO-pose and MediaPipe come from their own
packages, installed into environments of their own under --work: YOLO's is under the AGPL, and nothing of it is imported
here but the graph that it writes. What cannot be had is named in the page. Times are processor seconds, medians of
rounds that ask everybody in turn. Prints the page and writes it to --out; benchmarks/peers.md has those of two CPUs.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from default_model import table, written
from processor import processor
from rtmpose_graph import HEIGHT, WIDTH, rtmpose
from torch import Tensor, nn

from chronopose.core.files import replacing
from chronopose.inference.estimator import load
from chronopose.models import network_of
from chronopose.recipes.presets import PRESETS
from chronopose.runtimes import sessions
from chronopose.runtimes.contract import State
from chronopose.runtimes.quantise import quantised

PERSONS = (1, 4, 10)
OURS = ("dsta-small", "listpose-small", "ftp-small")
GRAPHS = ("rtmpose-t", "rtmpose-s", "rtmpose-m", "tokenpose-s", "vitpose-s")
WHOLE_FRAMES = ("yolo11n-pose", "mediapipe")
WAYS = (
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "int8"),
)
ROUNDS, IN_A_ROW = 3, 10
YOLO_SIZE = (384, 640)

ABOUT = """
Boxes are given, so no detector is counted: YOLO-pose finds persons by itself, and MediaPipe the one that it follows.
{processor}, threads: {threads}. Processor time, medians of {rounds} interleaved rounds of
{row} steps in a row, on a machine that may be busy: compare the figures with each other, not with other machines. Ours
are streams: a step encodes one new frame of each person and fuses the window of 5 (dsta-small), 3 (ftp-small) or the
state (listpose-small). A row is the fastest runtime and precision of its model.
"""

Step = Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """One model in one runtime: how long a step takes, in milliseconds, by the number of persons."""

    name: str
    way: str
    ms: dict[int, float]


class FromCrops(nn.Module):
    """uint8 crops to joints: the mean colour is taken off, and the best column and row of each joint are found."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        columns, rows = self.network((pixels.float() - 115.0) / 58.0)
        return torch.stack([columns.argmax(-1), rows.argmax(-1)], dim=-1)


class SingleFrame(nn.Module):
    """One of our single-frame models on crops."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        output, _ = self.model.fuse(self.model.encode(pixels)[:, None])
        xy: Tensor = output.xy_crop
        return xy


def crop_size(name: str) -> tuple[int, int]:
    """Height and width of a peer's crops."""
    return (HEIGHT, WIDTH) if name.startswith("rtmpose-") else (PRESETS[name].height, PRESETS[name].width)


def network(name: str) -> nn.Module:
    """A peer with random weights."""
    torch.manual_seed(0)
    if name.startswith("rtmpose-"):
        return FromCrops(rtmpose(name[-1])).eval()
    return SingleFrame(network_of(PRESETS[name])).eval()


def noise(count: int, size: tuple[int, int]) -> Any:
    """(count, 3, H, W) uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, 3, *size), dtype=np.uint8)


def graph(name: str, work: Path) -> Path:
    """The peer as an ONNX file, made once."""
    file = work / f"{name}.onnx"
    if not file.exists():
        crops, batch = torch.from_numpy(noise(2, crop_size(name))), torch.export.Dim("batch", min=1, max=64)
        with replacing(file) as partial:
            torch.onnx.export(
                network(name), (crops,), str(partial), dynamo=True, dynamic_shapes=({0: batch},),
                input_names=["pixels"], output_names=["joints"], external_data=False, verbose=False,
            )  # fmt: skip
    return file


def in_8_bits(plain: Path, size: tuple[int, int]) -> Path:
    """The graph in int8, made as our own are: convolutions alone, ranges measured on crops, here of noise."""
    file = plain.with_suffix(".int8.onnx")
    if not file.exists():
        with replacing(file) as partial:
            onnx.save(quantised(onnx.load(plain), noise(4, size).transpose(0, 2, 3, 1)), partial)
    return file


def of_peer(name: str, work: Path) -> Iterator[tuple[str, Callable[[int], Step]]]:
    """Each way to run a peer, and what makes its step for so many persons."""
    plain, size = graph(name, work), crop_size(name)
    for backend, precision in WAYS:
        if not _able(backend, precision):
            continue
        file = in_8_bits(plain, size) if precision == "int8" else plain
        session = sessions.opened(file.read_bytes(), b"", backend, precision, name)  # type: ignore[arg-type]

        def step(count: int, session: sessions.Session = session) -> Step:
            arrays = {session.inputs[0]: noise(count, size)}
            return lambda: session.run(arrays)

        yield f"{backend} {precision}", step


def of_ours(name: str) -> Iterator[tuple[str, Callable[[int], Step]]]:
    """Each way to run one of our models, and what makes the step of its stream for so many persons."""
    for backend, precision in (("torch", "fp32"), *WAYS):
        if backend != "torch" and not _able(backend, precision):
            continue
        opened = load(name, device="cpu", backend=backend, precision=precision)  # type: ignore[arg-type]
        runtime, spec = opened.predictor.runtime, opened.predictor.spec

        def step(count: int, runtime: Any = runtime, spec: Any = spec) -> Step:
            crops = np.ascontiguousarray(noise(count, (spec.height, spec.width)).transpose(0, 2, 3, 1))
            frames = 1 if spec.recurrent else len(spec.offsets)
            rows = runtime.encode(crops)
            before = [[rows[person : person + 1]] * (frames - 1) for person in range(count)]
            state = None
            if spec.recurrent:
                state = State(runtime.joined([runtime.fresh()] * count), np.zeros(count, dtype=np.bool_))

            def once() -> object:
                new = runtime.encode(crops)
                shown = [row for person in range(count) for row in (*before[person], new[person : person + 1])]
                return runtime.fuse(runtime.joined(shown).reshape(count, frames, *new.shape[1:]), state)

            return once

        yield f"{backend} {precision}", step


def _able(backend: str, precision: str) -> bool:
    return sessions.installed(backend) and (precision != "bf16" or sessions.has_bf16())  # type: ignore[arg-type]


def timed(steps: Mapping[tuple[str, str, int], Step], rounds: int) -> dict[tuple[str, str, int], float]:
    """Milliseconds of each step."""
    spent: dict[tuple[str, str, int], list[float]] = {key: [] for key in steps}
    for number in range(rounds):
        for key, step in steps.items():
            step()  # not counted: the one before had another model's weights in the cache, or other sizes
            began = time.process_time()
            for _ in range(IN_A_ROW):
                step()
            spent[key].append(1e3 * (time.process_time() - began) / IN_A_ROW)
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return {key: statistics.median(values) for key, values in spent.items()}


# Packages of others, each in an environment of its own ------------------------------------------------------------

YOLO = """
import sys
from ultralytics import YOLO
YOLO("yolo11n-pose.yaml").export(format="onnx", imgsz=list(map(int, sys.argv[1:3])), simplify=False)
"""

MEDIAPIPE = """
import json, statistics, sys, time
import cv2, mediapipe as mp
pose, spent = mp.solutions.pose.Pose(model_complexity=1), []
video = cv2.VideoCapture(sys.argv[1])
while (read := video.read())[0]:
    frame = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    began = time.process_time()
    found = pose.process(frame).pose_landmarks is not None
    spent.append((1e3 * (time.process_time() - began), found))
ms = statistics.median(ms for ms, _ in spent[5:])
print(json.dumps({"ms": ms, "found": sum(found for _, found in spent), "of": len(spent)}))
"""


def environment(work: Path, name: str, *packages: str) -> Path:
    """The Python of an environment with these packages, made once."""
    folder = work / f"env-{name}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "ready").touch()
    return python


def yolo(work: Path) -> Path:
    """YOLO11n-pose as its package writes it."""
    file = work / "yolo11n-pose.onnx"
    if not file.exists():
        python = environment(work, "yolo", "ultralytics", "onnx", "onnxslim")
        command = [str(python), "-c", YOLO, *map(str, YOLO_SIZE)]
        subprocess.run(command, cwd=work, check=True, stdout=sys.stderr, env=os.environ | {"YOLO_OFFLINE": "true"})
    return file


def mediapipe(work: Path, threads: int) -> dict[str, float]:
    """MediaPipe's pose on the bundled clip: milliseconds a frame, and in how many frames it found somebody."""
    python = environment(work, "mediapipe", "mediapipe==0.10.21")
    with resources.as_file(resources.files("chronopose") / "demo" / "crossing.mp4") as clip:
        done = subprocess.run(
            [str(python), "-c", MEDIAPIPE, str(clip)], cwd=work, check=True, capture_output=True, text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


# The page -----------------------------------------------------------------------------------------------------------


def measured(arguments: argparse.Namespace) -> tuple[list[Timed], list[str]]:
    """Every model in its ways, and what could not be had."""
    steps: dict[tuple[str, str, int], Step] = {}
    missing: list[str] = []
    for name in (*OURS, *(peer for peer in arguments.peers if peer in GRAPHS)):
        for way, step in of_ours(name) if name in OURS else of_peer(name, arguments.work):
            steps |= {(name, way, count): step(count) for count in PERSONS}
    if "yolo11n-pose" in arguments.peers:
        try:
            data = yolo(arguments.work).read_bytes()
            picture = np.random.default_rng(0).random((1, 3, *YOLO_SIZE), dtype=np.float32)
            for backend, precision in WAYS:
                if precision != "int8" and _able(backend, precision):
                    session = sessions.opened(data, b"", backend, precision, "yolo11n-pose")  # type: ignore[arg-type]
                    arrays = {session.inputs[0]: picture}
                    steps["yolo11n-pose", f"{backend} {precision}", 0] = lambda s=session, a=arrays: s.run(a)  # type: ignore[misc]
        except (subprocess.CalledProcessError, OSError) as error:
            missing.append(f"yolo11n-pose: {' '.join(str(error).split())[:160]}")
    found = timed(steps, arguments.rounds)
    if "mediapipe" in arguments.peers:
        try:
            whole = mediapipe(arguments.work, arguments.threads)
            found["mediapipe", f"its own, somebody found in {whole['found']} of {whole['of']} frames", 0] = whole["ms"]
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            told = getattr(error, "stderr", "") or str(error)
            missing.append(f"mediapipe: {' '.join(told.split())[-160:]}")
    rows: dict[tuple[str, str], dict[int, float]] = {}
    for (name, way, count), ms in found.items():
        rows.setdefault((name, way), {})[count] = ms
    return [Timed(name, way, ms) for (name, way), ms in rows.items()], missing


def page(arguments: argparse.Namespace) -> str:
    """The whole page."""
    torch.set_num_threads(arguments.threads)
    logging.disable(logging.WARNING)
    arguments.work.mkdir(parents=True, exist_ok=True)
    all_ways, missing = measured(arguments)
    names = list(dict.fromkeys(one.name for one in all_ways))
    fastest = [
        min((one for one in all_ways if one.name == name), key=lambda one: sum(one.ms.values())) for name in names
    ]
    ours = next(one for one in fastest if one.name == OURS[0])
    per_person, per_frame = [], []
    for one in fastest:
        if 0 in one.ms:  # sees whole frames, or one person alone
            persons = [one.ms[0] if one.name == "yolo11n-pose" else count * one.ms[0] for count in PERSONS]
        else:
            persons = [one.ms[count] for count in PERSONS]
            each = [ms / count for ms, count in zip(persons, PERSONS)]
            ratios = [value / (ours.ms[count] / count) for value, count in zip(each, PERSONS)]
            per_person.append([one.name, one.way, *(f"{v:.2f}" for v in each), *(f"{r:.1f}" for r in ratios)])
        ratios = [ms / ours.ms[count] for ms, count in zip(persons, PERSONS)]
        per_frame.append([one.name, *(f"{ms:.1f}" for ms in persons), *(f"{r:.1f}" for r in ratios)])
    head = " | ".join(f"{count} persons" if count > 1 else "1 person" for count in PERSONS)
    times = " | ".join(f"{OURS[0]} = 1, {count}" for count in PERSONS)
    every = [
        [one.name, one.way, *(f"{one.ms[count] / count:.2f}" if count in one.ms else "" for count in PERSONS)]
        for one in all_ways
        if 0 not in one.ms
    ]
    parts = [
        "# Beside the others\n",
        f"`python benchmarks/peers.py --work FOLDER --threads {arguments.threads}`\n",
        ABOUT.format(processor=processor(), threads=arguments.threads, rounds=arguments.rounds, row=IN_A_ROW),
        "## Milliseconds a person and frame\n",
        table(f"| model | fastest in | {head} | {times} |", per_person),
        "\n## Milliseconds a video frame\n",
        "MediaPipe follows one person with each graph. YOLO-pose takes the whole picture at "
        f"{YOLO_SIZE[0]} x {YOLO_SIZE[1]}, without what it needs after its network.\n",
        table(f"| model | {head} | {times} |", per_frame),
        "\n## Every way, milliseconds a person and frame\n",
        table(f"| model | runtime | {head} |", every),
    ]
    if missing:
        parts += ["\nCould not be had: " + "; ".join(missing) + "."]
    return "\n".join(parts)


def main(given: Sequence[str] | None = None) -> int:
    """Prints and writes the page; 1 where an input is at fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, metavar="FOLDER", required=True, help="of graphs and environments")
    parser.add_argument("--peers", nargs="*", choices=(*GRAPHS, *WHOLE_FRAMES), default=[*GRAPHS, *WHOLE_FRAMES])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=Path("peers.md"))
    return written(page, parser.parse_args(given))


if __name__ == "__main__":
    sys.exit(main())
