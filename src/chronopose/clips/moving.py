"""Features of one crop as a crop nearby would have them: what tokens say of places, after the box has moved.

A token that is the mean of a code of places over a map, E[c(p)], tells where something is in the crop. In a crop that
has moved, all that was at p is at q, and the token would be E[c(q)]. For a code of waves and powers of the coordinates,
c(q) is the same linear function of c(p) and 1 everywhere: a moved crop is a matrix, the exponential of a sum of three
generators, one for each direction and one for the size. A code that was learned is near enough to such a one. So a
frame that was encoded in the box of its own time can be shown beside a key frame with another box, and need not be
encoded again. The idea is ours; docs/dsta.md says what it is worth.
"""

from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.geometry import apply, compose, invert

Rows = TypeVar("Rows", bound=Any)


class Moving:
    """How features (N, ..., D) change as their crops move.

    Args:
        generators: (3, D + 1, D), for things that move by a whole crop to the right, by one downwards, and that become
            e times as large about the crop's centre. The last row goes with a 1 beside the D numbers.
    """

    def __init__(self, generators: NDArray[np.floating]) -> None:
        import scipy.linalg  # a third of a second, better spent here than in the midst of a stream

        self._exponential = scipy.linalg.expm
        self.generators = generators.astype(np.float32)
        self._squares = np.pad(generators.astype(np.float64), ((0, 0), (0, 0), (0, 1)))  # the 1 stays as it is

    @classmethod
    def of_code(cls, code: NDArray[np.floating]) -> Self:
        """That of tokens E[c(p)], for the code c (D, h, w) of each cell of a grid that covers the crop."""
        cells = code.astype(np.float64)
        height, width = cells.shape[1:]
        down, right = np.gradient(cells, 1 / height, 1 / width, axis=(1, 2), edge_order=2)
        y, x = ((np.arange(count) + 0.5) / count - 0.5 for count in (height, width))
        flows = np.stack([right, down, x * right + y[:, None] * down])
        wanted = flows.reshape(3, len(cells), -1).transpose(0, 2, 1)  # (3, hw, D)
        known = np.concatenate([cells, np.ones_like(cells[:1])]).reshape(len(cells) + 1, -1).T  # (hw, D + 1)
        # By the pseudo-inverse, for the numbers of a code may depend on each other.
        return cls(np.linalg.pinv(known, rcond=max(known.shape) * np.finfo(np.float64).eps) @ wanted)

    def matrices(self, moves: NDArray[np.floating]) -> NDArray[np.float32]:
        """(N, D + 1, D) what features of N crops are multiplied with after `moves` (N, 3), see there.

        The last row is added.
        """
        different, which = np.unique(moves, axis=0, return_inverse=True)  # few: persons move, frames do not
        found = self._exponential(np.einsum("nm,mij->nij", different, self._squares))[..., :-1]
        return found.astype(np.float32)[which]


def moved(features: Rows, matrices: Any) -> Rows:
    """Features (N, ..., D) of N crops by `Moving.matrices`, both arrays or both tensors."""
    flat = features.reshape(len(features), -1, features.shape[-1])
    told: Rows = (flat @ matrices[:, :-1] + matrices[:, -1:]).reshape(features.shape)
    return told


def moves(before: ArrayLike, after: ArrayLike, height: int, width: int) -> NDArray[np.float64]:
    """(N, 3) how things in N crops move when the crop does: to the right, down, and in size.

    Args:
        before: (N, 2, 3) from crop pixels to image pixels, without rotation.
        after: likewise, of the crops moved.
        height: of all crops in pixels.
        width: of all crops in pixels.
    """
    way = compose(invert(after), before)  # (N, 2, 3) pixels to pixels
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = (apply(way, centre[None])[:, 0] - centre) / (width, height)
    growth = np.log(way[:, 0, 0])
    # What flows right at speed v while it grows ends at v (e^growth - 1) / growth.
    slower = np.divide(growth, np.expm1(growth), out=np.ones_like(growth), where=np.abs(growth) > 1e-9)
    return np.concatenate([shift * slower[:, None], growth[:, None]], axis=1)
