"""Whole runs of `chronopose bench` on 720p video: frames a second, what is spent outside the networks.

    python benchmarks/end_to_end.py [--rounds 3] [--threads 2] [--out FILE]

The videos are made of the bundled clip, so that anybody can run this: enlarged, for two persons; and its middle twice
as large beside its mirror image, for four. Each run is a process of its own, as for a user; what it makes of a model
is kept, so a first run of each kind is not counted. Prints the page and writes it, by default to
benchmarks/end_to_end.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from default_model import table, written
from processor import processor

from chronopose.core.types import Pixels
from chronopose.inference.estimator import load
from chronopose.inference.finding import choose_detector
from chronopose.runtimes import sessions
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter

WAYS = (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8"))
HEIGHT, WIDTH = 720, 1280

ABOUT = """
{threads} threads of {processor}, {rounds} runs of each kind as processes of their own, medians. The machine may be
busy: compare the rows with each other. "Outside" is the share of a run that does one thing after the other that is
spent neither in the detector nor in the model.
"""


def enlarged(picture: Pixels) -> Pixels:
    """The whole picture."""
    return np.asarray(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def beside_itself(picture: Pixels) -> Pixels:
    """Its middle, and that in a mirror."""
    quarter = picture.shape[1] // 4
    middle = cv2.resize(picture[:, quarter:-quarter], (WIDTH // 2, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.concatenate([middle, middle[:, ::-1]], axis=1).astype(np.uint8)


def video(path: Path, look: Callable[[Pixels], Pixels]) -> Path:
    """The clip, 250 frames."""
    with resources.as_file(resources.files("chronopose") / "demo" / "crossing.mp4") as clip, open_video(clip) as reader:
        pictures, fps = [look(frame.pixels) for frame in reader], reader.info.fps
    with VideoWriter(path, WIDTH, HEIGHT, fps) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, number / fps)
    return path


def told(command: list[str], threads: int) -> dict[str, Any]:
    """What one run of bench prints."""
    settings = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    run = [sys.executable, "-m", "chronopose.cli", "bench", "--json", *command]
    done = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True, env=settings)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ways() -> Iterator[tuple[str, str]]:
    """The backends and precisions that are here, their graphs made."""
    for backend, precision in WAYS:
        if sessions.installed(backend) and (precision != "bf16" or sessions.has_bf16()):  # type: ignore[arg-type]
            runtime = load("dsta-small", backend=backend, precision=precision).predictor.runtime  # type: ignore[arg-type]
            choose_detector("bundled", "cpu", runtime)
            yield backend, precision


def measured(clip: Path, options: list[str], rounds: int, threads: int) -> Iterator[list[str]]:
    """A row for each way to run the model."""
    for backend, precision in ways():
        command = [str(clip), *options, "--backend", backend, "--precision", precision]
        runs = [told(command, threads) for _ in range(rounds)]
        print(f"{clip.stem} {' '.join(options)} {backend} {precision}", file=sys.stderr, flush=True)

        def median(name: str, runs: list[dict[str, Any]] = runs) -> float:
            return statistics.median(run[name] for run in runs)

        yield [
            f"{backend} {precision}",
            f"{median('poses') / median('frames'):.2f}",
            f"{median('frames_per_s'):.0f}",
            f"{median('processor_ms_per_frame'):.1f}",
            f"{100 * median('outside_networks_share'):.0f} %",
        ]


def page(arguments: argparse.Namespace) -> str:
    """The whole page."""
    rounds, threads = arguments.rounds, arguments.threads
    head = "| model in | persons found a frame | frames/s | processor ms a frame | outside |"
    two, four = ["--detect-every", "4", "--max-persons", "2"], ["--max-persons", "4"]
    parts = ["# End to end\n", f"`python benchmarks/end_to_end.py --rounds {rounds} --threads {threads}`\n"]
    parts.append(ABOUT.format(rounds=rounds, threads=threads, processor=processor()))
    with tempfile.TemporaryDirectory() as folder:
        pair = video(Path(folder) / "two.mp4", enlarged)
        crowd = video(Path(folder) / "four.mp4", beside_itself)
        for clip, options in ((pair, [*two, "--no-video"]), (pair, two), (crowd, [*four, "--no-video"])):
            parts.append(f"\n## `chronopose bench {clip.name} {' '.join(options)}`\n")
            parts.append(table(head, list(measured(clip, options, rounds, threads))))
    return "\n".join(parts)


def main() -> int:
    """Prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    return written(page, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
