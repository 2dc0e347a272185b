"""Photographs as videos of one frame, so that all data sets are counted and checked alike."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.data.coco_labels import Labels
from chronopose.data.videos import LabelledPerson, LabelledVideo

_FIRST = np.zeros(1, dtype=np.int64)
_LABELLED = np.ones(1, dtype=bool)


def of_coco(labels: Labels) -> Iterator[LabelledVideo]:
    """The photographs of a file of COCO keypoints and everybody in them; crowds are nobody."""
    rows = np.flatnonzero(~labels.crowd)
    rows = rows[np.argsort(labels.picture_of[rows], kind="stable")]
    # Where the rows of each photograph begin, and at last where they all end.
    starts = np.searchsorted(labels.picture_of[rows], np.arange(len(labels.pictures) + 1)).tolist()
    for picture, start, end in zip(labels.pictures, starts[:-1], starts[1:], strict=True):
        here = rows[start:end]
        yield photograph(
            picture.name, picture.file, picture.size, here, labels.xy[here], labels.visible[here], labels.box[here]
        )


def photograph(
    name: str,
    file: Path,
    size: tuple[int, int] | None,
    number: NDArray[np.integer],
    xy_image: Floats,
    visible: NDArray[np.bool_],
    box: Floats,
) -> LabelledVideo:
    """One photograph with N persons.

    Args:
        name: of the photograph in its data set.
        file: of the picture.
        size: width and height in pixels, None where the labels do not say.
        number: (N,) of each person.
        xy_image: (N, K, 2) 0-based pixels, NaN where not labelled.
        visible: (N, K).
        box: (N, 4) x1, y1, x2, y2.
    """
    persons = tuple(
        LabelledPerson(track_id=who, frames=_FIRST, xy_image=xy[None], visible=seen[None], box=around[None])
        for who, xy, seen, around in zip(number.tolist(), xy_image, visible, box, strict=True)
    )
    return LabelledVideo(name=name, images=(file,), length=1, size=size, labelled=_LABELLED, persons=persons)
