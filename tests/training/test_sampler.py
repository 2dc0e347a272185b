"""The stream of samples: complete epochs, the same after any restart and with any number of workers."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.training.sampler import StepSampler, batches, collate, shuffled


class _Sample(NamedTuple):
    pixels: np.ndarray
    index: int
    sigma: None = None


class _Data:
    def __len__(self) -> int:
        return 7

    def sample(self, index: int, rng: np.random.Generator) -> _Sample:
        return _Sample(rng.integers(0, 256, (2, 3, 4, 4), dtype=np.uint8), index)


class _BrokenData(_Data):
    def sample(self, index: int, rng: np.random.Generator) -> _Sample:
        raise InputError("clip 3 has no frames: at least 1 is needed")


def _sampler(first: int, last: int) -> StepSampler:
    return StepSampler(length=7, batch_size=3, seed=5, first=first, last=last)


def test_every_index_comes_once_in_each_epoch() -> None:
    draws = [draw for batch in _sampler(0, 14) for draw in batch]
    assert len(draws) == 42
    for epoch in range(6):
        members = [draw for draw in draws if draw.epoch == epoch]
        assert sorted(draw.index for draw in members) == list(range(7))
        assert [draw.position for draw in members] == list(range(7))
    assert shuffled(7, 5, 0).tolist() != shuffled(7, 5, 1).tolist()


def test_a_restart_makes_the_same_batches() -> None:
    everything = list(_sampler(0, 14))
    for first in range(15):
        assert list(_sampler(first, 14)) == everything[first:]
    assert len(_sampler(3, 14)) == 11


def test_generators_of_all_draws_differ_from_each_other_and_from_the_shuffle() -> None:
    draws = [draw for batch in _sampler(0, 14) for draw in batch]
    numbers = {int(draw.rng().integers(2**62)) for draw in draws}
    numbers.add(int(np.random.default_rng(np.random.SeedSequence((5, 0), spawn_key=(1,))).integers(2**62)))
    assert len(numbers) == len(draws) + 1


def test_batches_are_named_and_keep_their_types() -> None:
    batch = collate([_Data().sample(index, np.random.default_rng(index)) for index in range(3)])
    assert isinstance(batch, _Sample)
    assert batch.pixels.shape == (3, 2, 3, 4, 4) and batch.pixels.dtype == torch.uint8
    assert batch.index.tolist() == [0, 1, 2] and batch.sigma is None


def test_workers_change_nothing() -> None:
    alone = list(batches(_Data(), _sampler(2, 8), workers=0, pin_memory=False))
    shared = list(batches(_Data(), _sampler(2, 8), workers=2, pin_memory=False))
    assert len(alone) == len(shared) == 6
    for one, two in zip(alone, shared, strict=True):
        assert torch.equal(one.pixels, two.pixels) and torch.equal(one.index, two.index)


def test_making_batches_leaves_the_default_generator_alone() -> None:
    before = torch.get_rng_state()
    list(batches(_Data(), _sampler(0, 2), workers=0, pin_memory=False))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 1])
def test_an_input_error_stays_one_line(workers: int) -> None:
    with pytest.raises(InputError) as caught:
        list(batches(_BrokenData(), _sampler(0, 2), workers=workers, pin_memory=False))
    assert str(caught.value) == "clip 3 has no frames: at least 1 is needed"


def test_empty_data_is_refused() -> None:
    with pytest.raises(InputError, match="training data is empty"):
        StepSampler(length=0, batch_size=1, seed=0, first=0, last=1)
