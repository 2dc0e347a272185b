"""What time is worth: the same weights shown fewer frames, side by side with an interval for the difference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chronopose.clips.contract import PoseModel, PoseOutput
from chronopose.core.errors import InputError
from chronopose.evaluation.persons import Answers, to_judge
from chronopose.metrics.bootstrap import by_group, interval
from chronopose.metrics.conventions import Convention
from chronopose.metrics.pck import correct_joints


class FewerFrames(nn.Module):
    """The same weights shown so many frames; with one, the single-frame ablation of a model.

    A window model is shown those frames of its window that lie nearest to the key frame, of two as near the earlier,
    and the key frame in place of all others: in such a window nothing moves. A recurrent model, which knows a first
    frame, runs over the last frames alone; it may be given more of them than it learned with.

    Args:
        model: in whose place this one stands; it answers the key frame alone.
        frames: how many.

    Raises:
        InputError: no frames, or more than the window has.
    """

    def __init__(self, model: PoseModel, frames: int = 1) -> None:
        super().__init__()
        offsets = model.spec.offsets
        if frames < 1 or (frames > len(offsets) and not model.spec.recurrent):
            raise InputError(f"frames: {frames} of a window of {len(offsets)}; wanted 1 to {len(offsets)}")
        if model.spec.recurrent:
            step = offsets[-1] - offsets[-2] if len(offsets) > 1 else 1
            shown = tuple(range(step * (1 - frames), 1, step))
        else:
            shown = tuple(sorted(sorted(offsets, key=lambda offset: (abs(offset), offset))[:frames]))
        key = shown.index(0)
        self.spec = replace(model.spec, offsets=shown, predicts=(0,), recurrent=False)
        self.place = list(range(frames)) if model.spec.recurrent else [
            shown.index(offset) if offset in shown else key for offset in offsets
        ]  # fmt: skip
        self.answer = frames - 1 if model.spec.recurrent else model.spec.answer
        self.skeleton = model.skeleton
        self.model = model

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) pixels of single frames -> (N, ...) features."""
        return self.model.encode(pixels)

    def fuse(self, features: Tensor, state: Any = None) -> tuple[PoseOutput, None]:
        """(B, frames, ...) features -> the model's answer for the key frame."""
        output, _ = self.model.fuse(features[:, self.place])
        return PoseOutput._make(part if part is None else part[:, [self.answer]] for part in output), None

    def forward(self, pixels: Tensor) -> PoseOutput:
        """(B, frames, 3, H, W) -> the answer."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gain:
    """The difference of two PCKs, mean over points, on the same key frames.

    Attributes:
        difference: (A,) at each threshold.
        interval: (A, 2) both ends of its 95 % interval; NaN where all key frames are of one video.
    """

    difference: NDArray[np.float64]
    interval: NDArray[np.float64]


def gain(answers: Answers, other: Answers, convention: Convention, rng: np.random.Generator, draws: int = 1000) -> Gain:
    """How much better `answers` are than the `other` ones of the same key frames, by a paired bootstrap.

    Whole videos are drawn, and whole pictures where there is no video: persons and frames of one succeed and fail
    together. Only joints that both have are counted, and the sizes are those of the `answers`.
    """
    known = answers.known & other.known
    found, truth, counts, size = to_judge(answers, convention, known)
    hits = [
        correct_joints(xy, truth, counts, size, convention.thresholds, answers.skeleton, convention.strict)
        for xy in (found, other.xy)
    ]
    judged = hits[0][1].sum(axis=1)
    more = hits[0][0].sum(axis=2) - hits[1][0].sum(axis=2)  # (A, N)
    group = _groups(answers)
    points = by_group(judged, group)
    ends = [
        interval(by_group(row, group), points, rng, draws=draws) if len(points) > 1 else (np.nan, np.nan)
        for row in more
    ]
    total = judged.sum()
    return Gain(
        difference=more.sum(axis=1) / total if total else np.full(len(more), np.nan),
        interval=np.array(ends, dtype=np.float64),
    )


def _groups(answers: Answers) -> Sequence[str]:
    """(N,) what key frames have in common by which they succeed and fail together."""
    if not answers.keys:
        return [str(row) for row in range(len(answers.truth))]
    return [key.video or str(key.frame) for key in answers.keys]
