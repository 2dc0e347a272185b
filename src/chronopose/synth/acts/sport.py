"""Swings, throws, kicks and other sports."""

# A key pose reads best as one line, not with a line for each angle.
# fmt: off
from collections.abc import Callable
from typing import Final

from chronopose.synth.acts.everyday import FEET
from chronopose.synth.keyframes import Anchor, Draw, Key, Score, Value

GRIP: Final[dict[str, Anchor]] = {"l_hand": "chest", "r_hand": "chest"}


def _both(x: float, y: float, z: float) -> dict[str, Value]:
    """Both wrists at one handle, in the axes of the chest."""
    return {"l_hand": (x + 0.02, y - 0.03, z), "r_hand": (x - 0.02, y + 0.04, z)}


def golf(draw: Draw) -> Score:
    wide, lean = draw(0.16, 0.26), draw(24, 36)
    base: Key = {"step": 1, "foot_at": (wide, 0.08, 0), "y": 0.87, "z": -0.1, "pitch": lean, "bend": 10, "grip": 1,
        "hip": 20, "turn": 15, "lift": 40, "plane": 0, "elbow": 10}
    start: Key = {**_both(0.0, -0.42, 0.3), "nod": 8}
    top: Key = {**_both(-0.26, 0.16, 0.16), "twist": -62, "yaw": -28, "look": 55, "x": -0.04, "r_lift": 60,
        "r_elbow": 90}
    hit: Key = {**_both(0.04, -0.42, 0.28), "twist": -5, "yaw": 22, "x": 0.06, "nod": 12, "look": -15}
    end: Key = {**_both(0.24, 0.14, 0.1), "twist": 62, "yaw": 62, "pitch": 2, "bend": -8, "x": 0.14, "z": 0, "y": 0.9,
        "r_step": 0.6, "r_hip": -5, "r_knee": 35, "r_flat": 0, "r_foot": 30, "l_elbow": 90}
    return Score(seconds=draw(2.6, 4.2),
                 keys=[(0.0, start), (0.15, start), (0.38, top), (0.47, hit), (0.6, end), (0.75, end)],
                 base=base, root="keyed", holds={**FEET, **GRIP})


def baseball_bat(draw: Draw) -> Score:
    """Stands side-on: the ball comes from the left."""
    wide = draw(0.22, 0.36)
    base: Key = {"step": 1, "foot_at": (wide, 0.08, 0), "y": 0.83, "z": -0.03, "pitch": 12, "bend": 8, "grip": 1,
        "hip": 25, "turn": 12, "lift": 60, "plane": 20, "elbow": 80, "look": 60}
    ready: Key = {**_both(-0.16, 0.02, 0.18), "x": -0.06, "twist": -15}
    load: Key = {**_both(-0.24, 0.06, 0.12), "x": -0.1, "twist": -32, "yaw": -8,
        "l_foot_at": (wide - 0.08, 0.2, 0.05), "look": 68}
    hit: Key = {**_both(0.1, -0.14, 0.4), "x": 0.08, "yaw": 45, "twist": 22, "r_flat": 0, "r_foot": 30, "look": 15}
    end: Key = {**_both(0.26, 0.12, 0.1), "x": 0.1, "yaw": 65, "twist": 58, "r_flat": 0, "r_step": 0.7, "r_knee": 40,
        "r_foot": 30, "look": 10}
    return Score(seconds=draw(1.8, 3.2),
                 keys=[(0.0, ready), (0.2, ready), (0.38, load), (0.5, hit), (0.6, end), (0.72, end)],
                 base=base, root="keyed", holds={**FEET, **GRIP})


