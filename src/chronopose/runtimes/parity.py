"""How far a runtime's answers are from the plain model's, and how far they may be."""

from typing import NamedTuple

import torch

from chronopose.clips.contract import PoseModel, PoseOutput
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.runtimes.contract import Runtime, answer
from chronopose.runtimes.names import Precision

MOST_PX = 0.05
"""How far any joint may move in fp32: rounding moves one by a thousandth of that, a wrong graph by far more."""

MOST_OF_CROP = 0.01
"""How far joints may move on average in bf16 and int8, as a fraction of the crop's height."""


class Difference(NamedTuple):
    """Distances between two answers for the same joints, in crop pixels."""

    mean_px: float
    largest_px: float

    def __str__(self) -> str:
        return f"mean {self.mean_px:.2g} px, largest {self.largest_px:.2g} px"


def difference(model: PoseModel, runtime: Runtime, windows: Pixels) -> Difference:
    """How far a runtime's joints are from the model's, in windows of crops (B, T, H, W, 3)."""
    return between(model, answer(runtime, windows).xy_crop, windows)


def between(model: PoseModel, xy_crop: Floats, windows: Pixels) -> Difference:
    """How far joints (B, F, K, 2) are from the model's, in windows of crops (B, T, H, W, 3)."""
    with torch.inference_mode():
        wanted: PoseOutput = model(torch.from_numpy(windows).permute(0, 1, 4, 2, 3))
    apart = (wanted.xy_crop - torch.from_numpy(xy_crop)).norm(dim=-1)
    return Difference(float(apart.mean()), float(apart.max()))


def is_within(apart: Difference, precision: Precision, height: int) -> bool:
    """Whether such a difference is one of rounding, for crops of this height in pixels. Not where it is NaN."""
    if precision == "fp32":
        return apart.largest_px <= MOST_PX
    return apart.mean_px <= MOST_OF_CROP * height


def check(apart: Difference, runtime: Runtime, where: str) -> None:
    """Raises `InputError`, with the figure, where a runtime's answers are not the model's."""
    if not is_within(apart, runtime.precision, runtime.spec.height):
        raise InputError(
            f"{where}: in {runtime.name}, {runtime.precision}, joints are off by {apart}; "
            f"wanted at most {_bound(runtime.precision, runtime.spec.height)}"
        )


def _bound(precision: Precision, height: int) -> str:
    return f"{MOST_PX} px anywhere" if precision == "fp32" else f"{MOST_OF_CROP * height:.2g} px on average"
