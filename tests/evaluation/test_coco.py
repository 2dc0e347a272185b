"""COCO's figures: perfect for the truth, lower for poses that are off, and those of faster-coco-eval itself."""

import json
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from PIL import Image

from chronopose import formats
from chronopose.core.skeleton import COCO_17
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.data.videos import VideoClips
from chronopose.evaluation.boxes import Found, pictures
from chronopose.evaluation.coco import FIGURES, CocoTruth
from chronopose.evaluation.persons import key_of

ALL = np.ones(17, dtype=bool)


def person(rng: np.random.Generator, x: float, y: float, side: float, **fields: object) -> dict[str, object]:
    triples = np.concatenate([rng.uniform(0, side, (17, 2)) + np.array([x, y]), np.full((17, 1), 2)], axis=1)
    return {
        "category_id": 1, "iscrowd": 0, "keypoints": triples.reshape(-1).tolist(), "num_keypoints": 17,
        "bbox": [x, y, side, side], "area": side * side * 0.6, **fields,
    }  # fmt: skip


def folder(tmp_path: Path, *, videos: bool = False) -> Path:
    """Three pictures: two persons, one person and a crowd, nobody. Of one person four joints alone are labelled."""
    rng = np.random.default_rng(0)
    few = person(rng, 150, 20, 40)
    triples = np.array(few["keypoints"]).reshape(17, 3)
    triples[4:] = 0
    few["keypoints"], few["num_keypoints"] = triples.reshape(-1).tolist(), 4
    crowd = person(rng, 0, 0, 50, iscrowd=1, keypoints=[0] * 51, num_keypoints=0)
    people = [
        (7, person(rng, 10, 10, 130)),
        (7, few),
        (5, person(rng, 60, 40, 60)),
        (5, crowd),
    ]
    places = [{"video_id": 3, "frame_id": number} for number in range(3)] if videos else [{}] * 3
    value = {
        "images": [
            {"id": key, "file_name": f"{key}.jpg", "width": 200, "height": 160, **place}
            for key, place in zip((7, 5, 9), places)
        ],
        "annotations": [{"id": n, "image_id": image, **one} for n, (image, one) in enumerate(people, 1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
    }
    (tmp_path / "val").mkdir(parents=True)
    (tmp_path / "val.json").write_text(json.dumps(value))
    for key in (7, 5, 9):
        Image.new("RGB", (200, 160)).save(tmp_path / "val" / f"{key}.jpg")
    return tmp_path


def perfect(truth: CocoTruth, shift_px: float = 0.0) -> dict[tuple[str, int], list[Pose]]:
    """The truth itself, so many pixels to the right."""
    found: dict[tuple[str, int], list[Pose]] = {}
    for picture, indices in pictures(truth.everybody, len(truth.everybody)).items():
        for index in indices:
            clip = truth.everybody.clip(index, (0,))
            xy = np.nan_to_num(clip.xy_image[0], nan=60.0) + np.array([shift_px, 0], dtype=np.float32)
            found.setdefault(picture, []).append(
                Pose(skeleton=COCO_17, xy=xy, score=np.full(17, 0.5, np.float32), box=clip.box, box_score=0.8)
            )
    return found


def test_the_truth_is_perfect_and_poses_that_are_off_fall(tmp_path: Path) -> None:
    truth = CocoTruth(folder(tmp_path), "val")
    whole = truth.judge(perfect(truth), ALL)
    assert (whole.persons, whole.joints, whole.of) == (3, 17, 17)
    assert whole.figures == dict.fromkeys(FIGURES, 1.0)
    figures = [truth.judge(perfect(truth, shift), ALL).figures["AP"] for shift in (2, 5, 10, 100)]
    assert 1 > figures[0] > figures[1] > figures[2] > figures[3] == 0


def test_everybody_with_a_joint_is_asked_about_and_pictures_of_nobody_are_known(tmp_path: Path) -> None:
    truth = CocoTruth(folder(tmp_path), "val")
    assert len(truth.everybody) == 3
    assert [key_of(truth.nobody, index)[:2] for index in range(len(truth.nobody))] == [("", 2)]
    clip = truth.nobody.clip(0, (-1, 0))
    assert [frame.shape for frame in clip.frames] == [(160, 200, 3)] * 2
    assert np.isnan(clip.xy_image).all() and np.isnan(clip.box).all()


def test_wrong_poses_cost_where_nobody_is_and_not_in_a_crowd(tmp_path: Path) -> None:
    truth = CocoTruth(folder(tmp_path), "val")
    found = perfect(truth)
    crowd = Pose(
        skeleton=COCO_17, xy=np.full((17, 2), 25, np.float32), score=np.ones(17, np.float32),
        box=np.zeros(4, np.float32),
    )  # fmt: skip
    assert truth.judge({**found, ("", 1): [*found["", 1], crowd]}, ALL).figures["AP"] == 1.0
    assert truth.judge({**found, ("", 2): [crowd]}, ALL).figures["AP"] < 1.0


def test_nobody_found_is_zero(tmp_path: Path) -> None:
    assert CocoTruth(folder(tmp_path), "val").judge({}, ALL).figures["AP"] == 0


def test_joints_that_the_model_does_not_have_are_taken_out(tmp_path: Path) -> None:
    truth = CocoTruth(folder(tmp_path), "val")
    has = ~np.isin(COCO_17.joints, ["left_eye", "right_eye", "left_ear", "right_ear"])
    found = perfect(truth)
    for poses in found.values():
        for pose in poses:
            pose.xy[~has] = np.nan
            pose.score[~has] = 0
    result = truth.judge(found, has)
    assert result.figures["AP"] == 1.0
    # Of the person with four joints, nose, eyes and an ear, the nose alone is left.
    assert (result.persons, result.joints, result.of) == (3, 13, 17)


def test_frames_of_videos_are_pictures_too(tmp_path: Path) -> None:
    stills, clips = CocoTruth(folder(tmp_path / "a"), "val"), CocoTruth(folder(tmp_path / "b", videos=True), "val")
    assert isinstance(clips.everybody, VideoClips)
    assert [key_of(clips.nobody, 0)[:2]] == [("3", 2)]
    assert [frame.shape for frame in clips.nobody.clip(0, (-1, 0, 1)).frames] == [(160, 200, 3)] * 3
    assert clips.judge(perfect(clips, 4), ALL).figures == pytest.approx(stills.judge(perfect(stills, 4), ALL).figures)


def test_a_list_of_detections_is_read_by_the_ids_of_pictures(tmp_path: Path) -> None:
    truth = CocoTruth(folder(tmp_path), "val")
    boxes = [{"image_id": 5, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.25}]
    (tmp_path / "found.json").write_text(json.dumps(boxes))
    source = truth.detections(tmp_path / "found.json")
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    assert source(("", 1), pixels).boxes.tolist() == [[1, 2, 31, 42]] and source(("", 1), pixels).scores[0] == 0.25
    assert len(source(("", 0), pixels).boxes) == 0


def test_the_figures_are_those_of_the_official_code_on_a_file_that_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frames, answers = [], []
    for number in range(12):
        true, found = [], []
        for x in (20.0, 110.0):
            xy = (rng.uniform(0, rng.choice([30, 90]), (17, 2)) + np.array([x, 20])).astype(np.float32)
            box = np.concatenate([xy.min(axis=0), xy.max(axis=0)])
            true.append(Pose(skeleton=COCO_17, xy=xy, score=np.ones(17, np.float32), box=box))
            off = xy + rng.normal(scale=rng.choice([1, 4, 12]), size=xy.shape).astype(np.float32)
            score = rng.uniform(0, 1, 17).astype(np.float32)
            found.append(Pose(skeleton=COCO_17, xy=off, score=score, box=box, box_score=float(rng.uniform())))
        frames.append(FramePoses(number, float("nan"), tuple(true)))
        answers.append(FramePoses(number, float("nan"), tuple(found)))
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (240, 160)).save(tmp_path / "images" / f"{number:012d}.jpg")
    info = VideoInfo(source="made", width=240, height=160, fps=25.0)
    formats.write(PoseSequence(info=info, skeleton=COCO_17, frames=tuple(frames)), tmp_path / "val.coco.json")
    (tmp_path / "val.coco.json").rename(tmp_path / "val.json")
    given: Found = {("", frame.frame): frame.poses for frame in answers}
    mine = CocoTruth(tmp_path, "val").judge(given, ALL)

    listed = [
        {
            "image_id": frame.frame + 1, "category_id": 1, "score": float(pose.box_score * pose.score.mean()),
            "keypoints": np.concatenate([pose.xy, np.ones((17, 1))], axis=1).reshape(-1).tolist(),
        }
        for frame in answers for pose in frame.poses
    ]  # fmt: skip
    annotated = COCO(str(tmp_path / "val.json"))
    official = COCOeval_faster(annotated, annotated.loadRes(listed), iouType="keypoints")
    official.evaluate()
    official.accumulate()
    official.summarize()
    wanted = np.where(official.stats < 0, np.nan, official.stats)
    np.testing.assert_allclose(list(mine.figures.values()), wanted, atol=1e-9)
    assert 0.2 < mine.figures["AP"] < 0.9 and mine.figures["APM"] > 0
