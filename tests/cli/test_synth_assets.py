"""The verb: what it writes, what it says, and its errors."""

from pathlib import Path

import pytest

from chronopose.cli.__main__ import run
from tests.synth.tiny_sources import write_all, write_makehuman


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_all(tmp_path_factory.mktemp("sources"))


def command(flags: dict[str, Path], out: Path) -> list[str]:
    sources = [word for name, path in flags.items() for word in (f"--{name}", str(path))]
    return ["synth-assets", *sources, "-o", str(out)]


def test_it_builds_the_folder(flags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command(flags, tmp_path / "out")) == 0
    said = capsys.readouterr()
    assert "2 garments, 1 clips of 0.0 minutes, 1 panoramas" in said.out and "licence" not in said.out
    assert said.err == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("backgrounds", "body.npz", "clothes.npz", "mocap.npz", "shape_targets.npz")
    ]


def test_it_says_what_was_left_out_and_what_is_not_cc0(
    flags: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    makehuman = write_makehuman(tmp_path / "makehuman")
    mesh = makehuman / "makehuman" / "data" / "3dobjs" / "base.obj"
    mesh.write_text(mesh.read_text().replace("license CC0", "license AGPL3", 1))
    (tmp_path / "motion").mkdir()
    (tmp_path / "motion" / "bad.bvh").write_text("HIERARCHY")
    mine = {"makehuman": makehuman, "clothes": flags["clothes"], "motion": tmp_path / "motion"}
    assert run([*command(mine, tmp_path / "out"), "--keep-going"]) == 1
    assert "no usable .bvh" in capsys.readouterr().err
    (tmp_path / "motion" / "good.bvh").write_text((flags["motion"] / "01_01.bvh").read_text())
    assert run([*command(mine, tmp_path / "out"), "--keep-going"]) == 0
    said = capsys.readouterr().out
    assert "left out: " in said and "bad.bvh: no line MOTION" in said
    assert "not all MakeHuman files state CC0 (AGPL 1)" in said


def test_a_missing_checkout_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command({"makehuman": tmp_path, "clothes": tmp_path}, tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "wanted a checkout of MakeHuman" in said
    assert not (tmp_path / "out").exists()
