"""The bundled person detector at work: frames in, boxes of persons out."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.letterbox import letterbox
from chronopose.core import geometry
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.tracking.tracker import Detections

_MULTIPLE = 32
_MOST = 100  # boxes of a frame
_CANDIDATES = 1000  # the best of them, among which doubles are looked for


class PersonNetwork(Protocol):
    """A network that finds persons, wherever it runs.

    Attributes:
        long_side: of the pictures that it is shown by default, in pixels.
        score_scale: with `score_shift`, makes the score of a detection: the sigmoid of scale * logit + shift.
        score_shift: see there.
    """

    long_side: int
    score_scale: float
    score_shift: float

    def __call__(self, pictures: Pixels) -> tuple[Floats, Floats]:
        """(B, H, W, 3) uint8 RGB, sides multiples of 32 -> logit (B, N), boxes (B, N, 4) in their pixels."""
        ...


class PersonDetector:
    """A person network with what it needs around it: letterbox, batches, suppression of doubles.

    The frame is shrunk or enlarged so that its longer side fits the network's picture; the shorter side is padded to
    the next multiple of 32, so a wide video costs less than a square one.

    Args:
        network: see there.
        score: boxes below it are left out; keep it as low as the tracker's `low_score`.
        overlap: of two boxes that overlap more than this (intersection over union), the better one stays.
        long_side: of the network's picture in pixels, None for the model's own.
        batch_size: frames in one pass.

    Raises:
        InputError: if `long_side` is not a positive multiple of 32, or a threshold does not lie in 0 to 1.
    """

    name = "bundled"

    def __init__(
        self,
        network: PersonNetwork,
        *,
        score: float = 0.1,
        overlap: float = 0.55,
        long_side: int | None = None,
        batch_size: int = 8,
    ) -> None:
        self.long_side = network.long_side if long_side is None else long_side
        if self.long_side < _MULTIPLE or self.long_side % _MULTIPLE:
            raise InputError(f"long_side must be a positive multiple of {_MULTIPLE}, got {self.long_side}")
        if not 0 <= score <= 1 or not 0 <= overlap <= 1:
            raise InputError(f"score and overlap must lie in 0 to 1, got {score} and {overlap}")
        if batch_size < 1:
            raise InputError(f"batch_size must be positive, got {batch_size}")
        self.score, self.overlap, self.batch_size = score, overlap, batch_size
        self.network = network

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        """The persons of each frame (H, W, 3) RGB uint8, best first; boxes in image pixels, inside the image."""
        found: list[Detections | None] = [None] * len(frames)
        groups: dict[tuple[int, int], list[int]] = {}
        for number, frame in enumerate(frames):
            groups.setdefault(self._shape(frame), []).append(number)
        for (height, width), numbers in groups.items():
            for first in range(0, len(numbers), self.batch_size):
                part = numbers[first : first + self.batch_size]
                boxed = [letterbox(frames[number], height, width) for number in part]
                logit, boxes = self.network(np.stack([canvas for canvas, _ in boxed]))
                score = _sigmoid(self.network.score_scale * logit + self.network.score_shift)
                for row, number in enumerate(part):
                    found[number] = self._persons(score[row], boxes[row], boxed[row][1], frames[number].shape[:2])
        return [one for one in found if one is not None]

    def _shape(self, frame: Pixels) -> tuple[int, int]:
        """Height and width of the network's picture for a frame."""
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
            raise InputError(f"a frame must be (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
        scale = self.long_side / max(frame.shape[:2])
        # A side a pixel over a multiple is let shrink by that pixel instead of adding a strip of 32.
        height, width = (max(-(-(round(side * scale) - 1) // _MULTIPLE), 1) * _MULTIPLE for side in frame.shape[:2])
        return height, width

    def _persons(self, score: Floats, boxes: Floats, crop_to_image: Any, size: tuple[int, ...]) -> Detections:
        kept = np.flatnonzero(score >= self.score)
        kept = kept[_singles(boxes[kept], score[kept], self.overlap)][:_MOST]
        corners = geometry.apply(crop_to_image, boxes[kept].reshape(-1, 2, 2).astype(np.float64))
        edge = np.array([size[1], size[0]]) - 0.5
        inside = np.clip(corners, -0.5, edge).reshape(-1, 4)
        alive = (geometry.box_size(inside) > 1).all(axis=1)
        return Detections(inside[alive].astype(np.float32), score[kept][alive].astype(np.float32))


def _sigmoid(logit: Floats) -> Floats:
    score: Floats = (1 / (1 + np.exp(-logit.clip(-80, 80)))).astype(np.float32)  # beyond, exp overflows
    return score


def _singles(boxes: Floats, score: Floats, overlap: float) -> NDArray[np.intp]:
    """Which boxes (N, 4) are no doubles of better ones, the best first. (torchvision's takes two seconds to import.)"""
    order = np.argsort(-score, kind="stable")[:_CANDIDATES]
    double = geometry.iou_matrix(boxes[order], boxes[order]) > overlap
    alive = np.ones(len(order), dtype=np.bool_)
    for place in range(len(order)):
        if alive[place]:
            alive[place + 1 :] &= ~double[place, place + 1 :]
    return order[alive]
