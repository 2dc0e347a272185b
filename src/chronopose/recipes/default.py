"""The bundled pose model `dsta-small`: stage 1 learns single frames, stage 2 learns the window."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.jhmdb import JHMDBClips
from chronopose.data.lspet import LSPExtended
from chronopose.data.rendered import RenderedClips
from chronopose.data.sources import DRAWN, JHMDB, LSPET, RENDERED, Source, listed
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
    """What is learned from; without folders people drawn by code alone.

    A weight says how often an example comes from a source, against the others' weights.

    Args:
        lspet: folder of the LSP-extended photographs.
        rendered: folders of rendered clips, as `chronopose synth` writes them.
        jhmdb: folder of JHMDB clips with `annotations.json`; the training clips of split 1 are used.
        lspet_weight: of the photographs.
        rendered_weight: of all rendered clips together; folders share it by their numbers of persons.
        jhmdb_weight: of the JHMDB clips.
        drawn_weight: of people drawn by code; 0 for none.
        drawn_clips: how many drawn clips there are.
    """

    lspet: Path | None = None
    rendered: tuple[Path, ...] = ()
    jhmdb: Path | None = None
    lspet_weight: float = 0.7
    rendered_weight: float = 0.9
    jhmdb_weight: float = 0.25
    drawn_weight: float = 0.05
    drawn_clips: int = 20000

    def __post_init__(self) -> None:
        for name in ("lspet_weight", "rendered_weight", "jhmdb_weight", "drawn_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"data.{name} must be a number of at least 0, got {getattr(self, name)}")

    def sources(self) -> tuple[Source, ...]:
        """What is learned from, in the order of `shares`."""
        there = (
            (LSPET, self.lspet is not None and self.lspet_weight > 0),
            (RENDERED, bool(self.rendered) and self.rendered_weight > 0),
            (JHMDB, self.jhmdb is not None and self.jhmdb_weight > 0),
            (DRAWN, self.drawn_weight > 0),
        )
        return tuple(source for source, used in there if used)


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
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            scale=0.25,
            rotate_deg=40.0,
            rotate=0.6,
            half_body=0.1,
            colour=0.4,
            erase=0.4,
            erase_moving=0.7,
            erase_textured=0.5,
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
    if config.encoder == "none":
        model.backbone.freeze()
    model.learn_from_key = config.encoder == "key"
    loss = LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy(config.heatmap_weight))
    return model, loss, TrainingClips(shares(config), model.spec, model.skeleton, config.augment)


def shares(config: Config) -> tuple[Share, ...]:
    """The data sets of a run with their weights.

    Raises:
        InputError: there is none, or a folder is not laid out as wanted.
    """
    data, found = config.data, list[Share]()
    sources = data.sources()
    if LSPET in sources and data.lspet is not None:
        found.append(Share(dataset=LSPExtended(data.lspet, "train"), weight=data.lspet_weight))
    if RENDERED in sources:
        rendered = [RenderedClips(folder, skeleton=config.model.skeleton) for folder in data.rendered]
        people = sum(map(len, rendered))
        for folder, clips in zip(data.rendered, rendered, strict=True):
            if not len(clips):
                raise InputError(f"{folder}: nobody in these rendered clips can be seen well enough to learn from")
            found.append(Share(dataset=clips, weight=data.rendered_weight * len(clips) / people))
    if JHMDB in sources and data.jhmdb is not None:
        found.append(Share(dataset=JHMDBClips(data.jhmdb, "train"), weight=data.jhmdb_weight))
    if DRAWN in sources:
        drawn = SyntheticPeople(config=SyntheticConfig(seed=config.train.seed, clips=data.drawn_clips))
        found.append(Share(dataset=drawn, weight=data.drawn_weight))
    if not found:
        raise InputError("nobody to learn from: give data.lspet, data.rendered or data.jhmdb, or a data.drawn_weight")
    return tuple(found)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    data, licence = listed(config.data.sources())
    return Card(data=data, data_licence=licence)
