"""Joint-aware tracker: the boxes of one frame at a time become persons with ids.

Every frame, the Kalman filter says where each known person should be, and detections are given to persons so that the
sum of similarities is greatest. Similarity blends the overlap of boxes with the OKS of joints, where both sides have
joints. As ByteTrack (arXiv 2110.06864) found, weak detections are worth a second round: they may continue a person who
is being shown, but never start one. No code is taken from there.

    new ----confirm----> shown <----matched----> lost ----patience----> dropped
     '---missed once---> dropped          (reported for `coast` frames, then hidden)

A lost person may come back where the motion points or where they were last seen, whichever fits better, and the longer
they are away the wider the boxes are drawn before their overlap is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, FramePoses, Pose, PoseSequence
from chronopose.tracking.kalman import BoxBeliefs, to_centre
from chronopose.tracking.matching import assign, carried, similarity

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

_SIGMA = 0.079  # the OKS constant of a shoulder, for joints that no skeleton describes
_LOST_PREFERENCE = 0.7  # who was seen in the last look goes first: a person in front must not take the id of one behind
_STATE_VERSION = 1


class Detections(NamedTuple):
    """The persons found in one frame, in image pixels.

    `boxes` (N, 4) float32 x1, y1, x2, y2; `scores` (N,) in [0, 1]; `xy` (N, K, 2) joints, NaN where unknown, and
    `joint_scores` (N, K), both None where the detector knows no joints; `ids` (N,) where whoever gave the boxes knows
    who is who, and None otherwise. Boxes with ids need no tracker.
    """

    boxes: Floats
    scores: Floats
    xy: Floats | None = None
    joint_scores: Floats | None = None
    ids: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackedBox:
    """One person in one frame.

    Attributes:
        id: the person's, from 0, never given twice by one tracker.
        box: (4,) float32 x1, y1, x2, y2: the detection's own box, or the predicted one.
        score: of the detection, or of the last one.
        detected: False where the box is predicted.
        index: position of the detection in what `update` was given; -1 where the box is predicted.
    """

    id: int
    box: Floats
    score: float
    detected: bool
    index: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerConfig:
    """How detections become persons.

    Args:
        high_score: detections from here up are matched first.
        low_score: detections from here up to `high_score` may continue a person on show; weaker ones are dropped.
        new_score: least score that starts a new person.
        min_similarity: least similarity of a match, in 0 to 1.
        low_similarity: least similarity of a match with a weak detection.
        patience: frames a lost person is remembered.
        coast: frames a person whom the detector missed is still reported.
        confirm: frames a new person must be there, and never missed, before being reported; not asked of those in the
            first look. Frames without a look count: rather a false alarm for a moment than a person shown late.
        oks_weight: share of the joints in the similarity, where both sides have joints; 0 looks at boxes only.
        joint_score: joints below this score are taken as unknown.
    """

    high_score: float = 0.5
    low_score: float = 0.1
    new_score: float = 0.6
    min_similarity: float = 0.2
    low_similarity: float = 0.4
    patience: int = 30
    coast: int = 2
    confirm: int = 2
    oks_weight: float = 0.6
    joint_score: float = 0.3

    def __post_init__(self) -> None:
        shares = ("high_score", "low_score", "new_score", "min_similarity", "low_similarity", "oks_weight")
        for name in (*shares, "joint_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"tracker: {name} must lie in 0 to 1, got {getattr(self, name)}")
        for name, least in (("patience", 0), ("coast", 0), ("confirm", 1)):
            if getattr(self, name) < least:
                raise InputError(f"tracker: {name} must be at least {least} frames, got {getattr(self, name)}")
        if self.low_score > self.high_score:
            raise InputError(f"tracker: low_score {self.low_score} must not exceed high_score {self.high_score}")
        if self.new_score < self.high_score:
            raise InputError(f"tracker: new_score {self.new_score} must not be below high_score {self.high_score}")


@dataclass(slots=True, eq=False)
class _Person:
    """What is remembered of one person besides the Kalman filter's beliefs; `id` is -1 until first reported."""

    id: int
    born: int
    lost_since: int | None
    score: float
    box: Floats  # (4,) as last detected
    xy: Array | None  # (K, 2) as last detected, NaN where unknown
    index: int = -1  # of this frame's detection


