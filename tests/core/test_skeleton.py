"""Skeletons: mirror pairs, limbs and conversion by joint name."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, JHMDB_15, LSP_14, PENN_13, POSETRACK_15, SKELETONS, Skeleton

skeletons = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=list(SKELETONS))
any_skeleton = st.sampled_from(list(SKELETONS.values()))


@skeletons
def test_flip_twice_is_the_identity_and_swaps_exactly_the_sides(skeleton: Skeleton) -> None:
    order = skeleton.flip_order
    np.testing.assert_array_equal(order[order], np.arange(len(skeleton)))
    for joint, other in zip(skeleton.joints, np.array(skeleton.joints)[order]):
        swapped = joint.replace("left_", "?").replace("right_", "left_").replace("?", "right_")
        assert other == swapped


@skeletons
def test_limbs_look_the_same_in_a_mirror(skeleton: Skeleton) -> None:
    limbs = {frozenset(limb) for limb in skeleton.limb_indices.tolist()}
    assert len(limbs) == len(skeleton.limbs)
    assert all(len(limb) == 2 for limb in limbs)
    assert {frozenset(int(skeleton.flip_order[i]) for i in limb) for limb in limbs} == limbs
    assert set().union(*limbs) == set(range(len(skeleton))), "every joint hangs on a limb"


@skeletons
def test_sigmas_are_positive_and_equal_on_both_sides(skeleton: Skeleton) -> None:
    sigmas = np.array(skeleton.sigmas)
    assert (sigmas > 0).all()
    np.testing.assert_array_equal(sigmas[skeleton.flip_order], sigmas)


@skeletons
def test_limb_indices_name_the_limbs(skeleton: Skeleton) -> None:
    named = tuple((skeleton.joints[a], skeleton.joints[b]) for a, b in skeleton.limb_indices)
    assert named == skeleton.limbs


@given(any_skeleton, any_skeleton)
def test_index_in_goes_there_and_back_by_name(here: Skeleton, there: Skeleton) -> None:
    out, back = here.index_in(there), there.index_in(here)
    for k, joint in enumerate(here.joints):
        if joint in there.joints:
            assert there.joints[out[k]] == joint
            assert back[out[k]] == k
        else:
            assert out[k] == -1


@given(any_skeleton, any_skeleton, st.integers(0, 2**32 - 1))
def test_gather_there_and_back_keeps_shared_joints_and_forgets_the_rest(
    here: Skeleton, there: Skeleton, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=(2, len(here), 2))
    before = values.copy()
    returned = here.gather(there.gather(values, here), there)
    shared = np.array([joint in there.joints for joint in here.joints])
    np.testing.assert_array_equal(returned[:, shared], values[:, shared])
    assert np.isnan(returned[:, ~shared]).all()
    np.testing.assert_array_equal(values, before)


def test_gather_fills_missing_joints_with_the_value_asked_for() -> None:
    taken = PENN_13.gather(np.ones((17, 1)), COCO_17, fill=-5.0)
    assert taken[PENN_13.index("head"), 0] == -5.0
    assert (np.delete(taken, PENN_13.index("head"), axis=0) == 1).all()


def test_published_orders() -> None:
    assert (COCO_17.index("nose"), COCO_17.index("left_shoulder"), COCO_17.index("right_ankle")) == (0, 5, 16)
    assert (PENN_13.index("right_shoulder"), PENN_13.index("left_hip")) == (2, 7)
    assert (JHMDB_15.index("left_shoulder"), JHMDB_15.index("right_hip")) == (4, 5)
    assert (POSETRACK_15.index("head_bottom"), POSETRACK_15.index("head_top")) == (12, 14)
    assert (LSP_14.index("right_ankle"), LSP_14.index("head_top")) == (0, 13)
    assert [len(skeleton) for skeleton in SKELETONS.values()] == [17, 15, 13, 15, 14]
    assert all(name == skeleton.name for name, skeleton in SKELETONS.items())


def test_a_pickled_skeleton_is_equal() -> None:
    assert COCO_17.flip_order[1] == 2  # fill the cache first: it travels too
    copy = pickle.loads(pickle.dumps(COCO_17))
    assert copy == COCO_17
    assert hash(copy) == hash(COCO_17)


def test_unknown_joint_names_what_there_is() -> None:
    with pytest.raises(InputError, match=r"penn-13 has no joint 'tail'.*left_wrist"):
        PENN_13.index("tail")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": ("a", "a", "b")}, "unique"),
        ({"sigmas": (0.1,)}, "3 joints but 1 sigmas"),
        ({"mirror": (("a", "b"), ("b", "c"))}, "two mirror pairs"),
        ({"mirror": (("a", "d"),)}, "no joint called 'd'"),
        ({"limbs": (("a", "e"),)}, "no joint called 'e'"),
    ],
)
def test_a_wrong_skeleton_is_refused(change: dict[str, tuple[object, ...]], message: str) -> None:
    right: dict[str, object] = {"joints": ("a", "b", "c"), "limbs": (("a", "b"),), "mirror": (("a", "b"),)}
    Skeleton(name="abc", sigmas=(0.1, 0.1, 0.1), **right)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        Skeleton(**{"name": "abc", "sigmas": (0.1, 0.1, 0.1), **right, **change})  # type: ignore[arg-type]
