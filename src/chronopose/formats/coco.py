"""COCO keypoints JSON, with additions that its readers pass over.

`images` has one entry for every frame (`frame_id` counts from 0, `time_s` in seconds or null), `annotations` one for
every person, and the category of persons names the joints, so any skeleton can be written. `keypoints` holds x, y, v
with v = 2 for a known joint and 0, 0, 0 for an unknown one; coordinates are taken as they are, 0-based pixels; `bbox`
is x, y, width, height. Additions: `track_id`, `keypoint_scores` (K), `keypoint_sigmas` (2 K, px, null where unknown),
and in `info.chronopose` the whole skeleton and the video.

Read from other programs: frames are numbered by `frame_id`, or by the order of `images` where one of them has none;
known joints without scores have score 1; crowds (`iscrowd` 1) and other categories are left out; v = 1 and 2 are known.

Lost by writing: a joint of which one coordinate is known; the score of an unknown joint; an unknown or inside-out box
(it becomes the box around the known joints); a `sigma` of NaN alone.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.formats import document, metadata
from chronopose.formats.document import Object


@dataclass(frozen=True)
class Images:
    """The frames that a file of `images` and `annotations` speaks of.

    Attributes:
        frame: frame number by image id.
        time_s: time by frame number, NaN where unknown.
        width: of the first image that says, in pixels; else 0.
        height: likewise.
    """

    frame: dict[int, int]
    time_s: dict[int, float]
    width: int
    height: int

    def of(self, annotation: Object, where: str) -> int:
        """The frame an annotation belongs to."""
        image = document.integer(annotation, "image_id", where)
        if image not in self.frame:
            raise InputError(f"{where}.image_id: no image has the id {image}")
        return self.frame[image]

    def sequence(self, poses: list[tuple[int, Pose]], skeleton: Skeleton, info: VideoInfo) -> PoseSequence:
        """The poses, given with their frame numbers, in every frame there is."""
        seen: dict[int, list[Pose]] = {frame: [] for frame in sorted(self.time_s)}
        for frame, pose in poses:
            seen[frame].append(pose)
        frames = tuple(FramePoses(frame, self.time_s[frame], tuple(found)) for frame, found in seen.items())
        return PoseSequence(info=info, skeleton=skeleton, frames=frames)


def images(content: Object, where: str, number: Callable[[Object, int, str], int]) -> Images:
    """The frames under `images`; `number(image, position, where)` tells a frame's number."""
    frame: dict[int, int] = {}
    time_s: dict[int, float] = {}
    size = {"width": 0, "height": 0}
    for position, image in enumerate(document.objects(content, "images", where)):
        here = f"{where}: images[{position}]"
        key, index = document.integer(image, "id", here), number(image, position, here)
        if key in frame:
            raise InputError(f"{here}.id: {key} is the id of an earlier image too")
        if index in time_s:
            raise InputError(f"{here}: frame {index} is there twice; a file holds one video")
        frame[key], time_s[index] = index, document.number(image, "time_s", here, math.nan)
        for side, found in size.items():
            if not found and image.get(side) is not None:
                size[side] = document.integer(image, side, here, 0, 2**31)
    return Images(frame, time_s, size["width"], size["height"])


def numbering(content: Object, where: str) -> Callable[[Object, int, str], int]:
    """How the frames of a COCO file are numbered: by `frame_id` if all images have one, else by position."""
    if all("frame_id" in image for image in document.objects(content, "images", where)):
        return lambda image, position, where: document.integer(image, "frame_id", where)
    return lambda image, position, where: position


def write(sequence: PoseSequence, path: str | os.PathLike[str]) -> None:
    """Writes the sequence; the file appears whole or not at all."""
    skeleton, info = sequence.skeleton, sequence.info
    category = {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": list(skeleton.joints),
        "skeleton": (skeleton.limb_indices + 1).tolist(),
    }
    pictures = [
        {
            # COCO's own tool takes id 0 for "no match".
            "id": frame.frame + 1,
            "file_name": f"{frame.frame:012d}.jpg",
            "width": info.width,
            "height": info.height,
            "frame_id": frame.frame,
            "time_s": None if math.isnan(frame.time_s) else frame.time_s,
        }
        for frame in sequence
    ]
    persons = [(frame.frame + 1, pose) for frame in sequence for pose in frame.poses]
    annotations = [_annotation(pose, image, index) for index, (image, pose) in enumerate(persons, start=1)]
    document.save(
        {
            "info": {"description": "poses in a video", "chronopose": metadata.encode(skeleton, info)},
            "images": pictures,
            "annotations": annotations,
            "categories": [category],
        },
        path,
    )


