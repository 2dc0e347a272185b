"""JHMDB: the right frames with the right joints in all three layouts, splits apart, errors that name the place."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15
from chronopose.data import jhmdb
from chronopose.data.dataset import PoseDataset
from chronopose.data.videos import VideoClips
from tests.data import jhmdb_folder
from tests.data.dots import centre

WIDTH, HEIGHT, LENGTH = 64, 48, 6
PARTS = [("train", "train", "test"), ("test", "train", "train"), ("train", "test", "train")]


def clips_of(folder: Path, split: str, sub: bool = False, **settings: Any) -> VideoClips:
    return VideoClips(jhmdb.NAME, jhmdb.SKELETON, jhmdb.videos(folder, split, sub), **settings)


LAYOUTS: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "owners": (jhmdb_folder.write_owners, False),
    "owners, sub": (jhmdb_folder.write_owners, True),
    "mmpose": (jhmdb_folder.write_mmpose, True),
    "mmpose, whole names": (lambda folder: jhmdb_folder.write_mmpose(folder, inside=False), True),
    "table": (jhmdb_folder.write_table, False),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_have_the_same_clips_with_the_dot_under_the_neck(tmp_path: Path, layout: str) -> None:
    write, sub = LAYOUTS[layout]
    folder = write(tmp_path)
    for number in (1, 2, 3):
        found = {part: clips_of(folder, f"{part}{number}", sub) for part in ("train", "test")}
        for part, clips in found.items():
            listed = jhmdb_folder.SUB if sub else jhmdb_folder.CLIPS
            wanted = [clip for (a, clip) in listed if jhmdb_folder.CLIPS[a, clip][number - 1] == part]
            assert sorted(video.name for video in clips.videos) == sorted(wanted)
            assert set(jhmdb.defects(folder, f"{part}{number}", sub)) == {None}
            for index in range(len(clips)):
                clip, key = clips.clip(index, (0,)), clips.key(index)
                np.testing.assert_array_equal(clip.xy_image[0], jhmdb_folder.joints(key.video)[key.frame])
                np.testing.assert_allclose(centre(clip.frames[0]), clip.xy_image[0, 0], atol=0.05)


@pytest.mark.parametrize("layout", ["owners", "mmpose"])
def test_the_box_reaches_from_the_first_to_the_last_pixel_of_the_mask(tmp_path: Path, layout: str) -> None:
    folder = LAYOUTS[layout][0](tmp_path)
    for video in jhmdb.videos(folder, "train2", sub=True):
        xy = jhmdb_folder.joints(video.name)
        wanted = np.concatenate([xy.min(axis=1) - 2, xy.max(axis=1) + 2], axis=1)
        np.testing.assert_array_equal(video.persons[0].box, wanted)


def test_without_masks_there_is_no_box_and_clips_take_that_of_the_joints(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    (folder / "puppet_mask").rename(folder / "elsewhere")
    clips = clips_of(folder, "train1")
    assert all(np.isnan(video.persons[0].box).all() for video in clips.videos)
    clip = clips.clip(0, (0,))
    assert ((clip.xy_image[0] > clip.box[:2]) & (clip.xy_image[0] < clip.box[2:])).all()


def test_missing_masks_are_those_of_a_neighbouring_frame(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    action, clip = jhmdb_folder.SUB[0]
    file = folder / "puppet_mask" / action / clip / "puppet_mask.mat"
    mask = jhmdb_folder.masks(jhmdb_folder.joints(clip))
    mask[..., 0] = 0
    savemat(file, {"part_mask": mask[..., :3]})
    video = next(video for video in jhmdb.videos(folder, "train1") if video.name == clip)
    box = video.persons[0].box
    np.testing.assert_array_equal(box[[0, 3]], box[[1, 2]])
    found = [defect for defect in jhmdb.defects(folder, "train1") if defect]
    assert [(defect.file, defect.where, defect.known) for defect in found] == [
        (file, "part_mask of frame 1", False),
        (file, "part_mask of frame 4", True),
    ]
    savemat(file, {"part_mask": mask * 0})
    with pytest.raises(InputError, match=r"puppet_mask\.mat: part_mask: expected masks of 4 frames, got none"):
        jhmdb.videos(folder, "train1")


def test_an_owners_clip_with_frames_missing_or_to_spare_is_named(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    action, clip = jhmdb_folder.SUB[0]
    pictures = folder / "Rename_Images" / action / clip
    Image.open(pictures / "00004.png").save(pictures / "00005.png")
    assert [d.what for d in jhmdb.defects(folder, "train1") if d] == [
        "5 pictures, labels for 4; those without are left out"
    ]
    (pictures / "00002.png").unlink()
    with pytest.raises(InputError, match=r"no 00002\.png; joint_positions\.mat has labels for 4 frames"):
        jhmdb.videos(folder, "train1")
    (defect,) = [defect for defect in jhmdb.defects(folder, "train1") if defect]
    assert defect.file == folder / "joint_positions" / action / clip / "joint_positions.mat"


@pytest.mark.parametrize(
    ("pos_img", "message"),
    [
        (np.zeros((2, 14, 4)), r"pos_img: expected 2 x 15 x n numbers, got 2 x 14 x 4"),
        (np.zeros((15, 2, 4)), r"pos_img: expected 2 x 15 x n numbers"),
        (np.zeros((2, 15, 0)), r"pos_img: expected 1 to 10000 frames, got 0"),
        ("text", r"pos_img is text"),
    ],
)
def test_damaged_joint_positions_are_named(tmp_path: Path, pos_img: Any, message: str) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    action, clip = jhmdb_folder.SUB[0]
    savemat(folder / "joint_positions" / action / clip / "joint_positions.mat", {"pos_img": pos_img})
    with pytest.raises(InputError, match=message) as caught:
        jhmdb.videos(folder, "train1")
    assert "\n" not in str(caught.value)
    assert len([defect for defect in jhmdb.defects(folder, "train1") if defect]) == 1


def test_joints_without_numbers_are_unknown_and_told(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    action, clip = jhmdb_folder.SUB[0]
    pos_img = jhmdb_folder.joints(clip).transpose(2, 1, 0) + 1
    pos_img[0, 3, 1] = np.nan
    savemat(folder / "joint_positions" / action / clip / "joint_positions.mat", {"pos_img": pos_img})
    person = next(video for video in jhmdb.videos(folder, "train1") if video.name == clip).persons[0]
    assert np.isnan(person.xy_image[1, 3]).all() and (~person.visible).sum() == 1
    assert [defect.where for defect in jhmdb.defects(folder, "train1") if defect] == ["pos_img"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../secret.avi 1", r"split1\.txt: line 2: expected 'clip\.avi' and 1 or 2, got '\.\./\.\./secret\.avi 1'"),
        ("a\\b.avi 1", r"line 2: expected"),
        ("...avi 1", r"line 2: expected"),
        ("clip.avi 3", r"line 2: expected"),
        ("clip 1", r"line 2: expected"),
        ("Open_golf_f_cm_np1_ri_med_1.avi 2", r"line 2: Open_golf_f_cm_np1_ri_med_1 is there twice"),
        ("gone.avi 1", r"joint_positions\.mat: cannot read: No such file"),
    ],
)
def test_a_line_of_a_list_that_is_wrong_is_named(tmp_path: Path, line: str, message: str) -> None:
    folder = jhmdb_folder.write_owners(tmp_path)
    with (folder / "splits" / "golf_test_split1.txt").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=message) as caught:
        jhmdb.videos(folder, "train1")
    assert "\n" not in str(caught.value)


def test_a_mmpose_video_with_a_frame_nobody_labelled_or_without_its_picture_is_named(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_mmpose(tmp_path)
    file = folder / "annotations" / "Sub1_train.json"
    content = json.loads(file.read_text())
    first = content["annotations"].pop(0)
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"Sub1_train\.json: video 00001: expected one person with a track_id in all"):
        jhmdb.videos(folder, "train1", sub=True)
    (defect,) = [defect for defect in jhmdb.defects(folder, "train1", sub=True) if defect]
    assert (defect.file, defect.where) == (file, "video 00001")
    content["annotations"].append(first)
    content["images"][0]["file_name"] = "../secret/00001.png"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"images\[0\]\.file_name: expected the path of a file"):
        jhmdb.videos(folder, "train1", sub=True)


def test_splits_are_never_merged_and_folders_without_what_was_asked_for_are_named(tmp_path: Path) -> None:
    folder = jhmdb_folder.write_table(tmp_path)
    for split in ("train", "test", "train4", "1", ""):
        with pytest.raises(
            InputError, match=r"split must be one of train1, test1, .*: those of JHMDB are never merged"
        ):
            jhmdb.videos(folder, split)
    with pytest.raises(InputError, match=r"no annotations/Sub1_train\.json there; wanted the folder of Sub-JHMDB"):
        jhmdb.videos(folder, "train1", sub=True)
    with pytest.raises(InputError, match=r"nowhere: no annotations\.json there; wanted the folder of JHMDB"):
        jhmdb.videos(tmp_path / "nowhere", "train1")


def grey(clip: int, frame: int) -> int:
    return 40 + clip * 60 + frame * 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three clips of six frames, folders of pictures in place of videos: each frame a grey of its own."""
    rng = np.random.default_rng(0)
    clips = []
    for number, splits in enumerate(PARTS):
        place = tmp_path / "videos" / f"clip{number}"
        place.mkdir(parents=True)
        for frame in range(LENGTH):
            Image.new("RGB", (WIDTH, HEIGHT), (grey(number, frame),) * 3).save(place / f"{frame}.png")
        xy = rng.uniform([5, 5], [WIDTH - 5, HEIGHT - 5], (LENGTH, 15, 2)).round(2)
        clips.append(
            {"name": f"clip{number}", "video": f"videos/clip{number}", "splits": splits, "keypoints": xy.tolist()}
        )
    table = {"image_size": [WIDTH, HEIGHT], "keypoint_names": list(JHMDB_15.joints), "clips": clips}
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    return tmp_path


