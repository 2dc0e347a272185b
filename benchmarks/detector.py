"""Recall and precision of the bundled person detector on photographs, and what a frame costs.

    python benchmarks/detector.py --data FOLDER

FOLDER holds COCO-style `persons.json` (boxes, iscrowd) and `images/`. Counted are persons at least 96 pixels high in
the photograph's own pixels; a detection that matches a smaller person or lies mostly in a crowd counts as neither
right nor wrong. A detection is right where it overlaps a person not yet found with an IoU of at least 0.5.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from chronopose.core import geometry
from chronopose.models import checkpoint
from chronopose.tracking.person import PersonDetector

TALL_PX = 96.0
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


Photograph = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pixels (H, W, 3), boxes (N, 4) of persons, and whether each of them is a crowd (N,)."""


def load(folder: Path) -> list[Photograph]:
    """The photographs of a folder with `persons.json` and `images/`."""
    stored = json.loads((folder / "persons.json").read_text())
    loaded = []
    for image in stored["images"]:
        rows = [one for one in stored["annotations"] if one["image_id"] == image["id"]]
        boxes = np.array([one["bbox"] for one in rows], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        crowd = np.array([bool(one["iscrowd"]) for one in rows], dtype=bool)
        pixels = np.asarray(Image.open(folder / "images" / image["file_name"]).convert("RGB"))
        loaded.append((pixels, boxes - 0.5, crowd))
    return loaded


def count(found: np.ndarray, boxes: np.ndarray, crowd: np.ndarray) -> tuple[int, int, int]:
    """Persons found, detections that are wrong, and persons there were; `found` is best first."""
    tall = (boxes[:, 3] - boxes[:, 1] >= TALL_PX) & ~crowd
    overlap = geometry.iou_matrix(found, boxes)
    taken = np.zeros(len(boxes), dtype=bool)
    right = wrong = 0
    for row, box in zip(overlap, found):
        free = np.where(taken | crowd, 0, row)
        best = int(free.argmax()) if len(free) else -1
        if best >= 0 and free[best] >= 0.5:
            taken[best] = True
            right += int(tall[best])
        elif not _excused(box, boxes[crowd | ~tall]):
            wrong += 1
    return right, wrong, int(tall.sum())


def _excused(box: np.ndarray, others: np.ndarray) -> bool:
    """Whether half of a box lies in a crowd or in a person too small to count."""
    shared = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    area = np.clip(shared, 0, None).prod(axis=1)
    return bool(len(area) and area.max() >= 0.5 * np.prod(box[2:] - box[:2]))


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
        detector = PersonDetector(model, score=min(SCORES), long_side=side)
        start = time.perf_counter()
        answers = [detector([pixels])[0] for pixels, _, _ in photographs]
        spent_ms = (time.perf_counter() - start) / len(photographs) * 1000
        for score in SCORES:
            rows = np.array(
                [
                    count(answer.boxes[answer.scores >= score], boxes, crowd)
                    for answer, (_, boxes, crowd) in zip(answers, photographs)
                ]
            )
            right, wrong, there = rows.sum(axis=0)
            recall, precision = right / max(there, 1), right / max(right + wrong, 1)
            print(f"| {detector.long_side} | {score:.1f} | {recall:.3f} | {precision:.3f} | {there} | {spent_ms:.1f} |")


if __name__ == "__main__":
    main()
