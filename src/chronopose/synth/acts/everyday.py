"""What people do all day: stand, sit, kneel and lie about, and use their hands meanwhile."""

# A key pose reads best as one line, not with a line for each angle.
# fmt: off
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from chronopose.synth.keyframes import Anchor, Draw, Key, Score, Value
from chronopose.synth.retarget import Ground

QUARTERS: Final = (0.0, 0.25, 0.5, 0.75)
FEET: Final[Mapping[str, Anchor]] = {"l_foot": "world", "r_foot": "world"}


class Gesture(NamedTuple):
    """What the arms and the head do, at the four quarters of a round."""

    base: Key
    quarters: tuple[Key, Key, Key, Key]
    holds: Mapping[str, Anchor] = {}


class Stance(NamedTuple):
    """What the rest of the body does meanwhile."""

    base: Key
    quarters: tuple[Key, Key, Key, Key]
    ground: Ground = "feet"
    keyed: bool = False
    holds: Mapping[str, Anchor] = {}


# Stances --------------------


def standing(draw: Draw) -> Stance:
    weight, bow = draw(1, 5), draw(-3, 10)
    base = {"out": draw(3, 14), "turn": draw(3, 25), "bend": bow, "yaw": 0}
    if draw.chance(0.3):  # one foot ahead
        base |= {"l_hip": draw(8, 22), "l_knee": draw(2, 12), "r_hip": draw(-15, 0), "r_flat": 0.9}
    return Stance(base, ({"roll": weight, "l_out": 4, "r_knee": draw(2, 14)},
        {"side": draw(-5, 5), "yaw": draw(-4, 4)},
                         {"roll": -weight, "l_knee": draw(2, 14)}, {"bend": bow + draw(-4, 8),
                             "twist": draw(-10, 10)}))


def sitting(draw: Draw) -> Stance:
    """On something as high as a chair, which is not there."""
    seat, apart, ahead, lean = draw(0.45, 0.64), draw(0.06, 0.28), draw(0.25, 0.5), draw(-18, 15)
    base: dict[str, Value] = {"y": seat, "pitch": lean, "bend": draw(0, 15) - lean / 2, "step": 1,
        "turn": draw(0, 30), "foot_at": (apart, 0.08, ahead), "hip": 90, "out": draw(0, 20), "knee": 80,
        "lift": draw(15, 35), "plane": draw(5, 40), "elbow": draw(40, 80), "roll_arm": draw(-40, 10)}
    way = draw.one(5)
    if way == 0:  # one leg over the other
        base |= {"r_step": 0, "r_hip": 100, "r_out": -14, "r_knee": draw(70, 95), "r_foot": 15, "r_flat": 0,
            "r_turn": 0, "l_foot_at": (0.05, 0.08, ahead)}
    elif way == 1:  # ankle on the other knee
        base |= {"r_step": 0, "r_hip": 88, "r_out": 30, "r_turn": 62, "r_knee": 100, "r_flat": 0}
    elif way == 2:  # legs stretched out
        base |= {"foot_at": (apart, 0.08, draw(0.6, 0.75)), "flat": 0, "foot": -5}
    sway = draw(0, 8)
    return Stance(base, ({"side": draw(-6, 6)}, {"pitch": lean + sway}, {"side": draw(-6, 6), "twist": draw(-12, 12)},
                         {"pitch": lean - sway, "bend": draw(0, 15)}), keyed=True, holds=FEET)


