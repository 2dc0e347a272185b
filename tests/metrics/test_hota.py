"""Keypoint-HOTA: short sequences by hand, and random ones against the definition written out in loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from chronopose.metrics.hota import THRESHOLDS, Associated, associate, hota, summed, totals
from chronopose.metrics.posetrack import JOINTS, Judged, pair
from tests.metrics.judged_people import body, crowd, judged

ALL = len(JOINTS)
NOSE = JOINTS.index("nose")
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)


def sums(sequence: Judged) -> Associated:
    return associate(sequence, pair(sequence))


def figures(sequence: Judged) -> dict[str, float]:
    """The means; in these sequences all joints are alike, so that means, joints and totals are the same."""
    result = hota(sums(sequence))
    for name, figure in result.items():
        np.testing.assert_allclose(figure.joints, figure.mean)
        assert totals(sums(sequence))[name] == pytest.approx(figure.mean)
    return {name: figure.mean for name, figure in result.items()}


def ids(*answers: int | None) -> Judged:
    """One person, found exactly where it is, under these ids or not at all."""
    return judged([[(0, body(0))]] * len(answers), [[(a, body(0))] if a is not None else [] for a in answers])


def test_a_person_followed_without_a_mistake() -> None:
    assert set(figures(ids(5, 5, 5, 5)).values()) == {100.0}


def test_an_id_that_changes_halfway() -> None:
    result = figures(ids(5, 5, 6, 6))
    assert result["DetA"] == result["LocA"] == result["AssPr"] == 100
    # Each pair lasts 2 of the 4 frames that its two persons have together.
    assert result["AssA"] == result["AssRe"] == result["FragA"] == pytest.approx(50)
    assert result["HOTA"] == result["FA-HOTA"] == pytest.approx(100 * np.sqrt(0.5))


def test_an_id_that_comes_back_is_one_association_in_two_pieces() -> None:
    result = figures(ids(5, 5, 6, 5))
    # Id 5 shares 3 of 4 frames, id 6 1 of 4; in pieces of 2, 1 and 1.
    assert result["AssA"] == pytest.approx(100 * (3 * 3 / 4 + 1 / 4) / 4)
    assert result["FragA"] == pytest.approx(100 * (2 * 2 / 4 + 1 / 4 + 1 / 4) / 4)
    assert result["FA-HOTA"] == pytest.approx(100 * np.sqrt(np.sqrt(0.625 * 0.375)))


def test_a_gap_ends_no_piece() -> None:
    result = figures(ids(5, None, 5, 5))
    assert result["AssA"] == result["FragA"] == result["AssRe"] == 75
    assert result["DetA"] == result["DetRe"] == 75 and result["DetPr"] == 100


def test_likeness_falls_to_nothing_at_half_a_head() -> None:
    result = figures(judged([[(0, body(0))]], [[(5, body(5))]]))  # a quarter of a head: 0.5001 alike
    assert result["DetA"] == result["HOTA"] == pytest.approx(100 * 10 / 19)
    assert result["LocA"] == pytest.approx((10 * (100 - 25 / 0.5001) + 9 * 100) / 19)
    assert figures(judged([[(0, body(0))]], [[(5, body(10))]]))["HOTA"] == 0


def test_a_frame_with_one_side_empty_adds_its_own_joints() -> None:
    two = [(0, body(0)), (1, body(100))]
    sequence = judged([two, two, []], [two, [], two])
    result = sums(sequence)
    assert (result.pairs[:, :-1] == 2).all() and (result.pairs[:, -1] == 2 * ALL).all()
    assert (result.misses[:, :-1] == 2).all() and (result.extra[:, :-1] == 2).all()
    assert figures(sequence)["DetA"] == pytest.approx(100 / 3)


def test_a_sequence_without_truth_or_without_anybody() -> None:
    assert figures(judged([[]], [[(5, body(0))]]))["HOTA"] == 0
    nobody = hota(sums(judged([[], []], [[], []])))
    assert all(np.isnan(figure.joints).all() and np.isnan(figure.mean) for figure in nobody.values())
    assert hota(sums(judged([], [])))["HOTA"].joints.shape == (ALL,)


def test_a_joint_that_nobody_has_is_unknown_and_only_the_total_of_the_kit_counts_it() -> None:
    without = body(0, [k for k in range(ALL) if k != NOSE])
    sequence = judged([[(0, without)]] * 2, [[(5, without)]] * 2)
    result = hota(sums(sequence))
    assert np.isnan(result["HOTA"].joints[NOSE]) and result["HOTA"].mean == 100
    assert totals(sums(sequence))["AssA"] == pytest.approx(100 * 14 / 15)


def test_the_largest_sum_of_likeness_is_paired() -> None:
    # Two pairs 5 px apart (0.5 + 0.5 alike) win over one of 1 px (0.9), which would leave two joints alone.
    two = judged([[(0, body(0)), (1, body(6))]], [[(5, body(5)), (6, body(11))]])
    assert (sums(two).pairs[0, :-1] == 2).all()
    # Two pairs of 8 and 8.9 px (0.2 + 0.1) do not.
    one = judged([[(0, body(0)), (1, body(9))]], [[(5, body(8)), (6, body(17.9))]])
    assert (sums(one).pairs[0, :-1] == 1).all()


def test_sequences_add_up() -> None:
    first, second = sums(ids(5, 5, 5, 5)), sums(ids(5, 6))
    both = hota(summed([first, second]))
    assert both["AssA"].mean == pytest.approx(100 * (4 * 1 + 2 * 0.5) / 6)
    assert both["DetA"].mean == 100


def in_loops(sequence: Judged) -> dict[str, np.ndarray]:
    """The definition, pair by pair: joints of (19, 15) counts and shares."""
    truth, found = sequence.truth, sequence.found
    shape = (len(THRESHOLDS), ALL)
    result = {name: np.zeros(shape) for name in ("TP", "FN", "FP", "LocA", "AssA", "AssRe", "AssPr", "FragA")}
    for a, threshold in enumerate(THRESHOLDS):
        for j in range(ALL):
            pairs: list[tuple[int, int, float]] = []
            for frame in range(sequence.frames):
                rows = [i for i in np.flatnonzero(truth.frame == frame) if truth.present[i, j]]
                columns = [i for i in np.flatnonzero(found.frame == frame) if found.present[i, j]]
                far = np.array(
                    [[np.hypot(*(truth.xy[r, j] - found.xy[c, j])) / truth.head[r] for c in columns] for r in rows]
                )
                alike = np.maximum(1 - far.reshape(len(rows), len(columns)) / 0.5001, 0)
                chosen = [(r, c) for r, c in zip(*linear_sum_assignment(-alike)) if alike[r, c] >= threshold - 1e-15]
                pairs += [
                    (int(truth.track_id[rows[r]]), int(found.track_id[columns[c]]), alike[r, c]) for r, c in chosen
                ]
                result["FN"][a, j] += len(rows) - len(chosen)
                result["FP"][a, j] += len(columns) - len(chosen)
            result["TP"][a, j] = len(pairs)
            last: dict[int, int] = {}
            pieces: dict[tuple[int, int], list[int]] = {}
            for one, other, like in pairs:
                if last.get(one) != other:
                    pieces.setdefault((one, other), []).append(0)
                last[one] = other
                pieces[one, other][-1] += 1
                result["LocA"][a, j] += like
            for (one, other), lengths in pieces.items():
                own = (truth.present[truth.track_id == one, j]).sum()
                theirs = (found.present[found.track_id == other, j]).sum()
                together = sum(lengths)
                result["AssA"][a, j] += together**2 / (own + theirs - together)
                result["AssRe"][a, j] += together**2 / own
                result["AssPr"][a, j] += together**2 / theirs
                result["FragA"][a, j] += sum(length**2 for length in lengths) / (own + theirs - together)
    return result


@pytest.mark.parametrize("seed", range(4))
def test_against_the_definition_in_loops(seed: int) -> None:
    sequence = crowd(seed, frames=8, persons=3, spread=12.0, noise=3.0)
    result, wanted = sums(sequence), in_loops(sequence)
    for mine, name in ((result.pairs, "TP"), (result.misses, "FN"), (result.extra, "FP")):
        np.testing.assert_array_equal(mine[:, :-1], wanted[name])
        np.testing.assert_array_equal(mine[:, -1], wanted[name].sum(axis=1))
    hits = wanted["TP"] > 0
    np.testing.assert_allclose(result.likeness[:, :-1][hits], wanted["LocA"][hits])
    for mine, name in zip(result.shares, ("AssA", "AssRe", "AssPr", "FragA")):
        np.testing.assert_allclose(mine[:, :-1], wanted[name], atol=1e-12)
        average = (wanted[name] / np.maximum(wanted["TP"], 1)).mean(axis=1)
        np.testing.assert_allclose(mine[:, -1], average * wanted["TP"].sum(axis=1), atol=1e-9)


@few
@given(seeds)
def test_the_truth_against_itself_is_perfect(seed: int) -> None:
    sequence = crowd(seed, spread=100.0)
    result = hota(sums(replace(sequence, found=sequence.truth)))
    known = sequence.truth.present.any(axis=0)
    for figure in result.values():
        np.testing.assert_allclose(figure.joints[known], 100)
        assert np.isnan(figure.joints[~known]).all()


@few
@given(seeds)
def test_neither_the_names_of_ids_nor_the_order_of_persons_matter(seed: int) -> None:
    sequence = crowd(seed)
    rng = np.random.default_rng(seed)
    sides = [side.only(np.lexsort((rng.random(len(side)), side.frame))) for side in (sequence.truth, sequence.found)]
    truth, found = (replace(side, track_id=rng.permutation(200)[side.track_id]) for side in sides)
    wanted, result = hota(sums(sequence)), hota(sums(replace(sequence, truth=truth, found=found)))
    for name, figure in wanted.items():
        np.testing.assert_allclose(result[name].joints, figure.joints, atol=1e-9)
        assert (np.isnan(figure.joints) | ((figure.joints >= 0) & (figure.joints <= 100 + 1e-9))).all()


@few
@given(seeds)
def test_one_piece_is_never_more_than_all_the_time_together(seed: int) -> None:
    result = hota(sums(crowd(seed)))
    known = ~np.isnan(result["AssA"].joints)
    assert (result["FragA"].joints[known] <= result["AssA"].joints[known] + 1e-9).all()
    assert (result["AssA"].joints[known] <= result["AssRe"].joints[known] + 1e-9).all()
