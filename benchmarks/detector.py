"""Recall and precision of the bundled person detector on photographs, and what a frame costs.

    python benchmarks/detector.py --data FOLDER

FOLDER holds COCO-style `persons.json` (boxes, iscrowd) and `images/`. Counted are persons at least 96 pixels high in
the photograph's own pixels; a detection that matches a smaller person or lies mostly in a crowd counts as neither
right nor wrong. A detection is right where it overlaps a person not yet found with an IoU of at least 0.5.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from chronopose.data.coco import CocoPeople, Photograph
from chronopose.metrics.detection import match, taller_than, total
from chronopose.models import checkpoint
from chronopose.runtimes.in_torch import TorchPersons
from chronopose.tracking.person import PersonDetector

TALL_PX = 96.0
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def load(folder: Path) -> list[Photograph]:
    """The photographs of a folder with `persons.json` and `images/`."""
    people = CocoPeople(folder)
    return [people.photograph(number) for number in range(people.pictures)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with persons.json and images/")
    parser.add_argument("--weights", type=str, default="person-small", help="bundled name, file or run folder")
    parser.add_argument("--long-side", type=int, nargs="*", default=[], help="of the network's picture, in pixels")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = checkpoint.load(arguments.weights).model
    table(model, load(arguments.data), arguments.long_side or [None])


def table(model: torch.nn.Module, photographs: list[Photograph], sides: Sequence[int | None]) -> None:
    """Prints recall and precision for each size of the network's picture and each least score."""
    print("| long side | score | recall | precision | persons | ms/photo |\n|---|---|---|---|---|---|")
    for side in sides:
        detector = PersonDetector(TorchPersons(model), score=min(SCORES), long_side=side)
        start = time.perf_counter()
        answers = [detector([photograph.pixels])[0] for photograph in photographs]
        spent_ms = (time.perf_counter() - start) / len(photographs) * 1000
        for score in SCORES:
            found = total(
                match(
                    answer.boxes[answer.scores >= score],
                    photograph.boxes,
                    counted=taller_than(photograph.boxes, TALL_PX),
                    crowd=photograph.crowd,
                )
                for answer, photograph in zip(answers, photographs)
            )
            print(
                f"| {detector.long_side} | {score:.1f} | {found.recall:.3f} | {found.precision:.3f} "
                f"| {found.persons} | {spent_ms:.1f} |"
            )


if __name__ == "__main__":
    main()
