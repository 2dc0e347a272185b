"""Files of graphs come back as they were written; whatever else is in a file of that name is refused in one line."""

import json
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chronopose.clips.crop import crop_clip
from chronopose.core.errors import InputError
from chronopose.inference.predictor import Predictor
from chronopose.runtimes import graph_file
from chronopose.runtimes.about import KEY
from chronopose.runtimes.export import to_openvino
from chronopose.runtimes.graph_file import GraphFile, is_graph_file, read, suffix_of, write
from chronopose.runtimes.onnx_bytes import metadata_of
from tests.inference.tiny_pose import rendered
from tests.runtimes.tiny_graphs import pair, pixels, tiny, window

FILES: dict[str, Callable[[], GraphFile]] = {
    "window.onnx": lambda: window("dsta"),
    "pair.zip": lambda: pair("dsta"),
    "recurrent.zip": lambda: pair("listpose"),
    "openvino.zip": lambda: to_openvino(pair("listpose")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    file = FILES[name]()
    assert suffix_of(file) == Path(name).suffix
    write(file, tmp_path / name)
    again = read(tmp_path / name)
    assert again.about == file.about
    assert (dict(again.graphs), dict(again.weights)) == (dict(file.graphs), dict(file.weights))
    assert file.size <= (tmp_path / name).stat().st_size < file.size + 20_000
    write(file, tmp_path / f"twice{Path(name).suffix}")
    assert (tmp_path / f"twice{Path(name).suffix}").read_bytes() == (tmp_path / name).read_bytes()


def test_every_onnx_model_carries_the_record_and_names_no_machine(tmp_path: Path) -> None:
    for file in (pair("dsta"), window("dsta")):
        for graph in file.graphs.values():
            model = onnx.load_from_string(graph)
            record = json.loads(next(entry.value for entry in model.metadata_props if entry.key == KEY))
            assert record["skeleton"]["joints"] == list(file.about.skeleton.joints)
            assert record["spec"]["offsets"] == [-1, 0, 1]
            assert record["card"]["data"] == "nothing"
            assert b"site-packages" not in graph and str(Path.cwd()).encode() not in graph


def test_a_program_without_chronopose_can_use_the_pair(tmp_path: Path) -> None:
    write(pair("dsta"), tmp_path / "pair.zip")
    with zipfile.ZipFile(tmp_path / "pair.zip") as archive:
        about = json.loads(archive.read("chronopose.json"))
        encode, fuse = (onnxruntime.InferenceSession(archive.read(f"{step}.onnx")) for step in about["graphs"])
    shown = pixels("dsta", 2)
    features = encode.run(None, {"pixels": shown.flatten(0, 1).numpy()})[0]
    found = fuse.run(None, {"features": features.reshape(2, 3, *about["feature"])})
    np.testing.assert_allclose(found[0], tiny("dsta").model(shown).xy_crop.detach().numpy(), atol=1e-3)


def test_files_are_told_by_their_suffix() -> None:
    assert all(is_graph_file(name) for name in ("a.onnx", "b.ZIP", "c.pt2"))
    assert not any(is_graph_file(name) for name in ("dsta-small", "a.safetensors", "runs/one"))


# Hostile files ------------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(InputError) as told:
        read(path)
    assert "\n" not in str(told.value) and path.name in str(told.value) and len(str(told.value)) < 600
    return str(told.value)


def test_what_is_not_there_or_of_another_program(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "nix.onnx")
    (tmp_path / "a.pt2").write_bytes(b"x")
    assert "torch.export is for other programs" in refused(tmp_path / "a.pt2")
    for name, data in (("empty.onnx", b""), ("text.onnx", b"hello world"), ("zeros.zip", bytes(500))):
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name)
    foreign = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    (tmp_path / "foreign.onnx").write_bytes(foreign.SerializeToString())
    assert "without a record of chronopose's" in refused(tmp_path / "foreign.onnx")
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing of ours")
    assert "without chronopose.json" in refused(tmp_path / "foreign.zip")


def test_half_of_a_pair(tmp_path: Path) -> None:
    (tmp_path / "encode.onnx").write_bytes(pair("dsta").graphs["encode"])
    assert "one of a pair" in refused(tmp_path / "encode.onnx")
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.writestr("chronopose.json", json.dumps(record()))
        archive.writestr("encode.onnx", pair("dsta").graphs["encode"])
    assert "holds no encode.xml" in refused(tmp_path / "half.zip") or "holds no" in refused(tmp_path / "half.zip")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["window.onnx", "pair.zip"])
