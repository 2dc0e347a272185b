"""What a person can be made to do: recorded and key-framed motion, no two takes alike."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.spatial.transform import Rotation

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth import authored
from chronopose.synth.assets import MOTION_FPS, Assets, RecordedMotions
from chronopose.synth.keyframes import GRID_FPS, perform
from chronopose.synth.puppet import (
    LENGTHS_M,
    REFERENCE,
    Array,
    Pose,
    blend,
    foot_clearance,
    habits,
    heading,
    point,
    read_pose,
    recombine,
    shake,
    unit,
)
from chronopose.synth.retarget import Ground

TEMPO = (0.6, 1.3)
MIRRORED, FADED, RECOMBINED, SHAKEN = 0.5, 0.12, 0.25, 0.7
# A foot that is off the floor for longer than this stands on something that is not in the recording.
_LEDGE_S = 1.2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Moves:
    """What one person does in one clip.

    Attributes:
        name: of the motion; two names with + between them where a take is made of two.
        points: (N, 23, 3) metres in the order of `retarget.POINTS`, the floor at y = 0, above the origin at the middle.
        reference: (2, 3) as `retarget.bone_matrices` wants it.
        ground: what is on the floor, for `retarget.bone_matrices`.
    """

    name: str
    points: Array
    reference: Array
    ground: Ground


class Repertoire:
    """The motions of a split.

    A tenth of the recorded clips, chosen by name, and the key-framed motions in `authored.HELDOUT` are held out.
    """

    def __init__(self, assets: Assets, split: Literal["train", "heldout", "all"] = "all") -> None:
        motions = assets.motions
        self._motions = motions
        self._recorded = {
            name: i for i, name in enumerate(motions.names) if split == "all" or held_out(name) == (split == "heldout")
        }
        self._authored = tuple(
            name for name in authored.MOTIONS if split == "all" or (name in authored.HELDOUT) == (split == "heldout")
        )
        self._sources = [
            habits(_some(motions, source), reference) for source, reference in enumerate(motions.rest_reference)
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all motions, the key-framed ones first."""
        return (*self._authored, *self._recorded)

    def take(
        self,
        rng: np.random.Generator,
        frames: int,
        fps: float,
        sub: int = 1,
        only: Sequence[str] | None = None,
        authored: float = 0.5,
    ) -> Moves:
        """One way to do one of the motions.

        Args:
            rng: everything that is random comes from it.
            frames: of the clip.
            fps: frames per second.
            sub: instants per frame.
            only: names to choose from; None for all.
            authored: share of takes that are key-framed, where both kinds are there to choose from.
        """
        count, rate = frames * sub, fps * sub
        name = self._choose(rng, only, authored)
        tempo = float(rng.uniform(*TEMPO))
        pose, ground = self._pose(rng, name, count, rate, tempo)
        if ground == "feet" and only is None:
            pose, name = self._combined(rng, pose, name, count, rate, authored)
        if rng.random() < SHAKEN:
            pose = shake(pose, rng, float(rng.uniform(1, 5)), rate)
        if rng.random() < MIRRORED:
            pose = pose.mirrored()
        pose = pose.shifted(-pose.root[count // 2] * [1.0, 0.0, 1.0])
        pose = pose.turned(Rotation.from_euler("y", rng.uniform(0, 2 * np.pi)).as_matrix())
        return Moves(name=name, points=pose.points(), reference=REFERENCE.copy(), ground=ground)

    def _choose(self, rng: np.random.Generator, only: Sequence[str] | None, share: float) -> str:
        for name in only or ():
            if name not in self._authored and name not in self._recorded:
                raise InputError(f"motions: {name!r} is not one of the {len(self.names)} motions of this split")
        keyed = [name for name in self._authored if only is None or name in only]
        recorded = [name for name in self._recorded if only is None or name in only]
        if not keyed and not recorded:
            raise InputError("motions: none are left to choose from; wanted at least one name")
        if keyed and (not recorded or rng.random() < share):
            return keyed[int(rng.integers(len(keyed)))]
        # By the root of the length: long clips are not told apart so much as short ones are.
        lengths = np.sqrt(np.diff(self._motions.start)[[self._recorded[name] for name in recorded]])
        return recorded[int(rng.choice(len(recorded), p=lengths / lengths.sum()))]

    def _pose(self, rng: np.random.Generator, name: str, count: int, rate: float, tempo: float) -> tuple[Pose, Ground]:
        seconds = count / rate * tempo
        if name in self._recorded:
            return self._played(rng, self._recorded[name], np.arange(count) / rate * tempo), "feet"
        score = authored.MOTIONS[name](authored.Draw(rng))
        dense = perform(score, rng, seconds)
        return sampled(dense, np.arange(count) / rate * tempo * GRID_FPS), score.ground

    def _played(self, rng: np.random.Generator, clip: int, times_s: Array) -> Pose:
        """A stretch of a recorded clip; one that is too short runs back again."""
        first, last = self._motions.start[clip], self._motions.start[clip + 1]
        points = self._motions.points[first:last].astype(np.float64)
        end = len(points) - 1
        floor = _floor(points)
        used = points - floor[:, None, None] * np.array([0.0, 1.0, 0.0])
        falling = _falling(used)
        wanted = times_s * MOTION_FPS
        # Of a few stretches the one with the least of what cannot be.
        begins = rng.uniform(0, max(end - wanted[-1], 0.0), 6)
        stretches = [np.abs((begin + wanted + end) % (2 * end) - end) if end else 0 * wanted for begin in begins]
        where = min(stretches, key=lambda stretch: int(falling[stretch.astype(int)].sum()))
        low = np.minimum(where.astype(int), max(end - 1, 0))
        high = np.minimum(low + 1, end)
        part = (where - low)[:, None, None]
        stretch = used[low] * (1 - part) + used[high] * part
        return read_pose(stretch, self._sources[int(self._motions.source[clip])])

    def _combined(
        self, rng: np.random.Generator, pose: Pose, name: str, count: int, rate: float, share: float
    ) -> tuple[Pose, str]:
        """Now and then another motion's upper body, or a passage into another motion."""
        fate = rng.random()
        if fate > FADED + RECOMBINED:
            return pose, name
        other = self._choose(rng, None, share)
        second, ground = self._pose(rng, other, count, rate, float(rng.uniform(*TEMPO)))
        if ground != "feet":
            return pose, name
        key = slice(count // 2, count // 2 + 1)
        away = heading(pose.frames[key, 0])[0] @ heading(second.frames[key, 0])[0].T
        second = second.turned(away)
        if fate < RECOMBINED:
            return recombine(pose, second), f"{name}+{other}"
        second = second.shifted((pose.root[key] - second.root[key]) * [1.0, 0.0, 1.0])
        middle, width_s = rng.uniform(0, count / rate), rng.uniform(0.3, 0.8)
        progress = np.clip((np.arange(count) / rate - middle) / width_s + 0.5, 0, 1)
        return blend(pose, second, progress**2 * (3 - 2 * progress)), f"{name}+{other}"


def held_out(name: str) -> bool:
    """Whether a recorded clip belongs to the held-out tenth; parts of one recording (name#number) stay together."""
    return zlib.crc32(name.split("#")[0].encode()) % 10 == 0


def sampled(pose: Pose, where: Array) -> Pose:
    """The pose at fractional instants (N,) of a dense one."""
    low = np.clip(where.astype(int), 0, len(pose.root) - 2)
    part = where - low

    def rows(index: NDArray[np.intp]) -> Pose:
        return Pose(root=pose.root[index], frames=pose.frames[index], limbs=pose.limbs[index])

    return blend(rows(low), rows(low + 1), part)


def _some(motions: RecordedMotions, source: int) -> Floats:
    """(T, 23, 3) nearly one instant per second of all clips of a capture system."""
    clips = np.flatnonzero(motions.source == source)
    rows = [np.arange(motions.start[clip], motions.start[clip + 1], 25) for clip in clips]
    return np.asarray(motions.points[np.concatenate([*rows, np.zeros(0, dtype=int)])], dtype=np.float32)


def _falling(points: Array) -> NDArray[np.bool_]:
    """(T,) whether the body leans on nothing, a fault of recordings: far from upright, no hand down, not hanging."""
    left, right = point(points, "lankle"), point(points, "rankle")
    ankle = np.where((left[:, 1] < right[:, 1])[:, None], left, right)
    upright = unit(point(points, "neck") - ankle)[:, 1]
    hands = np.minimum(point(points, "lwri")[:, 1], point(points, "rwri")[:, 1])
    idle = (hands > 0.45) & (hands < point(points, "neck")[:, 1])
    return np.asarray((upright < np.cos(np.deg2rad(35))) & idle, dtype=np.bool_)


def _floor(points: Array) -> Array:
    """(T,) height of the floor under a recorded clip, which may climb: the feet's lowest within a while."""
    legs = np.linalg.norm(point(points, "lknee") - point(points, "lhip"), axis=1).mean()
    scale = LENGTHS_M["thigh"] / float(legs)
    lowest = foot_clearance(points * scale) / scale
    size = 2 * int(_LEDGE_S / 2 * MOTION_FPS) + 1
    return np.asarray(gaussian_filter1d(minimum_filter1d(lowest, size), 0.3 * MOTION_FPS), dtype=np.float64)
