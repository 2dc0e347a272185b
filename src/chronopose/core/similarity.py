"""How alike two poses are: object keypoint similarity and head-normalised distance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def oks_matrix(
    xy_a: ArrayLike,
    xy_b: ArrayLike,
    area_b: ArrayLike,
    sigmas: ArrayLike,
    weight_a: ArrayLike | None = None,
    weight_b: ArrayLike | None = None,
) -> Array:
    """(N, M) object keypoint similarity of poses (N, K, 2) with poses (M, K, 2), as COCO defines it.

    exp(-d^2 / (2 area (2 sigma)^2)) averaged over the joints known on both sides; 0 where none is. `area_b` (M,) is in
    square pixels and belongs to the second poses (COCO: the truth). NaN joints, and joints of weight 0, are unknown.
    """
    first, second = np.asarray(xy_a, dtype=np.float64), np.asarray(xy_b, dtype=np.float64)
    constants = (2 * np.asarray(sigmas, dtype=np.float64)) ** 2
    square = ((first[:, None] - second[None]) ** 2).sum(-1)
    known = ~np.isnan(square)
    if weight_a is not None:
        known &= (np.asarray(weight_a) > 0)[:, None]
    if weight_b is not None:
        known &= (np.asarray(weight_b) > 0)[None]
    area = np.maximum(np.asarray(area_b, dtype=np.float64), np.finfo(np.float64).eps)
    alike = np.exp(-np.where(known, square, np.inf) / (2 * area[None, :, None] * constants))
    count = known.sum(-1)
    oks: Array = np.divide(alike.sum(-1), count, out=np.zeros(count.shape), where=count > 0)
    return oks


def head_distance_matrix(xy_a: ArrayLike, xy_b: ArrayLike, head_size_b: ArrayLike) -> Array:
    """(N, M, K) joint distances of poses (N, K, 2) to poses (M, K, 2) over the second poses' head size (M,) pixels."""
    first, second = np.asarray(xy_a, dtype=np.float64), np.asarray(xy_b, dtype=np.float64)
    distance = np.linalg.norm(first[:, None] - second[None], axis=-1)
    scaled: Array = distance / np.asarray(head_size_b, dtype=np.float64)[None, :, None]
    return scaled
