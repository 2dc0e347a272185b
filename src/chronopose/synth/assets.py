"""The folder of assets: bodies, shapes, garments, recorded motion and panoramas, checked and in metres.

The folder is not part of the package: `chronopose synth-assets` builds it (docs/assets.md). It holds

- `body.npz`: a mesh of V vertices in decimetres, quads with a group each (body, tights, skirt, hair, eyes), up to four
  bones per vertex, and per bone the vertices whose weighted mean is its head and its tail;
- `shape_targets.npz`: offsets of all vertices for each macro shape, int16 times `unit` decimetres;
- `clothes.npz`: garments, each vertex bound to three vertices of the body mesh;
- `mocap.npz`: recorded clips of 23 points in millimetres, points 1 to 22 relative to point 0, the pelvis;
- `backgrounds/`: equirectangular pictures, and `light.npz` with the light in each.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.synth.daylight import sun_sky_ground

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
Shape = tuple[int | str, ...]

GROUPS = ("body", "tights", "skirt", "hair", "eyes")
POINTS = 23
MOTION_FPS = 30
DM = np.float32(0.1)  # metres in a decimetre, the files' unit of length
# All that numpy, zipfile and zlib are known to say of a damaged archive.
_UNREADABLE = (OSError, ValueError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
_MOST_BYTES = 1 << 30
_MOST_PIXELS = 1 << 26
_MOST_VERTICES = 200_000
_MOST_NAMES = 20_000


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BodyMesh:
    """The average person at rest, facing +z, y up, in metres; V vertices, M quads, B bones.

    Attributes:
        vertices: (V, 3) float32.
        quads: (M, 4) int32 corners of each face.
        groups: (M,) uint8 which of `GROUPS` a face belongs to.
        skin_bones: (V, 4) uint8 bones that move a vertex.
        skin_weights: (V, 4) float32 how much each does; rows sum to one.
        bone_names: B names; sides end in .L and .R.
        bone_parents: (B,) int32; the root's is -1, every other parent stands before its child.
        head_vertices: (B, n) int32 vertices whose mean, weighted by `head_weights`, is the joint where a bone begins.
        head_weights: (B, n) float32; rows sum to one.
        tail_vertices: (B, n) the same for the bone's end.
        tail_weights: (B, n) float32.
    """

    vertices: Floats
    quads: Indices
    groups: NDArray[np.uint8]
    skin_bones: NDArray[np.uint8]
    skin_weights: Floats
    bone_names: tuple[str, ...]
    bone_parents: Indices
    head_vertices: Indices
    head_weights: Floats
    tail_vertices: Indices
    tail_weights: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ShapeTargets:
    """What each macro shape adds to the average person: `deltas` (names, V, 3) float32 metres at full strength."""

    names: tuple[str, ...]
    deltas: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Garment:
    """One piece of clothing, pair of shoes, hat or head of hair, bound to the body mesh; N vertices.

    A vertex is the mean of three body vertices weighted by `weights`, plus `offsets` times the person's size beside the
    size the garment was made for: along axis i that is |v[a] - v[b]| / length, (a, b, length) = `scale`[i].

    Attributes:
        corners: (N, 3) int32 body vertices.
        weights: (N, 3) float32, sum to one, some below zero.
        offsets: (N, 3) float32 metres.
        triangles: (M, 3) int32.
        scale: per axis two body vertices and their distance in metres along it; None where the axis does not scale.
        parts: (N,) int32 connected component, from 0.
        hides: (V,) bool the body vertices that lie under it.
    """

    corners: Indices
    weights: Floats
    offsets: Floats
    triangles: Indices
    scale: tuple[tuple[int, int, float] | None, ...]
    parts: Indices
    hides: NDArray[np.bool_]

    def fit(self, vertices: Floats) -> Floats:
        """(N, 3) float32 metres: the garment on a person whose body vertices are `vertices` (V, 3) in metres."""
        size = np.ones(3, np.float32)
        for axis, rule in enumerate(self.scale):
            if rule is not None:
                size[axis] = abs(vertices[rule[0], axis] - vertices[rule[1], axis]) / rule[2]
        fitted = self.offsets * size
        for k in range(3):
            fitted += vertices[self.corners[:, k]] * self.weights[:, k, None]
        return fitted


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RecordedMotions:
    """Recorded clips at 30 frames a second.

    Attributes:
        names: of the clips.
        start: (clips + 1,) int32; clip i is rows start[i] to start[i + 1] of `points`.
        points: (N, 23, 3) float32 metres, y up, all absolute.
        source: (clips,) uint8 which capture system a clip comes from, a row of `rest_reference`.
        rest_reference: (sources, 2, 3) float32 directions, in the body's rest axes, of hips to spine and spine to neck.
    """

    names: tuple[str, ...]
    start: Indices
    points: Floats
    source: NDArray[np.uint8]
    rest_reference: Floats


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Panorama:
    """An equirectangular picture and the light in it.

    Its brightness is set so that the brightest wall, floor or ceiling there, were it white, would be 1.

    Attributes:
        name: of the picture.
        file: where it lies; `pixels` reads it.
        sun_direction: (3,) float64 unit, towards the strongest light, world axes where the picture's middle is -z; at
            least ten degrees above the horizon.
        sun: (3,) float64 linear colour.
        sky: (3,) float64 what a white surface that faces up gets besides.
        ground: (3,) float64 what one that faces down gets.
    """

    name: str
    file: Path
    sun_direction: Array
    sun: Array
    sky: Array
    ground: Array

    def pixels(self) -> Pixels:
        """(H, W, 3) uint8 RGB, twice as wide as high."""
        try:
            with Image.open(self.file) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise InputError(
                        f"{self.file}: {image.width}x{image.height} pixels; at most {_MOST_PIXELS} are read"
                    )
                return np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"{self.file}: not a readable picture ({_brief(error)})") from None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Assets:
    """All that an asset folder holds."""

    folder: Path
    body: BodyMesh
    targets: ShapeTargets
    garments: Mapping[str, Garment]
    motions: RecordedMotions
    panoramas: tuple[Panorama, ...]


def read_assets(folder: Path) -> Assets:
    """Reads and checks the asset folder at `folder`; pictures are only looked for, not loaded.

    Raises:
        InputError: the folder or one of its files is missing, damaged, too big, or says something impossible.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of assets; `chronopose synth-assets` builds one")
    body = _read_body(folder / "body.npz")
    vertices = len(body.vertices)
    return Assets(
        folder=folder,
        body=body,
        targets=_read_targets(folder / "shape_targets.npz", vertices),
        garments=_read_garments(folder / "clothes.npz", vertices),
        motions=_read_motions(folder / "mocap.npz"),
        panoramas=_read_panoramas(folder / "backgrounds"),
    )


