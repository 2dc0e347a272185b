"""LSP-extended: the right photograph with the right joints, the held-out tenth, and errors that name the file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import LSP_14
from chronopose.data import lspet
from chronopose.data.lspet import LSPExtended
from tests.data import lsp_folder
from tests.data.dots import centre

COUNT = 25


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs 1 to 25, each of a grey of its own number; number 4 has three joints, number 5 has thirteen."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    xy = rng.uniform([20, 15], [70, 95], (COUNT, 14, 2)).astype(np.float32)
    xy[3, 3:] = np.nan
    xy[4, 7] = np.nan
    for number in range(1, COUNT + 1):
        Image.new("RGB", (90, 110), (number * 9,) * 3).save(tmp_path / "images" / f"{number:05d}.jpg", quality=95)
    store(tmp_path, xy=xy)
    return tmp_path


def store(folder: Path, **change: Any) -> None:
    """Writes joints.npz with some arrays replaced, or left out where the replacement is None."""
    file = folder / "joints.npz"
    arrays: dict[str, Any] = {
        "image": np.arange(1, COUNT + 1, dtype=np.int32),
        "size": np.tile(np.array([90, 110], np.int32), (COUNT, 1)),
        "names": np.array(["neck" if joint == "head_bottom" else joint for joint in LSP_14.joints]),
    }
    if file.exists():
        with np.load(file) as older:
            arrays.update(older)
    arrays.update(change)
    np.savez(file, **{name: value for name, value in arrays.items() if value is not None})


def test_each_clip_shows_the_photograph_of_its_number_with_its_joints(folder: Path) -> None:
    photographs = LSPExtended(folder, "train")
    with np.load(folder / "joints.npz") as arrays:
        xy = arrays["xy"]
    for index in range(len(photographs)):
        clip = photographs.clip(index, (0,))
        number = int(clip.name.split("/")[1])
        assert abs(int(clip.frames[0].mean()) - number * 9) <= 1
        np.testing.assert_array_equal(clip.xy_image[0], xy[number - 1])


def test_every_tenth_photograph_is_held_out_and_none_is_in_both_parts(folder: Path) -> None:
    train, heldout = (LSPExtended(folder, split) for split in ("train", "heldout"))
    assert heldout.numbers.tolist() == [10, 20]
    assert set(train.numbers.tolist()) == set(range(1, 26)) - {4, 10, 20}


def test_photographs_with_few_joints_are_left_out(folder: Path) -> None:
    assert 4 not in LSPExtended(folder, "train").numbers
    assert 4 in LSPExtended(folder, "train", at_least=3).numbers
    assert 5 not in LSPExtended(folder, "train", at_least=14).numbers


def test_a_motionless_clip_repeats_the_photograph_for_every_offset(folder: Path) -> None:
    clip = LSPExtended(folder, "train").clip(0, (-2, -1, 0, 1))
    assert len(clip.frames) == len(clip.xy_image) == len(clip.visible) == 4
    assert all(frame is clip.frames[0] for frame in clip.frames)


def test_joints_nobody_labelled_are_neither_visible_nor_at_zero(folder: Path) -> None:
    photographs = LSPExtended(folder, "train")
    clip = photographs.clip(photographs.numbers.tolist().index(5), (0,))
    assert np.isnan(clip.xy_image[0, 7]).all()
    assert not clip.visible[0, 7]
    assert clip.visible.sum() == 13


def test_a_grey_photograph_is_given_three_channels(folder: Path) -> None:
    Image.new("L", (90, 110), 77).save(folder / "images" / "00001.jpg")
    frame = LSPExtended(folder, "train").clip(0, (0,)).frames[0]
    assert frame.shape == (110, 90, 3) and frame.dtype == np.uint8


def test_a_folder_without_joints_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no joints\.npz there"):
        LSPExtended(tmp_path / "nowhere", "train")


@pytest.mark.parametrize("name", ["image", "xy"])
def test_a_missing_array_is_named(folder: Path, name: str) -> None:
    store(folder, **{name: None})
    with pytest.raises(InputError, match=rf"joints\.npz: no array {name}; wanted image, xy"):
        LSPExtended(folder, "train")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00"])
def test_a_broken_file_is_named_in_one_line(folder: Path, content: bytes) -> None:
    (folder / "joints.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"joints\.npz: not a readable \.npz") as caught:
        LSPExtended(folder, "train")
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_refused(folder: Path) -> None:
    store(folder, xy=np.array([{"x": 1}] * COUNT, dtype=object))
    with pytest.raises(InputError, match=r"not a readable \.npz of plain arrays"):
        LSPExtended(folder, "train")


def test_joints_of_another_shape_are_refused_with_both_shapes(folder: Path) -> None:
    store(folder, xy=np.zeros((COUNT, 13, 2), np.float32))
    with pytest.raises(InputError, match=r"xy must be \(25, 14, 2\), got \(25, 13, 2\)"):
        LSPExtended(folder, "train")


def test_joints_in_another_order_are_refused(folder: Path) -> None:
    store(folder, names=np.array(list(reversed(LSP_14.joints))))
    with pytest.raises(InputError, match=r"names must be right_ankle, .* got head_top"):
        LSPExtended(folder, "train")


def test_without_names_the_order_is_taken_on_trust(folder: Path) -> None:
    store(folder, names=None)
    assert len(LSPExtended(folder, "heldout")) == 2


def test_a_split_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="split must be train or heldout, got 'test'"):
        LSPExtended(folder, "test")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xd8\xff\xe0 cut off"])
def test_a_photograph_that_is_missing_or_broken_is_named(folder: Path, content: bytes | None) -> None:
    file = folder / "images" / "00001.jpg"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"00001\.jpg"):
        LSPExtended(folder, "train").clip(0, (0,))


def test_a_photograph_repaired_after_a_failure_is_read_again(folder: Path) -> None:
    file = folder / "images" / "00001.jpg"
    content = file.read_bytes()
    file.unlink()
    photographs = LSPExtended(folder, "train")
    with pytest.raises(InputError):
        photographs.clip(0, (0,))
    file.write_bytes(content)
    assert photographs.clip(0, (0,)).frames[0].shape == (110, 90, 3)


def test_the_owners_layout_has_the_dots_under_the_right_ankles(tmp_path: Path) -> None:
    folder = lsp_folder.write_extended(tmp_path)
    train, heldout = (LSPExtended(folder, split) for split in lspet.SPLITS)
    assert heldout.numbers.tolist() == [10] and train.numbers.tolist() == [*range(1, 10), 11, 12]
    for index, number in enumerate(train.numbers.tolist()):
        clip = train.clip(index, (0,))
        assert clip.frames[0].shape == (90, lsp_folder.size(number - 1)[0], 3)
        np.testing.assert_array_equal(clip.xy_image[0, :13], lsp_folder.joints()[number - 1, :13])
        assert np.isnan(clip.xy_image[0, 13]).all() == (number % 2 == 1) == (not clip.visible[0, 13])
        np.testing.assert_allclose(centre(clip.frames[0]), clip.xy_image[0, 0], atol=0.15)


@pytest.mark.parametrize("owners", [True, False])
def test_all_that_is_labelled_is_what_the_examples_show(folder: Path, tmp_path: Path, owners: bool) -> None:
    place = lsp_folder.write_extended(tmp_path / "owners") if owners else folder
    examples, videos = LSPExtended(place, "train", at_least=1), lspet.videos(place, "train")
    assert len(examples) == len(videos)
    for index, video in enumerate(videos):
        np.testing.assert_array_equal(video.persons[0].xy_image, examples.clip(index, (0,)).xy_image)
        np.testing.assert_array_equal(video.persons[0].visible, examples.clip(index, (0,)).visible)
    assert list(lspet.defects(place, "train")) == [None] * len(videos)
    assert isinstance(videos[3].images, tuple)
    videos[3].images[0].unlink()
    assert [defect.file for defect in lspet.defects(place, "train") if defect] == [videos[3].images[0]]


def test_the_labels_of_lsp_are_not_those_of_lsp_extended(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"joints: expected 14 x 3 x n numbers, got 3 x 14 x 12"):
        LSPExtended(lsp_folder.write(tmp_path), "train")


@pytest.mark.data
def test_the_real_photographs_are_there_with_their_joints_inside() -> None:
    folder = Path(os.environ["CHRONOPOSE_DATA"]) / "lspet"
    train, heldout = LSPExtended(folder, "train"), LSPExtended(folder, "heldout")
    assert len(train) > 7000 and len(heldout) > 700
    for index in range(0, len(heldout), 100):
        clip = heldout.clip(index, (0,))
        height, width = clip.frames[0].shape[:2]
        known = clip.xy_image[0][clip.visible[0]]
        assert ((known > -5) & (known < [width + 5, height + 5])).all()
