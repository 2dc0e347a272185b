"""Folders in the layout of Penn Action, with a dot under the head of each frame."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from tests.data.dots import picture

SIZE, LENGTH = (64, 48), 5


def fields(number: int, length: int = LENGTH, train: bool = True) -> dict[str, Any]:
    """The label fields of a clip, counted from 1: all joints visible but the last, which is at a filler place."""
    rng = np.random.default_rng(number)
    xy = rng.integers([8, 8], [SIZE[0] - 8, SIZE[1] - 8], (length, 13, 2)).astype(float)
    visibility = np.ones((length, 13), dtype=bool)
    xy[:, 12], visibility[:, 12] = 1, False
    low, high = xy[:, :12].min(axis=1) - 3, xy[:, :12].max(axis=1) + 3
    return {
        "action": "squat",
        "pose": "front",
        "x": xy[..., 0],
        "y": xy[..., 1],
        "visibility": visibility,
        "train": 1 if train else -1,
        "bbox": np.concatenate([low, high], axis=1),
        "dimensions": np.array([[SIZE[1], SIZE[0], length]]),
        "nframes": length,
    }


def write_clip(folder: Path, name: str, labels: dict[str, Any]) -> None:
    """Labels and frames of a clip; as many frames as the head has places."""
    frames = folder / "frames" / name
    for place in (folder / "labels", frames):
        place.mkdir(parents=True, exist_ok=True)
    savemat(folder / "labels" / f"{name}.mat", labels, do_compression=True)
    for number, head in enumerate(zip(labels["x"][:, 0], labels["y"][:, 0], strict=True), start=1):
        picture(SIZE, np.array(head) - 1).save(frames / f"{number:06d}.jpg", quality=95)


def write(folder: Path) -> Path:
    """Clips 0001 and 0003 to learn from, 0002 and 1154 to be judged on; the last lacks its last box, as it does."""
    for number, train in ((1, True), (2, False), (3, True)):
        write_clip(folder, f"{number:04d}", fields(number, train=train))
    labels = fields(1154, train=False)
    write_clip(folder, "1154", labels | {"bbox": labels["bbox"][:-1]})
    return folder
