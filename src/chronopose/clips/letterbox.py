"""Whole pictures onto a canvas: the letterbox a detector looks through, and free placement."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from chronopose.clips.crop import halved
from chronopose.core import geometry
from chronopose.core.errors import InputError
from chronopose.core.types import Pixels

GREY = (114, 114, 114)


def letterbox(pixels: Pixels, height: int, width: int) -> tuple[Pixels, NDArray[np.float64]]:
    """Shrinks or enlarges a picture to fit inside a canvas, centred, its aspect ratio kept, the rest grey.

    Args:
        pixels: (H, W, 3) uint8.
        height: of the canvas in pixels.
        width: of the canvas in pixels.

    Returns:
        The canvas (height, width, 3) uint8 and its transform crop_to_image (2, 3) float64, from canvas pixels to the
        picture's pixels (integer coordinates are pixel centres on both sides).

    Raises:
        InputError: if the picture is not (H, W, 3) uint8 or has no pixel.
    """
    _check(pixels)
    rows, columns = pixels.shape[:2]
    scale = min(height / rows, width / columns)
    new_height, new_width = max(round(rows * scale), 1), max(round(columns * scale), 1)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    # Area averaging is the only one of OpenCV's filters that does not alias when it shrinks; by a number that is not
    # whole it is slow, and so it is left what few halvings leave.
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    near = halved(pixels, _halvings(rows, columns, 1 / scale))
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:] = GREY
    canvas[top : top + new_height, left : left + new_width] = cv2.resize(
        near, (new_width, new_height), interpolation=kind
    )
    step = np.array([columns / new_width, rows / new_height])
    crop_to_image = np.zeros((2, 3))
    crop_to_image[[0, 1], [0, 1]] = step
    crop_to_image[:, 2] = (0.5 - np.array([left, top])) * step - 0.5
    return canvas, crop_to_image


def _halvings(rows: int, columns: int, shrink: float) -> int:
    """How often a picture may be halved on the way to one `shrink` times smaller, no row or column left over."""
    times = 0
    while shrink >= 2 ** (times + 1) and not rows % 2 ** (times + 1) and not columns % 2 ** (times + 1):
        times += 1
    return times


def place(
    pixels: Pixels, canvas_to_image: NDArray[np.float64], height: int, width: int, fill: tuple[int, int, int] = GREY
) -> Pixels:
    """Draws a picture (H, W, 3) onto a canvas (height, width, 3) under the affine `canvas_to_image` (2, 3).

    Where the canvas looks past the picture's edge it shows `fill`. Bilinear, after an area shrink where the picture is
    made less than half its size, so that small copies do not alias.

    Raises:
        InputError: if the picture is not (H, W, 3) uint8 or has no pixel.
    """
    _check(pixels)
    scale = math.sqrt(abs(float(np.linalg.det(canvas_to_image[:, :2]))))
    if scale > 1.5:
        rows, columns = pixels.shape[:2]
        size = max(round(columns / scale), 1), max(round(rows / scale), 1)
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        step = np.array([size[0] / columns, size[1] / rows])
        shrink = np.array([[step[0], 0.0, (step[0] - 1) / 2], [0.0, step[1], (step[1] - 1) / 2]])
        canvas_to_image = geometry.compose(shrink, canvas_to_image)
    drawn = cv2.warpAffine(
        pixels,
        canvas_to_image,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    return np.asarray(drawn, dtype=np.uint8)


def _check(pixels: Pixels) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise InputError(f"a picture must be (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
