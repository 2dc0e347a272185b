"""The bundled recurrent model `listpose-small`: stage 1 learns single frames, stage 2 learns to carry tokens on."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.training import TrainingClips
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.heatmap import heatmap_loss
from chronopose.models.checkpoint import transfer
from chronopose.models.listpose import ListPose, ListPoseConfig
from chronopose.recipes import mixture
from chronopose.recipes.mixture import MixtureConfig
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        stage: "frames" shows single frames, where the network is a TokenPose; "clips" starts from a run of it.
        init: the run or weights that stage "clips" starts from.
        window: frames of a clip in stage "clips"; all are answered.
        encoder: whether the frame encoder learns in stage "clips".
        warm_up: leading frames of a clip that run without gradient, one of these drawn for each batch.
        forget: how likely a sample's state is forgotten at one frame of a clip.
        gate: where the gate of the carried tokens starts in stage "clips", about the size of the learned tokens: from
            0, where single frames leave it, it takes thousands of steps to open. None takes it from init.
        model: the network.
        data: what is learned from.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop.
    """

    stage: Literal["frames", "clips"] = "frames"
    init: Path | None = None
    window: tuple[int, ...] = (-2, -1, 0, 1, 2)
    encoder: Literal["all", "none"] = "none"
    warm_up: tuple[int, ...] = (0, 1)
    forget: float = 0.1
    gate: float | None = 0.05
    model: ListPoseConfig = field(
        default_factory=lambda: ListPoseConfig(
            encoder="timm",
            backbone=BackboneConfig(name="mobilenetv4_conv_small", stride=8, neck_width=96),
            skeleton="posetrack-15",
            height=192,
            width=144,
            patch=(2, 2),
            token_width=96,
            depth=6,
            attn_scale="head",
            maps="log",
        )
    )
    data: MixtureConfig = field(default_factory=MixtureConfig)
    augment: AugmentConfig = mixture.AUGMENT
    optim: OptimConfig = mixture.OPTIM
    train: TrainConfig = mixture.TRAIN


def config() -> Config:
    """The settings of stage "frames"; stage "clips" is the same with fewer steps at a lower rate."""
    return Config()


def build(config: Config) -> tuple[ListPose, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    model = ListPose(replace(config.model, offsets=(0,) if config.stage == "frames" else config.window))
    if config.init is not None:
        transfer(model, config.init)
    elif config.stage == "clips":
        raise InputError("stage clips starts from a run of stage frames: give its folder as --init")
    if config.stage == "clips":
        model.warm_up, model.forget = config.warm_up, config.forget
        if config.gate is not None and model.initialise is not None and model.initialise.gate is not None:
            nn.init.constant_(model.initialise.gate, config.gate)
        if config.encoder == "none":
            model.backbone.freeze()
    mixed = mixture.shares(config.data, config.model.skeleton, config.train.seed)
    clips = TrainingClips(mixed, model.spec, model.skeleton, config.augment)
    return model, heatmap_loss(config.model.maps), clips


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    return mixture.card(config.data)
