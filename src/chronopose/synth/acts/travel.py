"""Getting about and up and down: walks, runs, stairs, ladders, jumps, chairs, squats."""

# A key pose reads best as one line, not with a line for each angle.
# fmt: off
from collections.abc import Callable
from typing import Final

from chronopose.synth.acts.everyday import FEET
from chronopose.synth.keyframes import Draw, Key, Score, Value


def walk(draw: Draw) -> Score:
    stride, swing = draw(0.75, 1.2), draw(0.3, 1.5)
    base: Key = {"bend": draw(-2, 8), "pitch": draw(0, 5), "lift": 4, "elbow": draw(10, 45), "plane": 0,
        "turn": draw(0, 10), "out": 2, "flat": 0}
    keys: list[tuple[float, Key]] = [
        (0.00, {"l_hip": 26 * stride, "l_knee": 4, "l_foot": -4, "r_hip": -12 * stride, "r_knee": 18, "r_foot": 14,
            "l_lift": -20 * swing, "r_lift": 22 * swing, "twist": 6 * swing, "yaw": -5}),
        (0.12, {"l_hip": 20 * stride, "l_knee": 16, "r_hip": -4, "r_knee": 48, "r_foot": 15, "l_lift": -12 * swing,
            "r_lift": 14 * swing}),
        (0.27, {"l_hip": 4, "l_knee": 7, "r_hip": 24 * stride, "r_knee": 60}),
        (0.40, {"l_hip": -8 * stride, "l_knee": 5, "r_hip": 30 * stride, "r_knee": 26, "r_foot": -4,
            "l_lift": 12 * swing, "r_lift": -10 * swing}),
    ]
    return Score(seconds=draw(0.95, 1.35), keys=keys, base=base, loop="mirror")


def run(draw: Draw) -> Score:
    stride, swing = draw(0.7, 1.25), draw(0.6, 1.2)
    base: Key = {"bend": draw(2, 12), "pitch": draw(4, 14), "elbow": draw(75, 110), "plane": 8, "lift": 10, "out": 1,
        "turn": 3, "flat": 0, "nod": -8}
    keys: list[tuple[float, Key]] = [
        (0.00, {"l_hip": 40 * stride, "l_knee": 22, "l_foot": -2, "r_hip": -8, "r_knee": 85 * stride, "r_foot": 20,
            "l_lift": -42 * swing, "r_lift": 38 * swing, "twist": 10 * swing, "yaw": -6}),
        (0.15, {"l_hip": 14, "l_knee": 38, "r_hip": 28 * stride, "r_knee": 112 * stride, "l_lift": -8, "r_lift": 8}),
        (0.32, {"l_hip": -24 * stride, "l_knee": 14, "l_foot": 26, "r_hip": 58 * stride, "r_knee": 85,
            "l_lift": 34 * swing, "r_lift": -36 * swing, "hop": 0}),
        (0.42, {"l_hip": -20 * stride, "l_knee": 40, "l_foot": 26, "r_hip": 54 * stride, "r_knee": 50,
            "hop": draw(0.03, 0.1)}),
    ]
    return Score(seconds=draw(0.55, 0.8), keys=keys, base=base, loop="mirror")


def climb_stairs(draw: Draw) -> Score:
    high = draw(0.8, 1.25)
    base: Key = {"bend": draw(4, 14), "pitch": draw(2, 12), "lift": 10, "plane": 5, "elbow": draw(20, 70), "nod": 8,
        "flat": 1}
    keys: list[tuple[float, Key]] = [
        (0.00, {"l_hip": 62 * high, "l_knee": 70 * high, "r_hip": 0, "r_knee": 6, "l_lift": -15, "r_lift": 25}),
        (0.18, {"l_hip": 52 * high, "l_knee": 60 * high, "r_hip": -12, "r_knee": 22, "r_flat": 0.3}),
        (0.36, {"l_hip": 18, "l_knee": 22, "r_hip": 30 * high, "r_knee": 85 * high, "r_flat": 0.4}),
    ]
    return Score(seconds=draw(1.1, 1.9), keys=keys, base=base, loop="mirror")


