"""Conventions measure the size they name, and a data set's own lead its tables."""

import numpy as np
import pytest

from chronopose.core.skeleton import COCO_17, JHMDB_15, LSP_14, PENN_13, POSETRACK_15, SKELETONS
from chronopose.metrics.conventions import THRESHOLDS, conventions


def sizes_of(data: str, skeleton_name: str) -> dict[str, float]:
    """The size of one person, whose joints stand 10 px apart in a row, by every convention."""
    skeleton = SKELETONS[skeleton_name]
    true = np.zeros((1, len(skeleton), 2))
    true[0, :, 0] = 10.0 * np.arange(len(skeleton))
    box = np.array([[0.0, 0.0, 70.0, 300.0]])
    return {one.name: one.sizes(true, true, box, skeleton).item() for one in conventions(data, skeleton)}


def test_every_size_that_the_skeleton_has() -> None:
    found = sizes_of("lspet", "lsp-14")
    apart = abs(LSP_14.index("left_shoulder") - LSP_14.index("right_hip"))
    assert found == {"tight": 130, "box": 300, "torso": 10 * apart, "head": 10}
    assert "head" in sizes_of("posetrack18", "posetrack-15")
    assert "head" not in sizes_of("coco", "coco-17")
    assert [one.thresholds for one in conventions("lspet", LSP_14)] == [THRESHOLDS] * 3 + [(0.5, 0.1)]


def test_the_torso_of_penn_is_the_other_diagonal() -> None:
    found = sizes_of("penn", "penn-13")
    assert found["torso, LSTM-PM"] == 10 * abs(PENN_13.index("right_shoulder") - PENN_13.index("left_hip"))
    assert all(one.visible_only for one in conventions("penn", PENN_13) if "LSTM-PM" in one.name)


@pytest.mark.parametrize("data", ["jhmdb", "sub-jhmdb"])
def test_both_conventions_of_jhmdb_are_named(data: str) -> None:
    strict = {one.name: one.strict for one in conventions(data, JHMDB_15)}
    assert strict == {
        "box, LSTM-PM": False, "torso, LSTM-PM": False, "box, mmpose": True, "torso, mmpose": True, "tight": False,
    }  # fmt: skip
    assert sizes_of(data, "jhmdb-15")["torso, mmpose"] == 10 * abs(
        JHMDB_15.index("left_shoulder") - JHMDB_15.index("right_hip")
    )


def test_thresholds_of_ones_own() -> None:
    assert {one.thresholds for one in conventions("own", POSETRACK_15, [0.3])} == {(0.3,)}


def test_the_torso_of_a_prediction_stands_in_where_the_true_one_is_unknown() -> None:
    (torso,) = [one for one in conventions("coco", COCO_17) if one.name == "torso"]
    true, pred = np.zeros((2, 17, 2)), np.zeros((2, 17, 2))
    pred[:, COCO_17.index("left_shoulder")] = 30, 40
    pred[1] = np.inf  # somebody who was not found
    np.testing.assert_array_equal(torso.sizes(pred, true, np.zeros((2, 4)), COCO_17), [50, np.nan])
