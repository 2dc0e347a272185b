"""Composed training pictures: boxes lie on the persons, samples are repeatable, rows are padded as promised."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.data.crowd import Board, Crowd, CrowdConfig, Picture, body_box, body_reach, noise, photometric
from chronopose.data.portraits import JhmdbPictures, LspPictures, Panoramas

WHOLE = (0.0, 0.0, 96.0, 96.0)


class RedPeople:
    """Green photographs with a red rectangle whose corners are the joints."""

    def __len__(self) -> int:
        return 5

    def picture(self, index: int) -> Picture:
        pixels = np.zeros((80, 60, 3), dtype=np.uint8)
        pixels[..., 1] = 120
        x1, y1, x2, y2 = 15 + index, 10, 40 + index, 70
        pixels[y1 : y2 + 1, x1 : x2 + 1] = (250, 0, 0)
        xy = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], dtype=np.float64)
        return Picture(pixels=pixels, xy_image=xy, bar=0.3)


class Nothing:
    def __len__(self) -> int:
        return 0

    def picture(self, index: int) -> Picture:
        raise IndexError(index)


@pytest.fixture(scope="module")
def config() -> CrowdConfig:
    return CrowdConfig(size=96, turn_deg=0.0)


def test_a_box_lies_on_the_person_drawn(config: CrowdConfig) -> None:
    board = Board(config)
    board.add(RedPeople().picture(0), 50.0, np.array([40.0, 52.0]), 0.0, WHOLE)
    truth, known, doubt = board.rows()
    red = np.argwhere(board.pixels[..., 0] > 180)
    tight = np.concatenate([red.min(axis=0)[::-1], red.max(axis=0)[::-1]])
    assert known.tolist() == [1] + [0] * (config.people - 1)
    np.testing.assert_allclose(truth[0], tight, atol=1.0)
    assert doubt[0, 4] == pytest.approx(0.3) and (doubt[1:, 4] == 2).all()


def test_a_person_cut_by_its_tile_has_the_visible_box_and_a_covered_one_is_neither_right_nor_wrong(
    config: CrowdConfig,
) -> None:
    board = Board(config)
    board.add(RedPeople().picture(0), 50.0, np.array([48.0, 50.0]), 0.0, (0.0, 0.0, 48.0, 96.0))
    truth, known, _ = board.rows()
    assert known[0] == 1 and truth[0, 2] == pytest.approx(47, abs=1) and truth[0, 0] < 40
    board.draw(Picture(pixels=noise(np.random.default_rng(0), 96), xy_image=np.zeros((0, 2))), np.eye(2, 3), WHOLE)
    truth, known, doubt = board.rows()
    assert known.sum() == 0
    np.testing.assert_allclose(doubt[0, 4], 0)
    assert doubt[0, 2] == pytest.approx(47, abs=1)


def test_samples_are_repeatable_and_within_the_canvas(config: CrowdConfig) -> None:
    crowd = Crowd([(RedPeople(), 1.0), (Nothing(), 1.0)], None, dataclasses.replace(config, turn_deg=10))
    assert len(crowd) == 5
    persons = 0
    for number in range(30):
        sample = crowd.sample(0, np.random.default_rng(number))
        again = crowd.sample(0, np.random.default_rng(number))
        assert all((a == b).all() for a, b in zip(sample, again))
        assert sample.pixels.shape == (3, 96, 96) and sample.pixels.dtype == np.uint8
        assert sample.truth.shape == (12, 4) and sample.doubt.shape == (16, 5)
        boxes = sample.truth[sample.known > 0]
        assert (boxes[:, :2] < boxes[:, 2:]).all() and (boxes >= -0.5).all() and (boxes <= 95.5).all()
        assert not sample.truth[sample.known == 0].any()
        persons += len(boxes)
    assert persons > 30


def test_a_flipped_sample_has_its_boxes_flipped(config: CrowdConfig) -> None:
    crowd = Crowd([(RedPeople(), 1.0)], None, dataclasses.replace(config, ways=(1, 0, 0), smallest=0.4, largest=0.8))
    seen = 0
    for number in range(20):
        sample = crowd.sample(0, np.random.default_rng(number))
        if sample.known[0]:
            x1, y1, x2, y2 = np.clip(np.round(sample.truth[0]), 0, 95).astype(int)
            patch = sample.pixels[:, y1 + 2 : y2 - 1, x1 + 2 : x2 - 1].astype(float)
            margin = np.delete(sample.pixels[0].astype(float), np.s_[y1:y2], axis=0)
            # Light and colour change from sample to sample: inside the box the picture is nearly even.
            seen += patch.size > 0 and margin.size > 0 and patch.std(axis=(1, 2)).max() < 40
    assert seen >= 15


def test_bodies_reach_past_their_joints() -> None:
    xy = np.array([[10.0, 10], [30, 110], [np.nan, np.nan]])
    reach = body_reach(xy, share=0.05)
    assert reach == pytest.approx(5)
    np.testing.assert_allclose(body_box(xy, reach), [5, 6, 35, 115])


def test_another_camera_changes_values_not_shape() -> None:
    rng = np.random.default_rng(0)
    picture = noise(rng, 64)
    seen = [photometric(picture, rng) for _ in range(20)]
    assert all(one.shape == (64, 64, 3) and one.dtype == np.uint8 for one in seen)
    assert len({one.tobytes() for one in seen}) == 20


def test_mistakes_are_named(config: CrowdConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one folder with labelled persons"):
        Crowd([(Nothing(), 1.0)], None, config)
    with pytest.raises(InputError, match=r"data\.size"):
        CrowdConfig(size=100)
    with pytest.raises(InputError, match=r"data\.smallest"):
        CrowdConfig(smallest=2.0)
    with pytest.raises(InputError, match=r"data\.ways"):
        CrowdConfig(ways=(0, 0, 0))
    for source in (LspPictures, JhmdbPictures, Panoramas):
        with pytest.raises(InputError, match=str(tmp_path)):
            source(tmp_path)


def test_portraits_read_their_folders_and_leave_out_what_is_held_out(tmp_path: Path) -> None:
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

    clips = [
        {"video": "clip", "splits": [part, "train", "test"], "keypoints": rng.uniform(0, 40, (4, 3, 2)).tolist()}
        for part in ("train", "test")
    ]
    (tmp_path / "clip").mkdir()
    for number in range(4):
        Image.fromarray(noise(rng, 40)).save(tmp_path / "clip" / f"{number}.png")
    table = {"keypoint_names": ["neck", "belly", "face"], "clips": clips}
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    frames = JhmdbPictures(tmp_path, every=2)
    assert len(frames) == 2
    neck, _, face, top = frames.picture(1).xy_image
    np.testing.assert_allclose(top, face + 0.8 * (face - neck))

    views = Panoramas(tmp_path / "images", views=3)
    assert len(views) == 9
    assert (views.picture(4).pixels == views.picture(4).pixels).all() and not len(views.picture(4).xy_image)