class _Arrays:
    """The arrays of one .npz file, each checked as it is asked for. Letters in a wanted shape stand for free sizes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > _MOST_BYTES:
                raise InputError(f"{path}: unpacks to {unpacked} bytes; at most {_MOST_BYTES} are read")
            with np.load(path, allow_pickle=False) as arrays:
                stored = {name: arrays[name] for name in arrays.files}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; an asset folder has one") from None
        except _UNREADABLE as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: not a readable .npz file of plain arrays ({_brief(error)})") from None
        # A member of the archive that is no array comes as its bytes.
        self.arrays = {name: array for name, array in stored.items() if isinstance(array, np.ndarray)}

    def fail(self, field: str, found: str, wanted: str) -> InputError:
        return InputError(f"{self.path}: {field}: {found}; wanted {wanted}")

    def _get(self, field: str, kinds: str, shape: Shape) -> NDArray[np.generic]:
        if field not in self.arrays:
            raise InputError(f"{self.path}: no array {field!r}")
        array = self.arrays[field]
        words = {"U": "text", "f": "numbers", "iu": "whole numbers", "iuf": "numbers"}
        if array.dtype.kind not in kinds:
            raise self.fail(field, f"dtype {array.dtype}", words[kinds])
        if array.ndim != len(shape) or any(
            have != (self.sizes.setdefault(want, have) if isinstance(want, str) else want)
            for have, want in zip(array.shape, shape, strict=True)
        ):
            wanted = ", ".join(f"{w}={self.sizes[w]}" if w in self.sizes else str(w) for w in map(str, shape))
            raise self.fail(field, f"shape {array.shape}", f"({wanted})")
        return array

    def names(self, field: str, size: str) -> tuple[str, ...]:
        names = tuple(str(name) for name in self._get(field, "U", (size,)))
        if len(names) > _MOST_NAMES:
            raise self.fail(field, f"{len(names)} names", f"at most {_MOST_NAMES}")
        if len(set(names)) != len(names):
            raise self.fail(field, "a name stands twice", "every name once")
        return names

    def whole(self, field: str, shape: Shape, low: int, high: int) -> Indices:
        """int32 values that must all be at least `low` and below `high`."""
        array = self._get(field, "iu", shape)
        if array.size and (array.min() < low or array.max() >= high):
            raise self.fail(field, f"values {array.min()} to {array.max()}", f"{low} to {high - 1}")
        return array.astype(np.int32)

    def real(self, field: str, shape: Shape, most: float) -> Floats:
        """float32 values that must be finite and at most `most` either side of zero."""
        array: Floats = self._get(field, "iuf", shape).astype(np.float32)
        if not np.isfinite(array).all():
            raise self.fail(field, "values that are not finite", "finite numbers")
        if array.size and np.abs(array).max() > most:
            raise self.fail(field, f"a value of size {np.abs(array).max():g}", f"at most {most:g}")
        return array

    def weights(self, field: str, shape: Shape, full: float = 1, slack: float = 1e-3, low: float = 0) -> Floats:
        """float32 weights whose rows, divided by `full`, sum to one within `slack`; afterwards they do exactly."""
        array = self.real(field, shape, 1e6) / np.float32(full)
        sums = array.sum(axis=-1, dtype=np.float64)
        if array.size and array.min() < low:
            raise self.fail(field, f"a weight of {array.min():g}", f"at least {low:g}")
        if (np.abs(sums - 1) > slack).any():
            row = int(np.argmax(np.abs(sums - 1)))
            raise self.fail(field, f"the weights of row {row} sum to {sums[row]:g}", "1")
        array /= sums[..., None].astype(np.float32)
        return array


def _read_body(path: Path) -> BodyMesh:
    arrays = _Arrays(path)
    vertices = arrays.real("verts", ("V", 3), 1e3) * DM
    count = len(vertices)
    if not 3 <= count <= _MOST_VERTICES:
        raise arrays.fail("verts", f"{count} vertices", f"3 to {_MOST_VERTICES}")
    groups = arrays.names("group_names", "groups")
    if groups != GROUPS:
        raise arrays.fail("group_names", ", ".join(groups) or "none", ", ".join(GROUPS))
    names = arrays.names("bone_names", "B")
    if not 1 <= len(names) <= 255:
        raise arrays.fail("bone_names", f"{len(names)} bones", "1 to 255")
    parents = arrays.whole("bone_parent", ("B",), -1, len(names))
    for child, parent in enumerate(parents):
        if (parent < 0) != (child == 0) or parent >= child:
            raise arrays.fail("bone_parent", f"{parent} for {names[child]}", "-1 for the first, then earlier bones")
    return BodyMesh(
        vertices=vertices,
        quads=arrays.whole("faces", ("M", 4), 0, count),
        groups=arrays.whole("face_group", ("M",), 0, len(GROUPS)).astype(np.uint8),
        skin_bones=arrays.whole("skin_idx", ("V", 4), 0, len(names)).astype(np.uint8),
        skin_weights=arrays.weights("skin_w", ("V", 4), full=65535),
        bone_names=names,
        bone_parents=parents,
        head_vertices=arrays.whole("head_idx", ("B", "heads"), 0, count),
        head_weights=arrays.weights("head_w", ("B", "heads")),
        tail_vertices=arrays.whole("tail_idx", ("B", "tails"), 0, count),
        tail_weights=arrays.weights("tail_w", ("B", "tails")),
    )


def _read_targets(path: Path, vertices: int) -> ShapeTargets:
    arrays = _Arrays(path)
    names = arrays.names("names", "targets")
    deltas = arrays.real("delta", ("targets", vertices, 3), 1e6)
    deltas *= arrays.real("unit", (), 10) * DM
    return ShapeTargets(names=names, deltas=deltas)


def _read_garments(path: Path, vertices: int) -> dict[str, Garment]:
    arrays = _Arrays(path)
    return {name: _read_garment(arrays, name, vertices) for name in arrays.names("names", "garments")}


def _read_garment(arrays: _Arrays, name: str, vertices: int) -> Garment:
    size, faces = f"N of {name}", f"M of {name}"
    corners = arrays.whole(f"{name}/idx", (size, 3), 0, vertices)
    scale: list[tuple[int, int, float] | None] = []
    for first, second, length in arrays.real(f"{name}/scale", (3, 3), 1e6):
        if not (0 <= first < vertices and 0 <= second < vertices):
            raise arrays.fail(f"{name}/scale", f"vertices {first:g} and {second:g}", f"0 to {vertices - 1}")
        scales = first != second and length > 0
        scale.append((int(first), int(second), float(length * DM)) if scales else None)
    packed = arrays.whole(f"{name}/hide", ((vertices + 7) // 8,), 0, 256).astype(np.uint8)
    return Garment(
        corners=corners,
        weights=arrays.weights(f"{name}/w", (size, 3), slack=0.02, low=-100),
        offsets=arrays.real(f"{name}/off", (size, 3), 100) * DM,
        triangles=arrays.whole(f"{name}/tri", (faces, 3), 0, len(corners)),
        scale=tuple(scale),
        parts=arrays.whole(f"{name}/comp", (size,), 0, max(len(corners), 1)),
        hides=np.unpackbits(packed)[:vertices].astype(bool),
    )


def _read_motions(path: Path) -> RecordedMotions:
    arrays = _Arrays(path)
    names = arrays.names("names", "clips")
    fps = int(arrays.whole("fps", (), 1, 1000))
    if fps != MOTION_FPS:
        raise arrays.fail("fps", str(fps), str(MOTION_FPS))
    points = arrays.real("points_mm", ("N", POINTS, 3), 1e6) * np.float32(1e-3)
    points[:, 1:] += points[:, :1]
    start = arrays.whole("start", (len(names) + 1,), 0, len(points) + 1)
    if start[0] != 0 or start[-1] != len(points) or (np.diff(start) < 2).any():
        raise arrays.fail("start", "clips that overlap, leave rows out or are shorter than 2", f"0 to {len(points)}")
    reference = arrays.real("rest_ref", ("sources", 2, 3), 10)
    return RecordedMotions(
        names=names,
        start=start,
        points=points,
        source=arrays.whole("source", ("clips",), 0, len(reference)).astype(np.uint8),
        rest_reference=reference,
    )


def _read_panoramas(folder: Path) -> tuple[Panorama, ...]:
    arrays = _Arrays(folder / "light.npz")
    names = arrays.names("names", "panoramas")
    harmonics = arrays.real("sh9_irradiance_over_pi", ("panoramas", 9, 3), 1e6).astype(np.float64)
    directions = arrays.real("sun_dir", ("panoramas", 3), 2).astype(np.float64)
    pictures = {picture.stem: picture for ending in ("jpg", "png") for picture in sorted(folder.glob(f"*.{ending}"))}
    found = []
    for name, coefficients, direction in zip(names, harmonics, directions, strict=True):
        if name not in pictures:
            raise InputError(f"{folder / name}.jpg: no such picture, but light.npz has its light")
        if np.linalg.norm(direction) < 0.5:
            raise arrays.fail("sun_dir", f"{direction} for {name}", "a direction of length 1")
        direction, sun, sky, ground = sun_sky_ground(coefficients, direction)
        found.append(Panorama(name=name, file=pictures[name], sun_direction=direction, sun=sun, sky=sky, ground=ground))
    if unlit := sorted(set(pictures) - set(names)):
        raise arrays.fail("names", f"no light for the picture {unlit[0]}", "the light of every picture")
    return tuple(found)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
