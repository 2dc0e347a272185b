"""Hidden joints are held against the same joints in sight, and against nothing else."""

from dataclasses import replace

import numpy as np

from chronopose.core.skeleton import Skeleton
from chronopose.evaluation.persons import Answers
from chronopose.evaluation.sight import by_sight
from chronopose.metrics.conventions import THRESHOLDS
from tests.evaluation.drawn import drawn_people, true_answers


def test_hidden_joints_are_held_against_the_same_joints_in_sight() -> None:
    skeleton = Skeleton(name="two", joints=("hip", "ankle"), limbs=(), mirror=(), sigmas=(0.1, 0.1))
    truth = np.zeros((4, 2, 2))
    xy = truth.copy()
    xy[:, 1, 0] = [100, 100, 0, 100]  # ankles are found in the third person alone
    sigma = np.stack([np.full((4, 2), 1.0), np.full((4, 2), 9.0)], axis=1)
    visible = np.array([[1, 1], [1, 1], [0, 1], [0, 0]], dtype=bool)
    box = np.tile([0.0, 0.0, 10.0, 10.0], (4, 1))
    sigma[2, 0], sigma[3, 0] = 3.0, 5.0
    sight = by_sight(Answers(skeleton=skeleton, xy=xy, sigma=sigma, truth=truth, visible=visible, box=box))
    # Two hidden hips to one hidden ankle, on both sides; of three ankles in sight one is found.
    np.testing.assert_allclose(sight.hidden, [2 / 3] * len(THRESHOLDS))
    np.testing.assert_allclose(sight.in_sight, [2 / 3 + 1 / 3 / 3] * len(THRESHOLDS))
    np.testing.assert_allclose(sight.sigma_px, [(2 * 1 + 9) / 3, (2 * 4 + 9) / 3])


def test_a_joint_that_is_never_hidden_is_compared_with_nothing() -> None:
    people = drawn_people()
    answers = replace(true_answers(people), visible=np.ones((6, len(people.skeleton)), dtype=bool))
    assert np.isnan(by_sight(answers).hidden).all()
    answers.visible[0, 4] = False
    answers.xy[1, 5] += 500
    assert by_sight(answers).in_sight[0] == 1.0  # joint 5 is wrong and does not count
