"""Key-framed motion: joint angles, splines between them, hands and feet held in place.

All angles are in degrees and zero in the upright stand that faces +z with the arms hanging. A channel of one side
starts with `l_` or `r_`; written without, it means both sides. Signs are the same on both sides:

- `yaw`, `pitch`, `roll` turn the whole body (about y, then its own x, then its own z): to the left, forwards (90 lies
  face down), to the left (90 lies on the left side);
- `bend`, `side`, `twist` move the chest on the pelvis: forwards, to the left, turned to the left; `nod`, `tilt`,
  `look` move the head on the chest in the same way;
- `lift`, `plane` say where the upper arm points: `lift` away from hanging (90 level, 180 up), towards `plane` (0 ahead,
  90 outwards, 180 behind, -45 across the chest); `elbow` bends it; `roll_arm` turns the bent forearm outwards about the
  upper arm (with the arm lifted outwards: 0 points ahead, 90 up); `wrist` bends the hand on, `shrug` lifts a shoulder;
- `hip` lifts the thigh forwards, `out` spreads it, `turn` turns knee and toes outwards; `knee` bends it; `foot` points
  the toes; `flat` 1 lays the foot level whatever the leg does, 0 leaves it to `foot`;
- `x`, `y`, `z` is the midpoint of the hips in metres and `hop` how far the lowest part is above the floor;
- `hand` and `foot_at` are three channels each (`_x`, `_y`, `_z`): where a held wrist or ankle is, in metres; `grip`
  and `step` say how firmly, 0 to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from chronopose.synth.puppet import (
    ANKLE_M,
    COLLAR,
    FRAMES,
    LENGTHS_M,
    LIMBS,
    POINTS,
    TOE_M,
    Array,
    Pose,
    apply,
    point,
    swing,
    unit,
)
from chronopose.synth.retarget import Ground

Value = float | tuple[float, float, float]
Key = Mapping[str, Value]
Anchor = Literal["world", "pelvis", "chest", "head"]

BODY: Final = ("yaw", "pitch", "roll", "bend", "side", "twist", "nod", "tilt", "look", "x", "y", "z", "hop")
SIDED: Final = (
    *("lift", "plane", "elbow", "roll_arm", "wrist", "shrug", "hand_x", "hand_y", "hand_z", "grip"),
    *("hip", "out", "turn", "knee", "foot", "flat", "foot_at_x", "foot_at_y", "foot_at_z", "step"),
)
CHANNELS: Final = (*BODY, *(f"{side}_{name}" for side in "lr" for name in SIDED))
FLIPPED: Final = ("yaw", "roll", "side", "twist", "tilt", "look", "x", "hand_x", "foot_at_x")
LENGTHS: Final = ("x", "y", "z", "hop", "hand_x", "hand_y", "hand_z", "foot_at_x", "foot_at_y", "foot_at_z")
SHARES: Final = ("grip", "step", "flat")
STAND: Final[Key] = {"lift": 8.0, "plane": 60.0, "elbow": 15.0, "out": 4.0, "turn": 8.0, "flat": 1.0, "y": 0.93}
LIMITS: Final = {"elbow": (2.0, 150.0), "knee": (1.0, 155.0), "wrist": (-70.0, 80.0), "foot": (-35.0, 70.0)}
FOOT: Final = unit(np.array([0.0, -0.06, 0.132]))
THICK: Final = {"pelvis": 0.11, "spine": 0.10, "chest": 0.11, "neck": 0.06, "head": 0.08, "headtop": 0.01, "face": 0.03}
THIN: Final = {
    "hip": 0.09,
    "knee": 0.055,
    "ankle": 0.05,
    "toe": 0.02,
    "sho": 0.07,
    "elb": 0.045,
    "wri": 0.03,
    "hand": 0.02,
}
RADII_M: Final = np.array([THICK[name] if name in THICK else THIN[name[1:]] for name in POINTS])
GRID_FPS: Final = 60.0
WRIST_M: Final = 0.035


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A motion as authored.

    Attributes:
        seconds: length of one round.
        keys: when in the round (0 to 1) and what differs from `base` then.
        base: what differs from `STAND` all the time.
        loop: "cycle" closes the round onto its first key; "mirror" has keys for the first half (0 to 0.5) and repeats
            them with left and right exchanged; "repeat" starts again from the first key, which the last one equals up
            to full turns and a way travelled.
        ground: what is on the floor, see `retarget.bone_matrices`.
        root: "auto" puts the lowest foot (ground "feet") or part (otherwise) on the floor plus `hop`, and walks so that
            standing feet do not slide; "keyed" takes x, y, z as they are.
        holds: limbs ("l_hand", "r_foot" ...) that are held at their `hand` or `foot_at` channels, and in whose axes
            those are: the world's, or those of a part, from the hips, the neck or the head's joint.
    """

    seconds: float
    keys: Sequence[tuple[float, Key]]
    base: Key = field(default_factory=dict)
    loop: Literal["cycle", "mirror", "repeat"] = "cycle"
    ground: Ground = "feet"
    root: Literal["auto", "keyed"] = "auto"
    holds: Mapping[str, Anchor] = field(default_factory=dict)


