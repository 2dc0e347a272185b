"""One training run of a paper: its settings, what is built of them, and how it is rehearsed without the data."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data import drawn_folders
from chronopose.data.catalogue import named, open_labels
from chronopose.data.renamed import Renamed
from chronopose.data.training import Share, TrainingClips
from chronopose.data.videos import VideoClips
from chronopose.formats.weights_file import Card
from chronopose.losses.heatmap import HeatmapMSE
from chronopose.losses.rle import RLELoss
from chronopose.models import network_of
from chronopose.models.baselines import RegressionConfig
from chronopose.models.checkpoint import transfer
from chronopose.models.dsta import DSTAConfig
from chronopose.training.config import OptimConfig, TrainConfig

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PaperData:
    """Where the labelled persons are.

    Args:
        name: of the data set, as `chronopose data info` lists them.
        folder: of its files, as its owners give them.
        split: the part to learn from, None for the first of the data set's own.
        every: distance of the key frames of a video, in labelled frames.
        at_least: persons with fewer joints inside the picture are left out.
        joints: other names for joints, by which the model knows them.
    """

    name: str
    folder: Path | None = None
    split: str | None = None
    every: int = 1
    at_least: int = 1
    joints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        start: "weights" insists on those that the paper starts from, given by --backbone, --pretrained or init;
            "random" goes without.
        init: weights of this very network, or a run of it, to start from.
        model: the network.
        keep_norms: whether the backbone's batch norms keep their running statistics, for batches of frames that
            resemble one another.
        warm_up: of a recurrent model: leading frames of a clip that run without gradient, one of these for each batch.
        forget: of a recurrent model: how likely a sample's state is forgotten at one frame of a clip.
        data: what is learned from.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop; its epochs become steps when the data are opened.
    """

    start: Literal["weights", "random"] = "weights"
    init: Path | None = None
    model: Any
    keep_norms: bool = False
    warm_up: tuple[int, ...] = (0,)
    forget: float = 0.0
    data: PaperData
    augment: AugmentConfig
    optim: OptimConfig
    train: TrainConfig


def build(config: Config) -> tuple[nn.Module, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    model = network_of(config.model)
    recurrent = model.spec.recurrent
    for name, off in (("warm_up", (0,)), ("forget", 0.0)):
        if recurrent:
            setattr(model, name, getattr(config, name))
        elif getattr(config, name) != off:
            raise InputError(f"{name}: this model carries no state from frame to frame; got {getattr(config, name)}")
    if config.init is not None:
        transfer(model, config.init)
    if config.keep_norms:
        model.backbone.freeze()
        model.backbone.requires_grad_(True)
    share = Share(dataset=Renamed(_people(config.data), config.data.joints))
    return model, _loss(model), TrainingClips((share,), model.spec, model.skeleton, config.augment)


def _people(data: PaperData) -> VideoClips:
    """The examples; a photograph is a video of one frame."""
    if data.folder is None:
        raise InputError(f"data.folder: wanted the folder of {named(data.name).title}: --data.folder FOLDER")
    found = open_labels(data.name, data.folder, data.split)
    return VideoClips(data.name, found.skeleton, tuple(found.videos), every=data.every, at_least=data.at_least)


def _loss(model: Any) -> nn.Module:
    """As published: what a residual log-likelihood counts twice is counted twice (docs/dsta.md)."""
    if isinstance(model.config, DSTAConfig | RegressionConfig):
        # [C] Elbows to ankles weigh more in DSTA's code. [I] In RLE's they do not.
        limbs = isinstance(model.config, DSTAConfig)
        return RLELoss(model.skeleton, q_form="rle", flow_per="axis", limb_weights=limbs)
    # [C] Deviations of 2 cells in maps of 64 rows, 3 in maps of 96.
    return HeatmapMSE(deviation=model.spec.height / 128)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    entry = named(config.data.name)
    return Card(data=f"{entry.title}, {config.data.split or entry.training[0]}", data_licence=entry.terms)


PERSONS = {
    # [I] 135 a video, as there are in PoseTrack18: 153,615 in 1,138 videos; 250 and 593 of them are to learn from.
    "posetrack17": 34_000,
    "posetrack18": 80_000,
    "posetrack21": 80_000,
    # 163,841 frames in 2,326 videos, 1,258 of them to learn from.
    "penn": 88_600,
    # 11,200 frames in 316 clips, about 230 of them to learn from.
    "sub-jhmdb": 8_100,
    # [C] As HRNet's code counts them.
    "coco": 149_813,
}
"""Persons in labelled frames of the training part, for what a run takes where nobody has the data."""


def rehearsal(config: Config, folder: Path) -> Config:
    """The same run for its first steps: on people drawn in the layout of the data, where no folder of data is given.

    On a GPU a step is the run's own. On a CPU it has two samples, and there are as many more steps.
    """
    data, train = config.data, config.train
    if data.folder is None:
        drawn_folders.write(data.name, folder)
        data, train = replace(data, folder=folder), train.over(PERSONS[data.name] // data.every)
        _log.info("drawn people in place of %s, of which %d persons are assumed", data.name, PERSONS[data.name])
    samples = train.batch_size * train.accumulate
    if not torch.cuda.is_available() and samples > 2:
        train = replace(train, batch_size=2, accumulate=1, steps=-(-train.steps * samples // 2))
        _log.info("steps of 2 samples in place of %d, and as many more of them: memory is that of 2", samples)
    return replace(config, start="random", data=data, train=train)
