"""Props of a clip: what stands, drifts or flies before the people, and what hands hold."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chronopose.synth import furniture
from chronopose.synth.furniture import Part, Thing
from chronopose.synth.setting import Prop, Texture
from chronopose.synth.swatches import Stuff, random_texture

Array = NDArray[np.float64]
Rng = np.random.Generator
Textures = Callable[[Rng, Stuff], Texture]

# Half of the things in front of a person cross it within 2 to 6 frames at 25 a second; a person is this wide.
_FAST, _CROSSING_S, _PERSON_M = 0.5, (0.08, 0.24), 0.6
# Room between the camera and a thing, and between a thing and the person.
_FROM_CAMERA_M, _FROM_PERSON_M = 0.5, 0.45
# The left hand at rest relative to its wrist: the middle of the palm, the way the fingers point, and the thumb's side.
_PALM_M = np.array([0.013, -0.087, 0.071])
_FINGERS, _THUMB = np.array([0.1, -0.6, 0.78]), np.array([-0.47, 0.66, 0.57])
# A scene may hold so many pieces, as each costs a draw call.
_MOST_PARTS = 40


def random_props(
    rng: Rng,
    positions: Array,
    centre: Array,
    times_s: Array,
    textures: Textures = random_texture,
    share: float = 1.0,
) -> tuple[Prop, ...]:
    """Things between the camera and the main person; half of them cross fast, the others stand or drift.

    A fast thing is before the person about the middle of the clip, so that what it hides there is seen a frame or two
    earlier or later.

    Args:
        rng: source of chance.
        positions: (N, 3) of the camera at each instant, world metres.
        centre: (N, 3) the middle of the main person, world metres.
        times_s: (N,) of the instants, seconds, ascending.
        textures: gives a small texture of some stuff.
        share: the chance that there are any.
    """
    if rng.random() >= share:
        return ()
    if rng.random() < _FAST:
        return _fast(rng, positions, centre, times_s, textures)
    made: list[Prop] = []
    for _ in range(rng.choice([1, 2, 3], p=[0.65, 0.25, 0.1])):
        drift = rng.uniform(0.1, 1.2) * rng.choice([-1, 1]) if rng.random() < 0.3 else 0.0
        made += _before(rng, positions, centre, times_s, textures, drift)
    return tuple(made[:_MOST_PARTS])


def random_scenery(
    rng: Rng, positions: Array, centre: Array, times_s: Array, textures: Textures = random_texture
) -> tuple[Prop, ...]:
    """One to three things that stand beside or behind the main person, as posts and chair legs resemble limbs.

    Takes what `random_props` takes.
    """
    middle = len(times_s) // 2
    away = centre[middle] - positions[middle]
    away = away * (1, 0, 1) / max(float(np.hypot(away[0], away[2])), 1e-6)
    made: list[Prop] = []
    for _ in range(rng.integers(1, 4)):
        aside = rng.choice([-1, 1]) * rng.uniform(0.6, 2.2)
        spot = centre[middle] + rng.uniform(0.2, 4.0) * away + aside * _sideways(away)
        made += _build(rng, _any(rng), _standing(spot, rng.uniform(0, 2 * np.pi, 1).repeat(len(times_s))), textures)
    return tuple(made[:_MOST_PARTS])


def random_handheld(rng: Rng, instants: int, textures: Textures = random_texture) -> tuple[Prop, ...]:
    """Something in a hand of person 0, or in both.

    The placements are for a frame at the rest position of the hand's bone with the world's axes at rest.

    Args:
        rng: source of chance.
        instants: how many the clip has.
        textures: gives a small texture of some stuff.
    """
    hands = ["wrist.L", "wrist.R"] if rng.random() < 0.15 else [str(rng.choice(["wrist.L", "wrist.R"]))]
    thing = furniture.HANDHELD[int(rng.integers(len(furniture.HANDHELD)))](rng)
    wag = np.eye(3) + rng.normal(0, 0.15, (3, 3))
    made: list[Prop] = []
    for hand in hands:
        mirror = np.array([1.0, 1, 1]) if hand.endswith("L") else np.array([-1.0, 1, 1])
        grip = np.eye(4)
        grip[:3, :3] = _axes(_FINGERS * mirror, _THUMB * mirror, wag)
        grip[:3, 3] = _PALM_M * mirror
        # The mirrored axes are right-handed too, so there x points out of the back of the hand.
        held = thing if hand.endswith("L") else tuple(replace(part, at=(-part.at[0], *part.at[1:])) for part in thing)
        made += _build(rng, held, np.broadcast_to(grip, (instants, 4, 4)), textures, hand)
    return tuple(made)


def _fast(rng: Rng, positions: Array, centre: Array, times_s: Array, textures: Textures) -> tuple[Prop, ...]:
    """A ball, a board, a vehicle or a swinging pole that is before the person for a few frames only."""
    middle = len(times_s) // 2
    share = _share(rng.uniform(0.35, 0.9), positions[middle], centre[middle])
    ray = centre - positions
    away = ray[middle] / np.linalg.norm(ray[middle])
    side = _sideways(away)
    up = np.cross(side, away)
    # On the line of sight wherever camera and person go, so that the crossing never fails.
    line = positions + share * ray
    when = times_s - times_s[middle] - np.clip(rng.normal(0, 0.04), -0.08, 0.08)  # (N,)
    lasts = rng.uniform(*_CROSSING_S)
    kind = str(rng.choice(["ball", "board", "vehicle", "pole"], p=[0.35, 0.25, 0.15, 0.25]))
    if kind == "pole":
        return _swing(rng, line, when, lasts, share, (side, up, -away), textures)
    frames = np.tile(np.eye(4), (len(times_s), 1, 1))
    if kind == "vehicle":
        thing: Thing = furniture.vehicle(rng)
        heading = float(rng.choice([-1, 1]))
        speed = heading * (_PERSON_M * share + thing[0].size[0]) / lasts
        frames[:, :3, :3] = _upright(np.full(len(times_s), np.arctan2(-away[0], -away[2])))
        frames[:, :3, 3] = line * (1, 0, 1) + (speed * when)[:, None] * side
        # Seen from far above, a car on the floor would pass below the person.
        rises = max(0.0, float(line[middle, 1]) - furniture.height_m(thing))
        frames[:, 1, 3] = rises
        return _build(rng, thing, frames, textures)
    if kind == "ball":
        size = rng.uniform(0.12, 0.5) * share
        thing = (Part(shape="ball", size=(size, size, size), at=(0, 0, 0)),)
    else:
        wide, high = (float(value) for value in rng.uniform(0.15, 0.8, 2) * (1, 1.6) * share)
        thing = (Part(shape="box", size=(wide, high, 0.03), at=(0, 0, 0)),)
    angle = rng.normal(0, 0.35) + rng.choice([0, np.pi, np.pi / 2, -np.pi / 2], p=[0.4, 0.4, 0.1, 0.1])
    course = np.cos(angle) * side + np.sin(angle) * up
    length = max(thing[0].size) + _PERSON_M * share
    aim = rng.uniform(-0.65, 0.65) * share * up + rng.normal(0, 0.08) * share * side
    drop = np.outer(-0.5 * 9.81 * when**2, up) if kind == "ball" else 0.0
    frames[:, :3, 3] = line + aim + np.outer(when * length / lasts, course) + drop
    spin = rng.uniform(-8, 8) * when + rng.uniform(0, 2 * np.pi)
    tilt = np.stack([side, up, -away], axis=1)
    frames[:, :3, :3] = tilt @ _rolled(spin)
    return _build(rng, thing, frames, textures)


def _swing(
    rng: Rng,
    line: Array,
    when: Array,
    lasts: float,
    share: float,
    axes: tuple[Array, Array, Array],
    textures: Textures,
) -> tuple[Prop, ...]:
    """A pole (N instants) that swings to and fro about a point beside the person, fastest while it is before it."""
    long, thick = float(rng.uniform(0.9, 2.0) * share), float(rng.uniform(0.03, 0.14) * share)
    reach, rest = rng.uniform(0.7, 1.4), rng.uniform(0, 2 * np.pi)
    angle = rest + reach * np.sin(when * rng.uniform(0.8, 1.6) / lasts / reach)
    # The pole's middle at rest is before the person, so its pivot lies half a length off.
    side, up, near = axes
    start = np.stack([-np.sin(rest) * side + np.cos(rest) * up]) * long / 2
    aim = rng.uniform(-0.5, 0.5) * share * up
    frames = np.tile(np.eye(4), (len(when), 1, 1))
    frames[:, :3, :3] = np.stack([side, up, near], axis=1) @ _rolled(angle)
    frames[:, :3, 3] = line + aim - start
    thing = (Part(shape="cylinder", size=(thick, long, thick), at=(0, long / 2, 0)),)
    return _build(rng, thing, frames, textures)


def _before(
    rng: Rng, positions: Array, centre: Array, times_s: Array, textures: Textures, drift: float
) -> tuple[Prop, ...]:
    """A thing on the floor between camera and person, which hides some of it; `drift` is its speed in m/s."""
    middle = len(times_s) // 2
    camera = positions[middle]
    thing = _any(rng)
    # It shall hide a certain height of the body, so a low thing before a high camera goes close to the person.
    target = centre[middle] + (0.0, rng.uniform(-0.7, 0.4), 0.0)
    high = 0.8 * furniture.height_m(thing)
    share = rng.beta(2.5, 1.2)  # rather near the person: before the lens, a pole would hide all of it
    if camera[1] > high and camera[1] > target[1]:
        share = max(share, (camera[1] - high) / (camera[1] - target[1]))
    share = _share(share, camera, target)
    away = target - camera
    side = _sideways(away)
    spot = camera + share * away + rng.normal(0, 0.25) * share * side
    path = spot + np.outer(drift * (times_s - times_s[middle]), side)
    facing = np.arctan2(-away[0], -away[2]) + rng.normal(0, 0.5)
    return _build(rng, thing, _standing(path, np.full(len(times_s), facing)), textures)


def _any(rng: Rng) -> Thing:
    return furniture.FURNITURE[int(rng.integers(len(furniture.FURNITURE)))](rng)


def _share(wanted: float, camera: Array, target: Array) -> float:
    """Where on the way from camera to person a thing goes, 0 to 1, with room at both ends if there is any."""
    distance = max(float(np.linalg.norm(target - camera)), 1e-6)
    return float(np.clip(wanted, min(0.5, _FROM_CAMERA_M / distance), max(0.5, 1 - _FROM_PERSON_M / distance)))


def _sideways(away: Array) -> Array:
    """(3,) unit, level, to the right of somebody who looks along `away`."""
    right = np.cross(away, [0.0, 1.0, 0.0])
    length = float(np.linalg.norm(right))
    return right / length if length > 1e-9 else np.array([1.0, 0.0, 0.0])


def _standing(spots: Array, yaw: Array) -> Array:
    """(N, 4, 4) a thing on the floor at spots (3,) or (N, 3), turned by yaw (N,) about the upright."""
    frames = np.tile(np.eye(4), (len(yaw), 1, 1))
    frames[:, :3, :3] = _upright(yaw)
    frames[:, :3, 3] = spots * (1.0, 0.0, 1.0)
    return frames


def _upright(angle: Array) -> Array:
    """(N, 3, 3) turns about y by angle (N,)."""
    cos, sin, none, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([cos, none, sin, none, one, none, -sin, none, cos], axis=-1).reshape(-1, 3, 3)


def _rolled(angle: Array) -> Array:
    """(N, 3, 3) turns about z by angle (N,)."""
    cos, sin, none, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([cos, -sin, none, sin, cos, none, none, none, one], axis=-1).reshape(-1, 3, 3)


def _axes(fingers: Array, thumb: Array, wag: Array) -> Array:
    """(3, 3) a hand's axes as columns, right-handed: y along the fingers, z to the thumb's side; `wag` shakes them."""
    y = wag @ fingers
    y = y / np.linalg.norm(y)
    x = np.cross(y, wag @ thumb)
    x = x / np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _build(rng: Rng, thing: Thing, frames: Array, textures: Textures, bone: str | None = None) -> tuple[Prop, ...]:
    """The props of a thing whose axes are at frames (N, 4, 4) in the world, or on a bone."""
    paints: dict[int, tuple[Texture, tuple[float, float, float, float], Array]] = {}
    made = []
    for part in thing:
        if part.paint not in paints:
            wide, high = rng.uniform(0.4, 1.0, 2)
            window = (float(rng.uniform(0, 1 - wide)), float(rng.uniform(0, 1 - high)), float(wide), float(high))
            gain = rng.uniform(0.5, 1.15) * np.clip(rng.normal(1, 0.05, 3), 0.8, 1.2)
            paints[part.paint] = textures(rng, part.stuff), window, gain
        texture, window, gain = paints[part.paint]
        own = np.eye(4)
        own[:3, :3] = part.turn * part.size
        own[:3, 3] = part.at
        made.append(
            Prop(
                shape=part.shape,
                texture=texture,
                window=window,
                gain=gain,
                placement=frames @ own,
                bone=bone,
            )
        )
    return tuple(made)
