"""Small folders in the layouts of data sets' owners, of people drawn by code: runs are rehearsed without the data.

Names, fields, units and sizes of the pictures are those of the owners, so that reading and decoding them takes what it
takes there. How many videos there are, and what they show, is not.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import COCO_17, JHMDB_15, PENN_13, POSETRACK_15, Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.data.synthetic import SyntheticConfig, joint_order, render_clip
from chronopose.formats import document, metadata, posetrack
from chronopose.formats.document import Object

FRAMES = 5
"""Of every video; of PoseTrack's the first and the last are not labelled."""

_PARTS = {1: "train", 2: "val"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Drawn:
    """One video of T frames and P persons.

    Attributes:
        size: width and height.
        frames: (T, H, W, 3) RGB uint8.
        xy: (T, P, K, 2) float32 0-based pixels.
        inside: (T, P, K) bool, whether in the picture.
        visible: (T, P, K) bool, whether not hidden.
        box: (T, P, 4) float64 x1, y1, x2, y2, cut at the picture's edge.
    """

    size: tuple[int, int]
    frames: Pixels
    xy: Floats
    inside: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    box: NDArray[np.float64]


def write(name: str, folder: Path) -> None:
    """Fills an empty folder with a video to learn from and one to be judged on, in the layout of a data set by name.

    Raises:
        InputError: there is no such layout here.
    """
    if name not in _WRITERS:
        raise InputError(f"nothing can be drawn in the layout of {name!r}; wanted one of {', '.join(_WRITERS)}")
    _WRITERS[name](Path(folder))


def _draw(number: int, skeleton: Skeleton, size: tuple[int, int], enlarge: int, people: int = 1) -> _Drawn:
    """Video `number`; people are drawn smaller and the picture is enlarged, which takes far less time."""
    width, height = size[0] // enlarge, size[1] // enlarge
    config = SyntheticConfig(
        seed=number,
        clips=1,
        frames=FRAMES,
        width=width,
        height=height,
        people=(people, people),
        occluders=(0, 0),
        blur=False,
    )
    clip = render_clip(config, 0)
    order = joint_order(skeleton)
    frames = [Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC) for frame in clip.frames]
    xy, box = ((places + 0.5) * enlarge - 0.5 for places in (clip.xy[:, :, order], clip.boxes))
    last = np.array(size) - 1
    return _Drawn(
        size=size,
        frames=np.stack([np.asarray(frame) for frame in frames]),
        xy=xy.astype(np.float32),
        inside=np.asarray(((xy >= 0) & (xy <= last)).all(axis=-1)),
        visible=clip.visible[:, :, order],
        box=np.clip(box.astype(np.float64), 0, np.concatenate([last, last])),
    )