def test_a_truncated_file(name: str, share: float, tmp_path: Path) -> None:
    write(FILES[name](), tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    assert ("damaged zip file" if name.endswith(".zip") else "ONNX model") in refused(tmp_path / name)


def test_a_damaged_part_is_found_by_its_sum(tmp_path: Path) -> None:
    write(pair("dsta"), tmp_path / "pair.zip")
    data = bytearray((tmp_path / "pair.zip").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "pair.zip").write_bytes(data)
    assert "damaged" in refused(tmp_path / "pair.zip")


def test_compressed_parts_could_be_bombs(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chronopose.json", json.dumps(record()))
        archive.writestr("encode.onnx", bytes(10_000_000))
    assert "is compressed" in refused(tmp_path / "bomb.zip")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(graph_file.LARGEST)  # sparse
    assert "files of graphs have less" in refused(tmp_path / "huge.onnx")


def test_names_that_lead_elsewhere_are_never_followed(tmp_path: Path) -> None:
    write(pair("dsta"), tmp_path / "pair.zip")
    with zipfile.ZipFile(tmp_path / "pair.zip", "a") as archive:
        archive.writestr("../outside.onnx", b"x")
        archive.writestr("/etc/outside", b"x")
    assert read(tmp_path / "pair.zip").about == pair("dsta").about
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["pair.zip"]


def test_weights_in_other_files_are_not_fetched(tmp_path: Path) -> None:
    model = onnx.load_from_string(window("dsta").graphs["window"])
    tensor = model.graph.initializer[-1]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    tensor.ClearField("raw_data")
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    assert "weights are in other files" in refused(tmp_path / "outside.onnx")


def record() -> dict[str, object]:
    model = onnx.load_from_string(pair("dsta").graphs["encode"])
    found: dict[str, object] = json.loads(model.metadata_props[0].value)
    return found


def with_record(path: Path, text: bytes) -> Path:
    """The window's model with another record."""
    model = onnx.load_from_string(window("dsta").graphs["window"])
    model.metadata_props[0].value = text
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"format": 2}, "format 2; this version of chronopose reads 1"),
        ({"format": None}, "format None"),
        ({"graphs": ["fuse"]}, "graphs must be"),
        ({"precision": "int4"}, "record.precision must be"),
        ({"name": 3}, "record.name must be str"),
        ({"extra": 1}, "unknown fields extra"),
        ({"feature": [0, 4]}, "feature must be a shape"),
        ({"feature": [1 << 40]}, "feature must be a shape"),
        ({"feature": ["a"]}, "must be int"),
        ({"state": [15, 4]}, "state must be a shape for a recurrent pair"),
        ({"moving": [0.5] * 3 * 17 * 16}, "moving must hold 816 numbers for a pair and none for others"),
        ({"graphs": ["encode", "fuse"], "moving": [0.5]}, "moving must hold 816 numbers for a pair"),
        ({"moving": ["a"]}, "moving must be float"),
        ({"spec": {"offsets": [-99999, 0], "height": 64, "width": 48}}, "spec.offsets must be at most"),
        ({"spec": {"offsets": [0], "height": 10**9, "width": 48}}, "at most 4096 a side"),
        ({"spec": {"offsets": [1], "height": 64, "width": 48}}, "predicts"),
        ({"skeleton": {"name": "x", "joints": ["a", "a"], "limbs": [], "mirror": [], "sigmas": [1, 1]}}, "unique"),
        ({"skeleton": {"name": "x", "joints": ["a"], "limbs": [["a", "b"]], "mirror": [], "sigmas": [1]}}, "no joint"),
        ({"skeleton": {"name": "x", "joints": ["a"], "limbs": [], "mirror": [[["a"]]], "sigmas": [1]}}, "damaged"),
        ({"skeleton": {"name": "x"}}, "damaged"),
    ],
)
def test_a_record_that_makes_no_sense(fields: dict[str, object], why: str, tmp_path: Path) -> None:
    whole = {**record(), "graphs": ["window"], "moving": []}
    text = json.dumps({**whole, **fields}).encode()
    assert why in refused(with_record(tmp_path / "odd.onnx", text))


@pytest.mark.parametrize("text", [b"{", b"[1]", b"NaN", b"\xff\xfe", b"[" * 100_000, b"x" * (2 << 20)])
def test_a_record_that_is_no_record(text: bytes, tmp_path: Path) -> None:
    model = window("dsta").graphs["window"]
    entry = field(1, KEY.encode()) + field(2, text)
    (tmp_path / "odd.onnx").write_bytes(model + field(14, entry))  # the last one counts
    refused(tmp_path / "odd.onnx")


def field(number: int, data: bytes) -> bytes:
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


# The reader of bytes ------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        metadata_of(data, KEY, "file")
    except InputError as error:
        assert str(error).startswith("file: ")


@given(st.text(max_size=30), st.text(max_size=300))
def test_metadata_is_read_as_onnx_writes_it(key: str, value: str) -> None:
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    onnx.helper.set_model_props(model, {"other": "x", key: value})
    assert metadata_of(model.SerializeToString(), key, "file") == value.encode()


def test_numbers_and_fixed_fields_are_stepped_over() -> None:
    graph = field(7, b"")
    odd = varint(3 << 3) + varint(2**63) + varint(4 << 3 | 1) + struct.pack("<d", 1.0) + varint(5 << 3 | 5) + bytes(4)
    assert metadata_of(odd + graph, KEY, "file") == b""
    for bad in (b"\x80" * 11, varint(4 << 3 | 1) + b"123", varint(2 << 3 | 3)):
        with pytest.raises(InputError):
            metadata_of(graph + bad, KEY, "file")


def test_the_record_is_frozen_and_compares() -> None:
    about = pair("dsta").about
    assert about == replace(about) and about != replace(about, name="other")


def test_the_documented_program_finds_the_joints_that_chronopose_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    write(window("dsta"), tmp_path / "dsta-small.onnx")
    picture = rendered(12).frames[0]
    Image.fromarray(picture).save("photo.png")
    found: dict[str, Any] = {}
    exec(program, found)
    spec = window("dsta").about.spec
    cut = crop_clip([picture] * 3, np.array([20, 5, 60, 60], np.float32), spec)
    assert np.abs(cut.pixels[0].astype(int) - found["crop"]).mean() < 2  # the same crop but for rounding
    model: Any = tiny("dsta").model
    wanted = Predictor(model, "cpu").clips(cut.pixels[None], cut.crop_to_image[None, 0])
    place = found["xy"][0, 0] * found["scale"] + (found["left"], found["top"])
    np.testing.assert_allclose(place, wanted.xy[0], atol=0.5)
