"""Names and content choose the format; importing the room loads nothing."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chronopose import formats
from chronopose.core.errors import InputError

from .sequences import assert_same
from .test_posetrack import LABELS_17, LABELS_18
from .test_table import three_frames

NAMES = {
    "parquet": "a.parquet",
    "csv": "a.CSV",
    "coco": "a.coco.json",
    "posetrack": "a.b.posetrack.json",
    "openpose": "a.openpose",
}


@pytest.mark.parametrize("kind", formats.FORMATS)
def test_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / NAMES[kind]
    assert formats.kind_of(path) == kind
    formats.write(three_frames(), path)
    assert [len(frame.poses) for frame in formats.read(path)] == [1, 0, 2]


@pytest.mark.parametrize("kind", ["coco", "posetrack"])
def test_plain_json_is_known_by_its_content(tmp_path: Path, kind: str) -> None:
    formats.write(three_frames(), tmp_path / "a.json", kind)
    assert formats.read(tmp_path / "a.json").skeleton.name == {"coco": "coco-17", "posetrack": "posetrack-15"}[kind]


def test_labels_of_posetrack_are_known(tmp_path: Path) -> None:
    for content in (LABELS_17, LABELS_18):
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert formats.read(tmp_path / "a.json").skeleton.name == "posetrack-15"


def test_a_folder_is_openpose(tmp_path: Path) -> None:
    formats.write(three_frames(), tmp_path / "frames", "openpose")
    assert len(formats.read(tmp_path / "frames")) == 3


def test_convert_is_read_and_write(tmp_path: Path) -> None:
    formats.write(three_frames(), tmp_path / "a.parquet")
    formats.convert(tmp_path / "a.parquet", tmp_path / "a.coco.json")
    got = formats.convert(tmp_path / "a.coco.json", tmp_path / "b.csv")
    assert_same(got, three_frames())
    assert_same(formats.read(tmp_path / "b.csv"), three_frames())
    assert_same(replace(got), formats.read(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("none.parquet", None, "no such file"),
        ("a.mp4", "", "tells no format"),
        ("a.json", "{}", "neither COCO nor PoseTrack"),
        ("a.json", '{"people": []}', "folder"),
        ("a.json", '{"images": 1}', "images"),
        ("a.json", "[1]", "list"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, text: str | None, word: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=word) as caught:
        formats.read(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "kind", "word"), [("a.json", None, ".coco.json"), ("a.csv", "bvh", "'bvh'"), ("no/a.csv", None, "folder")]
)
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str, kind: str | None, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        formats.write(three_frames(), tmp_path / name, kind)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_importing_the_room_loads_no_arrow() -> None:
    code = "import sys, chronopose.formats; sys.exit('pyarrow' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
