"""How people move: walking, waving, jumping, cartwheels and the rest, as joint angles over time.

Every motion is a resting pose, two harmonics of one rhythm, a slow turn and a little wobble, so an angle at time t
needs nothing but t: any frame of a clip can be drawn without the ones before it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.data.puppet import SEGMENT, SEGMENTS

Array = NDArray[np.float64]
Rng = np.random.Generator
_SIDE, _BEND, _TWIST = 0, 1, 2
_SHAPE = (len(SEGMENTS), 3)
# Hinges that bend one way only, with how far.
_HINGES = [SEGMENT[f"{side}_{name}"] for name in ("forearm", "shin") for side in ("left", "right")]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Motion:
    """Joint angles, height above the ground and way along the ground as functions of time.

    Attributes:
        rest: (S, 3) radians, as `puppet.place` wants them.
        swing: (2, S, 3) radians, amplitude of the rhythm and of its double.
        phase: (2, S, 3) radians.
        rate_hz: of the rhythm.
        drift: (S, 3) radians per second, for whole turns.
        wobble: (S, 3) radians, amplitude of a slow tremble of every joint.
        wobble_hz: (S, 3).
        hop_m: how high it leaves the ground.
        hop_hz: how often.
        hop_phase: radians.
        speed: (2,) metres per second to the person's left and to the front.
        orbit: (2,) half axes in metres of an ellipse on the ground walked along, or zeros.
    """

    rest: Array
    swing: Array
    phase: Array
    rate_hz: float
    drift: Array
    wobble: Array
    wobble_hz: Array
    hop_m: float = 0.0
    hop_hz: float = 0.0
    hop_phase: float = 0.0
    speed: tuple[float, float] = (0.0, 0.0)
    orbit: tuple[float, float] = (0.0, 0.0)

    def angles(self, time_s: Array) -> Array:
        """(T, S, 3) radians at times (T,)."""
        t = time_s[:, None, None]
        beat = 2 * np.pi * self.rate_hz * t
        angles: Array = (
            self.rest + self.swing[0] * np.sin(beat + self.phase[0]) + self.swing[1] * np.sin(2 * beat + self.phase[1])
        )
        angles += self.drift * t + self.wobble * np.sin(2 * np.pi * self.wobble_hz * t + self.phase[1])
        angles[:, _HINGES, _BEND] = np.clip(angles[:, _HINGES, _BEND], 0.02, 2.5)
        return angles

    def hop(self, time_s: Array) -> Array:
        """(T,) metres above the ground."""
        height: Array = self.hop_m * np.maximum(np.sin(2 * np.pi * self.hop_hz * time_s + self.hop_phase), 0)
        return height


class _Draft:
    """A motion while it is written down: angles are set by segment name, "both_" stands for left and right."""

    def __init__(self, rng: Rng, rate_hz: float, liveliness: float = 0.05) -> None:
        self.rng = rng
        self.rest, self.drift = np.zeros(_SHAPE), np.zeros(_SHAPE)
        self.swing = np.zeros((2, *_SHAPE))
        self.phase = rng.uniform(0, 2 * np.pi, (2, *_SHAPE))
        self.rate_hz = rate_hz
        self.start = float(rng.uniform(0, 2 * np.pi))
        self.wobble = liveliness * rng.uniform(0.3, 1, _SHAPE)
        self.wobble_hz = rng.uniform(0.3, 1.2, _SHAPE)
        # Nobody stands like a doll: arms a little off the body, elbows and knees a little bent.
        for side in ("left", "right"):
            self.pose(f"{side}_arm", side=rng.uniform(0.08, 0.25), bend=rng.normal(0, 0.1), twist=rng.normal(0, 0.2))
            self.pose(f"{side}_forearm", bend=rng.uniform(0.1, 0.5))
            self.pose(f"{side}_thigh", side=rng.uniform(0.02, 0.14), bend=rng.normal(0.03, 0.05), twist=0.2)
            self.pose(f"{side}_shin", bend=rng.uniform(0.03, 0.15))
        self.pose("head", side=rng.normal(0, 0.1), bend=rng.normal(0.05, 0.15), twist=rng.normal(0, 0.3))
        self.pose("chest", side=rng.normal(0, 0.05), bend=rng.normal(0.03, 0.05), twist=rng.normal(0, 0.1))

    def pose(
        self, name: str, *, side: float | None = None, bend: float | None = None, twist: float | None = None
    ) -> None:
        for segment in self._segments(name):
            for axis, value in enumerate((side, bend, twist)):
                if value is not None:
                    self.rest[segment, axis] = value

    def move(self, name: str, axis: int, size: float, lag: float = 0.0, harmonic: int = 1) -> None:
        """Swings an angle; `lag` radians after the motion's own start."""
        for segment in self._segments(name):
            self.swing[harmonic - 1, segment, axis] = size
            self.phase[harmonic - 1, segment, axis] = harmonic * self.start + lag

    def alternate(self, segment: str, axis: int, size: float, lag: float = 0.0) -> None:
        """Swings left and right in turns."""
        self.move(f"left_{segment}", axis, size, lag)
        self.move(f"right_{segment}", axis, size, lag + np.pi)

    @staticmethod
    def _segments(name: str) -> list[int]:
        if name.startswith("both_"):
            return [SEGMENT[f"{side}_{name.removeprefix('both_')}"] for side in ("left", "right")]
        return [SEGMENT[name]]

    def done(
        self,
        *,
        hop: tuple[float, float, float] = (0.0, 0.0, 0.0),
        speed: tuple[float, float] = (0.0, 0.0),
        orbit: tuple[float, float] = (0.0, 0.0),
    ) -> Motion:
        hop_m, hop_hz, hop_phase = hop
        return Motion(
            rest=self.rest, swing=self.swing, phase=self.phase, rate_hz=self.rate_hz, drift=self.drift,
            wobble=self.wobble, wobble_hz=self.wobble_hz, hop_m=hop_m, hop_hz=hop_hz, hop_phase=hop_phase,
            speed=speed, orbit=orbit,
        )  # fmt: skip


