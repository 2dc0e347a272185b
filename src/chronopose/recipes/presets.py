"""Published settings by name, and what each bundled or published model is and costs."""

from typing import Any

import torch

from chronopose.core.errors import InputError
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import MODELS, checkpoint
from chronopose.models.checkpoint import Card
from chronopose.models.complexity import complexity
from chronopose.models.dsta import DSTAConfig

PRESETS: dict[str, Any] = {
    # DSTA. Table 3 and 6 of the paper: one frame on each side of the key frame.
    "dsta-r50": DSTAConfig(backbone=BackboneConfig(name="resnet50")),
    "dsta-r152": DSTAConfig(backbone=BackboneConfig(name="resnet152")),
    "dsta-hrnet-w48": DSTAConfig(backbone=BackboneConfig(name="hrnet_w48"), height=384, width=288, jfd="heatmap_fc"),
    "dsta-vit-h": DSTAConfig(backbone=BackboneConfig(name="vit_huge_patch16")),
    "dsta-mobilenetv2": DSTAConfig(backbone=BackboneConfig(name="mobilenetv2_100")),
    # The authors' released network: 17 tokens of which 15 are answered, a learned sum of the branches.
    "dsta-r50-shipped": DSTAConfig(backbone=BackboneConfig(name="resnet50"), extra_tokens=2, fusion="weighted"),
}


def kind_of(config: Any) -> str:
    """The kind of model, a key of `MODELS`, that a config is for."""
    return next(kind for kind, (config_class, _) in MODELS.items() if type(config) is config_class)


def describe_all() -> list[dict[str, Any]]:
    """A row for every bundled model and every preset."""
    return [describe(name) for name in [*checkpoint.bundled(), *PRESETS]]


def describe(name: str) -> dict[str, Any]:
    """What a model is: the keys of `chronopose models info --json`.

    `parameters` counts inference; the flow of the training loss (53,784 for DSTA) is not in it.

    Raises:
        InputError: there is neither a preset nor a checkpoint of that name.
    """
    if name in PRESETS:
        config: Any = PRESETS[name]
        kind, card = kind_of(config), Card()
    else:
        try:
            kind, config, card = checkpoint.describe(name)
        except InputError as error:
            raise InputError(f"{error}; presets are {', '.join(PRESETS)}") from None
    with torch.device("meta"):
        model = MODELS[kind][1](config)
        cost = complexity(model)
    spec: Any = getattr(model, "spec", None)
    return {
        "name": name,
        "model": kind,
        "parameters": cost.parameters,
        "macs_encode_per_frame": cost.macs_encode_per_frame,
        "macs_fuse_per_window": cost.macs_fuse_per_window,
        "offsets": list(spec.offsets) if spec else [0],
        "input": [spec.height, spec.width] if spec else None,
        "skeleton": getattr(config, "skeleton", None),
        "data": card.data,
        "data_licence": card.data_licence or None,
        "licence": card.licence,
        "notes": list(card.notes),
    }