def floor_sitting(draw: Draw) -> Stance:
    lean, way = draw(-15, 12), draw.one(4)
    legs: tuple[dict[str, Value], ...] = (
        {"hip": draw(78, 92), "out": draw(2, 30), "knee": draw(2, 20), "foot": 10},  # stretched
        {"hip": 100, "out": draw(28, 40), "turn": draw(45, 60), "knee": draw(125, 140), "foot": 20},  # cross-legged
        {"hip": draw(105, 125), "knee": draw(90, 125), "out": draw(3, 15), "flat": 1},  # knees up
        {"l_hip": 88, "l_knee": 10, "r_hip": 115, "r_knee": 110, "r_flat": 1, "out": draw(5, 20)},  # one knee up
    )
    base: dict[str, Value] = {"y": 0.115, "flat": 0, "pitch": lean, "bend": draw(5, 25), "lift": 30, "plane": 30,
        "elbow": 50,
        **legs[way]}
    if draw.chance(0.3):  # leaning back on the hands
        base |= {"pitch": -22, "bend": 8, "lift": 38, "plane": 160, "elbow": 6, "roll_arm": 40, "nod": 15}
    sway = draw(0, 6)
    return Stance(base, ({"side": draw(-5, 5)}, {"pitch": lean + sway}, {"twist": draw(-15, 15)},
        {"pitch": lean - sway}),
                  ground="body", keyed=True)


def kneeling(draw: Draw) -> Stance:
    way = draw.one(3)
    legs: tuple[dict[str, Value], ...] = (
        {"hip": draw(-3, 10), "knee": draw(85, 100), "foot": 60},  # upright
        {"hip": draw(70, 85), "knee": draw(142, 150), "foot": 65, "pitch": draw(5, 20)},  # on the heels
        {"l_hip": draw(82, 98), "l_knee": draw(85, 95), "l_flat": 1, "r_hip": draw(-8, 5), "r_knee": draw(85, 98),
            "r_foot": 20},
    )
    base: dict[str, Value] = {"flat": 0, "out": draw(2, 14), "turn": 0, "bend": draw(-2, 15), **legs[way]}
    return Stance(base, ({"side": draw(-5, 5)}, {"twist": draw(-12, 12)}, {"bend": draw(0, 20)},
        {"side": draw(-5, 5)}),
                  ground="body")


def crouching(draw: Draw) -> Stance:
    low, lean = draw(0.28, 0.5), draw(15, 40)
    base: dict[str, Value] = {"y": low, "z": draw(-0.18, -0.1), "pitch": lean, "bend": draw(5, 25), "step": 1,
        "hip": 110, "turn": 15, "foot_at": (draw(0.1, 0.2), 0.08, 0), "out": draw(5, 25), "lift": 60, "plane": 10,
        "elbow": 40}
    return Stance(base, ({"side": draw(-4, 4)}, {"y": low + draw(0, 0.06)}, {"twist": draw(-10, 10)},
        {"pitch": lean + 5}),
                  keyed=True, holds=FEET)


def walking(draw: Draw) -> Stance:
    """Slow steps, one of which takes half of a round."""
    stride = draw(0.5, 1.0)
    base = {"bend": draw(0, 8), "turn": draw(0, 10), "out": 2, "flat": 0}
    quarters = ({"l_hip": 26 * stride, "l_knee": 4, "r_hip": -12 * stride, "r_knee": 18, "r_foot": 12, "twist": 4},
                {"l_hip": 2, "l_knee": 6, "r_hip": 24 * stride, "r_knee": 58},
                {"r_hip": 26 * stride, "r_knee": 4, "l_hip": -12 * stride, "l_knee": 18, "l_foot": 12, "twist": -4},
                {"r_hip": 2, "r_knee": 6, "l_hip": 24 * stride, "l_knee": 58})
    return Stance(base, quarters)


def lying_back(draw: Draw) -> Stance:
    base: dict[str, Value] = {"y": 0.115, "pitch": -90, "flat": 0, "foot": draw(5, 35), "out": draw(2, 22),
        "turn": draw(0, 30),
        "hip": 3, "knee": draw(3, 12), "lift": draw(8, 50), "plane": 90, "elbow": draw(5, 60)}
    if draw.chance(0.5):
        base |= {"l_hip": draw(40, 60), "l_knee": draw(80, 110), "l_out": draw(-5, 15), "l_foot": 25}
    if draw.chance(0.3):
        base |= {"r_hip": draw(40, 60), "r_knee": draw(80, 110), "r_out": draw(-5, 15), "r_foot": 25}
    return Stance(base, ({"look": draw(-50, 50)}, {"twist": draw(-6, 6)}, {"look": draw(-50, 50)},
        {"side": draw(-8, 8)}), ground="body",
                  keyed=True)


