"""Boxes and affine transforms under one pixel convention: integer coordinates are pixel centres.

A pixel (i, j) covers [i - 0.5, i + 0.5] x [j - 0.5, j + 0.5], so an image of width W spans x from -0.5 to W - 0.5.
Boxes are x1, y1, x2, y2 in these continuous coordinates. A transform is (..., 2, 3) float64 and maps column vectors
(x, y, 1); its name says from where to where, as in `crop_to_image`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def box_of_points(xy: ArrayLike, weight: ArrayLike | None = None) -> Array:
    """Tight box (..., 4) around points (..., K, 2); NaN where no point is known.

    A point is left out if either of its coordinates is NaN, or if its `weight` (..., K) is 0.
    """
    points = np.asarray(xy, dtype=np.float64)
    unknown = np.isnan(points[..., 0]) | np.isnan(points[..., 1])
    if weight is not None:
        unknown = unknown | (np.asarray(weight) <= 0)
    low = np.where(unknown[..., None], np.inf, points).min(axis=-2, initial=np.inf)
    high = np.where(unknown[..., None], -np.inf, points).max(axis=-2, initial=-np.inf)
    box = np.concatenate([low, high], axis=-1)
    box[np.isinf(box).any(axis=-1)] = np.nan
    return box


def box_around(xy: ArrayLike, around: float = 1.15) -> NDArray[np.float32]:
    """A person's box (4,) from joints (K, 2), NaN for unknown: joints end inside the body's outline.

    The tight box of the joints enlarged by `around`, at least 1/4 as wide as high and as high as wide.
    """
    tight = box_of_points(xy)
    size = box_size(tight) * around
    size = np.maximum(size, size.max() / 4)
    middle = (tight[:2] + tight[2:]) / 2
    return np.concatenate([middle - size / 2, middle + size / 2]).astype(np.float32)


def box_size(box: ArrayLike) -> Array:
    """(..., 2) width and height of boxes (..., 4)."""
    boxes = np.asarray(box, dtype=np.float64)
    size: Array = boxes[..., 2:] - boxes[..., :2]
    return size


def inside(xy: ArrayLike, size: ArrayLike, reach: float = 0.0) -> NDArray[np.bool_]:
    """(...,) whether points (..., 2) are known and lie in an image of `size` width, height, or `reach` px around it."""
    points = np.asarray(xy)
    within: NDArray[np.bool_] = np.all((points >= -0.5 - reach) & (points < np.asarray(size) - 0.5 + reach), axis=-1)
    return within


def iou_matrix(a: ArrayLike, b: ArrayLike) -> Array:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4); 0 for empty boxes."""
    first = np.asarray(a, dtype=np.float64).reshape(-1, 4)[:, None]
    second = np.asarray(b, dtype=np.float64).reshape(-1, 4)[None]
    overlap = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = np.clip(overlap, 0, None).prod(axis=-1)
    union = np.clip(box_size(first), 0, None).prod(-1) + np.clip(box_size(second), 0, None).prod(-1) - shared
    iou: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def crop_to_image(box: ArrayLike, height: int, width: int, margin: float, rotation_rad: ArrayLike = 0.0) -> Array:
    """Transform (..., 2, 3) from crop pixels to image pixels for boxes (..., 4).

    The box is widened on one side to the crop's aspect ratio, enlarged by `margin` about its centre, and turned by
    `rotation_rad` (..., clockwise as seen on screen). Corner pixels map area to area: the outer edges of the crop meet
    the edges of the enlarged box, not its outermost pixel centres.
    """
    boxes = np.asarray(box, dtype=np.float64)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = np.maximum(box_size(boxes), 1e-3) * margin
    scale = np.maximum(size[..., 0] / width, size[..., 1] / height)
    turn = np.broadcast_to(np.asarray(rotation_rad, dtype=np.float64), scale.shape)
    linear = np.stack(
        [
            np.stack([np.cos(turn) * scale, -np.sin(turn) * scale], axis=-1),
            np.stack([np.sin(turn) * scale, np.cos(turn) * scale], axis=-1),
        ],
        axis=-2,
    )
    shift = centre - linear @ np.array([(width - 1) / 2, (height - 1) / 2])
    return np.concatenate([linear, shift[..., None]], axis=-1)


def invert(transform: ArrayLike) -> Array:
    """Inverse (..., 2, 3) of affine transforms (..., 2, 3)."""
    matrix = np.asarray(transform, dtype=np.float64)
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], axis=-1)


def compose(outer: ArrayLike, inner: ArrayLike) -> Array:
    """Transform (..., 2, 3) that applies `inner` first and `outer` second."""
    second, first = np.asarray(outer, dtype=np.float64), np.asarray(inner, dtype=np.float64)
    linear = second[..., :2] @ first[..., :2]
    shift = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, shift], axis=-1)


def apply(transform: ArrayLike, xy: ArrayLike) -> Array:
    """Points (..., K, 2) moved by transforms (..., 2, 3); NaN stays NaN."""
    matrix = np.asarray(transform, dtype=np.float64)
    points = np.asarray(xy, dtype=np.float64)
    moved: Array = points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]
    return moved


def apply_to_sigma(transform: ArrayLike, sigma: ArrayLike) -> Array:
    """Standard deviations (..., K, 2) along the axes after a transform (..., 2, 3), the two taken as independent."""
    matrix = np.asarray(transform, dtype=np.float64)
    variance = np.asarray(sigma, dtype=np.float64) ** 2
    moved: Array = np.sqrt(variance @ np.swapaxes(matrix[..., :2] ** 2, -1, -2))
    return moved
