"""JHMDB (Jhuang et al., ICCV 2013): 15 joints of one person in every frame of short videos of actions.

Its three splits are never merged: each has a training and a test part, and the test clips of one are training clips of
another. Sub-JHMDB is the 316 clips with the whole body in view, with splits of their own; results are the mean of
three models. A folder is laid out in one of three ways:

- The owners': `Rename_Images/<action>/<clip>/00001.png`; `joint_positions/<action>/<clip>/joint_positions.mat` with
  `pos_img` (2 x 15 x frames, counted from 1); `splits/<action>_test_split1.txt` with lines `<clip>.avi 1` (1 to learn
  from, 2 to be judged on), and for Sub-JHMDB `sub_splits`; `puppet_mask/<action>/<clip>/puppet_mask.mat` with
  `part_mask` (height x width x frames). A person's box reaches from the first to the last pixel of the mask, as
  published results measure it; without masks there is no box.
- mmpose's, of Sub-JHMDB: `annotations/Sub1_train.json`, COCO-style but counted from 1, and `Rename_Images`.
- `annotations.json` and the videos it names, without boxes:

    {"image_size": [W, H], "keypoint_names": [15 names], "clips": [
        {"name": ..., "video": path in the folder, "splits": ["train" or "test", for each of the three splits],
         "keypoints": [frame][joint][x, y], 0-based pixels, null where unknown}, ...]}

There are no marks of visibility: all joints that are labelled count, and they may lie outside the image.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15
from chronopose.core.types import Floats
from chronopose.data import coco_labels, coco_videos
from chronopose.data.defects import Found, Unit, check_pictures, defects_of, standing_in, videos_of
from chronopose.data.videos import Defect, LabelledVideo, of_one_person
from chronopose.formats import document, matlab

NAME, SUB_NAME, SKELETON = "jhmdb", "sub-jhmdb", JHMDB_15
SPLITS = ("train1", "test1", "train2", "test2", "train3", "test3")

_LARGEST_TABLE = 64 << 20  # bytes; the whole of JHMDB takes 7 MB
_LARGEST_LIST = 1 << 20
_LONGEST = 10_000  # frames of one clip; JHMDB has 40 at most
_PARTS = {"1": "train", "2": "test"}


def videos(folder: Path, split: str, sub: bool = False) -> tuple[LabelledVideo, ...]:
    """The videos of one part of one split.

    Args:
        folder: in one of the layouts of the module's first lines.
        split: "train1" to "test3".
        sub: of Sub-JHMDB.

    Raises:
        InputError: there is no such split, or the folder is not laid out as wanted; the first defect is named.
    """
    return videos_of(_units(Path(folder), split, sub))


def defects(folder: Path, split: str, sub: bool = False) -> Iterator[Defect | None]:
    """What is wrong with the videos of one part of one split, and None after each video."""
    return defects_of(_units(Path(folder), split, sub))


def _units(folder: Path, split: str, sub: bool) -> list[Unit]:
    if split not in SPLITS:
        raise InputError(f"split must be one of {', '.join(SPLITS)}: those of JHMDB are never merged; got {split!r}")
    part, number = split[:-1], int(split[-1])
    lists = folder / ("sub_splits" if sub else "splits")
    table = folder / "annotations" / f"Sub{number}_{part}.json"
    if lists.is_dir() and (folder / "joint_positions").is_dir():
        units = _owners(folder, lists, part, number)
    elif sub and table.is_file():
        units = _mmpose(folder, table)
    elif not sub and (folder / "annotations.json").is_file():
        units = _table(folder, part, number)
    else:
        other = table.relative_to(folder) if sub else "annotations.json"
        wanted = f"{'Sub-JHMDB' if sub else 'JHMDB'}: {lists.name}/ and joint_positions/, or {other}"
        raise InputError(f"{folder}: no {other} there; wanted the folder of {wanted}")
    if not units:
        raise InputError(f"{folder}: no clip is of the {part} part of split {number}; wanted at least one")
    return units


def _owners(folder: Path, lists: Path, part: str, number: int) -> list[Unit]:
    units: list[Unit] = []
    for file in sorted(lists.glob("*.txt")):
        # The lists of Sub-JHMDB are also found with a dash before the number.
        match = re.fullmatch(r"(\w+)_test_split_?([123])\.txt", file.name)
        if match is None or int(match[2]) != number:
            continue
        for clip, found in _listed(file).items():
            if found == part:
                labels = folder / "joint_positions" / match[1] / clip / "joint_positions.mat"
                units.append(Unit(file=labels, read=partial(_clip, folder, match[1], clip)))
    return units


def _listed(file: Path) -> dict[str, str | None]:
    """The part of each clip in a list of the owners."""
    if file.stat().st_size > _LARGEST_LIST:
        raise InputError(f"{file}: {file.stat().st_size} bytes; wanted at most {_LARGEST_LIST}")
    parts: dict[str, str | None] = {}
    for row, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        match = re.fullmatch(r"([^/\\\0]+)\.avi\s+([012])\s*", line)
        if (match is None and line.strip()) or (match is not None and match[1] in (".", "..")):
            raise InputError(f"{file}: line {row}: expected 'clip.avi' and 1 or 2, got {line[:60]!r}")
        if match is not None:
            if match[1] in parts:
                raise InputError(f"{file}: line {row}: {match[1][:60]} is there twice")
            parts[match[1]] = _PARTS.get(match[2])
    return parts


def _clip(folder: Path, action: str, clip: str) -> Found:
    """A clip of the owners' layout."""
    file = folder / "joint_positions" / action / clip / "joint_positions.mat"
    pos_img = matlab.read(file, {"pos_img": (2, len(SKELETON), None)})["pos_img"]
    xy = matlab.zero_based(pos_img.transpose(2, 1, 0))
    length = len(xy)
    if not 1 <= length <= _LONGEST:
        raise InputError(f"{file}: pos_img: expected 1 to {_LONGEST} frames, got {length}")
    unknown = int(np.isnan(xy[..., 0]).sum())
    pictures = folder / "Rename_Images" / action / clip
    images = tuple(pictures / f"{frame:05d}.png" for frame in range(1, length + 1))
    defects = check_pictures(images, file)
    if unknown:
        defects += (Defect(file=file, where="pos_img", what=f"{unknown} joints have no numbers; left out"),)
    box = np.full((length, 4), np.nan, dtype=np.float32)
    mask = folder / "puppet_mask" / action / clip / "puppet_mask.mat"
    if (folder / "puppet_mask").is_dir():
        box, more = _boxes(mask, length)
        defects += more
    return Found(video=_video(clip, images, None, xy, box), defects=defects)


