"""Labelled videos: who is where in which frame, as every data set of videos gives it, and training clips of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_around, inside
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats
from chronopose.data.frames import FrameStore


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledPerson:
    """One person of a video, in the N frames in which he or she is labelled.

    Attributes:
        track_id: of the person in the video.
        frames: (N,) int64 places in the video's frames, from 0, ascending.
        xy_image: (N, K, 2) float32 0-based pixels, NaN where not labelled; joints may lie outside the image.
        visible: (N, K) bool, False where hidden or not labelled.
        box: (N, 4) float32 x1, y1, x2, y2 of the whole person, not enlarged.
        head_box: (N, 4) float32 of the head where the data set has it (PoseTrack), else None.
    """

    track_id: int
    frames: NDArray[np.int64]
    xy_image: Floats
    visible: NDArray[np.bool_]
    box: Floats
    head_box: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledVideo:
    """One video and everybody labelled in it.

    Attributes:
        name: of the video in its data set.
        images: one picture for each frame, in order; or a video file.
        length: number of frames T.
        size: width and height in pixels, None where the labels do not say.
        labelled: (T,) bool, the frames that were given to the annotators. A labelled frame may show nobody.
        persons: everybody labelled.
    """

    name: str
    images: tuple[Path, ...] | Path
    length: int
    size: tuple[int, int] | None
    labelled: NDArray[np.bool_]
    persons: tuple[LabelledPerson, ...]


def of_one_person(
    name: str,
    images: tuple[Path, ...] | Path,
    size: tuple[int, int] | None,
    xy_image: Floats,
    visible: NDArray[np.bool_],
    box: Floats,
) -> LabelledVideo:
    """A video whose one person is labelled in each of its T frames: joints (T, K, 2), visible (T, K), box (T, 4)."""
    length = len(xy_image)
    person = LabelledPerson(track_id=0, frames=np.arange(length), xy_image=xy_image, visible=visible, box=box)
    return LabelledVideo(
        name=name, images=images, length=length, size=size, labelled=np.ones(length, dtype=bool), persons=(person,)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Something in a data set's folder that is not as its owners' documentation says.

    Attributes:
        file: in which it is.
        where: annotation, id and field; empty where the whole file is meant.
        what: is wrong, and what happens with it ("left out", "the previous box is taken", ...).
        known: whether the owners' release has it everywhere, as opposed to a damaged copy.
    """

    file: Path
    where: str
    what: str
    known: bool = False


class Key(NamedTuple):
    """Which person of which frame an example is: name of the video, place of the frame in it, id of the person."""

    video: str
    frame: int
    track_id: int


class VideoClips:
    """One example for each person in every `every`-th labelled frame, if enough joints lie inside the image.

    Joints outside the image are unknown. The window goes on into frames without labels, whose joints are all unknown,
    and stops at the ends of the video. The box is the person's own; where there is none, that of the joints inside the
    image with room around, as in LSP-extended. Examples go by video, then frame, then person.

    Args:
        name: of the data set.
        skeleton: of the labels.
        videos: with their labels.
        every: distance of the key frames, counted in labelled frames.
        at_least: persons with fewer joints inside the image are left out.
        cache_mb: see `data.frames.FrameStore`.
        packed: see there.

    Attributes:
        examples: (N, 3) int64 place of the video, of the person among its persons, and of the key frame among those
            the person is labelled in.
        frames: of the videos.
    """

    def __init__(
        self,
        name: str,
        skeleton: Skeleton,
        videos: Sequence[LabelledVideo],
        every: int = 1,
        at_least: int = 6,
        cache_mb: int = 512,
        packed: Path | None = None,
    ) -> None:
        if every < 1:
            raise InputError(f"every must be at least 1, got {every}")
        if at_least < 1:
            raise InputError(f"at_least must be at least 1 joint, got {at_least}")
        self.name, self.skeleton, self.videos = name, skeleton, tuple(videos)
        self.frames = FrameStore(self.videos, cache_mb=cache_mb, packed=packed)
        found = [self._examples(place, every, at_least) for place in range(len(self.videos))]
        self.examples = np.concatenate([np.zeros((0, 3), dtype=np.int64), *found])

    def __len__(self) -> int:
        return len(self.examples)

    def key(self, index: int) -> Key:
        """Which person of which frame example `index` is."""
        video, person, row = self._found(index)
        return Key(video.name, int(person.frames[row]), person.track_id)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window of example `index`; offsets past the video's ends give its first or last frame."""
        video, person, row = self._found(index)
        place, key = int(self.examples[index, 0]), int(person.frames[row])
        numbers = np.clip(key + np.asarray(offsets, dtype=np.int64), 0, video.length - 1)
        rows = np.minimum(np.searchsorted(person.frames, numbers), len(person.frames) - 1)
        labelled = (person.frames[rows] == numbers)[:, None]
        size = self.frames.size(place)
        known = labelled & inside(person.xy_image[rows], size)
        box = person.box[row].copy()
        if np.isnan(box).any():
            xy = person.xy_image[row]
            box = box_around(np.where(inside(xy, size)[:, None], xy, np.nan))
        who = f"/{person.track_id}" if len(video.persons) > 1 else ""
        return LabelledClip(
            name=f"{self.name}/{video.name}/{key}{who}",
            frames=tuple(self.frames.frame(place, number) for number in numbers.tolist()),
            skeleton=self.skeleton,
            xy_image=np.where(known[..., None], person.xy_image[rows], np.nan),
            visible=known & person.visible[rows],
            box=box,
        )

    def _found(self, index: int) -> tuple[LabelledVideo, LabelledPerson, int]:
        place, person, row = self.examples[index].tolist()
        return self.videos[place], self.videos[place].persons[person], row

    def _examples(self, place: int, every: int, at_least: int) -> NDArray[np.int64]:
        """(N, 3) the rows of `examples` of one video."""
        video = self.videos[place]
        taken = np.zeros(video.length, dtype=bool)
        taken[np.flatnonzero(video.labelled)[::every]] = True
        found = [np.zeros((0, 3), dtype=np.int64)]
        frames = [np.zeros(0, dtype=np.int64)]
        for number, person in enumerate(video.persons):
            enough = inside(person.xy_image, self.frames.size(place)).sum(axis=-1) >= at_least
            rows = np.flatnonzero(enough & taken[person.frames])
            found.append(np.stack([np.full_like(rows, place), np.full_like(rows, number), rows], axis=1))
            frames.append(person.frames[rows])
        examples: NDArray[np.int64] = np.concatenate(found)[np.argsort(np.concatenate(frames), kind="stable")]
        return examples
