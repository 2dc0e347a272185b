"""People drawn by code alone: endless labelled clips with exact joints, for training without any data set.

A clip is a scene (bodies, clothes, motions, camera, things in the way) drawn from its seed and number; a frame is that
scene at a time. Nothing is kept between frames, so frame t of clip i is the same bits whoever asks for it, and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, Skeleton
from chronopose.core.types import Floats, FramePoses, Pixels, Pose, PoseSequence, VideoInfo
from chronopose.data.motion import MOTIONS
from chronopose.data.puppet import JOINTS, random_body
from chronopose.data.scenery import random_backdrop, random_camera, random_occluders, random_sensor
from chronopose.data.stage import Labels, Person, Scene, expose, labels, look
from chronopose.data.wardrobe import dress

Array = NDArray[np.float64]
# Every clip has a few streams of random numbers, so that a longer list of clothes does not change the background.
_CAST, _BACKDROP, _NOISE, _CHOICE = range(4)
# A person with this share of its joints visible is worth a label.
_USABLE = 0.5


@dataclass(frozen=True, kw_only=True)
class SyntheticConfig:
    """What the drawn clips are like.

    Args:
        seed: another seed, other clips.
        clips: how many there are.
        frames: length of every clip; its key frame is frame `frames // 2`.
        width: of a frame, in pixels.
        height: of a frame, in pixels.
        fps: frames per second.
        people: fewest and most persons in a clip.
        occluders: fewest and most things in front of them.
        motions: what persons may do, names from `motion.MOTIONS`; () for everything but "crossing", which is meant for
            clips of several seconds.
        blur: whether fast movement is blurred.
        camera: whether the camera may move.
        noise: most noise a clip may have, standard deviation in grey levels.
        skeleton: name of the skeleton that labels are given in, from `core.skeleton.SKELETONS`.
    """

    seed: int = 0
    clips: int = 10_000
    frames: int = 9
    width: int = 256
    height: int = 256
    fps: float = 25.0
    people: tuple[int, int] = (1, 3)
    occluders: tuple[int, int] = (0, 2)
    motions: tuple[str, ...] = ()
    blur: bool = True
    camera: bool = True
    noise: float = 9.0
    skeleton: str = "posetrack-15"

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("clips", 1), ("frames", 1), ("width", 32), ("height", 32)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.fps > 0:
            raise InputError(f"fps must be above 0, got {self.fps}")
        if not 1 <= self.people[0] <= self.people[1] <= 8:
            raise InputError(f"people must be a fewest and a most in 1 to 8, got {self.people}")
        if not 0 <= self.occluders[0] <= self.occluders[1] <= 20:
            raise InputError(f"occluders must be a fewest and a most in 0 to 20, got {self.occluders}")
        if not 0 <= self.noise <= 64:
            raise InputError(f"noise must lie in 0 to 64 grey levels, got {self.noise}")
        for motion in self.motions:
            if motion not in MOTIONS:
                raise InputError(f"no motion called {motion!r}; motions are {', '.join(MOTIONS)}")
        if self.skeleton not in SKELETONS:
            raise InputError(f"no skeleton called {self.skeleton!r}; skeletons are {', '.join(SKELETONS)}")

    @property
    def key(self) -> int:
        """The key frame of every clip."""
        return self.frames // 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SyntheticClip:
    """A whole clip with the truth of all its persons.

    Attributes:
        frames: (T, H, W, 3) RGB uint8.
        times_s: (T,) seconds from the first frame.
        joints: names of the J joints, `puppet.JOINTS`.
        xy: (T, P, J, 2) float32 image pixels, exact also where hidden or outside the frame.
        visible: (T, P, J) False where a limb, a person or a thing is in front, or outside the frame.
        boxes: (T, P, 4) float32 x1, y1, x2, y2 of the whole drawn person, not cut at the frame's edge.
    """

    frames: Pixels
    times_s: Array
    joints: tuple[str, ...]
    xy: Floats
    visible: NDArray[np.bool_]
    boxes: Floats


def joint_order(skeleton: Skeleton) -> NDArray[np.intp]:
    """(K,) where each of a skeleton's joints stands in the drawn people's `JOINTS`."""
    missing = [joint for joint in skeleton.joints if joint not in JOINTS]
    if missing:
        raise InputError(f"drawn people have no {', '.join(missing)} for skeleton {skeleton.name}")
    return np.array([JOINTS.index(joint) for joint in skeleton.joints], dtype=np.intp)


def _stream(config: SyntheticConfig, index: int, *use: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, index, *use])


def build_scene(config: SyntheticConfig, index: int) -> Scene:
    """The scene of clip `index`."""
    rng = _stream(config, index, _CAST)
    count = int(rng.integers(config.people[0], config.people[1] + 1))
    crossing = "crossing" in config.motions
    close_up = rng.random() < 0.08 and not crossing
    # Those who walk in rounds also come nearer, and their feet should stay in the frame.
    span = (0.5, 0.62) if crossing else (1.0, 1.6) if close_up else (0.5, 0.85)
    person_px = config.height * rng.uniform(*span)
    camera = random_camera(rng, config.width, config.height, float(person_px), config.camera)
    half_m = config.width / person_px * 1.75 / 2
    names = config.motions or tuple(name for name in MOTIONS if name != "crossing")
    side = float(rng.choice([-1, 1]))
    people = []
    for number in range(count):
        body = random_body(rng)
        motion = MOTIONS[names[int(rng.integers(len(names)))]](rng)
        spread = 0.3 if number == 0 else 0.55
        # Behind one another by more than a body's depth, so that nobody walks through anybody.
        middle = np.array([rng.uniform(-spread, spread) * half_m, 0.3 - 0.8 * number + rng.uniform(-0.1, 0.1)])
        start = 0.0
        if motion.orbit[0] > 0:
            middle[0] *= 0.25
            start = side * np.pi / 2 + np.pi * number + rng.normal(0, 0.6)
        people.append(
            Person(
                body=body,
                figure=dress(body, rng),
                motion=motion,
                middle=middle,
                start=float(start),
                sense=side * (-1.0) ** number,
                yaw=float(rng.normal(0, 0.8) if rng.random() < 0.4 else rng.uniform(-np.pi, np.pi)),
            )
        )
    things = int(rng.integers(config.occluders[0], config.occluders[1] + 1))
    angle = rng.uniform(-np.pi, 0)
    return Scene(
        people=tuple(people),
        camera=camera,
        occluders=random_occluders(rng, config.width, config.height, things, count),
        sensor=random_sensor(rng, config.noise),
        light=np.array([np.cos(angle), np.sin(angle)]),
        gloss=float(rng.uniform(0.03, 0.18)),
        shutter_s=float(rng.uniform(0.2, 0.8)) / config.fps,
    )


class _Film:
    """One clip being filmed: its scene, and its backdrop painted once."""

    def __init__(self, config: SyntheticConfig, index: int) -> None:
        self.config, self.index = config, index
        self.scene = build_scene(config, index)
        self.backdrop = random_backdrop(_stream(config, index, _BACKDROP), self.scene.camera)

    def frame(self, number: int) -> tuple[Pixels, Labels]:
        time_s = (number - self.config.key) / self.config.fps
        picture, truth = expose(self.scene, self.backdrop, time_s, self.config.blur)
        return self.scene.sensor.record(picture, _stream(self.config, self.index, _NOISE, number)), truth


def _frame_labels(config: SyntheticConfig, scene: Scene, number: int) -> Labels:
    time_s = (number - config.key) / config.fps
    return labels(scene, [look(person, scene, np.array([time_s])) for person in scene.people], 0, time_s)


def render_clip(config: SyntheticConfig, index: int) -> SyntheticClip:
    """Clip `index` with the truth of all its persons: a pure function of the configuration and the index."""
    film = _Film(config, index)
    shots = [film.frame(number) for number in range(config.frames)]
    return SyntheticClip(
        frames=np.stack([pixels for pixels, _ in shots]),
        times_s=np.arange(config.frames) / config.fps,
        joints=JOINTS,
        xy=np.stack([truth.xy for _, truth in shots]).astype(np.float32),
        visible=np.stack([truth.visible for _, truth in shots]),
        boxes=np.stack([truth.box for _, truth in shots]).astype(np.float32),
    )


def _within(boxes: Array, config: SyntheticConfig) -> Floats:
    """Boxes (..., 4) cut at the frame's edge, as a detector or a labeller would give them."""
    last = np.array([config.width, config.height, config.width, config.height]) - 0.5
    return np.clip(boxes, -0.5, last).astype(np.float32)