def baseball_pitch(draw: Draw) -> Score:
    base: Key = {"plane": 20, "flat": 1, "elbow": 60, "lift": 40, "look": 0}
    set_: Key = {"yaw": -75, "look": 65, "lift": 45, "plane": -10, "elbow": 115}
    high: Key = {"yaw": -85, "look": 70, "l_hip": draw(85, 110), "l_knee": draw(90, 110), "l_flat": 0, "lift": 40,
        "elbow": 110, "bend": 12, "r_knee": 12, "r_hip": 8}
    stride: Key = {"yaw": -65, "look": 55, "l_out": 42, "l_hip": 20, "l_knee": 15, "r_out": 25, "r_hip": 18,
        "r_knee": 40, "l_lift": 85, "l_plane": 80, "l_elbow": 15, "r_lift": 85, "r_plane": 115, "r_elbow": 70,
        "r_roll_arm": 30}
    cock: Key = {"yaw": -15, "twist": -12, "l_hip": 55, "l_knee": 40, "r_hip": -25, "r_knee": 40, "r_flat": 0,
        "r_foot": 20, "l_lift": 60, "l_plane": 60, "l_elbow": 80, "r_lift": 95, "r_plane": 98, "r_elbow": 95,
        "r_roll_arm": 130, "bend": -8}
    release: Key = {"yaw": 12, "twist": 18, "bend": 22, "pitch": 15, "l_hip": 65, "l_knee": 35, "r_hip": -28,
        "r_knee": 45, "r_flat": 0, "r_foot": 30, "l_lift": 30, "l_elbow": 110, "r_lift": 115, "r_plane": 45,
        "r_elbow": 20, "r_roll_arm": 60}
    follow: Key = {"yaw": 25, "twist": 30, "bend": 40, "pitch": 40, "l_hip": 85, "l_knee": 30, "r_hip": -5,
        "r_knee": 55, "r_flat": 0, "r_foot": 30, "r_lift": 55, "r_plane": -40, "r_elbow": 25, "l_lift": 30,
        "l_plane": 100, "nod": -25}
    return Score(seconds=draw(2.4, 3.6),
                 keys=[(0.0, set_), (0.1, set_), (0.25, high), (0.42, stride), (0.5, cock), (0.56, release),
                     (0.66, follow), (0.76, follow)],
                 base=base)


def throw(draw: Draw) -> Score:
    base: Key = {"elbow": 30, "bend": 4}
    back: Key = {"yaw": -35, "twist": -30, "look": 40, "r_lift": draw(85, 120), "r_plane": 105,
        "r_elbow": draw(80, 115), "r_roll_arm": draw(70, 130), "l_lift": 80, "l_plane": 35, "l_elbow": 15,
        "l_hip": 25, "l_knee": 15, "r_knee": 18}
    out: Key = {"yaw": 12, "twist": 25, "bend": 15, "r_lift": draw(100, 130), "r_plane": 20, "r_elbow": 10,
        "r_roll_arm": 40, "l_lift": 30, "l_elbow": 80, "l_hip": 40, "l_knee": 25, "r_hip": -20, "r_knee": 15,
        "r_flat": 0, "r_foot": 20}
    down: Key = {"yaw": 18, "twist": 28, "bend": 28, "r_lift": 45, "r_plane": -25, "r_elbow": 15, "l_hip": 35,
        "l_knee": 25, "r_hip": -15, "r_knee": 20, "r_flat": 0.2}
    return Score(seconds=draw(1.4, 2.4),
                 keys=[(0.0, {"r_elbow": 90, "r_lift": 30}), (0.3, back), (0.45, out), (0.58, down), (0.8, {})],
                 base=base)


def tennis_serve(draw: Draw) -> Score:
    base: Key = {"flat": 1, "yaw": -50, "look": 35, "l_hip": 12, "r_hip": -6}
    toss: Key = {"l_lift": 155, "l_plane": 15, "l_elbow": 5, "r_lift": 60, "r_plane": 110, "r_elbow": 60,
        "r_roll_arm": 40, "nod": -30, "bend": -8, "knee": 25, "hip": 15}
    trophy: Key = {"l_lift": 160, "l_plane": 20, "r_lift": 95, "r_plane": 100, "r_elbow": 115, "r_roll_arm": 100,
        "nod": -38, "bend": -15, "knee": 45, "hip": 20, "side": 12}
    hit: Key = {"yaw": -5, "l_lift": 30, "l_elbow": 100, "r_lift": 165, "r_plane": 60, "r_elbow": 6, "nod": -25,
        "hop": draw(0, 0.15), "flat": 0, "foot": 30, "side": 15, "bend": 0}
    end: Key = {"yaw": 25, "twist": 20, "bend": 35, "pitch": 20, "l_hip": 40, "l_knee": 30, "r_hip": -15,
        "r_knee": 40, "r_flat": 0, "r_lift": 50, "r_plane": -40, "r_elbow": 20, "l_lift": 30, "l_elbow": 90,
        "look": 0}
    start: Key = {"lift": 45, "plane": 0, "elbow": 60, "nod": 5}
    return Score(seconds=draw(2.4, 3.6),
                 keys=[(0.0, start), (0.12, start), (0.32, toss), (0.42, trophy), (0.52, hit), (0.65, end),
                     (0.78, end)],
                 base=base)


