"""How large a picture may be."""

from chronopose.core.errors import InputError

MAX_SIDE = 16384
MAX_PIXELS = 2**26
"""A larger picture is refused: in RGB it takes more than 200 MB, and it is nearly always a trap or a mistake."""


def check_size(name: str, width: int, height: int) -> None:
    """Raise an `InputError` naming the source `name` where a picture of width x height pixels is too large."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{name}: pictures of {width} x {height} pixels are too large; "
            f"wanted at most {MAX_SIDE} a side and {MAX_PIXELS // 1_000_000} megapixels"
        )
