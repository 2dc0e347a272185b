"""A scene of drawn people: where everybody is at a time, what it looks like, and which joints can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from chronopose.data.motion import Motion
from chronopose.data.puppet import JOINTS, Body, Placed, place
from chronopose.data.scenery import Camera, Occluder, Sensor
from chronopose.data.wardrobe import Figure

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ANGLES = np.arange(20) * 2 * np.pi / 20
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=-1)  # (K, 2)
# Pictures are painted this many times as large and averaged down: smooth edges.
_OVERSAMPLE = 2
# Face points lie on the head's own surface; other joints lie inside a limb, so a limb must be this much nearer.
_ON_FACE = np.isin(JOINTS, ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "face"))
_FACE_MARGIN_M, _JOINT_MARGIN_M = 0.02, 0.05
# Below this movement during the exposure, in pixels, one exposure is as good as three.
_STILL_PX = 1.5
_REACH_M = 1.5


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Person:
    """One actor: a dressed body, what it does, and where.

    `middle` (2,) is its place on the ground (x, z) in metres at time 0, or the middle of its orbit; `yaw` radians is
    where it faces then; `start` radians is where on the orbit it begins, and `sense` 1 or -1 which way round it goes.
    """

    body: Body
    figure: Figure
    motion: Motion
    middle: Array
    yaw: float
    start: float = 0.0
    sense: float = 1.0

    def path(self, time_s: Array) -> tuple[Array, Array]:
        """Place on the ground (T, 2) in metres and heading (T,) in radians at times (T,)."""
        left, front = self.motion.speed
        wide, deep = self.motion.orbit
        if wide > 0:
            angle = self.start + self.sense * 2 * np.pi * np.hypot(left, front) / (4.2 * wide) * time_s
            offset = np.stack([wide * np.cos(angle), deep * np.sin(angle)], axis=-1)
            heading = np.arctan2(-self.sense * wide * np.sin(angle), self.sense * deep * np.cos(angle))
            return self.middle + offset, heading
        pace = max(float(np.hypot(left, front)), 1e-6)
        # Straight on around time 0; bounded, so that nobody leaves a long clip for good.
        way = _REACH_M * np.sin(pace * time_s / _REACH_M) / pace
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        direction = np.array([left * c + front * s, front * c - left * s])
        return self.middle + way[:, None] * direction, np.full(time_s.shape, self.yaw)

    def placed(self, time_s: Array) -> Placed:
        """The body in the world at times (T,): standing on the ground with whatever is lowest, or in the air."""
        ground, heading = self.path(time_s)
        placed = place(self.body, self.motion.angles(time_s), heading)
        height = placed.points(self.figure.ball_segment, self.figure.ball_offset)[..., 1] - self.figure.ball_radius
        up = self.motion.hop(time_s) - height.min(axis=1)
        return placed.moved(np.stack([ground[:, 0], up, ground[:, 1]], axis=-1))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene:
    """Everything a clip is made of but its backdrop. `light` (2,) points to the light in the picture, `gloss` is
    by what share it brightens things."""

    people: tuple[Person, ...]
    camera: Camera
    occluders: tuple[Occluder, ...]
    sensor: Sensor
    light: Array
    gloss: float
    shutter_s: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Look:
    """One person as seen at T moments.

    Attributes:
        xy: (T, J, 2) joints in image pixels.
        near: (T, J) metres towards the camera.
        outline: (T, P, K, 2) outline of every part in image pixels.
        gloss: (T, P, K, 2) the brighter patch of every part.
        part_near: (T, P) metres.
        ball_xy, ball_near: (T, N, 2) and (T, N), of the balls the parts are made of.
        shown: (T, P) False for flat parts seen from behind.
        shadow: (T, K, 2) outline of the shadow on the ground.
    """

    xy: Array
    near: Array
    outline: Array
    gloss: Array
    part_near: Array
    ball_xy: Array
    ball_near: Array
    shown: Flags
    shadow: Array


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Labels:
    """The truth of one frame: xy (P, J, 2) and box (P, 4) in image pixels, visible (P, J)."""

    xy: Array
    visible: Flags
    box: Array


def _hulls(xy: Array, radius: Array, rows: NDArray[np.intp]) -> Array:
    """(T, P, K, 2) outlines of the hulls of discs (T, N, 2) with radius (T, N), grouped by rows (P, M)."""
    reach = xy @ _DIRECTIONS.T + radius[..., None]  # (T, N, K)
    best = reach[:, rows].argmax(axis=2)  # (T, P, K)
    chosen = np.take_along_axis(np.broadcast_to(rows, (len(xy), *rows.shape)), best, axis=2)
    moment = np.arange(len(xy))[:, None, None]
    outline: Array = xy[moment, chosen] + radius[moment, chosen][..., None] * _DIRECTIONS
    return outline


def look(person: Person, scene: Scene, time_s: Array) -> Look:
    """What the scene's camera sees of a person at times (T,)."""
    figure, camera = person.figure, scene.camera
    placed = person.placed(time_s)
    xy, near, _ = camera.see(placed.points(person.body.joint_segment, person.body.joint_offset), time_s)
    ball_xy, ball_near, scale = camera.see(placed.points(figure.ball_segment, figure.ball_offset), time_s)
    radius = figure.ball_radius * scale
    first = figure.ball_segment[figure.part_balls[:, 0]]
    normal = (placed.turn[:, first] @ figure.facing[:, :, None])[..., 0]
    towards = normal[..., 1] * np.sin(camera.tilt) + normal[..., 2] * np.cos(camera.tilt)
    feet = placed.origin[:, :1] * (1, 0, 1) + 0.3 * person.body.size * np.insert(_DIRECTIONS, 1, 0, axis=1)
    return Look(
        xy=xy,
        near=near,
        outline=_hulls(ball_xy, radius, figure.part_balls),
        gloss=_hulls(ball_xy + 0.3 * radius[..., None] * scene.light, 0.55 * radius, figure.part_balls),
        part_near=ball_near[:, figure.part_balls].mean(axis=2),
        ball_xy=ball_xy,
        ball_near=ball_near,
        shown=(towards > 0.12) | ~figure.facing.any(axis=1),
        shadow=camera.see(feet, time_s)[0],
    )


