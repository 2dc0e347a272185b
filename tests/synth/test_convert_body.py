"""MakeHuman's mesh, skeleton, weights and shapes become the arrays that the person of boxes was written from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.convert.body import convert_body, find_data, target_files
from chronopose.synth.convert.obj import read_obj
from chronopose.synth.convert.rig import BONES
from tests.synth.tiny import tiny_body, tiny_targets
from tests.synth.tiny_sources import write_makehuman


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_makehuman(tmp_path_factory.mktemp("makehuman"))


@pytest.fixture
def data(checkout: Path, tmp_path: Path) -> Path:
    """A copy of makehuman/data to spoil, with links to the targets."""
    folder = tmp_path / "data"
    for part in ("3dobjs", "rigs"):
        (folder / part).mkdir(parents=True)
        for file in (checkout / "makehuman" / "data" / part).iterdir():
            (folder / part / file.name).write_bytes(file.read_bytes())
    (folder / "targets").symlink_to(checkout / "makehuman" / "data" / "targets")
    return folder


def test_the_body_comes_back(data: Path, tmp_path: Path) -> None:
    vertices, licences = convert_body(data, tmp_path)
    truth = tiny_body()
    assert vertices == len(truth["verts"]) and licences == {"CC0": 3 + 72}
    with np.load(tmp_path / "body.npz", allow_pickle=False) as body:
        np.testing.assert_allclose(body["verts"], truth["verts"], atol=1e-6)
        for field in ("faces", "face_group", "bone_parent"):
            np.testing.assert_array_equal(body[field], truth[field])
            assert body[field].dtype == truth[field].dtype
        assert body["bone_names"].tolist() == truth["bone_names"].tolist() == list(BONES)
        assert body["group_names"].tolist() == ["body", "tights", "skirt", "hair", "eyes"]
        for end in ("head", "tail"):
            places, want = body[f"{end}_idx"], truth[f"{end}_idx"]
            np.testing.assert_array_equal(places * (body[f"{end}_w"] > 0), want * (truth[f"{end}_w"] > 0))
            np.testing.assert_allclose(body[f"{end}_w"], truth[f"{end}_w"])
        dense = np.zeros((2, vertices, len(BONES)))
        for k, arrays in enumerate((body, truth)):
            for slot in range(4):
                np.add.at(dense[k], (np.arange(vertices), arrays["skin_idx"][:, slot]), arrays["skin_w"][:, slot])
        np.testing.assert_allclose(dense[0], dense[1], atol=2)
        assert (body["skin_w"].astype(int).sum(axis=1) == 65535).all()


def test_the_shapes_come_back(data: Path, tmp_path: Path) -> None:
    convert_body(data, tmp_path)
    truth = tiny_targets(tiny_body()["verts"])
    with np.load(tmp_path / "shape_targets.npz", allow_pickle=False) as targets:
        assert sorted(targets["names"]) == sorted(truth["names"]) and len(targets["names"]) == 72
        row = targets["names"].tolist().index("height-male-old-averagemuscle-averageweight-maxheight")
        want = truth["delta"][truth["names"].tolist().index(targets["names"][row])]
        assert np.abs(want).max() > 100
        np.testing.assert_array_equal(targets["delta"][row], want)
        assert float(targets["unit"]) == pytest.approx(0.002)


def test_the_checkout_may_be_given_at_any_level(checkout: Path) -> None:
    data = checkout / "makehuman" / "data"
    assert find_data(checkout) == find_data(checkout / "makehuman") == find_data(data) == data
    with pytest.raises(InputError, match=r"base\.obj"):
        find_data(checkout / "makehuman" / "data" / "rigs")


def test_target_names_are_those_of_the_files() -> None:
    files = target_files()
    assert len(files) == 72
    assert files["asian-female-child"] == "asian-female-child.target"
    assert files["height-male-old-averagemuscle-averageweight-minheight"] == (
        "height/male-old-averagemuscle-averageweight-minheight.target"
    )


def _json(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return edit


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("3dobjs/base.obj", lambda t: t.replace("v ", "v nan ", 1), r"base\.obj, line 3: 'nan'; wanted a number"),
        ("3dobjs/base.obj", lambda t: t.replace("v ", "v 1e9 ", 1), r"line 3: '1e9'; wanted a number of at most"),
        ("3dobjs/base.obj", lambda t: t + "f 1 2 99999\n", "vertex 99999"),
        ("3dobjs/base.obj", lambda t: t + "f 1 2\n", "a face of 2 corners"),
        ("3dobjs/base.obj", lambda t: t + "f 1/1 2 3\n", "texture coordinates at some corners"),
        ("3dobjs/base.obj", lambda t: t + "f 0 1 2\n", "vertex 0"),
        ("3dobjs/base.obj", lambda t: t.replace("helper-hair", "wig"), "no faces in group 'helper-hair'"),
        ("3dobjs/base.obj", lambda t: "# nothing\n", "0 vertices and 0 faces"),
        ("3dobjs/base.obj", lambda t: "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("rigs/default.mhskel", lambda t: t[:-20], "not readable JSON"),
        ("rigs/default.mhskel", lambda t: "[" * 100_000, "not readable JSON"),
        ("rigs/default.mhskel", lambda t: "[]", "wanted an object"),
        ("rigs/default.mhskel", _json(lambda c: c.pop("joints")), "joints: wanted"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"].pop("finger1-1.L")), "'finger1-2.L' hangs on 'finger1-1.L'"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"].pop("head")), "no bone 'head'"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"].pop("toe3-3.R")), r"no bone 'toe3-3\.R'"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"]["jaw"].update(parent="jaw")), "hangs on no root"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"]["jaw"].update(head=3)), "'jaw': head 3"),
        ("rigs/default.mhskel", _json(lambda c: c["bones"]["root"].update(parent="head")), "'root' hangs on 'head'"),
        ("rigs/default.mhskel", _json(lambda c: c["joints"].update(jaw_head=[10**9])), "vertex 1000000000"),
        ("rigs/default.mhskel", _json(lambda c: c["joints"].update(jaw_head=[True])), "vertex True"),
        ("rigs/default_weights.mhw", _json(lambda c: c["weights"]["head"].append([0, -1])), "wanted a vertex"),
        ("rigs/default_weights.mhw", _json(lambda c: c["weights"]["head"].append([0])), "wanted .vertex, weight"),
        ("rigs/default_weights.mhw", _json(lambda c: c["weights"].update(tail=[])), "weights of a bone 'tail'"),
        ("rigs/default_weights.mhw", lambda t: t.replace("[[", "[[0, NaN], [", 1), "NaN is no number"),
    ],
)
def test_a_broken_file_gives_one_line(
    data: Path, tmp_path: Path, file: str, edit: Callable[[str], str], message: str
) -> None:
    path = data / file
    text = path.read_text()
    assert edit(text) != text
    path.write_text(edit(text))
    with pytest.raises(InputError, match=message) as caught:
        convert_body(data, tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [("3 0 0", "3 words; wanted 4"), ("99999 0 0 0", "99999; wanted 0 to"), ("1 0 x 0", "'x'"), ("1 0 90 0", "90 dm")],
)
def test_a_broken_target_gives_one_line(checkout: Path, data: Path, tmp_path: Path, line: str, message: str) -> None:
    (data / "targets").unlink()
    macro = data / "targets" / "macrodetails"
    (macro / "height").mkdir(parents=True)
    for name in target_files().values():
        (macro / name).write_text("# empty\n")
    (macro / "asian-male-old.target").write_text(f"# header\n{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        convert_body(data, tmp_path)
    assert "asian-male-old.target" in str(caught.value)


def test_a_missing_target_is_named(data: Path, tmp_path: Path) -> None:
    (data / "targets").unlink()
    with pytest.raises(InputError, match=r"african-female-child\.target and 71 more of the 72"):
        convert_body(data, tmp_path)


def test_a_vertex_that_no_bone_moves_goes_with_the_root(data: Path, tmp_path: Path) -> None:
    file = data / "rigs" / "default_weights.mhw"
    content = json.loads(file.read_text())
    content["weights"] = {name: [p for p in pairs if p[0] != 5] for name, pairs in content["weights"].items()}
    file.write_text(json.dumps(content))
    convert_body(data, tmp_path)
    with np.load(tmp_path / "body.npz", allow_pickle=False) as body:
        assert body["skin_idx"][5, 0] == 0 and body["skin_w"][5].tolist() == [65535, 0, 0, 0]


def test_an_obj_counts_from_one_or_from_the_end(tmp_path: Path) -> None:
    file = tmp_path / "a.obj"
    file.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvn 0 0 1\ng left side\nf 1//1 2//1 3//1 -1//1\n")
    mesh = read_obj(file)
    assert mesh.polygons[0].vertices == (0, 1, 2, 3) and mesh.polygons[0].group == "left"
    assert mesh.triangles().tolist() == [[0, 1, 2], [0, 2, 3]]