def tennis_stroke(draw: Draw) -> Score:
    two = draw.chance(0.4)
    base: Key = {"out": draw(12, 22), "knee": 25, "hip": 18, "bend": 10, "pitch": 6, "elbow": 60, "lift": 35,
        "plane": 20, "turn": 15}
    if two:  # both hands, from the left
        back: Key = {**_both(0.24, -0.2, 0.2), "twist": 48, "yaw": 25, "look": -55, "grip": 1}
        hit: Key = {**_both(0.0, -0.15, 0.45), "twist": -5, "yaw": -5, "look": 0, "grip": 1, "r_knee": 40}
        end: Key = {**_both(-0.22, 0.12, 0.18), "twist": -42, "yaw": -20, "look": 30, "grip": 1}
        ready: Key = {**_both(0.0, -0.28, 0.35), "grip": 1}
        return Score(seconds=draw(1.5, 2.6), keys=[(0.0, ready), (0.15, ready), (0.38, back), (0.5, hit),
            (0.64, end)],
                     base=base, holds=GRIP)
    ready = {"lift": 35, "elbow": 80, "plane": 0}
    back = {"yaw": -35, "twist": -40, "look": 55, "r_lift": draw(60, 90), "r_plane": 120, "r_elbow": 45,
        "r_roll_arm": 50, "l_lift": 75, "l_plane": 25, "l_elbow": 25, "l_hip": 35}
    hit = {"yaw": 0, "twist": 5, "r_lift": draw(60, 85), "r_plane": 55, "r_elbow": 20, "l_lift": 50, "l_elbow": 80,
        "l_hip": 40, "l_knee": 40, "r_hip": -5}
    end = {"yaw": 28, "twist": 45, "look": -50, "r_lift": 100, "r_plane": -35, "r_elbow": 95, "r_roll_arm": 10,
        "l_lift": 40, "l_elbow": 100, "r_flat": 0.2, "r_hip": -12}
    return Score(seconds=draw(1.5, 2.6), keys=[(0.0, ready), (0.15, ready), (0.38, back), (0.5, hit), (0.64, end)],
                 base=base)


def bowling(draw: Draw) -> Score:
    base: Key = {"elbow": 10, "flat": 0.7}
    hold: Key = {"lift": 25, "plane": 10, "elbow": 105, "pitch": 8}
    back: Key = {"pitch": 30, "bend": 10, "r_lift": -65, "r_plane": 0, "r_elbow": 4, "l_lift": 60, "l_plane": 80,
        "r_hip": 45, "r_knee": 50, "l_hip": 5, "l_knee": 25}
    slide: Key = {"pitch": 42, "bend": 15, "nod": -30, "r_lift": 25, "r_plane": 0, "r_elbow": 4, "l_lift": 75,
        "l_plane": 95, "l_hip": 105, "l_knee": 88, "l_flat": 1, "r_hip": -5, "r_out": -15, "r_knee": 28, "r_flat": 0,
        "r_foot": 20}
    end: Key = {**slide, "r_lift": draw(95, 140), "r_elbow": 30, "pitch": 32}
    return Score(seconds=draw(2.2, 3.4),
                 keys=[(0.0, hold), (0.15, hold), (0.4, back), (0.55, slide), (0.66, end), (0.8, end)],
                 base=base)


