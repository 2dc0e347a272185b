"""What a COCO-style file of keypoints says: its skeleton, pictures and persons, as arrays.

The file is COCO's own `person_keypoints_*.json`, or any with `images` (id, file_name; of videos also `video_id` or
`vid_id`, and `frame_id`), `annotations` (image_id, category_id, keypoints, bbox, iscrowd, track_id) and `categories`,
one of which lists the joints. COCO measures boxes from the outer edge of the first pixel, the house from its centre:
they are moved by half a pixel. Joints are numbers of pixels and stay. Both v = 1 (labelled, but not visible) and v = 2
are known joints; only the latter are visible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_around
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats
from chronopose.formats import coco, document
from chronopose.formats.document import Object

# Thinner boxes are slips of the mouse.
_LEAST_PX = 1.0

Refuse = Callable[[InputError, str], None]
"""Called with what is wrong with an image or annotation, and its place in the file; if it returns, that is left out."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """What the annotations say of a picture.

    Attributes:
        file: of the picture.
        name: the file's, as the annotations have it.
        size: width and height, None where they do not say.
        video: id of the video it is a frame of, None for a photograph.
        frame: number in the video; for order only.
        labelled: whether it was given to the annotators.
    """

    file: Path
    name: str
    size: tuple[int, int] | None
    video: str | None
    frame: int
    labelled: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Labels:
    """What a file says of N persons and crowds.

    Attributes:
        skeleton: of the joints.
        pictures: with or without a person.
        picture_of: (N,) place of the picture of each.
        box: (N, 4) float32 x1, y1, x2, y2; around the joints where the file has none.
        crowd: (N,) bool, where a box is around a crowd instead of a person.
        xy: (N, K, 2) float32 0-based pixels, NaN where not labelled.
        visible: (N, K) bool.
        track_id: (N,) int64, -1 where the file has none.
        boxless: places of annotations left out, as they have neither box nor joints.
    """

    skeleton: Skeleton
    pictures: tuple[Picture, ...]
    picture_of: NDArray[np.intp]
    box: Floats
    crowd: NDArray[np.bool_]
    xy: Floats
    visible: NDArray[np.bool_]
    track_id: NDArray[np.int64]
    boxless: tuple[str, ...]


def stop(error: InputError, where: str) -> None:
    """Refuses by raising the error."""
    raise error


def read(file: Path, images: Path, skeleton: Skeleton | None = None, refuse: Refuse = stop) -> Labels:
    """The labels in a file.

    Args:
        file: COCO-style JSON.
        images: folder of the pictures.
        skeleton: of the joints, in the file's order; None for the one that the file's category describes.
        refuse: called with each image and annotation that is wrong.

    Raises:
        InputError: the file or a field in it is not as in the module's first lines.
    """
    return parsed(document.load(file), str(file), images, skeleton, refuse)


def parsed(
    content: Object, where: str, images: Path, skeleton: Skeleton | None = None, refuse: Refuse = stop
) -> Labels:
    """As `read`, of a file's content; `where` is its name."""
    category, skeleton = _category(content, where, skeleton)
    pictures: list[Picture] = []
    place: dict[int, int] = {}
    for position, image in enumerate(document.objects(content, "images", where)):
        here = f"images[{position}]"
        try:
            key = document.integer(image, "id", f"{where}: {here}")
            if key in place:
                raise InputError(f"{where}: {here}.id: {key} is the id of an earlier image too")
            pictures.append(_picture(image, position, images, f"{where}: {here}"))
            place[key] = len(pictures) - 1
        except InputError as error:
            refuse(error, here)
    rows: list[tuple[int, Floats, bool, int, NDArray[np.float64]]] = []
    boxless: list[str] = []
    for position, one in enumerate(document.objects(content, "annotations", where)):
        here = f"annotations[{position}]"
        try:
            if document.integer(one, "category_id", f"{where}: {here}") == category:
                row = _person(one, len(skeleton), place, f"{where}: {here}")
                if row is None:
                    boxless.append(here)
                else:
                    rows.append(row)
        except InputError as error:
            refuse(error, here)
    triples = np.array([triple for *_, triple in rows]).reshape(-1, len(skeleton), 3)
    return Labels(
        skeleton=skeleton,
        pictures=tuple(pictures),
        picture_of=np.array([row[0] for row in rows], dtype=np.intp),
        box=np.array([row[1] for row in rows], dtype=np.float32).reshape(-1, 4),
        crowd=np.array([row[2] for row in rows], dtype=bool),
        xy=np.where(triples[..., 2:] > 0, triples[..., :2], np.nan).astype(np.float32),
        visible=triples[..., 2] > 1,
        track_id=np.array([row[3] for row in rows], dtype=np.int64),
        boxless=tuple(boxless),
    )


