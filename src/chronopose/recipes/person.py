"""The bundled person detector `person-small`: a mobile network learned from composed photographs."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.data.crowd import Crowd, CrowdConfig, Pictures, Scenes
from chronopose.data.portraits import DrawnPictures, JhmdbPictures, LspPictures, Panoramas, RenderedScenes
from chronopose.data.sources import DRAWN, JHMDB, LSPET, PANORAMAS, RENDERED, Source, listed
from chronopose.formats.shards import Shards
from chronopose.formats.weights_file import Card
from chronopose.losses.detection import detection_loss
from chronopose.models import checkpoint
from chronopose.models.person import PersonConfig, PersonModel, PersonOutput
from chronopose.training.config import OptimConfig, TrainConfig

Loss = Callable[[PersonOutput, Any], dict[str, Tensor]]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is learned from; without folders people drawn by code alone.

    A weight says how often a person comes from a source, against the others' weights. How often whole rendered scenes
    are shown, against compositions of single persons, is the last of `crowd.ways`.

    Args:
        lspet: folder of the LSP-extended photographs.
        rendered: folders of rendered clips, as `chronopose synth` writes them; they share by their numbers of clips.
        jhmdb: folder of JHMDB clips with `annotations.json`; the training clips of split 1 are used.
        places: folder of panoramas without people, for backgrounds.
        lspet_weight: of the photographs.
        jhmdb_weight: of the JHMDB clips.
        drawn_weight: of people drawn by code; 0 for none.
        upright: leave out those of `lspet` who stand on their heads or lie.
        crowd: how the pictures are put together.
    """

    lspet: Path | None = None
    rendered: tuple[Path, ...] = ()
    jhmdb: Path | None = None
    places: Path | None = None
    lspet_weight: float = 0.5
    jhmdb_weight: float = 0.4
    drawn_weight: float = 0.1
    upright: bool = True
    crowd: CrowdConfig = field(default_factory=CrowdConfig)

    def __post_init__(self) -> None:
        for name in ("lspet_weight", "jhmdb_weight", "drawn_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"data.{name} must be a number of at least 0, got {getattr(self, name)}")

    def sources(self) -> tuple[Source, ...]:
        """What is learned from."""
        there = (
            (LSPET, self.lspet is not None and self.lspet_weight > 0),
            (RENDERED, bool(self.rendered) and self.crowd.ways[3] > 0),
            (JHMDB, self.jhmdb is not None and self.jhmdb_weight > 0),
            (DRAWN, self.drawn_weight > 0),
            (PANORAMAS, self.places is not None),
        )
        return tuple(source for source, used in there if used)


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
    crowd = _crowd(config)
    model = PersonModel(config.model)
    if config.init is not None:
        checkpoint.transfer_trunk(model.trunk, config.init)
    if config.start is not None:
        checkpoint.transfer(model, config.start)
    return model, loss, crowd


def _crowd(config: Config) -> Crowd:
    data, people, scenes = config.data, list[tuple[Pictures, float]](), list[tuple[Scenes, float]]()
    sources = data.sources()
    if LSPET in sources and data.lspet is not None:
        people.append((LspPictures(data.lspet, data.upright), data.lspet_weight))
    if JHMDB in sources and data.jhmdb is not None:
        people.append((JhmdbPictures(data.jhmdb), data.jhmdb_weight))
    if DRAWN in sources:
        people.append((DrawnPictures(config.train.seed), data.drawn_weight))
    if RENDERED in sources:
        rendered = [RenderedScenes(Shards(folder)) for folder in data.rendered]
        scenes += [(clips, len(clips)) for clips in rendered]
    if not people and not scenes:
        wanted = "data.lspet or data.jhmdb or data.rendered, or a drawn_weight"
        raise InputError(f"the detector has nobody to learn from: give {wanted}")
    places = Panoramas(data.places) if data.places is not None else None
    return Crowd(people, places, data.crowd, scenes)


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    data, licence = listed(config.data.sources())
    return Card(data=data, data_licence=licence)


def loss(output: PersonOutput, batch: Any) -> dict[str, Tensor]:
    """`detection_loss` of a batch: a `CrowdSample` whose fields are tensors with a leading batch axis."""
    return detection_loss(output.logit, output.boxes, output.centres, batch.truth, batch.known, batch.doubt)
