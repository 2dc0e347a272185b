"""Persons in frames before their poses are known, and their anchors: the boxes that crops are cut with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chronopose.core.types import Floats


class Anchor(NamedTuple):
    """The box that a person's crops are cut with, under a number of its own."""

    number: int
    box: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame, before the pose is known."""

    frame: int
    track: int
    box: Floats
    score: float
    anchor: Anchor


class _Held(NamedTuple):
    anchor: Anchor
    seen: int  # the newest frame of the track


class Anchors:
    """The current anchor of each track.

    Args:
        drift: how far a box may stray from its anchor before it is anchored anew, see `StreamConfig`.
        patience: frames that a person out of sight keeps the anchor; as long as the tracker may bring the id back.
    """

    def __init__(self, drift: float, patience: int) -> None:
        self._drift, self._patience = drift, patience
        self._held: dict[int, _Held] = {}
        self._next = 0

    def __len__(self) -> int:
        """How many tracks have one."""
        return len(self._held)

    @property
    def current(self) -> list[Anchor]:
        """One for each track."""
        return [held.anchor for held in self._held.values()]

    def of(self, track: int, box: Floats, frame: int) -> Anchor:
        """The person's anchor, a new one where the box has drifted from it or the person was out of sight for long."""
        held = self._held.get(track)
        if held is None or frame - held.seen > self._patience or _strayed(box, held.anchor.box) > self._drift:
            held = _Held(Anchor(self._next, box), frame)
            self._next += 1
        self._held[track] = held._replace(seen=frame)
        return held.anchor

    def forget(self, newest: int) -> None:
        """Lets go of the anchors of persons long out of sight, `newest` being the newest frame."""
        self._held = {track: held for track, held in self._held.items() if newest - held.seen <= self._patience}

    def state(self) -> dict[str, Any]:
        """Which anchor each track has, by number, fit for JSON; the boxes are not in it."""
        current = [[track, held.anchor.number, held.seen] for track, held in self._held.items()]
        return {"next_anchor": self._next, "current": current}

    def restore(self, next_anchor: Any, current: Iterable[Sequence[Any]], anchors: dict[int, Anchor]) -> None:
        """Takes over what `state` gave, `anchors` being the boxes by number."""
        self._next = int(next_anchor)
        self._held = {int(track): _Held(anchors[int(number)], int(seen)) for track, number, seen in current}


def _strayed(box: Floats, anchor: Floats) -> float:
    """How far a box has strayed: its centre's shift over the anchor's longer side, or its sides' change, the larger."""
    size = np.maximum(anchor[2:] - anchor[:2], 1e-3)
    shift = np.abs((box[:2] + box[2:]) - (anchor[:2] + anchor[2:])).max() / 2 / size.max()
    stretch = np.abs(np.log(np.maximum(box[2:] - box[:2], 1e-3) / size)).max()
    return float(max(shift, stretch))
