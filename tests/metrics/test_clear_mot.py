"""MOTA and MOTP of PoseTrack: events by hand, the habits of the official tool, and what must not change the figures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.metrics.clear_mot import Tracked, mot, nothing, summed, track
from chronopose.metrics.posetrack import JOINTS, Judged, pair, without_ignored
from tests.metrics.judged_people import HEAD, Person, body, crowd, judged

ALL = len(JOINTS)
NOSE = JOINTS.index("nose")
FAR = (9, body(5000))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)


def events(sequence: Judged) -> Tracked:
    return track(sequence, pair(sequence))


def counted(tracked: Tracked) -> list[float]:
    """Truths, pairs, switches, misses, extra of every joint, which are all alike in these sequences."""
    rows = np.array([tracked.truths, tracked.pairs, tracked.switches, tracked.misses, tracked.extra])
    np.testing.assert_array_equal(rows, np.repeat(rows[:, :1], ALL, axis=1))
    return [float(row[0]) for row in rows]


def ids(*answers: int | None) -> Judged:
    """One person, found under these ids or not at all, beside somebody far away; a last frame is added."""
    truth: list[list[Person]] = [[(0, body(0)), (1, body(5000))] for _ in (*answers, 0)]
    found = [[(answer, body(2)), FAR] if answer is not None else [FAR] for answer in (*answers, 77)]
    return judged(truth, found)


def test_a_person_followed_without_a_mistake() -> None:
    tracked = events(ids(5, 5, 5))
    assert counted(tracked) == [6, 6, 0, 0, 0]
    np.testing.assert_allclose(tracked.distance, 3 * 2 / HEAD)
    figures = mot(tracked)
    np.testing.assert_allclose(figures["mota"].joints, 100)
    np.testing.assert_allclose(figures["motp"].joints, 95)
    assert figures["mot_precision"].mean == figures["mot_recall"].mean == 100


def test_the_last_frame_is_left_out() -> None:
    switched = ids(5, 5)  # its last frame, where the id is 77, is not looked at
    assert counted(events(switched)) == [4, 4, 0, 0, 0]


def test_a_sequence_of_one_frame_adds_nothing() -> None:
    assert counted(events(judged([[(0, body(0))]], [[(5, body(0))]]))) == [0, 0, 0, 0, 0]
    assert counted(events(judged([], []))) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("answers", "switches"),
    [
        ((5, 6), 1),
        ((5, 6, 6), 1),
        ((5, 6, 5), 2),
        ((5, None, 5), 0),
        ((5, None, None, None, 6), 1),  # however long ago
        ((5, None, None, None, 5), 0),
        ((None, 5, 5), 0),
    ],
)
def test_a_switch_is_another_id_than_the_last_time(answers: tuple[int | None, ...], switches: int) -> None:
    tracked = counted(events(ids(*answers)))
    assert tracked[2] == switches
    assert tracked[3] == answers.count(None)


def test_a_pairing_lasts_though_another_is_nearer() -> None:
    near, far = (5, body(9)), (6, body(0))
    sequence = judged([[(0, body(0))]] * 4, [[(5, body(0))], [near, far], [far], [far]])
    # Frame 1 keeps 5, frame 2 changes to 6.
    tracked = events(sequence)
    assert counted(tracked) == [3, 3, 1, 0, 1]
    np.testing.assert_allclose(tracked.distance, 9 / HEAD)


def test_of_two_persons_with_the_same_id_before_the_first_keeps_it() -> None:
    a, b = (0, body(0)), (1, body(4))
    sequence = judged([[a], [b], [b, a], [a]], [[(5, body(1))], [(5, body(4))], [(5, body(2)), (6, body(3))], [FAR]])
    # In frame 2 both have had 5 the last time; b stands first and keeps it, a takes 6.
    tracked = events(sequence)
    assert counted(tracked) == [4, 4, 1, 0, 0]
    np.testing.assert_allclose(tracked.distance, (1 + 0 + 2 + 3) / HEAD)


def test_as_many_pairs_as_possible_and_of_these_the_nearest() -> None:
    # 5 at 0 would be nearest to a, but then 6 at -9 would have nobody: b is 19 px from it.
    a, b = (0, body(0)), (1, body(10))
    first = events(judged([[a, b], [a, b]], [[(5, body(0)), (6, body(-9))]] * 2))
    assert counted(first) == [2, 2, 0, 0, 0]
    np.testing.assert_allclose(first.distance, (9 + 10) / HEAD)
    second = events(judged([[a, b], [a, b]], [[(5, body(4)), (6, body(3))]] * 2))
    np.testing.assert_allclose(second.distance, (3 + 6) / HEAD)


def test_beyond_half_a_head_nothing_is_paired() -> None:
    assert counted(events(judged([[(0, body(0))]] * 2, [[(5, body(10))]] * 2)))[1] == 1
    assert counted(events(judged([[(0, body(0))]] * 2, [[(5, body(10.001))]] * 2))) == [1, 0, 0, 1, 1]


def test_a_frame_with_one_side_empty_counts_one_miss_and_one_false_positive() -> None:
    three = [(k, body(100.0 * k)) for k in range(3)]
    assert counted(events(judged([three] * 2, [[], three]))) == [1, 0, 0, 1, 1]
    assert counted(events(judged([[], three], [three] * 2))) == [1, 0, 0, 1, 1]
    everywhere = np.array([[-10.0, -10], [9999, -10], [9999, 99999], [-10, 99999]])
    emptied = without_ignored(judged([three] * 2, [three] * 2, regions={0: [everywhere]}))
    assert counted(events(emptied)) == [1, 0, 0, 1, 1]


def test_persons_without_joints_make_a_frame_not_empty() -> None:
    three = [(k, body(100.0 * k)) for k in range(3)]
    assert counted(events(judged([three] * 2, [[(5, body(0, []))]] * 2))) == [3, 0, 0, 3, 0]


def test_an_empty_frame_ends_no_pairing() -> None:
    person = [(0, body(0))]
    sequence = judged([person] * 4, [[(5, body(0))], [], [(6, body(0))], []])
    assert counted(events(sequence)) == [3, 2, 1, 1, 1]


def test_joints_are_tracked_each_for_itself() -> None:
    truth = [[(0, body(0))]] * 3
    swapped = [(5, body(0, moved={NOSE: 500.0})), (6, body(500, moved={NOSE: 0.0}))]
    tracked = events(judged(truth, [[(5, body(0)), (6, body(500))], swapped, swapped]))
    assert tracked.switches[NOSE] == 1 and tracked.switches.sum() == 1


def test_figures_by_hand() -> None:
    tracked = replace(
        nothing(),
        **{name: np.full(ALL, value) for name, value in (("truths", 10.0), ("pairs", 8.0), ("switches", 1.0))},
        **{name: np.full(ALL, value) for name, value in (("misses", 2.0), ("extra", 4.0), ("distance", 2.0))},
    )
    tracked.pairs[NOSE] = tracked.distance[NOSE] = 0
    figures = mot(tracked)
    np.testing.assert_allclose(figures["mota"].joints, 30)
    assert figures["motp"].joints[NOSE] == 0
    assert figures["motp"].mean == pytest.approx(75 * 14 / 15)
    assert figures["mot_precision"].joints[0] == pytest.approx(100 * 8 / 12)
    assert figures["mot_recall"].joints[0] == 80


def test_what_is_unknown_is_nan() -> None:
    tracked = nothing()
    tracked.truths[0] = tracked.misses[0] = tracked.extra[1] = 1
    figures = mot(tracked)
    assert figures["mota"].joints[0] == 0 and np.isnan(figures["mota"].joints[1:]).all() and figures["mota"].mean == 0
    assert figures["mot_precision"].joints[1] == 0 and np.isnan(figures["mot_precision"].joints[0])
    assert figures["mot_recall"].joints[0] == 0 and np.isnan(figures["mot_recall"].joints[1])
    assert (figures["motp"].joints == 0).all()


def test_the_number_that_is_printed_counts_distances_more_than_once() -> None:
    # Frame 0: the pair, and once more as raw input. Frame 1: the same, and again as the new id's rise.
    tracked = events(judged([[(0, body(0))]] * 3, [[(5, body(2))], [(6, body(2))], []]))
    np.testing.assert_allclose(tracked.distance, 2 * 0.1)
    np.testing.assert_allclose(tracked.all_distances, 5 * 0.1)
    assert mot(tracked)["motp"].mean == pytest.approx(90)
    assert mot(tracked, as_printed=True)["motp"].mean == pytest.approx(75)
    # An id that goes to a person never seen before is a transfer and a migration.
    moved = events(judged([[(0, body(0))], [(1, body(0))], []], [[(5, body(2))], [(5, body(2))], []]))
    np.testing.assert_allclose(moved.all_distances, 6 * 0.1)


@few
@given(seeds)
def test_every_joint_is_paired_or_missed_on_both_sides(seed: int) -> None:
    sequence = crowd(seed)
    tracked = events(sequence)
    np.testing.assert_array_equal(tracked.pairs + tracked.misses, tracked.truths)
    assert (tracked.switches <= tracked.pairs).all()
    assert (tracked.distance <= tracked.pairs / 2 + 1e-9).all()
    two = summed([tracked, tracked])
    for name, figure in mot(two).items():
        np.testing.assert_allclose(figure.joints, mot(tracked)[name].joints)


@few
@given(seeds)
def test_the_truth_against_itself_is_perfect(seed: int) -> None:
    sequence = crowd(seed, spread=100.0)
    truth = sequence.truth.only(np.ones(len(sequence.truth), dtype=bool))
    nobody_missing = replace(sequence, found=truth).only(np.bincount(truth.frame, minlength=sequence.frames) > 0)
    tracked = events(nobody_missing)
    seen = tracked.truths > 0
    figures = mot(tracked)
    np.testing.assert_array_equal(figures["mota"].joints[seen], 100)
    np.testing.assert_array_equal(figures["motp"].joints[seen], 100)


@few
@given(seeds)
def test_neither_the_names_of_ids_nor_the_order_of_predictions_matter(seed: int) -> None:
    sequence = crowd(seed)
    rng = np.random.default_rng(seed)
    names = rng.permutation(100)
    order = np.lexsort((rng.random(len(sequence.found)), sequence.found.frame))
    found = sequence.found.only(order)
    renamed = replace(sequence, found=replace(found, track_id=names[found.track_id]))
    wanted, result = events(sequence), events(renamed)
    for name in ("truths", "pairs", "switches", "misses", "extra", "distance", "all_distances"):
        np.testing.assert_allclose(getattr(result, name), getattr(wanted, name), atol=1e-9)
