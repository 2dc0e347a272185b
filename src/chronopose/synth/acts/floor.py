"""On the floor, upside down and hanging: exercises, crawling, handstands, rolls and bars."""

# A key pose reads best as one line, not with a line for each angle.
# fmt: off
from collections.abc import Callable
from typing import Final

import numpy as np

from chronopose.synth.acts.everyday import FEET
from chronopose.synth.keyframes import Anchor, Draw, Key, Score, Value

HANDS: Final[dict[str, Anchor]] = {"l_hand": "world", "r_hand": "world"}
BEHIND_HEAD: Final[dict[str, Anchor]] = {"l_hand": "head", "r_hand": "head"}


def _plank(shoulder_m: float) -> dict[str, Value]:
    """A straight body on its toes, the shoulders this high."""
    rise = np.arcsin((shoulder_m - 0.13) / 1.38)
    return {"pitch": 90 - float(np.degrees(rise)), "y": 0.13 + 0.85 * float(np.sin(rise)),
        "z": 0.85 * float(np.cos(rise))}


def push_up(draw: Draw) -> Score:
    wide, low, sag = draw(0.2, 0.36), draw(0.2, 0.38), draw(-6, 8)
    base: Key = {"flat": 0, "foot": -8, "hip": sag, "out": draw(0, 8), "turn": 0, "knee": 2, "nod": -20, "grip": 1,
        "hand": (wide, 0.03, 1.3), "lift": 80, "plane": 50, "elbow": 60, "roll_arm": -20, "wrist": -60}
    up, down = _plank(0.56), _plank(low)
    return Score(seconds=draw(1.1, 2.4), keys=[(0.0, up), (0.1, up), (0.5, down)],
                 base=base, ground="body", root="keyed", holds=HANDS)


def plank(draw: Draw) -> Score:
    base: Key = {**_plank(0.56), "flat": 0, "foot": -8, "out": 3, "turn": 0, "knee": 2, "nod": draw(-25, 10),
        "grip": 1, "hand": (draw(0.16, 0.3), 0.03, 1.3), "lift": 80, "plane": 40, "wrist": -60}
    if draw.chance(0.5):  # climbing on the spot, the hips higher so that the knees pass
        base = {**base, "y": 0.51, "pitch": 80, "hip": 10}
        keys: list[tuple[float, Key]] = [(0.0, {"l_hip": 122, "l_knee": 140, "l_foot": 20}),
            (0.25, {"l_hip": 40, "l_knee": 60, "r_hip": 40, "r_knee": 60, "l_foot": 20, "r_foot": 20})]
        return Score(seconds=draw(0.7, 1.5), keys=keys,
                     base=base, loop="mirror", ground="body", root="keyed", holds=HANDS)
    side: Key = {"r_grip": 0, "r_lift": draw(90, 160), "r_plane": draw(0, 90), "r_elbow": 5, "twist": 0}
    return Score(seconds=draw(2, 4),
                 keys=[(0.0, {"hip": 2}), (0.5, side if draw.chance(0.5) else {"hip": -6, "look": 20})],
                 base=base, ground="body", root="keyed", holds=HANDS)


def sit_up(draw: Draw) -> Score:
    top, near = draw(-50, -5), draw(0.38, 0.5)
    base: dict[str, Value] = {"y": 0.115, "step": 1, "foot_at": (draw(0.06, 0.2), 0.08, near), "hip": 60, "flat": 1,
        "turn": 0}
    holds: dict[str, Anchor] = {}
    if draw.chance(0.6):
        base |= {"grip": 1, "hand": (0.08, 0.06, -0.11), "lift": 150, "plane": 90, "elbow": 140, "roll_arm": 120}
        holds = BEHIND_HEAD
    elif draw.chance(0.5):
        base |= {"lift": 75, "plane": 0, "elbow": 8}
    else:
        base |= {"lift": 35, "plane": 20, "elbow": 125, "roll_arm": -60}
    down, up = {"pitch": -87, "bend": 3}, {"pitch": top, "bend": draw(18, 40), "nod": 10}
    return Score(seconds=draw(1.8, 3.4), keys=[(0.0, down), (0.12, down), (0.5, up), (0.58, up)],
                 base=base, ground="body", root="keyed", holds={**FEET, **holds})


def bicycle(draw: Draw) -> Score:
    base: Key = {"y": 0.115, "pitch": -84, "bend": draw(18, 32), "flat": 0, "foot": 20, "grip": 1,
        "hand": (0.08, 0.06, -0.11),
        "lift": 150, "plane": 90, "elbow": 140, "roll_arm": 120, "out": 3}
    keys: list[tuple[float, Key]] = [(0.0, {"l_hip": 110, "l_knee": 115, "r_hip": 35, "r_knee": 8, "twist": 28}),
        (0.25, {"hip": 70, "knee": 60})]
    return Score(seconds=draw(1, 2.2), keys=keys, base=base, loop="mirror", ground="body", root="keyed",
        holds=BEHIND_HEAD)


