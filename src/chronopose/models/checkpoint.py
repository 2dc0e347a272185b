"""Weights with the config that rebuilds their model, in one safetensors file; and weights of timm's backbones."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.core.records import from_dict
from chronopose.formats.weights_file import KEY, Card, Header, header_of, locate, parsed
from chronopose.models import MODELS, kind_of, network_of


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A model with what its file said of it."""

    name: str
    kind: str
    model: nn.Module
    card: Card


def save(model: nn.Module, path: Path, card: Card, dtype: torch.dtype = torch.float32) -> None:
    """Writes weights (floats as `dtype`), config and card. The model keeps its config as `.config`.

    The file is written beside its place and renamed, so a full disk leaves the older file as it was.
    """
    config: Any = model.config
    kind = kind_of(config)
    tensors = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in model.state_dict().items()
    }
    header = {"model": kind, "config": dataclasses.asdict(config), "card": dataclasses.asdict(card)}
    with replacing(path) as waiting:
        save_file(tensors, waiting, metadata={KEY: json.dumps(header, sort_keys=True)})


def load(name_or_path: str | Path, window: tuple[int, ...] | None = None) -> Checkpoint:
    """The model of a bundled name (`bundled()` lists them) or of a file, in eval mode on the CPU, in float32.

    Args:
        name_or_path: a bundled name, a safetensors file, or the folder of a training run.
        window: frame offsets to show instead of those in the file; learned codes of time are interpolated.

    Raises:
        InputError: no such name or file, not a checkpoint, tensors that do not fit the config, or another window for a
            model that has none.
    """
    path = locate(name_or_path)
    header, tensors = _read(path)
    kind, config, card = _checked(header, path)
    if window is not None:
        if not hasattr(config, "offsets") or config.spec().recurrent:
            raise InputError(f"{path}: a {kind} model has no window that could be changed; got {window}")
        tensors = _stretched(tensors, config.offsets, window)
        config = dataclasses.replace(config, offsets=window)
    model = network_of(config)
    _fill(model, tensors, str(path))
    return Checkpoint(name=path.stem, kind=kind, model=model.eval(), card=card)


def describe(name_or_path: str | Path) -> tuple[str, Any, Card]:
    """A checkpoint's kind of model (a key of `MODELS`), config and card, without its weights."""
    path = locate(name_or_path)
    return _checked(header_of(path), path)


