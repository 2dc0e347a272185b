"""What the bundled models do on data they have not seen: photographs, drawn clips, photographs for the detector.

python benchmarks/bundled.py --lspet FOLDER --persons FOLDER > benchmarks/bundled.md
"""

import argparse
from pathlib import Path

import detector as detector_benchmark
import numpy as np

from chronopose.data.dataset import PoseDataset
from chronopose.data.lspet import LSPExtended
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.evaluation import Answers, Score, answer, mean_pose, score
from chronopose.inference.estimator import load
from chronopose.models import checkpoint

DRAWN = SyntheticPeople(config=SyntheticConfig(seed=1000, clips=600))


def row(name: str, result: Score) -> str:
    """One line of a table: PCK by the tight box and the torso, means over points, and calibration."""
    tight, torso = result.by_size["tight"].mean_points, result.by_size["torso"].mean_points
    inside = f"{100 * result.inside_one_sigma:.0f} %" if np.isfinite(result.inside_one_sigma) else "-"
    figures = " | ".join(f"{share:.3f}" for share in (*tight, torso[0]))
    return f"| {name} | {result.samples} | {figures} | {inside} |"


def header(first: str) -> str:
    """The head of such a table."""
    columns = "persons | PCK@0.2 | PCK@0.1 | PCK@0.05 | torso PCK@0.2 | inside one sigma"
    return f"| {first} | {columns} |\n|{'---|' * 7}"


def answers(dataset: PoseDataset) -> dict[str, Answers]:
    """The bundled model with its window, and the same weights shown the key frame alone."""
    models = {"dsta-small, 5 frames": None, "the same weights, 1 frame": (0,)}
    return {name: answer(load(window=window, device="cpu").predictor, dataset) for name, window in models.items()}


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lspet", type=Path, required=True)
    parser.add_argument("--persons", type=Path, required=True)
    folders = parser.parse_args()
    print("""# The bundled models

`python benchmarks/bundled.py --lspet FOLDER --persons FOLDER`. PCK by the longer side of the tight box around the
labelled joints (and by the torso), mean over points, boxes given.
""")

    photographs = LSPExtended(folders.lspet, "heldout")
    print("## LSP-extended photographs, number divisible by 10 (motionless clips)\n")
    print(header("model"))
    for name, given in answers(photographs).items():
        print(row(name, score(given)), flush=True)
    print(row("mean pose", score(mean_pose(LSPExtended(folders.lspet, "train"), photographs))))

    print("\n## Drawn clips of an unseen seed\n")
    print(header("model, joints"))
    for name, given in answers(DRAWN).items():
        for joints, counted in (("all", None), ("visible", given.visible), ("hidden", ~given.visible)):
            print(row(f"{name}, {joints}", score(given, counted)), flush=True)

    print("\n## person-small on COCO photographs: 103 persons of at least 96 px, overlap of at least one half\n")
    model = checkpoint.load("person-small").model
    detector_benchmark.table(model, detector_benchmark.load(folders.persons), [None])


if __name__ == "__main__":
    main()
