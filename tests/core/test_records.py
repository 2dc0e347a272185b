"""Plain JSON values become dataclasses, and what does not fit is named by its place."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.core.records import from_dict


@dataclass(frozen=True, kw_only=True)
class Inner:
    sizes: tuple[int, ...] = ()
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, kw_only=True)
class Outer:
    margin: float = 1.0
    name: str | None = None
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()


inners = st.builds(Inner, sizes=st.lists(st.integers()).map(tuple), kind=st.sampled_from(["a", "b"]))


@given(
    st.builds(
        Outer,
        margin=st.floats(allow_nan=False, allow_infinity=False),
        name=st.none() | st.text(),
        inner=inners,
        many=st.lists(inners, max_size=3).map(tuple),
    )
)
def test_what_was_written_is_read(value: Outer) -> None:
    assert from_dict(Outer, asdict(value), "outer") == value


def test_whole_numbers_serve_as_floats_and_missing_fields_have_their_defaults() -> None:
    assert from_dict(Outer, {"margin": 2}, "outer") == Outer(margin=2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "outer must be an object, got list"),
        ({"colour": 1}, "outer has unknown fields colour; known are margin, name, inner, many"),
        ({"margin": "wide"}, "outer.margin must be float, got 'wide'"),
        ({"name": 3}, "outer.name must be str or NoneType, got 3"),
        ({"inner": {"sizes": [1, True]}}, "outer.inner.sizes must be int, got True"),
        ({"inner": {"kind": "c"}}, "outer.inner.kind must be 'a' or 'b', got 'c'"),
        ({"many": [{"sizes": 3}]}, "outer.many.sizes must be a list, got 3"),
    ],
)
def test_what_does_not_fit_is_named(values: Any, message: str) -> None:
    with pytest.raises(InputError) as told:
        from_dict(Outer, values, "outer")
    assert str(told.value) == message