def _standing(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.3, 0.8), 0.08)
    for side in ("left", "right"):
        if rng.random() < 0.5:
            draft.pose(
                f"{side}_arm", side=rng.uniform(0.1, 0.9), bend=rng.uniform(-0.3, 1.0), twist=rng.uniform(-1, 0.6)
            )
            draft.pose(f"{side}_forearm", bend=rng.uniform(0.2, 2.0))
            draft.move(f"{side}_forearm", _BEND, rng.uniform(0.1, 0.5))
    draft.move("head", _TWIST, 0.2)
    return draft.done()


def _gait(rng: Rng, rate_hz: float, strength: float) -> _Draft:
    """Arms and legs of a walk; `strength` 0.35 strolls, 0.6 strides."""
    draft = _Draft(rng, rate_hz, 0.03)
    draft.pose("both_thigh", bend=0.08)
    draft.alternate("thigh", _BEND, strength)
    draft.pose("both_shin", bend=0.42)
    # The knee is bent most just before the leg swings through.
    draft.alternate("shin", _BEND, 0.4, 0.4 + np.pi / 2)
    draft.alternate("foot", _BEND, 0.2, np.pi)
    draft.alternate("arm", _BEND, strength * rng.uniform(0.5, 1.1), np.pi)
    draft.pose("both_forearm", bend=rng.uniform(0.2, 0.6))
    draft.alternate("forearm", _BEND, 0.15, np.pi)
    draft.move("chest", _TWIST, 0.12)
    draft.move("pelvis", _SIDE, 0.03, np.pi / 2)
    return draft


