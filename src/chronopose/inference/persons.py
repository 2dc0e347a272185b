"""Persons in frames before their poses are known, and their anchors: the boxes that crops are cut with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats

AHEAD = 0.5
"""How far before a person that has walked away from the anchor the next one is put, as a share of the drift allowed.
The walker then comes towards its middle first, so that it lasts longer, and crops are centred as well on average."""

REACH = 0.2
"""How far features are moved from one crop to another, told as the drift is. Beyond it, where a box jumps or doubles
for a frame, a move is a guess, and the frame is encoded anew."""


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
        aspect: width by height of the model's crops.
    """

    def __init__(self, drift: float, patience: int, aspect: float) -> None:
        self._drift, self._patience, self._aspect = drift, patience, aspect
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
        if held is None or frame - held.seen > self._patience:
            held = self._anew(box, frame)
        else:
            strayed = _apart(box, held.anchor.box, self._aspect)
            if strayed > self._drift:
                way = (box - held.anchor.box).reshape(2, 2).mean(axis=0)
                held = self._anew(box + np.tile(way, 2) * (AHEAD * self._drift / strayed), frame)
        self._held[track] = held._replace(seen=frame)
        return held.anchor

    def near(self, own: Anchor, key: Anchor) -> Anchor:
        """The anchor that a window's frame is encoded in: its own, or the key frame's where that lies too far off."""
        return own if own.number == key.number or _apart(own.box, key.box, self._aspect) <= REACH else key

    def _anew(self, box: NDArray[Any], frame: int) -> _Held:
        self._next += 1
        return _Held(Anchor(self._next - 1, box.astype(np.float32)), frame)

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


def _apart(box: Floats, anchor: Floats, aspect: float) -> float:
    """How far a box's crop lies from an anchor's: the centre's shift over the longer side, or the change of size."""
    (centre, size), (anchor_centre, anchor_size) = _crop(box, aspect), _crop(anchor, aspect)
    shift = np.abs(centre - anchor_centre).max() / (anchor_size * max(aspect, 1.0))
    return float(max(shift, abs(np.log(size / anchor_size))))


def _crop(box: Floats, aspect: float) -> tuple[NDArray[Any], float]:
    """Centre (2,) and height of the crop around a box, which is given the crop's shape by lengthening one side."""
    width, height = np.maximum(box[2:] - box[:2], 1e-3)
    return (box[:2] + box[2:]) / 2, max(float(height), float(width) / aspect)
