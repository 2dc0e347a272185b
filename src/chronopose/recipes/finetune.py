"""Any of our models taken further on one labelled data set: a bundled or trained one, or a small network anew."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data.catalogue import named, open_data
from chronopose.data.renamed import Renamed
from chronopose.data.training import Share, TrainingClips
from chronopose.formats.weights_file import Card
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy, heatmap_loss
from chronopose.losses.rle import RLELoss
from chronopose.models import network_of
from chronopose.models.baselines import RegressionConfig
from chronopose.models.checkpoint import describe, transfer, transfer_backbone
from chronopose.models.dsta import DSTAConfig
from chronopose.models.listpose import ListPoseConfig, TokenInit
from chronopose.recipes import mixture
from chronopose.recipes.presets import PRESETS
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class LabelledData:
    """Where the labelled persons are.

    Args:
        name: of the data set, as `chronopose data info` lists them.
        folder: of its files.
        split: the part to learn from, None for the data set's own training part.
        joints: other names for its joints, for a model that has the joint under another one.
    """

    name: str = "jhmdb"
    folder: Path | None = None
    split: str | None = None
    joints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        init: the bundled name, weights or run to start from.
        network: a network of `chronopose models list` to train anew instead, on the backbone of `init`; with "random"
            for `init` on none.
        window: frames shown, None for those of `init`.
        token_init: how joint tokens of a recurrent model start, None for the way of `init`.
        freeze: whether the backbone stays as it is.
        data: what is learned from.
        augment: how training crops stray.
        optim: the optimiser.
        train: the loop.
    """

    init: str = "dsta-small"
    network: str | None = None
    window: tuple[int, ...] | None = None
    token_init: TokenInit | None = None
    freeze: bool = False
    data: LabelledData = field(default_factory=LabelledData)
    augment: AugmentConfig = mixture.AUGMENT
    optim: OptimConfig = field(default_factory=lambda: replace(mixture.OPTIM, lr=5e-4, warmup_steps=50))
    train: TrainConfig = field(
        default_factory=lambda: replace(mixture.TRAIN, steps=1500, ema_decay=0.995, checkpoint_every=250)
    )


def config() -> Config:
    """The settings for a few thousand labelled frames."""
    return Config()


def build(config: Config) -> tuple[nn.Module, nn.Module, TrainingClips]:
    """Model, loss and data of a run."""
    model = _model(config)
    if config.freeze:
        model.backbone.freeze()
    if config.data.folder is None:
        raise InputError(f"data.folder: wanted the folder of {config.data.name}: --data.folder FOLDER")
    people = open_data(config.data.name, config.data.folder, config.data.split)
    share = Share(dataset=Renamed(people, config.data.joints))
    return model, loss_of(model), TrainingClips((share,), model.spec, model.skeleton, config.augment)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    entry = named(config.data.name)
    data, terms = f"{entry.title}, {config.data.split or entry.training[0]}", entry.terms
    if config.init == "random":
        return Card(data=data, data_licence=terms)
    before = describe(config.init)[2]
    return Card(data=f"{before.data}; then {data}", data_licence="; ".join(filter(None, (before.data_licence, terms))))


def loss_of(model: Any) -> nn.Module:
    """The loss that a kind of model learns from by default."""
    if isinstance(model.config, RegressionConfig):
        return RLELoss(model.skeleton)
    if isinstance(model.config, DSTAConfig):
        return LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy(1.0))
    return heatmap_loss(model.config.maps)


def _model(config: Config) -> Any:
    if config.network is not None:
        if config.network not in PRESETS:
            raise InputError(f"network: no network {config.network!r}; `chronopose models list` names them")
        model = network_of(_changed(PRESETS[config.network], config))
        if config.init != "random":
            transfer_backbone(model, config.init)
        return model
    if config.init == "random":
        raise InputError("init: random weights are those of a network: --network NAME, see `chronopose models list`")
    model = network_of(_changed(describe(config.init)[1], config))
    transfer(model, config.init)
    return model


def _changed(network: Any, config: Config) -> Any:
    """A network's settings with the run's window and start of tokens."""
    if config.window is not None:
        if not hasattr(network, "offsets"):
            raise InputError(f"window: a {type(network).__name__} sees one frame, got {config.window}")
        network = replace(network, offsets=config.window)
    if config.token_init is not None:
        if not isinstance(network, ListPoseConfig):
            raise InputError(f"token_init: a {type(network).__name__} carries no tokens, got {config.token_init!r}")
        network = replace(network, token_init=config.token_init)
    return network
