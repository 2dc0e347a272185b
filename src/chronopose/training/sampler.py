"""Which sample comes when, as a function of the seed and the step alone.

The samples of a run are one endless stream: place `p` of it is position `p % N` of epoch `p // N`, for a data set of N.
Every batch is full, epochs follow each other without a gap, and the batches from any step on can be made without
making the earlier ones. Each sample has a random generator of its own, so worker processes change nothing. Where
several ranks train together each makes its own part of every batch, and all parts together are the batch.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from chronopose.core.errors import InputError


class TrainingData(Protocol):
    """Samples by number, augmented with the generator given.

    `sample` answers a NamedTuple of numpy arrays or numbers with a field `pixels`; an entry may be None if it always
    is. The same index and the same state of `rng` always give the same sample.
    """

    def __len__(self) -> int: ...

    def sample(self, index: int, rng: np.random.Generator) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One sample to be made: number `index` of the data set, at `position` of the shuffled `epoch`."""

    index: int
    epoch: int
    position: int
    seed: int

    def rng(self) -> np.random.Generator:
        """The sample's own generator."""
        return np.random.default_rng((self.seed, self.epoch, self.position))


def shuffled(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """(length,) the order of the data set in one epoch."""
    # The spawn key keeps this stream apart from the samples' generators: numpy pads a short seed with zeros, so
    # (seed, epoch) alone would be the generator of position 0.
    sequence = np.random.SeedSequence((seed, epoch), spawn_key=(1,))
    return np.random.default_rng(sequence).permutation(length)


class StepSampler(Sampler[list[Draw]]):
    """Batches of draws from batch number `first` up to batch number `last`, `last` excluded.

    Args:
        length: of the data set.
        batch_size: of whole batches, a multiple of `ranks`.
        seed: of the order.
        first: see above.
        last: see above.
        rank: which of the equal parts of every batch is drawn.
        ranks: how many parts there are.
    """

    def __init__(
        self, *, length: int, batch_size: int, seed: int, first: int, last: int, rank: int = 0, ranks: int = 1
    ) -> None:
        if length < 1:
            raise InputError("the training data is empty: at least 1 sample is needed")
        if batch_size % ranks:
            raise InputError(
                f"batch_size {batch_size} has no equal parts for {ranks} ranks: give a multiple of {ranks}"
            )
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.first = first
        self.last = last
        self.part = batch_size // ranks
        self.offset = rank * self.part

    def __len__(self) -> int:
        return max(self.last - self.first, 0)

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for batch in range(self.first, self.last):
            draws = []
            start = batch * self.batch_size + self.offset
            for place in range(start, start + self.part):
                if place // self.length != epoch:
                    epoch = place // self.length
                    order = shuffled(self.length, self.seed, epoch)
                position = place % self.length
                draws.append(Draw(index=int(order[position]), epoch=epoch, position=position, seed=self.seed))
            yield draws


class DrawnSamples(Dataset[Any]):
    """A map-style data set whose keys are draws."""

    def __init__(self, data: TrainingData) -> None:
        self.data = data

    def __getitem__(self, draw: Draw) -> Any:
        return self.data.sample(draw.index, draw.rng())


def collate(samples: list[Any]) -> Any:
    """B samples -> one NamedTuple of their type, every field stacked to a tensor (B, ...) of the array's dtype."""
    kind = type(samples[0])
    fields = zip(*samples, strict=True)
    return kind(*(None if field[0] is None else torch.from_numpy(np.stack(field)) for field in fields))


def batches(data: TrainingData, sampler: StepSampler, *, workers: int, pin_memory: bool) -> Generator[Any, None, None]:
    """The sampler's batches, collated on the CPU, in the sampler's order whatever the number of workers."""
    loader: DataLoader[Any] = DataLoader(
        DrawnSamples(data),
        batch_sampler=cast(Any, sampler),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        # A generator of its own: the loader draws a seed for its workers, and torch's default generator belongs to
        # dropout, whose draws must not depend on when a loader was started.
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except InputError as error:
        # From a worker the error arrives with a traceback as its text; the last line is the message.
        message = str(error).strip().rsplit("\n", 1)[-1]
        raise InputError(message.split("InputError: ", 1)[-1]) from error