def _walking(rng: Rng) -> Motion:
    rate, strength = rng.uniform(0.7, 1.1), rng.uniform(0.3, 0.55)
    on_the_spot = rng.random() < 0.3
    return _gait(rng, rate, strength).done(speed=(0.0, 0.0 if on_the_spot else 3.2 * strength * rate))


def _running(rng: Rng) -> Motion:
    rate, strength = rng.uniform(1.2, 1.6), rng.uniform(0.6, 0.9)
    draft = _gait(rng, rate, strength)
    draft.pose("both_thigh", bend=0.3)
    draft.pose("both_shin", bend=0.95)
    draft.alternate("shin", _BEND, 0.75, 0.4 + np.pi / 2)
    draft.pose("both_forearm", bend=rng.uniform(1.2, 1.8))
    draft.pose("pelvis", bend=rng.uniform(0.08, 0.25))
    speed = 0.0 if rng.random() < 0.4 else rng.uniform(2.0, 3.5)
    return draft.done(hop=(0.07, 2 * rate, 2 * draft.start + np.pi / 2), speed=(0.0, speed))


def _crossing(rng: Rng) -> Motion:
    radius = rng.uniform(1.1, 1.5)
    # One round of the ellipse is about 4.4 radii long; the draft's steps are made for this pace.
    rate = rng.uniform(0.75, 0.95)
    return _gait(rng, rate, 0.42).done(speed=(0.0, 1.25 * rate), orbit=(radius, rng.uniform(0.25, 0.4)))


def _waving(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(1.0, 2.2), 0.05)
    for side in rng.choice(["left", "right", "both"], 1):
        draft.pose(f"{side}_arm", side=rng.uniform(1.2, 2.2), bend=rng.uniform(-0.1, 0.3), twist=1.5)
        draft.pose(f"{side}_forearm", bend=rng.uniform(0.7, 1.5))
        draft.move(f"{side}_arm", _SIDE, rng.uniform(0.05, 0.3))
        draft.move(f"{side}_forearm", _BEND, rng.uniform(0.3, 0.6), 0.5)
    return draft.done()


def _jumping(rng: Rng) -> Motion:
    rate = rng.uniform(0.9, 1.5)
    draft = _Draft(rng, rate, 0.04)
    if rng.random() < 0.5:  # a jumping jack
        draft.pose("both_arm", side=1.5)
        draft.move("both_arm", _SIDE, rng.uniform(0.8, 1.3))
        draft.pose("both_thigh", side=0.3)
        draft.move("both_thigh", _SIDE, 0.25)
    else:
        draft.pose("both_thigh", bend=0.45)
        draft.move("both_thigh", _BEND, 0.4, np.pi)
        draft.pose("both_shin", bend=0.7)
        draft.move("both_shin", _BEND, 0.6, np.pi)
        draft.pose("both_arm", bend=1.2)
        draft.move("both_arm", _BEND, rng.uniform(0.6, 1.7))
    draft.pose("both_foot", bend=0.2)
    draft.move("both_foot", _BEND, 0.4)
    return draft.done(hop=(rng.uniform(0.1, 0.4), rate, draft.start))


def _squatting(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.4, 0.8), 0.04)
    deep = rng.uniform(0.6, 1.0)
    draft.pose("both_thigh", side=rng.uniform(0.1, 0.5), bend=deep)
    draft.move("both_thigh", _BEND, deep)
    draft.pose("both_shin", bend=deep * 1.15)
    draft.move("both_shin", _BEND, deep * 1.15)
    draft.pose("pelvis", bend=0.3)
    draft.move("pelvis", _BEND, 0.25)
    draft.pose("both_arm", side=0.1, bend=rng.uniform(0.5, 1.5))
    draft.move("both_arm", _BEND, 0.4)
    return draft.done()


