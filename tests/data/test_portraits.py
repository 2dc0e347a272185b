"""Pictures for the detector: each folder is read, what is held out stays out, defects name the folder."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15
from chronopose.data.crowd import noise
from chronopose.data.portraits import JhmdbPictures, LspPictures, Panoramas, RenderedScenes
from chronopose.formats.shards import ClipRecord, Shards, shard_path, write_shard


def test_lsp_pictures_leave_out_the_held_out_and_the_sparsely_labelled(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in (9, 10, 11):
        Image.fromarray(noise(rng, 40)).save(tmp_path / "images" / f"{number:05d}.jpg")
    xy = rng.uniform(5, 35, (3, 14, 2)).astype(np.float32)
    xy[2, :6] = np.nan
    np.savez(tmp_path / "joints.npz", image=np.array([9, 10, 11], dtype=np.int32), xy=xy)
    portraits = LspPictures(tmp_path)
    assert len(portraits) == 1  # 10 is held out, 11 has too few joints
    np.testing.assert_allclose(portraits.picture(0).xy_image, xy[0], atol=1e-4)


def test_jhmdb_pictures_are_every_nth_frame_of_one_part_with_the_top_of_the_head(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(2, 38, (2, 4, 15, 2)).round(2)
    xy[0, 2, 14] = [70, 20]  # outside the image
    clips = [
        {"name": part, "video": "clip", "splits": [part, "train", "test"], "keypoints": joints.tolist()}
        for part, joints in zip(("train", "test"), xy, strict=True)
    ]
    (tmp_path / "clip").mkdir()
    for number in range(4):
        Image.new("RGB", (40, 40), (60 * number, 90, 0)).save(tmp_path / "clip" / f"{number}.png")
    table = {"image_size": [40, 40], "keypoint_names": list(JHMDB_15.joints), "clips": clips}
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    frames = JhmdbPictures(tmp_path, every=2)
    assert len(frames) == 2
    picture = frames.picture(1)
    assert abs(float(picture.pixels[..., 0].mean()) - 120) < 2
    np.testing.assert_allclose(picture.xy_image[:15], xy[0, 2], atol=1e-4)
    face, neck = xy[0, 2, JHMDB_15.index("face")], xy[0, 2, JHMDB_15.index("neck")]
    np.testing.assert_allclose(picture.xy_image[15], face + 0.8 * (face - neck), atol=1e-4)
    np.testing.assert_allclose(
        JhmdbPictures(tmp_path, every=2, split="test").picture(0).xy_image[:15], xy[1, 0], atol=1e-4
    )


def test_panoramas_are_cut_alike_for_the_same_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(noise(rng, 40)).save(tmp_path / f"{number}.jpg")
    views = Panoramas(tmp_path, views=3)
    assert len(views) == 9
    assert (views.picture(4).pixels == views.picture(4).pixels).all() and not len(views.picture(4).xy_image)


def test_rendered_scenes_show_a_frame_of_the_clip_with_everybody_who_can_be_seen(tmp_path: Path) -> None:
    times, people = 4, 3
    boxes = np.tile(np.array([5, 4, 25, 28], np.float32), (times, people, 1))
    boxes[..., 0] += np.arange(times)[:, None]
    boxes[:, 2] = np.nan  # behind the camera
    seen = np.array([[0.9, 0.01, 0.0]] * times, np.float32)
    seen[3, 1] = 0.5
    clips = [
        ClipRecord(
            number=number,
            frames=np.stack([np.full((32, 48, 3), 40 * number + 20 * t + 30, np.uint8) for t in range(times)]),
            fps=25.0,
            key=2,
            joints=("nose",),
            xy=np.zeros((times, people, 1, 2), np.float32),
            visible=np.zeros((times, people, 1), np.uint8),
            boxes=boxes,
            seen=seen,
            blur=np.zeros((times, people, 1), np.float32),
            motions=("walk",) * people,
        )
        for number in range(2)
    ]
    write_shard(shard_path(tmp_path, 0), clips, {"seed": 1})
    scenes = RenderedScenes(Shards(tmp_path))
    assert len(scenes) == 2
    found = set()
    for seed in range(40):
        scene = scenes.scene(1, np.random.default_rng(seed))
        frame = round((float(scene.pixels.mean()) - 70) / 20)
        found.add(frame)
        assert scene.pixels.shape == (32, 48, 3)
        np.testing.assert_allclose(scene.boxes, boxes[frame, : 2 if frame == 3 else 1])
        np.testing.assert_allclose(scene.seen, [0.9, 0.5] if frame == 3 else [0.9])
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize("source", [LspPictures, JhmdbPictures, Panoramas, Shards])
def test_a_folder_of_something_else_is_named(tmp_path: Path, source: type) -> None:
    with pytest.raises(InputError, match=str(tmp_path)):
        source(tmp_path)
