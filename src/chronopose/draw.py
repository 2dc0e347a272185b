"""Poses, their uncertainty, boxes and trails painted onto a copy of a frame.

Lines are smooth without a full-frame overlay: strokes go to a mask of the piece around one person, enlarged by
`_SUPERSAMPLE`, and only the pixels they touch are mixed into the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chronopose.core.geometry import box_of_points
from chronopose.core.types import Pixels, Pose

if TYPE_CHECKING:
    from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = NDArray[np.float64]

# Left and right differ in hue and in the blue-yellow direction, which colour-blind eyes keep; the middle stays neutral.
_SIDE: dict[str, Colour] = {"left": (56, 182, 255), "right": (255, 140, 36), "middle": (240, 240, 236)}
_TRACK: tuple[Colour, ...] = (
    (255, 202, 58), (46, 196, 182), (255, 89, 148), (138, 201, 38), (150, 115, 255), (255, 120, 60),
    (76, 201, 240), (222, 80, 70), (128, 237, 153), (240, 166, 202), (70, 120, 245), (190, 160, 110),
)  # fmt: skip
_NO_TRACK: Colour = (225, 225, 225)
_CASING: Colour = (22, 24, 28)
# A joint is painted solid from this score on; between `min_score` and this it fades.
_SOLID_SCORE = 0.6
_FAINTEST = 0.3
_SUPERSAMPLE = 2


class _Patch:
    """The piece of a picture between two corners, with a pen whose units are image pixels.

    The pen paints palette numbers on a mask of one byte for each part of a pixel, so the cost is that of the painted
    pixels and not of the piece, and a later stroke replaces an earlier one instead of mixing with it.
    """

    def __init__(self, painted: Pixels, low: ArrayLike, high: ArrayLike) -> None:
        from PIL import Image, ImageDraw

        height, width = painted.shape[:2]
        (x1, y1), (x2, y2) = np.floor(low).tolist(), np.ceil(high).tolist()
        self._x1, self._y1 = int(min(max(x1, 0), width)), int(min(max(y1, 0), height))
        self._x2, self._y2 = int(min(max(x2 + 1, 0), width)), int(min(max(y2 + 1, 0), height))
        self.empty = self._x2 <= self._x1 or self._y2 <= self._y1
        self._painted = painted
        self._bounds = (self._x1 - 64.0, self._y1 - 64.0, self._x2 + 64.0, self._y2 + 64.0)
        self._palette: dict[tuple[Colour, int], int] = {}
        size = ((self._x2 - self._x1) * _SUPERSAMPLE, (self._y2 - self._y1) * _SUPERSAMPLE)
        self._mask = Image.new("L", (0, 0) if self.empty else size)
        self._pen: ImageDraw.ImageDraw = ImageDraw.Draw(self._mask)

    def line(self, a: Sequence[float], b: Sequence[float], width: float, colour: Colour, opacity: float = 1.0) -> None:
        part = _clipped(a[0], a[1], b[0], b[1], self._bounds)
        if part is not None:
            ends = (*self._at(part[0], part[1]), *self._at(part[2], part[3]))
            self._pen.line(ends, fill=self._number(colour, opacity), width=max(1, round(width * _SUPERSAMPLE)))

    def ellipse(
        self,
        centre: Sequence[float],
        radii: Sequence[float],
        fill: tuple[Colour, float],
        rim: tuple[Colour, float],
        rim_px: float,
    ) -> None:
        """An ellipse of half-axes `radii`, its rim inside them; `fill` and `rim` are a colour and its opacity."""
        (x, y), (rx, ry) = centre, radii
        x1, y1, x2, y2 = self._bounds
        if x + rx < x1 or x - rx > x2 or y + ry < y1 or y - ry > y2:
            return
        self._pen.ellipse(
            (*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)),
            fill=self._number(*fill),
            outline=self._number(*rim),
            width=max(1, round(rim_px * _SUPERSAMPLE)),
        )

    def put(self) -> None:
        """Paints the strokes into the picture, each pixel by the share of it that they cover."""
        if not self._palette:
            return
        # Two neighbouring bytes read as one number: rows of pixels, each an upper and a lower pair of parts.
        pairs = np.asarray(self._mask).view(np.uint16)
        upper, lower = pairs[0::2].ravel(), pairs[1::2].ravel()
        touched = np.flatnonzero((upper | lower) != 0)
        upper, lower = upper.take(touched), lower.take(touched)
        # Of each palette number, for one of the four parts of a pixel: red, green, blue times its share, and the share,
        # in 64ths. Four 16-bit numbers that are summed as one of 64 bits; none can overflow, as 4 x 64 x 255 < 2^16.
        table = np.array(
            [(0, 0, 0, 0), *((*(c * share for c in rgb), share) for rgb, share in self._palette)], np.uint16
        )
        packed = table.view(np.uint64)[:, 0]
        paint = packed.take(upper & 255)
        for part in (upper >> 8, lower & 255, lower >> 8):
            paint += packed.take(part)
        channels = paint.view(np.uint16).reshape(-1, 4)
        width = self._x2 - self._x1
        place = touched + touched // width * (self._painted.shape[1] - width)
        place += self._y1 * self._painted.shape[1] + self._x1
        # A pixel moved as one item of three bytes travels four times as fast as a row of three numbers.
        pixels = self._painted.reshape(-1).view("V3")
        under = pixels.take(place).view(np.uint8).reshape(-1, 3)
        mixed = (under * (256 - channels[:, 3:]) + channels[:, :3] + 128) >> 8
        np.put(pixels, place, mixed.astype(np.uint8).reshape(-1).view("V3"))

    def _at(self, x: float, y: float) -> tuple[float, float]:
        """Image pixels, whose integers are pixel centres, to the mask's own."""
        return (x - self._x1 + 0.5) * _SUPERSAMPLE - 0.5, (y - self._y1 + 0.5) * _SUPERSAMPLE - 0.5

    def _number(self, colour: Colour, opacity: float) -> int:
        # Sixteen steps of opacity, told in 64ths, keep the palette of a few colours below the 255 that a byte can name.
        return self._palette.setdefault((colour, 4 * round(opacity * 16)), len(self._palette) + 1)