def _category(content: Object, where: str, given: Skeleton | None) -> tuple[int, Skeleton]:
    """Id of the category that has joints, and their skeleton; with one given, the only category needs to list none."""
    categories = document.objects(content, "categories", where)
    chosen = [index for index, category in enumerate(categories) if "keypoints" in category]
    if not chosen and given is not None and len(categories) == 1:
        return document.integer(categories[0], "id", f"{where}: categories[0]"), given
    if len(chosen) != 1:
        raise InputError(f"{where}: categories: expected one with keypoints, found {len(chosen)}")
    here, category = f"{where}: categories[{chosen[0]}]", categories[chosen[0]]
    try:
        skeleton = coco.skeleton_of(category, here)
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(here) else f"{here}: {error}") from None
    if given is not None and skeleton.joints != given.joints:
        got, wanted = (", ".join(joints)[:120] for joints in (skeleton.joints, given.joints))
        raise InputError(f"{here}.keypoints: must be those of {given.name}, {wanted}; got {got}")
    return document.integer(category, "id", here), given or skeleton


def _picture(image: Object, position: int, images: Path, where: str) -> Picture:
    path = document.path_inside(image, "file_name", where)
    size = None
    if image.get("width") is not None or image.get("height") is not None:
        width, height = (document.integer(image, side, where, 1, 2**31) for side in ("width", "height"))
        size = width, height
    video = image.get("video_id", image.get("vid_id"))
    if video is not None and not (type(video) is int or (isinstance(video, str) and video.isprintable())):
        raise InputError(f"{where}.video_id: expected a number or text, got {str(video)[:40]!r}")
    return Picture(
        file=images / path,
        name=str(path),
        size=size,
        video=None if video is None else str(video),
        frame=position if image.get("frame_id") is None else document.integer(image, "frame_id", where),
        labelled=image.get("is_labeled", True) is not False,
    )


def _person(
    one: Object, joints: int, place: dict[int, int], where: str
) -> tuple[int, Floats, bool, int, NDArray[np.float64]] | None:
    """Picture, box, whether it is a crowd, track id and joints (K, 3); None where there is neither box nor joints."""
    image = document.integer(one, "image_id", where)
    if image not in place:
        raise InputError(f"{where}.image_id: no image has the id {image}")
    crowd = bool(document.integer({"iscrowd": 0} | one, "iscrowd", where, 0, 2))
    x_y_v = document.numbers(one, "keypoints", where, 3 * joints)
    triple = np.zeros((joints, 3)) if x_y_v is None else x_y_v.reshape(joints, 3)
    if not np.isin(triple[:, 2], (0, 1, 2)).all():
        raise InputError(f"{where}.keypoints: every third number must be 0, 1 or 2, got {triple[:, 2].max():g}")
    track = document.track_id(one, where)
    given, known = document.box_of(one, where), triple[:, 2] > 0
    if given is not None and (given[2:] - given[:2] >= _LEAST_PX).all():
        box = np.asarray(given - 0.5, dtype=np.float32)
    elif known.sum() >= 2:
        box = box_around(np.where(known[:, None], triple[:, :2], np.nan).astype(np.float32))
    else:
        return None
    return place[image], box, crowd, -1 if track is None else track, triple