STANCES: Final[dict[str, tuple[Callable[[Draw], Stance], float]]] = {
    "stand": (standing, 4), "sit": (sitting, 3), "walk": (walking, 1.5), "floor": (floor_sitting, 1),
        "kneel": (kneeling, 1),
    "crouch": (crouching, 0.7), "lie": (lying_back, 0.6)}


# Gestures --------------------


def _other(draw: Draw) -> dict[str, Value]:
    """The left arm while the right one is busy."""
    ways: tuple[dict[str, Value], ...] = (
            {"l_lift": draw(5, 20), "l_plane": draw(20, 90), "l_elbow": draw(5, 40)},
            {"l_lift": 32, "l_plane": 100, "l_elbow": 105, "l_roll_arm": -62},  # hand on the hip
            {"l_lift": 35, "l_plane": 15, "l_elbow": 95, "l_roll_arm": -70},  # across the belly
            {"l_lift": draw(10, 30), "l_plane": draw(0, 40), "l_elbow": draw(50, 100)})
    return ways[draw.one(4)]


def resting(draw: Draw) -> Gesture:
    """The arms as the stance has them, while the head looks about."""
    return Gesture({"nod": draw(-5, 15)}, ({"look": draw(-50, 0)}, {"tilt": draw(-12, 12)}, {"look": draw(0, 50)},
        {"nod": draw(-10, 30)}))


def wave(draw: Draw) -> Gesture:
    swing, lift = draw(15, 40), draw(80, 150)
    base = {**_other(draw), "r_lift": lift, "r_plane": draw(60, 95), "r_roll_arm": draw(60, 95),
        "r_elbow": draw(30, 95)}
    left, right = {"r_roll_arm": 80 - swing, "r_wrist": -15}, {"r_roll_arm": 80 + swing, "r_wrist": 15}
    return Gesture(base, (left, right, left, right))


def wave_both(draw: Draw) -> Gesture:
    base = {"plane": draw(70, 100), "elbow": draw(5, 50), "roll_arm": 60}
    high, low = {"lift": draw(140, 170)}, {"lift": draw(70, 120), "elbow": draw(10, 60)}
    return Gesture(base, (high, low, high, low))


def clap(draw: Draw) -> Gesture:
    up, ahead, wide = draw(-0.3, 0.15), draw(0.25, 0.38), draw(0.12, 0.3)
    base: Key = {"lift": 45, "plane": 35, "elbow": 80, "grip": 1}
    shut: Key = {"hand": (0.025, up, ahead), "wrist": -25}
    opened: Key = {"hand": (wide, up - 0.03, ahead - 0.03), "wrist": -5}
    return Gesture(base, (shut, opened, shut, opened), {"l_hand": "chest", "r_hand": "chest"})


def pour(draw: Draw) -> Gesture:
    up, across = draw(-0.25, -0.05), draw(-0.08, 0.06)
    base: Key = {"lift": 50, "plane": 50, "elbow": 80, "grip": 1, "nod": 25, "l_hand": (0.06, up - 0.15, 0.36)}
    return Gesture(base, ({"r_hand": (-0.2, up - 0.1, 0.33)}, {"r_hand": (across - 0.1, up + 0.06, 0.36),
        "r_lift": 75},
                          {"r_hand": (across - 0.06, up + 0.1, 0.37), "r_lift": 80, "r_wrist": 40},
                              {"r_hand": (-0.14, up, 0.35)}),
                   {"l_hand": "chest", "r_hand": "chest"})


