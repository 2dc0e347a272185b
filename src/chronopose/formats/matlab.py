"""Arrays of numbers in MATLAB 5 files from outside, read within bounds.

A file is a header of 128 bytes and one element for each variable, plain or deflated. Only arrays of numbers and truth
values are read; structs, cells, text, sparse arrays, objects and functions are named and refused. scipy's reader is
not used because it ends the whole program at some damaged files. The layout is that of MathWorks' "MAT-File Format",
level 5; files of version 7.3 are HDF5 and are refused.
"""

import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats

MOST_BYTES = 1 << 27
"""Of a file, and of what it inflates to."""

Shape = tuple[int | None, ...]
"""Of an array that is wanted; None where any length will do."""

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _DEFLATED = 14, 15
_KINDS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse array", 16: "a function"}
_PLAIN = range(6, 16)
_COMPLEX = 0x800


class _Element(NamedTuple):
    """A type number, the content, and where the next element begins."""

    kind: int
    content: memoryview
    end: int


def zero_based(xy_matlab: NDArray[Any]) -> Floats:
    """(..., 2) float32 places counted from 0 instead of 1; NaN where one of the two is no number."""
    known = np.isfinite(xy_matlab).all(axis=-1, keepdims=True)
    return np.where(known, xy_matlab.astype(np.float64) - 1, np.nan).astype(np.float32)


def read(path: str | os.PathLike[str], wanted: Mapping[str, Shape]) -> dict[str, NDArray[Any]]:
    """The arrays called like the keys of `wanted`, of these shapes; other variables are passed over.

    MATLAB drops lengths of 1 at the end of a shape; they are put back. Numbers keep the type that they are stored in.

    Raises:
        InputError: the file is too large, damaged or of another format; or an array is not there, holds no real
            numbers, or has another shape.
    """
    data = _bytes(path)
    if len(data) < 128 or not data.startswith(b"MATLAB 5.0 MAT-file"):
        hint = " (version 7.3 is HDF5: save it with -v7)" if data.startswith((b"MATLAB 7.3", b"\x89HDF")) else ""
        raise InputError(f"{path}: expected a MATLAB 5 file, got {bytes(data[:12])!r}{hint}")
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(data[124:128])
    if order is None:
        raise InputError(f"{path}: expected version 1 of MATLAB 5 files, got {bytes(data[124:128])!r}")
    found: dict[str, NDArray[Any]] = {}
    try:
        for matrix in _matrices(memoryview(data)[128:], order):
            name, array = _array(matrix, order, wanted, str(path))
            if array is not None:
                found[name] = array
    except InputError:
        raise
    except (ValueError, struct.error, zlib.error) as error:
        raise InputError(f"{path}: damaged ({error})") from None
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(f"{path}: no array {missing[0]}; wanted {', '.join(wanted)}")
    return {name: _shaped(found[name], shape, f"{path}: {name}") for name, shape in wanted.items()}


def _bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            # Asked for as much as there is, not as there may be: Python sets aside what it is asked for.
            data = file.read(min(os.fstat(file.fileno()).st_size, MOST_BYTES) + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: more than {MOST_BYTES} bytes; no more can be read")
    return data


def _element(data: memoryview, at: int, order: str) -> _Element:
    """The element that begins at byte `at`; short ones hold up to four bytes inside their tag."""
    kind, size = struct.unpack_from(f"{order}II", data, at)
    short = kind >> 16
    if short:
        kind, size, start, end = kind & 0xFFFF, short, at + 4, at + 8
    else:
        start, end = at + 8, at + 8 + size
    if size > (4 if short else len(data) - start):
        raise ValueError(f"an element of {size} bytes where there are {len(data) - start}")
    return _Element(kind, data[start : start + size], end)


def _matrices(data: memoryview, order: str) -> Iterator[memoryview]:
    """What is inside each variable's element, inflated."""
    at, left = 0, MOST_BYTES
    while at < len(data):
        element = _element(data, at, order)
        at = element.end
        if element.kind == _DEFLATED:
            inflated = zlib.decompressobj().decompress(element.content, left + 1)
            left -= len(inflated)
            if left < 0:
                raise ValueError(f"it inflates to more than {MOST_BYTES} bytes")
            element = _element(memoryview(inflated), 0, order)
        if element.kind != _MATRIX:
            raise ValueError(f"an element of type {element.kind} where a variable was expected")
        yield element.content


def _array(matrix: memoryview, order: str, wanted: Mapping[str, Shape], where: str) -> tuple[str, NDArray[Any] | None]:
    """A variable's name, and its numbers if they are wanted."""
    parts: list[_Element] = []
    at = 0
    for _ in range(3):
        parts.append(_element(matrix, at, order))
        at = -(-parts[-1].end // 8) * 8
    flags = struct.unpack_from(f"{order}I", parts[0].content)[0]
    shape = np.frombuffer(parts[1].content, f"{order}i4").tolist()
    name = bytes(parts[2].content).decode("latin-1")
    if name not in wanted:
        return name, None
    if flags & 0xFF not in _PLAIN or flags & _COMPLEX:
        kind = "complex" if flags & _COMPLEX else _KINDS.get(flags & 0xFF, "of unknown kind")
        raise InputError(f"{where}: {name} is {kind}; wanted plain numbers")
    numbers = _element(matrix, at, order)
    if numbers.kind not in _NUMBERS:
        raise ValueError(f"numbers of type {numbers.kind} in {name}")
    values = np.frombuffer(numbers.content, f"{order}{_NUMBERS[numbers.kind]}")
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{name} has {len(values)} numbers for a shape of {shape}")
    return name, values.reshape(shape, order="F")


def _shaped(array: NDArray[Any], shape: Shape, where: str) -> NDArray[Any]:
    sides: tuple[int, ...] = array.shape + (1,) * (len(shape) - array.ndim)
    if len(sides) != len(shape) or any(want not in (None, got) for want, got in zip(shape, sides)):
        expected = " x ".join("n" if side is None else str(side) for side in shape)
        raise InputError(f"{where}: expected {expected} numbers, got {' x '.join(map(str, array.shape))}")
    return array.reshape(sides)
