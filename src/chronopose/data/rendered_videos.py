"""Rendered clips as labelled videos, without their pictures, and what is wrong in their files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.defects import stopping
from chronopose.data.rendered import joint_order
from chronopose.data.videos import Defect, LabelledPerson, LabelledVideo
from chronopose.formats.shards import SEEN, ClipRecord, Shards

SKELETON = POSETRACK_15
SPLIT = "all"
"""A folder of rendered clips is one part: which one, its maker said when rendering."""


def videos(folder: Path, split: str) -> Iterator[LabelledVideo]:
    """The clips, one at a time, and who can be seen in them.

    Their `images` are the folder: pictures lie in its Parquet files, which `data.rendered` opens and no video reader.

    Raises:
        InputError: there is no such split; a file is damaged, missing or of another data set.
    """
    check_split(split)
    shards = Shards(folder)
    order = joint_order(SKELETON, shards.joints)
    for number in range(len(shards)):
        record = shards.clip(number, ())
        length = len(record.xy)
        persons = (_person(record, person, order) for person in range(record.xy.shape[1]))
        yield LabelledVideo(
            name=f"clip {number}",
            images=folder,
            length=length,
            size=shards.size,
            labelled=np.ones(length, dtype=bool),
            persons=tuple(person for person in persons if len(person.frames)),
        )


def defects(folder: Path, split: str) -> Iterator[Defect | None]:
    """What is wrong with the clips, all pictures decoded, and None after each clip."""
    check_split(split)
    shards = Shards(folder)
    for number in range(len(shards)):
        try:
            shards.clip(number)
        except InputError as error:
            yield stopping(error, folder, f"clip {number}")
        yield None


def check_split(split: str) -> None:
    """Raises `InputError` unless the split is all that there is."""
    if split != SPLIT:
        raise InputError(f"split must be {SPLIT}: a folder of rendered clips is one part; got {split[:40]!r}")


def _person(record: ClipRecord, person: int, order: NDArray[np.intp]) -> LabelledPerson:
    """One person in the frames in which at least a bit of him or her can be seen."""
    frames = np.flatnonzero(record.seen[:, person] > 0)
    return LabelledPerson(
        track_id=person,
        frames=frames,
        xy_image=record.xy[frames, person][:, order],
        visible=record.visible[frames, person][:, order] == SEEN,
        box=record.boxes[frames, person],
    )
