"""Puts the person detector's scores where the tracker's thresholds are: 0.5 is the score of the best F1.

    python tools/calibrate_detector.py WEIGHTS --jhmdb FOLDER --rendered FOLDER

Looks at frames of JHMDB's test clips of split 1, one labelled person each, where people without a label count against
the detector, and at the key frames of rendered clips of held-out motions, where everybody has a label and those of
whom little can be seen count neither way. Both weigh the same. The scale is that of a logistic fit of being right (an
overlap of at least one half) to the logit.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logit

from chronopose.core.geometry import iou_matrix
from chronopose.data.board import body_box
from chronopose.data.portraits import JhmdbPictures
from chronopose.data.rendered import cut
from chronopose.formats.shards import Shards
from chronopose.models import checkpoint
from chronopose.runtimes.in_torch import TorchPersons
from chronopose.tracking.person import PersonDetector

Array = NDArray[np.float64]
Labelled = tuple[NDArray[np.uint8], NDArray[np.floating], NDArray[np.bool_]]
"""Pixels (H, W, 3), boxes (P, 4) of persons, and which of them count (P,)."""


# A rendered person of whom a smaller share can be seen is nobody that a detector has to find.
SEEN = 0.35


def jhmdb_frames(folder: Path) -> Iterator[Labelled]:
    """Every 24th frame of the test clips, with its one person."""
    pictures = JhmdbPictures(folder, every=12, split="test")
    for index in range(0, len(pictures), 2):
        picture = pictures.picture(index)
        yield picture.pixels, body_box(picture.xy_image, picture.reach_px)[None], np.ones(1, dtype=bool)


def rendered_frames(folder: Path) -> Iterator[Labelled]:
    """The key frames of clips, with all their persons."""
    shards = Shards(folder)
    for number in range(len(shards)):
        key = int(shards.key_frames.key[number])
        clip = shards.clip(number, (key,))
        yield clip.frames[0], cut(clip.boxes[key], shards.size), clip.seen[key] >= SEEN


def judge(detector: PersonDetector, frames: Iterator[Labelled]) -> tuple[Array, NDArray[np.bool_], int]:
    """Logits of all detections, which of them are right, and how many persons there were."""
    raw: list[float] = []
    right: list[bool] = []
    persons = 0
    for pixels, boxes, counted in frames:
        found = detector([pixels])[0]
        overlap = iou_matrix(found.boxes, boxes)
        persons += int(counted.sum())
        free = np.ones(len(boxes), dtype=bool)
        for row, score in zip(overlap, found.scores):  # best first: everybody is found once
            best = int(np.where(free, row, 0).argmax())
            hit = bool(free[best] and row[best] >= 0.5)
            free[best] &= not hit
            if hit and not counted[best]:
                continue
            raw.append(float(logit(np.clip(score, 1e-4, 1 - 1e-4))))
            right.append(hit)
    return np.array(raw), np.array(right), persons


def main() -> None:
    """Prints the two numbers for tools/ship.py --score, and what they do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--jhmdb", type=Path, required=True)
    parser.add_argument("--rendered", type=Path, required=True)
    arguments = parser.parse_args()
    detector = PersonDetector(TorchPersons(checkpoint.load(arguments.weights).model), score=0.02)
    sets = [judge(detector, frames) for frames in (jhmdb_frames(arguments.jhmdb), rendered_frames(arguments.rendered))]
    x = np.concatenate([raw for raw, _, _ in sets])
    y = np.concatenate([right for _, right, _ in sets]).astype(float)
    weight = np.concatenate([np.full(len(raw), 1 / persons) for raw, _, persons in sets])

    def loss(parameters: Array) -> float:
        z = parameters[0] * x + parameters[1]
        return float(np.average(np.logaddexp(0, z) - y * z, weights=weight))

    scale = float(minimize(loss, np.array([1.0, 0.0])).x[0])
    order = np.argsort(-x)
    found, told = np.cumsum((y * weight)[order]), np.cumsum(weight[order])
    best = int((2 * found / (told + len(sets))).argmax())
    least = float(x[order][best])
    print(f"--score {scale:.2f} {-scale * least:.2f}")
    for name, (raw, right, persons) in zip(("jhmdb", "rendered"), sets):
        kept = right[raw >= least]
        print(f"{name} at 0.5: recall {kept.sum() / persons:.2f}, precision {kept.mean():.2f}, {persons} persons")


if __name__ == "__main__":
    main()
