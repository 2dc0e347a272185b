"""Folders in every layout of every data set of the catalogue, and ways to spoil them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat, savemat

from chronopose.core.skeleton import POSETRACK_15
from chronopose.data.posetrack import Year
from chronopose.formats.shards import ClipRecord, shard_path, write_shard
from tests.data import coco_folder, jhmdb_folder, lsp_folder, penn_folder
from tests.data.dots import picture
from tests.data.posetrack_folder import SEQUENCES, change, people, posetrack_folder

_FAR = 5000


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way a data set's folder is laid out.

    Attributes:
        build: writes a sound one, with a split to learn from and one to be judged on.
        dot: the joint that is drawn, in the first examples at least.
        unknown: a joint that nobody labelled in the first example; None where all are.
        labels: the file of the first video to learn from.
        far: puts a joint in it thousands of pixels outside.
        mixed: puts a video to learn from among those to be judged on; None where the files cannot say so.
    """

    build: Callable[[Path], Path]
    dot: str
    unknown: str | None = None
    labels: str
    far: Callable[[Path], None]
    mixed: Callable[[Path], None] | None = None


def set_json(name: str, path: str, value: object) -> Callable[[Path], None]:
    """Changes what stands at "a.0.b" in a JSON file of a folder."""
    return lambda folder: change(folder / name, path, value)


def set_matlab(name: str, array: str, index: tuple[int, ...], value: float) -> Callable[[Path], None]:
    """Changes one number in a MATLAB file of a folder."""

    def by(folder: Path) -> None:
        arrays = {key: value for key, value in loadmat(folder / name).items() if not key.startswith("__")}
        arrays[array] = arrays[array].astype(float)
        arrays[array][index] = value
        savemat(folder / name, arrays)

    return by


def copied(source: str, target: str) -> Callable[[Path], None]:
    """Puts a copy of a file of a folder in the place of another."""
    return lambda folder: shutil.copy(folder / source, folder / target) and None


def posetrack(folder: Path, year: Year, merged: bool = False) -> Path:
    """PoseTrack with a dot under the neck of everybody labelled."""
    posetrack_folder(folder, year, merged)
    for sequence in (name for names in SEQUENCES.values() for name in names):
        (place,) = folder.glob(f"images*/*/{sequence}")
        pictures = sorted(place.iterdir())
        for frame in {person.frame for person in people(sequence)}:
            necks = [person.x_y_v[12, :2] for person in people(sequence) if person.frame == frame]
            dots = [np.asarray(picture((64, 48), neck)) for neck in necks]
            Image.fromarray(np.max(dots, axis=0)).save(pictures[frame], quality=95)
    return folder


def puppets(folder: Path) -> Path:
    """COCO-style videos of a skeleton of one's own, to learn from and to be judged on."""
    coco_folder.write_videos(folder, "train")
    other = coco_folder.write_videos(folder / "other", "val")
    text = (other / "val.json").read_text()
    text = text.replace('"file_name": "', '"file_name": "val').replace('"video_id": ', '"video_id": 9')
    (folder / "val.json").write_text(text)
    for place in (other / "images").iterdir():
        place.rename(folder / "images" / f"val{place.name}")
    shutil.rmtree(other)
    return folder


def cropped(folder: Path, far: bool = False) -> Path:
    """LSP-extended cropped to the person, the last joint of every other photograph not labelled."""
    lsp_folder.write_extended(folder)
    for file in sorted((folder / "images").iterdir()):
        file.rename(file.with_name(file.name.removeprefix("im")))
    (folder / "joints.mat").unlink()
    xy = lsp_folder.joints().astype(np.float32)
    xy[::2, 13] = np.nan
    if far:
        xy[0, 3] = _FAR
    size = np.array([lsp_folder.size(place) for place in range(len(xy))])
    np.savez(folder / "joints.npz", image=np.arange(1, len(xy) + 1), xy=xy, size=size)
    return folder


