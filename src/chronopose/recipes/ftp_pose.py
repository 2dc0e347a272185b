"""The bundled three-frame model `ftp-small`: pruned tokens of two resolutions over a small convolutional trunk."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.data.training import TrainingClips
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.heatmap import heatmap_loss
from chronopose.models.checkpoint import transfer, transfer_trunk
from chronopose.models.ftp_pose import FTPPose, FTPPoseConfig
from chronopose.recipes import mixture
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        init: a pose model on the same trunk, which this one starts from; it knows what people look like.
        start: weights of this network that the run goes on from.
        model: the network.
        data: what is learned from.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop.
    """

    init: Path | None = None
    start: Path | None = None
    model: FTPPoseConfig = field(
        default_factory=lambda: FTPPoseConfig(
            backbone=BackboneConfig(name="mobilenetv4_conv_small", stride=16, neck_width=128),
            height=192,
            width=144,
            coarse_depth=2,
            shared_depth=4,
            heads=4,
            mlp_ratio=3.0,
            head_width=96,
            maps="log",
        )
    )
    data: MixtureConfig = field(default_factory=MixtureConfig)
    augment: AugmentConfig = mixture.AUGMENT
    optim: OptimConfig = mixture.OPTIM
    train: TrainConfig = mixture.TRAIN


def config() -> Config:
    """The settings."""
    return Config()


def build(config: Config) -> tuple[FTPPose, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    model = FTPPose(config.model)
    if config.init is not None:
        transfer_trunk(model.backbone.trunk, config.init)
    if config.start is not None:
        transfer(model, config.start)
    mixed = mixture.shares(config.data, config.model.skeleton, config.train.seed)
    clips = TrainingClips(mixed, model.spec, model.skeleton, config.augment)
    return model, heatmap_loss(config.model.maps), clips


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    return mixture.card(config.data)
