"""Reads pictures of high dynamic range in Radiance's .hdr format."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats

_MOST_BYTES = 512 * 1024 * 1024
_MOST_PIXELS = 1 << 25
_MOST_HEADER = 16_384


def read_hdr(path: Path) -> Floats:
    """(H, W, 3) float32 linear red, green and blue, top row first.

    Raises:
        InputError: the file is damaged, too big or of a rare variant (XYZ colours, turned, old run-length coding).
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {_MOST_BYTES} are read")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    header = re.match(rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]*\n)*?\n-Y (\d{1,5}) \+X (\d{1,5})\n", content[:_MOST_HEADER])
    if header is None or b"FORMAT=32-bit_rle_rgbe" not in header.group():
        raise InputError(f"{path}: not a Radiance picture of 32-bit_rle_rgbe with rows from the top")
    height, width = int(header.group(1)), int(header.group(2))
    if not 1 <= width * height <= _MOST_PIXELS:
        raise InputError(f"{path}: {width}x{height} pixels; wanted 1 to {_MOST_PIXELS}")
    if len(content) - header.end() < height:
        raise InputError(f"{path}: ends before its {height} rows")
    rgbe = _pixels(path, content, header.end(), height, width)
    scale = np.ldexp(np.float32(1), rgbe[..., 3].astype(np.int32) - 136)
    scale[rgbe[..., 3] == 0] = 0
    return rgbe[..., :3].astype(np.float32) * scale[..., None]


def _pixels(path: Path, content: bytes, place: int, height: int, width: int) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 mantissas and exponent."""
    if not (8 <= width < 32768 and content[place : place + 2] == b"\2\2"):
        flat = np.frombuffer(content, np.uint8, offset=place)
        if len(flat) < height * width * 4:
            raise InputError(f"{path}: ends before its {height} rows, or is packed in a way that is not supported")
        return flat[: height * width * 4].reshape(height, width, 4)
    pixels = np.zeros((height, width, 4), np.uint8)
    for row in range(height):
        if content[place : place + 4] != bytes((2, 2, width >> 8, width & 255)):
            raise InputError(f"{path}: row {row} does not begin as rows do; the file is damaged")
        place += 4
        for channel in range(4):
            filled = 0
            while filled < width:
                if place + 1 >= len(content):
                    raise InputError(f"{path}: ends within row {row} of {height}")
                count = content[place]
                run = count > 128
                count = count - 128 if run else count
                if count == 0 or filled + count > width:
                    raise InputError(f"{path}: row {row} holds more than its {width} pixels; the file is damaged")
                packed = content[place + 1 : place + 2 if run else place + 1 + count]
                if len(packed) != (1 if run else count):
                    raise InputError(f"{path}: ends within row {row} of {height}")
                pixels[row, filled : filled + count, channel] = np.frombuffer(packed, np.uint8)
                place += 1 + len(packed)
                filled += count
    return pixels
