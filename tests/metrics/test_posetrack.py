"""AP of PoseTrack: small tables by hand, each habit of the official tools, and what must not change the figures."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.metrics.posetrack import (
    GROUPS,
    JOINTS,
    Judged,
    Samples,
    Table,
    average_precision,
    head_length,
    inside,
    joined,
    pair,
    samples,
    table,
    without_ignored,
)
from tests.metrics.judged_people import HALF, body, crowd, judged

ALL = len(JOINTS)
NOSE = JOINTS.index("nose")
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)


def of(sequence: Judged) -> Samples:
    return samples(sequence, pair(sequence))


def figures(sequence: Judged) -> dict[str, Table]:
    return average_precision(of(sequence))


def right(sequence: Judged) -> np.ndarray:
    return of(sequence).right


# The curve --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "ap"),
    [
        # Right, right, wrong: precision 1, 1, 2/3 at recall 1/2, 1, 1.
        ([0.9, 0.8, 0.7], 100.0),
        # Right, wrong, right: 1 up to recall 1/2, 2/3 up to 1.
        ([0.9, 0.7, 0.8], 100 * (1 / 2 + 1 / 3)),
        # Wrong, right, right: 0, 1/2, 2/3; from the right nowhere under 2/3.
        ([0.8, 0.7, 0.9], 100 * 2 / 3),
    ],
)
def test_by_hand(score: list[float], ap: float) -> None:
    result = figures(
        judged([[(0, body(0)), (1, body(100))]], [[(5, body(0)), (6, body(105)), (7, body(500))]], score=score)
    )
    np.testing.assert_allclose(result["ap"].joints, ap)
    np.testing.assert_allclose(result["precision"].joints, 100 * 2 / 3)
    np.testing.assert_allclose(result["recall"].joints, 100)
    assert result["ap"].mean == pytest.approx(ap)
    assert result["ap"].groups == pytest.approx(dict.fromkeys(GROUPS, ap))


def test_equal_scores_are_one_step_whatever_their_order() -> None:
    truth = [[(0, body(0)), (1, body(100))]]
    found = [(5, body(0)), (6, body(100)), (7, body(500))]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        result = figures(judged(truth, [[found[k] for k in order]], score=[0.5] * 3))
        np.testing.assert_allclose(result["ap"].joints, 100 * 2 / 3)


def test_the_last_recall_ends_the_area() -> None:
    result = figures(judged([[(0, body(0)), (1, body(100))]], [[(5, body(0))]]))
    np.testing.assert_allclose(result["ap"].joints, 50)
    np.testing.assert_allclose(result["recall"].joints, 50)


def test_a_joint_that_nobody_predicts_has_zeros_and_counts() -> None:
    without = [k for k in range(ALL) if k != NOSE]
    result = figures(judged([[(0, body(0))]], [[(5, body(0, without))]]))
    for name in ("ap", "precision", "recall"):
        assert result[name].joints[NOSE] == 0
        assert result[name].mean == pytest.approx(100 * 14 / 15)


def test_a_joint_that_nobody_is_labelled_with_is_unknown_and_spoils_its_group() -> None:
    without = [k for k in range(ALL) if k != NOSE]
    sequence = judged([[(0, body(0, without))]], [[(5, body(0))]])
    result = figures(sequence)
    assert np.isnan(result["ap"].joints[NOSE]) and np.isnan(result["recall"].joints[NOSE])
    assert result["precision"].joints[NOSE] == 0
    assert result["ap"].mean == 100 and result["precision"].mean == pytest.approx(100 * 14 / 15)
    assert np.isnan(result["ap"].groups["Head"]) and result["ap"].groups["Hip"] == 100
    kit = average_precision(of(sequence), nothing_is_zero=True)
    assert kit["ap"].joints[NOSE] == kit["recall"].joints[NOSE] == kit["precision"].joints[NOSE] == 0


def test_nothing_known_has_no_mean() -> None:
    assert np.isnan(table(np.full(ALL, np.nan)).mean)


def test_sequences_are_ranked_together() -> None:
    good = of(judged([[(0, body(0))]], [[(5, body(0))]], score=[0.2]))
    bad = of(judged([[(0, body(0))]], [[(5, body(500))]], score=[0.9]))
    np.testing.assert_allclose(average_precision(joined([good, bad]))["ap"].joints, 25)


# Who is compared with whom ----------------------------------------------------------------------------------------


def test_half_a_head_is_near_enough_and_no_more() -> None:
    assert right(judged([[(0, body(0))]], [[(5, body(HALF))]])).all()
    assert not right(judged([[(0, body(0))]], [[(5, body(np.nextafter(HALF, 11)))]])).any()


def test_the_length_of_a_head_is_six_tenths_of_the_diagonal() -> None:
    np.testing.assert_array_equal(head_length([[10, 20, 40, 60], [5, 5, 5, 5]]), [30, 0])


def test_a_head_of_no_size_has_nothing_near_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not right(judged([[(0, body(0))]], [[(5, body(0))]], head=0.0)).any()


def test_a_prediction_that_loses_its_favourite_gets_nobody() -> None:
    # Both like the first person most; the loser would have had five joints of the second one.
    truth = [[(0, body(0)), (1, body(100))]]
    loser = body(0, moved=dict.fromkeys(range(5), 100.0))
    found = right(judged(truth, [[(5, loser), (6, body(0))]], score=[0.9, 0.1]))
    assert not found[0].any() and found[1].all()


def test_the_share_of_the_labelled_joints_decides_and_not_their_number() -> None:
    truth = [[(0, body(0)), (1, body(100, [NOSE]))]]
    found = right(judged(truth, [[(5, body(0, moved={NOSE: 100.0}))]]))  # 14 of 15 against 1 of 1
    assert np.flatnonzero(found[0]).tolist() == [NOSE]


def test_of_equal_persons_the_first_is_taken_on_both_sides() -> None:
    half = dict.fromkeys(range(6), 100.0)  # 6 joints at 100, 6 at 0, 3 nowhere
    middle = body(0, range(12), half)
    truth = [[(0, body(0)), (1, body(100))]]
    assert np.flatnonzero(right(judged(truth, [[(5, middle)]]))[0]).tolist() == list(range(6, 12))
    assert np.flatnonzero(right(judged([truth[0][::-1]], [[(5, middle)]]))[0]).tolist() == list(range(6))
    twins = right(judged([[(0, body(0))]], [[(5, body(3)), (6, body(-3))]], score=[0.1, 0.9]))
    assert twins[0].all() and not twins[1].any()


def test_a_matched_person_is_judged_joint_by_joint() -> None:
    found = right(judged([[(0, body(0, range(10)))]], [[(5, body(0, range(5, 15), {7: 50.0}))]]))
    assert np.flatnonzero(found[0]).tolist() == [5, 6, 8, 9]


def test_frames_with_one_side_add_what_they_have() -> None:
    result = of(judged([[(0, body(0))], []], [[], [(5, body(0))]]))
    assert (result.truths == 1).all() and result.score.shape == (1, ALL) and not result.right.any()


def test_persons_are_compared_within_their_frame_only() -> None:
    found = right(judged([[(0, body(0))], [(0, body(100))]], [[(5, body(100))], [(5, body(100))]]))
    assert not found[0].any() and found[1].all()


def test_pairs_are_all_of_a_frame() -> None:
    sequence = judged(
        [[(0, body(0)), (1, body(4))], [], [(0, body(0))]],
        [[(5, body(1)), (6, body(2))], [(5, body(0))], [(5, body(9))]],
    )
    pairs = pair(sequence)
    assert pairs.starts.tolist() == [0, 4, 4, 5]
    assert pairs.truth.tolist() == [0, 0, 1, 1, 2] and pairs.found.tolist() == [0, 1, 0, 1, 3]
    np.testing.assert_allclose(pairs.distance[:, NOSE] * 20, [1, 2, 3, 2, 9])


# Frames and regions -----------------------------------------------------------------------------------------------


def test_frames_left_out_take_their_persons_and_regions_with_them() -> None:
    polygon = np.array([[0.0, 0], [1, 0], [0, 1]])
    sequence = judged(
        [[(0, body(0))], [(1, body(0))], [(2, body(0))]],
        [[(5, body(0))], [], [(7, body(0)), (8, body(0))]],
        regions={2: [polygon]},
    ).only(np.array([False, True, True]))
    assert sequence.frames == 2
    assert sequence.truth.frame.tolist() == [0, 1] and sequence.truth.track_id.tolist() == [1, 2]
    assert sequence.found.frame.tolist() == [1, 1] and sequence.found.track_id.tolist() == [7, 8]
    assert sequence.regions == ((), (polygon,))


def test_ignored_joints_go_and_so_do_persons_left_with_none() -> None:
    low = np.array([[-50.0, -50], [50, -50], [50, 4500], [-50, 4500]])  # joints 0 to 4 near x = 0
    truth = [(0, body(0)), (1, body(0, range(5))), (2, body(200))]
    found = [(5, body(0)), (6, body(0, [])), (7, body(0, [4]))]
    sequence = without_ignored(judged([truth, truth], [found, found], regions={1: [low]}))
    # Frame 0 has no region: even a person without joints stays.
    assert sequence.truth.track_id.tolist() == [0, 1, 2, 0, 2]
    assert sequence.found.track_id.tolist() == [5, 6, 7, 5]
    assert np.flatnonzero(sequence.truth.present[3]).tolist() == list(range(5, ALL))
    assert sequence.truth.present[4].all() and sequence.truth.present[0].all()
    assert np.flatnonzero(sequence.found.present[3]).tolist() == list(range(5, ALL))


def test_a_region_without_area_still_sends_persons_without_joints_away() -> None:
    for polygon in (np.zeros((0, 2)), np.array([[0.0, 0], [0, 9000]])):
        sequence = without_ignored(judged([[(0, body(0)), (1, body(0, []))]], [[]], regions={0: [polygon]}))
        assert sequence.truth.track_id.tolist() == [0] and sequence.truth.present.all()


SQUARE = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])


@pytest.mark.parametrize(
    ("point", "wanted"),
    [
        ((2, 2), True),
        ((0, 2), False),  # on each edge and corner
        ((4, 2), False),
        ((2, 0), False),
        ((2, 4), False),
        ((0, 0), False),
        ((4, 4), False),
        ((4.001, 2), False),
        ((3.999, 0.001), True),
        ((np.nan, 2), False),
    ],
)
def test_the_boundary_is_outside(point: tuple[float, float], wanted: bool) -> None:
    assert inside(np.array([point], dtype=float), SQUARE).tolist() == [wanted]


def test_a_polygon_that_crosses_itself_counts_even_and_odd() -> None:
    angle = 2 * np.pi * np.arange(5) * 2 / 5
    star = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    assert inside(np.array([[0.0, 0], [0, 0.8], [0.5, 0.8]]), star).tolist() == [False, True, False]
    twice = np.concatenate([SQUARE, SQUARE])
    assert not inside(np.array([[2.0, 2]]), twice).any()


def test_a_vertex_beside_the_point_is_crossed_once() -> None:
    diamond = np.array([[0.0, -2], [2, 0], [0, 2], [-2, 0]])
    assert inside(np.array([[0.0, 0], [-3, 0], [3, 0], [-1, 0]]), diamond).tolist() == [True, False, False, True]


def test_a_point_on_a_slanting_edge_is_outside_though_rounding_says_otherwise() -> None:
    # Products of these coordinates are rounded; the points are exactly in the middle of the edge.
    rng = np.random.default_rng(3)
    for _ in range(200):
        corners = rng.integers(-(2**40), 2**40, (3, 2)) / 2.0**33
        middle = (corners[0] + corners[1]) / 2
        assert not inside(middle[None], corners).any()


@given(seeds, st.integers(3, 9))
def test_a_polygon_may_be_turned_mirrored_and_written_from_any_corner(seed: int, corners: int) -> None:
    rng = np.random.default_rng(seed)
    polygon = rng.integers(0, 9, (corners, 2)).astype(float)
    points = rng.integers(0, 18, (40, 2)) / 2
    wanted = inside(points, polygon)
    np.testing.assert_array_equal(inside(points, np.roll(polygon[::-1], seed % corners, axis=0)), wanted)
    np.testing.assert_array_equal(inside(points[:, ::-1], polygon[:, ::-1]), wanted)
    np.testing.assert_array_equal(inside(-points, -polygon), wanted)


# What must and must not matter ------------------------------------------------------------------------------------


@few
@given(seeds)
def test_the_truth_against_itself_is_perfect(seed: int) -> None:
    sequence = crowd(seed, spread=100.0)
    mirror = replace(sequence, found=replace(sequence.truth, score=np.ones_like(sequence.truth.score)))
    result = figures(mirror)
    known = sequence.truth.present.any(axis=0)
    for name in ("ap", "precision", "recall"):
        np.testing.assert_array_equal(result[name].joints[known], 100)


@few
@given(seeds)
def test_neither_order_nor_ids_nor_the_scale_of_scores_matter(seed: int) -> None:
    sequence = crowd(seed, spread=100.0)
    rng = np.random.default_rng(seed)
    wanted = figures(sequence)

    def shuffled(count: np.ndarray) -> np.ndarray:
        return np.lexsort((rng.random(len(count)), count))

    truth, found = (side.only(shuffled(side.frame)) for side in (sequence.truth, sequence.found))
    found = replace(found, track_id=found.track_id + 7, score=np.exp(found.score / 10) - 5)
    result = figures(replace(sequence, truth=truth, found=found))
    for name, figure in wanted.items():
        np.testing.assert_allclose(result[name].joints, figure.joints)


@few
@given(seeds)
def test_another_wrong_person_never_helps(seed: int) -> None:
    sequence = crowd(seed)
    before = of(sequence)
    far = np.where(np.isnan(before.score), np.nan, -1.0)
    more = joined([before, Samples(score=far, right=np.zeros_like(before.right), truths=np.zeros(ALL, dtype=np.int64))])
    known = before.truths > 0
    for name in ("ap", "precision", "recall"):
        less = average_precision(more)[name].joints[known] - average_precision(before)[name].joints[known]
        assert (less <= 1e-9).all()
