"""Folders in the three layouts of JHMDB, with a dot under the neck of each frame."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from chronopose.core.skeleton import JHMDB_15
from tests.data.dots import picture

SIZE, LENGTH = (64, 48), 4
CLIPS = {  # action and clip: part in each of the three splits; the first three are of Sub-JHMDB too
    ("catch", "Frisbee_catch_f_cm_np1_ri_med_0"): ("train", "train", "test"),
    ("catch", "Day_@_7_catch_f_cm_np1_ri_med_0"): ("test", "train", "train"),
    ("golf", "Open_golf_f_cm_np1_ri_med_1"): ("train", "test", "train"),
    ("wave", "Hello_wave_u_cm_np1_ri_med_2"): ("train", "test", "train"),
}
SUB = list(CLIPS)[:3]


def joints(clip: str, length: int = LENGTH) -> np.ndarray:
    """(T, 15, 2) 0-based places of a clip's joints, whole pixels."""
    rng = np.random.default_rng(len(clip))
    return rng.integers([8, 8], [SIZE[0] - 8, SIZE[1] - 8], (length, 15, 2)).astype(float)


def masks(xy: np.ndarray) -> np.ndarray:
    """(H, W, T) a mask that reaches 2 pixels beyond the joints on every side."""
    mask = np.zeros((SIZE[1], SIZE[0], len(xy)), dtype=np.uint8)
    for frame, points in enumerate(xy.astype(int)):
        (left, top), (right, bottom) = points.min(axis=0) - 2, points.max(axis=0) + 3
        mask[top:bottom, left:right, frame] = 1
    return mask


def write_frames(folder: Path, action: str, clip: str, length: int = LENGTH) -> Path:
    """Rename_Images of a clip."""
    place = folder / "Rename_Images" / action / clip
    place.mkdir(parents=True, exist_ok=True)
    for number, neck in enumerate(joints(clip, length)[:, 0], start=1):
        picture(SIZE, neck).save(place / f"{number:05d}.png")
    return place


def write_owners(folder: Path) -> Path:
    """The owners' layout of all clips, masks included; only the lists of Sub-JHMDB have a dash before the number."""
    for (action, clip), parts in CLIPS.items():
        write_frames(folder, action, clip)
        xy = joints(clip)
        for kind, name, arrays in (
            ("joint_positions", "joint_positions", {"pos_img": xy.transpose(2, 1, 0) + 1, "scale": np.ones(LENGTH)}),
            ("puppet_mask", "puppet_mask", {"part_mask": masks(xy)}),
        ):
            place = folder / kind / action / clip
            place.mkdir(parents=True)
            savemat(place / f"{name}.mat", arrays, do_compression=True)
        for number, part in enumerate(parts, start=1):
            for kind, dash, there in (("splits", "", True), ("sub_splits", "_", (action, clip) in SUB)):
                (folder / kind).mkdir(exist_ok=True)
                if there:
                    with (folder / kind / f"{action}_test_split{dash}{number}.txt").open("a") as file:
                        file.write(f"{clip}.avi {1 if part == 'train' else 2}\n")
    return folder


def write_mmpose(folder: Path, inside: bool = True) -> Path:
    """mmpose's layout of Sub-JHMDB; `inside` names the pictures from inside Rename_Images."""
    (folder / "annotations").mkdir(parents=True)
    for action, clip in SUB:
        write_frames(folder, action, clip)
    for number in (1, 2, 3):
        for part in ("train", "test"):
            chosen = [one for one in SUB if CLIPS[one][number - 1] == part]
            (folder / "annotations" / f"Sub{number}_{part}.json").write_text(json.dumps(_coco(chosen, inside)))
    return folder


def _coco(clips: list[tuple[str, str]], inside: bool) -> dict[str, Any]:
    images, annotations = [], []
    for place, (action, clip) in enumerate(clips):
        for frame, xy in enumerate(joints(clip) + 1, start=1):
            key = (place + 1) * 10000 + frame
            (left, top), (right, bottom) = xy.min(axis=0) - 2, xy.max(axis=0) + 2
            images.append(
                {
                    "id": key,
                    "frame_id": key,
                    "vid_id": f"{place + 1:05d}",
                    "nframes": LENGTH,
                    "is_labeled": True,
                    "file_name": f"{'' if inside else 'Rename_Images/'}{action}/{clip}/{frame:05d}.png",
                    "width": SIZE[0],
                    "height": SIZE[1],
                }
            )
            annotations.append(
                {
                    "id": 10**12 + key,
                    "image_id": key,
                    "category_id": 1,
                    "track_id": 0,
                    "keypoints": np.column_stack([xy, np.full(15, 2.0)]).ravel().tolist(),
                    "bbox": [left, top, right - left, bottom - top],
                    "scores": [],
                }
            )
    names = ["head" if joint == "face" else joint for joint in JHMDB_15.joints]
    category = {"supercategory": "person", "id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 3]]}
    return {"categories": [category], "images": images, "annotations": annotations}


def write_table(folder: Path) -> Path:
    """The layout of `annotations.json`, with folders of pictures in place of videos."""
    clips = []
    for (action, clip), parts in CLIPS.items():
        place = write_frames(folder, action, clip)
        video = place.relative_to(folder).as_posix()
        clips.append({"name": clip, "video": video, "splits": parts, "keypoints": joints(clip).tolist()})
    table = {"image_size": list(SIZE), "keypoint_names": list(JHMDB_15.joints), "clips": clips}
    (folder / "annotations.json").write_text(json.dumps(table))
    return folder
