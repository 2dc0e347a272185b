"""The detector around the network: boxes back in image pixels, doubles removed, frames of any size."""

import numpy as np
import pytest
import torch
import torchvision

from chronopose.core import geometry
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.inference.finding import choose_detector
from chronopose.tracking.detector import Detector
from chronopose.tracking.person import PersonDetector, _singles


class Bright:
    """Sees a person wherever the picture is white: three cells, of which two say nearly the same box."""

    long_side, score_scale, score_shift = 128, 1.0, 0.0

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, pictures: Pixels) -> tuple[Floats, Floats]:
        self.shapes.append(pictures.shape)
        boxes = []
        for picture in pictures:
            y, x = np.nonzero(picture[..., 0] > 200)
            edge = np.array([x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5])
            boxes.append(np.stack([edge, edge + 0.4, edge + np.array([200, 200, 300, 300])]))
        logit = np.tile(np.array([2.0, 1.0, 3.0], np.float32), (len(pictures), 1))
        return logit, np.stack(boxes).astype(np.float32)


def frame(height: int, width: int, box: tuple[int, int, int, int]) -> Pixels:
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return pixels


def test_it_is_a_detector_and_no_frames_are_no_answers() -> None:
    detector = PersonDetector(Bright())
    assert isinstance(detector, Detector)
    assert detector([]) == []


def test_boxes_come_back_in_the_pixels_of_frames_of_several_sizes_in_order() -> None:
    boxes = [(40, 20, 80, 180), (300, 100, 420, 360), (10, 30, 50, 90), (60, 20, 100, 180)]
    sizes = [(200, 320), (480, 640), (120, 60), (200, 320)]
    model = Bright()
    answers = PersonDetector(model, batch_size=1)([frame(*size, box) for size, box in zip(sizes, boxes)])
    for (x1, y1, x2, y2), answer in zip(boxes, answers):
        assert answer.boxes.dtype == np.float32 and answer.boxes.shape == (1, 4) and answer.scores.shape == (1,)
        true = [[x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5]]
        assert geometry.iou_matrix(answer.boxes, true)[0, 0] > 0.93
        # Of the doubles the better stays; the best-scored box lies outside the frame and is gone.
        assert answer.scores[0] == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item())
    assert all(len(shape) == 4 and shape[1] % 32 == 0 and shape[2] % 32 == 0 for shape in model.shapes)
    assert (1, 96, 128, 3) in model.shapes and (1, 128, 64, 3) in model.shapes


def test_frames_of_one_shape_go_through_the_network_together() -> None:
    model = Bright()
    PersonDetector(model, batch_size=4)([frame(64, 128, (10, 10, 30, 50))] * 6)
    assert [shape[0] for shape in model.shapes] == [4, 2]
    assert model.shapes[0][1:3] == (64, 128)


def test_boxes_below_the_score_are_left_out() -> None:
    answer = PersonDetector(Bright(), score=0.96)([frame(64, 128, (10, 10, 30, 50))])[0]
    assert answer.boxes.shape == (0, 4) and answer.scores.shape == (0,)
    assert answer.xy is None and answer.joint_scores is None


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="long_side must be a positive multiple of 32, got 100"):
        PersonDetector(Bright(), long_side=100)
    with pytest.raises(InputError, match="score and overlap"):
        PersonDetector(Bright(), score=2)
    with pytest.raises(InputError, match="a frame must be"):
        PersonDetector(Bright())([np.zeros((4, 4), dtype=np.uint8)])


def test_the_bundled_weights_find_nobody_in_an_empty_picture() -> None:
    detector = choose_detector("bundled")
    answer = detector([np.full((120, 160, 3), 90, dtype=np.uint8)])[0]
    assert (answer.scores < 0.5).all()


@pytest.mark.parametrize("count", [0, 1, 5, 40, 200])
def test_doubles_are_those_that_torchvision_finds(count: int) -> None:
    random = np.random.default_rng(count)
    for _ in range(10):
        middle, half = random.uniform(0, 300, (count, 2)), random.uniform(3, 60, (count, 2))
        boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
        score = random.uniform(0.1, 1, count).astype(np.float32)
        wanted = torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(score), 0.55)
        assert _singles(boxes, score, 0.55).tolist() == wanted.tolist()
