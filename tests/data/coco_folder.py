"""Folders of COCO-style keypoints: COCO's own layout, and videos with a skeleton of the user's own."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from chronopose.core.skeleton import COCO_17
from tests.data.dots import picture

SIZE, PICTURES, LENGTH = (64, 48), 3, 4
PUPPET = ("left_hand", "right_hand", "head", "left_foot")
LIMBS = [[3, 1], [3, 2]]
"""Of the puppet, counted from 1."""


def joints(seed: int, count: int) -> np.ndarray:
    """(K, 2) places, whole pixels."""
    return np.random.default_rng(seed).integers(8, 40, (count, 2)).astype(float)


def person(key: int, image: int, xy: np.ndarray, **more: Any) -> dict[str, Any]:
    """An annotation: all joints visible but the last, which is labelled and hidden; a box 2 pixels beyond them."""
    flags = np.full(len(xy), 2)
    flags[-1] = 1
    # COCO measures from the edge of the first pixel.
    low, high = xy.min(axis=0) - 2 + 0.5, xy.max(axis=0) + 2 + 0.5
    return {
        "id": key,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": np.column_stack([xy, flags]).ravel().tolist(),
        "bbox": [*low.tolist(), *(high - low).tolist()],
    } | more


def write(folder: Path) -> Path:
    """COCO's own layout: a person in each photograph, with the dot under the nose, and a crowd in the first."""
    (folder / "annotations").mkdir(parents=True)
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.joints), "skeleton": [[1, 2]]}
    for seed, split in ((0, "train"), (100, "val")):
        (folder / f"{split}2017").mkdir()
        images, annotations = [], []
        for key in range(seed + 1, seed + 1 + PICTURES):
            xy = joints(key, 17)
            images.append({"id": key, "file_name": f"{key:012d}.jpg", "width": SIZE[0], "height": SIZE[1]})
            annotations.append(person(key, key, xy))
            picture(SIZE, xy[0]).save(folder / f"{split}2017" / f"{key:012d}.jpg", quality=95)
        crowd = {"id": 900, "image_id": seed + 1, "category_id": 1, "iscrowd": 1, "bbox": [1, 1, 20, 10]}
        content = {"images": images, "annotations": [*annotations, crowd], "categories": [category]}
        (folder / "annotations" / f"person_keypoints_{split}2017.json").write_text(json.dumps(content))
    return folder


def write_videos(folder: Path, name: str = "train", video_field: str = "video_id") -> Path:
    """Two videos of puppets, their frames listed backwards, with the dot under the first puppet's left hand.

    Puppet 7 is in all frames, puppet 3 in the last two of the second video; its second frame was not labelled.
    """
    images, annotations = [], []
    for video in (1, 2):
        (folder / "images" / str(video)).mkdir(parents=True)
        for frame in reversed(range(LENGTH)):
            key = video * 100 + frame
            labelled = (video, frame) != (2, 1)
            xy = joints(key, 4)
            picture(SIZE, xy[0]).save(folder / "images" / str(video) / f"{frame}.png")
            images.append(
                {"id": key, "file_name": f"{video}/{frame}.png", video_field: video, "frame_id": 10 * frame}
                | ({} if labelled else {"is_labeled": False})
            )
            if labelled:
                annotations.append(person(2 * key, key, xy, track_id=7))
            if video == 2 and frame > 1:
                annotations.append(person(2 * key + 1, key, joints(key + 50, 4), track_id=3))
    category = {"id": 1, "name": "puppet", "keypoints": list(PUPPET), "skeleton": LIMBS}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder
