"""COCO keypoints: photographs with several people, 17 joints and boxes each, as motionless clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.contract import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17
from chronopose.core.types import Floats, Pixels
from chronopose.data.lspet import box_around
from chronopose.formats import coco, document
from chronopose.formats.document import Object
from chronopose.video.limits import check_size

# Thinner boxes are slips of the mouse.
_LEAST_PX = 1.0


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


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """What the annotations say of a photograph; `size` is width and height, None where they do not say."""

    file: Path
    name: str
    size: tuple[int, int] | None


class CocoPeople:
    """Persons with enough labelled joints in a file of COCO keypoints, one example each, and their photographs.

    The file is COCO's own `person_keypoints_*.json`, or any with `images` (id, file_name), `annotations` (image_id,
    category_id, keypoints, bbox, iscrowd) and `categories`, one of which lists the 17 joints. COCO measures boxes from
    the outer edge of the first pixel, the house from its centre: they are moved by half a pixel. Joints are numbers of
    pixels and stay. Both v = 1 (labelled, but not visible) and v = 2 are known joints; only the latter are visible.

    Args:
        annotations: the file; or a folder with `persons.json` and `images/`.
        images: folder of the photographs; None for `images/` beside the file.
        at_least: persons with fewer labelled joints are no examples; crowds never are.

    Raises:
        InputError: the file or a field in it is not as above.
    """

    name = "coco"
    skeleton = COCO_17

    def __init__(self, annotations: Path, images: Path | None = None, at_least: int = 5) -> None:
        if not 1 <= at_least <= len(self.skeleton):
            raise InputError(f"at_least must lie in 1 to {len(self.skeleton)} joints, got {at_least}")
        given = Path(annotations)
        file = given / "persons.json" if given.is_dir() else given
        if not file.is_file():
            raise InputError(f"{file}: no such file; wanted COCO keypoints as JSON")
        self.images = file.parent / "images" if images is None else Path(images)
        if not self.images.is_dir():
            raise InputError(f"{self.images}: no such folder; wanted the photographs of {file.name}")
        content, where = document.load(file), str(file)
        self._pictures, place = self._read_pictures(content, where)
        of, boxes, crowd, xy, seen = self._read_persons(content, where, place)
        self.xy, self._visible, self.boxes, self.crowd = xy, seen, boxes, crowd
        self.picture_of = of
        labelled = ~np.isnan(xy[..., 0])
        self.persons = np.flatnonzero((labelled.sum(axis=1) >= at_least) & ~crowd)

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def pictures(self) -> int:
        """How many photographs there are, with or without a person."""
        return len(self._pictures)

    def picture_number(self, index: int) -> int:
        """The number of the photograph that example `index` is in."""
        return int(self.picture_of[self.persons[index]])

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

    def _read_pictures(self, content: Object, where: str) -> tuple[list[_Picture], dict[int, int]]:
        """The photographs, and the position of each by its id."""
        pictures: list[_Picture] = []
        place: dict[int, int] = {}
        for position, image in enumerate(document.objects(content, "images", where)):
            here = f"{where}: images[{position}]"
            key = document.integer(image, "id", here)
            if key in place:
                raise InputError(f"{here}.id: {key} is the id of an earlier image too")
            name = document.text(image, "file_name", here)
            path = PurePosixPath(name)
            # Annotations come from outside: they may name no file but those in the folder given.
            if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
                raise InputError(f"{here}.file_name: expected a file inside the folder of images, got {name[:60]!r}")
            size = None
            if image.get("width") is not None or image.get("height") is not None:
                width, height = (document.integer(image, side, here, 1, 2**31) for side in ("width", "height"))
                size = width, height
            place[key] = position
            pictures.append(_Picture(self.images / path, name, size))
        return pictures, place

    def _read_persons(
        self, content: Object, where: str, place: dict[int, int]
    ) -> tuple[NDArray[np.intp], Floats, NDArray[np.bool_], Floats, NDArray[np.bool_]]:
        """Photograph (N,), box (N, 4), crowd (N,), joints (N, 17, 2) and visibility (N, 17) of all annotations."""
        category = self._category(content, where)
        joints = len(self.skeleton)
        rows: list[tuple[int, Floats, bool]] = []
        triples: list[NDArray[np.float64]] = []
        for position, one in enumerate(document.objects(content, "annotations", where)):
            here = f"{where}: annotations[{position}]"
            if document.integer(one, "category_id", here) != category:
                continue
            image = document.integer(one, "image_id", here)
            if image not in place:
                raise InputError(f"{here}.image_id: no image has the id {image}")
            crowd = bool(document.integer({"iscrowd": 0} | one, "iscrowd", here, 0, 2))
            x_y_v = document.numbers(one, "keypoints", here, 3 * joints)
            triple = np.zeros((joints, 3)) if x_y_v is None else x_y_v.reshape(joints, 3)
            if not np.isin(triple[:, 2], (0, 1, 2)).all():
                raise InputError(f"{here}.keypoints: every third number must be 0, 1 or 2, got {triple[:, 2].max():g}")
            box = _box(one, triple, here)
            if box is not None:
                rows.append((place[image], box, crowd))
                triples.append(triple)
        labels = np.stack(triples) if triples else np.zeros((0, joints, 3))
        xy = np.where(labels[..., 2:] > 0, labels[..., :2], np.nan).astype(np.float32)
        return (
            np.array([number for number, _, _ in rows], dtype=np.intp),
            np.array([box for _, box, _ in rows], dtype=np.float32).reshape(-1, 4),
            np.array([crowd for _, _, crowd in rows], dtype=bool),
            xy,
            labels[..., 2] > 1,
        )

    def _category(self, content: Object, where: str) -> int:
        """Id of the category that has the 17 joints."""
        categories = document.objects(content, "categories", where)
        chosen = [index for index, category in enumerate(categories) if "keypoints" in category]
        if len(chosen) != 1:
            raise InputError(f"{where}: categories: expected one with keypoints, found {len(chosen)}")
        here = f"{where}: categories[{chosen[0]}]"
        skeleton = coco.skeleton_of(categories[chosen[0]], here)
        if skeleton.joints != self.skeleton.joints:
            wanted = ", ".join(self.skeleton.joints)
            raise InputError(f"{here}.keypoints: must be {wanted}; got {', '.join(skeleton.joints)[:120]}")
        return document.integer(categories[chosen[0]], "id", here)

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


def _box(annotation: Object, triple: NDArray[np.float64], where: str) -> Floats | None:
    """(4,) the person's box in the house's coordinates; around the joints where none is given, None without joints."""
    given = document.box_of(annotation, where)
    if given is not None and (given[2:] - given[:2] >= _LEAST_PX).all():
        return np.asarray(given - 0.5, dtype=np.float32)
    known = triple[:, 2] > 0
    if known.sum() < 2:
        return None
    return box_around(np.where(known[:, None], triple[:, :2], np.nan).astype(np.float32))
