"""MATLAB files: the arrays that scipy wrote, and one line of error for whatever else a file may hold."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.io import savemat

from chronopose.core.errors import InputError
from chronopose.formats import matlab

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "?"]


def written(deflated: bool = False, **variables: Any) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=deflated)
    return file.getvalue()


@given(
    values=st.sampled_from(TYPES).flatmap(lambda kind: arrays(kind, array_shapes(min_dims=2, max_dims=3, max_side=5))),
    deflated=st.booleans(),
)
def test_arrays_are_read_as_scipy_wrote_them(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, deflated: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "values.mat"
    file.write_bytes(written(deflated, before="text", values=values, a_struct={"x": 3}))
    found = matlab.read(file, {"values": (None,) * values.ndim})["values"]
    np.testing.assert_array_equal(found, values)


def test_lengths_of_one_at_the_end_that_matlab_drops_are_put_back(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(written(pos_img=np.arange(30.0).reshape(2, 15)))
    found = matlab.read(tmp_path / "a.mat", {"pos_img": (2, 15, None)})["pos_img"]
    np.testing.assert_array_equal(found[..., 0], np.arange(30.0).reshape(2, 15))


def test_files_of_big_endian_machines_are_read(tmp_path: Path) -> None:
    name, values = b"x\0\0\0\0\0\0\0", np.array([1.5, -2.0], dtype=">f8").tobytes()
    parts = [struct.pack(">IIII", 6, 8, 6, 0), struct.pack(">IIii", 5, 8, 1, 2), struct.pack(">II", 1, 1) + name]
    matrix = b"".join(parts) + struct.pack(">II", 9, 16) + values
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">II", 14, len(matrix)) + matrix)
    np.testing.assert_array_equal(matlab.read(tmp_path / "a.mat", {"x": (1, 2)})["x"], [[1.5, -2.0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"", r"expected a MATLAB 5 file, got b''"),
        (lambda: b"MATLAB 7.3 MAT-file".ljust(200), r"version 7\.3 is HDF5"),
        (lambda: written(x=1)[:124] + b"\x00\x02IM", r"expected version 1"),
        (lambda: written(y=1), r"no array x; wanted x"),
        (lambda: written(x="text"), r"x is text; wanted plain numbers"),
        (lambda: written(x={"a": 1}), r"x is a struct"),
        (lambda: written(x=np.array([1, "a"], dtype=object)), r"x is a cell array"),
        (lambda: written(x=np.array([1j])), r"x is complex"),
        (lambda: written(x=np.zeros((3, 4))), r"x: expected n x 2 numbers, got 3 x 4"),
        (lambda: written(x=np.zeros((3, 2, 2))), r"x: expected n x 2 numbers, got 3 x 2 x 2"),
        (lambda: written(x=np.zeros((3, 2)))[:-9], r"damaged \(an element of"),
        (lambda: written(True, x=np.zeros((3, 2)))[:-9], r"damaged"),
        (lambda: written(x=1) + b"\x63\0\0\0\0\0\0\0", r"damaged \(an element of type 99"),
        (lambda: written(x=1) + b"\x63\0", r"damaged"),
    ],
)
def test_other_content_is_named_in_one_line(tmp_path: Path, content: Callable[[], bytes], message: str) -> None:
    (tmp_path / "a.mat").write_bytes(content())
    with pytest.raises(InputError, match=message) as caught:
        matlab.read(tmp_path / "a.mat", {"x": (None, 2)})
    assert str(caught.value).startswith(str(tmp_path / "a.mat")) and "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"a\.mat: cannot read: No such file"):
        matlab.read(tmp_path / "a.mat", {})
    (tmp_path / "a.mat").write_bytes(written(x=np.zeros((30, 2))))
    monkeypatch.setattr(matlab, "MOST_BYTES", 300)
    with pytest.raises(InputError, match=r"more than 300 bytes; no more can be read"):
        matlab.read(tmp_path / "a.mat", {})
    (tmp_path / "a.mat").write_bytes(written(True, x=np.zeros((30, 2))))
    with pytest.raises(InputError, match=r"damaged \(it inflates to more than 300 bytes"):
        matlab.read(tmp_path / "a.mat", {})


@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4),
    deflated=st.booleans(),
)
def test_a_damaged_file_gives_an_array_of_the_shape_wanted_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], deflated: bool
) -> None:
    content = bytearray(written(deflated, x=np.arange(26.0).reshape(2, 13), visible=np.ones((2, 13), bool)))
    for at, value in changes:
        content[128 + at % (len(content) - 128)] = value
    file = tmp_path_factory.getbasetemp() / "damaged.mat"
    file.write_bytes(content)
    try:
        assert matlab.read(file, {"x": (None, 13)})["x"].shape[1] == 13
    except InputError as error:
        assert "\n" not in str(error)
