"""What a recurrent model remembers of each track from frame to frame, and when it has to begin anew."""

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.geometry import iou_matrix
from chronopose.core.types import Floats
from chronopose.inference.persons import Person
from chronopose.runtimes.contract import Rows, Runtime, State


class _Remembered(NamedTuple):
    frame: int  # the last one answered
    box: Floats  # the person's in that frame
    tokens: Rows  # (1, ...)


class TrackStates:
    """The states that a model carries for the persons of one video; for a window model there are none.

    A person is new to the model, whatever the track's id, after more than `forget_after` frames without an answer, or
    where the box has jumped: that is somebody else under the same id, or a cut of the film.

    Args:
        runtime: whose tokens they are.
        forget_after: frames.
        jump_iou: overlap with the box of the last answered frame below which a box has jumped.
    """

    def __init__(self, runtime: Runtime, forget_after: int, jump_iou: float) -> None:
        self._runtime = runtime
        # (1, ...) the tokens of somebody never seen before
        self._fresh: Rows | None = runtime.fresh() if runtime.spec.recurrent else None
        self._forget_after, self._jump_iou = forget_after, jump_iou
        self._of: dict[int, _Remembered] = {}

    def __len__(self) -> int:
        """How many tracks are remembered."""
        return len(self._of)

    def before(self, persons: Sequence[Person]) -> State | None:
        """The state (B, ...) from which a model goes on to B persons of one frame; None for a window model."""
        if self._fresh is None:
            return None
        known = [self._known(person) for person in persons]
        tokens = [self._fresh if one is None else one.tokens for one in known]
        return State(self._runtime.joined(tokens), np.array([one is not None for one in known]))

    def after(self, persons: Sequence[Person], state: State | None) -> None:
        """Keeps the state (B, ...) that the model gave with its answer to B persons."""
        if state is not None:
            for row, person in enumerate(persons):
                self._of[person.track] = _Remembered(person.frame, person.box, state.tokens[row : row + 1])

    def forget(self, newest: int) -> None:
        """Lets go of persons who would be new in the frame after `newest`."""
        self._of = {track: one for track, one in self._of.items() if not self._is_over(one, newest + 1)}

    def _known(self, person: Person) -> _Remembered | None:
        one = self._of.get(person.track)
        if one is None or self._is_over(one, person.frame):
            return None
        return one if iou_matrix(one.box, person.box).item() >= self._jump_iou else None

    def _is_over(self, one: _Remembered, frame: int) -> bool:
        return frame - one.frame - 1 > self._forget_after

    # Going on after a crash -----------------------------------------------------------------------------------------

    def state(self) -> list[list[Any]]:
        """A row for each track, fit for JSON: track, frame, tokens (float32, little-endian, base64), box; all exact."""
        if not self._of:
            return []
        tokens = self._runtime.to_host(self._runtime.joined([one.tokens for one in self._of.values()])).astype("<f4")
        return [
            [track, one.frame, base64.b64encode(row.tobytes()).decode(), *one.box.tolist()]
            for (track, one), row in zip(self._of.items(), tokens)
        ]

    def restore(self, rows: Iterable[Sequence[Any]], newest: int) -> None:
        """Takes over what `state` gave after frame `newest`.

        Raises:
            InputError: tokens of another size, not finite, or of a frame that the stream has forgotten or not seen yet.
        """
        for track, frame, text, *box in rows:
            name = f"stream state: track {int(track)}"
            if self._fresh is None:
                raise InputError(f"{name}: found tokens, but this model carries none from frame to frame")
            if int(track) in self._of:
                raise InputError(f"{name}: found tokens twice, wanted them once")
            one = _Remembered(int(frame), np.array(box, dtype=np.float32), self._decoded(text, name))
            if one.box.shape != (4,) or not np.isfinite(one.box).all():
                raise InputError(f"{name}: box must be four finite numbers, got {str(box)[:80]}")
            if one.frame > newest or self._is_over(one, newest + 1):
                raise InputError(f"{name}: tokens of frame {one.frame}, wanted those of {newest} or shortly before")
            self._of[int(track)] = one

    def _decoded(self, text: Any, name: str) -> Rows:
        assert self._fresh is not None
        shape = tuple(self._fresh.shape)
        length = -(-math.prod(shape) * 4 // 3) * 4
        if not isinstance(text, str) or len(text) != length:
            found = f"{len(text)} characters" if isinstance(text, str) else type(text).__name__
            raise InputError(f"{name}: tokens {shape[1:]} are {length} characters of base64, got {found}")
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise InputError(f"{name}: tokens must be finite, got {int((~np.isfinite(values)).sum())} that are not")
        return self._runtime.from_host(values.reshape(shape))