class Draw:
    """The random numbers of one performance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def __call__(self, low: float, high: float) -> float:
        """A number between the two."""
        return float(self._rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self._rng.random() < share)

    def one(self, count: int) -> int:
        """A number from 0 to count - 1."""
        return int(self._rng.integers(count))


def perform(score: Score, rng: np.random.Generator, seconds: float, vary: float = 1.0) -> Pose:
    """The movement at `GRID_FPS` for at least `seconds`, begun at a random instant of the round.

    Args:
        score: what is done.
        rng: draws where it begins, and how each key differs from what is written.
        seconds: least length.
        vary: strength of the differences, 0 for none.
    """
    times, values = _table(score, rng, vary)
    rounds = int(np.ceil(seconds / score.seconds)) + 1
    begin = rng.uniform(0, 1)
    grid = begin + np.arange(int(np.ceil(seconds * GRID_FPS)) + 2) / (GRID_FPS * score.seconds)
    return _pose(score, _channels(score, times, values, grid, rounds + 1))


def _table(score: Score, rng: np.random.Generator, vary: float) -> tuple[Array, Array]:
    """Times (K,) and values (K, channels) of the keys, with small random differences of angle and amplitude."""
    base = _expand(score.base, _expand(STAND, np.zeros(len(CHANNELS))))
    times = np.array([time for time, _ in score.keys], dtype=np.float64)
    values = np.stack([_expand(key, base) for _, key in score.keys])
    angles = np.array([name.removeprefix("l_").removeprefix("r_") not in LENGTHS + SHARES for name in CHANNELS])
    moving = np.ptp(values, axis=0)
    jitter = rng.normal(0, 0.05, values.shape) * moving + rng.normal(0, 2.0, values.shape[1]) * angles
    if score.loop == "repeat":
        jitter[[0, -1]] = 0.0
    values = values + vary * np.where(angles, jitter, 0.0)
    if score.loop == "mirror":
        times = np.concatenate([times, times + 0.5])
        values = np.concatenate([values, _mirrored(values)])
    return times, values


def _expand(key: Key, base: Array) -> Array:
    """`base` (channels,) with the values of a key in their places."""
    row = base.copy()
    for name, value in key.items():
        parts = (
            [(name, value)]
            if not isinstance(value, tuple)
            else list(zip([name + a for a in ("_x", "_y", "_z")], value))
        )
        for part, number in parts:
            if part in CHANNELS:
                row[CHANNELS.index(part)] = number
                continue
            if part not in SIDED:
                raise KeyError(f"no channel of a key pose is called {part}")
            for sign, side in ((1.0, "l_"), (-1.0, "r_")):
                flip = sign if part in FLIPPED else 1.0
                row[CHANNELS.index(side + part)] = flip * number
    return row


def _mirrored(values: Array) -> Array:
    swapped = [{"l": "r_", "r": "l_"}[n[0]] + n[2:] if n[:2] in ("l_", "r_") else n for n in CHANNELS]
    signs = np.array([-1.0 if n.removeprefix("l_").removeprefix("r_") in FLIPPED else 1.0 for n in CHANNELS])
    return np.asarray(values[:, [CHANNELS.index(n) for n in swapped]] * signs, dtype=np.float64)


def _channels(score: Score, times: Array, values: Array, grid: Array, rounds: int) -> dict[str, Array]:
    """Every channel (T,) at the instants `grid`, counted in rounds."""
    if score.loop == "repeat":
        turns = np.floor(grid)
        curve = np.asarray(PchipInterpolator(times, values)(grid - turns))
        travelled = np.array([name in ("x", "z") for name in CHANNELS]) * (values[-1] - values[0])
        curve = curve + turns[:, None] * travelled
    else:
        span = range(-1, rounds + 1)
        knots = np.concatenate([times + turn for turn in span])
        curve = np.asarray(PchipInterpolator(knots, np.tile(values, (len(span), 1)))(grid))
    channels = {}
    for i, name in enumerate(CHANNELS):
        low, high = LIMITS.get(name.removeprefix("l_").removeprefix("r_"), (-np.inf, np.inf))
        channels[name] = np.clip(curve[:, i], low, high)
    return channels


def _turns(axes: str, *degrees: Array) -> Array:
    """(T, 3, 3) rotations about the body's own axes, one after the other."""
    return np.asarray(Rotation.from_euler(axes, np.stack(degrees, axis=-1), degrees=True).as_matrix(), dtype=np.float64)


