"""Files of weights: where they lie, and what they say of their model, read without the tensors.

A safetensors file holds kind, config and card of its model as JSON in its metadata, under `chronopose`.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from chronopose.core.errors import InputError
from chronopose.core.records import from_dict

KEY = "chronopose"
"""Under which the header stands in a file's metadata."""

LARGEST_HEADER = 1 << 20
"""Bytes of JSON that a checkpoint's config and card may take."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What users should know about weights before they use them.

    Args:
        data: what they were trained on.
        licence: of the weights.
        data_licence: terms of the training data.
        notes: figures and known failures, one sentence each.
    """

    data: str = "none: random weights"
    licence: str = "Apache-2.0"
    data_licence: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file of weights says of itself.

    Attributes:
        kind: of the model, a key of `models.MODELS`.
        config: of the model, JSON values that are not checked here.
        card: what users should know.
    """

    kind: Any
    config: Any
    card: Card


def bundled() -> dict[str, Path]:
    """The weights that ship with the package, by name."""
    folder = Path(str(resources.files("chronopose"))) / "weights"
    return {file.stem: file for file in sorted(folder.glob("*.safetensors"))}


def locate(name_or_path: str | Path) -> Path:
    """The file of a bundled name, a path, or a training run's folder."""
    shipped = bundled()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if (path / "model.safetensors").is_file():
        return path / "model.safetensors"
    if path.is_file():
        return path
    names = ", ".join(shipped) or "none"
    raise InputError(
        f"{name_or_path}: no such model; wanted a bundled name ({names}), a .safetensors file or a run folder"
    )


def header_of(path: Path) -> Header:
    """What a file of weights says of itself.

    Raises:
        InputError: it is not a safetensors file with a header of ours.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            return parsed(file.metadata(), path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors checkpoint ({error})") from None


def parsed(metadata: dict[str, str] | None, path: Path) -> Header:
    """The header in a file's metadata; `path` names the file in errors."""
    text = (metadata or {}).get(KEY, "")
    if not 0 < len(text) <= LARGEST_HEADER:
        raise InputError(f"{path}: not a chronopose checkpoint (no config of at most 1 MB in its metadata)")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets without end
        raise InputError(f"{path}: the checkpoint's metadata is no JSON ({error})") from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: the checkpoint's metadata must be a JSON object, got {type(header).__name__}")
    try:
        card = from_dict(Card, header.get("card", {}), "card")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Header(kind=header.get("model"), config=header.get("config"), card=card)