def _crouching(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.3, 0.9), 0.1)
    draft.pose("both_thigh", side=rng.uniform(0.1, 0.6), bend=rng.uniform(1.4, 2.2))
    draft.pose("both_shin", bend=rng.uniform(1.8, 2.4))
    draft.pose("pelvis", bend=rng.uniform(0.1, 0.7))
    draft.pose("chest", bend=rng.uniform(0.1, 0.6))
    draft.pose("both_arm", bend=rng.uniform(0.2, 1.4), side=rng.uniform(0.0, 0.6))
    draft.pose("both_forearm", bend=rng.uniform(0.2, 1.6))
    draft.move("left_arm", _BEND, rng.uniform(0.1, 0.4))
    draft.move("right_arm", _BEND, rng.uniform(0.1, 0.4))
    return draft.done()


def _sitting(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.3, 0.9), 0.06)
    draft.pose("both_thigh", side=rng.uniform(0.0, 0.35), bend=rng.uniform(1.3, 1.65))
    draft.pose("both_shin", bend=rng.uniform(0.1, 1.7))
    draft.pose("pelvis", bend=rng.uniform(-0.3, 0.15))
    for side in ("left", "right"):
        draft.pose(
            f"{side}_arm", side=rng.uniform(0.05, 0.5), bend=rng.uniform(-0.2, 0.9), twist=rng.uniform(-0.7, 0.3)
        )
        draft.pose(f"{side}_forearm", bend=rng.uniform(0.2, 1.9))
        draft.move(f"{side}_forearm", _BEND, rng.uniform(0.0, 0.5))
    return draft.done()


def _reaching(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.4, 1.2), 0.08)
    for side in rng.choice(["left", "right", "both"], 1):
        draft.pose(f"{side}_arm", side=rng.uniform(-0.1, 0.5), bend=rng.uniform(2.2, 3.1))
        draft.pose(f"{side}_forearm", bend=rng.uniform(0.05, 1.2))
        draft.move(f"{side}_arm", _BEND, rng.uniform(0.1, 0.4))
    draft.pose("chest", side=rng.normal(0, 0.15))
    return draft.done()


def _bending(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.3, 0.7), 0.05)
    draft.pose("pelvis", bend=0.7)
    draft.move("pelvis", _BEND, 0.5)
    draft.pose("both_thigh", bend=0.7)
    draft.move("both_thigh", _BEND, 0.5)
    draft.pose("chest", bend=0.4)
    draft.move("chest", _BEND, 0.25)
    draft.pose("both_arm", bend=rng.uniform(0.8, 1.6))
    draft.move("both_arm", _BEND, 0.5)
    return draft.done()


def _kicking(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.6, 1.2), 0.05)
    side, other = ("left", "right") if rng.random() < 0.5 else ("right", "left")
    draft.pose(f"{side}_thigh", bend=0.5, side=rng.uniform(0.0, 0.6))
    draft.move(f"{side}_thigh", _BEND, rng.uniform(0.6, 1.1))
    draft.pose(f"{side}_shin", bend=0.8)
    draft.move(f"{side}_shin", _BEND, 0.7, -np.pi / 2)
    draft.pose(f"{other}_arm", bend=0.5, side=0.6)
    draft.move(f"{other}_arm", _BEND, 0.7)
    draft.pose(f"{side}_arm", side=0.8)
    draft.pose("pelvis", bend=-0.1)
    return draft.done()


def _cartwheel(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.5, 0.9), 0.04)
    turn = rng.choice([-1.0, 1.0])
    draft.pose("both_arm", side=rng.uniform(2.5, 2.9), twist=1.5)
    draft.pose("both_forearm", bend=rng.uniform(0.02, 0.3))
    draft.pose("both_thigh", side=rng.uniform(0.3, 0.8))
    draft.pose("both_foot", bend=0.6)
    draft.pose("head", bend=-0.3)
    draft.rest[0, _SIDE] = rng.uniform(0, 2 * np.pi)
    draft.drift[0, _SIDE] = turn * rng.uniform(2.4, 4.2)
    return draft.done(speed=(-turn * rng.uniform(0.8, 1.6), 0.0))


