"""Ablations of the papers, small enough for two CPU cores: `chronopose train ablation/NAME`, names in `VARIANTS`.

A variant differs from its neighbours in one thing. All start from the backbone of the bundled model, which stays as it
is: its maps of a frame are computed once and kept, and what is learned is what a model makes of them. They learn from
drawn people in front of whom something passes by, so that a frame before or after the key frame shows what that one
hides. benchmarks/ablations.py trains them all and holds them against the papers.
"""

import hashlib
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

from torch import Tensor, nn

from chronopose.clips.augment import AugmentConfig
from chronopose.clips.contract import ClipBatch, PoseOutput
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.data.dataset import PoseDataset
from chronopose.data.rendered import RenderedClips
from chronopose.data.sources import DRAWN, RENDERED, listed
from chronopose.data.synthetic import SyntheticConfig
from chronopose.data.training import Share, TrainingClips
from chronopose.formats import weights_file
from chronopose.formats.weights_file import Card
from chronopose.layers.backbone import Backbone, BackboneConfig
from chronopose.losses.combine import LossSum
from chronopose.losses.heatmap import HeatmapCrossEntropy, heatmap_loss
from chronopose.losses.rle import RLELoss
from chronopose.models import checkpoint, network_of
from chronopose.models.baselines import SimpleBaselineConfig
from chronopose.models.dsta import DSTAConfig
from chronopose.models.ftp_pose import FTPPoseConfig
from chronopose.models.listpose import ListPoseConfig
from chronopose.recipes.ablation_clips import KeptMaps, for_training
from chronopose.training.config import OptimConfig, TrainConfig

STEPS = 300


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of a table.

    Args:
        about: what is different, for the row.
        model: the network.
        parts: what it takes from the bundled model, by the beginnings of parameters' names.
        encoder: whether the backbone learns, as in `Config`.
        steps: of its run.
    """

    about: str
    model: Any
    parts: tuple[str, ...] = ("backbone.", "jfd.")
    encoder: Literal["all", "none"] = "none"
    steps: int = STEPS


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole of a run.

    Args:
        features: the model to start from, a bundled name, weights or a run; None for random weights.
        parts: what is taken from it, by the beginnings of parameters' names, where names and shapes agree.
        encoder: whether the backbone learns; where it does not, it sees one crop of each clip, once.
        model: the network.
        people: the drawn clips.
        kept: folder in which drawn clips and their maps are kept, for this run and others; None for memory alone.
        rendered: folder of rendered clips, as `chronopose synth` writes them, to learn from in place of drawn ones.
        augment: how training crops stray, and what passes by.
        optim: the optimiser.
        train: the loop.
    """

    features: str | None = "dsta-small"
    parts: tuple[str, ...] = ("backbone.", "jfd.")
    encoder: Literal["all", "none"] = "none"
    model: Any
    people: SyntheticConfig = field(
        default_factory=lambda: SyntheticConfig(
            clips=1000, frames=5, width=128, height=128, people=(1, 1), occluders=(0, 0)
        )
    )
    kept: Path | None = None
    rendered: Path | None = None
    augment: AugmentConfig = field(
        default_factory=lambda: AugmentConfig(
            scale=0.12,
            shift=0.04,
            rotate_deg=20.0,
            rotate=0.4,
            half_body=0.0,
            drift=0.0,
            colour=0.2,
            grey=0.0,
            noise=4.0,
            erase=0.9,
            erase_moving=0.9,
            erase_textured=0.5,
        )
    )
    optim: OptimConfig = field(
        default_factory=lambda: OptimConfig(
            lr=2e-3, weight_decay=0.02, warmup_steps=20, schedule="cosine", final_lr_fraction=0.02, clip_norm=10.0
        )
    )
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=STEPS, batch_size=16, ema_decay=0.98, checkpoint_every=STEPS, threads=1
        )
    )

    def __post_init__(self) -> None:
        if self.features is None and self.encoder == "none":
            raise InputError("encoder none keeps the backbone of features, got none; wanted features, or encoder all")


