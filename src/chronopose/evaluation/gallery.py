"""Pictures of the worst answers: truth and prediction side by side, and an index of them."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.crop import crop_clip
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.files import replacing_folder
from chronopose.core.geometry import apply, apply_to_sigma, invert
from chronopose.core.types import Floats, Pixels, Pose
from chronopose.data.dataset import PoseDataset
from chronopose.draw import contact_sheet, draw_poses
from chronopose.evaluation.persons import Answers
from chronopose.metrics.pck import person_box_size

WORST = 24
"""How many pictures a gallery has."""
# Joints that are far off should still be seen, so there is more room around a person than a model is shown.
_PANEL = ClipSpec(offsets=(0,), height=448, width=448, margin=1.7)
_COLUMNS = ("file", "name", "video", "frame", "person", "error", "worst_joint", "worst_error")


def worst(answers: Answers, count: int = WORST) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The rows of the worst key frames, worst first, and the errors (N, K) of all joints.

    A joint's error is its distance over the longer side of the person's box, NaN where it is not visible; a key frame's
    is the mean over its joints. Persons who were not found are left out: there is nothing to draw.
    """
    distance = np.linalg.norm(np.where(np.isfinite(answers.xy), answers.xy, np.nan) - answers.truth, axis=-1)
    error = np.where(answers.visible, distance, np.nan) / person_box_size(answers.box)[:, None]
    known = ~np.isnan(error)
    count_of = known.sum(axis=1)
    mean = np.divide(np.where(known, error, 0).sum(axis=1), count_of, out=np.full(len(error), -1.0), where=count_of > 0)
    order = np.argsort(-mean, kind="stable")[: min(count, int((mean >= 0).sum()))]
    return order, error


def check_free(folder: Path) -> None:
    """Raises `InputError` if there is something in the folder, or in its place."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already; wanted a new or empty folder for the gallery")


def write_gallery(folder: Path, dataset: PoseDataset, answers: Answers, count: int = WORST) -> int:
    """Draws the worst key frames of a data set, whose first ones the answers are, and says how many there are.

    `001_NAME.png` has the truth on the left and the prediction, with its sigma, on the right; `index.csv` has a line
    for each with its errors.

    Raises:
        InputError: the folder is there already and has something in it.
    """
    check_free(folder)
    rows, error = worst(answers, count)
    with replacing_folder(folder) as temporary:
        lines = []
        for place, row in enumerate(rows.tolist(), start=1):
            clip = dataset.clip(row, (0,))
            # Names come from annotations and may hold anything.
            file = f"{place:03d}_{re.sub(r'[^A-Za-z0-9.-]+', '_', clip.name)[-80:]}.png"
            Image.fromarray(_panels(clip.frames[0], answers.part(np.array([row])))).save(temporary / file)
            lines.append([file, clip.name, *_who(answers, row), *_told(answers.skeleton.joints, error[row])])
        with (temporary / "index.csv").open("w", encoding="utf-8", newline="") as index:
            csv.writer(index).writerows([_COLUMNS, *lines])
    return len(rows)


def _panels(frame: Pixels, one: Answers) -> Pixels:
    """Truth and prediction of one answer, in a square around the person."""
    cut = crop_clip((frame,), one.box[0].astype(np.float32), _PANEL)
    to_panel = invert(cut.crop_to_image[0])
    box = apply(to_panel, one.box[0].reshape(2, 2)).reshape(4).astype(np.float32)

    def drawn(xy: NDArray[np.floating], sigma: Floats | None) -> Pixels:
        known = np.isfinite(xy).all(axis=-1)
        pose = Pose(
            skeleton=one.skeleton,
            xy=np.where(known[:, None], apply(to_panel, xy), np.nan).astype(np.float32),
            score=known.astype(np.float32),
            sigma=sigma,
            box=box,
        )
        return draw_poses(cut.pixels[0], [pose], min_score=0)

    sigma = None if one.sigma is None else apply_to_sigma(to_panel, one.sigma[0]).astype(np.float32)
    return contact_sheet([drawn(one.truth[0], None), drawn(one.xy[0], sigma)], 2)


def _who(answers: Answers, row: int) -> tuple[str | int, ...]:
    return answers.keys[row] if answers.keys else ("", "", "")


def _told(joints: Sequence[str], error: NDArray[np.float64]) -> tuple[str, ...]:
    """The mean error of a key frame, its worst joint and that joint's error."""
    place = int(np.nanargmax(error))
    return f"{np.nanmean(error):.4f}", joints[place], f"{error[place]:.4f}"
