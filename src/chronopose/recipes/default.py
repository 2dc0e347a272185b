"""The bundled pose model `dsta-small`: stage 1 learns single frames, stage 2 learns the window."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.lspet import LSPExtended
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.training import Share, TrainingClips
from chronopose.layers.backbone import BackboneConfig
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy
from chronopose.losses.rle import RLELoss
from chronopose.models.checkpoint import Card, transfer
from chronopose.models.dsta import DSTA, DSTAConfig
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is learned from.

    Args:
        lspet: folder of the LSP-extended photographs; without it only drawn people are learned.
        drawn: share of people drawn by code in the mixture, 0 to 1.
        clips: how many drawn clips there are.
    """

    lspet: Path | None = None
    drawn: float = 0.2
    clips: int = 20000

    def __post_init__(self) -> None:
        if not 0 <= self.drawn <= 1:
            raise InputError(f"data.drawn must lie in 0 to 1, got {self.drawn}")


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        stage: "frames" shows the key frame alone; "clips" starts from a run of it and shows the window.
        init: the run or weights that stage "clips" starts from.
        window: frames shown in stage "clips".
        freeze: leave the backbone as `init` has it and train what comes after, at a third of the cost.
        heatmap_weight: of the cross-entropy on the maps, beside the residual log-likelihood.
    """

    stage: Literal["frames", "clips"] = "frames"
    init: Path | None = None
    window: tuple[int, ...] = (-2, -1, 0, 1, 2)
    freeze: bool = False
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
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            scale=0.2, rotate_deg=25.0, rotate=0.5, half_body=0.05, colour=0.3, erase=0.15
        )
    )
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            lr=1.5e-3, weight_decay=0.05, warmup_steps=300, schedule="cosine", final_lr_fraction=0.02, clip_norm=10.0
        )
    )
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=9000, batch_size=32, ema_decay=0.998, checkpoint_every=500, log_every=50, seed=1
        )
    )


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
    if config.freeze:
        model.backbone.freeze()
    shares = []
    if config.data.lspet is not None and config.data.drawn < 1:
        shares.append(Share(dataset=LSPExtended(config.data.lspet, "train"), weight=1 - config.data.drawn))
    if config.data.drawn > 0 or not shares:
        drawn = SyntheticPeople(config=SyntheticConfig(seed=config.train.seed, clips=config.data.clips))
        shares.append(Share(dataset=drawn, weight=config.data.drawn or 1.0))
    loss = LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy(config.heatmap_weight))
    return model, loss, TrainingClips(tuple(shares), model.spec, model.skeleton, config.augment)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    return Card(
        data="people drawn by chronopose.data.synthetic"
        + (", LSP-extended photographs (image number not divisible by 10)" if config.data.lspet else ""),
        data_licence="drawn people: none needed"
        + ("; LSP-extended: research use, Flickr photographs without a stated licence" if config.data.lspet else ""),
    )