def leg_raise(draw: Draw) -> Score:
    base: Key = {"y": 0.115, "pitch": -90, "flat": 0, "foot": 35, "knee": draw(3, 25), "lift": draw(5, 40),
        "plane": 90,
        "elbow": 8, "out": 2, "turn": 0}
    return Score(seconds=draw(1.8, 3.5), keys=[(0.0, {"hip": 8}), (0.5, {"hip": draw(60, 100)})],
                 base=base, ground="body", root="keyed")


def bridge(draw: Draw) -> Score:
    base: Key = {"flat": 1, "plane": 160, "elbow": 4, "out": 5, "turn": 0}
    low: Key = {"pitch": -90, "hip": 52, "knee": 105, "lift": 8}
    high: Key = {"pitch": -118, "bend": 6, "hip": 0, "knee": 88, "nod": 20, "lift": 24}
    return Score(seconds=draw(1.8, 3.5), keys=[(0.0, low), (0.5, high), (0.6, high)], base=base, ground="body")


def lie_side(draw: Draw) -> Score:
    base: dict[str, Value] = {"roll": 90, "flat": 0, "foot": 25, "hip": draw(5, 80), "knee": draw(10, 110),
        "bend": draw(0, 25), "out": 0, "l_lift": draw(70, 150), "l_plane": 5, "l_elbow": draw(60, 130),
        "r_lift": draw(20, 80), "r_plane": 10, "r_elbow": draw(10, 100), "turn": 0, "pitch": draw(-8, 8)}
    if draw.chance(0.4):  # propped on the elbow, head in the hand
        base |= {"side": -26, "tilt": -10, "l_lift": 95, "l_plane": 70, "l_elbow": 125, "l_roll_arm": 60}
    return Score(seconds=draw(3, 6),
                 keys=[(0.0, {"nod": 5, "r_hip": 40}), (0.5, {"nod": 18, "r_elbow": draw(10, 100),
                     "r_knee": draw(20, 100)})],
                 base=base, ground="body")


def lie_front(draw: Draw) -> Score:
    base: dict[str, Value] = {"pitch": 90, "flat": 0, "foot": 60, "out": draw(2, 15), "knee": 3, "turn": draw(0, 20),
        "look": draw(-60, 60), "lift": draw(100, 165), "plane": 85, "elbow": draw(40, 120), "roll_arm": draw(80, 100)}
    way = draw.one(4)
    if way == 0:  # propped on the elbows
        base |= {"bend": -32, "nod": -25, "look": 0, "lift": 62, "plane": 15, "elbow": 100, "roll_arm": -15}
    elif way == 1:  # arched
        base |= {"bend": -18, "nod": -20, "look": 0, "hip": -16, "lift": draw(40, 170), "plane": 60, "elbow": 8}
    elif way == 2:  # up on the hands
        base |= {"pitch": 78, "bend": -48, "nod": -15, "look": 0, "lift": 38, "plane": 20, "elbow": 8, "hip": -12}
    feet: Key = {"l_knee": draw(3, 110), "r_knee": draw(3, 110)}
    return Score(seconds=draw(2.5, 5), keys=[(0.0, {}), (0.5, feet)], base=base, ground="body")


def crawl(draw: Draw) -> Score:
    knees = draw.chance(0.65)
    base: Key = {"flat": 0, "plane": 5, "elbow": draw(4, 20), "nod": draw(-45, -10), "out": 4, "turn": 0,
        "wrist": -50,
                 **({"pitch": 84, "foot": 55} if knees else {"pitch": draw(95, 112), "foot": -10})}
    thigh, shin = (88, 90) if knees else (88, 60)
    keys: list[tuple[float, Key]] = [
        (0.0, {"l_hip": thigh + 18, "r_hip": thigh - 18, "l_knee": shin, "r_knee": shin, "r_lift": 104, "l_lift": 72,
            "twist": 6}),
        (0.25, {"l_hip": thigh, "r_hip": thigh + 4, "r_knee": shin + 14, "l_knee": shin, "r_lift": 88, "l_lift": 92,
            "l_elbow": 35})]
    return Score(seconds=draw(0.9, 1.8), keys=keys, base=base, loop="mirror", ground="body")