def kick_ball(draw: Draw) -> Score:
    power = draw(0.6, 1.15)
    base: Key = {"elbow": 25, "lift": 25, "plane": 70}
    back: Key = {"pitch": 4, "bend": 5, "twist": 18, "r_hip": -32 * power, "r_knee": 88 * power, "r_flat": 0,
        "r_foot": 30, "l_hip": 12, "l_knee": 22, "l_lift": 70, "l_plane": 75, "r_lift": 45, "r_plane": 120,
        "yaw": -18}
    hit: Key = {"pitch": -4, "bend": 12, "twist": -8, "r_hip": 32, "r_knee": 22, "r_flat": 0, "r_foot": 45,
        "l_hip": 2, "l_knee": 18, "l_lift": 50, "nod": 18}
    end: Key = {"pitch": -14, "bend": 18, "twist": -18, "r_hip": 85 * power, "r_knee": 10, "r_out": -6, "r_flat": 0,
        "r_foot": 40, "l_hip": -10, "l_knee": 10, "l_lift": 45, "l_plane": 20, "r_lift": 50, "r_plane": 110}
    step: Key = {"l_hip": 28, "l_knee": 12, "r_hip": -16, "r_knee": 25, "r_flat": 0, "r_foot": 15, "pitch": 6}
    return Score(seconds=draw(1.3, 2.2),
                 keys=[(0.0, {}), (0.2, step), (0.38, back), (0.5, hit), (0.62, end),
                     (0.82, {"r_hip": 30, "r_knee": 25})],
                 base=base)


def karate_kick(draw: Draw) -> Score:
    high, side = draw(60, 115), draw.chance(0.5)
    base: Key = {"l_lift": 40, "l_plane": 20, "l_elbow": 105, "r_lift": 35, "r_plane": 25, "r_elbow": 110, "knee": 12,
        "out": 8}
    if side:
        chamber: Key = {"r_out": 45, "r_hip": 60, "r_knee": 125, "r_flat": 0, "roll": 12, "l_turn": 40}
        out: Key = {"r_out": high * 0.85, "r_hip": 15, "r_knee": 5, "r_flat": 0, "roll": 35, "l_turn": 60, "side": 5,
            "tilt": -20}
    else:
        chamber = {"r_hip": 95, "r_knee": 115, "r_flat": 0, "bend": 8, "r_foot": 20}
        out = {"r_hip": high, "r_knee": 5, "r_flat": 0, "pitch": -18, "bend": 10, "r_foot": 30, "l_knee": 12}
    return Score(seconds=draw(1.1, 2.0),
                 keys=[(0.0, {}), (0.2, {}), (0.38, chamber), (0.5, out), (0.6, chamber), (0.8, {})],
                 base=base)


def boxing(draw: Draw) -> Score:
    base: Key = {"lift": 38, "plane": 15, "elbow": 125, "roll_arm": -5, "l_hip": 22, "r_hip": -8, "knee": 18,
        "r_flat": 0.5, "bend": 10, "nod": 8, "out": 6, "yaw": -25, "look": 20}
    jab: Key = {"l_lift": 88, "l_plane": -8, "l_elbow": 5, "twist": -15}
    cross: Key = {"r_lift": 88, "r_plane": -15, "r_elbow": 6, "twist": 45, "yaw": -5, "r_flat": 0, "r_foot": 25,
        "look": -20}
    hook: Key = {"l_lift": 82, "l_plane": 30, "l_elbow": 90, "l_roll_arm": 0, "twist": -35}
    upper: Key = {"r_lift": 60, "r_plane": 0, "r_elbow": 100, "twist": 35, "knee": 25, "side": -8}
    hits = (jab, cross, hook, upper)
    first, second = hits[draw.one(4)], hits[draw.one(4)]
    return Score(seconds=draw(1.0, 2.0),
                 keys=[(0.0, {}), (0.14, {}), (0.28, first), (0.45, {}), (0.6, second), (0.78, {"knee": 25})],
                 base=base)


def basketball_shot(draw: Draw) -> Score:
    base: Key = {"plane": 5, "flat": 1, "elbow": 60}
    low: Key = {"hip": 45, "knee": 55, "pitch": 18, "lift": 25, "elbow": 95}
    face: Key = {"lift": 95, "elbow": 115, "hip": 20, "knee": 28, "nod": -10, "r_wrist": -40}
    out: Key = {"lift": 150, "elbow": 12, "hop": draw(0.0, 0.35), "flat": 0, "foot": 30, "nod": -15, "r_wrist": 50,
        "l_elbow": 35}
    return Score(seconds=draw(1.5, 2.4),
                 keys=[(0.0, low), (0.15, low), (0.38, face), (0.52, out), (0.62, {**out, "hop": 0.0, "knee": 15}),
                     (0.8, {"lift": 60})],
                 base=base)


