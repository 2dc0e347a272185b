"""What a rendered frame costs: frames per second of one core's time, by picture size, persons and length of a clip.

    LP_NUM_THREADS=0 python benchmarks/rendering.py --assets FOLDER

Counted is the time that processors spent on this process (not the clock, so that a busy machine changes little), for
whole clips: planning, drawing, labels and the camera's flaws. Motion blur is off; it draws a frame three times.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from chronopose.synth.film import Studio
from chronopose.synth.ranges import SceneConfig

CASES = (
    ("256 x 192, 1 person, 50 frames", SceneConfig(width=256, height=192, people=(1, 1), frames=50)),
    ("256 x 192, 1 person, 5 frames", SceneConfig(width=256, height=192, people=(1, 1), frames=5)),
    ("256 x 192, 3 persons, 50 frames", SceneConfig(width=256, height=192, people=(3, 3), frames=50)),
    ("256 x 256, 1 to 4 persons, 5 frames", SceneConfig(frames=5)),
)


def seconds_per_frame(assets: Path, config: SceneConfig, clips: int) -> tuple[float, float]:
    """Median over clips of the processor time of a frame, of the whole chain and of a camera without flaws."""
    medians = []
    for clean in (False, True):
        with Studio(assets, replace(config, blurred=0.0, clean=clean)) as studio:
            for number in range(12):  # a shader is compiled when it is first needed
                studio.clip(1000 + number)
            spent = []
            for number in range(clips):
                start = time.process_time()
                studio.clip(number)
                spent.append((time.process_time() - start) / config.frames)
        medians.append(float(np.median(spent)))
    return medians[0], medians[1]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder of assets (docs/assets.md)")
    parser.add_argument("--clips", type=int, default=12, help="clips for each row")
    options = parser.parse_args()
    print("| clips | frames/s of a core | without the camera's flaws |\n|---|---|---|")
    for name, config in CASES:
        whole, clean = seconds_per_frame(options.assets, config, options.clips)
        print(f"| {name} | {1 / whole:.0f} | {1 / clean:.0f} |")


if __name__ == "__main__":
    main()
