"""Clips of rendered people from a folder of `formats.shards`: one example for each person who can be seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, Skeleton
from chronopose.core.types import Floats
from chronopose.formats.shards import SEEN, Shards


def joint_order(skeleton: Skeleton, joints: Sequence[str]) -> NDArray[np.intp]:
    """(K,) where each of a skeleton's joints stands among `joints`; one named "schema:joint" goes before "joint"."""
    place = {joint: index for index, joint in enumerate(joints)}
    found = [place.get(f"{skeleton.name}:{joint}", place.get(joint, -1)) for joint in skeleton.joints]
    missing = [joint for joint, at in zip(skeleton.joints, found) if at < 0]
    if missing:
        raise InputError(f"the rendered clips have no {', '.join(missing)} for skeleton {skeleton.name}")
    return np.array(found, dtype=np.intp)


class RenderedClips:
    """A data set of rendered clips: every person of whom enough can be seen in a clip's key frame is an example.

    A box is cut at the frame's edge, as a detector gives it. Joints keep their exact places where they are hidden or
    outside the frame; `visible` is true of those that can be seen.

    Args:
        folder: of the files, as `chronopose synth` writes them.
        skeleton: name of the skeleton that labels are given in, from `core.skeleton.SKELETONS`.
        at_least_seen: persons of whom a smaller share can be seen in the key frame are left out.
        smallest_px: persons whose cut box has no side as long as this are left out.
        name: of the data set, for reports.

    Attributes:
        shards: the clips themselves.
        examples: (N, 2) int32 clip and person of every example.
    """

    def __init__(
        self,
        folder: Path,
        skeleton: str = "posetrack-15",
        at_least_seen: float = 0.4,
        smallest_px: float = 24.0,
        name: str = "rendered",
    ) -> None:
        if skeleton not in SKELETONS:
            raise InputError(f"no skeleton called {skeleton!r}; skeletons are {', '.join(SKELETONS)}")
        if not 0 <= at_least_seen <= 1:
            raise InputError(f"at_least_seen must lie in 0 to 1, got {at_least_seen}")
        self.name = name
        self.skeleton = SKELETONS[skeleton]
        self.shards = Shards(folder)
        self.order = joint_order(self.skeleton, self.shards.joints)
        people = self.shards.key_frames
        boxes = cut(people.boxes, self.shards.size)
        sides = boxes[:, 2:] - boxes[:, :2]
        # A box of NaN, of somebody behind the camera, fails every comparison.
        usable = (people.seen >= at_least_seen) & (sides > 0).all(axis=1) & (sides.max(axis=1) >= smallest_px)
        self.examples = np.stack([people.clip, people.person], axis=1)[usable]
        self.boxes = boxes[usable]

    def __len__(self) -> int:
        return len(self.examples)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window of example `index` around its clip's key frame; only the frames asked for are decoded."""
        clip, person = self._place(index)
        key, last = int(self.shards.key_frames.key[clip]), int(self.shards.key_frames.length[clip]) - 1
        times = [min(max(key + offset, 0), last) for offset in offsets]
        record = self.shards.clip(clip, times)
        return LabelledClip(
            name=f"{self.name}/{clip}/{person}",
            frames=tuple(record.frames),
            skeleton=self.skeleton,
            xy_image=record.xy[times, person][:, self.order],
            visible=record.visible[times, person][:, self.order] == SEEN,
            box=self.boxes[index].copy(),
        )

    def visibility(self, index: int) -> NDArray[np.uint8]:
        """(K,) of example `index` in the key frame: 0 outside the frame, 1 hidden, 2 seen."""
        clip, person = self._place(index)
        record = self.shards.clip(clip, ())
        values: NDArray[np.uint8] = record.visible[record.key, person, self.order]
        return values

    def blur(self, index: int) -> Floats:
        """(K,) float32 pixels that each joint of example `index` moves during the exposure of the key frame."""
        clip, person = self._place(index)
        record = self.shards.clip(clip, ())
        values: Floats = record.blur[record.key, person, self.order]
        return values

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise InputError(f"{self.name}: example must lie in 0 to {len(self) - 1}, got {index}")
        clip, person = self.examples[index]
        return int(clip), int(person)


def cut(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Boxes (..., 4) cut at the edges of a picture of `size` (width, height), as a detector would give them."""
    width, height = size
    return np.clip(boxes, -0.5, np.array([width, height, width, height], dtype=np.float32) - 0.5)
