"""Frames in, poses out, with bounded look-ahead and flat memory: the one road for files, cameras and programs.

Frames arrive in chunks. The detector sees the chunk's frames at once, the tracker turns boxes into persons frame by
frame, and every frame whose window is complete is then answered: the crops that its windows lack are cut and encoded
in one packed batch over persons and frames, and all windows are fused in one call.

A feature belongs to a frame and an *anchor*, the box that the frame was cropped with. With `crop="exact"` each key
frame's own box is the anchor of its whole window, as the paper has it, and a frame is encoded once for every key frame
that shows it. With `crop="locked"` a person keeps an anchor until the box has drifted from it by more than `drift`. A
model that can move its features (`Runtime.moving`) is then shown each frame as it was encoded in the frame's own
anchor, moved to the key frame's: every frame is encoded once, however a person walks. For others, and where a box
jumps, the frames around a key frame with a new anchor are encoded anew. All are the same code: exact is a drift of 0,
and nothing moved.

A window model is asked for all windows of a chunk in one call. A recurrent model is shown single frames: those of a
chunk are encoded in one batch too, then fused one after the other, all persons of a frame together, each from the state
that the last frame left. It encodes every frame once in any case, so nothing is locked for it: an anchor would save
nothing and cost about a point of PCK@0.1 (benchmarks/streaming.md). Its state tells of places in the crop, and a box
that moves shifts them a little. It is kept all the same: joints in sight are found anew in every frame, training clips
sway a little too, and for a hidden joint a place that is off by a tenth of the person is worth more than none. What a
state does not outlive is an absence or a jump of the box, see `states.TrackStates`.

A crop that looks like the one last encoded in the same anchor is not encoded again, and a whole frame that looks like
the one before is not shown to the detector: a still picture costs its decoding and its crops, and little else.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

import numpy as np

from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Frame, FramePoses, Pixels, Pose
from chronopose.inference.features import Features, Slot, alike, crops_of
from chronopose.inference.persons import Anchor, Anchors, Person
from chronopose.inference.predictor import Joints, Predictor, in_image
from chronopose.inference.stages import Measure, unmeasured
from chronopose.inference.states import TrackStates
from chronopose.runtimes.contract import on_host
from chronopose.tracking.detector import BoxFile, Detector
from chronopose.tracking.tracker import Detections, Tracker, TrackerConfig


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How a stream looks for persons and crops them.

    Args:
        crop: "locked" encodes each frame once while a person stays near an anchor box, and always where the model
            moves its features; "exact" crops every window with its key frame's own box, as is always done for
            recurrent models.
        drift: how far a box may stray from its anchor before it is anchored anew: its centre, as a fraction of the
            crop's longer side, or the crop's size. The swing of a walker's arms changes neither.
        detect_every: run the detector on every N-th frame; the tracker predicts the boxes between.
        lag: frames of look-ahead at most; None gives the model all that it wants. Less makes the answer earlier: the
            newest frame stands in for the ones not seen.
        chunk: frames handled together; 1 answers as early as can be.
        max_persons: the persons answered in a frame, those with the highest scores; None for all.
        forget_after: frames without an answer after which a recurrent model begins anew with a person, at most the
            tracker's patience.
        jump_iou: overlap with the box of the person's last answer below which a recurrent model begins anew.
        still: two pictures are taken for the same one if no colour of a pixel differs by more than this, of 255. 0
            asks for the very same pixels and changes no answer, None never compares. More spares the encoder where a
            camera's noise is all that moves; answers after a resume may then differ by what such a difference is worth.
        tracker: how boxes become persons.
    """

    crop: Literal["locked", "exact"] = "locked"
    drift: float = 0.05
    detect_every: int = 1
    lag: int | None = None
    chunk: int = 8
    max_persons: int | None = None
    forget_after: int = 5
    jump_iou: float = 0.3
    still: int | None = 0
    tracker: TrackerConfig = field(default_factory=TrackerConfig)

    def __post_init__(self) -> None:
        if self.crop not in ("locked", "exact"):
            raise InputError(f"crop must be locked or exact, got {self.crop!r}")
        if not 0 <= self.drift <= 1:
            raise InputError(f"drift must lie in 0 to 1, got {self.drift}")
        if self.detect_every < 1 or self.chunk < 1:
            raise InputError(f"detect_every and chunk must be at least 1, got {self.detect_every} and {self.chunk}")
        if self.lag is not None and self.lag < 0:
            raise InputError(f"lag must be at least 0 frames, got {self.lag}")
        if self.max_persons is not None and self.max_persons < 1:
            raise InputError(f"max_persons must be at least 1, got {self.max_persons}")
        if self.forget_after < 0:
            raise InputError(f"forget_after must be at least 0 frames, got {self.forget_after}")
        if not 0 <= self.jump_iou <= 1:
            raise InputError(f"jump_iou must lie in 0 to 1, got {self.jump_iou}")
        if self.still is not None and not 0 <= self.still <= 255:
            raise InputError(f"still must lie in 0 to 255, or be none, got {self.still}")