def all_fours(draw: Draw) -> Score:
    base: Key = {"flat": 0, "foot": 55, "pitch": 84, "hip": 88, "knee": 90, "lift": 86, "plane": 5, "elbow": 6,
        "nod": -20, "out": 5, "turn": 0, "wrist": -50}
    keys: tuple[list[tuple[float, Key]], ...] = (
        [(0.0, {"bend": 25, "nod": 25}), (0.5, {"bend": -18, "nod": -30})],  # cat and cow
        [(0.0, {}), (0.4, {"r_hip": 0, "r_knee": 5, "l_lift": 172, "l_elbow": 4}),
            (0.6, {"r_hip": -4, "r_knee": 5, "l_lift": 175})],  # one arm and one leg out
        [(0.0, {}), (0.5, {"pitch": 95, "hip": 125, "knee": 142, "lift": 155, "bend": 12})],  # back onto the heels
        [(0.0, {}), (0.5, {"pitch": 128, "hip": 95, "knee": 12, "lift": 165, "foot": -30,
            "nod": 10})])  # up onto the feet, hips high
    return Score(seconds=draw(2.4, 5), keys=keys[draw.one(4)], base=base, ground="body")


def handstand(draw: Draw) -> Score:
    split = draw(0, 45)
    base: Key = {"flat": 0, "plane": 12, "elbow": 4, "roll_arm": 10}
    up: Key = {"pitch": draw(172, 186), "lift": 172, "l_hip": split, "r_hip": -split * 0.6, "foot": 50, "nod": -30,
        "knee": 4}
    if draw.chance(0.4):
        return Score(seconds=draw(2, 4),
                     keys=[(0.0, up), (0.5, {**up, "l_hip": -split * 0.5, "r_hip": split * 0.7,
                         "l_knee": draw(5, 90)})],
                     base=base, ground="body")
    keys: list[tuple[float, Key]] = [
        (0.0, {"lift": 165}), (0.12, {"lift": 168, "l_hip": 45, "l_knee": 20, "pitch": 5}),
            (0.27, {"pitch": 78, "l_hip": 95, "l_knee": 45, "r_hip": -5, "lift": 165, "foot": 10}),
        (0.36, {"pitch": 125, "l_hip": 100, "l_knee": 35, "r_hip": -25, "lift": 170, "foot": 30}), (0.5, up),
            (0.66, up),
        (0.8, {"pitch": 120, "l_hip": 95, "l_knee": 30, "r_hip": -10, "lift": 168, "foot": 20}),
            (0.9, {"pitch": 55, "l_hip": 70, "l_knee": 45, "r_hip": 10, "lift": 130})]
    return Score(seconds=draw(2.6, 4.2), keys=keys, base=base, ground="body")


def cartwheel(draw: Draw) -> Score:
    wide = draw(25, 50)
    base: Key = {"flat": 0, "plane": 90, "elbow": 4, "lift": 155, "roll_arm": 10, "foot": 20}
    keys: list[tuple[float, Key]] = [
        (0.0, {"out": 10, "lift": 140}), (0.15, {"roll": 25, "l_out": wide, "l_knee": 25, "l_hip": 12, "lift": 160}),
            (0.32, {"roll": 105, "l_out": 30, "r_out": wide, "l_knee": 20, "lift": 165}),
        (0.5, {"roll": 182, "out": wide, "lift": 165}), (0.68, {"roll": 258, "l_out": wide, "r_out": 30, "r_knee": 15,
            "lift": 165}),
        (0.85, {"roll": 335, "r_out": wide, "r_knee": 25, "lift": 150}), (1.0, {"roll": 360, "out": 10, "lift": 140})]
    return Score(seconds=draw(1.7, 2.6), keys=keys, base=base, loop="repeat", ground="body")


def somersault(draw: Draw) -> Score:
    base: Key = {"flat": 0, "plane": 20}
    tuck: Key = {"bend": 50, "nod": 40, "hip": 125, "knee": 130, "lift": 60, "elbow": 60}
    keys: list[tuple[float, Key]] = [
        (0.0, {"lift": 60}), (0.18, {"pitch": 40, "bend": 30, "hip": 118, "knee": 125, "lift": 85, "nod": 20}),
            (0.34, {**tuck, "pitch": 110, "lift": 100, "hip": 95, "knee": 80}),
        (0.5, {**tuck, "pitch": 190}), (0.64, {**tuck, "pitch": 270}), (0.8,
            {"pitch": 365, "bend": 40, "hip": 130, "knee": 140, "lift": 75}), (1.0, {"pitch": 360, "lift": 60})]
    return Score(seconds=draw(1.6, 2.6), keys=keys, base=base, loop="repeat", ground="body")


