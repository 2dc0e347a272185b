"""Penn Action: the owners' parts, joints under their dots, the repair of missing boxes, damage named in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from chronopose.core.errors import InputError
from chronopose.data import penn_action
from chronopose.data.videos import VideoClips
from tests.data import penn_folder
from tests.data.dots import centre


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return penn_folder.write(tmp_path_factory.mktemp("penn"))


@pytest.fixture
def one(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of clip 0001 with some fields changed, or left out where the value is None."""

    def make(name: str = "0001", **change: Any) -> Path:
        labels = penn_folder.fields(1)
        penn_folder.write_clip(tmp_path, name, labels)
        kept = {field: value for field, value in (labels | change).items() if value is not None}
        savemat(tmp_path / "labels" / f"{name}.mat", kept)
        return tmp_path

    return make


def test_the_parts_are_the_owners(folder: Path) -> None:
    train, test = (penn_action.videos(folder, split) for split in penn_action.SPLITS)
    assert [video.name for video in train] == ["0001", "0003"]
    assert [video.name for video in test] == ["0002", "1154"]


def test_the_dot_in_each_frame_lies_under_the_head(folder: Path) -> None:
    clips = VideoClips(penn_action.NAME, penn_action.SKELETON, penn_action.videos(folder, "train"))
    assert len(clips) == 2 * penn_folder.LENGTH
    for index in range(len(clips)):
        clip = clips.clip(index, (0, 1))
        for pixels, xy in zip(clip.frames, clip.xy_image[:, penn_action.SKELETON.index("head")], strict=True):
            np.testing.assert_allclose(centre(pixels), xy, atol=0.1)


def test_left_comes_before_right_and_what_is_not_visible_is_unknown(folder: Path) -> None:
    person = penn_action.videos(folder, "train")[0].persons[0]
    labels = penn_folder.fields(1)
    np.testing.assert_array_equal(
        person.xy_image[:, penn_action.SKELETON.index("left_wrist"), 0], labels["x"][:, 5] - 1
    )
    assert np.isnan(person.xy_image[:, penn_action.SKELETON.index("right_ankle")]).all()
    assert person.visible[:, :12].all() and not person.visible[:, 12].any()
    np.testing.assert_array_equal(person.box, labels["bbox"] - 1)


def test_the_known_missing_box_is_the_one_before_and_no_damage(folder: Path) -> None:
    person = penn_action.videos(folder, "test")[1].persons[0]
    np.testing.assert_array_equal(person.box[-1], person.box[-2])
    found = list(penn_action.defects(folder, "test"))
    assert found.count(None) == 4
    (defect,) = [defect for defect in found if defect is not None]
    assert defect.known and defect.file.name == "1154.mat" and defect.where == "bbox of frame 5"
    assert set(penn_action.defects(folder, "train")) == {None}


def test_other_missing_boxes_are_put_right_and_told(one: Callable[..., Path]) -> None:
    bbox = penn_folder.fields(1)["bbox"]
    bbox[0], bbox[2] = np.nan, [9, 9, 5, 5]
    folder = one(bbox=bbox)
    person = penn_action.videos(folder, "train")[0].persons[0]
    np.testing.assert_array_equal(person.box, bbox[[1, 1, 1, 3, 4]] - 1)
    found = [defect for defect in penn_action.defects(folder, "train") if defect is not None]
    assert [(defect.where, defect.known) for defect in found] == [
        ("bbox of frame 1", False),
        ("bbox of frame 3", False),
    ]


def test_visible_joints_without_numbers_are_unknown_and_told(one: Callable[..., Path]) -> None:
    x = penn_folder.fields(1)["x"]
    x[2, 4] = np.nan
    folder = one(x=x)
    person = penn_action.videos(folder, "train")[0].persons[0]
    assert not person.visible[2, 4] and person.visible[1, 4] and np.isnan(person.xy_image[2, 4]).all()
    assert [d.where for d in penn_action.defects(folder, "train") if d is not None] == ["x, y"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, r"no array x"),
        ({"x": "text"}, r"x is text"),
        ({"x": np.zeros((5, 14))}, r"x: expected n x 13 numbers, got 5 x 14"),
        ({"y": np.zeros((4, 13))}, r"y: expected 5 frames, got 4"),
        ({"visibility": np.zeros((6, 13))}, r"visibility: expected 5 frames, got 6"),
        ({"nframes": 7}, r"nframes: expected 5 frames, got 7"),
        ({"nframes": np.nan}, r"nframes: expected 5 frames, got nan"),
        ({"train": 0}, r"train: expected 1 or -1, got 0"),
        ({"train": np.nan}, r"train: expected 1 or -1, got nan"),
        ({"bbox": np.ones((3, 4))}, r"bbox: expected 5 boxes, got 3"),
        ({"bbox": np.ones((5, 4))}, r"bbox: expected 5 boxes, got none with an area"),
        ({field: np.zeros((0, 13)) for field in ("x", "y", "visibility")}, r"expected 1 frames, got 0"),
    ],
)
def test_damaged_labels_are_named_in_one_line(one: Callable[..., Path], change: dict[str, Any], message: str) -> None:
    folder = one(**change)
    with pytest.raises(InputError, match=message) as caught:
        penn_action.videos(folder, "train")
    assert "\n" not in str(caught.value) and "0001.mat" in str(caught.value)
    defect, done = penn_action.defects(folder, "train")
    assert defect is not None and defect.file.name == "0001.mat" and not defect.known and done is None
    assert str(folder) not in defect.what and defect.what.endswith("reading stops here")


def test_missing_and_damaged_frames_are_named(one: Callable[..., Path]) -> None:
    folder = one()
    frames = folder / "frames" / "0001"
    (frames / "000006.jpg").write_bytes((frames / "000005.jpg").read_bytes())
    assert [d.what for d in penn_action.defects(folder, "train") if d] == [
        "6 pictures, labels for 5; those without are left out"
    ]
    (frames / "000006.jpg").unlink()
    (frames / "000002.jpg").write_bytes((frames / "000002.jpg").read_bytes()[:-200])
    (frames / "000004.jpg").write_bytes(b"")
    assert len(penn_action.videos(folder, "train")) == 1  # pictures are opened when they are asked for
    found = [defect.file.name for defect in penn_action.defects(folder, "train") if defect]
    assert found == ["000002.jpg", "000004.jpg"]
    (frames / "000003.jpg").unlink()
    with pytest.raises(InputError, match=r"0001: no 000003\.jpg; 0001\.mat has labels for 5 frames"):
        penn_action.videos(folder, "train")


def test_a_frame_of_another_size_is_found(one: Callable[..., Path]) -> None:
    folder = one()
    file = folder / "frames" / "0001" / "000003.jpg"
    from PIL import Image

    Image.new("RGB", (30, 20)).save(file)
    (found,) = [defect for defect in penn_action.defects(folder, "train") if defect]
    assert found.file == file and found.what.startswith("30 x 20 pixels, wanted 64 x 48")


def test_frames_without_labels_other_folders_and_splits_are_named(one: Callable[..., Path], tmp_path: Path) -> None:
    folder = one()
    (folder / "frames" / "0009").mkdir()
    with pytest.raises(InputError, match=r"0009\.mat: cannot read"):
        penn_action.videos(folder, "train")
    with pytest.raises(InputError, match=r"wanted the folder of Penn Action"):
        penn_action.videos(tmp_path / "frames", "train")
    with pytest.raises(InputError, match="split must be train or test, got 'val'"):
        next(penn_action.defects(folder, "val"))