def truth(config: SyntheticConfig, index: int) -> PoseSequence:
    """The poses of clip `index`, without drawing it.

    A joint inside the frame has score 1, hidden or not (`visibility` tells); one outside is unknown (NaN, score 0), as
    in labelled data sets. Boxes are cut at the frame's edge; a person wholly outside is left out. `track_id` is the
    person's number in the clip.
    """
    skeleton = SKELETONS[config.skeleton]
    order = joint_order(skeleton)
    scene = build_scene(config, index)
    frames = []
    for number in range(config.frames):
        seen = _frame_labels(config, scene, number)
        xy = seen.xy[:, order].astype(np.float32)
        known = _in_frame(xy, config)
        xy[~known] = np.nan
        boxes = _within(seen.box, config)
        poses = tuple(
            Pose(skeleton=skeleton, xy=xy[p], score=known[p].astype(np.float32), box=boxes[p], track_id=p)
            for p in range(len(xy))
            if (boxes[p, 2:] > boxes[p, :2]).all() and known[p].any()
        )
        frames.append(FramePoses(number, number / config.fps, poses))
    info = VideoInfo(
        source=f"synthetic:{config.seed}:{index}",
        width=config.width,
        height=config.height,
        fps=config.fps,
        frames=config.frames,
        duration_s=config.frames / config.fps,
    )
    return PoseSequence(info=info, skeleton=skeleton, frames=tuple(frames))


