"""Pictures of a data set in which nobody is labelled: what is found there is wrong."""

from collections.abc import Iterable, Sequence

import numpy as np

from chronopose.clips.spec import LabelledClip
from chronopose.core.types import Pixels
from chronopose.data.coco import CocoPeople
from chronopose.data.videos import Key, VideoClips
from chronopose.evaluation.boxes import Picture


class Unlabelled:
    """Those of a data set's pictures that show none of its persons, as a data set with nobody's joints.

    Args:
        dataset: to which the pictures belong.
        pictures: that were given to the annotators.
    """

    def __init__(self, dataset: CocoPeople | VideoClips, pictures: Iterable[Picture]) -> None:
        self.name, self.skeleton = dataset.name, dataset.skeleton
        shown = {dataset.key(index)[:2] for index in range(len(dataset))}
        self._dataset, self._pictures = dataset, [picture for picture in pictures if picture not in shown]
        videos = dataset.videos if isinstance(dataset, VideoClips) else ()
        self._place = {video.name: place for place, video in enumerate(videos)}

    def __len__(self) -> int:
        return len(self._pictures)

    def key(self, index: int) -> Key:
        """The picture, and nobody."""
        return Key(*self._pictures[index], -1)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The frames around picture `index`, or the photograph once for every offset."""
        shape = (len(offsets), len(self.skeleton))
        return LabelledClip(
            name=f"{self.name}/{self._pictures[index]}",
            frames=self._frames(*self._pictures[index], offsets),
            skeleton=self.skeleton,
            xy_image=np.full((*shape, 2), np.nan, dtype=np.float32),
            visible=np.zeros(shape, dtype=bool),
            box=np.full(4, np.nan, dtype=np.float32),
        )

    def _frames(self, video: str, frame: int, offsets: Sequence[int]) -> tuple[Pixels, ...]:
        if isinstance(self._dataset, CocoPeople):
            return (self._dataset.photograph(frame).pixels,) * len(offsets)
        place = self._place[video]
        last = self._dataset.videos[place].length - 1
        return tuple(self._dataset.frames.frame(place, min(max(frame + offset, 0), last)) for offset in offsets)