def brush_hair(draw: Draw) -> Gesture:
    base = {**_other(draw), "r_lift": 100, "r_plane": 70, "r_elbow": 120, "r_roll_arm": 60, "r_grip": 1,
        "tilt": draw(-20, 10)}
    out = draw(0.13, 0.19)
    return Gesture(base, ({"r_hand": (-0.07, 0.25, 0.1)}, {"r_hand": (-out, 0.16, 0.03)},
        {"r_hand": (-out, 0.02, -0.06)},
                          {"r_hand": (-out - 0.05, 0.12, 0.14)}), {"r_hand": "head"})


def drink(draw: Draw) -> Gesture:
    base = {**_other(draw), "r_lift": 35, "r_plane": 30, "r_elbow": 100, "r_grip": 1, "r_wrist": 10}
    low: Key = {"r_hand": (-0.16, -0.45, 0.28), "nod": 10}
    sip: Key = {"r_hand": (-0.07, -0.02, 0.2), "nod": draw(-22, 0), "r_lift": draw(45, 85)}
    return Gesture(base, (low, sip, sip, low), {"r_hand": "head"})


def phone_call(draw: Draw) -> Gesture:
    base = {**_other(draw), "r_lift": draw(20, 60), "r_plane": 50, "r_elbow": 140, "r_grip": 1,
        "r_hand": (-0.13, -0.02, 0.06), "tilt": draw(-15, 5)}
    return Gesture(base, ({"look": draw(-30, 30)}, {"nod": draw(-10, 20)}, {"look": draw(-30, 30)},
        {"l_elbow": draw(20, 90)}),
                   {"r_hand": "head"})


def phone_read(draw: Draw) -> Gesture:
    up, apart = draw(-0.32, -0.08), draw(0.03, 0.07)
    base: Key = {"lift": 20, "plane": 30, "elbow": 110, "grip": 1, "hand": (apart, up, draw(0.24, 0.34)),
        "nod": draw(15, 40), "wrist": 15}
    if draw.chance(0.4):
        base = {**base, **_other(draw), "l_grip": 0}
    return Gesture(base, ({}, {"nod": draw(15, 40)}, {"r_hand": (-apart, up + 0.03, 0.3)}, {"tilt": draw(-8, 8)}),
                   {"l_hand": "chest", "r_hand": "chest"})


def photo(draw: Draw) -> Gesture:
    ahead = draw(0.2, 0.45)
    base: Key = {"lift": 70, "plane": 30, "elbow": 90, "grip": 1, "wrist": -30}
    return Gesture(base, ({"hand": (0.07, 0.02, ahead)}, {"hand": (0.06, 0.04, ahead)},
        {"hand": (0.08, -0.02, ahead + 0.04)}, {"tilt": 6}),
                   {"l_hand": "head", "r_hand": "head"})


def point_out(draw: Draw) -> Gesture:
    lift, plane = draw(55, 120), draw(-20, 100)
    base = {**_other(draw), "r_plane": plane, "r_elbow": draw(3, 20), "look": -plane / 2}
    return Gesture(base, ({"r_lift": lift}, {"r_lift": lift + 12}, {"r_lift": lift - 15, "r_plane": plane + 25},
        {"r_lift": 30, "r_elbow": 60}))


def talk(draw: Draw) -> Gesture:
    def arm() -> dict[str, Value]:
        return {f"{side}_{name}": draw(*span) for side in "lr" for name, span in
                (("lift", (10, 60)), ("plane", (0, 80)), ("elbow", (40, 120)), ("roll_arm", (-40, 50)),
                    ("wrist", (-30, 30)))}
    return Gesture({}, ({**arm(), "look": draw(-25, 25)}, arm(), {**arm(), "nod": draw(-8, 20)}, arm()))


def fold_arms(draw: Draw) -> Gesture:
    up = draw(-0.34, -0.22)
    base: Key = {"lift": 30, "plane": 50, "elbow": 110, "roll_arm": -60, "grip": 1, "l_hand": (-0.13, up, 0.17),
        "r_hand": (0.13, up - 0.05, 0.21), "wrist": 30}
    return Gesture(base, ({"look": draw(-40, 40)}, {}, {"nod": draw(-5, 20), "look": draw(-40, 40)}, {"shrug": 6}),
                   {"l_hand": "chest", "r_hand": "chest"})