def _annotation(pose: Pose, image: int, index: int) -> Object:
    known = np.asarray(np.isfinite(pose.xy).all(axis=1))
    triples = np.concatenate([np.where(known[:, None], pose.xy, 0), np.where(known, 2, 0)[:, None]], axis=1)
    box = document.bbox(pose)
    entry: Object = {
        "id": index,
        "image_id": image,
        "category_id": 1,
        "keypoints": [
            int(value) if at % 3 == 2 else value for at, value in enumerate(document.decimals(triples.reshape(-1)))
        ],
        "num_keypoints": int(known.sum()),
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
        "score": float(np.nan_to_num(pose.box_score)),
        "keypoint_scores": document.decimals(np.where(known, np.nan_to_num(pose.score), 0)),
    }
    if pose.sigma is not None:
        sigma = document.decimals(pose.sigma.reshape(-1))
        entry["keypoint_sigmas"] = [None if math.isnan(value) else value for value in sigma]
    if pose.track_id is not None:
        entry["track_id"] = pose.track_id
    return entry


def read(path: str | os.PathLike[str]) -> PoseSequence:
    """Reads a COCO keypoints file of one video; raises `InputError` naming the field that is wrong."""
    return from_document(document.load(path), str(path))


def from_document(content: Object, where: str) -> PoseSequence:
    """The sequence in a COCO object; `where` names the file in errors."""
    found = images(content, where, numbering(content, where))
    category, skeleton = _category(content, where)
    info = VideoInfo(source=_source(content), width=found.width, height=found.height, fps=0.0)
    entry = content.get("info")
    if isinstance(entry, dict) and "chronopose" in entry:
        written, info = metadata.decode(entry["chronopose"], f"{where}: info.chronopose")
        if written.joints != skeleton.joints:
            raise InputError(f"{where}: info.chronopose: its skeleton has other joints than the category of persons")
        skeleton = written
    poses = []
    for index, annotation in enumerate(document.objects(content, "annotations", where)):
        here = f"{where}: annotations[{index}]"
        if document.integer(annotation, "category_id", here) == category and annotation.get("iscrowd") != 1:
            poses.append((found.of(annotation, here), _pose(annotation, skeleton, here)))
    return found.sequence(poses, skeleton, info)


def _pose(annotation: Object, skeleton: Skeleton, where: str) -> Pose:
    joints = len(skeleton)
    triples = document.numbers(annotation, "keypoints", where, 3 * joints)
    if triples is None:
        triples = np.zeros(3 * joints)
    x_y_v = triples.reshape(joints, 3)
    known = x_y_v[:, 2] > 0
    xy = np.where(known[:, None], x_y_v[:, :2], np.nan).astype(np.float32)
    score = document.numbers(annotation, "keypoint_scores", where, joints)
    sigma = document.numbers(annotation, "keypoint_sigmas", where, 2 * joints, null=True)
    if sigma is not None and np.isnan(sigma).all():
        sigma = None
    box = document.box_of(annotation, where)
    return Pose(
        skeleton=skeleton,
        xy=xy,
        score=np.where(known, 1 if score is None else score, 0).astype(np.float32),
        box=document.tight_box(xy) if box is None else box,
        sigma=None if sigma is None else sigma.reshape(joints, 2).astype(np.float32),
        box_score=document.number(annotation, "score", where, 1.0),
        track_id=document.track_id(annotation, where),
    )


def _category(content: Object, where: str) -> tuple[int, Skeleton]:
    """Id and skeleton of the one category that has keypoints."""
    categories = document.objects(content, "categories", where)
    chosen = [index for index, category in enumerate(categories) if "keypoints" in category]
    if len(chosen) != 1:
        raise InputError(f"{where}: categories: expected one with keypoints, found {len(chosen)}")
    here, category = f"{where}: categories[{chosen[0]}]", categories[chosen[0]]
    return document.integer(category, "id", here), skeleton_of(category, here)


def skeleton_of(category: Object, where: str) -> Skeleton:
    """The skeleton that a category names; its limbs are kept if they are pairs of joints counted from 1."""
    names = category.get("keypoints")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}.keypoints: expected a list of joint names, got {names!r:.60}")
    limbs = category.get("skeleton", [])
    ends = {position + 1: name for position, name in enumerate(names)}
    pairs = [
        (ends[limb[0]], ends[limb[1]])
        for limb in (limbs if isinstance(limbs, list) else [])
        if isinstance(limb, list) and len(limb) == 2 and all(type(end) is int and end in ends for end in limb)
    ]
    return metadata.skeleton_of(names, pairs)


def _source(content: Object) -> str:
    """The folder of the first image: what a COCO file tells of the video's name."""
    names = [image.get("file_name") for image in content["images"][:1]]
    return PurePosixPath(names[0]).parent.name if names and isinstance(names[0], str) else ""