def _pose(score: Score, at: Mapping[str, Array]) -> Pose:
    pelvis = _turns("YXZ", at["yaw"], at["pitch"], -at["roll"])
    chest = pelvis @ _turns("YXZ", at["twist"], at["bend"], -at["side"])
    head = chest @ _turns("YXZ", at["look"], at["nod"], -at["tilt"])
    limbs = np.zeros((len(pelvis), len(LIMBS), 3))
    poles: dict[str, Array] = {}
    for side, sign in (("l", 1.0), ("r", -1.0)):
        for part, direction in _arm(at, side, sign, chest, poles).items():
            limbs[:, LIMBS.index(f"{side}_{part}")] = direction
        for part, direction in _leg(at, side, sign, pelvis, poles).items():
            limbs[:, LIMBS.index(f"{side}_{part}")] = direction
    root = np.stack([at["x"], at["y"], at["z"]], axis=-1)
    pose = Pose(root=root, frames=np.stack([pelvis, chest, head], axis=1), limbs=limbs)
    if score.root == "auto":
        pose = _placed(pose, at["hop"], score.ground)
    for limb, anchor in score.holds.items():
        pose = _held(pose, limb, anchor, at, poles[limb])
    for limb, pole in poles.items():
        pose = _above_floor(pose, limb, pole)
    return pose


def _arm(at: Mapping[str, Array], side: str, sign: float, chest: Array, poles: dict[str, Array]) -> dict[str, Array]:
    """World directions (T, 3) of collar, upper arm, forearm and hand."""
    lift, plane, elbow, wrist = (at[f"{side}_{name}"] for name in ("lift", "plane", "elbow", "wrist"))
    towards = np.deg2rad(plane)
    ahead = np.stack([sign * np.sin(towards), np.zeros(len(lift)), np.cos(towards)], axis=-1)
    axis = np.cross([0.0, -1.0, 0.0], ahead)
    raised = np.asarray(Rotation.from_rotvec(np.deg2rad(lift)[:, None] * axis).as_matrix())
    upper = chest @ raised @ _turns("Y", sign * at[f"{side}_roll_arm"])
    shrug = at[f"{side}_shrug"] + 0.28 * np.maximum(lift - 35, 0) * np.clip(np.abs(np.sin(towards)) + 0.5, 0, 1)
    # An arm that reaches ahead or across takes the shoulder along.
    reach = 18 * np.sin(np.deg2rad(np.clip(lift, 0, 180))) * np.cos(towards)
    collar = chest @ _turns("ZY", sign * shrug, -sign * reach)
    poles[f"{side}_hand"] = -upper[:, :, 2]
    down = np.array([0.0, -1.0, 0.0])
    return {
        "collar": collar @ (COLLAR * [sign, 1, 1]),
        "upper": upper @ down,
        "fore": upper @ _turns("X", -elbow) @ down,
        "hand": upper @ _turns("X", -elbow - wrist) @ down,
    }


def _leg(at: Mapping[str, Array], side: str, sign: float, pelvis: Array, poles: dict[str, Array]) -> dict[str, Array]:
    """World directions (T, 3) of thigh, shin and foot."""
    hip, out, turn, knee, foot = (at[f"{side}_{name}"] for name in ("hip", "out", "turn", "knee", "foot"))
    thigh = pelvis @ _turns("XZY", -hip, sign * out, sign * turn)
    shin = thigh @ _turns("X", knee)
    poles[f"{side}_foot"] = thigh[:, :, 2]
    free = shin @ _turns("X", foot) @ FOOT
    level = thigh[:, :, 2] + 0.3 * shin[:, :, 2]
    level = unit(level * [1.0, 0.0, 1.0]) * FOOT[2] + np.array([0.0, FOOT[1], 0.0])
    flat = at[f"{side}_flat"][:, None]
    down = np.array([0.0, -1.0, 0.0])
    return {"thigh": thigh @ down, "shin": shin @ down, "foot": unit(flat * level + (1 - flat) * free)}


def _placed(pose: Pose, hop: Array, ground: Ground) -> Pose:
    """On the floor, and on the way that leaves what touches the floor where it is."""
    points = pose.points()
    heights = points[..., 1] - RADII_M
    if ground == "feet":
        feet = [POINTS.index(side + name) for side in "lr" for name in ("ankle", "toe")]
        points, heights = points[:, feet], points[:, feet, 1] - [ANKLE_M, TOE_M] * 2
    else:  # a hand is laid on the floor afterwards
        parts = [i for i, name in enumerate(POINTS) if name[1:] != "hand"]
        points, heights = points[:, parts], heights[:, parts]
    lowest = heights.min(axis=1)
    share = np.exp(-(heights - lowest[:, None]) / 0.012)
    share = share / share.sum(axis=1, keepdims=True)
    steps = -(np.diff(points, axis=0) * share[1:, :, None]).sum(axis=1)
    steps = np.concatenate([np.zeros((1, 3)), gaussian_filter1d(steps, 1.5, axis=0, mode="nearest")])
    rise = np.cumsum(steps, axis=0)
    rise[:, 1] = hop - lowest
    return pose.shifted(rise)


