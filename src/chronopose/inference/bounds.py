"""What bounds an encoder's speed: its multiply-accumulates, and how many of them a second the machine reaches."""

import time
from collections.abc import Callable

import torch
from torch import nn

from chronopose.models.complexity import complexity
from chronopose.runtimes.as_module import RuntimeModel

_PEAK_S = 0.3


def encode_macs(model: object) -> int | None:
    """Multiply-accumulates of one crop's encoding in a model as it was built; None for one made of graphs."""
    if isinstance(model, RuntimeModel) or not isinstance(model, nn.Module):
        return None
    return complexity(model).macs_encode_per_frame


@torch.inference_mode()
def peak(device: str) -> float:
    """Multiply-accumulates a second in float32: the better of a large matrix product and a large convolution.

    Some libraries are far from the peak in one of the two. Each is measured for a third of a second, the best call
    counting.
    """
    side = 1024
    matrix = torch.randn(side, side, device=device)
    channels = 128
    convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(device)
    pixels = torch.randn(4, channels, 64, 48, device=device).to(memory_format=torch.channels_last)
    return max(
        side**3 / _best(lambda: matrix @ matrix, device),
        pixels[:, :1].numel() * 9 * channels**2 / _best(lambda: convolution(pixels), device),
    )


def _best(work: Callable[[], object], device: str) -> float:
    """Seconds of the quickest of the calls that fit into `_PEAK_S`, three at least."""
    took: list[float] = []
    while len(took) < 3 or sum(took) < _PEAK_S:
        began = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    return min(took)
