"""COCO keypoints: photographs with several people, joints of any skeleton and boxes, as motionless clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.data import coco_labels, coco_videos
from chronopose.data.coco_labels import Labels
from chronopose.data.dataset import PoseDataset
from chronopose.data.defects import defect_of_picture, stopping
from chronopose.data.videos import Defect, Key, VideoClips
from chronopose.video.limits import check_size

NAME = "coco"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Photograph:
    """A photograph with everybody in it.

    Attributes:
        name: the file's, as the annotations have it.
        pixels: (H, W, 3) RGB uint8.
        boxes: (N, 4) float32 x1, y1, x2, y2 of all N persons and crowds.
        crowd: (N,) bool, where a box is around a crowd instead of a person.
    """

    name: str
    pixels: Pixels
    boxes: Floats
    crowd: NDArray[np.bool_]


class CocoPeople:
    """Persons with enough labelled joints in a file of COCO keypoints, one example each, and their photographs.

    Args:
        annotations: the file, as `data.coco_labels` reads it; or a folder with `persons.json` and `images/`; or what
            has been read already, with which `images` and `skeleton` mean nothing.
        images: folder of the photographs; None for `images/` beside the file.
        at_least: persons with fewer labelled joints are no examples; crowds never are. None for 5, or all joints of a
            skeleton that has fewer.
        skeleton: of the joints, in the file's order; None for the one that the file describes.

    Raises:
        InputError: the file or a field in it is not as wanted.
    """

    name = NAME

    def __init__(
        self,
        annotations: Path | Labels,
        images: Path | None = None,
        at_least: int | None = None,
        skeleton: Skeleton | None = None,
    ) -> None:
        labels = annotations if isinstance(annotations, Labels) else _read(Path(annotations), images, skeleton)
        self.skeleton = labels.skeleton
        least = min(5, len(self.skeleton)) if at_least is None else at_least
        if not 1 <= least <= len(self.skeleton):
            raise InputError(f"at_least must lie in 1 to {len(self.skeleton)} joints, got {at_least}")
        self._pictures = labels.pictures
        self.xy, self._visible, self.boxes, self.crowd = labels.xy, labels.visible, labels.box, labels.crowd
        self.picture_of = labels.picture_of
        labelled = ~np.isnan(labels.xy[..., 0])
        self.persons = np.flatnonzero((labelled.sum(axis=1) >= least) & ~labels.crowd)

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def pictures(self) -> int:
        """How many photographs there are, with or without a person."""
        return len(self._pictures)

    def picture_number(self, index: int) -> int:
        """The number of the photograph that example `index` is in."""
        return int(self.picture_of[self.persons[index]])

    def key(self, index: int) -> Key:
        """Which person of which photograph example `index` is."""
        return Key("", self.picture_number(index), int(self.persons[index]))

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The photograph once for every offset, with one person's joints and box."""
        row = int(self.persons[index])
        number = int(self.picture_of[row])
        pixels = self._pixels(number)
        return LabelledClip(
            name=f"{self.name}/{self._pictures[number].name}#{row}",
            frames=(pixels,) * len(offsets),
            skeleton=self.skeleton,
            xy_image=np.repeat(self.xy[row][None], len(offsets), axis=0),
            visible=np.repeat(self._visible[row][None], len(offsets), axis=0),
            box=self.boxes[row],
        )

    def photograph(self, number: int) -> Photograph:
        """Photograph `number`, from 0 to `pictures`, with all persons and crowds."""
        here = self.picture_of == number
        return Photograph(
            name=self._pictures[number].name,
            pixels=self._pixels(number),
            boxes=self.boxes[here],
            crowd=self.crowd[here],
        )

    def _pixels(self, number: int) -> Pixels:
        picture = self._pictures[number]
        try:
            with Image.open(picture.file) as stored:
                check_size(str(picture.file), *stored.size)
                if picture.size is not None and stored.size != picture.size:
                    found, wanted = (f"{wide} x {high}" for wide, high in (stored.size, picture.size))
                    raise InputError(f"{picture.file}: the picture is {found} pixels, the annotations say {wanted}")
                # COCO labels pictures as they are stored, whatever their EXIF orientation says.
                return np.asarray(stored.convert("RGB"))
        except InputError:
            raise
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{picture.file}: {str(error).splitlines()[0] if str(error) else error!r}") from None


def _read(given: Path, images: Path | None, skeleton: Skeleton | None) -> Labels:
    file = given / "persons.json" if given.is_dir() else given
    if not file.is_file():
        raise InputError(f"{file}: no such file; wanted COCO keypoints as JSON")
    folder = file.parent / "images" if images is None else Path(images)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; wanted the photographs of {file.name}")
    return coco_labels.read(file, folder, skeleton)


def dataset(folder: Path, split: str, skeleton: Skeleton | None = None) -> PoseDataset:
    """The examples of a folder's split: clips where its pictures are frames of videos, else photographs."""
    file, images = locate(folder, split)
    labels = coco_labels.read(file, images, skeleton)
    if any(picture.video is not None for picture in labels.pictures):
        videos = coco_videos.videos(labels, str(file))
        return VideoClips(NAME, labels.skeleton, videos, at_least=min(6, len(labels.skeleton)))
    return CocoPeople(labels)


def locate(folder: Path, split: str) -> tuple[Path, Path]:
    """The file of annotations and the folder of pictures of a split.

    COCO's own layout is `annotations/person_keypoints_train2017.json` with `train2017/`. Others may have
    `annotations/train.json` or `train.json` with `train/` or `images/`. The split is called train here, and may have
    any name.

    Raises:
        InputError: they are not there.
    """
    if not split or not all(letter.isalnum() or letter in "-_" for letter in split):
        raise InputError(f"split must be a name such as train or val, got {split[:40]!r}")
    files = (f"annotations/person_keypoints_{split}2017.json", f"annotations/{split}.json", f"{split}.json")
    folders = (f"{split}2017", split, "images")
    file = next((Path(folder) / name for name in files if (Path(folder) / name).is_file()), None)
    images = next((Path(folder) / name for name in folders if (Path(folder) / name).is_dir()), None)
    if file is None:
        raise InputError(f"{folder}: none of {', '.join(files)} is there; wanted COCO keypoints")
    if images is None:
        raise InputError(f"{folder}: none of {', '.join(f'{name}/' for name in folders)} is there; wanted the pictures")
    return file, images


def defects(folder: Path, split: str, skeleton: Skeleton | None = None) -> Iterator[Defect | None]:
    """What is wrong with the labels and pictures of a split, and None after each picture."""
    file, images = locate(folder, split)
    refused: list[Defect] = []
    labels = coco_labels.read(
        file, images, skeleton, refuse=lambda error, where: refused.append(stopping(error, file, where))
    )
    yield from refused
    for where in labels.boxless:
        yield Defect(file=file, where=where, what="neither a box nor two joints; left out")
    for picture in labels.pictures:
        defect = defect_of_picture(picture.file, picture.size)
        if defect is not None:
            yield defect
        yield None
