"""The papers' own training runs on the field's data sets, by name: `chronopose train dsta-r50-posetrack17`.

A setting marked [P] is stated in the paper, one marked [C] is of its authors' configuration or code, and [I] is
inferred, with the reason. docs/recipes.md has the same as a table. None of these has been run in full here.
"""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.dsta import DSTAConfig
from chronopose.recipes import dsta
from chronopose.recipes.paper_run import Config, PaperData, build, card, rehearsal
from chronopose.recipes.presets import PRESETS
from chronopose.training.config import OptimConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A run of a paper.

    Args:
        about: what it is.
        start: what it starts from, and how that is given.
        config: the settings.
    """

    about: str
    start: str
    config: Config


def _falling(lr: float, epochs: int, *falls: int, gamma: float = 0.1, **settings: Any) -> OptimConfig:
    """AdamW whose rate is multiplied by `gamma` when so many epochs are over; without decay of weights it is Adam."""
    milestones = tuple(fall / epochs for fall in falls)
    defaults: dict[str, Any] = {"weight_decay": 0.0, "clip_norm": None}
    return OptimConfig(lr=lr, schedule="step", milestones=milestones, gamma=gamma, **defaults | settings)


def _of_coco(network: str, preset: str, run: str) -> str:
    return f"{network} of COCO: --backbone FILE, made by `chronopose models import ... --as {preset}` or by {run}"


def _on_posetrack(name: str, about: str, start: str, **settings: Any) -> dict[str, Recipe]:
    """One network on the three PoseTracks. [I] That settings for one serve the others: no paper tells them apart."""
    return {
        f"{name}-posetrack{year}": Recipe(
            about=f"{about} on PoseTrack{year}",
            start=start,
            config=Config(data=PaperData(name=f"posetrack{year}"), **settings),
        )
        for year in (17, 18, 21)
    }


# DSTA: He and Yang, CVPR 2024, arXiv:2403.19926; github.com/zgspose/DSTA -------------------------------------------

# [C] Of its one configuration, ResNet-50 on PoseTrack17: AdamW, rate 5e-5, decay 0.01 of all parameters, a tenth of the
# rate after 11 and 16 epochs of 20 (the code steps its schedule an epoch late), 32 clips, seed 8888, 32 bits; half-body
# 0.3, scale 0.35, rotation 45 degrees with probability 0.6, flip 0.5. The paper leaves them to a supplement.
_SHIPPED = dsta.config()
_DSTA: dict[str, Any] = {
    "augment": _SHIPPED.augment,
    "optim": _SHIPPED.optim,
    "train": replace(_SHIPPED.train, steps=0, epochs=20, precision="fp32"),
}
# [C] Of TAR-ViTPose, by the same group, on PoseTrack17: rate 5e-6, decay 0.1, half the rate every 5 epochs of 30, 16
# clips. [I] That DSTA's ViT-H learned so: ten times that rate, ResNet-50's, is more than a ViT that knows poses gets.
_DSTA_VIT: dict[str, Any] = {
    "augment": _SHIPPED.augment,
    "optim": _falling(5e-6, 30, 5, 10, 15, 20, 25, gamma=0.5, weight_decay=0.1, decay_vectors=True),
    "train": TrainConfig(epochs=30, batch_size=16),
}


def _dsta(name: str, network: str, start: str, model: DSTAConfig, settings: dict[str, Any]) -> dict[str, Recipe]:
    # [P] Tables 1 and 2: two frames on each side. [I] The nearest ones: the code knows one on each side, the nearest.
    model = replace(model, offsets=(-2, -1, 0, 1, 2))
    return _on_posetrack(f"dsta-{name}", f"DSTA with {network}", start, model=model, **settings)


# FTP-Pose: Wang et al., ICASSP 2025, arXiv:2503.05365; no code -------------------------------------------------------

_FTP: dict[str, Any] = {
    # [P] "Similar to TDMI". [I] That this is what DSTA has, as all of that line of papers do.
    "augment": _SHIPPED.augment,
    # [P] Rate 2e-3, a tenth of it after 16 epochs of 20. [I] AdamW, decay, warm-up and the bound of the gradient. So
    # high a rate is one for a neck over a backbone that rests; should it not hold for 27 blocks, 5e-4 is what to try.
    "optim": _falling(2e-3, 20, 16, weight_decay=1e-4, warmup_steps=500, clip_norm=1.0),
    # [P] 20 epochs, one RTX 4090. [I] 32 clips.
    "train": TrainConfig(epochs=20, batch_size=32),
}


def _ftp(size: str) -> dict[str, Recipe]:
    # [P] 256 x 192, three frames (Fig. 1), patches of 16. [I] ViT-S, the number of blocks (docs/ftp_pose.md), and that
    # the backbone has ViTPose's weights and keeps them.
    model = replace(PRESETS[f"ftp-{size}"], backbone=BackboneConfig(name="vitpose_small"), freeze_backbone=True)
    start = _of_coco("ViTPose-S", "vitpose-s", "baseline-vitpose-s-coco")
    return _on_posetrack(f"ftp-pose-{size}", f"FTP-Pose, layout ftp-{size},", start, model=model, **_FTP)


# ListPose: Wu et al., doi:10.1007/s12204-025-2815-7. The abstract alone was at hand: all of it is [I] ---------------

# [C] Of TokenPose-S on COCO, github.com/leeyegy/TokenPose: 300 epochs from random weights, Adam, rate 1e-3, a tenth of
# it after 200 and 260, 4 x 32 photographs.
_IMAGES: dict[str, Any] = {
    "start": "random",
    "augment": _SHIPPED.augment,
    "optim": _falling(1e-3, 300, 200, 260),
    "train": TrainConfig(epochs=300, batch_size=128),
}
# Clips of five frames and the rate of 5e-4 are RPSTN's, by the same group; five more before them bring the state to an
# age or learn as well. Rotations within 40 degrees are LSTM-PM's. With one key frame in five an epoch shows each frame
# twice.
_CLIPS: dict[str, Any] = {
    "keep_norms": True,
    "warm_up": (0, 5),
    "forget": 0.1,
    "augment": replace(_SHIPPED.augment, scale=0.2, rotate_deg=20.0, rotate=1.0, half_body=0.0),
    "optim": _falling(5e-4, 40, 24, 34, backbone_lr_scale=0.1, clip_norm=1.0),
    "train": TrainConfig(epochs=40, batch_size=16),
}


def _listpose(name: str, data: str, title: str, skeleton: str, nose: str) -> dict[str, Recipe]:
    """Single frames, COCO's under the names of these joints, and the clips that go on from there."""
    # A gate that starts closed, where single frames leave it, takes thousands of steps to open (recipes/listpose.py).
    model = replace(PRESETS["listpose-s"], skeleton=skeleton, gate_init=0.05)
    photographs, videos = PaperData(name="coco", joints={"nose": nose}), PaperData(name=data, every=5)
    return {
        f"listpose-{name}-images": Recipe(
            about=f"ListPose-S on single frames of COCO, for listpose-{name} to go on from",
            start="random weights",
            config=Config(model=replace(model, offsets=(0,)), data=photographs, **_IMAGES),
        ),
        f"listpose-{name}": Recipe(
            about=f"ListPose-S on {title}",
            start=f"single frames: --init RUN, where RUN is one of listpose-{name}-images",
            config=Config(model=replace(model, offsets=tuple(range(-9, 1))), data=videos, **_CLIPS),
        ),
    }