def _boxes(file: Path, length: int) -> tuple[Floats, tuple[Defect, ...]]:
    """(T, 4) the boxes of a clip's masks, and what was put right: an empty mask's is that of the frame before."""
    mask = matlab.read(file, {"part_mask": (None, None, None)})["part_mask"]
    frames = min(mask.shape[2], length)
    low, high = np.full((length, 2), np.nan), np.full((length, 2), np.nan)
    for frame in range(frames):
        for axis in (0, 1):  # x along the columns, y along the rows
            places = np.flatnonzero(mask[..., frame].any(axis=axis))
            if len(places):
                low[frame, axis], high[frame, axis] = places[0], places[-1]
    empty = np.isnan(low).any(axis=1)
    if empty.all():
        raise InputError(f"{file}: part_mask: expected masks of {length} frames, got none with a pixel")
    source = standing_in(~empty)
    # Some clips of the owners have fewer masks than frames.
    defects = tuple(
        Defect(
            file=file,
            where=f"part_mask of frame {frame + 1}",
            what=f"no mask; the box is that of frame {source[frame] + 1}",
            known=bool(frame >= frames),
        )
        for frame in np.flatnonzero(empty)
    )
    return np.concatenate([low, high], axis=1)[source].astype(np.float32), defects


def _mmpose(folder: Path, table: Path) -> list[Unit]:
    # Published files name the pictures from Rename_Images on, others from inside it.
    labels = coco_labels.read(table, folder)
    names = tuple(joint if joint != "head" else "face" for joint in labels.skeleton.joints)
    if sorted(names) != sorted(SKELETON.joints):
        raise InputError(f"{table}: categories: expected {', '.join(SKELETON.joints)}; got {', '.join(names)[:200]}")
    order = [names.index(joint) for joint in SKELETON.joints]
    if not all(PurePosixPath(picture.name).parts[0] == "Rename_Images" for picture in labels.pictures):
        inside = folder / "Rename_Images"
        labels = replace(labels, pictures=tuple(replace(p, file=inside / p.name) for p in labels.pictures))

    def read(video: LabelledVideo) -> Found:
        assert isinstance(video.images, tuple)
        if len(video.persons) != 1 or len(video.persons[0].frames) != video.length:
            raise InputError(f"{table}: video {video.name}: expected one person with a track_id in all its frames")
        person = video.persons[0]
        # From the first pixel counted as 1, and COCO's half pixel taken back.
        moved = _video(
            video.images[0].parent.name, video.images, video.size, person.xy_image[:, order] - 1, person.box - 0.5
        )
        return Found(video=moved, defects=check_pictures(video.images, table))

    found = coco_videos.videos(labels, str(table))
    return [Unit(file=table, where=f"video {video.name}", read=partial(read, video)) for video in found]