def dribble(draw: Draw) -> Score:
    base: Key = {"hip": draw(15, 45), "knee": draw(25, 60), "pitch": draw(10, 28), "out": draw(6, 18), "l_lift": 35,
        "l_plane": 45, "l_elbow": 80, "r_plane": 35, "nod": -10}
    return Score(seconds=draw(0.5, 0.9),
                 keys=[(0.0, {"r_lift": 45, "r_elbow": 75, "r_wrist": 5}),
                     (0.5, {"r_lift": 30, "r_elbow": 35, "r_wrist": 35, "yaw": 6})],
                 base=base)


def volleyball(draw: Draw) -> Score:
    if draw.chance(0.5):  # dig
        base: Key = {"grip": 1, "lift": 55, "plane": 0, "elbow": 5, "out": 14, "turn": 10}
        low: Key = {**_both(0, -0.36, 0.4), "hip": 75, "knee": 85, "pitch": 28}
        return Score(seconds=draw(1.2, 2),
                     keys=[(0.0, low), (0.5, {**_both(0, -0.1, 0.5), "hip": 40, "knee": 45, "pitch": 14})],
                     base=base, holds=GRIP)
    high = draw(0.2, 0.5)
    keys: list[tuple[float, Key]] = [
        (0.0, {"hip": 60, "knee": 70, "pitch": 25, "lift": -40}), (0.25,
            {"lift": 120, "flat": 0, "foot": 30, "knee": 8}),
        (0.42, {"hop": high, "l_lift": 130, "l_plane": 20, "r_lift": 130, "r_plane": 95, "r_elbow": 100,
            "r_roll_arm": 100, "bend": -15, "knee": 50, "twist": -20, "flat": 0, "foot": 30}),
        (0.54, {"hop": high, "l_lift": 60, "r_lift": 155, "r_plane": 20, "r_elbow": 10, "bend": 12, "knee": 35,
            "twist": 15, "flat": 0, "foot": 30}),
        (0.72, {"r_lift": 45, "flat": 0, "foot": 15, "hip": 15, "knee": 20}),
            (0.84, {"hip": 45, "knee": 55, "pitch": 20, "lift": 25})]
    return Score(seconds=draw(1.4, 2.2), keys=keys, base={"plane": 10, "elbow": 25})


def catch(draw: Draw) -> Score:
    up, x = draw(-0.2, 0.45), draw(-0.2, 0.2)
    base: Key = {"grip": 1, "lift": 60, "plane": 20, "elbow": 60, "knee": 15, "hip": 10, "out": 8}
    ready: Key = {"hand": (0.12, -0.3, 0.3)}
    out: Key = {"l_hand": (x + 0.07, up, 0.42), "r_hand": (x - 0.07, up, 0.42), "look": x * 80, "nod": -up * 40}
    return Score(seconds=draw(1.0, 2.0),
                 keys=[(0.0, ready), (0.2, ready), (0.45, out), (0.6, {"hand": (0.07, -0.25, 0.22), "knee": 25,
                     "hip": 20})],
                 base=base, holds=GRIP)


def push(draw: Draw) -> Score:
    """Against something heavy."""
    lean = draw(15, 42)
    base: Key = {"pitch": lean, "lift": 85, "plane": 5, "wrist": -60, "flat": 0.6, "nod": -10}
    keys: list[tuple[float, Key]] = [(0.0, {"l_hip": 70, "l_knee": 55, "r_hip": -14, "r_knee": 10, "r_flat": 0,
        "r_foot": 15, "elbow": 25}), (0.25, {"l_hip": 30, "l_knee": 35, "r_hip": 40, "r_knee": 75, "elbow": 45})]
    return Score(seconds=draw(1.2, 2.4), keys=keys, base=base, loop="mirror")


def pull_rope(draw: Draw) -> Score:
    base: Key = {"grip": 1, "pitch": draw(-28, -8), "l_hip": 45, "r_hip": 10, "l_knee": 25, "r_knee": 50, "elbow": 60,
        "lift": 50, "plane": 20, "bend": 10}
    far: Key = {**_both(0, -0.2, 0.48), "bend": 22}
    return Score(seconds=draw(1.0, 2.0), keys=[(0.0, far), (0.5, {**_both(0, -0.28, 0.2), "bend": 0, "r_knee": 65})],
                 base=base, holds=GRIP)


