"""Folders of training data as small as they can be, for the tests of the recipes."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from chronopose.core.skeleton import JHMDB_15, POSETRACK_15
from chronopose.data.crowd import noise
from chronopose.formats.shards import ClipRecord, shard_path, write_shard


def lspet(folder: Path) -> Path:
    """One photograph of the training part."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    Image.fromarray(noise(rng, 40)).save(folder / "images" / "00001.jpg")
    xy = rng.uniform(5, 35, (1, 14, 2)).astype(np.float32)
    np.savez(folder / "joints.npz", image=np.array([1], dtype=np.int32), xy=xy)
    return folder


def jhmdb(folder: Path) -> Path:
    """One training clip of three frames, as a folder of pictures."""
    rng = np.random.default_rng(1)
    (folder / "clip").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(noise(rng, 48)).save(folder / "clip" / f"{number}.png")
    clip = {"video": "clip", "splits": ["train"] * 3, "keypoints": rng.uniform(5, 43, (3, 15, 2)).tolist()}
    table = {"image_size": [48, 48], "keypoint_names": list(JHMDB_15.joints), "clips": [clip]}
    (folder / "annotations.json").write_text(json.dumps(table))
    return folder


def rendered(folder: Path, clips: int = 2, seen: float = 1.0) -> Path:
    """Clips of three frames with one person each, of whom `seen` can be seen."""
    rng = np.random.default_rng(2)
    folder.mkdir(parents=True)
    records = [
        ClipRecord(
            number=number,
            frames=np.stack([noise(rng, 48)] * 3),
            fps=25.0,
            key=1,
            joints=POSETRACK_15.joints,
            xy=rng.uniform(8, 40, (3, 1, 15, 2)).astype(np.float32),
            visible=np.full((3, 1, 15), 2, np.uint8),
            boxes=np.tile(np.array([5, 5, 43, 43], np.float32), (3, 1, 1)),
            seen=np.full((3, 1), seen, np.float32),
            blur=np.zeros((3, 1, 15), np.float32),
            motions=("idle",),
        )
        for number in range(clips)
    ]
    write_shard(shard_path(folder, 0), records, {"made": "here"})
    return folder
