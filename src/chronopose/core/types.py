"""Frames, poses, tracks and sequences of poses: the values that travel through the house."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chronopose.core.skeleton import Skeleton

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture: its index from 0, its time stamp in seconds, its pixels (H, W, 3) RGB uint8."""

    index: int
    time_s: float
    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What is known of a video before it is decoded. Sizes are as displayed (rotation applied), in pixels.

    `frames` is None where the container does not say; `fps` is the average rate, for display and for a writer's time
    base only: time stamps are read from the stream, never computed from it.
    """

    source: str
    width: int
    height: int
    fps: float
    frames: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Pose:
    """One person in one frame, in image pixels (integer coordinates are pixel centres).

    Attributes:
        skeleton: names and order of the joints.
        xy: (K, 2) float32; NaN where the joint is unknown, never (0, 0).
        score: (K,) float32 in [0, 1]; 0 where unknown; 1 for labelled truth.
        sigma: (K, 2) float32 pixels, one standard deviation in x and y, or None where the model does not say.
        box: (4,) float32 x1, y1, x2, y2 of the person.
        box_score: the detector's confidence in [0, 1], 1 for given boxes.
        track_id: the person's id through the video, or None.
    """

    skeleton: Skeleton
    xy: Floats
    score: Floats
    box: Floats
    sigma: Floats | None = None
    box_score: float = 1.0
    track_id: int | None = None

    def __post_init__(self) -> None:
        joints = len(self.skeleton)
        if self.xy.shape != (joints, 2) or self.score.shape != (joints,) or self.box.shape != (4,):
            raise ValueError(
                f"a {self.skeleton.name} pose wants xy ({joints}, 2), score ({joints},), box (4,); "
                f"got {self.xy.shape}, {self.score.shape}, {self.box.shape}"
            )
        if self.sigma is not None and self.sigma.shape != (joints, 2):
            raise ValueError(f"sigma must be ({joints}, 2), got {self.sigma.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person's boxes through time: `frames` (N,) ascending, `xyxy` (N, 4) float32 pixels, `score` (N,)."""

    id: int
    frames: NDArray[np.int64]
    xyxy: Floats
    score: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FramePoses:
    """All persons of one frame: what the pipeline yields."""

    frame: int
    time_s: float
    poses: tuple[Pose, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PoseSequence:
    """The poses of a whole video, one entry for every frame, empty frames included.

    Attributes:
        info: the video they belong to.
        skeleton: of every pose in it.
        frames: one `FramePoses` for each frame, ascending.
    """

    info: VideoInfo
    skeleton: Skeleton
    frames: tuple[FramePoses, ...] = field(repr=False)

    def __iter__(self) -> Iterator[FramePoses]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def tracks(self) -> dict[int, Track]:
        """The boxes of every tracked person, by id."""
        rows: dict[int, list[tuple[int, Pose]]] = {}
        for frame in self.frames:
            for pose in frame.poses:
                if pose.track_id is not None:
                    rows.setdefault(pose.track_id, []).append((frame.frame, pose))
        return {
            track_id: Track(
                track_id,
                np.array([frame for frame, _ in seen], dtype=np.int64),
                np.stack([pose.box for _, pose in seen]),
                np.array([pose.box_score for _, pose in seen], dtype=np.float32),
            )
            for track_id, seen in sorted(rows.items())
        }
