"""A data set under other names of its joints: what one convention calls "neck" another calls "head_bottom"."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.data.dataset import PoseDataset


class Renamed:
    """A data set of which some joints have other names; models know joints by name alone.

    Args:
        dataset: with its own names.
        names: the new name of a joint by its old one.

    Raises:
        InputError: the data set has no such joint, or two would have one name.
    """

    def __init__(self, dataset: PoseDataset, names: Mapping[str, str]) -> None:
        self.dataset = dataset
        self.name = dataset.name
        self.skeleton = renamed(dataset.skeleton, names)

    def __len__(self) -> int:
        return len(self.dataset)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The data set's clip under the new names."""
        return replace(self.dataset.clip(index, offsets), skeleton=self.skeleton)


def renamed(skeleton: Skeleton, names: Mapping[str, str]) -> Skeleton:
    """The skeleton with other names for some joints, in the same order.

    Raises:
        InputError: as for `Renamed`.
    """
    for joint in names:
        if joint not in skeleton.joints:
            raise InputError(f"joint {joint!r} to be renamed is none of {skeleton.name}: {', '.join(skeleton.joints)}")
    joints = tuple(names.get(joint, joint) for joint in skeleton.joints)

    def pairs(old: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((names.get(a, a), names.get(b, b)) for a, b in old)

    return replace(skeleton, joints=joints, limbs=pairs(skeleton.limbs), mirror=pairs(skeleton.mirror))
