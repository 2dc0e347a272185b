"""The plan of a clip before it is drawn: who does what where, seen how, all by seed and number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.assets import Assets
from chronopose.synth.backdrop import random_backdrop, random_light
from chronopose.synth.body import Body, Shape
from chronopose.synth.camera import Camera, look_at
from chronopose.synth.labels import joint_paths
from chronopose.synth.look import Look
from chronopose.synth.mesh import Mesh
from chronopose.synth.motion import Repertoire
from chronopose.synth.props import random_handheld, random_props, random_scenery
from chronopose.synth.ranges import SceneConfig, Split
from chronopose.synth.retarget import bone_matrices
from chronopose.synth.sensor import Sensor, random_sensor
from chronopose.synth.setting import Backdrop, Light, Prop
from chronopose.synth.staging import stand_around, walk_across
from chronopose.synth.wardrobe import Wardrobe

Array = NDArray[np.float64]
# Every part of a clip has its own stream of random numbers, so that a new kind of prop leaves the people as they were.
_CAST, _CAMERA, _SETTING, _SENSOR = range(4)
# A blurred clip is drawn three times within an exposure, which is so many instants of those between two frames.
_INSTANTS, _LIT = (4, 6, 8), 3
# Mean linear luminance below which a camera would have opened its aperture.
_DIMMEST = 0.12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person:
    """One person of a clip: the body, what it wears, and where its bones are at every instant.

    Attributes:
        shape: the body.
        meshes: skin, eyes, hair and clothes.
        look: their paint.
        matrices: (N, B, 3, 4) float32 rest -> world at each of the clip's N instants.
        motion: name of what the person does.
    """

    shape: Shape
    meshes: tuple[Mesh, ...]
    look: Look
    matrices: Floats
    motion: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Plan:
    """A clip before it is drawn.

    Attributes:
        people: the main person first.
        cameras: one for each instant.
        backdrop: what is behind.
        light: on everything.
        props: things in front or in hands.
        sensor: the camera's flaws, None for a perfect one.
        fps: frames per second.
        instants: how many instants there are for one frame.
        lit: how many of those, from the first, are averaged into the frame.
    """

    people: tuple[Person, ...]
    cameras: tuple[Camera, ...]
    backdrop: Backdrop
    light: Light
    props: tuple[Prop, ...]
    sensor: Sensor | None
    fps: float
    instants: int
    lit: int


class Crew:
    """What all clips share: the body's rig, the clothes, the motions and the places, read once from a folder."""

    def __init__(self, assets: Assets, split: Split) -> None:
        self.body = Body(assets)
        self.wardrobe = Wardrobe(self.body, assets, split)
        self.repertoire = Repertoire(assets, split)
        self.panoramas = assets.panoramas


def plan(config: SceneConfig, crew: Crew, index: int) -> Plan:
    """The plan of clip `index`."""
    rng = _stream(config, index, _CAST)
    fps = float(rng.uniform(*config.fps))
    blurred = bool(rng.random() < config.blurred)
    instants = int(rng.choice(_INSTANTS)) if blurred else 1
    count = int(rng.integers(config.people[0], config.people[1] + 1))
    people = [_person(config, crew, rng, fps, instants) for _ in range(count)]
    everybody = [(person.shape, person.matrices) for person in people]
    if config.layout == "crossing":
        walk_across(crew.body, everybody, rng, fps * instants)
    else:
        stand_around(crew.body, everybody, rng)

    joints = joint_paths(crew.body, people[0].shape, people[0].matrices)  # (N, J, 3)
    centre = (joints.min(axis=1) + joints.max(axis=1)) / 2
    rng = _stream(config, index, _CAMERA)
    if config.layout == "crossing":
        cameras = (_onlooker(config, rng, people),) * len(centre)
    else:
        cameras = _cameras(config, rng, centre, people[0].shape.height_m, fps * instants)

    rng = _stream(config, index, _SETTING)
    backdrop, panorama = random_backdrop(rng, crew.panoramas)
    light = _bright_enough(random_light(rng, panorama, backdrop.yaw), people[0].look)
    times_s = np.arange(config.frames * instants) / (fps * instants)
    positions = np.stack([camera.position for camera in cameras])
    props = random_props(rng, positions, centre, times_s, share=config.occluded)
    if rng.random() < config.furnished:
        props += random_scenery(rng, positions, centre, times_s)
    if rng.random() < config.handheld:
        props += random_handheld(rng, len(times_s))
    sensor = None if config.clean else random_sensor(_stream(config, index, _SENSOR))
    return Plan(
        people=tuple(people),
        cameras=cameras,
        backdrop=backdrop,
        light=light,
        props=props,
        sensor=sensor,
        fps=fps,
        instants=instants,
        lit=_LIT if blurred else 1,
    )


def sensor_stream(config: SceneConfig, index: int) -> np.random.Generator:
    """The random numbers of clip `index`'s noise."""
    return _stream(config, index, _SENSOR, 1)


