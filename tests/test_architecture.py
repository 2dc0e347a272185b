"""The house stands: floors, file sizes, names, light imports, and a README whose tree is true."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import chronopose

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "chronopose"
FILES = sorted(SOURCE.rglob("*.py"))


def first_line(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    return (docstring or "").split("\n", 1)[0]


def test_a_file_imports_only_from_floors_below() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout


def test_every_room_stands_on_a_floor() -> None:
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip().split(".")[1] for floor in floors for room in floor.split("|")}
    rooms = {module.name for module in pkgutil.iter_modules(chronopose.__path__)}
    assert rooms == placed


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SOURCE)))
def test_a_file_is_short_well_named_and_says_what_it_is(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
    assert not re.fullmatch(r"(utils?|helpers?|common|misc|base|registry)", file.stem)
    line = first_line(file)
    assert len(line) > 10 and line.endswith((".", "?")), f"the first docstring line must be a sentence, got {line!r}"


def test_opencv_stays_where_crops_are_cut_and_windows_opened() -> None:
    users = {file.stem for file in FILES if re.search(r"^\s*(import|from) cv2", file.read_text(), re.MULTILINE)}
    assert users == {"crop", "letterbox", "window"}


def test_no_file_unpickles() -> None:
    for file in FILES:
        for call in re.findall(r"torch\.load\([^)]*\)", file.read_text()):
            assert "weights_only=True" in call, f"{file.name}: {call}"
        assert not re.search(r"allow_pickle=True|pickle\.loads?\(", file.read_text()), file.name


def test_importing_the_package_is_light() -> None:
    script = (
        "import sys, chronopose, chronopose.cli.__main__ as cli; cli.build_app(); "
        "print([m for m in ('torch', 'av', 'cv2', 'pyarrow', 'scipy', 'timm', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    for name in chronopose.__all__:
        assert getattr(chronopose, name) is not None
    with pytest.raises(AttributeError):
        chronopose.nothing  # noqa: B018


def test_the_tree_in_the_readme_is_the_docstrings() -> None:
    tree = dict(re.findall(r"^    ([\w/]+\.py) +(.+)$", (ROOT / "README.md").read_text(), re.MULTILINE))
    modules = {str(file.relative_to(SOURCE)): first_line(file) for file in FILES if file.name != "__init__.py"}
    assert tree == modules


@pytest.mark.parametrize("name", ["default", "dsta", "person", "smoke"])
def test_every_recipe_has_settings(name: str) -> None:
    recipe = importlib.import_module(f"chronopose.recipes.{name}")
    config = recipe.config()
    assert config == recipe.config()
    assert config.train.steps > 0 and callable(recipe.build)


def test_tracked_files_name_no_machine_and_are_small() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        file = ROOT / name
        if not file.is_file():
            continue
        assert file.stat().st_size <= 16 * 1024 * 1024, name
        if file.suffix in {".py", ".md", ".toml", ".yaml", ""} and name != "tests/test_architecture.py":
            text = file.read_text(errors="replace")
            assert not re.search(r"(^|[^A-Za-z0-9_.~])/(work|farm|root)/[a-z]", text), f"{name}: a path of one machine"
