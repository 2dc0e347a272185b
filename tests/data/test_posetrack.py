"""PoseTrack of all years and layouts: the same labels, all frames, and a word for everything that is wrong."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import POSETRACK_15
from chronopose.data import posetrack
from chronopose.data.posetrack import Year
from chronopose.data.videos import LabelledVideo, VideoClips
from tests.data.posetrack_folder import (
    HEIGHT,
    LABELLED,
    LENGTH,
    SEQUENCES,
    WIDTH,
    change,
    grey,
    people,
    posetrack_folder,
)

LAYOUTS: list[tuple[Year, bool]] = [(2017, False), (2017, True), (2018, False), (2018, True), (2021, False)]
NAMES = ["17", "17 merged", "18", "18 merged", "21"]


@pytest.fixture(params=LAYOUTS, ids=NAMES, scope="module")
def layout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Year, bool, Path]:
    year, merged = request.param
    return year, merged, posetrack_folder(tmp_path_factory.mktemp("posetrack"), year, merged)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return posetrack_folder(tmp_path / "18", 2018)


def labels(folder: Path) -> Path:
    return folder / "annotations" / "val" / "000003_mpii_test.json"


def test_every_layout_gives_the_same_labels_in_all_frames(layout: tuple[Year, bool, Path]) -> None:
    year, merged, folder = layout
    for split, sequences in SEQUENCES.items():
        videos = posetrack.videos(year, folder, split)
        prefix = "bonn_5sec/" if year == 2017 and merged else ""
        assert [video.name for video in videos] == [prefix + sequence for sequence in sequences]
        for video, sequence in zip(videos, sequences):
            assert video.length == LENGTH and video.size == ((WIDTH, HEIGHT) if merged else None)
            assert isinstance(video.images, tuple) and all(image.is_file() for image in video.images)
            assert np.flatnonzero(video.labelled).tolist() == list(LABELLED)
            assert [person.track_id for person in video.persons] == [0, 5]
            assert [person.frames.tolist() for person in video.persons] == [list(LABELLED), list(LABELLED[:-1])]
            for truth in people(sequence):
                person = video.persons[truth.track_id == 5]
                row = person.frames.tolist().index(truth.frame)
                np.testing.assert_array_equal(person.xy_image[row, 1:], truth.x_y_v[1:, :2].astype(np.float32))
                assert np.isnan(person.xy_image[row, 0]).all()
                assert person.visible[row].tolist() == [False, False] + [True] * 13
                assert person.head_box is not None
                np.testing.assert_array_equal(person.head_box[row], np.float32(truth.head))
                if year == 2017 and not merged:
                    assert np.isnan(person.box[row]).all()
                else:
                    np.testing.assert_allclose(person.box[row], truth.box, atol=1e-5)


def test_clips_show_neighbours_that_are_not_labelled(layout: tuple[Year, bool, Path]) -> None:
    year, _, folder = layout
    clips = VideoClips(posetrack.NAMES[year], posetrack.SKELETON, posetrack.videos(year, folder, "val"))
    assert len(clips) == 2 * (2 * len(LABELLED) - 1)
    for index in range(len(clips)):
        key, clip = clips.key(index), clips.clip(index, (-3, 0, 1, 9))
        sequence = key.video.rsplit("/", 1)[-1]
        shown = [max(key.frame - 3, 0), key.frame, key.frame + 1, LENGTH - 1]
        np.testing.assert_allclose(
            [frame.mean() for frame in clip.frames], [grey(sequence, number) for number in shown], atol=1.5
        )
        assert np.isnan(clip.xy_image[[0, 3]]).all() == (shown[0] not in LABELLED)


def test_a_sound_folder_has_no_defect_but_frames_without_labels(layout: tuple[Year, bool, Path]) -> None:
    year, _, folder = layout
    found = list(posetrack.defects(year, folder, "val"))
    assert found.count(None) == 2
    told = [defect for defect in found if defect is not None]
    assert len(told) == 2
    assert all(one.known and "4 of 7 frames were not labelled" in one.what for one in told)


def test_posetrack_data_may_stand_before(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "there", 2017)
    (folder / "posetrack_data").mkdir()
    for name in ("annotations", "images"):
        (folder / name).rename(folder / "posetrack_data" / name)
    assert len(posetrack.videos(2017, folder, "train")) == 2


def test_frames_of_posetrack17_may_be_numbered_from_anywhere_and_go_on_with_letters(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "17", 2017)
    pictures = folder / "images" / "bonn_5sec" / "000003_mpii_test"
    file = folder / "annotations" / "val" / "000003_mpii_test.json"
    text = file.read_text()
    for frame in range(1, LENGTH + 1):
        (pictures / f"{frame:08d}.jpg").rename(pictures / f"{frame + 95}_crop.jpg")  # 96 to 102: not in order as text
        text = text.replace(f"{frame:08d}.jpg", f"{frame + 95}_crop.jpg")
    file.write_text(text)
    video = posetrack.videos(2017, folder, "val")[0]
    assert isinstance(video.images, tuple)
    assert [image.name for image in video.images] == [f"{number}_crop.jpg" for number in range(96, 103)]
    assert np.flatnonzero(video.labelled).tolist() == list(LABELLED)
    assert video.persons[0].frames.tolist() == list(LABELLED)


def test_frames_that_the_file_does_not_list_are_taken_from_the_folder(folder: Path) -> None:
    content = json.loads(labels(folder).read_text())
    content["images"] = [image for image in content["images"] if image["is_labeled"]]
    labels(folder).write_text(json.dumps(content))
    pictures = folder / "images" / "val" / "000003_mpii_test"
    (pictures / "._000001.jpg").write_bytes(b"left behind by another system")
    video = posetrack.videos(2018, folder, "val")[0]
    assert isinstance(video.images, tuple)
    assert [image.name for image in video.images] == [f"{number:06d}.jpg" for number in range(LENGTH)]
    assert np.flatnonzero(video.labelled).tolist() == list(LABELLED) and video.persons[0].frames.tolist() == [2, 3, 4]
    (pictures / "000006.jpg").unlink()
    assert posetrack.videos(2018, folder, "val")[0].length == LENGTH - 1
    assert any("6 pictures, 000003_mpii_test.json says 7" in what for what in _told(folder))


def _told(folder: Path, year: Year = 2018) -> list[str]:
    """What is found wrong in the validation part, but for what is known of every release."""
    found = [defect for defect in posetrack.defects(year, folder, "val") if defect is not None and not defect.known]
    return [f"{defect.file.name}: {defect.where}: {defect.what}" for defect in found]


def test_test_files_without_joints_have_persons_without_joints(folder: Path) -> None:
    content = json.loads(labels(folder).read_text())
    for at, entry in enumerate(content["annotations"]):
        entry["keypoints"] = [] if at else None
        entry["bbox_head"], entry["iscrowd"] = [], False
    labels(folder).write_text(json.dumps(content))
    video = posetrack.videos(2018, folder, "val")[0]
    assert np.isnan(video.persons[0].xy_image).all() and not video.persons[0].visible.any()
    assert video.persons[0].head_box is not None and np.isnan(video.persons[0].head_box).all()
    assert np.isfinite(video.persons[0].box).all()
    assert len(VideoClips("posetrack18", POSETRACK_15, [video])) == 0


def test_flags_of_labelling_may_be_missing(folder: Path) -> None:
    content = json.loads(labels(folder).read_text())
    for image in content["images"]:
        del image["is_labeled"]
    labels(folder).write_text(json.dumps(content))
    assert np.flatnonzero(posetrack.videos(2018, folder, "val")[0].labelled).tolist() == list(LABELLED)


# What is wrong and put right: (what to change, what is told, what the video is like).
ODD: list[tuple[str, Any, str, Callable[[LabelledVideo], bool]]] = [
    ("annotations.1.track_id", 0, r"annotations\[1\] \(id \d+\).track_id: 0 once more in the same frame.*with id 6",
     lambda video: [(p.track_id, p.frames.tolist()) for p in video.persons] == [(0, [2, 3, 4]), (5, [3]), (6, [2])]),
    ("annotations.0.track_id", ..., r"annotations\[0\] \(id \d+\).track_id: nothing; taken for somebody else",
     lambda video: [(p.track_id, p.frames.tolist()) for p in video.persons] == [(0, [3, 4]), (5, [2, 3]), (6, [2])]),
    ("annotations.0.bbox", [5, 5, 0.5, 9], r"annotations\[0\] \(id \d+\).bbox: a box of 0.5 x 9 pixels; left out",
     lambda video: bool(np.isnan(video.persons[0].box[0]).all() and np.isfinite(video.persons[0].box[1:]).all())),
    ("annotations.0.bbox_head", [5, 5, -3, 9], r".bbox_head: a box of -3 x 9 pixels; left out",
     lambda video: bool(video.persons[0].head_box is not None and np.isnan(video.persons[0].head_box[0]).all())),
    ("images.2.is_labeled", False, r"is_labeled: 2 persons have joints in frames marked as not labelled",
     lambda video: video.labelled.tolist() == [False] * 3 + [True] * 2 + [False] * 2 and len(video.persons) == 2),
    ("images.0.nframes", 7, "", lambda video: video.length == LENGTH),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "told", "right"), ODD, ids=[path for path, *_ in ODD])
def test_what_can_be_put_right_is_told(
    folder: Path, path: str, value: Any, told: str, right: Callable[[LabelledVideo], bool]
) -> None:
    change(labels(folder), path, value)
    assert right(posetrack.videos(2018, folder, "val")[0])
    found = _told(folder)
    assert len(found) == bool(told)
    assert not told or re.search(told, found[0])


# What cannot be put right: (what to change, what is told).
WRONG: list[tuple[str, Any, str]] = [
    ("images.0.id", None, r"images\[0\].id: expected a whole number"),
    ("images.1.id", 10000030000, r"images\[1\].id: 10000030000 is the id of an earlier image too"),
    ("images.0.file_name", "../../etc/passwd", r"images\[0\].file_name: expected the path of a file inside the folder"),
    ("images.0.file_name", "/etc/passwd", r"images\[0\].file_name: expected the path of a file inside the folder"),
    ("images.0.file_name", "images/val/..\\x/0.jpg", r"images\[0\].file_name: expected the path of a file inside"),
    ("images.0.file_name", "a\nb/0.jpg", r"images\[0\].file_name: expected the path of a file inside the folder"),
    ("images.0.file_name", ["x"], r"images\[0\].file_name: expected text"),
    ("images.0.file_name", "images/val/000003_mpii_test/000001.jpg", r"images\[1\]: .*000001.jpg is listed twice"),
    ("images.0.file_name", "images/val/000009_mpii_test/000000.jpg", r"expected pictures of one sequence, got 2"),
    ("images.0.file_name", "images/val/000003_mpii_test/" + "9" * 200, r"no 9{200}; 1 of 7 listed pictures"),
    ("images.0.nframes", 10**400, r"images\[0\].nframes: expected a whole number"),
    ("images.0.is_labeled", "yes", r"images\[0\].is_labeled: expected true or false"),
    ("images", {}, r"images: expected a list of objects, got a dict of 0"),
    ("annotations", ..., r"annotations: expected a list of objects, got nothing"),
    ("annotations.1.image_id", 7, r"annotations\[1\] \(id \d+\).image_id: no image has the id 7"),
    ("annotations.1.keypoints", [1.0] * 45, r"annotations\[1\] \(id \d+\).keypoints: expected a list of 51 numbers"),
    ("annotations.1.keypoints.4", "1", r"annotations\[1\] \(id \d+\).keypoints\[4\]: expected a number, got '1'"),
    ("annotations.1.keypoints.4", 1e300, r"annotations\[1\] \(id \d+\).keypoints\[4\]: expected a number, got 1e\+300"),
    ("annotations.1.bbox", [1, 2, 3], r"annotations\[1\] \(id \d+\).bbox: expected a list of 4 numbers"),
    ("annotations.1.bbox_head", "x", r"annotations\[1\] \(id \d+\).bbox_head: expected a list of 4 numbers"),
    ("annotations.1.track_id", 2**40, r"annotations\[1\] \(id \d+\).track_id: expected a whole number"),
    ("categories.0.keypoints", ["nose"], r"categories\[0\].keypoints: expected all of PoseTrack's joints"),
    ("categories", [], r"categories: expected one, found 0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "told"), WRONG, ids=[f"{path} {str(value)[:12]}" for path, value, _ in WRONG]
)
def test_what_cannot_be_put_right_stops_that_video(folder: Path, path: str, value: Any, told: str) -> None:
    change(labels(folder), path, value)
    with pytest.raises(InputError, match=told) as caught:
        posetrack.videos(2018, folder, "val")
    assert "\n" not in str(caught.value) and "000003_mpii_test" in str(caught.value)
    found = list(posetrack.defects(2018, folder, "val"))
    assert found.count(None) == 2  # the other video is looked at all the same
    stopping = [defect for defect in found if defect is not None and not defect.known]
    assert len(stopping) == 1 and stopping[0].file == labels(folder) and "reading stops here" in stopping[0].what


def test_missing_and_damaged_pictures_are_told(folder: Path) -> None:
    pictures = folder / "images" / "val" / "000003_mpii_test"
    (pictures / "000002.jpg").write_bytes((pictures / "000002.jpg").read_bytes()[:200])
    Image.new("RGB", (WIDTH + 2, HEIGHT)).save(pictures / "000005.jpg")
    told = _told(folder)
    assert len(told) == 2 and told[0].startswith("000002.jpg") and told[1].startswith("000005.jpg")
    assert "66 x 48 pixels, wanted 64 x 48" in told[1]
    (pictures / "000004.jpg").unlink()
    (pictures / "000006.jpg").unlink()
    wanted = r"000003_mpii_test: no 000004.jpg; 2 of 7 listed pictures are missing"
    with pytest.raises(InputError, match=wanted):
        posetrack.videos(2018, folder, "val")
    for picture in pictures.iterdir():
        picture.unlink()
    pictures.rmdir()
    with pytest.raises(InputError, match=r"images/val/000003_mpii_test: no such folder; .*json has labels"):
        posetrack.videos(2018, folder, "val")


def test_a_folder_of_something_else_is_told_what_is_wanted(tmp_path: Path) -> None:
    for year, wanted in ((2017, "posetrack_val.json"), (2018, "posetrack18_val.json"), (2021, "posetrack_data/val/")):
        with pytest.raises(InputError, match=f"{wanted}.* there; wanted the folder of {posetrack.NAMES[year]}"):
            posetrack.videos(year, tmp_path, "val")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="split must be one of train, val, got 'test'"):
        posetrack.videos(2021, tmp_path, "test")
    with pytest.raises(InputError, match="year must be one of 2017, 2018, 2021, got 2019"):
        posetrack.videos(2019, tmp_path, "val")  # type: ignore[arg-type]
    (tmp_path / "annotations" / "val").mkdir(parents=True)
    (tmp_path / "annotations" / "val" / "00342_mpii_relpath_5sec_testsub.mat").touch()
    with pytest.raises(
        InputError, match=r"annotations/val: MATLAB files, which are not read; wanted .*posetrack_val.json"
    ):
        posetrack.videos(2017, tmp_path, "val")


@given(data=st.data())
@settings(max_examples=60)
def test_no_change_of_a_value_makes_anything_but_videos_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    year = data.draw(st.sampled_from([2017, 2018]))
    if not (folder / str(year)).exists():
        posetrack_folder(folder / str(year), year)
    file = folder / str(year) / "annotations" / "val" / "000003_mpii_test.json"
    original = file.read_text()
    at: Any = json.loads(original)
    path = []
    while isinstance(at, dict | list) and at and (len(path) < 2 or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        path.append(str(key))
        at = at[key]
    values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    try:
        change(file, ".".join(path), data.draw(st.just(...) | st.recursive(values, st.lists, max_leaves=3)))
        for video in posetrack.videos(year, folder / str(year), "val"):
            assert isinstance(video.images, tuple)
            assert video.length == len(video.images) == len(video.labelled)
            for person in video.persons:
                assert (np.diff(person.frames) > 0).all() and person.frames[-1] < video.length
                assert not np.isinf(person.xy_image).any()
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    finally:
        file.write_text(original)


def test_boxes_of_mmpose_and_of_the_papers_code_are_found_by_picture(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "18", 2018)
    videos = posetrack.videos(2018, folder, "val")
    entries = [
        {"bbox": [1, 2, 30, 40], "category_id": 1, "image_id": 10000030002, "score": 0.9},
        {"bbox": [5, 6, 7, 8], "category_id": 1, "image_id": 30000040000, "score": 0.5},
        {"bbox": [2, 2, 9, 9], "category_id": 1, "image_id": 10000030002, "score": 0.25},
        {"bbox": [2, 2, 9, 9], "category_id": 3, "image_id": 10000030003, "score": 0.8},
        {"bbox": [2, 2, 0, 9], "category_id": 1, "image_id": 10000030003, "score": 0.8},
        {"bbox": [2, 2, 9, 9], "category_id": 1, "image_id": 17, "score": 0.8},
    ]
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(entries))
    found = posetrack.boxes(file, videos)
    images = folder / "images" / "val"
    assert list(found) == [images / "000003_mpii_test" / "000002.jpg", images / "000004_mpiinew_test" / "000000.jpg"]
    first, second = found.values()
    assert first[0].tolist() == [[1, 2, 31, 42], [2, 2, 11, 11]] and first[1].tolist() == [np.float32(0.9), 0.25]
    assert second[0].tolist() == [[5, 6, 12, 14]]
    for entry in entries:
        number = entry.pop("image_id")
        entry["image_name"] = f"images/val/000003_mpii_test/{number % 10:06d}.jpg"  # type: ignore[operator]
    file.write_text(json.dumps(entries[:3]))
    assert [path.name for path in posetrack.boxes(file, videos)] == ["000002.jpg", "000000.jpg"]


def test_boxes_of_posetrack17_go_by_name(tmp_path: Path) -> None:
    folder = posetrack_folder(tmp_path / "17", 2017, merged=True)
    videos = posetrack.videos(2017, folder, "val")
    file = tmp_path / "val_boxes.json"
    name = "bonn_5sec/000003_mpii_test/00000003.jpg"
    entry = {"bbox": [1, 2, 3, 4], "score": 1, "category_id": 1, "nframes": 7, "frame_id": 3, "image_name": name}
    file.write_text(json.dumps([entry]))
    assert list(posetrack.boxes(file, videos)) == [folder / "images_renamed" / name]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({}, "expected a list of objects, got a dict of 0"),
        ([3], r"\[0\]: expected an object, got 3"),
        ([{"bbox": [1, 2, 3], "image_id": 1}], r"\[0\].bbox: expected a list of 4 numbers"),
        ([{"bbox": [1, 2, 3, 4]}], r"\[0\].image_name: expected text, got nothing"),
        ([{"bbox": [1, 2, 3, 4], "image_id": "1"}], r"\[0\].image_id: expected a whole number"),
        ([{"bbox": [1, 2, 3, 4], "image_id": 1, "score": "high"}], r"\[0\].score: expected a number"),
    ],
)
def test_a_file_of_boxes_that_is_wrong_is_named(tmp_path: Path, content: Any, told: str) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"boxes.json: .*{told}"):
        posetrack.boxes(tmp_path / "boxes.json", ())
