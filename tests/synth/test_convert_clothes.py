"""Garments come back from .mhclo and .obj; what is hostile or odd gives one line."""

from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.synth.convert.clothes import convert_clothes
from tests.synth.tiny import tiny_body, tiny_clothes
from tests.synth.tiny_sources import write_clothes

VERTICES = len(tiny_body()["verts"])
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 5 5 5\nf 1 2 3\n"
CLO = "obj_file hat.obj\nx_scale 0 1 2.5\nverts 0\n7\n8\n1 2 3 0.5 0.25 0.25 0.1 0.2 -0.3\n9\n"


def refuse(error: InputError) -> None:
    raise error


def write_hat(folder: Path, clo: str = CLO, obj: str = OBJ) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hat.obj").write_text(obj)
    (folder / "hat.mhclo").write_text(clo)
    return folder


def test_garments_come_back(tmp_path: Path) -> None:
    names, licences = convert_clothes(write_clothes(tmp_path / "in"), tmp_path, VERTICES, refuse)
    truth = tiny_clothes(tiny_body())
    assert names == ("female_casualsuit01", "shoes01") and licences == {"CC0": 2}
    with np.load(tmp_path / "clothes.npz", allow_pickle=False) as clothes:
        for name in names:
            for field in ("idx", "w", "off", "tri", "hide"):
                np.testing.assert_array_equal(clothes[f"{name}/{field}"], truth[f"{name}/{field}"])
                assert clothes[f"{name}/{field}"].dtype == truth[f"{name}/{field}"].dtype
            np.testing.assert_allclose(clothes[f"{name}/scale"], truth[f"{name}/scale"], rtol=1e-5)


def test_one_index_sticks_to_one_vertex_and_scale_may_be_missing(tmp_path: Path) -> None:
    convert_clothes(write_hat(tmp_path / "in"), tmp_path, VERTICES, refuse)
    with np.load(tmp_path / "clothes.npz", allow_pickle=False) as clothes:
        assert clothes["hat/idx"].tolist() == [[7, 7, 7], [8, 8, 8], [1, 2, 3], [9, 9, 9]]
        assert clothes["hat/w"][:2].tolist() == [[1, 0, 0], [1, 0, 0]]
        np.testing.assert_allclose(clothes["hat/off"][2], [0.1, 0.2, -0.3], atol=1e-3)
        assert clothes["hat/scale"].tolist() == [[0, 1, 2.5], [0, 0, 0], [0, 0, 0]]
        assert clothes["hat/comp"].tolist() == [0, 0, 0, 1]


def test_hidden_vertices_are_single_ones_and_ranges(tmp_path: Path) -> None:
    folder = write_hat(tmp_path / "in", CLO + "delete_verts 1\n3 - 5 7 9-10\n12 - 14\n")
    convert_clothes(folder, tmp_path, VERTICES, refuse)
    with np.load(tmp_path / "clothes.npz", allow_pickle=False) as clothes:
        hidden = np.flatnonzero(np.unpackbits(clothes["hat/hide"])[:VERTICES])
        assert hidden.tolist() == [1, 3, 4, 5, 7, 9, 10, 12, 13, 14]


def test_a_keyword_between_verts_and_its_numbers_does_not_end_them(tmp_path: Path) -> None:
    convert_clothes(
        write_hat(tmp_path / "in", CLO.replace("verts 0\n", "verts 0\nmaterial x.mhmat\n")), tmp_path, VERTICES, refuse
    )
    with np.load(tmp_path / "clothes.npz", allow_pickle=False) as clothes:
        assert len(clothes["hat/idx"]) == 4


def test_parts_of_the_face_are_passed_over(tmp_path: Path) -> None:
    write_hat(tmp_path / "in" / "clothes")
    for folder in ("eyebrows", "teeth", "debug"):
        write_hat(tmp_path / "in" / folder / "x", clo="rubbish")
    assert convert_clothes(tmp_path / "in", tmp_path, VERTICES, refuse)[0] == ("hat",)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder of clothes"):
        convert_clothes(tmp_path / "in", tmp_path, VERTICES, refuse)


