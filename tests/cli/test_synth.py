"""`chronopose synth`: fields of a scene are flags, mistakes are one line, and the same command goes on."""

import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest

from chronopose import __version__
from chronopose.cli.__main__ import run
from chronopose.cli.synth import fingerprint
from chronopose.data.rendered import RenderedClips
from chronopose.formats.shards import Shards
from chronopose.synth.ranges import SceneConfig
from tests.synth.studio import renderer
from tests.synth.tiny import tiny_assets

SMALL = ["--frames", "2", "--width", "48", "--height", "32", "--people", "1", "1", "--per-shard", "2", "--workers", "0"]


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="module")
def graphics() -> None:
    """Skips where nothing can be rendered at all."""
    with renderer():
        pass


def test_every_field_of_a_scene_is_a_flag_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synth", "--help"]) == 0
    told = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    for field in dataclasses.fields(SceneConfig):
        assert f"--{field.name.replace('_', '-')} " in told, field.name
    assert "fewest and most persons in a clip. [default: (1, 4)]" in told
    assert "--empty-" not in told and "--no-" not in told
    assert "The same command goes on where it was cut short" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--assets", "nowhere"], "nowhere: no such folder; wanted one of assets"),
        (["--people", "3", "1"], r"people must be a fewest and a most in 1 to 12, got \(3, 1\)"),
        (["--seed", "-1"], "seed must be at least 0, got -1"),
        (["--split", "test"], "train.*heldout"),
        (["--clips", "0"], "clips must lie in 1 to .*, got 0"),
        (["--clips", "many"], "many"),
        (["--sheep", "1"], "--sheep"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    assets: Path, arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["synth", "-o", str(tmp_path / "set"), *arguments]
    assert run(given if "--assets" in arguments else [*given, "--assets", str(assets)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("chronopose: ") and told.err.count("\n") == 1 and re.search(why, told.err), told.err
    assert told.out == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["--assets", "--out"])
def test_both_folders_must_be_given(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"--assets": "here", "--out": "there"}
    del given[missing]
    assert run(["synth", *next(iter(given.items()))]) == 1
    assert missing in capsys.readouterr().err


def test_a_bad_asset_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "assets").mkdir()
    assert run(["synth", "--assets", str(tmp_path / "assets"), "-o", str(tmp_path / "set"), *SMALL]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"chronopose: {tmp_path / 'assets'}") and told.count("\n") == 1, told


def test_clips_are_rendered_kept_and_added_to(
    graphics: None, assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "set"
    command = ["synth", "--assets", str(assets), "-o", str(out), *SMALL, "--split", "all"]
    assert run([*command, "--clips", "2"]) == 0
    told = capsys.readouterr()
    assert re.fullmatch(rf"{out}: 2 clips, 2 persons in their key frames, [\d.]+ clips/s\n", told.out), told.out
    shards = Shards(out)
    assert (len(shards), shards.size) == (2, (48, 32))
    assert shards.identity["chronopose"] == __version__ and shards.identity["scene"]["people"] == [1, 1]
    first = shards.clip(0)
    assert first.frames.shape == (2, 32, 48, 3) and first.frames.std() > 5 and len(first.motions) == 1
    assert len(RenderedClips(out, at_least_seen=0, smallest_px=0)) <= 2

    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert run([*command, "--clips", "2"]) == 0
    assert capsys.readouterr().out.endswith("key frames, all made before\n")
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert run([*command, "--clips", "3"]) == 0
    assert len(Shards(out)) == 3

    assert run([*command, "--clips", "3", "--seed", "1"]) == 1
    assert "holds clips made with other settings" in capsys.readouterr().err
    assert len(Shards(out)) == 3


def test_other_contents_or_names_are_other_assets_and_another_place_or_time_is_not(
    assets: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(assets, tmp_path / "copy")
    os.utime(copy / "body.npz", (1, 1))
    assert fingerprint(copy) == fingerprint(assets)
    (copy / "backgrounds" / "field.jpg").rename(copy / "backgrounds" / "lawn.jpg")
    renamed = fingerprint(copy)
    with (copy / "mocap.npz").open("ab") as file:
        file.write(b"\0")
    assert len({fingerprint(assets), renamed, fingerprint(copy)}) == 3