def inside(points: Array, outlines: Array) -> Flags:
    """(N, P) whether points (N, 2) lie in convex outlines (P, K, 2) that run from x to y."""
    edge = np.roll(outlines, -1, axis=-2) - outlines
    way = points[:, None, None] - outlines
    return np.asarray((edge[..., 0] * way[..., 1] - edge[..., 1] * way[..., 0] >= 0).all(axis=-1))


def ranks(looks: list[Look], moment: int) -> NDArray[np.intp]:
    """(P,) each person's place from the nearest, 0, to the farthest."""
    order = np.argsort([-float(seen.part_near[moment].mean()) for seen in looks], kind="stable")
    rank = np.empty(len(looks), dtype=np.intp)
    rank[order] = np.arange(len(looks))
    return rank


def labels(scene: Scene, looks: list[Look], moment: int, time_s: float) -> Labels:
    """Joints, boxes and what is visible at one moment of the looks."""
    rank = ranks(looks, moment)
    size = np.array(scene.camera.size)
    blockers = [(occluder.layer, occluder.at(time_s, scene.camera)) for occluder in scene.occluders]
    xy = np.stack([seen.xy[moment] for seen in looks])
    visible: Flags = np.asarray(((xy >= -0.5) & (xy < size - 0.5)).all(axis=-1))
    box = np.empty((len(looks), 4))
    for index, (person, seen) in enumerate(zip(scene.people, looks, strict=True)):
        outline = seen.outline[moment]
        box[index] = *outline.min((0, 1)), *outline.max((0, 1))
        visible[index] &= ~_hidden_by_self(person, seen, moment)
        for other, front in enumerate(looks):
            if rank[other] < rank[index]:
                visible[index] &= ~inside(xy[index], front.outline[moment]).any(axis=1)
        for layer, shape in blockers:
            if layer <= rank[index]:
                visible[index] &= ~inside(xy[index], shape[None])[:, 0]
    return Labels(xy=xy, visible=visible, box=box)


def _hidden_by_self(person: Person, seen: Look, moment: int) -> Flags:
    """(J,) whether another part of the same body is clearly in front of the joint."""
    figure = person.figure
    covers = inside(seen.xy[moment], seen.outline[moment]) & ~figure.own & (figure.host == np.arange(len(figure.host)))
    # A part's depth at a point is that of its balls, the nearest ones in the picture counting most.
    gap = seen.xy[moment][:, None] - seen.ball_xy[moment]
    weight = (1 / ((gap**2).sum(-1) + 1.0))[:, figure.part_balls]  # (J, P, M)
    depth = (weight * seen.ball_near[moment][figure.part_balls]).sum(-1) / weight.sum(-1)
    thickness = figure.ball_radius[figure.part_balls].mean(-1)
    margin = np.where(_ON_FACE[:, None], _FACE_MARGIN_M, 0.5 * thickness + _JOINT_MARGIN_M)
    hidden: Flags = (covers & (depth - seen.near[moment][:, None] > margin)).any(axis=1)
    return hidden


