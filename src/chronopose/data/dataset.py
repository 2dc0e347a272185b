"""What a data set is: labelled clips by number."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from chronopose.clips.spec import LabelledClip
from chronopose.core.skeleton import Skeleton


@runtime_checkable
class PoseDataset(Protocol):
    """Labelled key frames of persons, each readable with the frames around it.

    `clip(index, offsets)` gives the window around key frame `index`, one entry for each offset; offsets that leave the
    video are clamped to its ends. The same index always gives the same clip.
    """

    name: str
    skeleton: Skeleton

    def __len__(self) -> int: ...

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip: ...
