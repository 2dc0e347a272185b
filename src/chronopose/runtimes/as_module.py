"""A runtime as a pose model of torch, for what is written for those: comparisons, the flip test, fewer frames."""

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn

from chronopose.clips.contract import Carried, PoseOutput
from chronopose.runtimes.contract import Runtime, State, on_host


class RuntimeModel(nn.Module):
    """A `PoseModel` on the CPU whose two steps are those of a runtime.

    Args:
        runtime: what answers; it need not be torch's.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime, self.spec, self.skeleton = runtime, runtime.spec, runtime.skeleton

    def encode(self, pixels: UInt8[Tensor, "N 3 H W"]) -> Tensor:
        """(N, 3, H, W) uint8 pixels of single frames -> (N, ...) features."""
        crops = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())
        return torch.from_numpy(self.runtime.to_host(self.runtime.encode(crops)))

    def fuse(self, features: Tensor, state: Carried | None = None) -> tuple[PoseOutput, Carried | None]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call."""
        before = None
        if state is not None:
            before = State(self.runtime.from_host(state.tokens.numpy()), state.valid.numpy())
        answer, after = self.runtime.fuse(self.runtime.from_host(features.numpy()), before)
        xy, score, sigma = (
            None if part is None else torch.from_numpy(part) for part in on_host(self.runtime, [answer])
        )
        assert xy is not None and score is not None
        output = PoseOutput(xy_crop=xy, score=score, sigma=sigma)
        if after is None:
            return output, None
        return output, Carried(torch.from_numpy(self.runtime.to_host(after.tokens)), torch.from_numpy(after.valid))

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before."""
        tokens = torch.from_numpy(self.runtime.to_host(self.runtime.fresh()))
        return Carried(tokens.expand(batch, *tokens.shape[1:]), torch.zeros(batch, dtype=torch.bool))

    def forward(self, pixels: UInt8[Tensor, "B T 3 H W"]) -> PoseOutput:
        """(B, T, 3, H, W) uint8 pixels of windows -> the answer."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]
