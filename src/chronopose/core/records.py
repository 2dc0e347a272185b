"""Dataclasses from plain JSON values, nested ones too, every field checked."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from chronopose.core.errors import InputError


def from_dict(kind: Callable[..., Any], values: object, field: str) -> Any:
    """A dataclass from plain JSON values, nested ones too; unknown fields and wrong types are named."""
    if not isinstance(values, Mapping):
        raise InputError(f"{field} must be an object, got {type(values).__name__}")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise InputError(f"{field} has unknown fields {', '.join(unknown)}; known are {', '.join(hints)}")
    return kind(**{name: _value(hints[name], value, f"{field}.{name}") for name, value in values.items()})


def _value(hint: Any, value: Any, field: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return from_dict(hint, value, field)  # type: ignore[arg-type]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{field} must be a list, got {value!r}")
        inner = arguments[0] if len(arguments) == 2 and arguments[1] is Ellipsis else Any
        return tuple(_value(inner, item, field) for item in value)
    allowed = tuple(_plain(hint))
    if allowed and not any(
        value == option if not isinstance(option, type) else _is(value, option) for option in allowed
    ):
        raise InputError(
            f"{field} must be {' or '.join(getattr(o, '__name__', repr(o)) for o in allowed)}, got {value!r}"
        )
    return value


def _plain(hint: Any) -> Iterator[Any]:
    """The types and literal values that a hint admits; nothing where the hint is not plain."""
    if hint in (int, float, str, bool, type(None)):
        yield hint
    elif get_origin(hint) in (Union, UnionType):
        for option in get_args(hint):
            yield from _plain(option)
    elif get_origin(hint) is Literal:
        yield from get_args(hint)


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)
