"""Reads text files that strangers wrote: bounded sizes, finite numbers, errors that name file and line."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from chronopose.core.errors import InputError

_MOST_BYTES = 64 * 1024 * 1024
_MOST_VALUE = 1e6


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line that is not empty, and where it stands."""

    path: Path
    number: int
    words: Sequence[str]

    def fail(self, problem: str) -> InputError:
        return InputError(f"{self.path}, line {self.number}: {problem}")

    def wants(self, count: int, what: str) -> None:
        """Raises unless the line has exactly `count` words."""
        if len(self.words) != count:
            raise self.fail(f"{len(self.words)} words; wanted {count}: {what}")

    def word(self, place: int) -> str:
        """The word at `place`, from 0."""
        if place >= len(self.words):
            raise self.fail(f"ends after {len(self.words)} words; wanted at least {place + 1}")
        return self.words[place]

    def real(self, place: int) -> float:
        """The finite number at `place`."""
        word = self.word(place)
        try:
            value = float(word)
        except ValueError:
            raise self.fail(f"{word[:40]!r}; wanted a number") from None
        if not abs(value) <= _MOST_VALUE:  # also false for NaN
            raise self.fail(f"{word[:40]!r}; wanted a number of at most {_MOST_VALUE:g}")
        return value

    def reals(self, place: int, count: int) -> list[float]:
        """The `count` finite numbers from `place` on."""
        return [self.real(place + k) for k in range(count)]

    def whole(self, place: int, low: int, high: int) -> int:
        """The whole number at `place`, at least `low` and below `high`."""
        word = self.word(place)
        try:
            value = int(word)
        except ValueError:
            raise self.fail(f"{word[:40]!r}; wanted a whole number") from None
        if not low <= value < high:
            raise self.fail(f"{value}; wanted {low} to {high - 1}")
        return value


def read_text(path: Path) -> str:
    """The file as text; bytes that are not UTF-8 become replacement characters, because old headers have them."""
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise InputError(f"{path}: {size} bytes; at most {_MOST_BYTES} are read")
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if text.startswith("version https://git-lfs"):
        raise InputError(f"{path}: only a pointer of Git LFS; fetch the file itself with `git lfs pull`")
    return text


def lines(path: Path, text: str | None = None) -> Iterator[Line]:
    """The lines of the file that are neither empty nor a comment (# at the start)."""
    for number, line in enumerate((read_text(path) if text is None else text).splitlines(), start=1):
        words = line.split()
        if words and not words[0].startswith("#"):
            yield Line(path, number, words)


def read_json(path: Path) -> dict[str, object]:
    """The JSON object in the file."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number")

    try:
        value = json.loads(read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        problem = str(error) if isinstance(error, ValueError) else "too deeply nested"
        raise InputError(f"{path}: not readable JSON ({problem})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: a JSON {type(value).__name__}; wanted an object")
    return value


def is_finite(value: object) -> bool:
    """Whether a value from JSON is a number that can be used."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def licence(text: str) -> str:
    """The licence that a MakeHuman file states in its header or in its field "license"."""
    field = re.search(r'"license"\s*:\s*"([^"]{1,80})"', text)
    stated = field.group(1) if field else text[:4000]
    if re.search(r"\bCC0\b|Creative Commons Zero|public domain", stated, re.IGNORECASE):
        return "CC0"
    if re.search(r"AGPL|Affero", stated, re.IGNORECASE):
        return "AGPL"
    return "none stated"