def expose(scene: Scene, backdrop: Image.Image, time_s: float, blur: bool) -> tuple[NDArray[np.uint8], Labels]:
    """The picture (H, W, 3) at a time, before the sensor's noise, and its truth."""
    times = time_s + np.array([-1, 0, 1]) * scene.shutter_s / 3
    looks = [look(person, scene, times) for person in scene.people]
    truth = labels(scene, looks, 1, time_s)
    moved = max(float(np.abs(seen.xy[2] - seen.xy[0]).max()) for seen in looks)
    moments = (0, 1, 2) if blur and moved > _STILL_PX else (1,)
    view = _enlarged(scene, backdrop, time_s)
    sharp = len(moments) == 1 or _camera_px(scene.camera, times) < _STILL_PX
    pictures = []
    for moment in moments:
        at = float(times[moment])
        pictures.append(_paint(scene, view.copy() if sharp else _enlarged(scene, backdrop, at), looks, moment, at))
    if len(pictures) == 1:
        return np.asarray(pictures[0]), truth
    # A blend of two halves, then two thirds of that with the last third: the mean of three.
    mean = Image.blend(Image.blend(pictures[0], pictures[2], 0.5), pictures[1], 1 / 3)
    return np.asarray(mean), truth


def _camera_px(camera: Camera, time_s: Array) -> float:
    """How far the picture moves between the first and the last of times (T,), in pixels."""
    _, shift = camera.motion(time_s)
    return float(np.abs(shift[-1] - shift[0]).max())


def _enlarged(scene: Scene, backdrop: Image.Image, time_s: float) -> Image.Image:
    view = scene.camera.view(backdrop, time_s)
    return view.resize((view.width * _OVERSAMPLE, view.height * _OVERSAMPLE), Image.Resampling.NEAREST)


def _paint(scene: Scene, large: Image.Image, looks: list[Look], moment: int, time_s: float) -> Image.Image:
    """Draws shadows, people and things onto an enlarged picture, and makes it small."""
    soft = ImageDraw.Draw(large, "RGBA")
    for seen in looks:
        soft.polygon(_corners(seen.shadow[moment][None])[0], fill=(0, 0, 0, 70))
    draw = ImageDraw.Draw(large)
    rank = ranks(looks, moment)
    for place_in_line in range(len(looks) - 1, -1, -1):
        index = int(np.flatnonzero(rank == place_in_line)[0])
        _paint_person(draw, scene.people[index].figure, looks[index], moment, scene.gloss)
        for occluder in scene.occluders:
            if occluder.layer == place_in_line:
                occluder.draw(draw, time_s, scene.camera, _OVERSAMPLE)
    return large.reduce(_OVERSAMPLE)


def _corners(outline: Array) -> list[list[int]]:
    """Outlines (P, K, 2) as flat lists of whole pixels of the enlarged picture."""
    flat: list[list[int]] = (
        np.rint((outline + 0.5) * _OVERSAMPLE - 0.5).astype(np.int64).reshape(len(outline), -1).tolist()
    )
    return flat


def _paint_person(draw: ImageDraw.ImageDraw, figure: Figure, seen: Look, moment: int, gain: float) -> None:
    depth = seen.part_near[moment]
    host = figure.host
    # Farthest first; what sits on a part follows it at once, in the order it was put on.
    order = np.lexsort((np.arange(len(host)), host, (depth + figure.lift)[host]))
    shade = 1 + np.clip(0.6 * (depth - depth.mean()), -0.25, 0.15)
    base = np.clip(figure.colour * ((1 - gain) * shade)[:, None], 0, 255).astype(np.int64).tolist()
    bright = np.clip(figure.colour * ((1 + 0.6 * gain) * shade)[:, None], 0, 255).astype(np.int64).tolist()
    outline, gloss = _corners(seen.outline[moment]), _corners(seen.gloss[moment])
    shown = seen.shown[moment]
    for part in order.tolist():
        if not shown[part]:
            continue
        draw.polygon(outline[part], fill=tuple(base[part]))
        if host[part] == part:
            draw.polygon(gloss[part], fill=tuple(bright[part]))
