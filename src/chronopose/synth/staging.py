"""Where everybody is: people spread around the main one, or walking past each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from chronopose.core.types import Floats
from chronopose.synth.body import Body, Shape

Array = NDArray[np.float64]
Mover = tuple[Shape, Floats]
"""A body and its bones (N, B, 3, 4) at the clip's N instants, which are moved in place."""

# Two people stand at least this far from each other.
_APART_M = 0.45


def stand_around(body: Body, people: Sequence[Mover], rng: np.random.Generator) -> None:
    """Moves everybody to a place of their own at the clip's middle: the first to the origin, the others around."""
    spread = rng.uniform(0.5, 1.8)
    taken: list[Array] = []
    for number, (shape, matrices) in enumerate(people):
        spot = np.zeros(2)
        for _ in range(20 if number else 0):
            spot = rng.normal(0, spread, 2)
            if min(float(np.linalg.norm(spot - other)) for other in taken) > _APART_M:
                break
        taken.append(spot)
        path = root_path(body, shape, matrices)
        matrices[:, :, ::2, 3] += (spot - path[len(path) // 2]).astype(np.float32)


def walk_across(body: Body, people: Sequence[Mover], rng: np.random.Generator, rate: float) -> None:
    """Sends everybody round a flat loop along x, at the speed they walk at, each in a lane of their own.

    Neighbours go round in opposite directions, so that they hide each other; a walk that turns on its own is unbent.

    Args:
        body: the rig.
        people: walkers.
        rng: where on the loop they begin.
        rate: instants per second.
    """
    half_m, lane_m = 1.7, 0.5
    for number, (shape, matrices) in enumerate(people):
        path = root_path(body, shape, matrices)  # (N, 2)
        steps = np.diff(path, axis=0, prepend=path[:1])
        steps = gaussian_filter1d(steps, 0.4 * rate, axis=0)
        pace_m = np.linalg.norm(steps, axis=1)
        heading = np.unwrap(np.arctan2(steps[:, 0], steps[:, 1]))
        sense = 1.0 if number % 2 == 0 else -1.0
        loop = _loop(half_m, 0.35)
        start = rng.uniform(0.2, 0.3) + 0.5 * number + rng.normal(0, 0.05)
        gone = start * loop[-1, 2] + sense * np.cumsum(pace_m)
        place = np.stack([np.interp(gone % loop[-1, 2], loop[:, 2], loop[:, axis]) for axis in (0, 1)], axis=1)
        place[:, 1] -= number * (0.7 + lane_m)
        ahead = np.gradient(place, axis=0)
        ahead = gaussian_filter1d(ahead, 0.15 * rate, axis=0)
        turn = np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 1])) - heading
        cos, sin = np.cos(turn), np.sin(turn)
        about_y = np.zeros((len(path), 3, 3))
        about_y[:, 1, 1] = 1
        about_y[:, 0, 0], about_y[:, 0, 2], about_y[:, 2, 0], about_y[:, 2, 2] = cos, sin, -sin, cos
        matrices[:, :, ::2, 3] -= path[:, None].astype(np.float32)
        matrices[:] = np.einsum("nij,nbjk->nbik", about_y, matrices)
        matrices[:, :, ::2, 3] += place[:, None].astype(np.float32)


def root_path(body: Body, shape: Shape, matrices: Floats) -> Array:
    """(N, 2) where a person's root is on the floor plane, x and z in metres."""
    root = body.index("root")
    held = matrices[:, root].astype(np.float64)
    path: Array = held[:, ::2, :3] @ shape.heads[root].astype(np.float64) + held[:, ::2, 3]
    return path


def _loop(half_m: float, round_m: float) -> Array:
    """(M, 3) points x, z of a flat oval of the given half axes, and how far along it they are; closed."""
    angle = np.linspace(0, 2 * np.pi, 721)
    points = np.stack([half_m * np.cos(angle), round_m * np.sin(angle)], axis=1)
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(points, axis=0), axis=1).cumsum()])
    return np.column_stack([points, along])