def pull_up(draw: Draw) -> Score:
    wide, bar, top = draw(0.2, 0.36), 2.25, draw(0.34, 0.52)
    base: Key = {"grip": 1, "hand": (wide, bar, 0), "flat": 0, "foot": 35, "knee": draw(5, 90), "hip": draw(-8, 25),
        "lift": 150, "plane": 70, "elbow": 60, "out": draw(0, 6), "turn": 0, "roll_arm": 40}
    low: Key = {"y": bar - 1.1, "z": 0.0, "nod": -10}
    high: Key = {"y": bar - 1.1 + top, "z": -0.08, "pitch": draw(-8, 4), "nod": -15, "bend": -6}
    return Score(seconds=draw(1.6, 3.2), keys=[(0.0, low), (0.5, high), (0.56, high)],
                 base=base, ground="air", root="keyed", holds=HANDS)


def hang(draw: Draw) -> Score:
    swing, bar = draw(5, 30), 2.25
    base: Key = {"grip": 1, "hand": (draw(0.15, 0.35), bar, 0), "flat": 0, "foot": 35, "lift": 170, "plane": 60,
        "y": bar - 1.1, "turn": 0}
    keys: list[tuple[float, Key]] = [
        (0.0, {"pitch": -swing, "z": 0.9 * float(np.sin(np.deg2rad(swing))), "hip": draw(0, 90),
            "knee": draw(5, 80)}),
        (0.5, {"pitch": swing, "z": -0.9 * float(np.sin(np.deg2rad(swing))), "hip": -8, "knee": draw(5, 60)})]
    return Score(seconds=draw(1.4, 2.4), keys=keys, base=base, ground="air", root="keyed", holds=HANDS)


def bench_press(draw: Draw) -> Score:
    wide, bench = draw(0.28, 0.42), draw(0.44, 0.56)
    base: Key = {"y": bench, "pitch": -90, "step": 1, "foot_at": (draw(0.15, 0.32), 0.08, 0.36), "hip": 10, "out": 20,
        "grip": 1, "lift": 80, "plane": 60, "elbow": 60, "roll_arm": 30}
    low, high = {"hand": (wide, -0.16, 0.14)}, {"hand": (wide - 0.04, -0.06, 0.52)}
    return Score(seconds=draw(1.5, 3), keys=[(0.0, high), (0.1, high), (0.5, low)],
                 base=base, ground="air", root="keyed", holds={**FEET, "l_hand": "chest", "r_hand": "chest"})


def get_up(draw: Draw) -> Score:
    base: Key = {"flat": 0, "foot": 15, "plane": 40}
    lie: Key = {"pitch": -90, "lift": 30, "plane": 90, "knee": 5, "hip": 3}
    sit: Key = {"pitch": -25, "bend": 25, "hip": 80, "knee": 30, "lift": 35, "plane": 150, "elbow": 10}
    tuck: Key = {"pitch": 5, "bend": 35, "hip": 118, "knee": 138, "lift": 50, "plane": 30, "flat": 1}
    low: Key = {"pitch": 45, "bend": 20, "hip": 100, "knee": 85, "lift": 40, "plane": 10, "flat": 1}
    up: Key = {"flat": 1, "lift": 8, "look": draw(-30, 30)}
    return Score(seconds=draw(4, 7),
                 keys=[(0.0, lie), (0.08, lie), (0.22, sit), (0.33, tuck), (0.43, low), (0.52, up), (0.62, up),
                     (0.72, low), (0.8, tuck), (0.9, sit)],
                 base=base, ground="body")


def burpee(draw: Draw) -> Score:
    base: Key = {"plane": 10, "flat": 0}
    stand: Key = {"lift": draw(10, 150), "flat": 1}
    crouch: Key = {"pitch": 58, "bend": 25, "hip": 125, "knee": 130, "lift": 75, "elbow": 8, "nod": -20, "foot": -20}
    out: Key = {"pitch": 71, "hip": 2, "knee": 3, "lift": 72, "elbow": 6, "nod": -20, "foot": -8, "wrist": -60}
    return Score(seconds=draw(2.2, 3.8),
                 keys=[(0.0, stand), (0.2, crouch), (0.35, out), (0.55, out), (0.7, crouch),
                     (0.85, {**stand, "knee": 10})],
                 base=base, ground="body")


MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {
    "push_up": push_up, "plank": plank, "sit_up": sit_up, "bicycle": bicycle, "leg_raise": leg_raise,
        "bridge": bridge, "lie_side": lie_side, "lie_front": lie_front, "crawl": crawl,
    "all_fours": all_fours, "handstand": handstand, "cartwheel": cartwheel, "somersault": somersault,
        "pull_up": pull_up, "hang": hang, "bench_press": bench_press, "get_up": get_up,
    "burpee": burpee}
