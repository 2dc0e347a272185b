"""What the bundled pose models learn from, and how: photographs, rendered clips, JHMDB, people drawn by code."""

import math
from dataclasses import dataclass
from pathlib import Path

from chronopose.clips.augment import AugmentConfig
from chronopose.core.errors import InputError
from chronopose.data import jhmdb
from chronopose.data.lspet import LSPExtended
from chronopose.data.rendered import RenderedClips
from chronopose.data.sources import DRAWN, JHMDB, LSPET, RENDERED, Source, listed
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.training import Share
from chronopose.data.videos import VideoClips
from chronopose.formats.weights_file import Card
from chronopose.training.config import OptimConfig, TrainConfig

AUGMENT = AugmentConfig(
    scale=0.25, rotate_deg=40.0, rotate=0.6, half_body=0.1, colour=0.4, erase=0.4, erase_moving=0.7, erase_textured=0.5
)
"""How training crops stray."""

OPTIM = OptimConfig(
    lr=1e-3, weight_decay=0.05, warmup_steps=300, schedule="cosine", final_lr_fraction=0.02, clip_norm=10.0
)
TRAIN = TrainConfig(steps=5000, batch_size=32, ema_decay=0.998, checkpoint_every=500, log_every=50, seed=1)


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
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


def shares(data: MixtureConfig, skeleton: str, seed: int) -> tuple[Share, ...]:
    """The data sets with their weights; rendered people are labelled in this skeleton's convention.

    Raises:
        InputError: there is none, or a folder is not laid out as wanted.
    """
    found = list[Share]()
    sources = data.sources()
    if LSPET in sources and data.lspet is not None:
        found.append(Share(dataset=LSPExtended(data.lspet, "train"), weight=data.lspet_weight))
    if RENDERED in sources:
        rendered = [RenderedClips(folder, skeleton=skeleton) for folder in data.rendered]
        people = sum(map(len, rendered))
        for folder, clips in zip(data.rendered, rendered, strict=True):
            if not len(clips):
                raise InputError(f"{folder}: nobody in these rendered clips can be seen well enough to learn from")
            found.append(Share(dataset=clips, weight=data.rendered_weight * len(clips) / people))
    if JHMDB in sources and data.jhmdb is not None:
        real = VideoClips(jhmdb.NAME, jhmdb.SKELETON, jhmdb.videos(data.jhmdb, "train1"))
        found.append(Share(dataset=real, weight=data.jhmdb_weight))
    if DRAWN in sources:
        drawn = SyntheticPeople(config=SyntheticConfig(seed=seed, clips=data.drawn_clips))
        found.append(Share(dataset=drawn, weight=data.drawn_weight))
    if not found:
        raise InputError("nobody to learn from: give data.lspet, data.rendered or data.jhmdb, or a data.drawn_weight")
    return tuple(found)


def card(data: MixtureConfig) -> Card:
    """What weights learned from it will say of themselves."""
    names, licence = listed(data.sources())
    return Card(data=names, data_licence=licence)