class PoseStream:
    """Poses of one video, frame after frame. Use `push` and `flush`, or `over` for a whole source.

    Args:
        predictor: the model.
        detector: finds persons; a `BoxFile` whose boxes carry ids needs no tracker, and none is asked.
        config: see `StreamConfig`.
        measure: of the stages detect, track, crop, encode and fuse.
    """

    def __init__(
        self,
        predictor: Predictor,
        detector: Detector | BoxFile,
        config: StreamConfig,
        measure: Measure = unmeasured,
    ) -> None:
        self.predictor, self.detector, self.config, self.measure = predictor, detector, config, measure
        self.spec = shown(predictor.spec)
        self.skeleton = predictor.skeleton
        wanted = self.spec.look_ahead
        self.look_ahead = wanted if config.lag is None else min(wanted, config.lag)
        patience = config.tracker.patience
        self._tracker = Tracker(config.tracker, getattr(detector, "skeleton", None))
        self._waiting: list[Frame] = []  # not yet shown to the detector
        self._frames: deque[Frame] = deque()  # all that a window may still show
        self._persons: dict[int, tuple[Person, ...]] = {}  # by frame, of all that a window may still show
        locked = config.crop == "locked" and not self.spec.recurrent
        self._moves = locked and predictor.runtime.moving is not None
        self._anchors = Anchors(config.drift if locked else 0.0, patience, self.spec.width / self.spec.height)
        self._states = TrackStates(predictor.runtime, min(config.forget_after, patience), config.jump_iou)
        self._features = Features(predictor, self.spec, config.still, measure)
        self._next_key = 0
        self._tracked = -1  # the newest frame whose persons are known

    def push(self, frame: Frame) -> list[FramePoses]:
        """Takes the next frame; gives the frames answered by it, in order, often none."""
        before = self._waiting or self._frames
        wanted = before[-1].index + 1 if before else self.first_frame
        if frame.index != wanted:
            raise ValueError(f"frames must come one after the other: got frame {frame.index}, wanted {wanted}")
        if frame.index <= self._tracked:  # after a resume: seen by the tracker in the run before
            self._frames.append(frame)
            return []
        self._waiting.append(frame)
        return self._advance(last=False) if len(self._waiting) >= self.config.chunk else []

    def flush(self) -> list[FramePoses]:
        """Answers what is left: the video ends here."""
        return self._advance(last=True)

    def over(self, frames: Iterable[Frame]) -> Iterator[FramePoses]:
        """All poses of a source."""
        for frame in frames:
            yield from self.push(frame)
        yield from self.flush()

    @property
    def encoded(self) -> int:
        """Crops that went through the encoder."""
        return self._features.encoded

    # Going on after a crash -----------------------------------------------------------------------------------------

    @property
    def first_frame(self) -> int:
        """The frame that the first `push` must bring: 0, or the oldest that a resumed stream still shows."""
        return max(self._next_key - self.spec.look_back, 0)

    def state(self) -> dict[str, Any]:
        """What a new stream needs to go on after the frames answered so far: JSON, a few hundred bytes a person.

        Where the model carries states, they are in it and most of it. Taken right after `push` gave its answers. Pixels
        and features are not in it: the new stream is shown the last frames again, from `first_frame` on.
        """
        if self._waiting:
            raise ValueError("the state can be taken at the end of a chunk only")
        anchors = {person.anchor.number: person.anchor for persons in self._persons.values() for person in persons}
        anchors |= {anchor.number: anchor for anchor in self._anchors.current}
        return {
            "next_key": self._next_key,
            "tracked": self._tracked,
            "tracker": self._tracker.state(),
            "anchors": [[anchor.number, *anchor.box.tolist()] for anchor in anchors.values()],
            **self._anchors.state(),
            "persons": [
                [person.frame, person.track, person.anchor.number, person.score, *person.box.tolist()]
                for persons in self._persons.values()
                for person in persons
            ],
            "states": self._states.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` gave in a run before; this stream must be new.

        Raises:
            InputError: `state` is not what `state()` gives.
        """
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"stream state: {type(error).__name__} {error}; wanted what state() gave") from None

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._next_key, self._tracked = int(state["next_key"]), int(state["tracked"])
        self._tracker = Tracker.restore(self.config.tracker, state["tracker"])
        anchors = {int(row[0]): Anchor(int(row[0]), np.array(row[1:5], dtype=np.float32)) for row in state["anchors"]}
        self._anchors.restore(state["next_anchor"], state["current"], anchors)
        self._states.restore(state["states"], self._next_key - 1)
        self._persons = dict.fromkeys(range(self.first_frame, self._tracked + 1), ())
        for frame, track, number, score, *box in state["persons"]:
            anchor = anchors[int(number)]
            person = Person(int(frame), int(track), np.array(box, dtype=np.float32), float(score), anchor)
            self._persons[person.frame] += (person,)

    # One chunk ------------------------------------------------------------------------------------------------------

    def _advance(self, last: bool) -> list[FramePoses]:
        self._find_persons()
        end = self._tracked + 1 if last else self._tracked + 1 - self.look_ahead
        keys = range(self._next_key, max(end, self._next_key))
        answers = self._answer(keys)
        self._next_key = keys.stop
        self._forget()
        return answers

    def _find_persons(self) -> None:
        """Detects and tracks in the waiting frames."""
        with self.measure("detect"):
            found = self._detections()
        for frame in self._waiting:
            with self.measure("track"):
                boxes = self._boxes(frame.index, found.get(frame.index))
            if self.config.max_persons is not None:
                boxes = sorted(boxes, key=lambda one: -one[2])[: self.config.max_persons]
            self._persons[frame.index] = tuple(
                Person(frame.index, track, box, score, self._anchors.of(track, box, frame.index))
                for track, box, score in sorted(boxes, key=lambda one: one[0])
            )
            self._frames.append(frame)
            self._tracked = frame.index
        self._waiting = []

    def _detections(self) -> dict[int, Detections]:
        """What was found in the waiting frames, by frame; a frame that was not looked at is not in it."""
        if isinstance(self.detector, BoxFile):
            return {frame.index: self.detector.at(frame.index) for frame in self._waiting}
        shown: list[Pixels] = []
        place: dict[int, int] = {}  # by frame, of the picture that stands for it
        for frame in self._waiting:
            if frame.index % self.config.detect_every == 0:
                if not shown or not alike(shown[-1], frame.pixels, self.config.still):
                    shown.append(frame.pixels)
                place[frame.index] = len(shown) - 1
        found = self.detector(shown) if shown else []
        return {frame: found[number] for frame, number in place.items()}

    def _boxes(self, frame: int, found: Detections | None) -> list[tuple[int, Floats, float]]:
        """Id, box and score of each person: from the tracker, or from the user where the boxes came with ids."""
        if found is not None and found.ids is not None:
            return [
                (int(i), box, float(score)) for i, box, score in zip(found.ids, found.boxes, found.scores, strict=True)
            ]
        return [(person.id, person.box, person.score) for person in self._tracker.update(frame, found)]

    def _answer(self, keys: range) -> list[FramePoses]:
        asked = [person for key in keys for person in self._persons[key]]
        poses: dict[int, list[Pose]] = {key: [] for key in keys}
        if asked:
            joints = self._joints(asked)
            for row, person in enumerate(asked):
                pose = Pose(
                    skeleton=self.skeleton,
                    xy=joints.xy[row],
                    score=joints.score[row],
                    sigma=None if joints.sigma is None else joints.sigma[row],
                    box=person.box,
                    box_score=person.score,
                    track_id=person.track,
                )
                poses[person.frame].append(pose)
        return [FramePoses(key, self._frame(key).time_s, tuple(poses[key])) for key in keys]

    def _joints(self, asked: Sequence[Person]) -> Joints:
        """The joints of persons in key frames, in their order: one packed encoding, then one call for each round."""
        windows = self._windows(asked)
        self._features.encode((slot for window in windows.values() for slot in window), self._picture)
        outputs = []
        for persons in self._rounds(asked):
            with self.measure("fuse"):
                anchors = [person.anchor for person in persons]
                features = self._features.windows(anchors, [windows[person] for person in persons])
                output, state = self.predictor.fuse(features, self._states.before(persons))
                self._states.after(persons, state)
            outputs.append(output)
        transforms = crops_of([person.anchor.box for person in asked], self.spec)
        return in_image(on_host(self.predictor.runtime, outputs), self.spec.answer, transforms)

    def _rounds(self, asked: Sequence[Person]) -> list[Sequence[Person]]:
        """Who is answered in one call: everybody, or one frame's persons where the next goes on from their states."""
        if not self.spec.recurrent:
            return [asked]
        return [list(persons) for _, persons in groupby(asked, key=lambda person: person.frame)]

    def _windows(self, asked: Sequence[Person]) -> dict[Person, list[Slot]]:
        """What each person's window is made of."""
        own = {}
        if self._moves:
            own = {(one.track, one.frame): one.anchor for persons in self._persons.values() for one in persons}
        return {
            one: [
                Slot(self._anchors.near(own.get((one.track, frame), one.anchor), one.anchor), frame)
                for frame in self._window(one.frame)
            ]
            for one in asked
        }

    def _window(self, key: int) -> tuple[int, ...]:
        return self.spec.window(key, self._frames[0].index, min(self._tracked, key + self.look_ahead))

    def _frame(self, index: int) -> Frame:
        return self._frames[index - self._frames[0].index]

    def _picture(self, index: int) -> Pixels:
        return self._frame(index).pixels

    def _forget(self) -> None:
        """Lets go of frames, persons, features and anchors that no window will show again."""
        oldest = self.first_frame
        while len(self._frames) > 1 and self._frames[0].index < oldest:
            self._frames.popleft()
        self._persons = {frame: persons for frame, persons in self._persons.items() if frame >= oldest}
        self._anchors.forget(self._tracked)
        self._states.forget(self._next_key - 1)
        used = {person.anchor.number for persons in self._persons.values() for person in persons}
        used |= {anchor.number for anchor in self._anchors.current}
        self._features.forget(oldest, used)


def shown(spec: ClipSpec) -> ClipSpec:
    """What a stream shows a model at once: its window, or single frames where a state leads from each to the next."""
    return replace(spec, offsets=(0,), predicts=(0,)) if spec.recurrent else spec
