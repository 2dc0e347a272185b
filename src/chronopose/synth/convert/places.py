"""Converts panoramas (.jpg, .png, .hdr) to pictures of one size, and measures the light in each."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.convert.radiance import read_hdr

_WIDTH, _HEIGHT = 1024, 512
_MOST_PIXELS = 1 << 27
_MOST_FILES = 2000
_JPEG_QUALITY = 88
_ENDINGS = (".jpg", ".jpeg", ".png", ".hdr")
_MIDDLE_GREY = 0.3  # what a picture's average radiance becomes before the curve
_WHITE = 6.0  # the radiance that the curve maps to white
_MOST_RADIANCE = 1e5
_SUN_WIDTH = np.cos(np.radians(20))
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Lighting:
    """As light.npz has it: (9, 3) harmonics, (3,) direction, (3,) colour."""

    harmonics: Floats
    sun_direction: Floats
    sun: Floats


def convert_places(
    folder: Path | None, out: Path, broken: Callable[[InputError], None], advance: Callable[[int], None]
) -> int:
    """Writes `out`/backgrounds, a .jpg of each panorama below `folder` and light.npz; without a folder, no pictures.

    Args:
        broken: is told of a file that cannot be used, which is left out if it does not raise.
        advance: is told of every file that is done.

    Returns:
        How many panoramas there are.
    """
    target = out / "backgrounds"
    target.mkdir()
    lights: dict[str, _Lighting] = {}
    for path in find_places(folder):
        # Downloads are often called after their size: forest_1k.hdr, forest_2k.hdr.
        name = re.sub(r"[^\w-]", "_", re.sub(r"_\d+k$", "", path.stem))
        try:
            if name in lights:
                raise InputError(f"{path}: there is a panorama {name!r} already; rename one")
            radiance = _exposed(path, _linear(path))
        except InputError as error:
            broken(error)
        else:
            picture = Image.fromarray(_developed(radiance) if path.suffix.lower() == ".hdr" else _encoded(radiance))
            picture.save(target / f"{name}.jpg", quality=_JPEG_QUALITY)
            lights[name] = _lighting(radiance)
        advance(1)
    if folder is not None and not lights:
        raise InputError(f"{folder}: no usable {', '.join(_ENDINGS)} files below it; wanted panoramas")
    count = len(lights)
    np.savez_compressed(
        target / "light.npz",
        names=np.array(list(lights)) if lights else np.zeros(0, "U1"),
        sh9_irradiance_over_pi=np.array([light.harmonics for light in lights.values()], np.float32).reshape(
            count, 9, 3
        ),
        sun_dir=np.array([each.sun_direction for each in lights.values()], np.float32).reshape(count, 3),
        sun_rgb=np.array([each.sun for each in lights.values()], np.float32).reshape(count, 3),
    )
    return count


def find_places(folder: Path | None) -> list[Path]:
    """The panoramas below the folder."""
    if folder is None:
        return []
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of panoramas")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    if len(found) > _MOST_FILES:
        raise InputError(f"{folder}: {len(found)} panoramas; at most {_MOST_FILES} are read")
    return found


def _linear(path: Path) -> Floats:
    """(H, W, 3) float32 linear colours, at most `_WIDTH` wide."""
    if path.suffix.lower() == ".hdr":
        linear = read_hdr(path)
        _check_shape(path, linear.shape[1], linear.shape[0])
        return _shrunk(linear)
    try:
        with Image.open(path) as image:
            _check_shape(path, image.width, image.height)
            if image.width * image.height > _MOST_PIXELS:
                raise InputError(f"{path}: {image.width}x{image.height} pixels; at most {_MOST_PIXELS} are read")
            image.draft("RGB", (_WIDTH, _HEIGHT))
            picture = image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable picture ({' '.join(str(error).split())[:120]})") from None
    if picture.width > _WIDTH:
        picture = picture.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    return _decoded(np.asarray(picture))


def _check_shape(path: Path, width: int, height: int) -> None:
    if abs(width - 2 * height) > 2 or width < 64:
        raise InputError(f"{path}: {width}x{height} pixels; wanted an equirectangular panorama, twice as wide as high")


def _shrunk(linear: Floats) -> Floats:
    """Averages whole blocks until the picture is at most `_WIDTH` wide; averages keep the light that is in it."""
    step = -(-linear.shape[1] // _WIDTH)
    height, width = linear.shape[0] // step, linear.shape[1] // step
    blocks = linear[: height * step, : width * step].reshape(height, step, width, step, 3)
    averages: Floats = blocks.mean(axis=(1, 3), dtype=np.float32)
    return averages


def _exposed(path: Path, linear: Floats) -> Floats:
    """The radiance so scaled that the average over the sphere, bright spots left out, is `_MIDDLE_GREY`."""
    if not np.isfinite(linear).all():
        raise InputError(f"{path}: pixels that are not finite")
    if path.suffix.lower() != ".hdr":
        return linear
    brightness = linear @ _LUMINANCE
    usual = float(np.average(np.minimum(brightness, 4 * np.median(brightness)), weights=_areas(brightness.shape)))
    if usual <= 0:
        raise InputError(f"{path}: more than half of it is black")
    exposed: Floats = np.minimum(linear * np.float32(_MIDDLE_GREY / usual), np.float32(_MOST_RADIANCE))
    return exposed


def _decoded(pixels: NDArray[np.uint8]) -> Floats:
    """sRGB bytes -> linear."""
    value = np.arange(256) / 255
    table = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    linear: Floats = table[pixels]
    return linear


def _encoded(linear: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Linear, cut at 1 -> sRGB bytes."""
    value = np.clip(linear, 0, 1)
    value = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    coded: NDArray[np.uint8] = np.round(value * 255).astype(np.uint8)
    return coded


