"""Sequences to be judged, made of bodies whose joints lie one above the other, 1000 px apart; a head is 20 px long."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from chronopose.metrics.posetrack import JOINTS, Judged, People

HEAD = 20.0
HALF = 10.0
Array = NDArray[np.float64]
Person = tuple[int, Array]


def body(x: float, joints: Iterable[int] = range(len(JOINTS)), moved: dict[int, float] | None = None) -> Array:
    """(15, 2) the given joints at `x`, but those in `moved` at another place."""
    xy = np.full((len(JOINTS), 2), np.nan)
    for joint in joints:
        xy[joint] = (moved or {}).get(joint, x), 1000.0 * joint
    return xy


def people(frames: Sequence[Sequence[Person]], score: Sequence[float] | None = None, head: float = HEAD) -> People:
    """Everybody by frame; `score` holds one number for each person, without it all have 1."""
    persons = [(index, track_id, xy) for index, frame in enumerate(frames) for track_id, xy in frame]
    scores = np.ones(len(persons)) if score is None else np.asarray(score, dtype=np.float64)
    return People(
        frame=np.array([index for index, _, _ in persons], dtype=np.int64),
        xy=np.array([xy for _, _, xy in persons], dtype=np.float64).reshape(-1, len(JOINTS), 2),
        score=np.repeat(scores[:, None], len(JOINTS), axis=1),
        track_id=np.array([track_id for _, track_id, _ in persons], dtype=np.int64),
        head=np.full(len(persons), head),
    )


def judged(
    truth: Sequence[Sequence[Person]],
    found: Sequence[Sequence[Person]],
    *,
    score: Sequence[float] | None = None,
    head: float = HEAD,
    regions: dict[int, list[Array]] | None = None,
) -> Judged:
    """A sequence; `regions` by frame."""
    assert len(truth) == len(found)
    return Judged(
        truth=people(truth, head=head),
        found=people(found, score),
        regions=tuple(tuple((regions or {}).get(index, ())) for index in range(len(truth))),
    )


def crowd(seed: int, frames: int = 6, persons: int = 4, spread: float = 30.0, noise: float = 6.0) -> Judged:
    """Persons `spread` px apart who come and go, found with `noise`, with joints missing and ids exchanged."""
    rng = np.random.default_rng(seed)
    truth: list[list[Person]] = []
    found: list[list[Person]] = []
    ids = rng.permutation(50)[: persons + 1]
    for _ in range(frames):
        ids = rng.permutation(ids) if rng.random() < 0.2 else ids
        there = [k for k in range(persons) if rng.random() < 0.85]
        truth.append([(100 + k, _worn(body(spread * k), rng)) for k in there])
        seen = [k for k in range(persons + 1) if rng.random() < 0.85] if rng.random() < 0.9 else []
        moved = [(int(ids[k]), _worn(body(spread * k), rng) + rng.normal(0, noise, (15, 1))) for k in seen]
        found.append([moved[k] for k in rng.permutation(len(moved))])
    count = sum(map(len, found))
    return judged(truth, found, score=list(rng.permutation(count) + 1.0))


def _worn(xy: Array, rng: np.random.Generator) -> Array:
    return np.where(rng.random((len(JOINTS), 1)) < 0.85, xy, np.nan)
