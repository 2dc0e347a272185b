"""Motion files become the 23 points: right way up, in metres, at 30 frames a second, cut at jumps."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.synth.convert.asf import read_amc
from chronopose.synth.convert.bvh import read_bvh
from chronopose.synth.convert.capture import Capture
from chronopose.synth.convert.motion import convert_motion, find_motion
from chronopose.synth.convert.points import FAMILIES, Points, to_points
from chronopose.synth.puppet import POINTS
from tests.synth.tiny_sources import BONES, bvh_text

UNIT_M = 0.0254 / 0.45
AT = {name: row for row, name in enumerate(POINTS)}


def refuse(error: InputError) -> None:
    raise error


def ignore(done: int) -> None:
    pass


def read(tmp_path: Path, text: str) -> Capture:
    path = tmp_path / "a.bvh"
    path.write_text(text)
    return read_bvh(path)


def points(tmp_path: Path, text: str) -> Points:
    return to_points(tmp_path / "a.bvh", read(tmp_path, text))


def turned(joint: str, degrees: tuple[float, float, float]) -> dict[str, np.ndarray]:
    """The joint turned about z, y and x in all of 90 frames."""
    return {joint: np.tile(np.array(degrees, float), (90, 1))}


def test_at_rest_the_points_are_the_joints(tmp_path: Path) -> None:
    found = points(tmp_path, bvh_text())
    assert found.points.shape == (90, 23, 3)
    want = {"pelvis": (0, 17, 0), "lhip": (1.6, 15.9, 0), "rankle": (-1.6, 1.3, 0), "ltoe": (1.6, 0.7, 2.2)}
    want |= {"spine": (0, 19, -0.2), "chest": (0, 21, -0.2), "neck": (0, 24, -0.1), "head": (0, 25.6, -0.1)}
    want |= {"headtop": (0, 27.3, -0.1), "lelb": (8, 23.8, -0.2), "rwri": (-12.5, 23.8, -0.2)}
    want |= {"lhand": (13.9, 23.8, -0.2)}
    for name, place in want.items():
        np.testing.assert_allclose(found.points[0, AT[name]], np.array(place) * UNIT_M, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found.points[0, AT["face"]], found.points[0, AT["head"]] + [0, 0, 0.1], atol=1e-9)
    # From the middle of the hips to the spine it is 3.1 up and 0.2 back, from there to the neck 5 up and 0.1 ahead.
    np.testing.assert_allclose(found.reference, [[0, 1, -0.2 / 3.1], [0, 1, 0.1 / 5]], atol=1e-9)


@pytest.mark.parametrize(
    ("joint", "degrees", "point", "way"),
    [
        ("LeftUpLeg", (90, 0, 0), "lknee", (7.3, 0, 0)),  # about z: what hangs down swings to +x
        ("LeftUpLeg", (0, 0, -90), "lknee", (0, 0, 7.3)),  # about x: forwards
        ("LeftUpLeg", (90, 0, -90), "lknee", (0, 0, 7.3)),  # z is applied in the frame of the parent, x in z's
        ("LeftUpLeg", (0, 90, -90), "lknee", (7.3, 0, 0)),
    ],
)
def test_angles_turn_in_the_order_of_the_channels(
    tmp_path: Path, joint: str, degrees: tuple[float, float, float], point: str, way: tuple[float, float, float]
) -> None:
    found = points(tmp_path, bvh_text(turned(joint, degrees)))
    moved = found.points[0, AT[point]] - found.points[0, AT["lhip"]]
    np.testing.assert_allclose(moved, np.array(way) * UNIT_M, atol=1e-6)


def test_the_head_turns_the_face(tmp_path: Path) -> None:
    found = points(tmp_path, bvh_text(turned("Head", (0, 90, 0))))
    np.testing.assert_allclose(found.points[0, AT["face"]] - found.points[0, AT["head"]], [0.1, 0, 0], atol=1e-6)


def test_bones_keep_their_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    found = points(tmp_path, bvh_text({name: rng.uniform(-180, 180, (90, 3)) for name in BONES}))
    for a, b, length in (("lhip", "lknee", 7.3), ("relb", "rwri", 4.5), ("neck", "head", 1.6)):
        distance = np.linalg.norm(found.points[:, AT[a]] - found.points[:, AT[b]], axis=1)
        np.testing.assert_allclose(distance, length * UNIT_M, rtol=1e-4)


def test_a_root_that_is_told_as_a_way_from_its_offset_stands_on_the_floor(tmp_path: Path) -> None:
    text = bvh_text(path=np.zeros((90, 3))).replace("ROOT Hips\n{\nOFFSET 0 0 0", "ROOT Hips\n{\nOFFSET 0 17 0")
    np.testing.assert_allclose(points(tmp_path, text).points[0, 0], [0, 17 * UNIT_M, 0], atol=1e-6)


def test_names_of_other_skeletons(tmp_path: Path) -> None:
    own = points(tmp_path, bvh_text()).points
    prefixed = {name: f"mixamorig:{name}" for name in BONES}
    np.testing.assert_allclose(points(tmp_path, bvh_text(rename=prefixed)).points, own)
    biovision = {"Spine": "Chest", "Spine1": "Chest2"}
    for side in ("Left", "Right"):
        for theirs, ours in (("Hip", "UpLeg"), ("Knee", "Leg"), ("Ankle", "Foot"), ("Toe", "ToeBase")):
            biovision[side + ours] = side + theirs
        for theirs, ours in (("Shoulder", "Arm"), ("Elbow", "ForeArm"), ("Wrist", "Hand")):
            biovision[side + ours] = side + theirs
    np.testing.assert_allclose(points(tmp_path, bvh_text(rename=biovision)).points, own)


def test_every_family_names_every_point() -> None:
    for family, table in FAMILIES.items():
        assert len(table) == len({*table, "pelvis", "hip", "skull"}) == 15, family


def test_joints_that_are_missing_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bvh: joints not found: lknee \(leftleg\), rwri \(righthand\)") as caught:
        points(tmp_path, bvh_text(rename={"LeftLeg": "Knie", "RightHand": "Hand"}))
    assert "nearest known skeleton is that of MotionBuilder" in str(caught.value) and "Knie" in str(caught.value)


def test_a_file_whose_z_points_up_is_turned(tmp_path: Path) -> None:
    lines = []
    for line in bvh_text().splitlines():
        words = line.split()
        if words and words[0] == "OFFSET":
            x, y, z = map(float, words[1:])
            line = f"OFFSET {x} {-z} {y}"
        elif len(words) > 20:
            line = " ".join(["0 0 17", *words[3:]])
        lines.append(line)
    own = points(tmp_path, bvh_text())
    found = points(tmp_path, "\n".join(lines))
    np.testing.assert_allclose(found.points, own.points, atol=1e-6)
    np.testing.assert_allclose(found.reference, own.reference, atol=1e-9)


@pytest.mark.parametrize(("factor", "unit"), [(1, UNIT_M), (5.64, 0.01), (0.0564, 1), (56.4, 0.001), (2.22, 0.0254)])
def test_the_unit_is_told_by_the_legs(tmp_path: Path, factor: float, unit: float) -> None:
    rows = []
    for line in bvh_text(path=np.tile([0, 17.0 * factor, 0], (90, 1))).splitlines():
        words = line.split()
        if words[0] == "OFFSET":
            line = " ".join(["OFFSET", *(str(float(word) * factor) for word in words[1:])])
        rows.append(line)
    assert points(tmp_path, "\n".join(rows)).points[0, 0, 1] == pytest.approx(17 * factor * unit)


def test_legs_of_no_person_are_refused(tmp_path: Path) -> None:
    rows = [line.replace("-7.3", "-11") for line in bvh_text().splitlines()]
    with pytest.raises(InputError, match="a leg is 22 long"):
        points(tmp_path, "\n".join(rows))


BROKEN = [
    ("MOTION", "MOTIONS", "'MOTIONS'; wanted a skeleton"),
    ("Frames: 90", "Frames: 91", "90 frames; wanted the 91"),
    ("Frames: 90", "Frames: 1000000000", "1000000000; wanted 1 to"),
    ("Frame Time: 0.016667", "Frame Time: 0", "a frame lasts 0 seconds"),
    ("Frame Time: 0.016667", "Frame Time: nan", "'nan'; wanted a number"),
    ("ROOT Hips", "JOINT Hips", "wanted one ROOT"),
    ("ROOT Hips\n{", "ROOT Hips\n", "line 4: 'OFFSET'; wanted a skeleton"),
    ("}\nMOTION", "MOTION", "a brace is missing"),
    ("}\nMOTION", "}\n}\nMOTION", "a brace too many"),
    ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", "channel 'Wrotation'"),
    ("CHANNELS 3 Zrotation", "CHANNELS 900 Zrotation", "900; wanted 0 to 6"),
    ("CHANNELS 3 Zrotation", "CHANNELS 4 Zrotation", "5 words; wanted 6"),
    ("CHANNELS 3 Zrotation Yrotation Xrotation", "CHANNELS 2 Zrotation Yrotation", "wanted .*: one for every channel"),
    ("OFFSET 1.6", "OFFSET inf", "'inf'; wanted a number"),
    ("0.000000 17.000000", "x 17.000000", "a word that is no number"),
    ("0.000000 17.000000", "nan 17.000000", "not finite"),
]


@pytest.mark.parametrize(("old", "new", "message"), BROKEN)
def test_a_broken_bvh_gives_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = bvh_text()
    assert old in text
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, text.replace(old, new, 1))
    assert "a.bvh" in str(caught.value) and "\n" not in str(caught.value)


def test_deep_and_wide_skeletons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="100 levels"):
        read(tmp_path, "HIERARCHY\nROOT a\n{\n" + "JOINT a\n{\n" * 5000)
    with pytest.raises(InputError, match="more than 512 joints"):
        read(tmp_path, "HIERARCHY\nROOT a\n{\n" + "JOINT a\n{\n}\n" * 5000)
    small = "HIERARCHY\nROOT a\n{\nCHANNELS 1 Xrotation\n" + "JOINT a\n{\n}\n" * 500 + "}\nMOTION\nFrames: 60000\n"
    with pytest.raises(InputError, match="60000 frames of 501 joints"):
        read(tmp_path, small + "Frame Time: 0.03\n" + "0\n" * 60000)


@given(st.integers(0, 10_000), st.sampled_from(["", "{", "}", "-", "1e999", "JOINT x", "\0", "MOTION", "٣"]))
def test_a_spoilt_bvh_reads_or_fails_well(tmp_path_factory: pytest.TempPathFactory, at: int, piece: str) -> None:
    text = bvh_text(frames=3)
    at %= len(text)
    path = tmp_path_factory.getbasetemp() / "spoilt.bvh"
    path.write_text(text[:at] + piece + text[at + 3 :])
    try:
        found = to_points(path, read_bvh(path))
    except InputError as error:
        assert "spoilt.bvh" in str(error) and "\n" not in str(error)
    else:
        assert np.isfinite(found.points).all()


def clips(tmp_path: Path, **files: str) -> dict[str, np.ndarray]:
    folder = tmp_path / "motion"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.bvh").write_text(text)
    convert_motion(folder, tmp_path, 120, refuse, ignore)
    with np.load(tmp_path / "mocap.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def test_clips_are_packed_as_the_format_says(tmp_path: Path) -> None:
    way = np.tile([3.0, 17.0, 5.0], (120, 1))
    way[:, 2] += np.arange(120) * 0.1
    arrays = clips(tmp_path, b=bvh_text(), a=bvh_text(frames=120, path=way))
    assert arrays["names"].tolist() == ["bvh/a", "bvh/b"] and arrays["point_names"].tolist() == list(POINTS)
    assert arrays["start"].tolist() == [0, 60, 105] and arrays["fps"] == 30
    assert arrays["points_mm"].dtype == np.int16 and arrays["source"].tolist() == [0, 0]
    assert arrays["rest_ref"].shape == (1, 2, 3)
    np.testing.assert_allclose(arrays["points_mm"][0, 0], [0, 17 * UNIT_M * 1000, 0], atol=0.6)
    np.testing.assert_allclose(arrays["points_mm"][59, 0, 2], 118 * 0.1 * UNIT_M * 1000, atol=0.6)
    np.testing.assert_allclose(arrays["points_mm"][59, AT["lhip"]], np.array([1.6, -1.1, 0]) * UNIT_M * 1000, atol=0.6)


@pytest.mark.parametrize(("fps", "frames", "want"), [(120, 200, 50), (60, 100, 50), (25, 50, 59), (30, 45, 45)])
def test_every_frame_rate_becomes_30(tmp_path: Path, fps: float, frames: int, want: int) -> None:
    way = np.zeros((frames, 3))
    way[:, 1], way[:, 0] = 17, np.arange(frames) / fps * 10
    points_mm = clips(tmp_path, a=bvh_text(frames=frames, fps=fps, path=way))["points_mm"]
    assert len(points_mm) == want
    np.testing.assert_allclose(points_mm[:, 0, 0], np.arange(want) / 30 * 10 * UNIT_M * 1000, atol=1)


def test_a_jump_cuts_the_clip_and_short_pieces_go(tmp_path: Path) -> None:
    way = np.tile([0.0, 17.0, 0.0], (200, 1))
    way[1:] += [50, 0, 0]  # a first frame elsewhere, as in many files
    way[101:] += [50, 0, 0]
    arrays = clips(tmp_path, a=bvh_text(frames=200, fps=30, path=way))
    assert arrays["names"].tolist() == ["bvh/a#1", "bvh/a#101"] and arrays["start"].tolist() == [0, 100, 199]
    assert arrays["points_mm"][:, 0, 0].tolist() == [0] * 199


def test_a_walk_of_more_than_32_metres_is_cut(tmp_path: Path) -> None:
    way = np.tile([0.0, 17.0, 0.0], (300, 1))
    way[:, 2] = np.arange(300) * 4.0
    arrays = clips(tmp_path, a=bvh_text(frames=300, fps=30, path=way))
    assert arrays["names"].tolist() == ["bvh/a#0", "bvh/a#142"] and arrays["start"].tolist() == [0, 142, 284]
    assert 31_000 < arrays["points_mm"][:, 0, 2].max() <= 32_000 and arrays["points_mm"][142, 0, 2] == 0


def test_skeletons_that_stand_differently_are_other_sources(tmp_path: Path) -> None:
    bent = bvh_text().replace("OFFSET 0 2.0 -0.2", "OFFSET 0 2.0 0.6")
    arrays = clips(tmp_path, a=bvh_text(), b=bent, c=bvh_text())
    assert arrays["source"].tolist() == [0, 1, 0]
    np.testing.assert_allclose(arrays["rest_ref"][1, 0], [0, 1, 0.6 / 3.1], atol=1e-6)


def test_too_short_and_broken_files(tmp_path: Path) -> None:
    (tmp_path / "short.bvh").write_text(bvh_text(frames=20))
    (tmp_path / "bad.bvh").write_text("HIERARCHY")
    told: list[InputError] = []
    with pytest.raises(InputError, match="no usable"):
        convert_motion(tmp_path, tmp_path, 120, told.append, ignore)
    assert ["bad.bvh: no line MOTION" in str(told[0]), "1.3 seconds" in str(told[1])] == [True, True]
    with pytest.raises(InputError, match="no line MOTION"):
        convert_motion(tmp_path, tmp_path, 120, refuse, ignore)


def test_stems_that_repeat_get_their_folder(tmp_path: Path) -> None:
    for name in ("a/walk.bvh", "b/walk.BVH", "b/run#1.bvh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [name for name, _ in find_motion(tmp_path)] == ["bvh/a_walk", "bvh/run_1", "bvh/b_walk"]
    with pytest.raises(InputError, match="no such folder"):
        find_motion(tmp_path / "c")


def test_without_a_folder_there_are_no_clips(tmp_path: Path) -> None:
    assert convert_motion(None, tmp_path, 120, refuse, ignore) == (0, 0)
    with np.load(tmp_path / "mocap.npz", allow_pickle=False) as arrays:
        assert arrays["start"].tolist() == [0] and arrays["points_mm"].shape == (0, 23, 3)


# A skeleton in ASF as CMU has them: bones with an axis of their own, joints at their ends.
_ASF = {
    "lhipjoint": ("root", (1.6, -1.1, 0), ""),
    "lfemur": ("lhipjoint", (0, -7.3, 0), "rx ry rz"),
    "ltibia": ("lfemur", (0, -7.3, 0), "rx"),
    "lfoot": ("ltibia", (0, -0.6, 2.2), "rx rz"),
    "rhipjoint": ("root", (-1.6, -1.1, 0), ""),
    "rfemur": ("rhipjoint", (0, -7.3, 0), "rx ry rz"),
    "rtibia": ("rfemur", (0, -7.3, 0), "rx"),
    "rfoot": ("rtibia", (0, -0.6, 2.2), "rx rz"),
    "lowerback": ("root", (0, 2.0, -0.2), "rx ry rz"),
    "upperback": ("lowerback", (0, 2.0, 0), "rx ry rz"),
    "thorax": ("upperback", (0, 3.0, 0.1), "rx ry rz"),
    "upperneck": ("thorax", (0, 1.6, 0), "rx ry rz"),
    "head": ("upperneck", (0, 1.7, 0), "rx ry rz"),
    "lclavicle": ("upperback", (3.0, 2.8, 0), "ry rz"),
    "lhumerus": ("lclavicle", (5.0, 0, 0), "rx ry rz"),
    "lradius": ("lhumerus", (4.5, 0, 0), "rx"),
    "lhand": ("lradius", (1.4, 0, 0), "rx rz"),
    "rclavicle": ("upperback", (-3.0, 2.8, 0), "ry rz"),
    "rhumerus": ("rclavicle", (-5.0, 0, 0), "rx ry rz"),
    "rradius": ("rhumerus", (-4.5, 0, 0), "rx"),
    "rhand": ("rradius", (-1.4, 0, 0), "rx rz"),
}


def write_acclaim(folder: Path, angles: dict[str, list[float]] | None = None, frames: int = 3) -> Path:
    rows = ["# a comment\n:version 1.10\n:units\n  mass 1.0\n  length 0.45\n  angle deg\n:root\n"]
    rows.append("  order TX TY TZ RX RY RZ\n  axis XYZ\n  position 0 0 0\n  orientation 0 0 0\n:bonedata\n")
    for number, (name, (_, step, dof)) in enumerate(_ASF.items(), start=1):
        length = float(np.linalg.norm(step))
        rows.append(f"  begin\n    id {number}\n    name {name}\n")
        rows.append(f"    direction {step[0] / length:.9f} {step[1] / length:.9f} {step[2] / length:.9f}\n")
        axis = "0 0 90" if name == "lhumerus" else "0 0 0"
        rows.append(f"    length {length:.9f}\n    axis {axis} XYZ\n")
        rows.append(f"    dof {dof}\n    limits (-160.0 20.0)\n           (-70.0 70.0)\n" if dof else "")
        rows.append("  end\n")
    rows.append(":hierarchy\n  begin\n    root lhipjoint rhipjoint lowerback\n")
    families = {parent: [name for name, (above, *_) in _ASF.items() if above == parent] for parent in _ASF}
    rows += [f"    {parent} {' '.join(children)}\n" for parent, children in families.items() if children]
    rows.append("  end\n")
    (folder / "01.asf").write_text("".join(rows))
    frame = "root 0 17 0 0 0 0\n"
    for name, (_, _, dof) in _ASF.items():
        if dof:
            values = (angles or {}).get(name, [0.0] * len(dof.split()))
            frame += f"{name} {' '.join(map(str, values))}\n"
    motion = "".join(f"{number}\n{frame}" for number in range(1, frames + 1))
    (folder / "01_01.amc").write_text(f"#!OML:ASF F:\\\n:FULLY-SPECIFIED\n:DEGREES\n{motion}")
    return folder / "01_01.amc"


def test_acclaim_gives_the_points_that_bvh_gives(tmp_path: Path) -> None:
    path = write_acclaim(tmp_path)
    found = to_points(path, read_amc(path, 120))
    want = points(tmp_path, bvh_text(frames=3))
    np.testing.assert_allclose(found.points, want.points, atol=1e-6)
    np.testing.assert_allclose(found.reference, want.reference, atol=1e-6)


def test_acclaim_turns_bones_about_axes_of_their_own(tmp_path: Path) -> None:
    # About x first, then y, then z, all of them fixed: what hangs down goes ahead by x, then to the left by y.
    path = write_acclaim(tmp_path, {"lfemur": [-90, 90, 0], "lhumerus": [90, 0, 0], "head": [0, 90, 0]})
    found = to_points(path, read_amc(path, 120)).points[0]
    np.testing.assert_allclose(found[AT["lknee"]] - found[AT["lhip"]], [7.3 * UNIT_M, 0, 0], atol=1e-6)
    # The upper arm's own x points up, so that it swings back about it.
    np.testing.assert_allclose(found[AT["lelb"]] - found[AT["lsho"]], [0, 0, -5 * UNIT_M], atol=1e-6)
    np.testing.assert_allclose(found[AT["face"]] - found[AT["head"]], [0.1, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("01.asf", "name lfemur", "name ltibia", "named twice"),
        ("01.asf", "dof rx ry rz", "dof rx ry l", "degree of freedom 'l'"),
        ("01.asf", "axis 0 0 0 XYZ", "axis 0 0 0 XYY", "axis order 'XYY'"),
        ("01.asf", "orientation 0 0 0", "orientation 0 9 0", "turned at rest"),
        ("01.asf", "ltibia lfoot", "ltibia", "'lfoot'"),
        ("01.asf", ":hierarchy", ":skin", "hangs on none"),
        ("01.asf", "length 0.45", "length x", "'x'; wanted a number"),
        ("01_01.amc", "ltibia 0.0", "ltibia 0.0 0.0", "3 words; wanted 2"),
        ("01_01.amc", "ltibia 0.0", "tail 0.0", "'tail'"),
        ("01_01.amc", "ltibia 0.0\n", "", "frame 1 has no 'ltibia'"),
        ("01_01.amc", ":DEGREES", ":RADIANS", "wanted :DEGREES"),
    ],
)
def test_broken_acclaim_gives_one_line(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    path = write_acclaim(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_amc(path, 120)
    assert file in str(caught.value) and "\n" not in str(caught.value)


def test_an_amc_file_needs_its_skeleton(tmp_path: Path) -> None:
    path = write_acclaim(tmp_path)
    (tmp_path / "01.asf").rename(tmp_path / "subject.asf")
    assert len(read_amc(path, 120).positions) == 3
    (tmp_path / "subject.asf").unlink()
    with pytest.raises(InputError, match=r"0 \.asf files beside it; wanted 01\.asf"):
        read_amc(path, 120)