def _developed(radiance: Floats) -> NDArray[np.uint8]:
    """A picture of the radiance: Reinhard's curve, which bends highlights instead of cutting them."""
    return _encoded(radiance * (1 + radiance / _WHITE**2) / (1 + radiance))


def _areas(shape: tuple[int, ...]) -> Floats:
    """(H, W) the solid angle of every pixel in steradians."""
    height, width = shape[:2]
    edges = np.cos(np.linspace(0, np.pi, height + 1))
    return np.tile(((edges[:-1] - edges[1:]) * 2 * np.pi / width)[:, None], (1, width)).astype(np.float32)


def _lighting(radiance: Floats) -> _Lighting:
    """The light in a panorama whose middle is -z: u = atan2(x, -z) / 2 pi + 0.5, the top row is +y."""
    step = max(radiance.shape[1] // 256, 1)
    height, width = radiance.shape[0] // step, radiance.shape[1] // step
    small = radiance[: height * step, : width * step].reshape(height, step, width, step, 3).mean(axis=(1, 3))
    up = np.pi / 2 - (np.arange(height) + 0.5) / height * np.pi
    right = ((np.arange(width) + 0.5) / width - 0.5) * 2 * np.pi
    y, x, z = np.broadcast_arrays(
        np.sin(up)[:, None], np.cos(up)[:, None] * np.sin(right), -np.cos(up)[:, None] * np.cos(right)
    )
    directions = np.stack([x, y, z], axis=-1)
    light = small * _areas(small.shape)[..., None]
    basis = np.stack(
        [
            *(np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y),
            *(1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y)),
        ],
        axis=-1,
    )
    # What a white surface sends on is the light convolved with a cosine: each band shrinks by its own factor.
    bands = np.array([1, *(2 / 3,) * 3, *(1 / 4,) * 5])
    harmonics = np.einsum("hwk,hwc->kc", basis, light) * bands[:, None]

    brightness = small @ _LUMINANCE
    brightest = directions.reshape(-1, 3)[int(np.argmax(brightness))]
    near = directions @ brightest > _SUN_WIDTH
    glow = near & (brightness >= 0.5 * brightness.max())
    direction = (directions[glow] * brightness[glow][:, None]).sum(axis=0)
    length = float(np.linalg.norm(direction))
    return _Lighting(
        harmonics=harmonics.astype(np.float32),
        sun_direction=(direction / length if length > 0 else np.array([0.0, 1.0, 0.0])).astype(np.float32),
        sun=(light[glow].sum(axis=0) / np.pi).astype(np.float32),
    )
