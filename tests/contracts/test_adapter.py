"""What every data set promises, asked of each of them, from files written in its true layout."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.clips.spec import LabelledClip
from chronopose.core.skeleton import SKELETONS
from chronopose.data import survey
from chronopose.data.catalogue import CATALOGUE, open_data, open_labels, splits_in
from chronopose.data.dataset import PoseDataset
from chronopose.data.survey import Report
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.videos import Defect
from tests.data.coco_folder import PUPPET
from tests.data.labelled_folders import LAYOUTS

OFFSETS = (-2, -1, 0, 1)
SYNTHETIC = "synthetic"


def name_of(layout: str) -> str:
    return layout.split()[0]


@pytest.fixture(scope="module", params=[*LAYOUTS, SYNTHETIC])
def source(request: pytest.FixtureRequest) -> str:
    """A data set's name with its layout, or of people who are drawn when asked for."""
    return str(request.param)


@pytest.fixture(scope="module")
def parts(source: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[PoseDataset, ...]:
    """All splits of a data set, or two seeds."""
    if source == SYNTHETIC:
        return (
            SyntheticPeople(SyntheticConfig(clips=5, frames=5, width=96, height=96)),
            SyntheticPeople(SyntheticConfig(seed=1, clips=3, frames=5, width=96, height=96)),
        )
    name, folder = name_of(source), LAYOUTS[source].build(tmp_path_factory.mktemp("parts"))
    return tuple(open_data(name, folder, split) for split in splits_in(name, folder))


@pytest.fixture(scope="module")
def clips(parts: tuple[PoseDataset, ...]) -> list[LabelledClip]:
    return [parts[0].clip(index, OFFSETS) for index in range(min(len(parts[0]), 6))]


def test_it_is_a_data_set_of_the_skeleton_that_the_catalogue_says(source: str, parts: tuple[PoseDataset, ...]) -> None:
    for part in parts:
        assert isinstance(part, PoseDataset)
        assert len(part) > 0
        if source == "coco-style":
            assert part.skeleton.joints == PUPPET
        else:
            assert part.skeleton is SKELETONS[part.skeleton.name]
        if source != SYNTHETIC:
            assert CATALOGUE[name_of(source)].skeleton in (None, part.skeleton.name)


def test_every_clip_has_the_shapes_and_types_of_the_contract(
    parts: tuple[PoseDataset, ...], clips: list[LabelledClip]
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
    parts: tuple[PoseDataset, ...], clips: list[LabelledClip]
) -> None:
    again = parts[0].clip(1, OFFSETS)
    assert again.name == clips[1].name
    np.testing.assert_array_equal(again.xy_image, clips[1].xy_image)
    np.testing.assert_array_equal(np.stack(again.frames), np.stack(clips[1].frames))
    assert not np.array_equal(clips[0].xy_image, clips[1].xy_image, equal_nan=True)
    assert len({clip.name for clip in clips}) == len(clips)


def test_the_window_asked_for_is_the_window_given(parts: tuple[PoseDataset, ...], clips: list[LabelledClip]) -> None:
    key = parts[0].clip(2, (0,))
    assert len(key.frames) == 1
    np.testing.assert_array_equal(key.frames[0], clips[2].frames[2])
    np.testing.assert_array_equal(key.xy_image[0], clips[2].xy_image[2])
    np.testing.assert_array_equal(key.box, clips[2].box)


def test_offsets_beyond_the_video_are_clamped_to_its_ends(parts: tuple[PoseDataset, ...]) -> None:
    clip = parts[0].clip(0, (-500, -499, 0, 499, 500))
    np.testing.assert_array_equal(clip.frames[0], clip.frames[1])
    np.testing.assert_array_equal(clip.frames[3], clip.frames[4])
    np.testing.assert_array_equal(clip.xy_image[0], clip.xy_image[1])


def test_no_clip_is_in_two_parts(source: str, parts: tuple[PoseDataset, ...]) -> None:
    # JHMDB is parted in three ways: the parts of each share nothing.
    for group in range(0, len(parts), 2) if "jhmdb" in source else (0,):
        names = [part.clip(index, (0,)).name for part in parts[group : group + 2] for index in range(len(part))]
        assert len(set(names)) == len(names)


def test_no_two_clips_share_memory_that_a_crop_could_write_to(parts: tuple[PoseDataset, ...]) -> None:
    clip = parts[0].clip(0, (0,))
    before = parts[0].clip(0, (0,)).xy_image.copy()
    clip.xy_image[:] = -1
    np.testing.assert_array_equal(parts[0].clip(0, (0,)).xy_image, before)


# What the catalogue promises of folders -----------------------------------------------------------------------------


every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def test_every_data_set_of_the_catalogue_is_tried() -> None:
    assert {name_of(layout) for layout in LAYOUTS} == set(CATALOGUE)


@every_layout
def test_a_joint_lies_where_it_was_drawn_and_an_unlabelled_one_nowhere(layout: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout].build(tmp_path)
    drawn, unknown = LAYOUTS[layout].dot, LAYOUTS[layout].unknown
    people = open_data(name_of(layout), folder)
    clips = [people.clip(index, OFFSETS) for index in range(3)]
    looked_at = 0
    for clip in clips:
        for pixels, xy in zip(clip.frames, clip.xy_image[:, clip.skeleton.index(drawn)], strict=True):
            if np.isfinite(xy).all():
                around = brightness(pixels, xy)
                assert around[1, 1] == around.max() > 200 and np.sum(around == around.max()) == 1, (clip.name, xy)
                looked_at += 1
    assert looked_at >= 3
    assert unknown is None or np.isnan(clips[0].xy_image[2, clips[0].skeleton.index(unknown)]).all()


def brightness(pixels: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(3, 3) mean of the 3 x 3 pixels around a place, and around those one pixel away; the dot is as large."""
    x, y = np.round(xy).astype(int)
    grey = pixels.mean(axis=2)
    return np.array(
        [[grey[y + j - 1 : y + j + 2, x + i - 1 : x + i + 2].mean() for i in (-1, 0, 1)] for j in (-1, 0, 1)]
    )


@every_layout
def test_everybody_is_labelled_in_ascending_frames_and_what_is_visible_is_known(layout: str, tmp_path: Path) -> None:
    name, folder = name_of(layout), LAYOUTS[layout].build(tmp_path)
    for split in splits_in(name, folder):
        skeleton, videos = open_labels(name, folder, split)
        for video in videos:
            assert video.labelled.shape == (video.length,) and len({one.track_id for one in video.persons}) == len(
                video.persons
            )
            for person in video.persons:
                assert (np.diff(person.frames) > 0).all()
                assert (person.frames >= 0).all() and (person.frames < video.length).all()
                assert person.xy_image.shape == (len(person.frames), len(skeleton), 2)
                nowhere = np.isnan(person.xy_image)
                np.testing.assert_array_equal(nowhere[..., 0], nowhere[..., 1])
                assert not np.isinf(person.xy_image).any() and not (person.visible & nowhere[..., 0]).any()
                given = np.isfinite(person.box).all(axis=1)
                assert np.isnan(person.box[~given]).all()
                assert (person.box[given, 2:] > person.box[given, :2]).all()


# What `check` finds ---------------------------------------------------------------------------------------------------


def checked(layout: str, folder: Path, *, pictures: bool = False) -> Report:
    name = name_of(layout)
    return survey.check(CATALOGUE[name], folder, splits_in(name, folder), pictures=pictures)


def damage(report: Report) -> list[Defect]:
    return [defect for kind in report.kinds if not kind.known for defect in kind.first]


def first_pictures(layout: str, folder: Path) -> tuple[Path, ...]:
    """The pictures of the first video to learn from."""
    images = next(iter(open_labels(name_of(layout), folder).videos)).images
    return tuple(sorted(images.iterdir())) if isinstance(images, Path) else images


@every_layout
@pytest.mark.parametrize("pictures", [False, True])
def test_nothing_is_wrong_with_a_sound_folder(layout: str, pictures: bool, tmp_path: Path) -> None:
    folder = LAYOUTS[layout].build(tmp_path)
    report = checked(layout, folder, pictures=pictures)
    assert damage(report) == []
    assert set(report.counts) == set(splits_in(name_of(layout), folder))
    assert all(counts.poses > 0 and counts.joints > 0 and counts.sizes for counts in report.counts.values())


@every_layout
def test_a_joint_thousands_of_pixels_away_is_found(layout: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout].build(tmp_path)
    LAYOUTS[layout].far(folder)
    (found,) = damage(checked(layout, folder))
    assert re.search(r"a joint, \w+, at \((4999|5000), \d+\) in a picture of \d+ x \d+", found.what)


@every_layout
def test_labels_cut_short_are_found(layout: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout].build(tmp_path)
    labels = folder / LAYOUTS[layout].labels
    labels.write_bytes(labels.read_bytes()[:-200])
    found = damage(checked(layout, folder))
    assert any(labels.name in f"{defect.file} {defect.what}" for defect in found)


# Rendered clips have pictures and labels in one file; of LSP's photographs nobody tells the sizes.
@pytest.mark.parametrize(
    ("layout", "spoil"),
    [
        (layout, spoil)
        for layout in LAYOUTS
        for spoil in ("deleted", "cut short", "empty", "of another size")
        if layout != "rendered" and not (layout.startswith("lsp") and spoil == "of another size")
    ],
)
def test_a_spoiled_picture_is_found_and_no_other_is_blamed(layout: str, spoil: str, tmp_path: Path) -> None:
    folder = LAYOUTS[layout].build(tmp_path)
    picture = first_pictures(layout, folder)[-1]
    if spoil == "deleted":
        picture.unlink()
    elif spoil == "of another size":
        Image.new("RGB", (30, 20)).save(picture)
    else:
        picture.write_bytes(picture.read_bytes()[: picture.stat().st_size // 2 if spoil == "cut short" else 0])
    # Frames whose size is nowhere told are compared when they are decoded.
    report = checked(layout, folder, pictures=layout == "coco-style")
    told = [f"{defect.file}: {defect.where}: {defect.what}" for defect in damage(report)]
    assert told and all(picture.name in line or str(picture.parent) in line for line in told), told


@pytest.mark.parametrize("layout", [name for name, one in LAYOUTS.items() if one.mixed])
def test_a_video_in_two_parts_is_found(layout: str, tmp_path: Path) -> None:
    folder, mixed = LAYOUTS[layout].build(tmp_path), LAYOUTS[layout].mixed
    assert mixed is not None
    mixed(folder)
    found = [defect for defect in damage(checked(layout, folder)) if "must have nothing of it" in defect.what]
    assert found and first_pictures(layout, folder)[0] in {defect.file for defect in found}


def test_a_picture_damaged_in_its_middle_is_found_where_pictures_are_decoded(tmp_path: Path) -> None:
    folder = LAYOUTS["sub-jhmdb"].build(tmp_path)
    picture = first_pictures("sub-jhmdb", folder)[1]
    content = bytearray(picture.read_bytes())
    content[len(content) // 2] ^= 255
    picture.write_bytes(content)
    assert damage(checked("sub-jhmdb", folder)) == []
    (found,) = damage(checked("sub-jhmdb", folder, pictures=True))
    assert found.file == picture


def test_a_damaged_shard_is_found(tmp_path: Path) -> None:
    folder = LAYOUTS["rendered"].build(tmp_path / "rendered")
    shard = folder / "clips-00000.parquet"
    content = bytearray(shard.read_bytes())
    content[content.index(b"\xff\xd8\xff") + 400] ^= 255  # in the first picture
    shard.write_bytes(content)
    found = damage(checked("rendered", folder))
    assert found and all("clips-00000.parquet" in defect.what for defect in found)
