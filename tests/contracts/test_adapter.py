"""What every data set promises, asked of each of them, from files written in its true layout."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.clips.contract import LabelledClip
from chronopose.core.skeleton import LSP_14, SKELETONS
from chronopose.data.dataset import PoseDataset
from chronopose.data.lspet import LSPExtended
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople

OFFSETS = (-2, -1, 0, 1)


def photographs(folder: Path) -> Path:
    """25 photographs of different sizes in the layout of LSP-extended; every third lacks a few joints."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    xy, size = np.empty((25, 14, 2), np.float32), rng.integers(90, 140, (25, 2), dtype=np.int32)
    for row, (width, height) in enumerate(size):
        xy[row] = rng.uniform([20, 15], [width - 20, height - 15], (14, 2))
        if row % 3 == 0:
            xy[row, rng.choice(14, 4, replace=False)] = np.nan
        coarse = Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8))
        coarse.resize((int(width), int(height))).save(folder / "images" / f"{row + 1:05d}.jpg", quality=92)
    names = np.array(["neck" if joint == "head_bottom" else joint for joint in LSP_14.joints])
    np.savez(folder / "joints.npz", image=np.arange(1, 26, dtype=np.int32), xy=xy, size=size, names=names)
    return folder


# Each builds the parts of a data set that are never shown together: training and held-out, or two seeds.
DATASETS: dict[str, Callable[[Path], tuple[PoseDataset, PoseDataset]]] = {
    "lspet": lambda folder: (
        LSPExtended(photographs(folder / "lspet"), "train"),
        LSPExtended(folder / "lspet", "heldout"),
    ),
    "synthetic": lambda _: (
        SyntheticPeople(SyntheticConfig(clips=5, frames=5, width=96, height=96)),
        SyntheticPeople(SyntheticConfig(seed=1, clips=3, frames=5, width=96, height=96)),
    ),
}


@pytest.fixture(scope="module", params=DATASETS)
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[PoseDataset, PoseDataset]:
    return DATASETS[request.param](tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def clips(parts: tuple[PoseDataset, PoseDataset]) -> list[LabelledClip]:
    return [parts[0].clip(index, OFFSETS) for index in range(min(len(parts[0]), 6))]


def test_it_is_a_data_set_of_a_known_skeleton(parts: tuple[PoseDataset, PoseDataset]) -> None:
    for part in parts:
        assert isinstance(part, PoseDataset)
        assert len(part) > 0
        assert part.skeleton is SKELETONS[part.skeleton.name]


def test_every_clip_has_the_shapes_and_types_of_the_contract(
    parts: tuple[PoseDataset, PoseDataset], clips: list[LabelledClip]
) -> None:
    joints = len(parts[0].skeleton)
    for clip in clips:
        assert clip.skeleton == parts[0].skeleton
        assert len(clip.frames) == len(OFFSETS)
        for frame in clip.frames:
            assert frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == np.uint8
            assert frame.shape == clip.frames[0].shape
        assert (clip.xy_image.shape, clip.xy_image.dtype) == ((4, joints, 2), np.float32)
        assert (clip.visible.shape, clip.visible.dtype) == ((4, joints), np.bool_)
        assert (clip.box.shape, clip.box.dtype) == ((4,), np.float32)


def test_visible_joints_are_known_and_inside_the_picture(clips: list[LabelledClip]) -> None:
    for clip in clips:
        height, width = clip.frames[0].shape[:2]
        seen = clip.xy_image[clip.visible]
        assert len(seen) > 0
        assert ((seen >= -0.5) & (seen <= [width - 0.5, height - 0.5])).all()


def test_the_box_covers_the_labelled_joints_of_the_key_frame_that_the_picture_holds(clips: list[LabelledClip]) -> None:
    for clip in clips:
        height, width = clip.frames[0].shape[:2]
        xy = clip.xy_image[OFFSETS.index(0)]
        inside = ((xy >= -0.5) & (xy <= [width - 0.5, height - 0.5])).all(-1)
        assert inside.any()
        assert (clip.box[2:] > clip.box[:2]).all()
        assert (xy[inside] >= clip.box[:2] - 1).all() and (xy[inside] <= clip.box[2:] + 1).all()


def test_the_same_index_always_gives_the_same_clip_and_another_index_another(
    parts: tuple[PoseDataset, PoseDataset], clips: list[LabelledClip]
) -> None:
    again = parts[0].clip(1, OFFSETS)
    assert again.name == clips[1].name
    np.testing.assert_array_equal(again.xy_image, clips[1].xy_image)
    np.testing.assert_array_equal(np.stack(again.frames), np.stack(clips[1].frames))
    assert not np.array_equal(clips[0].xy_image, clips[1].xy_image, equal_nan=True)
    assert len({clip.name for clip in clips}) == len(clips)


def test_the_window_asked_for_is_the_window_given(
    parts: tuple[PoseDataset, PoseDataset], clips: list[LabelledClip]
) -> None:
    key = parts[0].clip(2, (0,))
    assert len(key.frames) == 1
    np.testing.assert_array_equal(key.frames[0], clips[2].frames[2])
    np.testing.assert_array_equal(key.xy_image[0], clips[2].xy_image[2])
    np.testing.assert_array_equal(key.box, clips[2].box)


def test_offsets_beyond_the_video_are_clamped_to_its_ends(parts: tuple[PoseDataset, PoseDataset]) -> None:
    clip = parts[0].clip(0, (-500, -499, 0, 499, 500))
    np.testing.assert_array_equal(clip.frames[0], clip.frames[1])
    np.testing.assert_array_equal(clip.frames[3], clip.frames[4])
    np.testing.assert_array_equal(clip.xy_image[0], clip.xy_image[1])


def test_no_clip_is_in_both_parts(parts: tuple[PoseDataset, PoseDataset]) -> None:
    one, other = ({part.clip(index, (0,)).name for index in range(len(part))} for part in parts)
    assert one and other
    assert not one & other


def test_no_two_clips_share_memory_that_a_crop_could_write_to(parts: tuple[PoseDataset, PoseDataset]) -> None:
    clip = parts[0].clip(0, (0,))
    before = parts[0].clip(0, (0,)).xy_image.copy()
    clip.xy_image[:] = -1
    np.testing.assert_array_equal(parts[0].clip(0, (0,)).xy_image, before)
