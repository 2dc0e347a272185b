"""LSP: the owners' halves, joints under their dots, hidden joints known but not visible, damage named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from chronopose.core.errors import InputError
from chronopose.data import lsp
from chronopose.data.videos import VideoClips
from tests.data import lsp_folder
from tests.data.dots import centre


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lsp_folder.write(tmp_path / "lsp")


def test_the_first_half_is_to_learn_from_with_the_dots_under_the_right_ankles(folder: Path) -> None:
    found = []
    for split, first in (("train", 0), ("test", 6)):
        clips = VideoClips(lsp.NAME, lsp.SKELETON, lsp.videos(folder, split))
        assert len(clips) == 6
        for index in range(len(clips)):
            clip = clips.clip(index, (-1, 0, 2))
            found.append(clips.key(index).video)
            assert clip.frames[0].shape == (90, lsp_folder.size(first + index)[0], 3)
            np.testing.assert_array_equal(clip.xy_image[1], lsp_folder.joints()[first + index])
            for pixels in clip.frames:
                np.testing.assert_allclose(
                    centre(pixels), clip.xy_image[1, lsp.SKELETON.index("right_ankle")], atol=0.15
                )
    assert found == [f"im{number:04d}" for number in range(1, 13)]


def test_hidden_joints_are_known_and_not_visible(folder: Path) -> None:
    for place, video in enumerate(lsp.videos(folder, "train")):
        (person,) = video.persons
        assert not np.isnan(person.xy_image).any()
        assert person.visible[0].tolist() == [True] * 13 + [place % 2 == 1]
        assert np.isnan(person.box).all()


def test_nothing_is_wrong_with_a_whole_folder_and_damaged_pictures_are_named(folder: Path) -> None:
    assert list(lsp.defects(folder, "train")) == [None] * 6
    (folder / "images" / "im0002.jpg").unlink()
    file = folder / "images" / "im0005.jpg"
    file.write_bytes(file.read_bytes()[:-100])
    found = list(lsp.defects(folder, "train"))
    assert [defect.file.name for defect in found if defect] == ["im0002.jpg", "im0005.jpg"]
    assert found.count(None) == 6 and set(lsp.defects(folder, "test")) == {None}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, r"no array joints"),
        ({"joints": np.zeros((14, 3, 4))}, r"joints: expected 3 x 14 x n numbers, got 14 x 3 x 4"),
        ({"joints": "text"}, r"joints is text"),
    ],
)
def test_damaged_labels_are_named(folder: Path, arrays: dict[str, Any], message: str) -> None:
    savemat(folder / "joints.mat", {"other": 1} | arrays)
    with pytest.raises(InputError, match=message) as caught:
        lsp.videos(folder, "train")
    assert "\n" not in str(caught.value)


def test_joints_without_numbers_are_unknown(folder: Path) -> None:
    joints = np.ones((3, 14, 2))
    joints[1, 5, 0] = np.nan
    savemat(folder / "joints.mat", {"joints": joints})
    person = lsp.videos(folder, "train")[0].persons[0]
    assert np.isnan(person.xy_image[0, 5]).all() and not np.isnan(person.xy_image[0, 4]).any()


def test_other_folders_and_splits_are_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"images: no joints\.mat there; wanted the folder of LSP"):
        lsp.videos(folder / "images", "train")
    with pytest.raises(InputError, match=r"split must be train or test, got 'heldout'"):
        next(lsp.defects(folder, "heldout"))