def hands_on_hips(draw: Draw) -> Gesture:
    base = {"lift": draw(28, 42), "plane": draw(90, 115), "elbow": draw(95, 115), "roll_arm": draw(-75, -55),
        "wrist": 20}
    return Gesture(base, ({"look": draw(-40, 0)}, {}, {"look": draw(0, 40)}, {"nod": draw(-5, 20)}))


def behind_head(draw: Draw) -> Gesture:
    base: Key = {"lift": draw(140, 160), "plane": 90, "elbow": 140, "roll_arm": draw(95, 130), "grip": 1,
        "hand": (0.07, 0.07, -0.12)}
    return Gesture(base, ({"nod": draw(-10, 5)}, {"look": draw(-20, 20)}, {"side": draw(-8, 8)}, {}),
        {"l_hand": "head", "r_hand": "head"})


def reach_up(draw: Draw) -> Gesture:
    base = {**_other(draw), "r_plane": draw(0, 60), "nod": -15}
    return Gesture(base, ({"r_lift": draw(135, 175), "r_elbow": 5, "side": 8}, {"r_lift": 120, "r_elbow": 35},
        {"r_lift": 40, "r_elbow": 80, "nod": 10},
                          {"r_lift": 110, "r_elbow": 60}))


def wipe(draw: Draw) -> Gesture:
    """A window or a wall."""
    wide, high, ahead = draw(0.1, 0.25), draw(0.1, 0.25), draw(0.34, 0.42)
    base = {**_other(draw), "r_lift": 80, "r_plane": 30, "r_elbow": 50, "r_grip": 1, "r_wrist": -40}
    x, y = draw(-0.2, -0.1), draw(-0.05, 0.2)
    return Gesture(base, ({"r_hand": (x - wide, y, ahead)}, {"r_hand": (x, y + high, ahead)},
        {"r_hand": (x + wide, y, ahead)},
                          {"r_hand": (x, y - high, ahead)}), {"r_hand": "chest"})


def work(draw: Draw) -> Gesture:
    """Both hands busy at a table: typing, kneading, folding."""
    up, ahead, busy = draw(-0.42, -0.25), draw(0.25, 0.38), draw(0.01, 0.1)
    base: Key = {"lift": 20, "plane": 35, "elbow": 85, "grip": 1, "nod": draw(10, 30)}
    def hands() -> dict[str, Value]:
        return {"l_hand": (draw(0.05, 0.2), up + draw(-busy, busy), ahead + draw(-busy, busy)),
                "r_hand": (-draw(0.05, 0.2), up + draw(-busy, busy), ahead + draw(-busy, busy))}
    return Gesture(base, (hands(), hands(), hands(), hands()), {"l_hand": "chest", "r_hand": "chest"})


def carry(draw: Draw) -> Gesture:
    up, wide = draw(-0.45, -0.15), draw(0.1, 0.24)
    base: Key = {"lift": 20, "plane": 40, "elbow": 80, "grip": 1, "hand": (wide, up, draw(0.25, 0.36))}
    return Gesture(base, ({}, {"bend": -4}, {"look": draw(-20, 20)}, {}), {"l_hand": "chest", "r_hand": "chest"})


def guitar(draw: Draw) -> Gesture:
    base: Key = {"lift": 30, "plane": 60, "elbow": 90, "grip": 1, "nod": 18, "look": draw(0, 25),
        "l_hand": (draw(0.36, 0.46), draw(-0.28, -0.12), 0.22)}
    up: Key = {"r_hand": (-0.1, -0.32, 0.2), "r_wrist": -15}
    down: Key = {"r_hand": (-0.07, -0.48, 0.2), "r_wrist": 20}
    return Gesture(base, (up, down, up, down), {"l_hand": "chest", "r_hand": "chest"})


