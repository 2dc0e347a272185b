"""A data set by name, judged: variants side by side, and the official figures where everybody is asked about."""

from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.evaluation.boxes import Picture
from chronopose.evaluation.coco import AveragePrecision
from chronopose.evaluation.judging import JudgedData, judge, opened
from chronopose.evaluation.temporal import FewerFrames
from chronopose.inference.predictor import Predictor
from chronopose.metrics.conventions import BOX, TIGHT
from chronopose.tracking.tracker import Detections
from tests.evaluation import test_coco, test_posetrack_truth
from tests.evaluation.drawn import as_data, drawn_people, middle, tiny_predictor, walking
from tests.inference.tiny_pose import model_in


def test_variants_stand_side_by_side_and_the_last_is_answered(tmp_path: Path) -> None:
    people = drawn_people()
    model = model_in(tiny_predictor())
    variants = {f"{frames}": Predictor(FewerFrames(model, frames), "cpu") for frames in (1, 3)}
    results, answers = judge(JudgedData(people=people, learned=lambda: people), variants, (TIGHT, BOX), limit=3)
    assert list(results) == ["1", "3"]
    assert results["1"].gain is None and results["3"].gain is not None
    difference = results["3"].score.by_size["tight"].mean_points - results["1"].score.by_size["tight"].mean_points
    np.testing.assert_allclose(results["3"].gain.difference, difference)
    assert answers.xy.shape == (3, 15, 2)
    assert all(one.official is None and not one.videos for one in results.values())


def test_videos_have_scores_of_their_own(tmp_path: Path) -> None:
    data = as_data(*(walking(tmp_path, name, [(40, 40)] * 3) for name in "ab"))
    results, _ = judge(JudgedData(people=data, learned=lambda: data), {"it": middle()}, (BOX,))
    assert list(results["it"].videos) == ["a", "b"]


@pytest.mark.parametrize("detected", [False, True])
def test_coco_style_labels_have_average_precision(tmp_path: Path, detected: bool) -> None:
    data = opened("coco-style", test_coco.folder(tmp_path), "val")

    def two(picture: Picture, pixels: Pixels) -> Detections:
        return Detections(np.array([[10, 10, 120, 120], [0, 0, 9, 9]], np.float32), np.ones(2, np.float32))

    results, answers = judge(data, {"it": middle()}, (BOX,), two if detected else None)
    official = results["it"].official
    assert isinstance(official, AveragePrecision)
    assert (official.persons, official.joints, official.of) == (3, 13, 17)
    # Only who has five labelled joints is in the data set; everybody is in the average precision.
    assert len(data.people) == len(answers.truth) == 2 and results["it"].score.samples == 2
    np.testing.assert_array_equal(answers.truth[1], data.people.clip(1, (0,)).xy_image[0])
    assert results["it"].score.found == (1 if detected else 2)
    few, _ = judge(data, {"it": middle()}, (BOX,), limit=1)
    assert few["it"].official is None and few["it"].score.samples == 1


def test_posetrack_has_its_own_figures(tmp_path: Path) -> None:
    data = opened("posetrack18", test_posetrack_truth.folder(tmp_path), "val")
    results, _ = judge(data, {"it": middle()}, (BOX,))
    official = results["it"].official
    assert official is not None and not isinstance(official, AveragePrecision)
    assert official.frames == 2 and 0 <= official.tables["ap"].mean < 60
    assert list(results["it"].videos) == [test_posetrack_truth.SEQUENCE]


def test_a_data_set_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set called 'lspett'"):
        opened("lspett", tmp_path)
    with pytest.raises(InputError, match=str(tmp_path)):
        opened("lspet", tmp_path)
