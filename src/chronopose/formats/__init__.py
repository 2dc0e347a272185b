"""Pose files of the field, each read and written."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.core.types import PoseSequence

FORMATS = ("parquet", "csv", "coco", "posetrack", "openpose")
# Longest endings first: .coco.json is more than .json.
_KIND_OF = {
    ".coco.json": "coco",
    ".posetrack.json": "posetrack",
    ".parquet": "parquet",
    ".csv": "csv",
    ".openpose": "openpose",
}
ENDINGS = {kind: ending for ending, kind in _KIND_OF.items()}


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """The format that a file's name tells, None if it tells none."""
    name = Path(path).name.lower()
    return next((kind for ending, kind in _KIND_OF.items() if name.endswith(ending)), None)


def read(path: str | os.PathLike[str]) -> "PoseSequence":
    """Reads poses of any of the `FORMATS`: a folder is OpenPose's, a plain .json is known by what it holds.

    Raises:
        InputError: there is no such file, its name and content tell no format, or its content is wrong.
    """
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder")
    kind = "openpose" if Path(path).is_dir() else kind_of(path)
    if kind is None and Path(path).suffix.lower() == ".json":
        return _read_json(path)
    match kind:
        case "parquet":
            from chronopose.formats.table import read_parquet

            return read_parquet(path)
        case "csv":
            from chronopose.formats.table import read_csv

            return read_csv(path)
        case "coco":
            from chronopose.formats import coco

            return coco.read(path)
        case "posetrack":
            from chronopose.formats import posetrack

            return posetrack.read(path)
        case "openpose":
            from chronopose.formats import openpose

            return openpose.read(path)
    raise InputError(f"{path}: its name tells no format of poses; expected an ending {_endings()} or .json")


def write(sequence: "PoseSequence", path: str | os.PathLike[str], kind: str | None = None) -> None:
    """Writes poses as `kind`, one of `FORMATS`, or as the name of the file says; whole or not at all.

    Raises:
        InputError: no format is given, or there is none called so, or the place cannot be written to.
    """
    match kind or kind_of(path):
        case "parquet":
            from chronopose.formats.table import write_parquet

            write_parquet(sequence, path)
        case "csv":
            from chronopose.formats.table import write_csv

            write_csv(sequence, path)
        case "coco":
            from chronopose.formats import coco

            coco.write(sequence, path)
        case "posetrack":
            from chronopose.formats import posetrack

            posetrack.write(sequence, path)
        case "openpose":
            from chronopose.formats import openpose

            openpose.write(sequence, path)
        case None:
            raise InputError(f"{path}: its name tells no format of poses; expected an ending {_endings()}")
        case unknown:
            raise InputError(f"no format of poses is called {unknown!r}; expected one of {', '.join(FORMATS)}")


def convert(
    source: str | os.PathLike[str], destination: str | os.PathLike[str], kind: str | None = None
) -> "PoseSequence":
    """Reads poses in one format, writes them in another and returns them."""
    sequence = read(source)
    write(sequence, destination, kind)
    return sequence


def _endings() -> str:
    return ", ".join(_KIND_OF)


def _read_json(path: str | os.PathLike[str]) -> "PoseSequence":
    from chronopose.formats import coco, document, posetrack

    content, where = document.load(path), str(path)
    if "annolist" in content:
        return posetrack.from_document(content, where)
    if "people" in content:
        raise InputError(f"{path}: one frame of OpenPose; give the folder that holds the frames")
    if "images" not in content:
        raise InputError(f"{path}: JSON, but neither COCO nor PoseTrack: no 'images' and no 'annolist'")
    # PoseTrack alone names its images' video; a COCO file of ours says who wrote it.
    images = content["images"]
    named = isinstance(images, list) and any(isinstance(image, dict) and "vid_id" in image for image in images)
    return posetrack.from_document(content, where) if named else coco.from_document(content, where)
