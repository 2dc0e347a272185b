"""How published tables count a joint as right: the person's size, what counts as within it, and which joints count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.skeleton import Skeleton
from chronopose.metrics.pck import PENN_TORSO, head_size, person_box_size, tight_box_size, torso_size

Array = NDArray[np.float64]

THRESHOLDS = (0.2, 0.1, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """One way of counting PCK.

    Attributes:
        name: in tables: what the size is, and whose convention it is where others differ.
        size: "tight" (longer side of the tight box of the labelled joints), "box" (longer side of the person's box),
            "torso" (between the joints of `diagonal`), "head" (from head_top to head_bottom, PCKh).
        thresholds: fractions of the size.
        strict: right if nearer than threshold x size, instead of at most as far.
        visible_only: joints that are labelled but hidden do not count.
        diagonal: of the torso.
    """

    name: str
    size: Literal["tight", "box", "torso", "head"]
    thresholds: tuple[float, ...] = THRESHOLDS
    strict: bool = False
    visible_only: bool = False
    diagonal: tuple[str, str] = ("left_shoulder", "right_hip")

    def fits(self, skeleton: Skeleton) -> bool:
        """Whether the skeleton has the joints that the size is measured between."""
        ends = {"torso": self.diagonal, "head": ("head_top", "head_bottom")}.get(self.size, ())
        return set(ends) <= set(skeleton.joints)

    def sizes(self, pred: ArrayLike, true: ArrayLike, box: ArrayLike, skeleton: Skeleton) -> Array:
        """(N,) sizes in pixels of persons with predicted and true joints (N, K, 2) and boxes (N, 4)."""
        if self.size == "tight":
            return tight_box_size(true)
        if self.size == "box":
            return person_box_size(box)
        if self.size == "head":
            return head_size(true, skeleton)
        found = np.asarray(pred, dtype=np.float64)
        return torso_size(true, skeleton, np.where(np.isfinite(found), found, np.nan), self.diagonal)


TIGHT = Convention(name="tight", size="tight")
BOX = Convention(name="box", size="box")
_TORSO = Convention(name="torso", size="torso")
# PCKh is read at half a head; tenths of a person's size would be a multiple of it.
_HEAD = Convention(name="head", size="head", thresholds=(0.5, 0.1))

# The public code of LSTM Pose Machines and of mmpose, see `metrics.pck`.
_JHMDB = (
    replace(BOX, name="box, LSTM-PM"),
    replace(_TORSO, name="torso, LSTM-PM"),
    replace(BOX, name="box, mmpose", strict=True),
    replace(_TORSO, name="torso, mmpose", strict=True),
    TIGHT,
)
_PENN = (
    replace(BOX, name="box, LSTM-PM", visible_only=True),
    replace(_TORSO, name="torso, LSTM-PM", visible_only=True, diagonal=PENN_TORSO),
    TIGHT,
)
_OF_DATA = {"jhmdb": _JHMDB, "sub-jhmdb": _JHMDB, "penn": _PENN}


def conventions(data: str, skeleton: Skeleton, thresholds: Sequence[float] | None = None) -> tuple[Convention, ...]:
    """The conventions of a data set's own tables, or else every size that its skeleton has; the first leads.

    Args:
        data: name of the data set.
        skeleton: of its labels.
        thresholds: in place of those of the conventions.
    """
    fitting = [each for each in _OF_DATA.get(data, (TIGHT, BOX, _TORSO, _HEAD)) if each.fits(skeleton)]
    if thresholds is None:
        return tuple(fitting)
    return tuple(replace(each, thresholds=tuple(thresholds)) for each in fitting)