def _save(frames: Pixels, files: Iterable[Path]) -> None:
    for frame, file in zip(frames, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(frame).save(file, quality=90)


def _triples(xy: Floats, mark: NDArray[Any]) -> list[float]:
    """x, y and mark of joints (K, 2), one after the other; 0, 0, 0 where the mark is 0."""
    rows = np.where(mark[:, None] > 0, np.concatenate([xy, mark[:, None]], axis=1), 0.0)
    return [round(value, 2) for value in rows.ravel().tolist()]


def _category(joints: Iterable[str]) -> Object:
    return {"id": 1, "name": "person", "supercategory": "person", "keypoints": list(joints), "skeleton": []}


# Videos of one person ----------------------------------------------------------------------------------------------


def _penn(folder: Path) -> None:
    (folder / "labels").mkdir()
    for number, part in _PARTS.items():
        drawn = _draw(number, PENN_13, (480, 360), 2)
        xy = drawn.xy[:, 0].astype(np.float64) + 1  # counted from 1
        labels = {
            "action": "baseball_pitch",
            "pose": "front",
            "x": xy[..., 0],
            "y": xy[..., 1],
            "visibility": drawn.visible[:, 0] & drawn.inside[:, 0],
            "train": 1 if part == "train" else -1,
            "bbox": drawn.box[:, 0] + 1,
            "dimensions": np.array([[drawn.size[1], drawn.size[0], FRAMES]]),
            "nframes": FRAMES,
        }
        savemat(folder / "labels" / f"{number:04d}.mat", labels, do_compression=True)
        _save(drawn.frames, [folder / "frames" / f"{number:04d}" / f"{t:06d}.jpg" for t in range(1, FRAMES + 1)])


def _sub_jhmdb(folder: Path) -> None:
    clips = {f"drawn_clip_{number}": (number, part) for number, part in _PARTS.items()}
    (folder / "sub_splits").mkdir()
    for split in (1, 2, 3):
        rows = [f"{clip}.avi {1 if part == 'train' else 2} \n" for clip, (_, part) in clips.items()]
        (folder / "sub_splits" / f"golf_test_split{split}.txt").write_text("".join(rows))
    for clip, (number, _) in clips.items():
        drawn = _draw(number, JHMDB_15, (320, 240), 1)
        kinds = ("Rename_Images", "joint_positions", "puppet_mask")
        pictures, labels, masks = (folder / kind / "golf" / clip for kind in kinds)
        for place in (labels, masks):
            place.mkdir(parents=True)
        pos_img = drawn.xy[:, 0].transpose(2, 1, 0).astype(np.float64) + 1  # (2, 15, T), counted from 1
        savemat(labels / "joint_positions.mat", {"pos_img": pos_img, "scale": np.ones(FRAMES)}, do_compression=True)
        mask = np.zeros((*drawn.size[::-1], FRAMES), dtype=np.uint8)
        for frame, (left, top, right, bottom) in enumerate(drawn.box[:, 0].round().astype(int).tolist()):
            mask[top : bottom + 1, left : right + 1, frame] = 1
        savemat(masks / "puppet_mask.mat", {"part_mask": mask}, do_compression=True)
        _save(drawn.frames, [pictures / f"{t:05d}.png" for t in range(1, FRAMES + 1)])


# Photographs -------------------------------------------------------------------------------------------------------


def _coco(folder: Path) -> None:
    (folder / "annotations").mkdir()
    for number, part in ((1, "train2017"), (2, "val2017")):
        drawn = _draw(number, COCO_17, (640, 480), 2, people=2)
        names = [f"{frame:012d}.jpg" for frame in range(1, FRAMES + 1)]
        width, height = drawn.size
        images = [
            {"id": at, "file_name": name, "width": width, "height": height} for at, name in enumerate(names, start=1)
        ]
        persons: list[Object] = []
        for frame, person in np.ndindex(drawn.box.shape[:2]):
            inside, visible = drawn.inside[frame, person], drawn.visible[frame, person]
            # From the outer edge of the first pixel to that of the last.
            left, top, right, bottom = (drawn.box[frame, person] + [0, 0, 1, 1]).tolist()
            persons.append(
                {
                    "id": len(persons) + 1,
                    "image_id": frame + 1,
                    "category_id": 1,
                    "keypoints": _triples(drawn.xy[frame, person], np.where(inside, 1 + visible, 0)),
                    "num_keypoints": int(inside.sum()),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top) / 2,
                    "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                    "iscrowd": 0,
                }
            )
        content = {"images": images, "annotations": persons, "categories": [_category(COCO_17.joints)]}
        document.save(content, folder / "annotations" / f"person_keypoints_{part}.json")
        _save(drawn.frames, [folder / part / name for name in names])


# PoseTrack ---------------------------------------------------------------------------------------------------------


def _sequences(folder: Path) -> Iterator[tuple[str, str, _Drawn]]:
    """Name, part and video of each sequence."""
    for number, part in _PARTS.items():
        name = f"{number:06d}_mpii_{'train' if part == 'train' else 'test'}"
        yield name, part, _draw(number, POSETRACK_15, (1280, 720), 4, people=2)


def _labelled(frame: int) -> bool:
    return 0 < frame < FRAMES - 1


def _head(drawn: _Drawn, frame: int, person: int) -> NDArray[np.float64]:
    """(4,) the head's box: that of its three joints with room around."""
    tight = box_of_points(drawn.xy[frame, person, [POSETRACK_15.index(j) for j in ("head_top", "nose", "head_bottom")]])
    room = 0.15 * (tight[3] - tight[1])
    return np.asarray(tight + np.array([-room, -room, room, room]))