def stretch(draw: Draw) -> Gesture:
    base = {"plane": draw(60, 95)}
    return Gesture(base, ({"lift": 20}, {"lift": 110, "elbow": 60, "roll_arm": 80},
        {"lift": 172, "elbow": 10, "nod": -20, "side": draw(-15, 15)},
                          {"lift": 95, "elbow": draw(5, 70), "bend": -10}))


def aim(draw: Draw) -> Gesture:
    """Both hands ahead, as with a pistol or a remote control."""
    base: Key = {"lift": 88, "plane": 5, "elbow": 10, "grip": 1, "wrist": 0}
    level = draw(-0.05, 0.1)
    held: Key = {"hand": (0.02, level, 0.5)}
    return Gesture(base, (held, {"hand": (0.02, level + 0.06, 0.46), "bend": -3}, held,
        {"hand": (0.02, level - 0.25, 0.4), "nod": 10}),
                   {"l_hand": "chest", "r_hand": "chest"})


def shoot_bow(draw: Draw) -> Gesture:
    base: Key = {"l_lift": 90, "l_plane": draw(70, 90), "l_elbow": 4, "look": draw(55, 75), "twist": draw(-15, 0),
        "r_lift": 85, "r_plane": 60, "r_elbow": 120}
    near, drawn = {"r_hand": (0.3, -0.02, 0.12)}, {"r_hand": (-0.08, 0.08, 0.14)}
    return Gesture({**base, "r_grip": 1}, (near, {"r_hand": (0.12, 0.03, 0.15)}, drawn, {**drawn, "r_lift": 95}),
        {"r_hand": "chest"})


GESTURES: Final[dict[str, Callable[[Draw], Gesture]]] = {
    "wave": wave, "wave_both": wave_both, "clap": clap, "pour": pour, "brush_hair": brush_hair, "drink": drink,
        "phone_call": phone_call,
    "phone_read": phone_read, "photo": photo, "point": point_out, "talk": talk, "fold_arms": fold_arms,
        "hands_on_hips": hands_on_hips,
    "behind_head": behind_head, "reach_up": reach_up, "wipe": wipe, "work": work, "carry": carry, "guitar": guitar,
        "stretch": stretch,
    "aim": aim, "shoot_bow": shoot_bow}


def combined(draw: Draw, stance: Stance, gesture: Gesture, seconds: float) -> Score:
    """The one's body under the other's arms."""
    quarters = [{**stance.quarters[i], **gesture.quarters[i]} for i in range(4)]
    keys = list(zip(QUARTERS, quarters))
    return Score(seconds=seconds, keys=keys,
                 base={**stance.base, **gesture.base}, ground=stance.ground, root="keyed" if stance.keyed else "auto",
                     holds={**stance.holds, **gesture.holds})


def with_gesture(gesture: Callable[[Draw], Gesture]) -> Callable[[Draw], Score]:
    """A motion: this gesture in any stance."""

    def act(draw: Draw) -> Score:
        makers, weights = zip(*STANCES.values())
        at = draw(0, sum(weights))
        stance = makers[next((i for i in range(len(weights)) if at < sum(weights[: i + 1])), 0)]
        return combined(draw, stance(draw), gesture(draw), draw(1.0, 2.6))

    return act


def in_stance(stance: Callable[[Draw], Stance]) -> Callable[[Draw], Score]:
    """A motion: this stance, mostly at rest."""

    def act(draw: Draw) -> Score:
        gestures = list(GESTURES.values())
        gesture = resting if draw.chance(0.5) else gestures[draw.one(len(gestures))]
        return combined(draw, stance(draw), gesture(draw), draw(2.0, 5.0))

    return act


MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {
    **{name: with_gesture(gesture) for name, gesture in GESTURES.items()},
    "idle": in_stance(standing), "sit": in_stance(sitting), "sit_floor": in_stance(floor_sitting),
        "kneel": in_stance(kneeling),
    "crouch": in_stance(crouching), "lie_back": in_stance(lying_back)}
