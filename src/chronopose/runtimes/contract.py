"""What a runtime is: a pose model whose two steps run in some library, at some precision, on some device."""

from typing import Protocol, runtime_checkable

import torch

from chronopose.clips.contract import Carried, PoseModel
from chronopose.clips.moving import Moving
from chronopose.runtimes.names import Backend, Precision


@runtime_checkable
class Runtime(PoseModel, Protocol):
    """A pose model that is ready for use. `encode` takes uint8 pixels; tensors come and go on `device`.

    `name` is that of the backend; `moving` says how features change as their crop moves, None where that is not known.
    Features and states are float32 whatever the precision, so that a stream may keep them, and save states in a file.
    """

    name: Backend
    precision: Precision
    device: torch.device
    moving: Moving | None

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before, where the model carries one."""
        ...