def climb_ladder(draw: Draw) -> Score:
    rung, near = draw(0.28, 0.36), draw(0.3, 0.42)
    low, high = 1.55, 1.55 + 2 * rung
    base: Key = {"y": 1.0, "pitch": draw(0, 12), "nod": -20, "grip": 1, "step": 1, "lift": 120, "plane": 30,
        "elbow": 50, "hip": 50, "knee": 60, "turn": 15, "out": 10}
    keys: list[tuple[float, Key]] = [
        (0.0, {"l_hand": (0.2, high, near), "r_hand": (-0.2, low + 0.05, near), "l_foot_at": (0.12, 0.1, 0.22),
            "r_foot_at": (-0.12, 0.1 + 2 * rung, 0.24), "y": 0.93}),
        (0.25, {"l_hand": (0.2, low + rung, near), "r_hand": (-0.2, low + 1.2 * rung, near - 0.08),
            "l_foot_at": (0.12, 0.1 + rung, 0.12), "r_foot_at": (-0.12, 0.1 + rung, 0.24)}),
    ]
    return Score(seconds=draw(1.4, 2.6), keys=keys,
                 base=base, loop="mirror", ground="air", root="keyed", holds={**FEET, "l_hand": "world",
                     "r_hand": "world"})


def sidestep(draw: Draw) -> Score:
    wide = draw(0.6, 1.3)
    base: Key = {"lift": draw(20, 60), "plane": draw(20, 90), "elbow": draw(40, 110), "bend": draw(5, 20)}
    keys: list[tuple[float, Key]] = [
        (0.0, {"out": 4, "knee": 12, "hip": 8}), (0.3, {"l_out": 24 * wide, "l_hip": 20, "l_knee": 25, "r_out": 6,
            "knee": 20, "hip": 14}),
        (0.5, {"out": 20 * wide, "knee": 18, "hip": 12}), (0.75, {"l_out": 10, "r_hip": 25, "r_knee": 45, "r_out": 12,
            "l_knee": 15, "l_hip": 12})]
    return Score(seconds=draw(0.7, 1.4), keys=keys, base=base)


def jump(draw: Draw) -> Score:
    deep, high = draw(0.6, 1.2), draw(0.15, 0.5)
    base: Key = {"plane": draw(0, 30), "flat": 1}
    keys: list[tuple[float, Key]] = [
        (0.0, {}), (0.25, {"hip": 75 * deep, "knee": 85 * deep, "pitch": 30 * deep, "bend": 10, "lift": -45,
            "elbow": 10}),
        (0.38, {"lift": 110, "knee": 5, "flat": 0, "foot": 30, "hop": 0.0, "elbow": 20}),
        (0.52, {"lift": 150, "hip": draw(5, 70), "knee": draw(20, 100), "flat": 0, "foot": 25, "hop": high,
            "elbow": 25}),
        (0.66, {"hip": 22, "knee": 20, "flat": 0, "foot": 10, "lift": 80}),
            (0.78, {"hip": 60 * deep, "knee": 70 * deep, "pitch": 25, "lift": 30, "elbow": 30})]
    return Score(seconds=draw(1.2, 2.0), keys=keys, base=base)


def jumping_jack(draw: Draw) -> Score:
    wide, top = draw(14, 32), draw(125, 172)
    base: Key = {"plane": 90, "elbow": draw(4, 35), "turn": 8, "roll_arm": 20}
    keys: list[tuple[float, Key]] = [
        (0.0, {"lift": 10, "out": 3, "knee": 14, "hip": 8}), (0.25, {"lift": top / 2, "out": wide / 2, "hop": 0.08,
            "flat": 0, "foot": 25}),
        (0.5, {"lift": top, "out": wide, "knee": 14, "hip": 8}), (0.75, {"lift": top / 2, "out": wide / 2,
            "hop": 0.08, "flat": 0, "foot": 25})]
    return Score(seconds=draw(0.8, 1.4), keys=keys, base=base)


def jump_rope(draw: Draw) -> Score:
    base: Key = {"lift": draw(18, 35), "plane": 80, "elbow": draw(60, 90), "roll_arm": draw(10, 45), "nod": 5}
    keys: list[tuple[float, Key]] = [(0.0, {"knee": 25, "hip": 14, "wrist": 20}),
        (0.4, {"hop": draw(0.05, 0.14), "flat": 0, "foot": 25, "knee": 12, "wrist": -20}),
                                     (0.75, {"knee": 12, "hip": 6, "flat": 0, "foot": 15})]
    return Score(seconds=draw(0.4, 0.7), keys=keys, base=base)


