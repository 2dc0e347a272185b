"""Files and folders appear whole or not at all."""

from pathlib import Path

import pytest

from chronopose.core.errors import InputError
from chronopose.core.files import replacing, replacing_folder


def test_a_file_takes_its_place_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".mp4"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_after_an_error_everything_is_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "new"


def test_writing_nothing_changes_nothing(tmp_path: Path) -> None:
    with replacing(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["no/such/folder/a", "", "/dev/null"])
def test_impossible_places_are_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError) as caught, replacing(tmp_path / path):
        pass
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_takes_its_place_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.mkdir()
    (target / "old").touch()
    with replacing_folder(target) as temporary:
        (temporary / "new").touch()
        assert (target / "old").exists()
    assert [path.name for path in target.iterdir()] == ["new"]
    with pytest.raises(RuntimeError), replacing_folder(target) as temporary:
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="not a folder"), replacing_folder(tmp_path / "a"):
        pass
