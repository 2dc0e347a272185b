"""Training examples: a labelled clip cropped, turned, mirrored, recoloured and partly hidden, one draw per clip."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.crop import cut
from chronopose.clips.occlude import cover, pass_by
from chronopose.clips.spec import ClipSpec, LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import apply, box_of_points, compose, crop_to_image, invert
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far training crops stray from the plain crop; every probability 0 gives the plain crop.

    Args:
        scale: the box is enlarged by a factor of 1 +- this, normal with this deviation, cut at both ends.
        shift: the box moves by up to this fraction of its size.
        rotate_deg: deviation of the rotation, cut at twice this.
        rotate: probability of a rotation.
        upside_down: probability of a further turn by any angle.
        flip: probability of a mirrored clip.
        half_body: probability of a box around the upper or the lower joints alone, where more than 8 are known.
        drift: deviation of the camera drift between neighbouring frames, as a fraction of the box; it gives clips
            made of one photograph a motion of their own.
        colour: strength of brightness, contrast, saturation and hue changes, 0 to 1.
        grey: probability of a grey clip.
        noise: largest deviation of pixel noise, in grey levels.
        erase: probability of hiding a part of the clip behind something.
        erase_moving: of those, the share that hides a joint in the key frame and not in every other: something passes
            by, or is there for a while. The others hide the same rectangle in every frame.
        erase_textured: of those, the share that is patterned, not of one colour or a patch of the clip.
    """

    scale: float = 0.25
    shift: float = 0.08
    rotate_deg: float = 30.0
    rotate: float = 0.6
    upside_down: float = 0.0
    flip: float = 0.5
    half_body: float = 0.1
    drift: float = 0.01
    colour: float = 0.4
    grey: float = 0.1
    noise: float = 8.0
    erase: float = 0.3
    erase_moving: float = 0.0
    erase_textured: float = 0.0

    def __post_init__(self) -> None:
        chances = ("rotate", "upside_down", "flip", "half_body", "grey", "colour")
        for name in (*chances, "erase", "erase_moving", "erase_textured"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"augment.{name} must lie in 0 to 1, got {getattr(self, name)}")
        for name in ("scale", "shift", "rotate_deg", "drift", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"augment.{name} must be a number of at least 0, got {getattr(self, name)}")


class Example(NamedTuple):
    """One row of a `ClipBatch`, as arrays: pixels (T, 3, H, W) uint8, xy_crop (F, K, 2), weight (F, K) float32."""

    pixels: Pixels
    xy_crop: Floats
    weight: Floats


def example(
    clip: LabelledClip,
    spec: ClipSpec,
    skeleton: Skeleton,
    augment: AugmentConfig | None,
    rng: np.random.Generator,
) -> Example:
    """Crops a labelled clip (its frames are those of `spec.offsets`) for training; `augment=None` gives the plain crop.

    Joints that the labels lack, or that fall outside the crop, get coordinate 0 and weight 0.
    """
    xy_image = skeleton.gather(clip.xy_image, clip.skeleton)  # (T, K, 2)
    transforms, mirrored = _transforms(clip, xy_image[spec.key], spec, augment, rng)
    pixels = cut(clip.frames, transforms, spec.height, spec.width)
    answered = [spec.offsets.index(offset) for offset in spec.predicts]
    xy = apply(invert(transforms[answered]), xy_image[answered])  # (F, K, 2)
    if augment is not None:
        pixels = _repaint(pixels, augment, spec.offsets, xy[spec.answer], rng)

    if mirrored:
        xy = xy[:, skeleton.flip_order]
    inside = _inside(xy, spec.height, spec.width)  # (F, K)
    return Example(
        pixels=np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)),
        xy_crop=np.where(inside[..., None], xy, 0).astype(np.float32),
        weight=np.asarray(inside, dtype=np.float32),
    )