# Baselines of one frame on COCO, which the others start from ----------------------------------------------------------

_IMAGENET = "ImageNet's weights: --pretrained"


def _baseline(name: str, about: str, start: str, **settings: Any) -> dict[str, Recipe]:
    config = Config(data=PaperData(name="coco"), **settings)
    return {f"baseline-{name}-coco": Recipe(about=f"{about} on COCO", start=start, config=config)}


def _vitpose(size: str, layer_decay: float) -> dict[str, Recipe]:
    """[C] github.com/ViTAE-Transformer/ViTPose, 8 x 64 photographs. Paths are dropped there, which is not done here."""
    return _baseline(
        f"vitpose-{size}",
        f"ViTPose-{size.upper()}",
        "a masked autoencoder's weights, which no import reads yet: --backbone FILE, or --start random to go without",
        model=PRESETS[f"vitpose-{size}"],
        augment=replace(_SHIPPED.augment, scale=0.5, rotate_deg=40.0),
        optim=_falling(5e-4, 210, 170, 200, weight_decay=0.1, layer_decay=layer_decay, warmup_steps=500, clip_norm=1.0),
        train=TrainConfig(epochs=210, batch_size=512),
    )


RECIPES: dict[str, Recipe] = {
    # [C] The start.
    **_dsta(
        "r50",
        "ResNet-50",
        _of_coco("RLE's ResNet-50", "rle-r50", "baseline-rle-r50-coco"),
        PRESETS["dsta-r50"],
        _DSTA,
    ),
    # [I] Starts and settings of the others: there is code for ResNet-50 alone.
    **_dsta(
        "r152",
        "ResNet-152",
        _of_coco("SimpleBaseline's ResNet-152", "simple-baseline-r152", "baseline-simple-r152-coco"),
        PRESETS["dsta-r152"],
        _DSTA,
    ),
    # [P] 384 x 288.
    **_dsta(
        "hrnet-w48",
        "HRNet-W48",
        _of_coco("HRNet-W48", "hrnet-w48 --input 384x288", "baseline-hrnet-w48-coco"),
        PRESETS["dsta-hrnet-w48"],
        _DSTA,
    ),
    # [I] ViTPose's layout of a ViT-H, so that its weights fit.
    **_dsta(
        "vit-h",
        "ViT-H",
        _of_coco("ViTPose-H", "vitpose-h", "baseline-vitpose-h-coco"),
        replace(PRESETS["dsta-vit-h"], backbone=BackboneConfig(name="vitpose_huge")),
        _DSTA_VIT,
    ),
    **_ftp("s"),
    **_ftp("table2"),
    **_listpose("penn", "penn", "Penn Action", "penn-13", nose="head"),
    **_listpose("subjhmdb", "sub-jhmdb", "Sub-JHMDB", "jhmdb-15", nose="face"),
    # [C] github.com/Jeff-sjtu/res-loglikelihood-regression, 8 x 32 photographs.
    **_baseline(
        "rle-r50",
        "RLE with ResNet-50",
        _IMAGENET,
        model=PRESETS["rle-r50"],
        augment=replace(_SHIPPED.augment, scale=0.25),
        optim=_falling(1e-3, 270, 170, 200),
        train=TrainConfig(epochs=270, batch_size=256),
    ),
    # [C] github.com/leoxiaobin/deep-high-resolution-net.pytorch, 4 x 32 photographs.
    **_baseline(
        "simple-r152",
        "SimpleBaseline with ResNet-152",
        _IMAGENET,
        model=PRESETS["simple-baseline-r152"],
        augment=replace(_SHIPPED.augment, scale=0.3, rotate_deg=40.0, half_body=0.0),
        optim=_falling(1e-3, 140, 90, 120),
        train=TrainConfig(epochs=140, batch_size=128),
    ),
    # [C] The same, 384 x 288, 4 x 24 photographs.
    **_baseline(
        "hrnet-w48",
        "HRNet-W48",
        _IMAGENET,
        model=replace(PRESETS["hrnet-w48"], height=384, width=288),
        augment=_SHIPPED.augment,
        optim=_falling(1e-3, 210, 170, 200),
        train=TrainConfig(epochs=210, batch_size=96),
    ),
    **_vitpose("s", layer_decay=0.9),
    **_vitpose("h", layer_decay=0.85),
}


def recipe(name: str) -> SimpleNamespace:
    """One of `RECIPES` as the modules of `chronopose.recipes` are to the command line."""
    found = RECIPES[name]
    about = f"{found.about}. Starts from {found.start}.\n\nWhat is stated and what is inferred: docs/recipes.md."

    def check_start(config: Config) -> None:
        """Raises `InputError` where the run is to start from weights and none are given."""
        if config.start == "weights" and config.init is None:
            raise InputError(f"{name} starts from {found.start}; none are given (--start random goes without)")

    return SimpleNamespace(
        __doc__=about,
        config=lambda: found.config,
        build=build,
        card=card,
        rehearsal=rehearsal,
        check_start=check_start,
    )
