"""A canvas that pictures of persons are drawn onto, and how much of each of them shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.letterbox import GREY, place
from chronopose.core import geometry
from chronopose.core.types import Floats, Pixels

Array = NDArray[np.float64]
Tile = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a part of the canvas, in whole pixels."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """A photograph with at most one labelled person.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        xy_image: (K, 2) joints in pixels, NaN where unknown; K = 0 for a picture of nobody.
        reach_px: how far the body goes past its joints.
        bar: a detector's score above which a second person in it may be real though unlabelled; 1 for surely nobody.
    """

    pixels: Pixels
    xy_image: Array
    reach_px: float = 0.0
    bar: float = 1.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene:
    """A picture of several persons, every one of them labelled.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        boxes: (P, 4) of the whole persons in pixels, also past the edge of the picture.
        seen: (P,) share of each person that is inside the picture and not covered.
    """

    pixels: Pixels
    boxes: Array
    seen: Array


class Board:
    """A canvas while it is being filled: pixels, and the persons and doubtful areas on it so far.

    Args:
        size: of the square canvas in pixels.
    """

    def __init__(self, size: int) -> None:
        self.pixels: Pixels = np.full((size, size, 3), GREY, dtype=np.uint8)
        self.persons: list[tuple[Array, float]] = []  # box, share of it that is visible
        self.areas: list[Array] = []

    def add(
        self, whole: Picture, long_px: float, middle: Array, turn: float, tile: Tile, soft: float | None = None
    ) -> None:
        """Draws a photograph so that its person is `long_px` long and centred at `middle`."""
        box = body_box(whole.xy_image, whole.reach_px)
        zoom = long_px / float(np.max(box[2:] - box[:2]))
        self.draw(whole, placement((box[:2] + box[2:]) / 2, middle, zoom, turn), tile, soft)

    def draw(self, whole: Picture, image_to_canvas: Array, tile: Tile, soft: float | None = None) -> None:
        """Draws a photograph into a tile; with `soft`, only the person's box enlarged by it, its edges fading."""
        box = None
        if len(whole.xy_image):
            zoom = float(np.sqrt(abs(np.linalg.det(image_to_canvas[:, :2]))))
            box = body_box(geometry.apply(image_to_canvas, whole.xy_image), whole.reach_px * zoom)
            # No body goes past the edge of its photograph.
            box = _shared(box, _frame(whole.pixels, image_to_canvas))
        area = self._lay(whole.pixels, image_to_canvas, tile, box, soft)
        if area is None:
            return
        if whole.bar < 1:
            self.areas.append(np.append(area, whole.bar))
        if box is not None:
            self._enter(box, area, 1.0)

    def draw_scene(self, scene: Scene, image_to_canvas: Array, tile: Tile, least_px: float = 0.0) -> None:
        """Draws a picture of several persons into a tile.

        Args:
            scene: the picture.
            image_to_canvas: (2, 3), without a turn: boxes stay upright.
            tile: where it may be drawn.
            least_px: persons whose longer side is shorter than this count as doubtful.
        """
        area = self._lay(scene.pixels, image_to_canvas, tile)
        if area is None:
            return
        frame = _frame(scene.pixels, image_to_canvas)
        for (x1, y1, x2, y2), share in zip(scene.boxes, scene.seen, strict=True):
            corners = geometry.apply(image_to_canvas, [[x1, y1], [x2, y2]])
            box = _shared(geometry.box_of_points(corners), frame)
            if (box[2:] > box[:2]).all():
                self._enter(box, area, float(share) if (box[2:] - box[:2]).max() >= least_px else 0.0)

    def _lay(
        self, pixels: Pixels, image_to_canvas: Array, tile: Tile, box: Array | None = None, soft: float | None = None
    ) -> Array | None:
        """Draws a picture, or the part of it around `box`; answers the area (4,) it takes, None where it takes none."""
        x1, y1, x2, y2 = (int(value) for value in tile)
        rows, columns = pixels.shape[:2]
        canvas_to_image = geometry.invert(image_to_canvas)
        tile_to_image = geometry.compose(canvas_to_image, np.array([[1.0, 0, x1], [0, 1, y1]]))
        drawn = place(pixels, tile_to_image, y2 - y1, x2 - x1)
        cover = _covers(tile_to_image, y2 - y1, x2 - x1, rows, columns)
        ground = self.pixels[y1:y2, x1:x2]
        if soft is not None and box is not None:
            alpha = _rounded(box - np.array([x1, y1, x1, y1]), soft, y2 - y1, x2 - x1) * cover
            ground[:] = (drawn * alpha[..., None] + ground * (1 - alpha[..., None])).astype(np.uint8)
            cover = alpha > 0.3
        else:
            np.copyto(ground, drawn, where=cover[..., None])
        where = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
        if not len(where[0]):
            return None
        self._hide(cover, x1, y1)
        return np.array([where[1][0] + x1, where[0][0] + y1, where[1][-1] + x1, where[0][-1] + y1], dtype=np.float64)

    def _enter(self, box: Array, area: Array, share: float) -> None:
        """Notes a person of whom `share` of the box is visible, but for what lies outside the area drawn."""
        seen = _shared(box, area)
        if (seen[2:] - seen[:2]).min() > 1:
            self.persons.append((seen, share * float(_area(seen) / max(_area(box), 1.0))))

    def _hide(self, cover: NDArray[np.bool_], left: int, top: int) -> None:
        """Takes what a new drawing covers, from `left` and `top` on, off the persons already there."""
        for number, (box, share) in enumerate(self.persons):
            x1, y1, x2, y2 = np.round(box - np.array([left, top, left - 1, top - 1])).astype(int)
            covered = float(cover[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)].sum())
            self.persons[number] = (box, share * (1 - min(covered / ((x2 - x1) * (y2 - y1)), 1.0)))

    def rows(self, *, people: int, areas: int, shown: float) -> tuple[Floats, Floats, Floats]:
        """The persons (people, 4), which rows are persons (people,), and the doubtful areas (areas, 5): box and bar.

        Persons of whom less than `shown` is visible become such areas, and so do those without a row; the largest
        have rows first.
        """
        truth = np.zeros((people, 4), dtype=np.float32)
        known = np.zeros(people, dtype=np.float32)
        doubt = np.tile(np.array([0, 0, 0, 0, 2], dtype=np.float32), (areas, 1))
        clear: list[Array] = []
        vague: list[Array] = []
        for box, share in self.persons:
            (clear if share >= shown and (box[2:] - box[:2]).min() >= 6 else vague).append(box)
        if len(clear) > people:
            clear.sort(key=_area, reverse=True)
        for number, box in enumerate(clear[:people]):
            truth[number], known[number] = box, 1
        doubtful = [np.append(box, 0.0) for box in vague + clear[people:]]
        for number, area in enumerate((doubtful + self.areas)[:areas]):
            doubt[number] = area
        return truth, known, doubt