def visibility(config: SyntheticConfig, index: int) -> NDArray[np.bool_]:
    """(T, P, K) which joints of the configured skeleton can be seen in clip `index`; P by `track_id` of `truth`."""
    order = joint_order(SKELETONS[config.skeleton])
    scene = build_scene(config, index)
    return np.stack([_frame_labels(config, scene, number).visible[:, order] for number in range(config.frames)])


def _in_frame(xy: NDArray[np.floating], config: SyntheticConfig) -> NDArray[np.bool_]:
    edge = np.array([config.width, config.height]) - 0.5
    return np.asarray(((xy >= -0.5) & (xy < edge)).all(axis=-1))


class SyntheticPeople:
    """A data set of drawn clips: one labelled person for each, in the clip's key frame.

    The person is chosen by the clip's seed among those of whom enough can be seen.

    Args:
        config: what to draw.
        name: of the data set, for reports.
    """

    def __init__(self, config: SyntheticConfig, name: str = "synthetic") -> None:
        self.config = config
        self.name = name
        self.skeleton = SKELETONS[config.skeleton]

    def __len__(self) -> int:
        return self.config.clips

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window of clip `index` around its key frame; only the frames asked for are drawn."""
        config = self.config
        if not 0 <= index < config.clips:
            raise InputError(f"clip must lie in 0 to {config.clips - 1}, got {index}")
        order = joint_order(self.skeleton)
        film = _Film(config, index)
        numbers = [min(max(config.key + offset, 0), config.frames - 1) for offset in offsets]
        shots = {number: film.frame(number) for number in set(numbers)}
        key = shots[config.key][1] if config.key in shots else _frame_labels(config, film.scene, config.key)
        person = _choose(key.visible[:, order], _stream(config, index, _CHOICE))
        return LabelledClip(
            name=f"{self.name}/{config.seed}/{index}/{person}",
            frames=tuple(shots[number][0] for number in numbers),
            skeleton=self.skeleton,
            xy_image=np.stack([shots[number][1].xy[person, order] for number in numbers]).astype(np.float32),
            visible=np.stack([shots[number][1].visible[person, order] for number in numbers]),
            box=_within(key.box[person], config),
        )


def _choose(visible: NDArray[np.bool_], rng: np.random.Generator) -> int:
    """A person of whom enough joints (P, K) are visible, or else the one of whom most are."""
    share = visible.mean(axis=1)
    usable = np.flatnonzero(share >= _USABLE)
    return int(rng.choice(usable)) if len(usable) else int(share.argmax())
