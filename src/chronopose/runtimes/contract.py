"""What a runtime is: a pose model whose two steps run in some library, at some precision, on some device."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.moving import Moving
from chronopose.clips.spec import ClipSpec
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.runtimes.names import Backend, Precision

Rows = Any
"""Features or tokens of some persons and frames, in float32 whatever the precision: an array of the runtime's own
library, where it computes. All such arrays alike are asked for `len`, `shape`, `reshape` and some of their rows;
whatever else is done with them a runtime does."""


class Answer(NamedTuple):
    """A runtime's answer to B windows, float32, in crop pixels as `clips.contract.PoseOutput` has it.

    xy_crop (B, F, K, 2), score (B, F, K), sigma (B, F, K, 2) or None: rows, which `on_host` makes numpy's.
    """

    xy_crop: Rows
    score: Rows
    sigma: Rows | None


class State(NamedTuple):
    """What a recurrent model remembers of B persons after a frame; `valid` is False for those it has not seen yet."""

    tokens: Rows
    valid: NDArray[np.bool_]


@runtime_checkable
class Runtime(Protocol):
    """A pose model that is ready for use: crops are numpy, and so are answers `on_host`; all else is the runtime's.

    `name` is that of the backend; `device` is written as torch writes it; `moving` says how features change as their
    crop moves, None where that is not known. No part of this asks for torch: graphs run without it.
    """

    name: Backend
    precision: Precision
    device: str
    spec: ClipSpec
    skeleton: Skeleton
    moving: Moving | None

    def encode(self, crops: Pixels) -> Rows:
        """(N, H, W, 3) uint8 crops of single frames -> (N, ...) features."""
        ...

    def fuse(self, features: Rows, state: State | None = None) -> tuple[Answer, State | None]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call where the model has one."""
        ...

    def moved(self, features: Rows, moves: NDArray[np.float64]) -> Rows:
        """(N, ...) features after their crops' `moves` (N, 3), where `moving` is known."""
        ...

    def joined(self, parts: Sequence[Rows]) -> Rows:
        """Rows one after the other, in memory of their own."""
        ...

    def fresh(self) -> Rows:
        """(1, ...) tokens of a person never seen before, where the model carries a state."""
        ...

    def to_host(self, rows: Rows) -> Floats:
        """Rows as numpy has them."""
        ...

    def from_host(self, values: Floats) -> Rows:
        """The other way round."""
        ...


def on_host(runtime: Runtime, answers: Sequence[Answer]) -> Answer:
    """A runtime's answers as one, in numpy. A device is waited for here, and nowhere before."""
    xy, score, sigma = (
        None if parts[0] is None else runtime.to_host(parts[0] if len(parts) == 1 else runtime.joined(parts))
        for parts in zip(*answers, strict=True)
    )
    return Answer(xy, score, sigma)


def answer(runtime: Runtime, windows: Pixels) -> Answer:
    """The answer to windows of crops (B, T, H, W, 3) uint8, in numpy."""
    batch, frames = windows.shape[:2]
    features = runtime.encode(windows.reshape(-1, *windows.shape[2:]))
    return on_host(runtime, [runtime.fuse(features.reshape(batch, frames, *features.shape[1:]))[0]])