def cycle(draw: Draw) -> Score:
    lean, seat = draw(15, 55), draw(0.9, 0.98)
    base: Key = {"y": seat, "pitch": lean, "bend": draw(5, 20), "nod": -lean / 2, "step": 1, "grip": 1, "hip": 60,
        "turn": 0, "out": 0, "flat": 0.8, "hand": (draw(0.16, 0.28), seat + draw(-0.02, 0.1), 0.62), "lift": 70,
        "plane": 20, "elbow": 25}
    low, up, size = seat - 0.78, 0.25, 0.17
    keys: list[tuple[float, Key]] = [(0.0, {"l_foot_at": (0.1, low + up + size, up),
        "r_foot_at": (-0.1, low + up - size, up)}), (0.25, {"l_foot_at": (0.1, low + up, up + size),
        "r_foot_at": (-0.1, low + up, up - size)})]
    return Score(seconds=draw(0.7, 1.5), keys=keys,
                 base=base, loop="mirror", ground="air", root="keyed", holds={**FEET, "l_hand": "world",
                     "r_hand": "world"})


def board(draw: Draw) -> Score:
    """Skateboard, surf or skis: knees bent, arms out."""
    base: Key = {"y": draw(0.55, 0.8), "step": 1, "foot_at": (draw(0.2, 0.4), 0.08, 0), "hip": 50, "turn": 10,
        "pitch": draw(10, 35), "bend": 10, "plane": draw(60, 95), "look": draw(20, 75), "elbow": draw(10, 60)}
    keys: list[tuple[float, Key]] = [(0.0, {"l_lift": draw(30, 100), "r_lift": draw(20, 80), "x": 0.06}),
        (0.35, {"twist": draw(-30, 30), "l_lift": draw(20, 80), "r_lift": draw(30, 110), "roll": draw(-12, 12)}),
                                     (0.7, {"x": -0.06, "side": draw(-15, 15), "lift": draw(20, 90)})]
    return Score(seconds=draw(1.5, 3), keys=keys, base=base, root="keyed", holds=FEET)


def row(draw: Draw) -> Score:
    base: Key = {"y": 0.12, "step": 1, "foot_at": (0.1, 0.15, 0.75), "hip": 80, "flat": 0, "grip": 1, "lift": 60,
        "plane": 20, "elbow": 50, "turn": 0}
    near: Key = {"z": 0.32, "pitch": 22, "bend": 15, "hand": (0.1, -0.22, 0.48)}
    far: Key = {"z": 0.0, "pitch": -24, "bend": 5, "hand": (0.12, -0.3, 0.16), "elbow": 110, "plane": 60}
    return Score(seconds=draw(1.5, 2.8),
                 keys=[(0.0, near), (0.35, {**near, "z": 0.08, "pitch": -8}), (0.5, far),
                     (0.75, {**near, "z": 0.12, "pitch": 12})],
                 base=base, ground="body", root="keyed", holds={**FEET, **GRIP})


def fence(draw: Draw) -> Score:
    base: Key = {"yaw": 0, "l_hip": 30, "l_knee": 30, "l_turn": 0, "r_turn": 55, "r_out": 25, "r_knee": 25,
        "l_lift": 55, "l_plane": 20, "l_elbow": 70, "r_lift": 80, "r_plane": 120, "r_elbow": 80, "r_roll_arm": 60}
    out: Key = {"l_hip": 82, "l_knee": 70, "r_out": 38, "r_hip": -12, "r_knee": 4, "l_lift": 90, "l_plane": 0,
        "l_elbow": 4, "r_lift": 50, "r_plane": 140, "r_elbow": 8}
    return Score(seconds=draw(1.4, 2.6), keys=[(0.0, {}), (0.3, {"l_hip": 36}), (0.5, out), (0.62, out)], base=base)


MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {
    "golf": golf, "baseball_bat": baseball_bat, "baseball_pitch": baseball_pitch, "throw": throw,
        "tennis_serve": tennis_serve, "tennis_stroke": tennis_stroke, "bowling": bowling,
    "kick_ball": kick_ball, "karate_kick": karate_kick, "boxing": boxing, "basketball_shot": basketball_shot,
        "dribble": dribble, "volleyball": volleyball, "catch": catch, "push": push,
    "pull_rope": pull_rope, "cycle": cycle, "board": board, "row": row, "fence": fence}
