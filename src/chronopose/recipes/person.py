"""The bundled person detector `person-small`: a mobile network learned from composed photographs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.data.crowd import Crowd, CrowdConfig, Pictures
from chronopose.data.portraits import DrawnPictures, JhmdbPictures, LspPictures, Panoramas
from chronopose.losses.detection import detection_loss
from chronopose.models import checkpoint
from chronopose.models.person import PersonConfig, PersonModel, PersonOutput
from chronopose.training.config import OptimConfig, TrainConfig

Loss = Callable[[PersonOutput, Any], dict[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is learned from; without folders people drawn by code alone.

    Args:
        lspet: folder of the LSP-extended photographs.
        jhmdb: folder of JHMDB clips with `annotations.json`; the training clips of split 1 are used.
        places: folder of panoramas without people, for backgrounds.
        lspet_weight: how often a person comes from `lspet`, against `jhmdb_weight`.
        jhmdb_weight: see `lspet_weight`.
        drawn_weight: the same for people drawn by code.
        upright: leave out those of `lspet` who stand on their heads or lie.
        crowd: how the photographs are put together.
    """

    lspet: Path | None = None
    jhmdb: Path | None = None
    places: Path | None = None
    lspet_weight: float = 0.55
    jhmdb_weight: float = 0.45
    drawn_weight: float = 0.3
    upright: bool = True
    crowd: CrowdConfig = field(default_factory=CrowdConfig)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        init: a pose model on the same backbone, whose trunk the detector starts from; it knows what people look like.
        start: a detector whose weights the run goes on from.
        model: the network.
        data: what is learned from.
        optim: the optimiser.
        train: the loop.
    """

    init: Path | None = None
    start: Path | None = None
    model: PersonConfig = field(default_factory=PersonConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            lr=1.5e-3, weight_decay=0.02, warmup_steps=150, schedule="cosine", clip_norm=10.0
        )
    )
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=3600, batch_size=16, seed=3, ema_decay=0.996, checkpoint_every=300, log_every=50, workers=1, threads=1
        )
    )


def config() -> Config:
    """The settings of the published weights; only the folders are missing."""
    return Config()


def build(config: Config) -> tuple[PersonModel, Loss, Crowd]:
    """Model, loss and data of a run.

    Raises:
        InputError: if no folder with persons is given, or one is not laid out as wanted.
    """
    people: list[tuple[Pictures, float]] = []
    if config.data.lspet is not None:
        people.append((LspPictures(config.data.lspet, config.data.upright), config.data.lspet_weight))
    if config.data.jhmdb is not None:
        people.append((JhmdbPictures(config.data.jhmdb), config.data.jhmdb_weight))
    if config.data.drawn_weight > 0:
        people.append((DrawnPictures(config.train.seed), config.data.drawn_weight))
    if not people:
        raise InputError("the detector has nobody to learn from: give data.lspet or data.jhmdb, or a drawn_weight")
    places = Panoramas(config.data.places) if config.data.places is not None else None
    model = PersonModel(config.model)
    if config.init is not None:
        checkpoint.transfer_trunk(model.trunk, config.init)
    if config.start is not None:
        checkpoint.transfer(model, config.start)
    return model, loss, Crowd(people, places, config.data.crowd)


def loss(output: PersonOutput, batch: Any) -> dict[str, Tensor]:
    """`detection_loss` of a batch: a `CrowdSample` whose fields are tensors with a leading batch axis."""
    return detection_loss(output.logit, output.boxes, output.centres, batch.truth, batch.known, batch.doubt)