def _transforms(
    clip: LabelledClip,
    key_xy: NDArray[np.floating],
    spec: ClipSpec,
    augment: AugmentConfig | None,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], bool]:
    """From crop to image for each frame (T, 2, 3), and whether the crop is mirrored."""
    count = len(clip.frames)
    if augment is None:
        return np.repeat(crop_to_image(clip.box, spec.height, spec.width, spec.margin)[None], count, axis=0), False
    box = np.asarray(clip.box, dtype=np.float64)
    if rng.random() < augment.half_body:
        box = _half_body(key_xy, box, rng)
    size = box[2:] - box[:2]
    factor = 1 + np.clip(rng.normal() * augment.scale, -1.4 * augment.scale, 2 * augment.scale)
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-augment.shift, augment.shift, 2) * size
    size = size * max(factor, 0.3)
    turn = 0.0
    if rng.random() < augment.rotate:
        turn = math.radians(float(np.clip(rng.normal(), -2, 2)) * augment.rotate_deg)
    if rng.random() < augment.upside_down:
        turn += rng.uniform(-math.pi, math.pi)

    # The drift is a walk away from the key frame in both directions: neighbours differ a little, ends differ more.
    steps = rng.normal(size=(count, 4)) * augment.drift * np.array([1, 1, 0.7, 0.7])
    walk = np.cumsum(steps, axis=0)
    walk -= walk[spec.key]
    scales = np.exp(walk[:, 2:3])
    boxes = np.concatenate(
        [centre + walk[:, :2] * size - size / 2 * scales, centre + walk[:, :2] * size + size / 2 * scales], 1
    )
    transforms = crop_to_image(boxes, spec.height, spec.width, spec.margin, turn + walk[:, 3])
    mirrored = bool(rng.random() < augment.flip)
    if mirrored:
        transforms = compose(transforms, np.array([[-1, 0, spec.width - 1], [0, 1, 0]], dtype=np.float64))
    return transforms, mirrored


def _half_body(xy: NDArray[np.floating], box: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The box of the joints above or below the middle of the person, or the given box where too few are known."""
    known = xy[~np.isnan(xy).any(-1)]
    if len(known) <= 8:
        return box
    direction = known[known[:, 1].argsort()]
    part = direction[: len(known) // 2 + 1] if rng.random() < 0.7 else direction[len(known) // 2 :]
    tight = box_of_points(part)
    middle, size = (tight[:2] + tight[2:]) / 2, (tight[2:] - tight[:2]) * 1.5
    if size.min() < 8:
        return box
    return np.concatenate([middle - size / 2, middle + size / 2])


def _inside(xy: NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """(...) whether joints (..., 2) in crop pixels are known and lie inside the crop."""
    with np.errstate(invalid="ignore"):
        inside: NDArray[np.bool_] = np.all((xy >= -0.5) & (xy <= np.array([width, height]) - 0.5), axis=-1)
    return inside


def _repaint(
    pixels: Pixels,
    augment: AugmentConfig,
    steps: tuple[int, ...],
    key_xy: NDArray[np.floating],
    rng: np.random.Generator,
) -> Pixels:
    """Colour, alike for all frames (T, H, W, 3), noise, and things in the way.

    `steps` (T,) are the frames' distances from the key frame, `key_xy` (K, 2) its joints in crop pixels.
    """
    strength = augment.colour
    gain = np.exp(
        rng.uniform(-0.5, 0.5, 3) * strength * np.array([0.25, 0.25, 0.25]) + rng.uniform(-0.6, 0.6) * strength
    )
    values = pixels.astype(np.float32)
    values *= gain.astype(np.float32)
    mean = values.mean()
    values += mean * np.float32(rng.uniform(-0.6, 0.6) * strength)  # brightness
    contrast = np.float32(np.exp(rng.uniform(-0.6, 0.6) * strength))
    values = (values - mean) * contrast + mean
    keep = 0.0 if rng.random() < augment.grey else 1 + rng.uniform(-1, 0.5) * strength
    if keep != 1:
        grey = values @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        values = grey[..., None] + (values - grey[..., None]) * np.float32(keep)
    if augment.noise:
        # One field of noise, shifted from frame to frame: a tenth of the time of fresh noise for each.
        field = rng.standard_normal(values[0].shape, dtype=np.float32) * np.float32(rng.uniform(0, augment.noise))
        for frame in values:
            frame += np.roll(field, rng.integers(0, field.shape[0]), axis=0)
    if rng.random() < augment.erase:
        if augment.erase_moving and rng.random() < augment.erase_moving:
            near = key_xy[_inside(key_xy, *pixels.shape[1:3])]
            pass_by(values, steps, near, rng, augment.erase_textured)
        else:
            cover(values, rng, augment.erase_textured)
    values += 0.5  # the cast below cuts fractions off
    painted: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return painted
