"""Published checkpoints of other projects, converted tensor by tensor: which presets can be had from them."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from chronopose.core.errors import InputError
from chronopose.formats.weights_file import Card
from chronopose.models import checkpoint, network_of
from chronopose.models.published import dsta, mmpose, rules, tokenpose, vitpose
from chronopose.models.published.reading import Source
from chronopose.models.published.rules import Conversion, Layout

LAYOUTS: dict[str, Callable[[Any], tuple[Layout, ...]]] = {
    "dsta-r50-shipped": dsta.layouts,
    "tokenpose-t": tokenpose.layouts,
    "tokenpose-s": tokenpose.layouts,
    "tokenpose-s-v2": tokenpose.layouts,
    "tokenpose-b": tokenpose.layouts,
    "tokenpose-l-d6": tokenpose.layouts,
    "tokenpose-l": tokenpose.layouts,
    "simple-baseline-r50": mmpose.maps,
    "simple-baseline-r152": mmpose.maps,
    "hrnet-w32": mmpose.maps,
    "hrnet-w48": mmpose.maps,
    "rle-r50": mmpose.regression,
    "vitpose-s": vitpose.layouts,
    "vitpose-b": vitpose.layouts,
    "vitpose-l": vitpose.layouts,
    "vitpose-h": vitpose.layouts,
}
"""How the files that a preset can be had from name their tensors, given the preset's config."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Published:
    """A published file, what became of its tensors, and the config of the network that they fill."""

    source: Source
    config: Any
    conversion: Conversion


def sized(config: Any, crop: str | None, source: str) -> Any:
    """The config with crops of that HEIGHTxWIDTH, its own if None.

    Raises:
        InputError: no such size, or the file's name speaks of another one: tensors of a convolution do not show it.
    """
    size = f"{config.height}x{config.width}"
    if crop is not None:
        match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", crop)
        if match is None:
            raise InputError(f"--input {crop}: wanted HEIGHTxWIDTH, such as 384x288")
        return dataclasses.replace(config, height=int(match[1]), width=int(match[2]))
    named = re.findall(r"(?<!\d)\d{2,4}x\d{2,4}(?!\d)", source)
    if named and size not in named:
        raise InputError(f"{source}: its name says {named[-1]}, the preset has crops of {size}; say which as --input")
    return config


def convert(source: Source, preset: str, config: Any) -> Published:
    """Every tensor of a published file in its place in the network that a preset's config describes.

    Raises:
        InputError: tensors are unknown, missing or of another shape; the first five are listed.
    """
    layout = rules.recognised(source.tensors, LAYOUTS[preset](config), source.name)
    config = dataclasses.replace(config, **layout.changes)
    conversion = rules.convert(source.tensors, layout, _empty(config).state_dict(), source.name)
    return Published(source=source, config=config, conversion=conversion)


def save(published: Published, path: Path, dtype: torch.dtype = torch.float32) -> None:
    """Writes a checkpoint of ours, floats as `dtype`, whose card names the file that it came from."""
    model = _empty(published.config)
    model.load_state_dict(published.conversion.tensors, assign=True)
    checkpoint.save(model, path, card(published), dtype)


def card(published: Published) -> Card:
    """What users of the converted weights should know."""
    source, conversion = published.source, published.conversion
    url = conversion.layout.url
    left_out = tuple(f"left out: {why}: {count} tensors" for why, count in Counter(conversion.dropped.values()).items())
    return Card(
        data=f"as its authors trained it; see {url}",
        licence=f"as its authors published it; see {url}",
        data_licence=f"as its authors say; see {url}",
        notes=(
            f"converted from {source.name}, sha256 {source.sha256}, the weights of {conversion.layout.project}",
            *left_out,
            "every tensor has its place by name and shape; accuracy was not measured after the conversion",
        ),
    )


def _empty(config: Any) -> Any:
    """The network without values, on the meta device, where the largest takes no memory."""
    with torch.device("meta"):
        return network_of(config)
