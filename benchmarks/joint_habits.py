"""Where people who label photographs put shoulders and hips, against the joints of the rendered skeleton.

    python benchmarks/joint_habits.py --clips FOLDER --lspet FOLDER --weights RUN

FOLDER of --clips holds rendered clips (`chronopose synth --clean`, with `synth.labels._HABITS` empty), RUN a pose model
that never saw a rendered person. What it puts beside a rendered joint, over many people, is its teachers' habit, plus
what it does wrong anywhere; so the same is measured on held-out photographs and taken off. Looked at are people who
stand up and face the camera or turn their backs to it, joints that can be seen, and the surer half of the answers.
Printed are medians of "outwards" (away from the other side) and "up" (from hips to shoulders) in lengths of the line
from the middle of the hips to the middle of the shoulders; the errors come from 200 draws with replacement.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.data.dataset import PoseDataset
from chronopose.data.lspet import LSPExtended
from chronopose.data.rendered import RenderedClips
from chronopose.evaluation.persons import Answers, answer
from chronopose.inference.predictor import Predictor
from chronopose.models import checkpoint

JOINTS = ("shoulder", "hip", "knee", "elbow")
# Shoulders at least this wide, in lengths of the torso, show their outward direction.
WIDE = 0.45
# A joint found further away than this, in lengths of the torso, was taken for something else.
NEAR = 0.3
TORSO_PX = 20.0


def habits(answers: Answers) -> dict[str, NDArray[np.float64]]:
    """By joint (N, 2): how far outwards and up the answer lies from the label, in lengths of the torso."""
    truth = answers.truth.astype(np.float64)
    if answers.sigma is None:
        raise ValueError("the model gives no sigma: nothing tells its sure answers from the others")
    sigma = answers.sigma.max(-1)

    def of(side: str, name: str) -> NDArray[np.float64]:
        return truth[:, answers.skeleton.index(f"{side}_{name}")]

    def between(name: str) -> NDArray[np.float64]:
        return (of("left", name) + of("right", name)) / 2

    rise = between("shoulder") - between("hip")  # (N, 2) from hips to shoulders
    torso = np.linalg.norm(rise, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        up = rise / torso[:, None]
        across = of("left", "shoulder") - of("right", "shoulder")
        wide = np.abs((across * up[:, ::-1] * [1, -1]).sum(1)) / torso
        across = across / np.linalg.norm(across, axis=1, keepdims=True)
    fine = (wide > WIDE) & (up[:, 1] < -0.8) & (torso > TORSO_PX)
    found: dict[str, NDArray[np.float64]] = {}
    for name in JOINTS:
        rows = []
        for side, other, sign in (("left", "right", 1.0), ("right", "left", -1.0)):
            joint = answers.skeleton.index(f"{side}_{name}")
            error = answers.xy[:, joint] - of(side, name)
            away = np.linalg.norm(error, axis=1)
            counted = fine & answers.visible[:, joint] & (away < NEAR * torso)
            counted &= away < np.linalg.norm(answers.xy[:, joint] - of(other, name), axis=1)
            relative = sigma[counted, joint] / torso[counted]
            counted[counted] = relative < np.median(relative) if len(relative) else False
            moved = np.stack([(error * across * sign).sum(1), (error * up).sum(1)], axis=1)
            rows.append(moved[counted] / torso[counted, None])
        found[name] = np.concatenate(rows)
    return found


def median(rows: NDArray[np.float64], rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median (2,) of rows (N, 2), and its standard error."""
    draws = np.array([np.median(rows[rng.integers(len(rows), size=len(rows))], axis=0) for _ in range(200)])
    return np.median(rows, axis=0), draws.std(axis=0)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of rendered clips")
    parser.add_argument("--lspet", type=Path, required=True, help="folder of the LSP-extended photographs")
    parser.add_argument("--weights", type=Path, required=True, help="a run or weights that saw no rendered person")
    options = parser.parse_args()
    predictor = Predictor(checkpoint.load(options.weights).model, "cpu")
    sets: tuple[PoseDataset, PoseDataset] = RenderedClips(options.clips), LSPExtended(options.lspet, "heldout")
    rendered, photographs = (habits(answer(predictor, dataset)) for dataset in sets)
    rng = np.random.default_rng(0)
    print("| joint | rendered, photographed | outwards | up |\n|---|---|---|---|")
    for name in JOINTS:
        here, here_error = median(rendered[name], rng)
        there, there_error = median(photographs[name], rng)
        (out, up), (out_error, up_error) = here - there, np.hypot(here_error, there_error)
        counts = f"{len(rendered[name])}, {len(photographs[name])}"
        print(f"| {name} | {counts} | {out:+.3f} ± {out_error:.3f} | {up:+.3f} ± {up_error:.3f} |")


if __name__ == "__main__":
    main()
