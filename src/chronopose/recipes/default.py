"""The bundled pose model `dsta-small`: stage 1 learns single frames, stage 2 learns the window."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.training import TrainingClips
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy
from chronopose.losses.rle import RLELoss
from chronopose.models.checkpoint import transfer
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.recipes import mixture
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        stage: "frames" shows the key frame alone; "clips" starts from a run of it and shows the window.
        init: the run or weights that stage "clips" starts from.
        window: frames shown in stage "clips".
        encoder: what teaches the backbone in stage "clips", at `optim.backbone_lr_scale` times the rate of the rest:
            "all" frames of a window, the "key" frame alone, at half the cost, or "none", at a third: it stays as
            `init` has it.
        heatmap_weight: of the cross-entropy on the maps, beside the residual log-likelihood.
    """

    stage: Literal["frames", "clips"] = "frames"
    init: Path | None = None
    window: tuple[int, ...] = (-2, -1, 0, 1, 2)
    encoder: Literal["all", "key", "none"] = "key"
    heatmap_weight: float = 1.0
    model: DSTAConfig = field(
        default_factory=lambda: DSTAConfig(
            backbone=BackboneConfig(name="mobilenetv4_conv_small", stride=8, neck_width=96),
            height=192,
            width=144,
            jfd="integral_fc",
            drop_path=0.0,
        )
    )
    data: MixtureConfig = field(default_factory=MixtureConfig)
    augment: AugmentConfig = mixture.AUGMENT
    optim: OptimConfig = field(default_factory=lambda: replace(mixture.OPTIM, lr=1.5e-3))
    train: TrainConfig = field(default_factory=lambda: replace(mixture.TRAIN, steps=9000))


def config() -> Config:
    """The settings of stage "frames"; stage "clips" is the same with fewer steps at a lower rate."""
    return Config()


def build(config: Config) -> tuple[DSTA, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    offsets = (0,) if config.stage == "frames" else config.window
    model = DSTA(replace(config.model, offsets=offsets))
    if config.init is not None:
        transfer(model, config.init)
    elif config.stage == "clips":
        raise InputError("stage clips starts from a run of stage frames: give its folder as --init")
    if config.encoder == "none":
        model.backbone.freeze()
    model.learn_from_key = config.encoder == "key"
    loss = LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy(config.heatmap_weight))
    mixed = mixture.shares(config.data, config.model.skeleton, config.train.seed)
    return model, loss, TrainingClips(mixed, model.spec, model.skeleton, config.augment)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    return mixture.card(config.data)
