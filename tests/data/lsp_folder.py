"""Folders in the owners' layouts of LSP and LSP-extended, with a dot under the right ankle of each photograph."""

from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.data.dots import picture

COUNT = 12


def size(place: int) -> tuple[int, int]:
    """Width and height of a photograph; no two have the same."""
    return 80 + place, 90


def joints() -> np.ndarray:
    """(N, 14, 2) 0-based places of the joints, whole pixels."""
    return np.random.default_rng(0).integers(8, 72, (COUNT, 14, 2)).astype(float)


def _photographs(folder: Path, pattern: str) -> None:
    (folder / "images").mkdir(parents=True)
    for place, xy in enumerate(joints()):
        picture(size(place), xy[0], grey=10 * place).save(folder / "images" / pattern.format(place + 1), quality=95)


def write(folder: Path) -> Path:
    """LSP: the last joint of every other photograph is hidden, and labelled all the same."""
    _photographs(folder, "im{:04d}.jpg")
    hidden = np.zeros((COUNT, 14, 1))
    hidden[::2, 13] = 1
    savemat(folder / "joints.mat", {"joints": np.concatenate([joints() + 1, hidden], axis=2).transpose(2, 1, 0)})
    return folder


def write_extended(folder: Path) -> Path:
    """LSP-extended: the last joint of every other photograph is not labelled, and at a filler place."""
    _photographs(folder, "im{:05d}.jpg")
    labelled = np.ones((COUNT, 14, 1))
    labelled[::2, 13] = 0
    xy = np.where(labelled == 1, joints() + 1, -7)
    savemat(folder / "joints.mat", {"joints": np.concatenate([xy, labelled], axis=2).transpose(1, 2, 0)})
    return folder