def _handstand(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.4, 0.8), 0.08)
    draft.pose("pelvis", bend=np.pi + rng.normal(0, 0.15), side=rng.normal(0, 0.1))
    draft.pose("both_arm", bend=rng.uniform(2.8, 3.1), side=0.15)
    draft.pose("both_forearm", bend=rng.uniform(0.02, 0.3))
    draft.pose("both_thigh", side=rng.uniform(0.0, 0.6), bend=rng.normal(0.1, 0.2))
    draft.alternate("thigh", _BEND, rng.uniform(0.1, 0.6))
    draft.pose("both_foot", bend=0.6)
    return draft.done()


def _lying(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.3, 0.8), 0.1)
    if rng.random() < 0.4:  # push-ups
        draft.pose("pelvis", bend=1.35)
        draft.move("pelvis", _BEND, 0.08)
        draft.pose("both_arm", bend=1.4, side=0.2)
        draft.pose("both_forearm", bend=0.6)
        draft.move("both_forearm", _BEND, 0.5)
        draft.pose("head", bend=-0.4)
        return draft.done()
    draft.rest[0] = rng.choice([-1, 1]) * rng.uniform(1.2, 1.7), rng.normal(0, 0.3), rng.uniform(-np.pi, np.pi)
    for side in ("left", "right"):
        draft.pose(f"{side}_arm", side=rng.uniform(0.1, 2.0), bend=rng.normal(0.2, 0.5))
        draft.pose(f"{side}_thigh", side=rng.uniform(0.05, 0.3), bend=rng.uniform(0.0, 1.0))
        draft.pose(f"{side}_shin", bend=rng.uniform(0.05, 1.4))
    return draft.done()


def _dancing(rng: Rng) -> Motion:
    draft = _Draft(rng, rng.uniform(0.5, 1.3), 0.1)
    for side in ("left", "right"):
        draft.pose(f"{side}_arm", side=rng.uniform(-0.1, 2.4), bend=rng.uniform(-0.5, 1.5), twist=rng.uniform(-1, 1.6))
        draft.pose(f"{side}_forearm", bend=rng.uniform(0.1, 2.0))
        draft.pose(f"{side}_thigh", side=rng.uniform(0.0, 0.5), bend=rng.uniform(-0.2, 0.8))
        draft.pose(f"{side}_shin", bend=rng.uniform(0.05, 1.2))
        for segment, size in (("arm", 0.7), ("forearm", 0.6), ("thigh", 0.4), ("shin", 0.4)):
            for axis in (_SIDE, _BEND) if segment in ("arm", "thigh") else (_BEND,):
                half = 0.4 if axis == _SIDE and segment == "thigh" else 1.0
                draft.move(f"{side}_{segment}", axis, half * rng.uniform(0.2, size), rng.uniform(0, 6.3))
                draft.move(f"{side}_{segment}", axis, rng.uniform(0.0, 0.25 * size), rng.uniform(0, 6.3), harmonic=2)
    for segment in ("pelvis", "chest", "head"):
        for axis in range(3):
            draft.move(segment, axis, rng.uniform(0.03, 0.25), rng.uniform(0, 6.3))
    if rng.random() < 0.3:
        draft.drift[0, _TWIST] = rng.uniform(-4, 4)
    return draft.done(hop=(rng.uniform(0, 0.08), draft.rate_hz, draft.start))


MOTIONS: dict[str, Callable[[Rng], Motion]] = {
    "standing": _standing,
    "walking": _walking,
    "running": _running,
    "waving": _waving,
    "jumping": _jumping,
    "squatting": _squatting,
    "crouching": _crouching,
    "sitting": _sitting,
    "reaching": _reaching,
    "bending": _bending,
    "kicking": _kicking,
    "cartwheel": _cartwheel,
    "handstand": _handstand,
    "lying": _lying,
    "dancing": _dancing,
    "crossing": _crossing,
}
