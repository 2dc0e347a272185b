"""Puts the person detector's scores where the tracker's thresholds are: 0.5 is the score of the best F1.

    python tools/calibrate_detector.py WEIGHTS --jhmdb FOLDER

Looks at frames of JHMDB's test clips of split 1, one labelled person each; people without a label count against the
detector. The scale is that of a logistic fit of being right (an overlap of at least one half) to the logit.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logit

from chronopose.core.geometry import iou_matrix
from chronopose.data.board import body_box
from chronopose.data.portraits import JhmdbPictures
from chronopose.models import checkpoint
from chronopose.tracking.person import PersonDetector


def main() -> None:
    """Prints the two numbers for tools/ship.py --score, and a table of what they do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--jhmdb", type=Path, required=True)
    arguments = parser.parse_args()
    detector = PersonDetector(checkpoint.load(arguments.weights).model, "cpu", score=0.02)
    pictures = JhmdbPictures(arguments.jhmdb, every=12, split="test")
    raw, right = [], []
    chosen = range(0, len(pictures), 2)
    persons = len(chosen)
    for index in chosen:
        picture = pictures.picture(index)
        found = detector([picture.pixels])[0]
        taken = False
        truth = body_box(picture.xy_image, picture.reach_px)
        for box, score in zip(found.boxes, found.scores):  # best first: the person is found once
            hit = not taken and iou_matrix(box, truth)[0, 0] >= 0.5
            taken |= hit
            raw.append(logit(np.clip(score, 1e-4, 1 - 1e-4)))
            right.append(hit)
    x, y = np.array(raw), np.array(right, dtype=float)

    def loss(parameters: np.ndarray) -> float:
        z = parameters[0] * x + parameters[1]
        return float(np.mean(np.logaddexp(0, z) - y * z))

    scale = float(minimize(loss, np.array([1.0, 0.0])).x[0])
    order = np.argsort(-x)
    found = np.cumsum(y[order])
    f1 = 2 * found / (np.arange(len(x)) + 1 + persons)
    best = int(f1.argmax())
    shift = -scale * float(x[order][best])
    print(f"--score {scale:.2f} {shift:.2f}")
    print(f"at 0.5: recall {found[best] / persons:.2f}, precision {found[best] / (best + 1):.2f}, {persons} persons")


if __name__ == "__main__":
    main()