def march(draw: Draw) -> Score:
    high = draw(0.6, 1.15)
    base: Key = {"elbow": draw(10, 90), "plane": 10}
    keys: list[tuple[float, Key]] = [(0.0, {"l_hip": 85 * high, "l_knee": 90 * high, "l_flat": 0, "l_lift": -25,
        "r_lift": 45}), (0.25, {"l_hip": 15, "l_knee": 18})]
    return Score(seconds=draw(0.8, 1.4), keys=keys, base=base, loop="mirror")


def stand_up(draw: Draw) -> Score:
    seat, lean, apart = draw(0.47, 0.6), draw(28, 48), draw(0.08, 0.2)
    base: Key = {"step": 1, "foot_at": (apart, 0.08, 0.33), "hip": 80, "turn": 12, "out": 5, "lift": 18, "plane": 25,
        "elbow": 45}
    keys: list[tuple[float, Key]] = [
        (0.0, {"y": seat, "z": 0.0, "pitch": draw(-8, 5), "bend": 8}), (0.15,
            {"y": seat, "z": 0.02, "pitch": lean, "bend": 15, "lift": 45, "elbow": 30}),
        (0.3, {"y": 0.72, "z": 0.17, "pitch": lean, "bend": 12, "lift": 40, "elbow": 25}),
            (0.43, {"y": 0.905, "z": 0.31, "bend": 2, "lift": 8, "elbow": 15}),
        (0.57, {"y": 0.905, "z": 0.31, "bend": 2, "lift": 8, "elbow": 15, "look": draw(-30, 30)}),
            (0.75, {"y": 0.7, "z": 0.14, "pitch": lean, "bend": 12, "lift": 35}),
        (0.88, {"y": seat, "z": 0.0, "pitch": 15, "bend": 10})]
    return Score(seconds=draw(2.8, 5), keys=keys, base=base, root="keyed", holds=FEET)


def squat(draw: Draw) -> Score:
    low, wide = draw(0.4, 0.62), draw(0.12, 0.26)
    base: Key = {"step": 1, "foot_at": (wide, 0.08, 0), "hip": 60, "turn": draw(10, 30), "out": 10, "y": 0.9}
    arms: Key = ({"lift": 90, "plane": 5, "elbow": 5}, {"lift": 50, "plane": 85, "elbow": 145, "roll_arm": 75},
        {"lift": 95, "plane": 88, "elbow": 135, "roll_arm": 90},
                 {"lift": 25, "plane": 20, "elbow": 130})[draw.one(4)]
    down: Key = {"y": low, "z": -0.2, "pitch": draw(25, 42), "bend": 4, "nod": -20, **arms}
    up: Key = {"y": 0.9, "z": -0.01, **(arms if draw.chance(0.6) else {})}
    return Score(seconds=draw(1.6, 3.2), keys=[(0.0, up), (0.15, up), (0.5, down), (0.6, down)],
                 base=base, root="keyed", holds=FEET)


def lunge(draw: Draw) -> Score:
    deep = draw(0.7, 1.05)
    base: Key = {**({"lift": 34, "plane": 100, "elbow": 105, "roll_arm": -62} if draw.chance(0.5) else {"lift":
        draw(5, 90), "plane": 40, "elbow": draw(10, 100)})}
    keys: list[tuple[float, Key]] = [(0.0, {"flat": 1}), (0.1, {"l_hip": 50, "l_knee": 60, "l_flat": 0}),
                                     (0.22, {"l_hip": 92 * deep, "l_knee": 88 * deep, "r_hip": -14,
                                         "r_knee": 82 * deep, "r_flat": 0, "r_foot": -25, "pitch": 5}),
                                     (0.34, {"l_hip": 86 * deep, "l_knee": 80 * deep, "r_hip": -12,
                                         "r_knee": 72 * deep, "r_flat": 0, "r_foot": -25})]
    return Score(seconds=draw(2.4, 4.4), keys=keys, base=base, loop="mirror")


