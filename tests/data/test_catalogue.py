"""The table of data sets: names, splits, what a folder must show, and one way to open any of them."""

import re
import subprocess
import sys
from inspect import cleandoc
from pathlib import Path

import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS
from chronopose.data.catalogue import CATALOGUE, named, open_data, open_labels, splits_in
from chronopose.data.videos import VideoClips
from tests.data import coco_folder, jhmdb_folder, penn_folder
from tests.data.labelled_folders import LAYOUTS


def test_reading_the_table_imports_no_reader() -> None:
    script = (
        "import sys; from chronopose.data.catalogue import CATALOGUE; "
        "print([m for m in ('torch', 'numpy', 'scipy', 'PIL', 'av', 'pyarrow', 'yaml') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_says_what_a_user_must_know(name: str) -> None:
    entry = named(name)
    assert entry.skeleton is None or entry.skeleton in SKELETONS
    assert all((entry.title, entry.reference, entry.page, entry.terms, entry.marks))
    assert all(len(line) <= 110 for line in cleandoc(entry.layout).splitlines())
    every = [*entry.training, *entry.tests]
    assert entry.training and len(set(every)) == len(every)
    assert set(entry.owners) <= set(every)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jhmbd", "no data set called 'jhmbd'; did you mean jhmdb; there are posetrack17, "),
        ("Penn-Action", "did you mean penn;"),
        ("posetrack", "did you mean posetrack"),
        ("imagenet-21k-winter", "no data set called 'imagenet-21k-winter'; there are posetrack17, "),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, message: str, tmp_path: Path) -> None:
    for call in (lambda: named(name), lambda: open_data(name, tmp_path), lambda: splits_in(name, tmp_path)):
        with pytest.raises(InputError, match=re.escape(message)):
            call()


@pytest.mark.parametrize(
    ("layout", "splits"),
    [
        ("posetrack18", ("train", "val")),
        ("penn", ("train", "test")),
        ("jhmdb", ("train1", "test1", "train2", "test2", "train3", "test3")),
        ("lspet cropped", ("train", "heldout")),
        ("coco-style", ("train", "val")),
        ("rendered", ("all",)),
    ],
)
def test_the_splits_of_a_folder_are_those_it_shows(layout: str, splits: tuple[str, ...], tmp_path: Path) -> None:
    folder, name = LAYOUTS[layout].build(tmp_path / "data"), layout.split()[0]
    assert splits_in(name, folder) == splits
    assert splits_in(name, folder, splits[-1]) == splits[-1:]


def test_a_split_that_the_folder_has_not_is_named(tmp_path: Path) -> None:
    folder = coco_folder.write(tmp_path)
    (folder / "annotations" / "person_keypoints_val2017.json").unlink()
    assert splits_in("coco", folder) == ("train",)
    with pytest.raises(
        InputError, match=r"looked for annotations/person_keypoints_val2017\.json; there is annotations/"
    ):
        splits_in("coco", folder, "val")


def test_a_folder_of_another_layout_is_answered_with_what_is_there_and_what_it_looks_like(tmp_path: Path) -> None:
    folder = penn_folder.write(tmp_path / "penn")
    wanted = "not the folder of JHMDB: looked for splits/*.txt, annotations.json; there is frames/, labels/"
    with pytest.raises(InputError, match=re.escape(f"{folder}: {wanted}; it looks like penn")):
        splits_in("jhmdb", folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"there is nothing$"):
        splits_in("penn", empty)
    for number in range(9):
        (empty / f"{number}.txt").touch()
    with pytest.raises(InputError, match=r"there is 0\.txt, .*, 5\.txt, \.\.\.$"):
        splits_in("penn", empty)
    with pytest.raises(InputError, match=r"nowhere: no such folder; wanted that of Penn Action"):
        splits_in("penn", tmp_path / "nowhere")


def test_without_a_split_the_first_to_learn_from_is_opened(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    for name, first in (("jhmdb", "train1"), ("sub-jhmdb", "train1")):
        one, other = open_data(name, folder), open_data(name, folder, first)
        assert isinstance(one, VideoClips) and isinstance(other, VideoClips)
        assert [video.name for video in one.videos] == [video.name for video in other.videos]
        names = [video.name for video in open_labels(name, folder).videos]
        assert names == [video.name for video in one.videos]
    assert len(list(open_labels("jhmdb", folder).videos)) == 3
    assert len(list(open_labels("sub-jhmdb", folder, "test1").videos)) == 1


def test_a_split_that_is_none_is_named_with_those_there_are(tmp_path: Path) -> None:
    jhmdb_folder.write_owners(tmp_path)
    with pytest.raises(InputError, match=r"split must be one of train1, test1, .*; got 'train'"):
        open_data("jhmdb", tmp_path, "train")
    with pytest.raises(InputError, match="split must be all: a folder of rendered clips is one part; got 'train'"):
        open_data("rendered", tmp_path, "train")


def test_a_skeleton_beside_ones_own_labels_describes_their_joints(tmp_path: Path) -> None:
    folder = coco_folder.write_videos(tmp_path)
    assert open_data("coco-style", folder).skeleton.limbs == (("head", "left_hand"), ("head", "right_hand"))
    listed = ", ".join(coco_folder.PUPPET)
    (folder / "skeleton.yaml").write_text(f"name: puppet\njoints: [{listed}]\nlimbs: [[head, left_foot]]\n")
    for skeleton in (open_data("coco-style", folder).skeleton, open_labels("coco-style", folder).skeleton):
        assert (skeleton.name, skeleton.limbs) == ("puppet", (("head", "left_foot"),))
    (folder / "skeleton.yaml").write_text("joints: [a, b]\n")
    with pytest.raises(InputError, match=r"keypoints: must be those of skeleton"):
        open_data("coco-style", folder)