def _table(folder: Path, part: str, number: int) -> list[Unit]:
    table = folder / "annotations.json"
    stored = document.load(table, _LARGEST_TABLE)
    size, names, clips = stored.get("image_size"), stored.get("keypoint_names"), stored.get("clips")
    if not (
        isinstance(size, list) and len(size) == 2 and all(type(side) is int and 0 < side < 10_000 for side in size)
    ):
        raise InputError(f"{table}: image_size must be width and height in pixels, got {str(size)[:80]}")
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(SKELETON.joints):
        raise InputError(f"{table}: keypoint_names must be {', '.join(SKELETON.joints)}, got {str(names)[:200]}")
    if not isinstance(clips, list):
        raise InputError(f"{table}: clips must be a list, got {type(clips).__name__}")
    order = [names.index(joint) for joint in SKELETON.joints]
    units: list[Unit] = []
    for place, clip in enumerate(clips):
        where = f"clips[{place}]"
        if not isinstance(clip, Mapping):
            raise InputError(f"{table}: {where} must be an object, got {str(clip)[:80]}")
        splits = clip.get("splits")
        if not (isinstance(splits, list) and len(splits) == 3 and all(s in ("train", "test", None) for s in splits)):
            raise InputError(f"{table}: {where}: splits must be train or test three times, got {str(splits)[:80]}")
        if splits[number - 1] == part:
            read = partial(_entry, folder, f"{table}: {where}", clip, (size[0], size[1]), order)
            units.append(Unit(file=table, where=where, read=read))
    return units


def _entry(folder: Path, where: str, clip: Mapping[str, object], size: tuple[int, int], order: list[int]) -> Found:
    """One entry of the clips in `annotations.json`."""
    video = clip.get("video")
    if not isinstance(video, str) or not video or PurePosixPath(video).is_absolute() or ".." in Path(video).parts:
        raise InputError(f"{where}: video must be a path inside the folder, got {str(video)[:80]!r}")
    file = folder / video
    if not file.exists():
        raise InputError(f"{file}: no such file; {where} names it")
    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused below
            xy: NDArray[np.float32] = np.array(clip.get("keypoints"), dtype=np.float32)
    except (TypeError, ValueError):
        xy = np.empty(0, dtype=np.float32)
    if xy.ndim != 3 or xy.shape[1:] != (len(order), 2) or not 1 <= len(xy) <= _LONGEST or np.isinf(xy).any():
        raise InputError(f"{where}: keypoints must be [frame][{len(order)} joints][x, y] in numbers, got {xy.shape}")
    name = str(clip.get("name", Path(video).stem))
    box = np.full((len(xy), 4), np.nan, dtype=np.float32)
    return Found(video=_video(name, file, size, xy[:, order], box))


def _video(
    name: str, images: tuple[Path, ...] | Path, size: tuple[int, int] | None, xy_image: Floats, box: Floats
) -> LabelledVideo:
    """A video of one person, all of whose joints that have numbers count as visible."""
    known: NDArray[np.bool_] = np.all(~np.isnan(xy_image), axis=-1)
    return of_one_person(name, images, size, xy_image, known, box)