def pick_up(draw: Draw) -> Score:
    way, apart = draw.chance(0.5), draw(0.1, 0.24)
    base: dict[str, Value] = {"step": 1, "foot_at": (apart, 0.08, 0), "hip": 60, "turn": 12, "y": 0.9, "lift": 15,
        "elbow": 20, "plane": 10}
    down: Key = ({"y": 0.82, "z": -0.16, "pitch": draw(62, 85), "bend": draw(20, 45), "lift": 95,
        "elbow": 8} if way else
                 {"y": draw(0.38, 0.5), "z": -0.16, "pitch": draw(35, 50), "bend": 25, "lift": 55, "elbow": 15})
    if draw.chance(0.4):
        down = {**down, "l_lift": 25, "l_elbow": 60, "twist": 18}
    mid: Key = {"y": 0.78, "z": -0.12, "pitch": 35, "bend": 15, "lift": 40, "elbow": 35}
    up: Key = {"y": 0.9, "z": 0, "bend": 3, "lift": draw(10, 40), "elbow": draw(20, 100), "look": draw(-25, 25)}
    return Score(seconds=draw(2.2, 4), keys=[(0.0, up), (0.25, mid), (0.4, down), (0.5, down), (0.7, mid),
        (0.85, up)],
                 base=base, root="keyed", holds=FEET)


def lift_weight(draw: Draw) -> Score:
    """A bar from the floor to the shoulders and above the head."""
    wide = draw(0.24, 0.38)
    base: Key = {"step": 1, "foot_at": (draw(0.12, 0.2), 0.08, 0), "hip": 60, "turn": 20, "y": 0.9, "grip": 1,
        "lift": 50, "plane": 60, "elbow": 60}
    floor: Key = {"y": 0.5, "z": -0.25, "pitch": 48, "nod": -25, "hand": (wide, 0.26, 0.12)}
    knees: Key = {"y": 0.76, "z": -0.16, "pitch": 38, "nod": -15, "hand": (wide, 0.62, 0.1)}
    rack: Key = {"y": draw(0.55, 0.88), "z": -0.05, "pitch": 8, "hand": (wide, 1.3, 0.17), "lift": 60, "plane": 20,
        "elbow": 140}
    over: Key = {"y": 0.9, "z": 0.0, "hand": (wide + 0.05, 1.95, 0.0), "lift": 160, "plane": 80, "elbow": 20}
    rise: Key = {"y": 0.9, "z": 0.0, "hand": (wide, 1.36, 0.17), "lift": 60, "plane": 20, "elbow": 140}
    keys = [(0.0, floor), (0.1, floor), (0.22, knees), (0.32, rack), (0.42, rise), (0.55, over), (0.68, over),
        (0.78, rise), (0.9, knees)]
    return Score(seconds=draw(4, 6.5), keys=keys,
                 base=base, root="keyed", holds={**FEET, "l_hand": "world", "r_hand": "world"})


def dance(draw: Draw) -> Score:
    def beat(side: float) -> Key:
        arms = {f"{s}_{n}": draw(*span) for s in "lr" for n, span in (("lift", (10, 160)), ("plane", (0, 110)),
            ("elbow", (5, 120)), ("roll_arm", (-50, 90)))}
        return {**arms, "roll": side * draw(0, 10), "side": -side * draw(0, 18), "twist": draw(-30, 30),
            "yaw": draw(-25, 25), "bend": draw(-5, 20), "hip": draw(5, 30), "knee": draw(10, 45),
            "l_out": draw(2, 18), "r_out": draw(2, 18),
                    ("l_hip" if side > 0 else "r_hip"): draw(10, 60),
                ("l_knee" if side > 0 else "r_knee"): draw(10, 80), "tilt": draw(-15, 15), "look": draw(-30, 30)}
    return Score(seconds=draw(1.6, 3.2), keys=[(0.25 * i, beat(1 - 2 * (i % 2))) for i in range(4)],
                 base={"turn": 15})


MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {
    "walk": walk, "run": run, "climb_stairs": climb_stairs, "climb_ladder": climb_ladder, "sidestep": sidestep,
        "jump": jump, "jumping_jack": jumping_jack,
    "jump_rope": jump_rope, "march": march, "stand_up": stand_up, "squat": squat, "lunge": lunge, "pick_up": pick_up,
        "lift_weight": lift_weight, "dance": dance}