class Tracker:
    """Gives ids to detections, frame after frame. Deterministic, and indifferent to the order of detections.

    Args:
        config: how detections become persons.
        skeleton: of the joints that come with detections, for their OKS constants; without it all joints count alike.
    """

    def __init__(self, config: TrackerConfig | None = None, skeleton: Skeleton | None = None) -> None:
        self.config = config or TrackerConfig()
        self._sigmas = None if skeleton is None else np.array(skeleton.sigmas)
        self._persons: list[_Person] = []
        self._beliefs = BoxBeliefs.none()  # row i belongs to self._persons[i], whatever its id
        self._frame: int | None = None
        self._looked = False  # whether any frame was shown to the detector yet
        self._next_id = 0

    def __len__(self) -> int:
        """How many persons are remembered, lost ones included."""
        return len(self._persons)

    def update(self, frame: int, detections: Detections | None) -> tuple[TrackedBox, ...]:
        """The persons of a frame, by ascending id.

        Args:
            frame: its index; greater than in the call before, gaps are allowed.
            detections: what the detector found, possibly nothing; None where the detector was not run, and then all
                persons on show are reported where they are predicted to be.

        Raises:
            ValueError: the frame does not follow, or a box is not finite or is inside out.
        """
        if self._frame is not None and frame <= self._frame:
            raise ValueError(f"frames must ascend: frame {frame} after frame {self._frame}")
        # Checked before anything changes, so that a bad frame leaves the tracker as it was.
        seen = None if detections is None else _Seen.of(detections, self.config.joint_score, self._sigmas, self._joints)
        self._beliefs = self._beliefs.predict(0 if self._frame is None else frame - self._frame)
        self._frame = frame
        self._keep([p.lost_since is None or frame - p.lost_since <= self.config.patience for p in self._persons])
        for person in self._persons:
            person.index = -1
        if seen is not None:
            self._look(frame, seen)
        return self._report(frame)

    def state(self) -> dict[str, Any]:
        """All that the tracker remembers, fit for JSON; floats survive exactly, unknown joints are None."""
        persons = [
            {
                "id": person.id,
                "born": person.born,
                "lost_since": person.lost_since,
                "score": person.score,
                "box": person.box.tolist(),
                "xy": None if person.xy is None else [None if np.isnan(p).any() else p.tolist() for p in person.xy],
                "mean": self._beliefs.mean[row].tolist(),
                "cov": self._beliefs.cov[row].tolist(),
            }
            for row, person in enumerate(self._persons)
        ]
        return {
            "version": _STATE_VERSION,
            "frame": self._frame,
            "looked": self._looked,
            "next_id": self._next_id,
            "sigmas": None if self._sigmas is None else self._sigmas.tolist(),
            "persons": persons,
        }

    @classmethod
    def restore(cls, config: TrackerConfig, state: Mapping[str, Any]) -> "Tracker":
        """A tracker that goes on exactly where the one that gave `state` stood.

        Raises:
            InputError: `state` is not what `state()` gives.
        """
        tracker = cls(config)
        try:
            if state["version"] != _STATE_VERSION:
                raise InputError(f"tracker state: version {state['version']!r} found, {_STATE_VERSION} wanted")
            tracker._frame, tracker._looked = state["frame"], bool(state["looked"])
            tracker._next_id = int(state["next_id"])
            tracker._sigmas = None if state["sigmas"] is None else np.array(state["sigmas"], dtype=np.float64)
            for row in state["persons"]:
                tracker._persons.append(
                    _Person(
                        id=int(row["id"]),
                        born=int(row["born"]),
                        lost_since=row["lost_since"],
                        score=float(row["score"]),
                        box=np.array(row["box"], dtype=np.float32).reshape(4),
                        xy=None
                        if row["xy"] is None
                        else np.array([p or (np.nan,) * 2 for p in row["xy"]]).reshape(-1, 2),
                    )
                )
            tracker._beliefs = BoxBeliefs(
                np.array([row["mean"] for row in state["persons"]], dtype=np.float64).reshape(-1, 4, 2),
                np.array([row["cov"] for row in state["persons"]], dtype=np.float64).reshape(-1, 4, 3),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"tracker state: {type(error).__name__} {error}; wanted what Tracker.state gave") from None
        return tracker

    @property
    def _joints(self) -> int | None:
        """K, where it is settled: by the skeleton, or by the joints seen before."""
        if self._sigmas is not None:
            return len(self._sigmas)
        return next((len(person.xy) for person in self._persons if person.xy is not None), None)

    def _keep(self, which: list[bool]) -> None:
        self._persons = [person for person, kept in zip(self._persons, which) if kept]
        self._beliefs = self._beliefs.take(np.array(which, dtype=np.bool_))

    def _look(self, frame: int, seen: "_Seen") -> None:
        """Gives detections to persons, lets go of the persons missed, starts new ones."""
        config = self.config
        alike = self._similarity(seen)
        lost = np.array([person.lost_since is not None for person in self._persons], dtype=np.bool_)
        preference = np.where(lost, _LOST_PREFERENCE, 1.0)[:, None]
        strong = seen.scores >= config.high_score
        weak = (seen.scores >= config.low_score) & ~strong

        match = np.full(len(self._persons), -1, dtype=np.intp)  # person -> detection
        everyone = np.ones(len(match), dtype=np.bool_)
        assign(match, alike, preference, everyone, strong, config.min_similarity)
        on_show = np.array([p.id >= 0 and self._visible(p, frame) for p in self._persons], dtype=np.bool_)
        assign(match, alike, preference, on_show, weak, config.low_similarity)

        found = np.flatnonzero(match >= 0)
        self._beliefs = self._beliefs.put(found, self._beliefs.take(found).update(seen.boxes[match[found]]))
        for row in found:
            person, detection = self._persons[row], match[row]
            person.lost_since = None
            person.score, person.index = float(seen.scores[detection]), int(seen.order[detection])
            if seen.xy is not None:
                person.xy = seen.xy[detection]
            elif person.xy is not None:
                person.xy = carried(person.xy, person.box, seen.boxes[detection])
            person.box = seen.boxes[detection]
        self._beliefs = self._beliefs.hold_size(match < 0)
        for row in np.flatnonzero(match < 0):
            if self._persons[row].lost_since is None:
                self._persons[row].lost_since = frame
        # Who was never reported and is missed at once was most likely nobody.
        self._keep([bool(match[row] >= 0) or person.id >= 0 for row, person in enumerate(self._persons)])

        fresh = np.flatnonzero(strong & (seen.scores >= config.new_score) & ~np.isin(np.arange(len(strong)), match))
        self._beliefs = self._beliefs.join(BoxBeliefs.born(seen.boxes[fresh]))
        # Those of the first look get the age of the confirmed: no video loses its first frames.
        born = frame if self._looked else frame - config.confirm + 1
        for detection in fresh:
            xy = None if seen.xy is None else seen.xy[detection]
            score, index = float(seen.scores[detection]), int(seen.order[detection])
            self._persons.append(_Person(-1, born, None, score, seen.boxes[detection], xy, index))
        self._looked = True

    def _visible(self, person: _Person, frame: int) -> bool:
        return person.lost_since is None or frame - person.lost_since < self.config.coast

    def _report(self, frame: int) -> tuple[TrackedBox, ...]:
        shown = []
        boxes = self._beliefs.boxes
        for row, person in enumerate(self._persons):
            if person.id < 0 and frame - person.born + 1 >= self.config.confirm:
                person.id = self._next_id
                self._next_id += 1
            if person.id < 0 or not self._visible(person, frame):
                continue
            found = person.index >= 0
            box = person.box.copy() if found else _of_like_size(boxes[row], person.box)
            shown.append(TrackedBox(person.id, box, person.score, found, person.index))
        return tuple(sorted(shown, key=lambda box: box.id))

    def _similarity(self, seen: "_Seen") -> Array:
        """(N persons, M detections) similarity in 0 to 1."""
        predicted = self._beliefs.boxes
        # Uncertainty widens the boxes; past one body height it would reach for anybody.
        pad = np.minimum(self._beliefs.centre_std, self._beliefs.height[:, None])
        lost = np.flatnonzero([person.lost_since is not None for person in self._persons])
        places = [predicted]
        if len(lost):
            # Who left the picture comes back where they left it, not where their velocity carried the prediction.
            places.append(predicted.copy())
            places[1][lost] = [self._persons[row].box for row in lost]
        sigmas = np.full(0 if seen.xy is None else seen.xy.shape[1], _SIGMA) if self._sigmas is None else self._sigmas
        best = np.zeros((len(predicted), len(seen.boxes)))
        for boxes in places:
            joints = self._joints_at(boxes, len(sigmas)) if self.config.oks_weight and seen.xy is not None else None
            alike = similarity(boxes, pad, joints, seen.boxes, seen.xy, sigmas, self.config.oks_weight)
            best = np.maximum(best, alike)
        return best

    def _joints_at(self, boxes: Array, joints: int) -> Array:
        """(N, K, 2) the persons' last joints moved along with their boxes, NaN where unknown."""
        moved = np.full((len(self._persons), joints, 2), np.nan)
        for row, person in enumerate(self._persons):
            if person.xy is not None:
                moved[row] = carried(person.xy, person.box, boxes[row])
        return moved