def _stream(config: SceneConfig, index: int, *use: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, index, *use])


def _person(config: SceneConfig, crew: Crew, rng: np.random.Generator, fps: float, instants: int) -> Person:
    shape = crew.body.shape(rng)
    meshes, look = crew.wardrobe.dress(rng, shape)
    moves = crew.repertoire.take(rng, config.frames, fps, instants, config.motions or None, config.authored)
    matrices = bone_matrices(crew.body, shape, moves.points, moves.reference, moves.ground)
    return Person(shape=shape, meshes=meshes, look=look, matrices=matrices, motion=moves.name)


def _bright_enough(light: Light, look: Look) -> Light:
    """The light, turned up where the main person would vanish in it: a camera exposes for people."""
    factor = float(np.clip(_DIMMEST / max(look.luminance(light), 1e-3), 1.0, 3.0))
    return replace(light, sun=light.sun * factor, sky=light.sky * factor, ground=light.ground * factor)


def _cameras(
    config: SceneConfig, rng: np.random.Generator, centre: Array, stature_m: float, rate: float
) -> tuple[Camera, ...]:
    """A camera for each of N instants, `rate` a second, that keeps the main person with centre (N, 3) in view."""
    count = len(centre)
    key = count // 2
    fov = float(np.deg2rad(rng.uniform(*config.fov_deg)))
    size = float(np.exp(rng.uniform(*np.log(config.person))))
    away_m = stature_m / size / (2 * np.tan(fov / 2))
    # Mostly from the height of a hand or an eye, sometimes from a floor or a balcony.
    height_m = float(
        rng.choice([rng.uniform(0.3, 0.9), rng.uniform(0.9, 1.9), rng.uniform(1.9, 4.0)], p=[0.2, 0.6, 0.2])
    )
    drop_m = np.clip(height_m - centre[key, 1], -0.9 * away_m, 0.9 * away_m)
    along_m = np.sqrt(max(away_m**2 - drop_m**2, 0.04))
    angle = rng.uniform(0, 2 * np.pi)
    start = centre[key] + np.array([along_m * np.sin(angle), drop_m, along_m * np.cos(angle)])

    frame_m = 2 * away_m * np.tan(fov / 2)  # height of the picture at the person
    wide_m = frame_m * config.width / config.height
    slack = np.array([max(wide_m - 0.5 * stature_m, 0.1 * wide_m), max(frame_m - stature_m, 0.05 * frame_m)]) / 2
    aim = rng.uniform(-0.8, 0.8, 2) * slack
    if rng.random() < config.truncated:
        aim = (
            rng.choice([-1, 1], 2)
            * rng.uniform(0.3, 0.55, 2)
            * [wide_m, frame_m]
            * rng.permutation([1.0, rng.random()])
        )
    sideways = np.array([np.cos(angle), 0.0, -np.sin(angle)])
    follow = rng.random()
    target = centre[key] + (centre - centre[key]) * follow + aim[0] * sideways + np.array([0.0, aim[1], 0.0])

    times_s = (np.arange(count) - key) / rate
    drift = rng.normal(0, 0.5, 3) if rng.random() < 0.4 else np.zeros(3)
    position = start + times_s[:, None] * drift
    if rng.random() < 0.6:
        shake = rng.uniform(0.002, 0.02) * away_m
        position = position + _wander(rng, times_s, shake)
        target = target + _wander(rng, times_s, shake)
    position[:, 1] = np.maximum(position[:, 1], 0.15)
    roll = float(rng.normal(0, 0.05))
    return tuple(
        look_at(place, aimed, roll, fov, config.width, config.height)
        for place, aimed in zip(position, target, strict=True)
    )


def _onlooker(config: SceneConfig, rng: np.random.Generator, people: Sequence[Person]) -> Camera:
    """A camera that stands and has the whole width of `staging.walk_across` in view."""
    fov = float(np.deg2rad(rng.uniform(*config.fov_deg)))
    away_m = 1.7 / float(np.exp(rng.uniform(*np.log(config.person)))) / (2 * np.tan(fov / 2))
    middle = np.array([0.0, 0.85, -0.5 * (len(people) - 1)])
    angle = rng.normal(0, 0.1)
    start = middle + np.array([away_m * np.sin(angle), rng.uniform(0.2, 0.6), away_m * np.cos(angle)])
    return look_at(start, middle, 0.0, fov, config.width, config.height)


def _wander(rng: np.random.Generator, times_s: Array, strength_m: float) -> Array:
    """A hand's unrest (N, 3): a few slow waves with random phases."""
    waves = rng.uniform(0.3, 4.0, (4, 3))
    phases = rng.uniform(0, 2 * np.pi, (4, 3))
    shares = rng.dirichlet(np.ones(4), 3).T
    path: Array = strength_m * (shares * np.sin(2 * np.pi * waves * times_s[:, None, None] + phases)).sum(1)
    path -= path[len(path) // 2].copy()
    return path