def rendered(folder: Path, far: bool = False) -> Path:
    """Three rendered clips of three frames with one person each, a dot under the nose."""
    records = []
    for number in range(3):
        xy = np.random.default_rng(number).integers(8, 40, (3, 1, 15, 2)).astype(np.float32)
        box = np.concatenate([xy.min(axis=2) - 2, xy.max(axis=2) + 2], axis=-1)
        if far and number == 0:
            xy[0, 0, 3] = _FAR
        records.append(
            ClipRecord(
                number=number,
                frames=np.stack([np.asarray(picture((64, 48), places[0, 13])) for places in xy]),
                fps=25.0,
                key=1,
                joints=POSETRACK_15.joints,
                xy=xy,
                visible=np.full((3, 1, 15), 2, np.uint8),
                boxes=box,
                seen=np.ones((3, 1), np.float32),
                blur=np.zeros((3, 1, 15), np.float32),
                motions=("idle",),
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_shard(shard_path(folder, 0), records, {"made": "here"})
    return folder


def _anew(build: Callable[..., Path]) -> Callable[[Path], None]:
    """Writes the whole folder once more, with a joint far outside."""

    def by(folder: Path) -> None:
        shutil.rmtree(folder)
        build(folder, far=True)

    return by


_SEQUENCE = f"{SEQUENCES['train'][0]}.json"
_CLIP = "/".join(next(iter(jhmdb_folder.CLIPS)))

# By the data set's name, and after a space the layout where there are several.
LAYOUTS: dict[str, Layout] = {
    "posetrack17": Layout(
        build=partial(posetrack, year=2017),
        dot="head_bottom",
        unknown="right_ankle",
        labels=f"annotations/train/{_SEQUENCE}",
        far=set_json(f"annotations/train/{_SEQUENCE}", "annolist.2.annorect.0.annopoints.0.point.3.x", [_FAR]),
        mixed=copied(f"annotations/train/{_SEQUENCE}", f"annotations/val/{_SEQUENCE}"),
    ),
    "posetrack17 merged": Layout(
        build=partial(posetrack, year=2017, merged=True),
        dot="head_bottom",
        unknown="right_ankle",
        labels="posetrack_train.json",
        far=set_json("posetrack_train.json", "annotations.0.keypoints.15", _FAR),
        mixed=copied("posetrack_train.json", "posetrack_val.json"),
    ),
    "posetrack18": Layout(
        build=partial(posetrack, year=2018),
        dot="head_bottom",
        unknown="right_ankle",
        labels=f"annotations/train/{_SEQUENCE}",
        far=set_json(f"annotations/train/{_SEQUENCE}", "annotations.0.keypoints.15", _FAR),
        mixed=copied(f"annotations/train/{_SEQUENCE}", f"annotations/val/{_SEQUENCE}"),
    ),
    "posetrack18 merged": Layout(
        build=partial(posetrack, year=2018, merged=True),
        dot="head_bottom",
        unknown="right_ankle",
        labels="annotations/posetrack18_train.json",
        far=set_json("annotations/posetrack18_train.json", "annotations.0.keypoints.15", _FAR),
        mixed=copied("annotations/posetrack18_train.json", "annotations/posetrack18_val.json"),
    ),
    "posetrack21": Layout(
        build=partial(posetrack, year=2021),
        dot="head_bottom",
        unknown="right_ankle",
        labels=f"posetrack_data/train/{_SEQUENCE}",
        far=set_json(f"posetrack_data/train/{_SEQUENCE}", "annotations.0.keypoints.15", _FAR),
        mixed=copied(f"posetrack_data/train/{_SEQUENCE}", f"posetrack_data/val/{_SEQUENCE}"),
    ),
    "penn": Layout(
        build=penn_folder.write,
        dot="head",
        unknown="right_ankle",
        labels="labels/0001.mat",
        far=set_matlab("labels/0001.mat", "x", (0, 3), _FAR),
    ),
    "jhmdb": Layout(
        build=jhmdb_folder.write_owners,
        dot="neck",
        labels=f"joint_positions/{_CLIP}/joint_positions.mat",
        far=set_matlab(f"joint_positions/{_CLIP}/joint_positions.mat", "pos_img", (0, 3, 0), _FAR),
    ),
    "jhmdb table": Layout(
        build=jhmdb_folder.write_table,
        dot="neck",
        labels="annotations.json",
        far=set_json("annotations.json", "clips.0.keypoints.0.3.0", _FAR),
    ),
    "sub-jhmdb": Layout(
        build=jhmdb_folder.write_owners,
        dot="neck",
        labels=f"joint_positions/{_CLIP}/joint_positions.mat",
        far=set_matlab(f"joint_positions/{_CLIP}/joint_positions.mat", "pos_img", (0, 3, 0), _FAR),
    ),
    "sub-jhmdb mmpose": Layout(
        build=jhmdb_folder.write_mmpose,
        dot="neck",
        labels="annotations/Sub1_train.json",
        far=set_json("annotations/Sub1_train.json", "annotations.0.keypoints.9", _FAR),
        mixed=copied("annotations/Sub1_train.json", "annotations/Sub1_test.json"),
    ),
    "coco": Layout(
        build=coco_folder.write,
        dot="nose",
        labels="annotations/person_keypoints_train2017.json",
        far=set_json("annotations/person_keypoints_train2017.json", "annotations.0.keypoints.9", _FAR),
    ),
    "coco-style": Layout(
        build=puppets,
        dot="left_hand",
        labels="train.json",
        far=set_json("train.json", "annotations.0.keypoints.9", _FAR),
        mixed=copied("train.json", "val.json"),
    ),
    "lsp": Layout(
        build=lsp_folder.write,
        dot="right_ankle",
        labels="joints.mat",
        far=set_matlab("joints.mat", "joints", (0, 3, 0), _FAR),
    ),
    "lspet": Layout(
        build=lsp_folder.write_extended,
        dot="right_ankle",
        unknown="head_top",
        labels="joints.mat",
        far=set_matlab("joints.mat", "joints", (3, 0, 0), _FAR),
    ),
    "lspet cropped": Layout(
        build=cropped, dot="right_ankle", unknown="head_top", labels="joints.npz", far=_anew(cropped)
    ),
    "rendered": Layout(build=rendered, dot="nose", labels="clips-00000.parquet", far=_anew(rendered)),
}
