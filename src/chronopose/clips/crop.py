"""The only crop in the house: whole frames and boxes in, a person's clip out."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from chronopose.clips.spec import Clip, ClipSpec
from chronopose.core.geometry import crop_to_image
from chronopose.core.types import Floats, Pixels


def crop_clip(frames: Sequence[Pixels], box: Floats, spec: ClipSpec) -> Clip:
    """Cuts one person's window out of T whole frames (H', W', 3).

    `box` is (4,) x1, y1, x2, y2 of the key frame, used on every frame, or (T, 4), one for each.
    """
    boxes = np.broadcast_to(np.asarray(box, dtype=np.float64), (len(frames), 4))
    transforms = crop_to_image(boxes, spec.height, spec.width, spec.margin)
    return Clip(pixels=cut(frames, transforms, spec.height, spec.width), crop_to_image=transforms)


def cut(frames: Sequence[Pixels], transforms: NDArray[np.float64], height: int, width: int) -> Pixels:
    """(T, height, width, 3) crops of T frames under transforms (T, 2, 3) from crop to image; black outside."""
    crops = np.empty((len(frames), height, width, 3), dtype=np.uint8)
    for frame, transform, crop in zip(frames, transforms, crops, strict=True):
        _cut_one(frame, transform, crop)
    return crops


def halved(pixels: Pixels, times: int) -> Pixels:
    """A picture (H, W, 3) each pixel of which is the mean of 2^times x 2^times; odd rows and columns are left out.

    OpenCV halves some times as fast as it averages by other numbers (benchmarks/crops.md).
    """
    for _ in range(times):
        rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
        even = pixels[: 2 * rows, : 2 * columns]
        pixels = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return pixels


def _cut_one(frame: Pixels, transform: NDArray[np.float64], out: Pixels) -> None:
    """Bilinear warp of one frame; a crop that shrinks the picture more than twofold is halved first, once or more.

    Bilinear sampling reads four pixels; without the averaging the others would be skipped, and people near the camera
    would flicker.
    """
    height, width = out.shape[:2]
    shrink = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    halvings = int(np.log2(shrink)) if shrink >= 2 else 0
    if halvings:
        step = 2**halvings
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ transform.T
        # Twice the step on the far sides: the last block must reach past the last pixel that a mirror or turn reads.
        low = np.maximum(np.floor(corners.min(0)) - step, 0)
        blocks = np.ceil((np.ceil(corners.max(0)) + 2 * step - low) / step)
        (left, top), (right, bottom) = low.astype(int), np.minimum(low + step * blocks, frame.shape[1::-1]).astype(int)
        if right <= left or bottom <= top:
            out[:] = 0
            return
        frame = frame[top:bottom, left:right]
        spare = -(bottom - top) % step, -(right - left) % step
        if any(spare):  # the picture's last rows and columns fill no whole block: black, as all outside is
            frame = np.pad(frame, ((0, spare[0]), (0, spare[1]), (0, 0)))
        frame = halved(frame, halvings)
        # A small pixel's centre lies in the middle of the step x step block that it averages.
        transform = transform.copy()
        transform[:, 2] -= (left, top)
        transform[:, 2] -= (step - 1) / 2
        transform /= step
    cv2.warpAffine(frame, transform, (width, height), dst=out, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
