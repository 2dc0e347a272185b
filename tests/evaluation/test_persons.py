"""Scores of persons are perfect for the truth itself, and count each kind of mistake as what it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, POSETRACK_15, Skeleton
from chronopose.data.synthetic import SyntheticPeople
from chronopose.data.videos import VideoClips
from chronopose.evaluation.persons import answer, evaluate, mean_pose, score
from chronopose.inference.predictor import Predictor
from chronopose.metrics.conventions import BOX, THRESHOLDS
from tests.evaluation.drawn import (
    SMALL,
    Middle,
    as_data,
    drawn_people,
    middle,
    tiny_predictor,
    true_answers,
    walking,
)
from tests.inference.tiny_pose import recurrent


@pytest.fixture
def people() -> SyntheticPeople:
    return drawn_people()


@pytest.fixture
def predictor() -> Predictor:
    return tiny_predictor()


def test_a_model_is_scored_on_a_data_set(people: SyntheticPeople, predictor: Predictor) -> None:
    steps: list[int] = []
    result = evaluate(predictor, people, batch=4, progress=steps.append)
    assert result.samples == 6
    assert steps == [4, 2]
    assert set(result.by_size) == {"tight", "box", "torso", "head"}
    assert all(0 <= share <= 1 for share in result.by_size["tight"].mean_points)
    assert result.by_size["tight"].counts.sum() == 6 * len(people.skeleton)
    assert 0 <= result.inside_one_sigma <= 1


def test_the_batch_changes_nothing_and_the_limit_takes_the_first(people: SyntheticPeople, predictor: Predictor) -> None:
    one, all_at_once = answer(predictor, people, batch=1), answer(predictor, people, batch=6)
    np.testing.assert_allclose(one.xy, all_at_once.xy, atol=1e-3)
    three = answer(predictor, people, limit=3)
    np.testing.assert_allclose(three.xy, all_at_once.xy[:3], atol=1e-3)
    np.testing.assert_array_equal(three.truth, all_at_once.truth[:3])
    np.testing.assert_array_equal(all_at_once.truth, true_answers(people).truth)


def test_nobody_to_score_is_an_error(people: SyntheticPeople, predictor: Predictor) -> None:
    with pytest.raises(InputError, match="no labelled persons"):
        answer(predictor, people, limit=0)


def test_skeletons_without_a_joint_in_common_are_an_error(people: SyntheticPeople, predictor: Predictor) -> None:
    strange = SyntheticPeople(SMALL, name="strange")
    strange.skeleton = Skeleton(name="tail", joints=("tail",), limbs=(), mirror=(), sigmas=(0.1,))
    with pytest.raises(InputError, match=r"strange \(tail\) and the model \(posetrack-15\) share no joint"):
        answer(predictor, strange)


def test_another_skeleton_is_judged_on_the_joints_it_shares(predictor: Predictor) -> None:
    coco = SyntheticPeople(replace(SMALL, skeleton="coco-17", clips=3))
    answers = answer(predictor, coco)
    unknown = [COCO_17.index(f"{side}_{part}") for side in ("left", "right") for part in ("eye", "ear")]
    assert set(np.flatnonzero(np.isnan(answers.xy[0, :, 0]))) == set(unknown)
    assert score(answers).by_size["box"].counts[unknown].sum() == 0
    assert score(answers).by_size["box"].counts.sum() == 3 * 13


def test_the_truth_itself_scores_one(people: SyntheticPeople) -> None:
    result = score(true_answers(people))
    for size in result.by_size.values():
        np.testing.assert_array_equal(size.mean_points, [1.0] * len(size.thresholds))
    assert result.inside_one_sigma == 1.0


def test_an_error_counts_where_it_exceeds_the_threshold_of_the_person(people: SyntheticPeople) -> None:
    sizes = np.array([max(clip[2] - clip[0], clip[3] - clip[1]) for clip in true_answers(people).box])
    shift = 0.1 * float(np.median(sizes))  # a tenth of some persons and more or less of others
    result = score(true_answers(people, shift))
    wanted = [float((shift <= threshold * sizes).mean()) for threshold in THRESHOLDS]
    np.testing.assert_allclose(result.by_size["box"].mean_points, wanted)
    assert wanted[0] == 1 and wanted[2] == 0


def test_calibration_counts_coordinates_not_joints(people: SyntheticPeople) -> None:
    # Sigma is 2 px on both axes: 3 px in x alone are outside on one of two.
    assert score(true_answers(people, 3.0)).inside_one_sigma == 0.5
    assert np.isnan(score(replace(true_answers(people), sigma=None)).inside_one_sigma)


def test_joints_that_are_not_counted_change_nothing(people: SyntheticPeople) -> None:
    answers = true_answers(people)
    wrong = np.zeros(answers.xy.shape[:2], dtype=bool)
    wrong[:, 3] = True
    answers.xy[wrong] += 500
    assert score(answers).by_size["box"].mean_points[0] == pytest.approx(14 / 15)
    assert score(answers, ~wrong).by_size["box"].mean_points[0] == 1.0


def test_the_mean_pose_is_the_mean_in_units_of_the_box(people: SyntheticPeople) -> None:
    answers = mean_pose(people, people)
    true = true_answers(people)
    size = true.box[:, 2:] - true.box[:, :2]
    unit = (true.truth - true.box[:, None, :2]) / size[:, None]
    np.testing.assert_allclose((answers.xy - true.box[:, None, :2]) / size[:, None], [unit.mean(axis=0)] * 6, atol=1e-5)
    # It knows where persons are, so it beats a pose at the corner of the box and loses to the truth.
    corner = replace(true, xy=np.repeat(true.box[:, None, :2], true.xy.shape[1], axis=1))
    figures = [score(one).by_size["box"].mean_points[0] for one in (corner, answers, true)]
    assert figures == sorted(figures) and figures[0] < figures[1] < figures[2] == 1.0


def test_the_mean_pose_of_one_person_judged_on_that_person_is_the_truth(people: SyntheticPeople) -> None:
    answers = mean_pose(people, people, limit=1)
    np.testing.assert_allclose(answers.xy, answers.truth, atol=1e-3)
    assert len(answers.xy) == 1


def test_a_recurrent_model_is_scored_on_the_last_frame_of_its_clips(people: SyntheticPeople) -> None:
    result = evaluate(recurrent(), people, batch=4)
    assert result.samples == 6
    assert 0 <= result.by_size["box"].mean_points[0] <= 1 and 0 <= result.inside_one_sigma <= 1
    one, more = answer(recurrent(), people, batch=1), answer(recurrent(), people, batch=6)
    np.testing.assert_allclose(one.xy, more.xy, atol=1e-3)


# Videos, and persons who were not found ------------------------------------------------------------------------------


def test_answers_say_who_they_are_and_shaking_is_measured(tmp_path: Path) -> None:
    # The truth goes 4 px to and fro, the prediction stands still: accelerations differ by 8.
    data = as_data(walking(tmp_path, "still", [(40, 40)] * 5, error_px=4), walking(tmp_path, "short", [(40, 40)] * 2))
    result = answer(middle(), data, batch=3)
    assert [(key.video, key.frame) for key in result.keys] == [("still", f) for f in range(5)] + [
        ("short", 0),
        ("short", 1),
    ]
    shaken = score(result).jitter
    assert shaken is not None
    assert shaken.counts.tolist() == [3] * 15  # none across the two videos
    assert shaken.mean(shaken.error_px) == pytest.approx(8, abs=1e-4)
    assert shaken.mean(shaken.error_size) == pytest.approx(8 / 20, abs=1e-5)
    assert shaken.mean(shaken.predicted_px) == pytest.approx(0, abs=1e-4)
    assert score(result.part(np.array([0, 1]))).jitter is None
    assert score(replace(result, keys=())).jitter is None


def test_a_frame_that_stands_in_several_places_of_a_window_is_encoded_once(tmp_path: Path) -> None:
    class Counts(Middle):
        encoded = 0

        def encode(self, pixels: Tensor) -> Tensor:
            self.encoded += len(pixels)
            return super().encode(pixels)

    model = Counts()
    answer(Predictor(model, "cpu"), as_data(walking(tmp_path, "ends", [(40, 40)] * 3)))
    assert model.encoded == 2 + 3 + 2
    model.encoded = 0
    answer(Predictor(model, "cpu"), drawn_people(), limit=1)
    assert model.encoded == 3


def test_who_was_not_found_is_wrong_in_every_joint_that_the_model_has(people: SyntheticPeople) -> None:
    answers = true_answers(people)
    answers.xy[2] = np.inf
    answers.xy[:, 4] = np.nan  # a joint that the model does not have
    result = score(answers)
    assert (result.samples, result.found) == (6, 5)
    assert result.by_size["box"].mean_points[0] == pytest.approx(5 / 6)
    assert result.by_size["box"].counts[4] == 0
    assert result.calibration is not None and result.calibration.coordinates == 5 * 14 * 2


def test_what_counts_is_up_to_the_convention(people: SyntheticPeople) -> None:
    answers = true_answers(people)
    answers.visible[:, :3] = False
    answers.xy[:, :3] += 500
    hidden_too, in_sight = (
        score(answers, counted_as=(replace(BOX, name="one", visible_only=only),)).by_size["one"].mean_points[0]
        for only in (False, True)
    )
    assert (hidden_too, in_sight) == (pytest.approx(12 / 15), 1.0)
    box = np.tile([0.0, 0.0, 64.0, 32.0], (6, 1))
    edge = replace(answers, xy=answers.truth * 0 + [16.0, 0.0], truth=answers.truth * 0, box=box)
    both = (replace(BOX, name="<=", thresholds=(0.25,)), replace(BOX, name="<", thresholds=(0.25,), strict=True))
    shares = {name: one.mean_points[0] for name, one in score(edge, counted_as=both).by_size.items()}
    assert shares == {"<=": 1.0, "<": 0.0}


def test_a_data_set_is_counted_as_its_own_tables_are(tmp_path: Path) -> None:
    data = VideoClips("penn", POSETRACK_15, (walking(tmp_path, "one", [(40, 40)] * 3),))
    assert list(evaluate(middle(), data).by_size) == ["box, LSTM-PM", "torso, LSTM-PM", "tight"]