@pytest.mark.parametrize(
    ("clo", "message"),
    [
        (CLO.replace("hat.obj", "../secret.obj"), "in the same folder"),
        (CLO.replace("hat.obj", "/etc/secret.obj"), "in the same folder"),
        (CLO.replace("hat.obj", "link.obj"), "in the same folder"),
        (CLO.replace("hat.obj", "hat.mhclo"), "wanted an .obj file"),
        (CLO.replace("hat.obj", "a\0b.obj"), "wanted an .obj file|no such file|cannot be read"),
        (CLO.replace("hat.obj", "none.obj"), "none.obj: no such file"),
        (CLO.replace("obj_file hat.obj\n", ""), "no line `obj_file`"),
        (CLO.replace("x_scale 0 1 2.5", "x_scale 0 1"), "line 2: 3 words; wanted 4"),
        (CLO.replace("0 1 2.5", "0 99999 2.5"), "line 2: 99999; wanted 0 to"),
        (CLO.replace("0.5 0.25 0.25", "0.5 inf 0.25"), "line 6: 'inf'"),
        (CLO.replace("0.5 0.25 0.25", "0.5 0.9 0.25"), "the weights of vertex 2 sum to 1.65"),
        (CLO.replace("0.1 0.2 -0.3", "0.1 0.2"), "line 6: 8 words; wanted 9"),
        (CLO.replace("0.1 0.2", "0.1 900"), "line 6: a weight or an offset above 100"),
        (CLO.replace("\n9\n", "\n"), "binds 3 vertices, but hat.obj has 4"),
        (CLO + "delete_verts\n3 - 99999\n", "line 9: 99999"),
        (CLO + "delete_verts\n5 - 3\n", "line 9: 3; wanted 5 to"),
        (CLO + "delete_verts\n3 -\n", "line 9: ends after 1 words"),
        (CLO + "delete_verts\n3 " + "1" * 5000 + "\n", "line 9: '1111"),
        (CLO.replace("verts 0", "basemesh hm07\nverts 0"), "made for the base mesh 'hm07'"),
        ("name hat\nobj_file hat.obj\n", "binds no vertices"),
    ],
)
def test_a_broken_garment_gives_one_line(tmp_path: Path, clo: str, message: str) -> None:
    folder = write_hat(tmp_path / "in", clo)
    (tmp_path / "secret.obj").write_text(OBJ)
    (folder / "link.obj").symlink_to(tmp_path / "secret.obj")
    with pytest.raises(InputError, match=message) as caught:
        convert_clothes(folder, tmp_path, VERTICES, refuse)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_two_garments_of_one_name(tmp_path: Path) -> None:
    write_hat(tmp_path / "in" / "a")
    write_hat(tmp_path / "in" / "b")
    with pytest.raises(InputError, match="there is a garment 'hat' already"):
        convert_clothes(tmp_path / "in", tmp_path, VERTICES, refuse)


def test_what_is_told_of_may_be_left_out(tmp_path: Path) -> None:
    write_hat(tmp_path / "in" / "a")
    write_hat(tmp_path / "in" / "b", clo="rubbish")
    (tmp_path / "in" / "b" / "hat.mhclo").rename(tmp_path / "in" / "b" / "bad.mhclo")
    told: list[InputError] = []
    assert convert_clothes(tmp_path / "in", tmp_path, VERTICES, told.append)[0] == ("hat",)
    assert len(told) == 1 and "bad.mhclo" in str(told[0])
    (tmp_path / "in" / "a" / "hat.mhclo").unlink()
    with pytest.raises(InputError, match=r"no usable \.mhclo"):
        convert_clothes(tmp_path / "in", tmp_path, VERTICES, told.append)
