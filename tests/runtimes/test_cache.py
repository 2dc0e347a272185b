"""Graphs are kept whole or not at all, found by what they were made of, and never trusted when damaged."""

from dataclasses import replace
from pathlib import Path

import pytest

from chronopose.runtimes import cache
from chronopose.runtimes.graph_file import GraphFile
from tests.runtimes.tiny_graphs import pair, save


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def made_of(source: str) -> GraphFile:
    file = pair("dsta")
    return replace(file, about=replace(file.about, source=source))


def test_what_was_kept_is_found_by_its_source_alone(home: Path) -> None:
    assert cache.kept("tiny", "abc", "fp32") is None
    cache.keep(made_of("abc"), "tiny", "fp32")
    found = cache.kept("tiny", "abc", "fp32")
    assert found is not None and found.graphs == pair("dsta").graphs
    assert cache.kept("tiny", "abd", "fp32") is None
    assert cache.kept("tiny", "abc", "int8") is None
    assert [path.parent for path in home.rglob("*.zip")] == [home / "chronopose" / "graphs"]


def test_damage_and_a_file_put_in_its_place_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    cache.keep(made_of("abc"), "tiny", "fp32")
    path = cache.place("tiny", "abc", "fp32")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert cache.kept("tiny", "abc", "fp32") is None
    assert "made anew" in caplog.text
    cache.keep(made_of("something else"), "tiny", "fp32")
    cache.place("tiny", "something else", "fp32").rename(path)
    assert cache.kept("tiny", "abc", "fp32") is None


def test_what_has_passed_is_known_by_how_it_was_computed(home: Path) -> None:
    place = cache.place("tiny", "abc", "fp32")
    cache.note_passed(place, "openvino 1 bf16")
    assert not cache.has_passed(place, "openvino 1 bf16")  # there are no graphs yet
    cache.keep(made_of("abc"), "tiny", "fp32")
    cache.note_passed(place, "openvino 1 bf16")
    cache.note_passed(place, "onnxruntime 2 fp32")
    assert cache.has_passed(place, "openvino 1 bf16") and cache.has_passed(place, "onnxruntime 2 fp32")
    for other in ("openvino 1", "openvino 2 bf16", "", "openvino 1 bf16 "):
        assert not cache.has_passed(place, other)
    assert not cache.has_passed(cache.place("tiny", "abd", "fp32"), "openvino 1 bf16")
    (noted,) = home.rglob("*.passed")
    noted.write_bytes(b"\xff\xfe" * 100)
    assert not cache.has_passed(place, "openvino 1 bf16")


def test_a_folder_that_cannot_be_written_is_no_error(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.write_text("a file where the folder should be")
    cache.keep(made_of("abc"), "tiny", "fp32")
    assert "could not be kept" in caplog.text
    assert cache.kept("tiny", "abc", "fp32") is None


def test_the_source_is_the_content_and_the_frames_shown(tmp_path: Path) -> None:
    one, same = save("listpose", tmp_path / "a.safetensors"), save("listpose", tmp_path / "b.safetensors")
    other = save("dsta", tmp_path / "c.safetensors")
    assert cache.source_of(one, None) == cache.source_of(same, None) != cache.source_of(other, None)
    assert cache.source_of(other, None) != cache.source_of(other, (-2, 0)) != cache.source_of(other, (-2, -1, 0))


def test_names_from_outside_stay_inside_the_folder() -> None:
    assert cache.place("../../x/..", "abc", "fp32").parent == cache.folder()


def test_without_the_variable_it_is_the_homes_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/folder"):  # the standard says to ignore what is not absolute
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache.folder() == tmp_path / ".cache" / "chronopose" / "graphs"
