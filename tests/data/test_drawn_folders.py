"""Drawn folders are what the readers of the owners' folders want, with joints where the pictures have them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data import drawn_folders
from chronopose.data.catalogue import CATALOGUE, open_labels, splits_in
from chronopose.data.synthetic import SyntheticConfig, truth
from chronopose.data.videos import VideoClips

LAYOUTS = ("posetrack17", "posetrack18", "posetrack21", "penn", "sub-jhmdb", "coco")
Folders = Callable[[str], Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a layout, drawn when first asked for."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            drawn_folders.write(name, made[name])
        return made[name]

    return folder


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_has_no_defects_but_those_of_the_owners_release(name: str, folders: Folders) -> None:
    folder, entry = folders(name), CATALOGUE[name]
    parts = entry.splits[0][:2]
    for split in parts:
        found = [defect for defect in entry.reader().defects(folder, split) if defect is not None]
        assert all(defect.known for defect in found), found
    assert set(parts) <= set(splits_in(name, folder))


@pytest.mark.parametrize("name", LAYOUTS)
def test_both_parts_give_clips_of_persons_with_their_joints_in_their_boxes(name: str, folders: Folders) -> None:
    for split in CATALOGUE[name].splits[0][:2]:
        labels = open_labels(name, folders(name), split)
        clips = VideoClips(name, labels.skeleton, tuple(labels.videos), at_least=1)
        assert len(clips) >= 4  # two steps of two samples
        for index in range(len(clips)):
            clip = clips.clip(index, (-1, 0, 1))
            known = clip.xy_image[1][~np.isnan(clip.xy_image[1, :, 0])]
            assert len(known) >= 3
            # The box is the outline's, within which joints lie; where a mask or a picture cuts it, by whole pixels.
            assert (known >= clip.box[:2] - 1.5).all() and (known <= clip.box[2:] + 1.5).all()


def test_the_three_posetracks_say_the_same(folders: Folders) -> None:
    found = []
    for year in (17, 18, 21):
        (video,) = open_labels(f"posetrack{year}", folders(f"posetrack{year}"), "train").videos
        assert video.labelled.tolist() == [False, True, True, True, False] and len(video.persons) == 2
        found.append(video.persons)
    head = [POSETRACK_15.index(joint) for joint in ("head_top", "head_bottom")]
    for persons in found[1:]:
        for one, two in zip(found[0], persons, strict=True):
            np.testing.assert_allclose(one.xy_image, two.xy_image, atol=0.01)
            assert one.head_box is not None and two.head_box is not None
            np.testing.assert_allclose(one.head_box, two.head_box, atol=0.01)
            at, low, high = two.xy_image[:, head], two.head_box[:, None, :2], two.head_box[:, None, 2:]
            assert (np.isnan(at) | ((at >= low) & (at <= high))).all()


def test_what_is_counted_from_1_is_where_it_was_drawn(folders: Folders) -> None:
    (video,) = open_labels("sub-jhmdb", folders("sub-jhmdb"), "train1").videos
    config = SyntheticConfig(
        seed=1, clips=1, frames=5, width=320, height=240, people=(1, 1), occluders=(0, 0), blur=False,
        skeleton="jhmdb-15",
    )  # fmt: skip
    for frame in truth(config, 0):
        (pose,) = frame.poses
        known = ~np.isnan(pose.xy[:, 0])
        np.testing.assert_allclose(video.persons[0].xy_image[frame.frame][known], pose.xy[known], atol=1e-3)
        np.testing.assert_allclose(video.persons[0].box[frame.frame], pose.box, atol=1.0)  # whole pixels of a mask


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"layout of 'lspet'; wanted one of posetrack17, .*, coco"):
        drawn_folders.write("lspet", tmp_path)