def _posetrack17(folder: Path) -> None:
    for name, part, drawn in _sequences(folder):
        pictures = [f"images/bonn_mpii_{part}_5sec/{name}/{frame:08d}.jpg" for frame in range(1, FRAMES + 1)]
        frames: list[Object] = []
        for frame, picture in enumerate(pictures):
            persons: list[Object] = []
            for person in range(drawn.xy.shape[1] if _labelled(frame) else 0):
                seen = np.flatnonzero(drawn.inside[frame, person]).tolist()
                points = [
                    {
                        "id": [joint],
                        "x": [round(float(drawn.xy[frame, person, joint, 0]), 2)],
                        "y": [round(float(drawn.xy[frame, person, joint, 1]), 2)],
                        "is_visible": [int(drawn.visible[frame, person, joint])],
                    }
                    for joint in seen
                ]
                corners = zip(("x1", "y1", "x2", "y2"), _head(drawn, frame, person).tolist(), strict=True)
                head = {key: [value] for key, value in corners}
                persons.append({"track_id": [person], "annopoints": [{"point": points}], **head})
            frames.append(
                {
                    "image": [{"name": picture}],
                    "imgnum": [frame + 1],
                    "is_labeled": [int(_labelled(frame))],
                    "ignore_regions": [],
                    "annorect": persons,
                }
            )
        _write_sequence(folder, f"annotations/{part}/{name}.json", {"annolist": frames}, drawn.frames, pictures)


def _posetrack18(folder: Path) -> None:
    _coco_like(folder, "annotations/{}/{}.json", of_2021=False)


def _posetrack21(folder: Path) -> None:
    _coco_like(folder, "posetrack_data/{}/{}.json", of_2021=True)


def _coco_like(folder: Path, file: str, of_2021: bool) -> None:
    stored = metadata.skeleton_of(posetrack.STORED)
    order = stored.index_in(POSETRACK_15)
    for name, part, drawn in _sequences(folder):
        pictures = [f"images/{part}/{name}/{frame:06d}.jpg" for frame in range(FRAMES)]
        first = posetrack.first_id(name)
        assert first is not None
        images: list[Object] = []
        persons: list[Object] = []
        for frame, picture in enumerate(pictures):
            images.append(
                {
                    "id": first + frame,
                    "frame_id": first + frame,
                    "vid_id": name.split("_")[0],
                    "file_name": picture,
                    "nframes": FRAMES,
                    "is_labeled": _labelled(frame),
                    "ignore_regions_x": [],
                    "ignore_regions_y": [],
                    **({"has_labeled_person": _labelled(frame)} if of_2021 else {}),
                }
            )
            for person in range(drawn.xy.shape[1] if _labelled(frame) else 0):
                inside = np.where(order < 0, False, drawn.inside[frame, person, order])
                boxes = {"bbox": drawn.box[frame, person], "bbox_head": _head(drawn, frame, person)}
                persons.append(
                    {
                        "id": (first + frame) * 100 + person,
                        "image_id": first + frame,
                        "track_id": person,
                        "category_id": 1,
                        "scores": [],
                        "keypoints": _triples(drawn.xy[frame, person, order], inside),
                        **{key: [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()] for key, box in boxes.items()},
                        **({"person_id": int(first % 1000) * 10 + person} if of_2021 else {}),
                    }
                )
        content = {"images": images, "annotations": persons, "categories": [_category(stored.joints)]}
        _write_sequence(folder, file.format(part, name), content, drawn.frames, pictures)


def _write_sequence(folder: Path, file: str, content: Object, frames: Pixels, pictures: Iterable[str]) -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    document.save(content, folder / file)
    _save(frames, [folder / picture for picture in pictures])


_WRITERS: dict[str, Callable[[Path], None]] = {
    "posetrack17": _posetrack17,
    "posetrack18": _posetrack18,
    "posetrack21": _posetrack21,
    "penn": _penn,
    "sub-jhmdb": _sub_jhmdb,
    "coco": _coco,
}