def _checked(header: Header, path: Path) -> tuple[str, Any, Card]:
    """Kind, config and card of a header, the kind known and the config built."""
    kind = header.kind
    if not isinstance(kind, str) or kind not in MODELS:
        raise InputError(f"{path}: model {kind!r} is not one of {', '.join(MODELS)}")
    try:
        return kind, from_dict(MODELS[kind][0], header.config, "config"), header.card
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read(path: Path) -> tuple[Header, dict[str, Tensor]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            header = parsed(file.metadata(), path)
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors checkpoint ({error})") from None


def _fill(model: nn.Module, tensors: Mapping[str, Tensor], source: str, place: str = "the config") -> None:
    """Puts every tensor in its place; names or shapes that differ are listed in one error."""
    wanted = model.state_dict()
    wrong = [f"missing {name}" for name in wanted if name not in tensors]
    wrong += [f"unknown {name}" for name in tensors if name not in wanted]
    wrong += [
        f"{name} is {tuple(tensors[name].shape)}, wanted {tuple(wanted[name].shape)}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise InputError(f"{source}: weights do not fit {place}: {'; '.join(wrong[:5])}{more}")
    model.load_state_dict(dict(tensors))


def _stretched(tensors: dict[str, Tensor], old: tuple[int, ...], new: tuple[int, ...]) -> dict[str, Tensor]:
    """Codes of time (1, T, ...) for another window: each new offset takes the code at its place in the old window."""
    changed = dict(tensors)
    for name, tensor in tensors.items():
        if name.endswith("temporal.position") or name.endswith("aggregate.position"):
            if tensor.ndim < 2 or tensor.shape[1] != len(old):
                continue
            changed[name] = torch.stack([_between(tensor[0], old, offset) for offset in new])[None]
    return changed


def _between(codes: Tensor, offsets: tuple[int, ...], offset: int) -> Tensor:
    """The code of one offset, linear between the known ones and constant outside."""
    offset = min(max(offset, offsets[0]), offsets[-1])
    right = next(index for index, known in enumerate(offsets) if known >= offset)
    if offsets[right] == offset:
        return codes[right]
    part = (offset - offsets[right - 1]) / (offsets[right] - offsets[right - 1])
    return torch.lerp(codes[right - 1], codes[right], part)


def transfer(model: nn.Module, source: str | Path) -> None:
    """Starts a model of the same kind from another's weights; codes of time are stretched to its window.

    A part that the model's config leaves out, an attribute that is None, takes nothing.
    """
    path = locate(source)
    header, tensors = _read(path)
    config: Any = model.config
    _, old, _ = _checked(header, path)
    if hasattr(old, "offsets") and hasattr(config, "offsets"):
        tensors = _stretched(tensors, old.offsets, config.offsets)
    there = {name: tensor for name, tensor in tensors.items() if getattr(model, name.split(".")[0], model) is not None}
    _fill(model, there, str(path))


def transfer_backbone(model: nn.Module, source: str | Path) -> None:
    """Starts a pose model's backbone from that of a pose model of any kind with the same one.

    Raises:
        InputError: the model has no backbone or another one, or tensors are missing, unknown or of another shape.
    """
    path = locate(source)
    backbone: nn.Module | None = getattr(model, "backbone", None)
    if backbone is None:
        raise InputError(f"{path}: a {type(model).__name__} has no backbone to start from it")
    header, tensors = _read(path)
    wanted, got = _network(model.config), _network(_checked(header, path)[1])
    if got != wanted:  # ViTs may differ in what no tensor shows: heads, padding
        raise InputError(f"{path}: its backbone is {got}, wanted {wanted}")
    prefix = "backbone."
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    _fill(backbone, found, str(path), "the backbone")


def _network(config: Any) -> str:
    """The network that looks at single frames, by name."""
    encoder = getattr(config, "encoder", "timm")
    return str(getattr(config.backbone, "name", config.backbone) if encoder == "timm" else encoder)


def transfer_trunk(trunk: nn.Module, source: str | Path) -> None:
    """Starts a timm trunk from that of a pose model's backbone, as far as it has the same modules.

    Raises:
        InputError: less than nine tenths of the trunk's tensors are there: it is another network.
    """
    path = locate(source)
    _, tensors = _read(path)
    wanted = trunk.state_dict()
    prefix = "backbone.trunk."
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    fitting = {name: found[name] for name in wanted if name in found and found[name].shape == wanted[name].shape}
    if len(fitting) < 0.9 * len(wanted):
        raise InputError(f"{path}: {len(fitting)} of {len(wanted)} tensors fit the trunk; wanted the same backbone")
    trunk.load_state_dict(fitting, strict=False)


def load_timm_weights(model: nn.Module) -> None:
    """Fills a model's backbone with timm's pretrained weights, downloaded on first use.

    Raises:
        InputError: they cannot be had: no network, or timm has none for this network.
    """
    import timm

    pose: Any = model
    trunk, config = pose.backbone.trunk, pose.config.backbone
    name = config.name
    # Built as the backbone is, for a pyramid's tensors have names of their own.
    options: dict[str, Any] = {} if config.stride is None else {"features_only": True}
    if name.startswith(("vit_", "deit")):
        options["img_size"] = pose.backbone.size
    try:
        source = timm.create_model(name, pretrained=True, **options).state_dict()
    except Exception as error:  # huggingface_hub and urllib have a dozen kinds, and all mean the same here
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"backbone {name}: pretrained weights cannot be had ({type(error).__name__}: {reason}); "
            "connect to the network once so that timm caches them, or train without them"
        ) from None
    wanted = trunk.state_dict()
    for key in wanted:
        if key.endswith("pos_embed") and key in source:  # the code of the class token, which stands first, is left out
            source[key] = source[key][:, -wanted[key].shape[1] :]
    fitting = {key: value for key, value in source.items() if key in wanted and value.shape == wanted[key].shape}
    if len(fitting) < 0.9 * len(wanted):
        raise InputError(f"backbone {name}: only {len(fitting)} of {len(wanted)} tensors fit timm's pretrained weights")
    trunk.load_state_dict(fitting, strict=False)