def change(folder: Path, by: Callable[[Any], Any]) -> None:
    """Rewrites the annotations after `by` has changed them in place."""
    file = folder / "annotations.json"
    table = json.loads(file.read_text())
    by(table)
    file.write_text(json.dumps(table))


def labelled(folder: Path, clip: int) -> np.ndarray:
    return np.array(json.loads((folder / "annotations.json").read_text())["clips"][clip]["keypoints"])


def test_each_example_shows_the_frames_of_its_clip_with_their_joints(folder: Path) -> None:
    clips = clips_of(folder, "train1")
    assert isinstance(clips, PoseDataset) and len(clips) == 2 * LENGTH
    for index in np.random.default_rng(1).permutation(len(clips)):
        clip = clips.clip(int(index), (-1, 0, 1))
        number, key = (0, 2)[index // LENGTH], index % LENGTH
        shown = [min(max(key + offset, 0), LENGTH - 1) for offset in (-1, 0, 1)]
        assert clip.name == f"jhmdb/clip{number}/{key}"
        for frame, pixels, xy in zip(shown, clip.frames, clip.xy_image, strict=True):
            assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
            assert abs(float(pixels.mean()) - grey(number, frame)) < 2
            np.testing.assert_allclose(xy, labelled(folder, number)[frame], atol=1e-4)
        low, high = clip.box[:2], clip.box[2:]
        assert ((clip.xy_image[1] > low) & (clip.xy_image[1] < high)).all()


def test_the_splits_part_the_clips(folder: Path) -> None:
    for number in (1, 2, 3):
        train, test = (jhmdb.videos(folder, f"{part}{number}") for part in ("train", "test"))
        assert [video.name for video in test] == [f"clip{n}" for n in range(3) if PARTS[n][number - 1] == "test"]
        assert not {video.name for video in train} & {video.name for video in test}


def test_only_every_nth_frame_is_a_key_frame_and_neighbours_stay_neighbours(folder: Path) -> None:
    clips = clips_of(folder, "test1", every=4)
    assert [clips.key(index).frame for index in range(len(clips))] == [0, 4]
    greys = [round(float(pixels.mean())) for pixels in clips.clip(1, (-1, 0, 1)).frames]
    np.testing.assert_allclose(greys, [grey(1, 3), grey(1, 4), grey(1, 5)], atol=1)


def test_joints_outside_the_image_are_unknown_and_do_not_stretch_the_box(folder: Path) -> None:
    def move(table: Any) -> None:
        for frame in table["clips"][1]["keypoints"]:
            frame[3] = [WIDTH + 30, 10]
            frame[4] = [None, None]
        table["clips"][1]["keypoints"][2][5:] = [[-9, 10]] * 10

    change(folder, move)
    clips = clips_of(folder, "test1")
    clip = clips.clip(0, (0,))
    assert not clip.visible[0, 3:5].any() and np.isnan(clip.xy_image[0, 3:5]).all() and clip.visible.sum() == 13
    assert clip.box[2] < WIDTH + 10
    assert [clips.key(index).frame for index in range(len(clips))] == [0, 1, 3, 4, 5]  # three joints are too few
    assert len(clips_of(folder, "test1", at_least=3)) == LENGTH
    assert clips.videos[0].persons[0].xy_image[0, 3, 0] == WIDTH + 30  # the raw labels stay as they are


def test_joints_are_taken_by_name_whatever_their_order(folder: Path) -> None:
    straight = clips_of(folder, "test1").clip(0, (0,)).xy_image

    def turn(table: Any) -> None:
        table["keypoint_names"].reverse()
        for clip in table["clips"]:
            for frame in clip["keypoints"]:
                frame.reverse()

    change(folder, turn)
    np.testing.assert_array_equal(clips_of(folder, "test1").clip(0, (0,)).xy_image, straight)


def test_a_video_shorter_than_its_labels_or_of_another_size_is_named(folder: Path) -> None:
    (folder / "videos" / "clip1" / "5.png").unlink()
    with pytest.raises(InputError, match=r"clip1: 5 frames; the annotations have 6"):
        clips_of(folder, "test1").clip(0, (0,))
    change(folder, lambda table: table.update(image_size=[WIDTH, HEIGHT + 2]))
    with pytest.raises(InputError, match=r"clip1: frames of 64 x 48 pixels; wanted 64 x 50"):
        clips_of(folder, "test1").clip(0, (0,))


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (lambda table: table.update(image_size=[64]), r"image_size must be width and height in pixels, got \[64\]"),
        (lambda table: table.update(image_size=[64, True]), r"image_size must be"),
        (lambda table: table["keypoint_names"].pop(), r"keypoint_names must be neck, belly"),
        (lambda table: table.update(clips={}), r"clips must be a list, got dict"),
        (lambda table: table.update(clips=[]), r"no clip is of the test part of split 1"),
        (lambda table: table["clips"].append(3), r"clips\[3\] must be an object"),
        (lambda table: table["clips"][1].update(splits=["test"]), r"clips\[1\]: splits must be train or test"),
        (lambda table: table["clips"][1].pop("video"), r"clips\[1\]: video must be a path inside the folder"),
        (lambda table: table["clips"][1].update(video="../x"), r"clips\[1\]: video must be a path inside"),
        (lambda table: table["clips"][1].update(video="/etc/passwd"), r"clips\[1\]: video must be a path inside"),
        (lambda table: table["clips"][1].update(video="videos/gone"), r"gone: no such file; .*clips\[1\] names it"),
        (lambda table: table["clips"][1].pop("keypoints"), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1]["keypoints"][2].pop(), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1].update(keypoints=[]), r"clips\[1\]: keypoints must be"),
        (lambda table: table["clips"][1]["keypoints"][0].__setitem__(0, [float("inf"), 0]), r"not readable as JSON"),
        (lambda table: table["clips"][1]["keypoints"][0].__setitem__(0, [1e39, 0]), r"clips\[1\]: keypoints must be"),
    ],
)
def test_defects_of_the_annotations_are_named_in_one_line(folder: Path, by: Callable[[Any], Any], message: str) -> None:
    change(folder, by)
    with pytest.raises(InputError, match=message) as caught:
        jhmdb.videos(folder, "test1")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]"])
def test_annotations_that_are_no_json_object_are_named(folder: Path, content: bytes) -> None:
    (folder / "annotations.json").write_bytes(content)
    with pytest.raises(InputError, match=r"annotations\.json: (not readable as JSON|expected a JSON object)"):
        jhmdb.videos(folder, "test1")


@pytest.mark.data
def test_the_real_clips_are_there_with_their_joints_inside() -> None:
    folder = Path(os.environ["CHRONOPOSE_DATA"]) / "jhmdb_recovered"
    train, test = clips_of(folder, "train1", every=5), clips_of(folder, "test1", every=5)
    assert len(train) > 1500 and len(test) > 500
    for index in range(0, len(test), 100):
        clip = test.clip(index, (-2, 0, 2))
        assert clip.frames[0].shape == (240, 320, 3) and clip.visible[1].sum() >= 6
