"""A data set under other joint names: values stay, names change, everywhere they stand."""

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15, POSETRACK_15
from chronopose.data.renamed import Renamed, renamed
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople


def test_labels_are_found_under_the_new_name() -> None:
    people = SyntheticPeople(SyntheticConfig(clips=2, frames=3, width=64, height=64))
    other = Renamed(people, {"nose": "face"})
    assert len(other) == len(people) and other.name == people.name
    before, after = people.clip(1, (-1, 0)), other.clip(1, (-1, 0))
    np.testing.assert_array_equal(before.xy_image, after.xy_image)
    assert after.skeleton is other.skeleton
    nose = people.skeleton.index("nose")
    moved = JHMDB_15.gather(after.xy_image, after.skeleton)
    np.testing.assert_array_equal(moved[:, JHMDB_15.index("face")], before.xy_image[:, nose])


def test_limbs_and_mirror_pairs_go_by_the_new_names() -> None:
    skeleton = renamed(JHMDB_15, {"neck": "head_bottom", "left_hip": "hip_of_the_left"})
    assert ("face", "head_bottom") in skeleton.limbs
    np.testing.assert_array_equal(skeleton.flip_order, JHMDB_15.flip_order)
    np.testing.assert_array_equal(skeleton.limb_indices, JHMDB_15.limb_indices)
    assert skeleton.index_in(POSETRACK_15)[0] == POSETRACK_15.index("head_bottom")


def test_joints_that_are_not_there_or_are_there_already_are_refused() -> None:
    with pytest.raises(InputError, match="'knee' to be renamed is none of jhmdb-15: neck, belly"):
        renamed(JHMDB_15, {"knee": "left_knee"})
    with pytest.raises(InputError, match="unique"):
        renamed(JHMDB_15, {"neck": "belly"})
