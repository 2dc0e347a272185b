"""Data sets mixed into training examples for one model."""

import math
from dataclasses import dataclass

import numpy as np

from chronopose.clips.augment import AugmentConfig, Example, example
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.data.dataset import PoseDataset


@dataclass(frozen=True, kw_only=True)
class Share:
    """One data set of a mixture, drawn with probability proportional to `weight`."""

    dataset: PoseDataset
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise InputError(f"the weight of {self.dataset.name} must be above 0, got {self.weight}")
        if not len(self.dataset):
            raise InputError(f"data set {self.dataset.name} is empty")


class TrainingClips:
    """Augmented examples of a mixture; as many as the largest data set has, so that an epoch shows about that many.

    An example is a pure function of (index, rng), which is what lets training resume exactly.
    """

    def __init__(
        self, shares: tuple[Share, ...], spec: ClipSpec, skeleton: Skeleton, augment: AugmentConfig | None
    ) -> None:
        if not shares:
            raise InputError("a mixture needs at least one data set")
        self.shares, self.spec, self.skeleton, self.augment = shares, spec, skeleton, augment
        weights = np.array([share.weight for share in shares], dtype=np.float64)
        self.chance = weights / weights.sum()

    def __len__(self) -> int:
        return max(len(share.dataset) for share in self.shares)

    def sample(self, index: int, rng: np.random.Generator) -> Example:
        """Example number `index` of a data set drawn from the mixture."""
        dataset = self.shares[int(rng.choice(len(self.shares), p=self.chance))].dataset
        clip = dataset.clip(index % len(dataset), self.spec.offsets)
        return example(clip, self.spec, self.skeleton, self.augment, rng)
