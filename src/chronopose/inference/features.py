"""What crops look like to the model: each encoded once, kept while a window may show it, told for the key frame's box.

A crop that looks like the one last encoded in the same anchor is not encoded again.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.crop import cut
from chronopose.clips.spec import ClipSpec
from chronopose.core.geometry import crop_to_image
from chronopose.core.types import Floats, Pixels
from chronopose.inference.persons import Anchor
from chronopose.inference.predictor import Predictor
from chronopose.inference.stages import Measure
from chronopose.runtimes.contract import Rows


class Slot(NamedTuple):
    """A frame of a person's window, and the anchor that it is encoded in."""

    anchor: Anchor
    frame: int

    @property
    def place(self) -> tuple[int, int]:
        """What its features are known by."""
        return self.anchor.number, self.frame


@dataclass(slots=True, eq=False)
class _Look:
    """A crop and its features, which serve all frames in which the crop looks the same."""

    crop: Pixels
    feature: Rows | None = None  # (1, ...)


class Features:
    """The features of a stream's crops.

    Args:
        predictor: what encodes them.
        spec: what the model is shown.
        still: see `StreamConfig`.
        measure: of the stages crop and encode.

    Attributes:
        encoded: crops that went through the encoder.
    """

    def __init__(self, predictor: Predictor, spec: ClipSpec, still: int | None, measure: Measure) -> None:
        self._predictor, self._spec, self._still, self._measure = predictor, spec, still, measure
        self._known: dict[tuple[int, int], Rows] = {}  # (1, ...) by anchor number and frame
        self._looks: dict[int, _Look] = {}  # the last one, by anchor number
        self.encoded = 0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._known)

    def encode(self, slots: Iterable[Slot], picture: Callable[[int], Pixels]) -> None:
        """Cuts and encodes what is not known yet, in one packed batch; `picture` gives a frame's pixels."""
        places = {slot.place: slot.anchor.box for slot in slots}
        missing = {place: box for place, box in places.items() if place not in self._known}
        if not missing:
            return
        pixels = [picture(frame) for _, frame in missing]
        with self._measure("crop"):
            transforms = crops_of(list(missing.values()), self._spec)
            crops = cut(pixels, transforms, self._spec.height, self._spec.width)
        with self._measure("encode"):
            looks = [self._look(number, crop) for (number, _), crop in zip(missing, crops, strict=True)]
            fresh = [look for look in dict.fromkeys(looks) if look.feature is None]
            if fresh:
                shown = crops if len(fresh) == len(crops) else np.stack([look.crop for look in fresh])
                features = self._predictor.encode(shown)
                for row, look in enumerate(fresh):
                    look.feature = features[row : row + 1]
                    look.crop = look.crop.copy()  # so as not to keep all crops for one
        for place, look in zip(missing, looks):
            assert look.feature is not None
            self._known[place] = look.feature
        self.encoded += len(fresh)

    def windows(self, keys: Sequence[Anchor], windows: Sequence[Sequence[Slot]]) -> Rows:
        """Features (B, T, ...) of windows, told for the anchors (B,) of their key frames."""
        slots = [slot for window in windows for slot in window]
        features = self._predictor.runtime.joined([self._known[slot.place] for slot in slots])
        anchors = [key for key, window in zip(keys, windows, strict=True) for _ in window]
        away = [row for row, slot in enumerate(slots) if slot.anchor.number != anchors[row].number]
        if away:
            before = crops_of([slots[row].anchor.box for row in away], self._spec)
            after = crops_of([anchors[row].box for row in away], self._spec)
            features[away] = self._predictor.moved(features[away], before, after)
        return features.reshape(len(keys), -1, *features.shape[1:])

    def forget(self, oldest: int, used: Collection[int]) -> None:
        """Lets go of frames before `oldest`, and of anchors that are not among those `used`, by number."""
        self._known = {
            (number, frame): feature
            for (number, frame), feature in self._known.items()
            if frame >= oldest and number in used
        }
        # What no feature tells of, a resumed stream would not know either.
        held = {number for number, _ in self._known}
        self._looks = {number: look for number, look in self._looks.items() if number in held}

    def _look(self, anchor: int, crop: Pixels) -> _Look:
        """The look that an anchor's crop has: the last one, or a new one."""
        look = self._looks.get(anchor)
        if look is None or not alike(look.crop, crop, self._still):
            look = self._looks[anchor] = _Look(crop)
        return look


def alike(one: Pixels, other: Pixels, most: int | None) -> bool:
    """Whether no colour of a pixel differs by more than `most`; never where that is None."""
    if most is None or one.shape != other.shape:
        return False
    for step in (16, 1):  # a few rows tell most pictures apart
        a, b = one[::step], other[::step]
        if not np.array_equal(a, b) and (most == 0 or (np.maximum(a, b) - np.minimum(a, b)).max() > most):
            return False
    return True


def crops_of(boxes: Sequence[Floats], spec: ClipSpec) -> NDArray[np.float64]:
    """(N, 2, 3) from crop to image, of the crops around boxes (N, 4)."""
    return crop_to_image(np.stack(boxes), spec.height, spec.width, spec.margin)
