"""`bench` says where a video's time goes; `bench complexity` counts every model beside its paper's figures."""

import json
from pathlib import Path

import pytest

from chronopose.cli.__main__ import run
from chronopose.formats import weights_file
from chronopose.recipes import published
from chronopose.recipes.presets import PRESETS
from tests.inference.tiny_pose import rendered, save_tiny, write_video

FEW = ("dsta-r50-shipped", "listpose-t", "rle-r50")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of a table cut down to three presets, because counting all takes half a minute."""
    monkeypatch.setattr(published, "PRESETS", {name: PRESETS[name] for name in FEW})
    return [*weights_file.bundled(), *FEW]


def test_the_list_has_a_row_for_every_model_with_the_published_figures(
    few: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "complexity", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == few
    keys = {"name", "parameters", "macs_encode_per_frame", "macs_fuse_per_window", "published"}
    assert all(set(row) == keys for row in rows.values())
    assert rows["listpose-t"]["published"] is None
    assert rows["dsta-r50-shipped"]["parameters"] == rows["dsta-r50-shipped"]["published"]["parameters"] == 24_745_407
    rle = rows["rle-r50"]["published"]
    assert (rle["parameters"], rle["macs"], rle["source"]) == (23_600_000, 4_000_000_000, "arXiv:2107.11291, Table 1")
    assert rle["macs_ours"] == rows["rle-r50"]["macs_encode_per_frame"]


def test_for_people_it_is_a_table_with_the_sources_under_it(few: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "complexity"]) == 0
    table, sources = capsys.readouterr().out.split("\n\nPublished by:\n")
    header, *lines = table.splitlines()
    assert header.split() == [
        "name",
        "parameters",
        "published",
        "ratio",
        "MACs/frame",
        "MACs/window",
        "published",
        "ratio",
    ]
    assert [line.split()[0] for line in lines] == few
    cells = {line.split()[0]: line.split()[1:] for line in lines}
    assert cells["rle-r50"] == ["23,647,364", "23,600,000", "1.002", "4.00", "G", "0.00", "M", "4.00", "G", "1.001"]
    assert cells["listpose-t"][1:3] == ["-", "-"] and cells["listpose-t"][-2:] == ["-", "-"]
    assert [line.split()[0] for line in sources.splitlines()] == [name for name in FEW if name in published.PUBLISHED]
    assert "arXiv:2107.11291, Table 1" in sources and "instantiated; with the 53,784 parameters" in sources


def test_the_verb_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--help"]) == 0
    assert "complexity" in capsys.readouterr().out
    assert run(["bench", "complexity", "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip and a model."""
    folder = tmp_path_factory.mktemp("bench")
    write_video(rendered(20).frames, folder / "walk.mp4")
    save_tiny(folder / "tiny.safetensors")
    return folder


def test_a_video_is_measured_stage_by_stage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(folder / "walk.mp4"), "--model", str(folder / "tiny.safetensors"), "--full-frame"]
    assert run([*command, "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert (cost["frames"], cost["poses"], cost["encoded_crops"], cost["detector"]) == (20, 20, 20, "full-frame")
    assert list(cost["stages"]) == ["decode", "detect", "track", "crop", "encode", "fuse", "draw", "write"]
    assert 0.5 < sum(stage["share"] for stage in cost["stages"].values()) <= 1
    assert cost["persons_per_s"] == cost["frames_per_s"] > 0
    assert cost["encode"]["floor_ms"] < cost["encode"]["ms"]
    assert sorted(entry.name for entry in folder.iterdir()) == ["tiny.safetensors", "walk.mp4"]


def test_for_people_the_measures_are_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", str(folder / "walk.mp4"), "--model", str(folder / "tiny.safetensors"), "--full-frame"]
    assert run([*command, "--no-video"]) == 0
    head, stages, rates = capsys.readouterr().out.split("\n\n")
    assert head == f"{folder / 'walk.mp4'}: 96 x 64, tiny, detector full-frame"
    rows = {line.split()[0]: line.split()[1:] for line in stages.splitlines()[1:]}
    assert list(rows)[:1] == ["decode"] and list(rows)[-2:] == ["rest", "all"]
    assert rows["all"][1:] == ["100.0", "%"] and rows["draw"] == ["0.00", "0.0", "%"]
    assert sum(float(ms) for name, (ms, *_) in rows.items() if name != "all") == pytest.approx(
        float(rows["all"][0]), abs=0.1
    )
    for part in ("outside detector and model", "frames/s", "persons/s", "peak memory", "GMAC/s", "at least"):
        assert part in rates


def test_a_live_source_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "0"]) == 1
    assert "record some of it" in capsys.readouterr().err