def relabel(sequence: PoseSequence, config: TrackerConfig | None = None) -> PoseSequence:
    """The same poses with new ids: tracks saved poses by box and joints, without running a model.

    A saved pose has been shown already, so `confirm` is taken as 1. A pose that can be followed to no person, because
    its score is low or because it has neither box nor joints, gets the id None.
    """
    tracker = Tracker(replace(config or TrackerConfig(), confirm=1), sequence.skeleton)
    frames = []
    for frame in sequence:
        boxes = [p.box if np.isfinite(p.box).all() else box_of_points(p.xy, p.score) for p in frame.poses]
        usable = [i for i, box in enumerate(boxes) if np.isfinite(box).all()]
        detections = Detections(
            np.array([boxes[i] for i in usable], dtype=np.float32).reshape(-1, 4),
            np.array([frame.poses[i].box_score for i in usable], dtype=np.float32),
            np.array([frame.poses[i].xy for i in usable], dtype=np.float32).reshape(-1, len(sequence.skeleton), 2),
            np.array([frame.poses[i].score for i in usable], dtype=np.float32).reshape(-1, len(sequence.skeleton)),
        )
        ids = {usable[b.index]: b.id for b in tracker.update(frame.frame, detections) if b.detected}
        poses: list[Pose] = [replace(pose, track_id=ids.get(i)) for i, pose in enumerate(frame.poses)]
        frames.append(FramePoses(frame.frame, frame.time_s, tuple(poses)))
    return PoseSequence(info=sequence.info, skeleton=sequence.skeleton, frames=tuple(frames))


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Detections, checked and in an order of their own, so that the order they came in changes nothing."""

    boxes: Floats
    scores: Floats
    xy: Array | None  # NaN where unknown or below the least joint score
    order: Indices  # where each stood in what was given

    @classmethod
    def of(cls, given: Detections, joint_score: float, sigmas: Array | None, joints: int | None) -> "_Seen":
        boxes = np.asarray(given.boxes, dtype=np.float32).reshape(-1, 4)
        scores = np.asarray(given.scores, dtype=np.float32).reshape(-1)
        if len(scores) != len(boxes):
            raise ValueError(f"detections: {len(boxes)} boxes but {len(scores)} scores")
        for i in np.flatnonzero(~np.isfinite(boxes).all(-1) | ~np.isfinite(scores)):
            raise ValueError(f"detections: box {i} must be finite, got {boxes[i].tolist()} with score {scores[i]}")
        for i in np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(-1)):
            raise ValueError(f"detections: box {i} must be x1 <= x2, y1 <= y2, got {boxes[i].tolist()}")
        order = np.lexsort((*boxes.T[::-1], -scores))
        xy: Array | None = None
        if given.xy is not None:
            xy = np.array(given.xy, dtype=np.float64)
            wanted = (len(boxes), *xy.shape[1:2], 2)
            if xy.shape != wanted or (len(boxes) and joints not in (None, xy.shape[1])):
                raise ValueError(f"detections: joints want shape ({len(boxes)}, {joints or 'K'}, 2), got {xy.shape}")
            if given.joint_scores is not None:
                xy[np.asarray(given.joint_scores) < joint_score] = np.nan
            xy[~np.isfinite(xy).all(-1)] = np.nan
            xy = xy[order] if len(boxes) else None
        return cls(boxes[order], scores[order], xy, order)


def _of_like_size(box: Array, last: Floats) -> Floats:
    """`box` (4,) with sides of half to twice those `last` seen: a size extrapolated for long runs off."""
    (here,), (before,) = to_centre(box), to_centre(last)
    half = np.clip(here[2:], before[2:] / 2, before[2:] * 2) / 2
    return np.concatenate([here[:2] - half, here[:2] + half]).astype(np.float32)
