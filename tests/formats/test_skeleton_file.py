"""Skeletons from YAML: what is left out is filled in, what is wrong is named in one line."""

from pathlib import Path

import pytest
import yaml

from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS
from chronopose.formats import skeleton_file


def read(folder: Path, text: str) -> skeleton_file.Skeleton:
    (folder / "mine.yaml").write_text(text)
    return skeleton_file.read(folder / "mine.yaml")


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_written_out_in_full_is_that_skeleton(tmp_path: Path, name: str) -> None:
    known = SKELETONS[name]
    fields = {field: getattr(known, field) for field in ("name", "joints", "limbs", "mirror", "sigmas")}
    plain = yaml.safe_dump(
        {field: yaml.safe_load(yaml.dump(value).replace("!!python/tuple", "")) for field, value in fields.items()}
    )
    assert read(tmp_path, plain) == known


def test_what_is_left_out_is_filled_in(tmp_path: Path) -> None:
    skeleton = read(tmp_path, "joints: [wrist, left_tip, right_tip, left_ring]\nlimbs: [[wrist, left_tip]]")
    assert (skeleton.name, skeleton.limbs) == ("mine", (("wrist", "left_tip"),))
    assert skeleton.mirror == (("left_tip", "right_tip"),)
    assert skeleton.sigmas == (0.079,) * 4
    assert read(tmp_path, "{joints: [left_a, right_a], mirror: [], sigmas: 0.05}").mirror == ()
    assert read(tmp_path, "{joints: [a, b], sigmas: 0.05}").sigmas == (0.05, 0.05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected fields joints, limbs, mirror and sigmas, got NoneType"),
        ("[a, b]", r"expected fields .* got list"),
        ("joints: [a, b", r"not readable as YAML"),
        ("joints: !!python/object/apply:os.system [echo]", r"not readable as YAML"),
        ("[" * 5000, r"not readable as YAML"),
        ("when: 2001-99-99", r"not readable as YAML"),
        ("{joints: [a], limb: []}", r"no field 'limb'; there are name, joints"),
        ("{limbs: []}", r"joints: expected a list of 1 to 1000 names, got None"),
        ("{joints: [a, 3]}", r"joints: expected a list"),
        ("{joints: [a, a]}", r"joint names must be unique"),
        ("{joints: [a, b], limbs: [[a, c]]}", r"no joint called 'c'"),
        ("{joints: [a, b], limbs: [a]}", r"limbs: expected pairs of joint names"),
        ("{joints: [a, b], mirror: [[a, b], [b, a]]}", r"stands in two mirror pairs"),
        ("{joints: [a, b], sigmas: [0.1]}", r"2 joints but 1 sigmas"),
        ("{joints: [a, b], sigmas: wide}", r"sigmas: expected a list of 2 numbers"),
        ("{joints: [a, b], sigmas: -1}", r"sigmas: expected numbers between 0 and 1"),
        ("{joints: [a, b], sigmas: .nan}", r"sigmas: expected numbers between 0 and 1"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "mine.yaml")) and "\n" not in str(caught.value)


def test_files_that_are_not_there_or_too_large_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: cannot read: No such file"):
        skeleton_file.read(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="more than 65536 bytes"):
        read(tmp_path, "#" * (1 << 16) + "\n")
