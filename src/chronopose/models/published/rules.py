"""Which tensor of a published file becomes which of ours: rules as data, and an account of every tensor."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from chronopose.core.errors import InputError

Change = Callable[[Tensor, torch.Size], Tensor]
"""A tensor of the file, and the shape of ours, to ours; unchanged where it does not fit, which is then reported."""

COUNTER = "num_batches_tracked"
"""Batch norm's count of batches. Files of old PyTorch have none; it is never read where the momentum is fixed."""

UNREAD = "HRNet's last exchange towards its coarser branches, which no map is drawn from"


@dataclass(frozen=True, kw_only=True)
class Take:
    """Tensors that are used.

    Args:
        pattern: of the whole name in the file, a regular expression.
        target: our name, with the pattern's groups as \\1, \\2.
        part: where several tensors make one of ours: the place of this one along the first axis.
        change: what is done to it.
    """

    pattern: str
    target: str
    part: int = 0
    change: Change | None = None


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Tensors that no answer needs.

    Args:
        pattern: of the whole name in the file.
        why: told to the user.
        expected: what must hold of the tensor for this, where it could be another.
    """

    pattern: str
    why: str
    expected: Callable[[Tensor], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one project names the tensors of its files.

    Args:
        project: whose files they are.
        url: where they are published and under which terms.
        sign: a name that files of this layout have and those of the others of a model do not.
        rules: the first whose pattern fits a name says what becomes of the tensor; where rules have the same pattern, a
            tensor becomes several of ours.
        needs: names that must be there, with what it means if they are not.
        changes: fields of the model's config that differ in these files.
    """

    project: str
    url: str
    sign: str
    rules: tuple[Take | Drop, ...]
    needs: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """Our tensors, and what became of each of the file's: by its name ours, or the reason why it was dropped."""

    layout: Layout
    tensors: dict[str, Tensor]
    used: dict[str, str]
    dropped: dict[str, str]


def recognised(names: Collection[str], layouts: Sequence[Layout], source: str) -> Layout:
    """The layout that a file with these tensors has.

    Raises:
        InputError: none, or it is one whose networks cannot be built here.
    """
    for layout in layouts:
        if any(re.fullmatch(layout.sign, name) for name in names):
            for pattern, why in layout.needs.items():
                if not any(re.fullmatch(pattern, name) for name in names):
                    raise InputError(f"{source}: {why}")
            return layout
    first = ", ".join(list(names)[:5]) or "none"
    known = ", ".join(layout.project for layout in layouts)
    raise InputError(f"{source}: tensors are not named as in the files of {known}; the first here are {first}")


def convert(tensors: Mapping[str, Tensor], layout: Layout, wanted: Mapping[str, Tensor], source: str) -> Conversion:
    """Every tensor of a file by the rules of its layout.

    Args:
        tensors: of the file.
        layout: what they are called.
        wanted: names, shapes and kinds of ours; values are not read, so they may live on the meta device.
        source: the file's name, for messages.

    Raises:
        InputError: tensors are unknown, missing or of another shape; the first five are listed.
    """
    used, dropped, parts, wrong = _assigned(tensors, layout, wanted)
    ours: dict[str, Tensor] = {}
    taken: set[int] = set()
    counted = any(name.endswith(COUNTER) for name in tensors)
    for target, like in wanted.items():
        if target not in parts:
            if target.endswith(COUNTER) and not counted:
                ours[target] = torch.zeros((), dtype=like.dtype)
            else:
                wrong.append(f"missing {target}")
            continue
        rules = [rule for _, rule in sorted(parts[target].items(), key=lambda item: item[0])]
        made = _joined([tensors[name] for name, _ in rules], rules[0][1].change, like)
        if isinstance(made, str):
            wrong.append(f"{' + '.join(name for name, _ in rules)} {made}")
            continue
        memory = made.untyped_storage()
        # A part of a larger tensor, or one that two names share, cannot be written as it is.
        whole = memory.nbytes() == made.numel() * made.element_size() and memory.data_ptr() not in taken
        taken.add(memory.data_ptr())
        ours[target] = made if whole else made.clone()
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise InputError(f"{source}: not these weights as {layout.project} has them: {'; '.join(wrong[:5])}{more}")
    return Conversion(layout=layout, tensors=ours, used=used, dropped=dropped)


_Parts = dict[str, dict[int, tuple[str, Take]]]


def _assigned(
    tensors: Mapping[str, Tensor], layout: Layout, wanted: Collection[str]
) -> tuple[dict[str, str], dict[str, str], _Parts, list[str]]:
    """What the rules say of each name: used for, dropped because, the parts of each of ours, and what is wrong."""
    patterns = {rule.pattern: re.compile(rule.pattern) for rule in layout.rules}
    used: dict[str, str] = {}
    dropped: dict[str, str] = {}
    parts: _Parts = {}
    wrong: list[str] = []
    for name, tensor in tensors.items():
        match = next((match for pattern in patterns.values() if (match := pattern.fullmatch(name))), None)
        rules = [rule for rule in layout.rules if match is not None and rule.pattern == match.re.pattern]
        for rule in rules:
            if isinstance(rule, Drop):
                dropped[name] = rule.why
                if rule.expected is not None and not rule.expected(tensor):
                    wrong.append(f"{name} is not {rule.why}")
                continue
            target = match.expand(rule.target) if match else ""
            if target not in wanted:
                wrong.append(f"unknown {name}")
            elif rule.part in parts.setdefault(target, {}):
                wrong.append(f"{name} and {parts[target][rule.part][0]} are the same tensor of the model")
            else:
                parts[target][rule.part] = (name, rule)
                used[name] = f"{used[name]}, {target}" if name in used else target
        if not rules:
            wrong.append(f"unknown {name}")
    return used, dropped, parts, wrong


def _joined(pieces: Sequence[Tensor], change: Change | None, like: Tensor) -> Tensor | str:
    """Our tensor, or what is wrong with the file's."""
    shapes = " + ".join(str(tuple(piece.shape)) for piece in pieces)
    if len({piece.shape[1:] for piece in pieces}) > 1 or (len(pieces) > 1 and pieces[0].ndim == 0):
        return f"is {shapes}, wanted {tuple(like.shape)}"
    if any(piece.is_floating_point() != like.is_floating_point() for piece in pieces):
        return f"holds {pieces[0].dtype}, wanted {like.dtype}"
    tensor = pieces[0] if len(pieces) == 1 else torch.cat([piece.to(like.dtype) for piece in pieces])
    if change is not None:
        tensor = change(tensor.to(like.dtype), like.shape)
    if tensor.shape != like.shape:
        return f"is {shapes}, wanted {tuple(like.shape)}"
    return tensor.to(like.dtype).contiguous()


def reshaped(tensor: Tensor, shape: torch.Size) -> Tensor:
    """The same numbers under another shape: a 1 x 1 convolution as a linear layer."""
    return tensor.reshape(shape) if tensor.numel() == shape.numel() else tensor
