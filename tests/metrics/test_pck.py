"""PCK: hand-worked tables, published conventions, properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, JHMDB_15, LSP_14, PENN_13, SKELETONS, Skeleton
from chronopose.metrics import pck as pck_module
from chronopose.metrics.pck import (
    PCK,
    correct_joints,
    format_joints,
    format_table,
    head_box_size,
    head_size,
    pck,
    person_box_size,
    tight_box_size,
    torso_size,
)

any_skeleton = st.sampled_from(list(SKELETONS.values()))
seeds = st.integers(0, 2**32 - 1)
SHARES = ("joints", "groups", "mean_joints", "mean_points", "mean_groups")


def made_up(skeleton: Skeleton, seed: int, count: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predicted poses, truth, labels and sizes with errors around the thresholds."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(0, 300, (count, len(skeleton), 2))
    pred = true + rng.normal(scale=15, size=true.shape)
    return pred, true, rng.random((count, len(skeleton))) < 0.8, rng.uniform(50, 200, count)


def assert_same(a: PCK, b: PCK) -> None:
    for name in (*SHARES, "counts", "left_out"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), err_msg=name)


@given(any_skeleton, seeds, st.booleans())
def test_truth_with_itself_is_perfect(skeleton: Skeleton, seed: int, strict: bool) -> None:
    _, true, labelled, size = made_up(skeleton, seed)
    labelled[0] = True
    result = pck(true, true, labelled, size, [0.05, 0.2], skeleton, strict)
    for name in SHARES:
        assert (getattr(result, name) == 1).all(), name
    np.testing.assert_array_equal(result.counts, labelled.sum(0))


@given(any_skeleton, seeds)
def test_the_order_of_samples_does_not_matter(skeleton: Skeleton, seed: int) -> None:
    sample = made_up(skeleton, seed)
    order = np.random.default_rng(seed).permutation(len(sample[0]))
    shuffled = [part[order] for part in sample]
    assert_same(pck(*sample, [0.1, 0.2], skeleton), pck(*shuffled, [0.1, 0.2], skeleton))


# Powers of two scale without rounding, so that no joint can change sides at the limit.
@given(any_skeleton, seeds, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_scale_does_not_matter(skeleton: Skeleton, seed: int, scale: float) -> None:
    pred, true, labelled, size = made_up(skeleton, seed)
    scaled = pck(pred * scale, true * scale, labelled, size * scale, [0.1, 0.2], skeleton)
    assert_same(pck(pred, true, labelled, size, [0.1, 0.2], skeleton), scaled)


@given(any_skeleton, seeds)
def test_a_larger_threshold_finds_no_fewer_and_strict_finds_no_more(skeleton: Skeleton, seed: int) -> None:
    sample = made_up(skeleton, seed)
    loose, strict = (pck(*sample, [0.05, 0.1, 0.2, 1e9], skeleton, strict) for strict in (False, True))
    assert (np.diff(loose.mean_points) >= 0).all()
    assert loose.mean_points[-1] == 1
    assert 0 < loose.mean_points[0] < 1, "made-up errors must lie on both sides of the limit"
    assert (strict.mean_points <= loose.mean_points).all()


@given(any_skeleton, seeds)
def test_means_are_what_their_names_say(skeleton: Skeleton, seed: int) -> None:
    pred, true, labelled, size = made_up(skeleton, seed)
    result = pck(pred, true, labelled, size, [0.1], skeleton)
    close = np.linalg.norm(pred - true, axis=-1) <= 0.1 * size[:, None]
    np.testing.assert_allclose(result.mean_points, [close[labelled].mean()])
    per_joint = [close[labelled[:, k], k].mean() for k in range(len(skeleton)) if labelled[:, k].any()]
    np.testing.assert_allclose(result.mean_joints, [np.mean(per_joint)])
    np.testing.assert_allclose(result.mean_groups, [np.nanmean(result.groups)])


def test_a_small_table_by_hand() -> None:
    """Two frames of Penn Action: sizes 100 and 50, so 20 and 10 px at 0.2."""
    true = np.full((2, 13, 2), 100.0)
    pred = true.copy()
    labelled = np.ones((2, 13), dtype=bool)
    off = {"head": (0, 20.0), "left_shoulder": (0, 20.5), "right_shoulder": (1, 10.5), "left_knee": (1, 11.0)}
    for joint, (frame, distance) in off.items():
        pred[frame, PENN_13.index(joint), 0] += distance
    pred[0, PENN_13.index("left_ankle")] = np.nan
    labelled[1, PENN_13.index("left_ankle")] = False
    labelled[:, [PENN_13.index("left_wrist"), PENN_13.index("right_wrist")]] = False
    result = pck(pred, true, labelled, [100, 50], [0.2], PENN_13)

    shares = dict(zip(PENN_13.joints, result.joints[0].tolist()))
    wrong = {"left_shoulder": 0.5, "right_shoulder": 0.5, "left_knee": 0.5, "left_ankle": 0.0}
    wrists = {"left_wrist", "right_wrist"}
    assert all(np.isnan(shares[joint]) for joint in wrists)
    assert {k: v for k, v in shares.items() if k not in wrists} == {
        joint: wrong.get(joint, 1.0) for joint in PENN_13.joints if joint not in wrists
    }
    assert result.counts.tolist() == [2, 2, 2, 2, 2, 0, 0, 2, 2, 2, 2, 1, 2]
    np.testing.assert_array_equal(result.groups, [[1, 0.5, 1, np.nan, 1, 0.75, 0.5]])
    np.testing.assert_allclose(result.mean_joints, [8.5 / 11])
    np.testing.assert_allclose(result.mean_points, [17 / 21])
    np.testing.assert_allclose(result.mean_groups, [4.75 / 6])
    assert result.left_out == 0


@pytest.mark.parametrize(("strict", "share"), [(False, 1.0), (True, 0.0)])
def test_a_joint_exactly_at_the_limit(strict: bool, share: float) -> None:
    true = np.zeros((1, 13, 2))
    result = pck(true + np.array([3.0, 4.0]), true, np.ones((1, 13)), [50.0], [0.1], PENN_13, strict)
    assert (result.joints == share).all()


def test_a_predicted_nan_is_wrong_and_a_nan_truth_is_not_labelled() -> None:
    true = np.zeros((1, 13, 2))
    pred = true.copy()
    pred[0, 0, 1] = np.nan
    pred[0, 1] = np.inf
    true[0, 2, 0] = np.nan
    result = pck(pred, true, np.ones((1, 13)), [10.0], [1e6], PENN_13)
    assert result.joints[0, :2].tolist() == [0.0, 0.0]
    assert np.isnan(result.joints[0, 2])
    assert result.counts.tolist() == [1, 1, 0, *[1] * 10]
    np.testing.assert_allclose(result.mean_points, [10 / 12])


@pytest.mark.parametrize("size", [np.nan, 0.0, -1.0])
def test_a_person_without_a_size_is_left_out_and_counted(size: float) -> None:
    true = np.zeros((2, 13, 2))
    labelled = np.ones((2, 13))
    labelled[1, :3] = 0
    result = pck(true, true, labelled, [10.0, size], [0.2], PENN_13)
    assert result.counts.tolist() == [1] * 13
    assert result.left_out == 10
    assert result.mean_points == 1


def test_without_labels_every_share_is_nan() -> None:
    result = pck(np.zeros((0, 13, 2)), np.zeros((0, 13, 2)), np.zeros((0, 13)), np.zeros(0), [0.1, 0.2], PENN_13)
    for name in SHARES:
        assert np.isnan(getattr(result, name)).all(), name
    assert result.joints.shape == (2, 13)


def test_neck_and_belly_count_in_the_joints_and_in_no_group() -> None:
    true = np.zeros((1, 15, 2))
    pred = true.copy()
    pred[0, [JHMDB_15.index("neck"), JHMDB_15.index("belly")]] = 99
    result = pck(pred, true, np.ones((1, 15)), [10.0], [0.2], JHMDB_15)
    assert (result.mean_groups, result.mean_joints, result.mean_points) == (1.0, 13 / 15, 13 / 15)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=list(SKELETONS))
def test_groups_share_no_joint_and_none_is_empty(skeleton: Skeleton) -> None:
    members = [joint for names in pck_module.GROUPS.values() for joint in names if joint in skeleton.joints]
    assert len(members) == len(set(members))
    assert set(skeleton.joints) - set(members) <= {"neck", "belly"}
    assert all(set(names) & set(skeleton.joints) for names in pck_module.GROUPS.values())


def test_wrong_shapes_and_no_thresholds_are_refused() -> None:
    true, labelled = np.zeros((2, 13, 2)), np.ones((2, 13))
    with pytest.raises(ValueError, match=r"\(N, 17, 2\).*got \(2, 13, 2\)"):
        pck(true, true, labelled, [1, 1], [0.2], COCO_17)
    with pytest.raises(ValueError, match=r"size \(N,\)"):
        pck(true, true, labelled, [1], [0.2], PENN_13)
    with pytest.raises(ValueError, match="at least one threshold"):
        pck(true, true, labelled, [1, 1], [], PENN_13)


def test_sizes_of_boxes() -> None:
    np.testing.assert_array_equal(person_box_size([[10, 10, 40, 90], [0, 0, 7, 2]]), [80, 7])
    np.testing.assert_allclose(head_box_size([[0, 0, 30, 40]]), [30.0])
    xy = np.array([[[1.0, 1.0], [5.0, 2.0], [90.0, 90.0]], [[np.nan, 1.0], [3.0, 4.0], [3.0, 14.0]]])
    np.testing.assert_array_equal(tight_box_size(xy), [89, 10])
    np.testing.assert_array_equal(tight_box_size(xy, [[1, 1, 0], [1, 1, 1]]), [4, 10])
    assert np.isnan(tight_box_size(xy, np.zeros((2, 3)))).all()


def test_torso_is_the_diagonal_and_falls_back_on_the_prediction() -> None:
    true = np.zeros((4, 13, 2))
    true[0, PENN_13.index("right_hip")] = (30, 40)
    true[0, PENN_13.index("left_hip")] = (0, 7)
    true[2, PENN_13.index("left_shoulder")] = np.nan
    true[3, PENN_13.index("right_hip")] = (0.5, 0)
    pred = np.zeros((4, 13, 2))
    pred[:3, PENN_13.index("right_hip")] = (0, 12)
    np.testing.assert_array_equal(torso_size(true, PENN_13), [50, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(torso_size(true, PENN_13, pred), [50, 12, 12, np.nan])
    np.testing.assert_array_equal(torso_size(true[0], PENN_13, diagonal=pck_module.PENN_TORSO), 7)


def test_head_size_needs_a_head() -> None:
    xy = np.zeros((14, 2))
    xy[LSP_14.index("head_top")] = (3, 4)
    assert head_size(xy, LSP_14) == 5
    with pytest.raises(InputError, match="no joint 'head_top'"):
        head_size(np.zeros((13, 2)), PENN_13)


def test_the_printed_tables() -> None:
    true = np.zeros((4, 13, 2))
    pred = true.copy()
    pred[0, 0] = 15
    labelled = np.ones((4, 13))
    labelled[:, 5:7] = 0
    box = pck(pred, true, labelled, np.full(4, 100.0), [0.2, 0.25], PENN_13)
    assert format_table(
        {"box": box, "torso": pck(pred, true, labelled, np.full(4, 50.0), [0.2], PENN_13)}
    ) == "\n".join(
        [
            "PCK          Head  Shoulder  Elbow  Wrist    Hip   Knee  Ankle  Groups  Joints  Points",
            "box @0.2     75.0     100.0  100.0      -  100.0  100.0  100.0    95.8    97.7    97.7",
            "box @0.25   100.0     100.0  100.0      -  100.0  100.0  100.0   100.0   100.0   100.0",
            "torso @0.2   75.0     100.0  100.0      -  100.0  100.0  100.0    95.8    97.7    97.7",
        ]
    )
    lines = format_joints(box).splitlines()
    assert lines[0].split() == ["joint", "labels", "@0.2", "@0.25"]
    assert lines[1].split() == ["head", "4", "75.0", "100.0"]
    assert lines[6].split() == ["left_wrist", "0", "-", "-"]
    assert len(lines) == 14
    assert len({len(line) for line in lines}) == 1


def test_the_judgement_of_every_joint_is_what_the_shares_are_made_of() -> None:
    pred, true, labelled, size = made_up(LSP_14, 0)
    true[2, 5] = np.nan
    size[3] = np.nan
    correct, judged = correct_joints(pred, true, labelled, size, [0.1, 0.2], LSP_14)
    assert correct.shape == (2, 9, 14) and judged.shape == (9, 14)
    assert not judged[2, 5] and not judged[3].any() and not correct[:, ~judged].any()
    result = pck(pred, true, labelled, size, [0.1, 0.2], LSP_14)
    np.testing.assert_allclose(result.mean_points, correct.sum((1, 2)) / judged.sum())
    np.testing.assert_array_equal(result.counts, judged.sum(0))
