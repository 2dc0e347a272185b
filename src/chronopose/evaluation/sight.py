"""Hidden joints: how well a model guesses them and what its sigma knows of it, against the same joints in sight."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.evaluation.persons import Answers, to_judge
from chronopose.metrics.conventions import BOX, THRESHOLDS
from chronopose.metrics.pck import pck


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sight:
    """What a model makes of hidden joints, against the same joints where they are in sight.

    Ankles are harder than hips and less often hidden, so plain means would compare joints of different kinds. Here each
    joint weighs as much on both sides as it is hidden; one that is never hidden, or never in sight, is left out.

    Attributes:
        in_sight: (A,) PCK over `THRESHOLDS`, by the longer side of the person's box; NaN where no joint is left.
        hidden: (A,) the same of hidden joints.
        sigma_px: in sight and hidden, the joints' median predicted deviations; NaN where no joint is left.
    """

    in_sight: NDArray[np.float64]
    hidden: NDArray[np.float64]
    sigma_px: tuple[float, float]


def by_sight(answers: Answers) -> Sight:
    """Accuracy and sigma of hidden joints, and of the same joints in sight."""
    known = answers.known
    parts = (known & answers.visible, known & ~answers.visible)
    shares = [pck(*to_judge(answers, BOX, part), THRESHOLDS, answers.skeleton) for part in parts]
    used = (shares[0].counts > 0) & (shares[1].counts > 0)
    if not used.any():
        none = np.full(len(THRESHOLDS), np.nan)
        return Sight(in_sight=none, hidden=none, sigma_px=(float("nan"), float("nan")))
    weight = shares[1].counts[used] / shares[1].counts[used].sum()
    in_sight, hidden = (share.joints[:, used] @ weight for share in shares)
    spread = np.full(len(parts), np.nan)
    if (sigma := answers.sigma) is not None:
        middle = [[np.median(sigma[part[:, k], k]) for k in np.flatnonzero(used)] for part in parts]
        spread = np.array(middle) @ weight
    return Sight(in_sight=in_sight, hidden=hidden, sigma_px=(float(spread[0]), float(spread[1])))