_TRUNK = BackboneConfig(name="mobilenetv4_conv_small", stride=8, neck_width=96)
_DSTA = DSTAConfig(
    backbone=_TRUNK, offsets=(-1, 0, 1), height=192, width=144, jfd="integral_fc", depth=2, drop_path=0.0
)
_LIST = ListPoseConfig(
    encoder="timm",
    backbone=_TRUNK,
    skeleton="posetrack-15",
    offsets=(-2, -1, 0),
    height=192,
    width=144,
    patch=(4, 3),
    token_width=96,
    depth=3,
    mlp_ratio=2,
    attn_scale="head",
    map_stride=8,
    maps="log",
)
# Half as many cells per side: attention over all cells of three frames is what this network costs.
_FTP = FTPPoseConfig(
    backbone=replace(_TRUNK, stride=16),
    height=192,
    width=144,
    coarse_depth=1,
    shared_depth=1,
    heads=4,
    mlp_ratio=2.0,
    head_width=32,
    maps="log",
)
_FTP_BASE = replace(_FTP, high_resolution=False, keep_hrb=1, keep_lrb=1)
_HEATMAP = SimpleBaselineConfig(backbone=_TRUNK, skeleton="posetrack-15", deconvs=1, deconv_width=64, maps="log")
RATIOS = (1, 3, 6, 10)
"""One in so many tokens is kept: Table III of FTP-Pose."""
SIZES = ((192, 144), (128, 96), (64, 64), (32, 32))
"""Table 7 of DSTA at half of its sizes."""


def _family(
    prefix: str, parts: tuple[str, ...] = ("backbone.", "jfd."), steps: int = STEPS, **rows: tuple[str, Any]
) -> dict[str, Variant]:
    """Variants of one network: name=(about, model)."""
    return {
        f"{prefix}-{name.replace('_', '-')}": Variant(about=about, model=model, parts=parts, steps=steps)
        for name, (about, model) in rows.items()
    }


VARIANTS: dict[str, Variant] = {
    # DSTA, Table 4: what attends to what.
    **_family(
        "dsta",
        whole=("no tokens of joints: one for each frame", replace(_DSTA, attention="frame")),
        coupled=("joint tokens, coupled attention over all of them", replace(_DSTA, attention="coupled")),
        sd=("joint tokens, over body parts (SD)", replace(_DSTA, attention="sd")),
        td=("joint tokens, over time (TD)", replace(_DSTA, attention="td")),
        std=("joint tokens, both (STD)", _DSTA),
        mean=("control: joint tokens, mean over frames", replace(_DSTA, attention="mean")),
        single=("control: STD on the key frame alone", replace(_DSTA, offsets=(0,))),
        # Table 6: frames beside the key frame.
        aux1=("one frame before", replace(_DSTA, offsets=(-1, 0))),
        aux4=("two frames on each side", replace(_DSTA, offsets=(-2, -1, 0, 1, 2))),
    ),
    # Table 5: how a frame becomes joint tokens. All of them learn that from nothing.
    **_family(
        "dsta",
        ("backbone.",),
        gap=("pooled features and a linear layer", replace(_DSTA, jfd="gap_fc")),
        map=("a map per joint and a linear layer", replace(_DSTA, jfd="heatmap_fc")),
        integral=("the place alone: the expectation of a code over a map", _DSTA),
    ),
    # Table 7: regression against heatmaps as crops shrink, both of the key frame alone.
    **{
        f"{head}-{height}x{width}": Variant(
            about=f"{about}, {height} x {width}",
            model=replace(network, height=height, width=width),
            parts=("backbone.",),
            encoder="all",
            steps=200,
        )
        for head, about, network in (
            ("regression", "coordinates", replace(_DSTA, offsets=(0,))),
            ("heatmap", "heatmaps", _HEATMAP),
        )
        for height, width in SIZES
    },
    # ListPose: how a frame's joint tokens start.
    **_family(
        "listpose",
        steps=200,
        learnable=("learned tokens in every frame: no state", replace(_LIST, token_init="learnable")),
        residual=("learned tokens + g (S + MLP(S))", _LIST),
        residual_param=("learned tokens + g S", replace(_LIST, token_init="residual_param")),
        copy=("S, normalised", replace(_LIST, token_init="copy")),
        copy_raw=("S as it is", replace(_LIST, token_init="copy_raw")),
    ),
    # FTP-Pose, Table II and controls of the selection.
    **_family(
        "ftp",
        steps=150,
        base=("baseline: low-resolution branch", _FTP_BASE),
        a=("(a): both branches, all tokens", replace(_FTP, keep_hrb=1, keep_lrb=1)),
        b=("(b): both branches, one token in six by density", _FTP),
        b_random=("control: (b), tokens at random", replace(_FTP, select="random")),
        b_grid=("control: (b), tokens evenly spread", replace(_FTP, select="grid")),
        b_norm=("control: (b), longest tokens", replace(_FTP, select="norm")),
        single=("control: baseline on the key frame alone", replace(_FTP_BASE, offsets=(0,))),
    ),
    # Table III.
    **{
        f"ftp-l{low}-h{high}": Variant(
            about=f"one in {low} of the low, one in {high} of the high resolution",
            model=replace(_FTP, keep_lrb=low, keep_hrb=high),
            steps=150,
        )
        for low in RATIOS
        for high in RATIOS
    },
}