def _held(pose: Pose, limb: str, anchor: Anchor, at: Mapping[str, Array], pole: Array) -> Pose:
    """With one wrist or ankle where its channels say, as far as the limb reaches."""
    side, arm = limb[0], limb.endswith("hand")
    channel = f"{side}_{'hand' if arm else 'foot_at'}"
    target = np.stack([at[f"{channel}_{axis}"] for axis in "xyz"], axis=-1)
    points = pose.points()
    if anchor != "world":
        frame = pose.frames[:, FRAMES.index(anchor)]
        origin = {"pelvis": pose.root, "chest": point(points, "neck"), "head": point(points, "head")}[anchor]
        target = origin + apply(frame, target)
    end = point(points, side + ("wri" if arm else "ankle"))
    firm = at[f"{side}_{'grip' if arm else 'step'}"][:, None]
    return _reaching(pose, points, limb, end + (target - end) * firm, pole)


def _above_floor(pose: Pose, limb: str, pole: Array) -> Pose:
    """With a wrist, ankle, elbow or knee that would be in the floor out of it, and the hand or foot laid on it."""
    side, arm = limb[0], limb.endswith("hand")
    middle, last = (side + name for name in (("elb", "wri") if arm else ("knee", "ankle")))
    points = pose.points()
    end = point(points, last)
    least = WRIST_M if arm else 0.75 * ANKLE_M
    deep = np.clip((0.03 - point(points, middle)[:, 1:2]) / 0.05, 0, 3)
    if end[:, 1].min() < least or deep.any():
        up = pole + 1.5 * deep * np.array([0.0, 1.0, 0.0])
        pose = _reaching(pose, points, limb, np.maximum(end, [-np.inf, least, -np.inf]), up)
        end = point(pose.points(), last)
    part = "hand" if arm else "foot"
    tip = pose.limbs[:, LIMBS.index(f"{side}_{part}")]
    steepest = (TOE_M - end[:, 1]) / LENGTHS_M[part]
    low = tip[:, 1] < steepest
    if not low.any():
        return pose
    # Fingers on the floor point away from the feet, toes from the knee's back to its front.
    ahead = pose.frames[:, 1, :, 1] if arm else pole
    level = unit((tip + 0.5 * ahead) * [1.0, 0.0, 1.0])
    slope = np.clip(steepest, -1, 1)[:, None]
    laid = level * np.sqrt(1 - slope**2) + slope * np.array([0.0, 1.0, 0.0])
    limbs = pose.limbs.copy()
    limbs[:, LIMBS.index(f"{side}_{part}")] = np.where(low[:, None], unit(laid), tip)
    return Pose(root=pose.root, frames=pose.frames, limbs=limbs)


def _reaching(pose: Pose, points: Array, limb: str, target: Array, pole: Array) -> Pose:
    """With one wrist or ankle at `target` (T, 3); the hand turns with the forearm, the foot stays as it is."""
    side, arm = limb[0], limb.endswith("hand")
    first, second, last = (
        LIMBS.index(f"{side}_{part}") for part in (("upper", "fore", "hand") if arm else ("thigh", "shin", "foot"))
    )
    start = point(points, side + ("sho" if arm else "hip"))
    lengths = (LENGTHS_M["upper"], LENGTHS_M["fore"]) if arm else (LENGTHS_M["thigh"], LENGTHS_M["shin"])
    limbs = pose.limbs.copy()
    limbs[:, first], limbs[:, second] = two_bones(start, target, *lengths, pole)
    if arm:
        limbs[:, last] = apply(swing(pose.limbs[:, second], limbs[:, second]), limbs[:, last])
    return Pose(root=pose.root, frames=pose.frames, limbs=limbs)


def two_bones(start: Array, target: Array, first_m: float, second_m: float, pole: Array) -> tuple[Array, Array]:
    """Directions (T, 3) of two bones that end at `target`, or as near as they reach, bent towards `pole`."""
    way = target - start
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    along = unit(way)
    reach = np.clip(distance, 1.02 * abs(first_m - second_m) + 0.03, 0.997 * (first_m + second_m))
    across = unit(pole - (pole * along).sum(-1, keepdims=True) * along)
    cosine = np.clip((first_m**2 + reach**2 - second_m**2) / (2 * first_m * reach), -1, 1)
    first = cosine * along + np.sqrt(1 - cosine**2) * across
    return first, unit(reach * along - first_m * first)
