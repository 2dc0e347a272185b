"""Where people who label photographs put hips and shoulders, against the joints of the rendered skeleton.

    python benchmarks/joint_habits.py --clips FOLDER --weights RUN

FOLDER holds rendered clips (`chronopose synth`, with `synth.labels._HABITS` set to zero), RUN a pose model that never
saw a rendered person. What it puts beside the rendered joint, over many people, is its teachers' habit. Looked at are
people who stand up and face the camera or turn their backs to it, and joints that can be seen. Printed are medians of
"outwards" (away from the other side) and "up" (from hips to shoulders) in lengths of the torso; the deviation of the
median comes from 200 draws with replacement.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.data.rendered import RenderedClips
from chronopose.evaluation import Answers, answer
from chronopose.inference.predictor import Predictor
from chronopose.models import checkpoint

JOINTS = ("shoulder", "hip", "knee", "ankle", "elbow", "wrist")
# Shoulders at least this wide, in lengths of the torso, show their outward direction.
WIDE = 0.45


def habits(answers: Answers) -> dict[str, NDArray[np.float64]]:
    """By joint (N, 2): how far outwards and up the answer lies from the truth, in lengths of the torso."""
    place = answers.skeleton.index
    truth = answers.truth.astype(np.float64)

    def pair(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return truth[:, place(f"left_{name}")], truth[:, place(f"right_{name}")]

    rise = np.mean(pair("shoulder"), axis=0) - np.mean(pair("hip"), axis=0)  # (N, 2) from hips to shoulders
    torso = np.linalg.norm(rise, axis=1)
    up = rise / torso[:, None]
    across = np.subtract(*pair("shoulder"))  # from right to left
    sideways = np.abs((across * up[:, ::-1] * [1, -1]).sum(1)) / torso
    fine = (sideways > WIDE) & (up[:, 1] < -0.8) & (torso > 20)
    found: dict[str, NDArray[np.float64]] = {}
    for name in JOINTS:
        rows = []
        for side, sign in (("left", 1.0), ("right", -1.0)):
            joint = place(f"{side}_{name}")
            counted = fine & answers.visible[:, joint] & ~np.isnan(truth[:, joint, 0])
            error = answers.xy[counted, joint] - truth[counted, joint]
            outwards = across[counted] / np.linalg.norm(across[counted], axis=1, keepdims=True) * sign
            size = torso[counted, None]
            rows.append(np.stack([(error * outwards).sum(1), (error * up[counted]).sum(1)], axis=1) / size)
        rows_all = np.concatenate(rows)
        found[name] = rows_all[np.linalg.norm(rows_all, axis=1) < 0.5]  # a joint found somewhere else has no habit
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of rendered clips")
    parser.add_argument("--weights", type=Path, required=True, help="a run or weights that saw photographs alone")
    parser.add_argument("--limit", type=int, default=None, help="persons to look at")
    options = parser.parse_args()
    predictor = Predictor(checkpoint.load(options.weights).model, "cpu")
    answers = answer(predictor, RenderedClips(options.clips), limit=options.limit)
    rng = np.random.default_rng(0)
    print("| joint | persons' joints | outwards | up |\n|---|---|---|---|")
    for name, rows in habits(answers).items():
        draws = np.array([np.median(rows[rng.integers(len(rows), size=len(rows))], axis=0) for _ in range(200)])
        (out, up), (out_sd, up_sd) = np.median(rows, axis=0), draws.std(axis=0)
        print(f"| {name} | {len(rows)} | {out:+.3f} ± {out_sd:.3f} | {up:+.3f} ± {up_sd:.3f} |")


if __name__ == "__main__":
    main()
