"""A tiny DSTA on drawn people: learns in about a minute on a CPU, and shows that everything is connected."""

from dataclasses import dataclass, field

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.training import Share, TrainingClips
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy
from chronopose.losses.rle import RLELoss
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        model: the network.
        people: the drawn clips.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop.
    """

    model: DSTAConfig = field(
        default_factory=lambda: DSTAConfig(
            backbone=BackboneConfig(name="mobilenetv4_conv_small_050", stride=8, neck_width=32),
            offsets=(-1, 0, 1),
            height=96,
            width=72,
            jfd="integral_fc",
            drop_path=0.0,
        )
    )
    people: SyntheticConfig = field(
        default_factory=lambda: SyntheticConfig(
            clips=512, frames=3, width=128, height=128, people=(1, 1), occluders=(0, 1)
        )
    )
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            scale=0.1, shift=0.04, rotate=0, half_body=0, drift=0, colour=0.1, grey=0, noise=0, erase=0
        )
    )
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            lr=4e-3, warmup_steps=10, schedule="cosine", final_lr_fraction=0.05, clip_norm=10.0
        )
    )
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(steps=300, batch_size=16, checkpoint_every=100, log_every=25)
    )


def config() -> Config:
    """The settings."""
    return Config()


def build(config: Config) -> tuple[DSTA, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    model = DSTA(config.model)
    loss = LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy())
    people = SyntheticPeople(config=config.people)
    return model, loss, TrainingClips((Share(dataset=people),), model.spec, model.skeleton, config.augment)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    return Card(data="people drawn by chronopose.data.synthetic", data_licence="none needed: drawn by this package")