def draw_poses(
    pixels: Pixels,
    poses: Sequence[Pose],
    *,
    trails: Mapping[int, Sequence[ArrayLike]] | None = None,
    min_score: float = 0.2,
    colour_by: Literal["side", "track"] = "side",
) -> Pixels:
    """A copy of a frame with poses painted on it.

    Limbs and joints fade with a low score, joints that are NaN or score under `min_score` are left out. Where a pose
    has `sigma`, an ellipse of one standard deviation surrounds each joint. Boxes, labels and trails wear the colour
    of the track. Line widths follow the size of the person. Anything may lie outside the frame.

    Args:
        pixels: (H, W, 3) uint8 RGB; never painted on.
        poses: persons of this frame, in image pixels; later ones lie on top.
        trails: for each track id the past positions, each (2,) image pixels, oldest first; NaN interrupts the line.
        min_score: joints that score less are not painted; 0 paints every known joint.
        colour_by: "side" paints limbs by left, right and middle, "track" by the colour of the track id.

    Returns:
        (H, W, 3) uint8, a new array.

    Raises:
        ValueError: `pixels` is not an (H, W, 3) uint8 array, or `colour_by` is neither of the two.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be (H, W, 3) uint8, got {pixels.shape} {pixels.dtype}")
    if colour_by not in ("side", "track"):
        raise ValueError(f"colour_by must be 'side' or 'track', got {colour_by!r}")
    painted: Pixels = np.array(pixels, order="C")
    if painted.size == 0:
        return painted
    for track_id, points in (trails or {}).items():
        _paint_trail(painted, np.array(points, dtype=np.float64).reshape(-1, 2), _track_colour(track_id))
    for pose in poses:
        _paint_box(painted, pose.box.astype(np.float64), _track_colour(pose.track_id))
    boxes = [_extent(pose, min_score) for pose in poses]
    for pose, box in zip(poses, boxes):
        _paint_body(painted, pose, box, min_score, colour_by)
    for pose, box in zip(poses, boxes):
        if pose.track_id is not None:
            _paint_label(painted, f"#{pose.track_id}", box, _track_colour(pose.track_id))
    return painted


def contact_sheet(
    images: Sequence[Pixels], columns: int, *, gap_px: int = 6, background: Colour = (255, 255, 255)
) -> Pixels:
    """Pictures side by side in rows, each centred in a cell of the largest width and height.

    Args:
        images: each (H, W, 3) uint8 RGB; sizes may differ.
        columns: cells in a row; a last row may be shorter.
        gap_px: pixels between cells and around the sheet.
        background: RGB of the gaps.

    Returns:
        (H_sheet, W_sheet, 3) uint8.

    Raises:
        ValueError: no images, or `columns` under 1.
    """
    if not images or columns < 1:
        raise ValueError(f"a contact sheet wants images and at least 1 column, got {len(images)} and {columns}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = max(image.shape[0] for image in images), max(image.shape[1] for image in images)
    sheet = np.empty((rows * (height + gap_px) + gap_px, columns * (width + gap_px) + gap_px, 3), dtype=np.uint8)
    sheet[:] = background
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top = gap_px + row * (height + gap_px) + (height - image.shape[0]) // 2
        left = gap_px + column * (width + gap_px) + (width - image.shape[1]) // 2
        sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def _paint_body(
    painted: Pixels, pose: Pose, box: Points, min_score: float, colour_by: Literal["side", "track"]
) -> None:
    xy = pose.xy.astype(np.float64)
    known = _painted_joints(pose, min_score)
    if not known.any():
        return
    height, width = painted.shape[:2]
    size = float(np.clip((box[2:] - box[:2]).max(), 0, max(height, width)))
    line_px = float(np.clip(size / 95, 1.5, 12.0))
    casing_px = max(1.0, line_px * 0.28)
    dot_px = line_px * 0.95
    fade = np.clip((pose.score - min_score) / max(_SOLID_SCORE - min_score, 1e-6), 0, 1)
    opacity: list[float] = (_FAINTEST + (1 - _FAINTEST) * fade).tolist()
    sides = [_side(joint) for joint in pose.skeleton.joints]
    colours = {side: _limb_colour(side, pose.track_id, colour_by) for side in _SIDE}
    reach = np.full_like(xy, dot_px + 2)
    if pose.sigma is not None:
        reach += np.clip(np.nan_to_num(pose.sigma.astype(np.float64), nan=0.0, posinf=0.0), 0.0, None)
        np.minimum(reach, 2.0 * max(height, width), out=reach)  # a wild sigma must not cost seconds of painting
    patch = _Patch(painted, (xy - reach)[known].min(axis=0), (xy + reach)[known].max(axis=0))
    if patch.empty:
        return
    points: list[list[float]] = xy.tolist()
    joints: list[int] = np.flatnonzero(known).tolist()
    if pose.sigma is not None:
        for j in joints:
            radii = pose.sigma[j].tolist()
            if all(map(math.isfinite, radii)) and min(radii) >= 0 and max(radii) > dot_px:
                radii = reach[j].tolist() if max(radii) > max(height, width) else radii
                colour = colours[sides[j]]
                rim_px = max(1.0, line_px * 0.3)
                patch.ellipse(points[j], radii, (colour, 0.12 * opacity[j]), (colour, 0.6 * opacity[j]), rim_px)
    limbs = [(a, b) for a, b in pose.skeleton.limb_indices.tolist() if known[a] and known[b]]
    thin = [0.6 if _on_face(joint) else 1.0 for joint in pose.skeleton.joints]
    for a, b in limbs:
        strength = min(opacity[a], opacity[b])
        width_px = line_px * max(thin[a], thin[b]) + 2 * casing_px
        patch.line(points[a], points[b], width_px, _CASING, 0.75 * strength * strength)
    for a, b in limbs:
        side = sides[a] if sides[a] == sides[b] else "middle"
        patch.line(points[a], points[b], line_px * max(thin[a], thin[b]), colours[side], min(opacity[a], opacity[b]))
    for j in joints:
        radius = dot_px * thin[j] + casing_px
        patch.ellipse(points[j], (radius, radius), (colours[sides[j]], opacity[j]), (_CASING, opacity[j]), casing_px)
    patch.put()


def _paint_box(painted: Pixels, box: Points, colour: Colour) -> None:
    corners = box.tolist()
    if not all(map(math.isfinite, corners)):
        return
    height, width = painted.shape[:2]
    thick = max(1, round(min(height, width) / 450))
    x1, x2 = (round(min(max(x, -thick), width + thick)) for x in corners[0::2])
    y1, y2 = (round(min(max(y, -thick), height + thick)) for y in corners[1::2])
    for top, bottom, left, right in (
        (y1, y1 + thick, x1, x2),
        (y2 - thick, y2, x1, x2),
        (y1, y2, x1, x1 + thick),
        (y1, y2, x2 - thick, x2),
    ):
        painted[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = colour


def _paint_label(painted: Pixels, text: str, box: Points, colour: Colour) -> None:
    height, width = painted.shape[:2]
    if not np.isfinite(box).all() or box[0] > width or box[1] > height or box[2] < 0 or box[3] < 0:
        return
    short = min(height, width)
    font_px = float(np.clip((box[3] - box[1]) * 0.06, max(9, short / 50), max(9, short / 30)))
    # Steps of 3 px: a label that grew with every breath of its box would flicker.
    tile, opacity = _label(text, 3 * round(font_px / 3), colour)
    tall, wide = min(tile.shape[0], height), min(tile.shape[1], width)
    x, edge = min(max(round(float(box[0])), 0), width - wide), round(float(box[1]))
    y = edge - tall if edge >= tall else min(max(edge, 0), height - tall)
    under = painted[y : y + tall, x : x + wide]
    under[:] = under + (tile[:tall, :wide] - under) * opacity[:tall, :wide] + 0.5


@lru_cache(maxsize=512)
def _label(text: str, font_px: int, colour: Colour) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The RGB (h, w, 3) and opacity (h, w, 1) of a label; setting text costs ten times what copying it does."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=font_px * _SUPERSAMPLE)
    left, top, right, bottom = font.getbbox(text)
    pad = max(2, round(font_px * 0.25)) * _SUPERSAMPLE
    wide, tall = (-(-round(side + 2 * pad) // _SUPERSAMPLE) * _SUPERSAMPLE for side in (right - left, bottom - top))
    tile = Image.new("RGB", (wide, tall), colour)
    dark = colour[0] * 0.299 + colour[1] * 0.587 + colour[2] * 0.114 > 120
    ink = _CASING if dark else (255, 255, 255)
    ImageDraw.Draw(tile).text((pad - left, pad - top), text, font=font, fill=ink)
    shape = Image.new("L", tile.size, 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, wide - 1, tall - 1), radius=pad * 0.8, fill=255)
    opacity = np.asarray(shape.reduce(_SUPERSAMPLE), dtype=np.float32)[..., None] / np.float32(255)
    return np.asarray(tile.reduce(_SUPERSAMPLE), dtype=np.float32), opacity


def _paint_trail(painted: Pixels, points: Points, colour: Colour, segments_per_patch: int = 12) -> None:
    line_px = max(1.5, painted.shape[0] / 300)
    count = len(points) - 1
    # Short patches: the piece around a long diagonal trail would be most of the frame.
    for start in range(0, count, segments_per_patch):
        stop = min(start + segments_per_patch, count)
        here = points[start : stop + 1]
        here = here[np.isfinite(here).all(axis=1)]
        if not len(here):
            continue
        patch = _Patch(painted, here.min(axis=0) - line_px, here.max(axis=0) + line_px)
        if patch.empty:
            continue
        for i in range(start, stop):
            if np.isfinite(points[i : i + 2]).all():
                opacity = 0.15 + 0.75 * (i + 1) / count
                patch.line(points[i].tolist(), points[i + 1].tolist(), line_px, colour, opacity)
        patch.put()


def _extent(pose: Pose, min_score: float) -> Points:
    """(4,) the pose's box, or where that is unknown the tight box around its painted joints (NaN if there are none)."""
    box = pose.box.astype(np.float64)
    return box if np.isfinite(box).all() else box_of_points(pose.xy, _painted_joints(pose, min_score))


