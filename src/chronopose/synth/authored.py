"""The motions that we authored, each a function that draws one way of doing it."""

from collections.abc import Callable
from typing import Final

import numpy as np

from chronopose.synth.keyframes import Score


class Draw:
    """Numbers for one performance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


def walk(draw: Draw) -> Score:
    stride, swing = draw(0.75, 1.2), draw(0.3, 1.4)
    base = {"bend": draw(-2, 8), "pitch": draw(0, 5), "plane": 25, "elbow": draw(10, 40), "turn": draw(0, 10), "out": 2}
    keys = [
        (0.0, {"l_hip": 26 * stride, "l_knee": 4, "l_foot": -4, "l_flat": 0, "r_hip": -12 * stride, "r_knee": 18,
               "r_foot": 12, "r_flat": 0, "l_lift": -20 * swing, "r_lift": 20 * swing, "twist": 6 * swing}),
        (0.12, {"l_hip": 20 * stride, "l_knee": 16, "r_hip": -4, "r_knee": 48, "r_foot": 15, "r_flat": 0,
                "l_lift": -12 * swing, "r_lift": 12 * swing}),
        (0.27, {"l_hip": 4, "l_knee": 7, "r_hip": 24 * stride, "r_knee": 60, "r_foot": 0, "r_flat": 0,
                "l_lift": 0, "r_lift": 0}),
        (0.40, {"l_hip": -8 * stride, "l_knee": 5, "l_flat": 0.4, "r_hip": 30 * stride, "r_knee": 26, "r_foot": -4,
                "r_flat": 0, "l_lift": 12 * swing, "r_lift": -12 * swing}),
    ]  # fmt: skip
    return Score(seconds=draw(0.95, 1.35), keys=keys, base=base, loop="mirror")


def idle(draw: Draw) -> Score:
    base = {"out": draw(3, 12), "turn": draw(5, 25), "lift": draw(5, 20), "elbow": draw(5, 40), "bend": draw(-3, 8)}
    keys = [
        (0.0, {"roll": draw(0, 4), "look": draw(-40, 10), "nod": draw(-5, 15), "l_knee": 5}),
        (0.4, {"roll": draw(-4, 0), "look": draw(-10, 40), "twist": draw(-12, 12), "r_knee": 8}),
        (0.7, {"look": draw(-20, 20), "side": draw(-6, 6), "bend": draw(-3, 12)}),
    ]
    return Score(seconds=draw(3, 6), keys=keys, base=base)


MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {"walk": walk, "idle": idle}
HELDOUT: Final = frozenset({"idle"})
