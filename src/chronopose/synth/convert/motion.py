"""Converts motion capture (.bvh, .amc) to mocap.npz: 23 points at 30 frames a second, cut where they jump."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.synth.convert.asf import read_amc
from chronopose.synth.convert.bvh import read_bvh
from chronopose.synth.convert.capture import Array
from chronopose.synth.convert.points import to_points
from chronopose.synth.puppet import POINTS

FPS = 30
_FASTEST_MPS = 20.0  # what moves faster is a glitch of the recording
_SHORTEST = 40
_WIDEST_MM = 32_000
_SAME_REFERENCE = 0.02
_MOST_FILES = 10_000
_MOST_CLIPS = 20_000
_MOST_FRAMES = 3_000_000


def convert_motion(
    folder: Path | None,
    out: Path,
    amc_fps: float,
    broken: Callable[[InputError], None],
    advance: Callable[[int], None],
) -> tuple[int, int]:
    """Writes `out`/mocap.npz from all .bvh and .amc files below `folder`; without a folder it holds no clips.

    Args:
        amc_fps: frame rate of the .amc files, which do not say it.
        broken: is told of a file that cannot be used, which is left out if it does not raise.
        advance: is told of every file that is done.

    Returns:
        How many clips, and how many frames they have together.
    """
    clips: dict[str, NDArray[np.int16]] = {}
    sources: list[int] = []
    references: list[Array] = []
    frames = 0
    for name, path in find_motion(folder):
        try:
            capture = read_bvh(path) if path.suffix.lower() == ".bvh" else read_amc(path, amc_fps)
            found = to_points(path, capture)
            pieces = list(_pieces(_at_30(found.points, capture.fps)))
            if not pieces:
                raise InputError(f"{path}: no {_SHORTEST / FPS:.1f} seconds without a jump; wanted a longer motion")
        except InputError as error:
            broken(error)
            advance(1)
            continue
        source = _source(references, found.reference)
        for start, piece in pieces:
            whole = start == 0 and len(pieces) == 1
            clips[name if whole else f"{name}#{start}"] = _packed(piece)
            sources.append(source)
            frames += len(piece)
        if frames > _MOST_FRAMES or len(clips) > _MOST_CLIPS:
            raise InputError(f"{folder}: too much motion; at most {_MOST_CLIPS} clips of {_MOST_FRAMES} frames in all")
        advance(1)
    if folder is not None and not clips:
        raise InputError(f"{folder}: no usable .bvh or .amc files below it")
    np.savez_compressed(
        out / "mocap.npz",
        names=np.array(list(clips)) if clips else np.zeros(0, "U1"),
        start=np.cumsum([0, *map(len, clips.values())]).astype(np.int32),
        points_mm=np.concatenate(list(clips.values())) if clips else np.zeros((0, len(POINTS), 3), np.int16),
        fps=np.int32(FPS),
        point_names=np.array(POINTS),
        source=np.array(sources, np.uint8),
        rest_ref=np.array(references, np.float32).reshape(-1, 2, 3),
    )
    return len(clips), frames


def find_motion(folder: Path | None) -> list[tuple[str, Path]]:
    """The motion files below the folder, each with a name: its kind and its stem, or its path where stems repeat."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of motion")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".bvh", ".amc"))
    if len(paths) > _MOST_FILES:
        raise InputError(f"{folder}: {len(paths)} motion files; at most {_MOST_FILES} are read")
    plain = [re.sub(r"[^\w.-]", "_", path.stem) for path in paths]
    repeated = Counter(plain)
    named: dict[str, Path] = {}
    for stem, path in zip(plain, paths, strict=True):
        if repeated[stem] > 1:
            stem = re.sub(r"[^\w.-]", "_", "_".join(path.relative_to(folder).with_suffix("").parts))
        name = f"{path.suffix.lower()[1:]}/{stem}"
        while name in named:
            name += "_"
        named[name] = path
    return list(named.items())


def _at_30(points: Array, fps: float) -> Array:
    """(T', 23, 3) the points at `FPS` frames a second; what lies between two frames is on the line between them."""
    stride = round(fps / FPS)
    if stride >= 1 and abs(fps / FPS / stride - 1) < 1e-3:  # 60 and 120, as files round them
        return points[::stride]
    times = np.arange(int((len(points) - 1) / fps * FPS) + 1) / FPS * fps
    before = np.minimum(times.astype(int), max(len(points) - 2, 0))
    after = np.minimum(before + 1, len(points) - 1)
    share = (times - before)[:, None, None]
    between: Array = points[before] * (1 - share) + points[after] * share
    return between


def _pieces(points: Array) -> Iterator[tuple[int, Array]]:
    """The parts between two jumps, with the frame they begin at, that are long enough to use."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2).max(axis=1, initial=0)
    cuts = [0, *(np.flatnonzero(steps > _FASTEST_MPS / FPS) + 1).tolist(), len(points)]
    for start, end in pairwise(cuts):
        # Whole millimetres of 16 bits reach that far; a longer way is cut into several.
        while end - start >= _SHORTEST:
            far = np.abs(points[start:end, 0] - points[start, 0] * [1, 0, 1]).max(axis=1) * 1000 > _WIDEST_MM
            stop = start + int(np.argmax(far)) if far.any() else end
            if stop - start >= _SHORTEST:
                yield start, points[start:stop]
            start = max(stop, start + 1)


def _packed(points: Array) -> NDArray[np.int16]:
    """(T, 23, 3) millimetres: the pelvis from where it stands above the floor at first, all others from the pelvis."""
    packed = points * 1000
    packed[:, 1:] -= packed[:, :1]
    packed[:, 0] -= packed[0, 0] * [1, 0, 1]
    return np.round(np.clip(packed, -_WIDEST_MM, _WIDEST_MM)).astype(np.int16)


def _source(references: list[Array], reference: Array) -> int:
    """The number of a rest reference like this one, which is added where there is none; at most 256 are kept apart."""
    distances = [float(np.abs(known - reference).max()) for known in references]
    if distances and (min(distances) < _SAME_REFERENCE or len(references) == 256):
        return distances.index(min(distances))
    references.append(reference)
    return len(references) - 1