def body_box(xy: Array, reach_px: float) -> Array:
    """The box (4,) of a body whose joints are (K, 2): around the joints and `reach_px` further, less at the top."""
    box: Array = geometry.box_of_points(xy) + np.array([-1, -0.8, 1, 1]) * reach_px
    return box


def body_reach(xy: Array, share: float = 0.055) -> float:
    """How far a body goes past its joints (K, 2): a share of its size, which is the longer side of the joints' box."""
    return share * float(geometry.box_size(geometry.box_of_points(xy)).max())


def placement(at_image: Array, at_canvas: Array, zoom: float, turn: float) -> Array:
    """Transform (2, 3) from image to canvas that turns, zooms, and brings one point to another."""
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.concatenate([linear, (at_canvas - linear @ at_image)[:, None]], axis=1)


def _area(box: Array) -> float:
    return float(np.maximum(box[2:] - box[:2], 0).prod())


def _shared(one: Array, other: Array) -> Array:
    """What two boxes (4,) have in common; turned inside out where that is nothing."""
    return np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])])


def _frame(pixels: Pixels, image_to_canvas: Array) -> Array:
    """The box (4,) of a picture's outer edges on the canvas."""
    rows, columns = pixels.shape[:2]
    corners = [[-0.5, -0.5], [columns - 0.5, -0.5], [columns - 0.5, rows - 0.5], [-0.5, rows - 0.5]]
    return geometry.box_of_points(geometry.apply(image_to_canvas, corners))


def _covers(tile_to_image: Array, height: int, width: int, rows: int, columns: int) -> NDArray[np.bool_]:
    """(height, width) whether a pixel of the tile looks at the picture of `rows` x `columns` pixels."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    (a, b, c), (d, e, f) = tile_to_image.astype(np.float32)
    column, row = a * x + b * y + c, d * x + e * y + f
    inside: NDArray[np.bool_] = (column >= 0) & (column <= columns - 1) & (row >= 0) & (row <= rows - 1)
    return inside


def _rounded(box: Array, soft: float, height: int, width: int) -> Floats:
    """(height, width): 1 inside a rounded box `soft` times the given one, fading to 0 over a tenth of its size."""
    middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2 * soft, 1)
    off_x = ((np.arange(width) - middle[0]) / half[0]).astype(np.float32)
    off_y = ((np.arange(height) - middle[1]) / half[1]).astype(np.float32)
    radius = (off_x**6 + (off_y**6)[:, None]) ** np.float32(1 / 6)
    inside: Floats = np.clip((1.1 - radius) / 0.12, 0, 1).astype(np.float32)
    return inside
