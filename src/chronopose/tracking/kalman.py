"""Constant-velocity Kalman filter for boxes, over all tracks at once.

A box is four numbers: centre x, centre y, width, height. Every noise of the model is diagonal, so the 8 x 8 covariance
of one track never leaves the form of four 2 x 2 blocks (a number and its velocity). Only those blocks are kept: 12
numbers for each track in place of 64, and no matrix is ever inverted.

    mean (N, 4, 2)   the number, and its velocity per frame
    cov  (N, 4, 3)   variance of the number, covariance of number and velocity, variance of the velocity

Noise is given in body heights: what a pixel means depends on how near the person stands.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_MEASURE = 1 / 20  # a detector's box edge wanders by about a twentieth of the person's height
_WANDER = 1 / 40  # what boxes move on top of their velocity: arms that stretch, steps; per square root of a frame
_ACCELERATE = 1 / 160  # change of velocity, heights a frame, per square root of a frame
_FIRST_VELOCITY = 1 / 16  # heights a frame: a new track may stand still or run
_SMALLEST_PX = 1.0  # a box of no height would have no noise, and the filter would never move again


@dataclass(frozen=True, slots=True, eq=False)
class BoxBeliefs:
    """What is believed of N boxes: `mean` (N, 4, 2) and `cov` (N, 4, 3) float64, as the module says. Never changed."""

    mean: Array
    cov: Array

    @classmethod
    def none(cls) -> "BoxBeliefs":
        """The beliefs about no boxes at all."""
        return cls(np.zeros((0, 4, 2)), np.zeros((0, 4, 3)))

    @classmethod
    def born(cls, boxes: ArrayLike) -> "BoxBeliefs":
        """Beliefs after one look at boxes (N, 4), x1 y1 x2 y2 pixels: place known, velocity about zero."""
        seen = to_centre(boxes)
        height = np.maximum(seen[:, 3], _SMALLEST_PX)
        cov = np.zeros((len(seen), 4, 3))
        cov[..., 0] = ((_MEASURE * height) ** 2)[:, None]
        cov[..., 2] = ((_FIRST_VELOCITY * height) ** 2)[:, None]
        return cls(np.stack([seen, np.zeros_like(seen)], axis=-1), cov)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def height(self) -> Array:
        """(N,) heights in pixels, never below one pixel."""
        return np.maximum(self.mean[:, 3, 0], _SMALLEST_PX)

    @property
    def boxes(self) -> Array:
        """(N, 4) x1, y1, x2, y2 in pixels; each side is at least one pixel long."""
        half = np.maximum(self.mean[:, 2:, 0], _SMALLEST_PX) / 2
        return np.concatenate([self.mean[:, :2, 0] - half, self.mean[:, :2, 0] + half], axis=-1)

    @property
    def centre_std(self) -> Array:
        """(N, 2) standard deviation of the centre in x and y, in pixels."""
        std: Array = np.sqrt(self.cov[:, :2, 0])
        return std

    def predict(self, dt: float) -> "BoxBeliefs":
        """The beliefs `dt` frames later. Two steps of one frame give what one step of two frames gives."""
        if not dt >= 0:
            raise ValueError(f"time runs forward: dt must be at least 0 frames, got {dt}")
        wander = ((_WANDER * self.height) ** 2)[:, None]
        accelerate = ((_ACCELERATE * self.height) ** 2)[:, None]
        place, both, velocity = np.moveaxis(self.cov, -1, 0)
        cov = np.stack(
            [
                place + 2 * dt * both + dt**2 * velocity + accelerate * dt**3 / 3 + wander * dt,
                both + dt * velocity + accelerate * dt**2 / 2,
                velocity + accelerate * dt,
            ],
            axis=-1,
        )
        moved = self.mean[..., 0] + dt * self.mean[..., 1]
        return BoxBeliefs(np.stack([moved, self.mean[..., 1]], axis=-1), cov)

    def update(self, boxes: ArrayLike) -> "BoxBeliefs":
        """The beliefs after boxes (N, 4), x1 y1 x2 y2 pixels, were seen: one for each track, in order."""
        seen = to_centre(boxes)
        noise = ((_MEASURE * np.maximum(seen[:, 3], _SMALLEST_PX)) ** 2)[:, None]
        place, both, velocity = np.moveaxis(self.cov, -1, 0)
        gain, gain_velocity = place / (place + noise), both / (place + noise)
        surprise = seen - self.mean[..., 0]
        mean = self.mean + np.stack([gain * surprise, gain_velocity * surprise], axis=-1)
        cov = np.stack([(1 - gain) * place, (1 - gain) * both, velocity - gain_velocity * both], axis=-1)
        return BoxBeliefs(mean, cov)

    def hold_size(self, which: NDArray[np.bool_]) -> "BoxBeliefs":
        """The beliefs with the size of the boxes `which` (N,) standing still.

        A person who walks behind a pillar shrinks on the way; extrapolated, the box would shrink to nothing.
        """
        mean = self.mean.copy()
        mean[which, 2:, 1] = 0
        return BoxBeliefs(mean, self.cov)

    def take(self, index: ArrayLike) -> "BoxBeliefs":
        """The beliefs at positions `index` (or where a mask of N is true)."""
        where = np.asarray(index)
        where = where if where.dtype == np.bool_ else where.astype(np.intp)
        return BoxBeliefs(self.mean[where], self.cov[where])

    def put(self, index: ArrayLike, others: "BoxBeliefs") -> "BoxBeliefs":
        """The beliefs with `others` in the places `index`."""
        where = np.asarray(index, dtype=np.intp)
        mean, cov = self.mean.copy(), self.cov.copy()
        mean[where], cov[where] = others.mean, others.cov
        return BoxBeliefs(mean, cov)

    def join(self, others: "BoxBeliefs") -> "BoxBeliefs":
        """These beliefs, then `others`."""
        return BoxBeliefs(np.concatenate([self.mean, others.mean]), np.concatenate([self.cov, others.cov]))


def to_centre(boxes: ArrayLike) -> Array:
    """(N, 4) centre x, centre y, width, height of boxes (N, 4), x1 y1 x2 y2."""
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)
