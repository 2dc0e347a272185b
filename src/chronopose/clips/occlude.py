"""Things in front of a person: at rest, there for some frames only, or passing by; flat, patterned or a patch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats


def cover(values: Floats, rng: np.random.Generator, textured: float = 0.0) -> None:
    """Hides one rectangle of up to a quarter of every frame (T, H, W, 3) in place.

    Args:
        values: grey levels 0 to 255.
        rng: draws place, size and what is seen there.
        textured: probability of a pattern instead of one colour or a patch from elsewhere in the frame.
    """
    height, width = values.shape[1:3]
    rows, columns = (int(rng.uniform(0.1, 0.5) * length) for length in (height, width))
    top, left = rng.integers(0, height - rows), rng.integers(0, width - columns)
    hole = values[:, top : top + rows, left : left + columns]
    if textured and rng.random() < textured:
        hole[:] = pattern(rows, columns, rng)
    elif rng.random() < 0.5:
        hole[:] = rng.uniform(0, 255, 3).astype(np.float32)
    else:
        hole[:] = _patch(values, rows, columns, rng).copy()


def pass_by(
    values: Floats, steps: Sequence[int], near: NDArray[np.floating], rng: np.random.Generator, textured: float = 0.5
) -> None:
    """Hides part of the frame shown at step 0, in place, so that a frame before or after it shows what is hidden.

    Half of these things cross the picture, by a third to one and a half of their own size from frame to frame; the
    others stand still (or nearly), for a run of frames that holds the key frame and not the whole clip. With frames of
    one step only there is no time, and they are at rest.

    Args:
        values: (T, H, W, 3) grey levels 0 to 255.
        steps: (T,) frames from the key frame, ascending.
        near: (N, 2) places worth hiding, x and y in pixels: one of them is covered at step 0; anywhere if N = 0.
        rng: draws everything.
        textured: probability of a pattern instead of one colour or a patch of the clip.
    """
    count, height, width = values.shape[:3]
    rows, columns = (max(int(rng.uniform(0.1, 0.4) * length), 2) for length in (height, width))
    size = np.array([columns, rows])
    aim = near[int(rng.integers(len(near)))] if len(near) else rng.uniform(0, 1, 2) * [width, height]
    corner = aim - size * rng.uniform(0.2, 0.8, 2)  # left, top at step 0
    there = np.ones(count, dtype=bool)
    if rng.random() < 0.5:
        turn = rng.uniform(-np.pi, np.pi)
        speed = np.array([np.cos(turn), np.sin(turn)]) * size * rng.uniform(0.35, 1.5)
    else:
        speed = rng.normal(0, 0.03, 2) * size
        first, last = _run(np.asarray(steps), rng)
        there[:first] = there[last + 1 :] = False
    if rng.random() < textured:
        look = pattern(rows, columns, rng)
    elif rng.random() < 0.5:
        look = np.broadcast_to(rng.uniform(0, 255, 3).astype(np.float32), (rows, columns, 3))
    else:
        look = _patch(values, rows, columns, rng)[int(rng.integers(count))].copy()
    shape = _shape(rows, columns, rng)
    for frame in np.flatnonzero(there).tolist():
        left, top = np.round(corner + speed * steps[frame]).astype(int)
        x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + columns, width), min(top + rows, height)
        if x2 > x1 and y2 > y1:
            part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
            np.copyto(values[frame, y1:y2, x1:x2], look[part], where=shape[part][..., None])


def pattern(rows: int, columns: int, rng: np.random.Generator) -> Floats:
    """A texture (rows, columns, 3) in grey levels: stripes, checks, a gradient, or noise of some grain."""
    one, other = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    x, y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)[:, None]
    kind = int(rng.integers(4))
    if kind == 3:
        grain = int(rng.integers(1, 7))
        cells = rng.normal(0, 1, (-(-rows // grain), -(-columns // grain), 3 if rng.random() < 0.5 else 1))
        noise = cells.repeat(grain, axis=0).repeat(grain, axis=1)[:rows, :columns].astype(np.float32)
        mixed: Floats = one + noise * np.float32(rng.uniform(5, 70))
        return np.clip(mixed, 0, 255)
    turn, period = rng.uniform(0, np.pi), float(rng.uniform(3, 24))
    along = (x * np.cos(turn) + y * np.sin(turn)).astype(np.float32)
    if kind == 2:
        share = (along - along.min()) / max(float(np.ptp(along)), 1.0)
    else:
        wave = np.sin(along * np.float32(2 * np.pi / period))
        if kind == 1:
            across = (y * np.cos(turn) - x * np.sin(turn)).astype(np.float32)
            wave = wave * np.sin(across * np.float32(2 * np.pi / period))
        share = np.clip(wave * np.float32(rng.uniform(0.6, 6)) + 0.5, 0, 1)
    drawn: Floats = one + (other - one) * share[..., None]
    return drawn


def _patch(values: Floats, rows: int, columns: int, rng: np.random.Generator) -> Floats:
    """(T, rows, columns, 3) of the clip, from anywhere in it."""
    height, width = values.shape[1:3]
    top, left = rng.integers(0, height - rows), rng.integers(0, width - columns)
    return values[:, top : top + rows, left : left + columns]


def _run(steps: NDArray[np.integer], rng: np.random.Generator) -> tuple[int, int]:
    """First and last of the frames in which a thing is there: among them the key frame, and not all there are."""
    key, end = int(np.abs(steps).argmin()), len(steps) - 1
    runs = [(first, last) for first in range(key + 1) for last in range(key, end + 1) if last - first < end]
    return runs[int(rng.integers(len(runs)))] if runs else (0, end)


def _shape(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(rows, columns) which pixels of its box a thing fills: all, an ellipse, or a slanting bar."""
    x, y = np.linspace(-1, 1, columns), np.linspace(-1, 1, rows)[:, None]
    kind = rng.random()
    if kind < 0.5:
        return np.ones((rows, columns), dtype=bool)
    if kind < 0.75:
        return np.asarray(x**2 + y**2 <= 1.05)
    sense = 1 if rng.random() < 0.5 else -1
    return np.asarray(np.abs(x - sense * y) <= rng.uniform(0.4, 0.9))
