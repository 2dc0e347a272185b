"""DSTA as published: the paper's networks on the data at hand, with the settings of the authors' code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.lspet import LSPExtended
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.training import Share, TrainingClips
from chronopose.losses.rle import RLELoss
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.recipes.presets import PRESETS
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        preset: a network of the paper, as `chronopose models list` names them; `model` overrides it where given.
        model: the network's settings in full, None for the preset's.
        data: people drawn by code, or photographs.
        lspet: folder of the LSP-extended photographs.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop.
    """

    preset: str = "dsta-r50"
    model: DSTAConfig | None = None
    data: Literal["drawn", "lspet"] = "drawn"
    lspet: Path | None = None
    augment: AugmentConfig = field(
        # Of the code: half-body 0.3, scale 0.35, rotation 45 degrees with probability 0.6; no recolouring, no shift.
        default_factory=lambda: AugmentConfig(
            scale=0.35, shift=0.0, rotate_deg=45.0, half_body=0.3, drift=0.0, colour=0.0, grey=0.0, noise=0.0, erase=0.0
        )
    )
    optim: OptimConfig = field(
        # The code steps its schedule after the epoch: the rate falls at 11/20 and 16/20 of the run.
        default_factory=lambda: OptimConfig(
            lr=5e-5, weight_decay=0.01, decay_vectors=True, schedule="step", milestones=(0.55, 0.8), clip_norm=None
        )
    )
    train: TrainConfig = field(default_factory=lambda: TrainConfig(steps=60000, batch_size=32, seed=8888))


def config() -> Config:
    """The settings of the authors' ResNet-50, where the paper is silent those of their code."""
    return Config()


def build(config: Config) -> tuple[DSTA, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    networks = {name: preset for name, preset in PRESETS.items() if isinstance(preset, DSTAConfig)}
    if config.preset not in networks:
        raise InputError(f"preset: no network {config.preset!r}; there are {', '.join(networks)}")
    model = DSTA(config.model or networks[config.preset])
    # As published, double count of the flow and all; it holds where the backbone knows poses already.
    loss = RLELoss(model.skeleton, q_form="rle", flow_per="axis")
    if config.data == "lspet":
        if config.lspet is None:
            raise InputError("data lspet wants the folder of the photographs: --lspet FOLDER")
        people: LSPExtended | SyntheticPeople = LSPExtended(config.lspet, "train")
    else:
        people = SyntheticPeople(config=SyntheticConfig(seed=config.train.seed))
    clips = TrainingClips((Share(dataset=people),), model.spec, model.skeleton, config.augment)
    return model, loss, clips