def _painted_joints(pose: Pose, min_score: float) -> NDArray[np.bool_]:
    painted: NDArray[np.bool_] = np.isfinite(pose.xy).all(axis=1) & (pose.score >= min_score)
    return painted


def _side(joint: str) -> str:
    return "left" if joint.startswith("left_") else "right" if joint.startswith("right_") else "middle"


def _on_face(joint: str) -> bool:
    """Whether a joint lies so close to others, on the face, that a full dot would hide its neighbours."""
    return joint.endswith(("_eye", "_ear", "nose"))


def _track_colour(track_id: int | None) -> Colour:
    return _NO_TRACK if track_id is None else _TRACK[track_id % len(_TRACK)]


def _limb_colour(side: str, track_id: int | None, colour_by: Literal["side", "track"]) -> Colour:
    if colour_by == "side":
        return _SIDE[side]
    # One hue for a person, the left lighter and the right darker, so that the sides still tell.
    towards, amount = {"left": (255, 0.42), "right": (0, 0.18), "middle": (0, 0.0)}[side]
    red, green, blue = (round(channel + (towards - channel) * amount) for channel in _track_colour(track_id))
    return red, green, blue


def _clipped(
    x1: float, y1: float, x2: float, y2: float, bounds: tuple[float, float, float, float]
) -> tuple[float, float, float, float] | None:
    """The part of a segment inside x_min, y_min, x_max, y_max (Liang-Barsky), None if there is none.

    Pillow's pen counts in 32-bit integers, so a joint a billion pixels away would otherwise wrap round into the frame.
    """
    low_x, low_y, high_x, high_y = bounds
    if low_x <= x1 <= high_x and low_x <= x2 <= high_x and low_y <= y1 <= high_y and low_y <= y2 <= high_y:
        return x1, y1, x2, y2
    enter, leave = 0.0, 1.0
    dx, dy = x2 - x1, y2 - y1
    for step, room in ((-dx, x1 - low_x), (dx, high_x - x1), (-dy, y1 - low_y), (dy, high_y - y1)):
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            enter = max(enter, room / step)
        else:
            leave = min(leave, room / step)
    if enter >= leave or not math.isfinite(enter + leave):
        return None
    return x1 + enter * dx, y1 + enter * dy, x1 + leave * dx, y1 + leave * dy