def config(name: str) -> Config:
    """The settings of a variant.

    Raises:
        InputError: there is none of that name.
    """
    if name not in VARIANTS:
        raise InputError(f"no ablation {name!r}; there are {', '.join(VARIANTS)}")
    variant = VARIANTS[name]
    settings = Config(model=variant.model, parts=variant.parts, encoder=variant.encoder)
    return replace(settings, train=replace(settings.train, steps=variant.steps, checkpoint_every=variant.steps))


def build(config: Config) -> tuple[nn.Module, nn.Module, KeptMaps | TrainingClips]:
    """Model, loss and data of a run."""
    model: Any = network_of(config.model)
    if config.features is not None:
        start(model, config.features, config.parts)
    loss: nn.Module
    if not isinstance(config.model, DSTAConfig):
        loss = heatmap_loss(config.model.maps)
    elif config.model.jfd == "integral_fc":
        loss = LossSum(RLELoss(model.skeleton), HeatmapCrossEntropy())
    else:
        loss = RLELoss(model.skeleton)
    clips: PoseDataset = (
        for_training(config.people, config.kept)
        if config.rendered is None
        else RenderedClips(config.rendered, skeleton=model.skeleton.name)
    )
    return model, OnCrops(loss, model.spec), data_of(model, config, clips, config.augment)


def data_of(model: Any, config: Config, clips: PoseDataset, augment: AugmentConfig | None) -> KeptMaps | TrainingClips:
    """Examples for a model: crops, or where its backbone stays as it is, kept maps, which the model is made to take."""
    if config.encoder == "all":
        return TrainingClips((Share(dataset=clips),), model.spec, model.skeleton, augment)
    backbone: Backbone = model.backbone
    backbone.freeze()
    # Its weights stay where they are and are saved with the model's; only a call gives back the maps that come in.
    backbone.forward = _as_they_are  # type: ignore[method-assign, assignment]
    settings = (len(clips), asdict(config.people), config.rendered, asdict(config.model.backbone))
    return KeptMaps(backbone, clips, model.spec, augment, config.kept, settings)


def fingerprint(config: Config) -> str:
    """Of the weights that a run starts from."""
    if config.features is None:
        return ""
    return hashlib.sha256(weights_file.locate(config.features).read_bytes()).hexdigest()


def _as_they_are(maps: Tensor) -> Tensor:
    return maps


class OnCrops(nn.Module):
    """A loss that learns the size of the crops from the spec, since maps stand where pixels would be."""

    def __init__(self, loss: nn.Module, spec: ClipSpec) -> None:
        super().__init__()
        self.loss, self.spec = loss, spec

    def forward(self, output: PoseOutput, batch: ClipBatch) -> dict[str, Tensor]:
        blank = batch.weight.new_empty(()).expand(1, 1, 3, self.spec.height, self.spec.width)
        return cast(dict[str, Tensor], self.loss(output, batch._replace(pixels=blank)))


def start(model: Any, source: str | Path, parts: tuple[str, ...]) -> None:
    """Takes over parts of another model, where names and shapes agree.

    Raises:
        InputError: the backbone is not among them.
    """
    other: Any = checkpoint.load(source).model
    # The light path of a coarser backbone lacks the finest levels.
    missing_levels = model.backbone.first - other.backbone.first
    known = {_shifted(name, missing_levels): value for name, value in other.state_dict().items()}
    own = model.state_dict()
    taken = {
        name: value
        for name, value in known.items()
        if name.startswith(parts) and name in own and own[name].shape == value.shape
    }
    if missing := [name for name in own if name.startswith("backbone.") and name not in taken]:
        raise InputError(f"features {source}: not the same backbone: {missing[0]} is missing or of another shape")
    model.load_state_dict(own | taken)


def _shifted(name: str, levels: int) -> str:
    """The name of a tensor in a top-down path that begins so many levels later."""
    found = re.fullmatch(r"(backbone\.neck\.\w+\.)(\d+)(\..*)", name)
    return f"{found[1]}{int(found[2]) - levels}{found[3]}" if found else name


def card(config: Config) -> Card:
    """What the weights will say of themselves."""
    data, licence = listed((DRAWN,) if config.rendered is None else (RENDERED,))
    if config.features is not None:
        bundled = checkpoint.describe(config.features)[2]
        data, licence = f"{data}; the backbone on {bundled.data}", f"{licence}; {bundled.data_licence}"
    return Card(data=data, data_licence=licence, notes=("A small network of an ablation, not meant for use.",))


def recipe(name: str) -> SimpleNamespace:
    """One variant as a recipe: what the modules of `chronopose.recipes` are to the command line."""
    settings = config(name)
    about = f"Ablation: {VARIANTS[name].about}."
    return SimpleNamespace(__doc__=about, config=lambda: settings, build=build, card=card)
