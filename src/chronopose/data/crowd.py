"""Pictures that teach a person detector: labelled persons put together on one canvas.

A sample is drawn in one of three ways: one photograph at a random place and size, a mosaic of several, or several
persons pasted with soft edges onto a background. Boxes come from joints: the tight box of the joints, enlarged by what
a body reaches past them. Photographs may show people that nobody labelled; those areas travel along as `doubt`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.letterbox import GREY, place
from chronopose.core import geometry
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels

Array = NDArray[np.float64]


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


class Pictures(Protocol):
    """Pictures by number; the same number always gives the same picture."""

    def __len__(self) -> int: ...

    def picture(self, index: int) -> Picture: ...


class CrowdSample(NamedTuple):
    """One training picture. Boxes are x1, y1, x2, y2 pixels; unused rows are zero, with `known` 0 or bar 2."""

    pixels: NDArray[np.uint8]  # (3, S, S) RGB
    truth: Floats  # (M, 4) boxes of the labelled persons, clipped to what is visible
    known: Floats  # (M,) 1 for a person
    doubt: Floats  # (R, 5) areas that may hold unlabelled people: box, bar


@dataclass(frozen=True, kw_only=True)
class CrowdConfig:
    """How training pictures are put together.

    Args:
        size: of the square picture in pixels.
        people: rows for persons in a sample.
        areas: rows for doubtful areas in a sample.
        smallest: height or width of the smallest person, whichever is longer, as a share of the canvas.
        largest: the same for the largest.
        turn_deg: greatest rotation either way.
        shown: share of a person's box that must be visible for it to count as a person.
        ways: weights of one photograph, mosaic, and pasting.
    """

    size: int = 192
    people: int = 12
    areas: int = 16
    smallest: float = 0.2
    largest: float = 1.3
    turn_deg: float = 12.0
    shown: float = 0.35
    ways: tuple[float, float, float] = (0.4, 0.35, 0.25)

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise InputError(f"data.size must be a positive multiple of 32, got {self.size}")
        if not 0 < self.smallest < self.largest:
            raise InputError(f"data.smallest must lie in 0 to largest, got {self.smallest} and {self.largest}")
        if len(self.ways) != 3 or min(self.ways) < 0 or sum(self.ways) <= 0:
            raise InputError(f"data.ways must be three weights, at least one positive, got {self.ways}")


class Crowd:
    """Training pictures drawn from photographs of persons and, where there are some, pictures of nobody.

    Args:
        people: sources of photographs with a labelled person each; drawn from with the given weight.
        places: pictures without people, for backgrounds; noise and other photographs' surroundings serve without.
        config: how they are put together.

    Raises:
        InputError: if no source has a picture.
    """

    def __init__(self, people: Sequence[tuple[Pictures, float]], places: Pictures | None, config: CrowdConfig) -> None:
        self.people = [(source, weight) for source, weight in people if len(source) and weight > 0]
        if not self.people:
            raise InputError("the detector's training data needs at least one folder with labelled persons")
        self.places, self.config = places, config
        self._weights = np.array([weight for _, weight in self.people])
        self._weights = self._weights / self._weights.sum()

    def __len__(self) -> int:
        return sum(len(source) for source, _ in self.people)

    def sample(self, index: int, rng: np.random.Generator) -> CrowdSample:
        """A new composition; `index` is not looked at, since every sample draws from all photographs."""
        del index
        ways = np.array(self.config.ways)
        way = rng.choice(3, p=ways / ways.sum())
        board = Board(self.config)
        if way == 0:
            self._one(board, rng)
        elif way == 1:
            self._mosaic(board, rng, (0.0, 0.0, float(self.config.size), float(self.config.size)), depth=0)
        else:
            self._paste(board, rng)
        pixels = photometric(board.pixels, rng)
        truth, known, doubt = board.rows()
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
            last = self.config.size - 1
            truth[:, [0, 2]] = np.where(known[:, None] > 0, last - truth[:, [2, 0]], 0)
            doubt[:, [0, 2]] = np.where(doubt[:, 4:] < 2, last - doubt[:, [2, 0]], 0)
        return CrowdSample(np.ascontiguousarray(pixels.transpose(2, 0, 1)), truth, known, doubt)

    def _person(self, rng: np.random.Generator) -> Picture:
        source = self.people[rng.choice(len(self.people), p=self._weights)][0]
        return source.picture(int(rng.integers(len(source))))

    def _nobody(self, rng: np.random.Generator) -> Picture:
        if self.places is not None and len(self.places) and rng.random() < 0.88:
            return self.places.picture(int(rng.integers(len(self.places))))
        return Picture(pixels=noise(rng, 96), xy_image=np.zeros((0, 2)))

    def _one(self, board: "Board", rng: np.random.Generator) -> None:
        size = self.config.size
        if rng.random() < 0.5:
            board.pixels[:] = rng.integers(0, 256, 3) if rng.random() < 0.5 else GREY
        else:
            self._cover(board, rng, self._nobody(rng), (0, 0, size, size))
        long_px = size * self._share(rng)
        middle = rng.uniform(0.1, 0.9, 2) * size if rng.random() < 0.5 else rng.normal(0.5, 0.12, 2) * size
        board.add(self._person(rng), long_px, middle, self._turn(rng), (0, 0, size, size))

    def _mosaic(
        self, board: "Board", rng: np.random.Generator, tile: tuple[float, float, float, float], depth: int
    ) -> None:
        x1, y1, x2, y2 = tile
        if depth == 0 or (depth < 4 and rng.random() < 0.55 and max(x2 - x1, y2 - y1) > 72):
            part = rng.uniform(0.3, 0.7)
            if (x2 - x1) * rng.uniform(0.7, 1.4) > y2 - y1:
                cut = float(round(x1 + part * (x2 - x1)))
                halves = (x1, y1, cut, y2), (cut, y1, x2, y2)
            else:
                cut = float(round(y1 + part * (y2 - y1)))
                halves = (x1, y1, x2, cut), (x1, cut, x2, y2)
            for half in halves:
                self._mosaic(board, rng, half, depth + 1)
        elif rng.random() < 0.2:
            self._cover(board, rng, self._nobody(rng), tile)
        else:
            whole = self._person(rng)
            self._cover(board, rng, whole, tile)

    def _cover(
        self, board: "Board", rng: np.random.Generator, whole: Picture, tile: tuple[float, float, float, float]
    ) -> None:
        """Fills a tile with a picture, just covering it or somewhat closer, the person inside where there is one."""
        x1, y1, x2, y2 = tile
        rows, columns = whole.pixels.shape[:2]
        zoom = max((x2 - x1) / columns, (y2 - y1) / rows) * np.exp(rng.uniform(0, 0.45))
        turn = self._turn(rng) * 0.5
        zoom *= np.cos(turn) + np.sin(abs(turn)) * 0.5
        middle = np.array([x1 + x2, y1 + y2]) / 2
        slack = np.maximum(np.array([columns, rows]) * zoom - [x2 - x1, y2 - y1], 0) / 2
        centre = middle + rng.uniform(-1, 1, 2) * slack
        board.draw(whole, _placement(np.array([columns - 1, rows - 1]) / 2, centre, zoom, turn), tile)

    def _paste(self, board: "Board", rng: np.random.Generator) -> None:
        size = self.config.size
        ground = self._person(rng) if rng.random() < 0.3 else self._nobody(rng)
        self._cover(board, rng, ground, (0, 0, size, size))
        base = self._share(rng)
        for _ in range(rng.integers(1, 6)):
            if rng.random() < 0.25:
                # Patches without a person, or every cut-out edge would mean one.
                low = rng.uniform(-0.1, 0.8, 2) * size
                high = low + rng.uniform(0.15, 0.5, 2) * size
                x1, y1, x2, y2 = np.clip(np.concatenate([low, high]), 0, size).round().tolist()
                self._cover(board, rng, self._nobody(rng), (x1, y1, x2, y2))
                continue
            long_px = size * float(np.clip(base * np.exp(rng.normal(0, 0.3)), self.config.smallest, 1.0))
            middle = rng.uniform(0.05, 0.95, 2) * size
            board.add(self._person(rng), long_px, middle, self._turn(rng), (0, 0, size, size), soft=rng.uniform(1, 1.4))

    def _share(self, rng: np.random.Generator) -> float:
        return float(np.exp(rng.uniform(np.log(self.config.smallest), np.log(self.config.largest))))

    def _turn(self, rng: np.random.Generator) -> float:
        return float(np.deg2rad(np.clip(rng.normal(0, self.config.turn_deg / 2), -1, 1) * self.config.turn_deg))


class Board:
    """A canvas while it is being filled: pixels, and the persons and doubtful areas on it so far."""

    def __init__(self, config: CrowdConfig) -> None:
        self.config = config
        self.pixels: Pixels = np.full((config.size, config.size, 3), 114, dtype=np.uint8)
        self.persons: list[tuple[Array, float]] = []  # box, share of it that is visible
        self.areas: list[Array] = []

    def add(
        self,
        whole: Picture,
        long_px: float,
        middle: Array,
        turn: float,
        tile: tuple[float, float, float, float],
        soft: float | None = None,
    ) -> None:
        """Draws a photograph so that its person is `long_px` long and centred at `middle`."""
        box = body_box(whole.xy_image, whole.reach_px)
        zoom = long_px / float(np.max(box[2:] - box[:2]))
        self.draw(whole, _placement((box[:2] + box[2:]) / 2, middle, zoom, turn), tile, soft)

    def draw(
        self, whole: Picture, image_to_canvas: Array, tile: tuple[float, float, float, float], soft: float | None = None
    ) -> None:
        """Draws a photograph into a tile; with `soft`, only the person's box enlarged by it, its edges fading."""
        x1, y1, x2, y2 = (int(value) for value in tile)
        rows, columns = whole.pixels.shape[:2]
        canvas_to_image = geometry.invert(image_to_canvas)
        tile_to_image = geometry.compose(canvas_to_image, np.array([[1.0, 0, x1], [0, 1, y1]]))
        drawn = place(whole.pixels, tile_to_image, y2 - y1, x2 - x1)
        cover = _covers(tile_to_image, y2 - y1, x2 - x1, rows, columns)
        box = None
        if len(whole.xy_image):
            zoom = float(np.sqrt(abs(np.linalg.det(image_to_canvas[:, :2]))))
            box = body_box(geometry.apply(image_to_canvas, whole.xy_image), whole.reach_px * zoom)
            # No body goes past the edge of its photograph.
            corners = [[-0.5, -0.5], [columns - 0.5, -0.5], [columns - 0.5, rows - 0.5], [-0.5, rows - 0.5]]
            frame = geometry.box_of_points(geometry.apply(image_to_canvas, corners))
            box = np.concatenate([np.maximum(box[:2], frame[:2]), np.minimum(box[2:], frame[2:])])
        ground = self.pixels[y1:y2, x1:x2]
        if soft is not None and box is not None:
            alpha = _rounded(box - np.array([x1, y1, x1, y1]), soft, y2 - y1, x2 - x1) * cover
            ground[:] = (drawn * alpha[..., None] + ground * (1 - alpha[..., None])).astype(np.uint8)
            cover = alpha > 0.3
        else:
            np.copyto(ground, drawn, where=cover[..., None])
        where = np.flatnonzero(cover.any(axis=1)), np.flatnonzero(cover.any(axis=0))
        if not len(where[0]):
            return
        area = np.array([where[1][0] + x1, where[0][0] + y1, where[1][-1] + x1, where[0][-1] + y1], dtype=np.float64)
        self._hide(cover, x1, y1)
        if whole.bar < 1:
            self.areas.append(np.append(area, whole.bar))
        if box is not None:
            seen = np.concatenate([np.maximum(box[:2], area[:2]), np.minimum(box[2:], area[2:])])
            if (seen[2:] - seen[:2]).min() > 1:
                self.persons.append((seen, float(_area(seen) / max(_area(box), 1.0))))

    def _hide(self, cover: NDArray[np.bool_], left: int, top: int) -> None:
        """Takes what a new drawing covers, from `left` and `top` on, off the persons already there."""
        for number, (box, share) in enumerate(self.persons):
            x1, y1, x2, y2 = np.round(box - np.array([left, top, left - 1, top - 1])).astype(int)
            covered = float(cover[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)].sum())
            self.persons[number] = (box, share * (1 - min(covered / ((x2 - x1) * (y2 - y1)), 1.0)))

    def rows(self) -> tuple[Floats, Floats, Floats]:
        """The persons, which rows are persons, and the doubtful areas; barely visible persons become such areas."""
        config = self.config
        truth = np.zeros((config.people, 4), dtype=np.float32)
        known = np.zeros(config.people, dtype=np.float32)
        doubt = np.tile(np.array([0, 0, 0, 0, 2], dtype=np.float32), (config.areas, 1))
        clear = [box for box, share in self.persons if share >= config.shown and (box[2:] - box[:2]).min() >= 6]
        vague = [
            np.append(box, 0.0)
            for box, share in self.persons
            if not (share >= config.shown and (box[2:] - box[:2]).min() >= 6)
        ]
        for number, box in enumerate(clear[: config.people]):
            truth[number], known[number] = box, 1
        for number, area in enumerate((vague + self.areas)[: config.areas]):
            doubt[number] = area
        return truth, known, doubt


def body_box(xy: Array, reach_px: float) -> Array:
    """The box (4,) of a body whose joints are (K, 2): around the joints and `reach_px` further, less at the top."""
    box: Array = geometry.box_of_points(xy) + np.array([-1, -0.8, 1, 1]) * reach_px
    return box


def body_reach(xy: Array, share: float = 0.055) -> float:
    """How far a body goes past its joints (K, 2): a share of its size, which is the longer side of the joints' box."""
    return share * float(geometry.box_size(geometry.box_of_points(xy)).max())


def photometric(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A picture (H, W, 3) as another camera would have taken it: light, colour, blur, grain, compression."""
    level = np.linspace(0, 1, 256)
    table = np.empty((256, 3))
    gamma, gain = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.2))
    for channel in range(3):
        tint, lift = np.exp(rng.normal(0, 0.05)), rng.normal(0, 0.05)
        table[:, channel] = (level**gamma - 0.5) * gain * tint + 0.5 + lift
    table = np.clip(table * 255, 0, 255)
    if rng.random() < 0.03:
        table = table[::-1]
    values = np.stack([table[:, c].astype(np.float32)[pixels[..., c]] for c in range(3)], axis=-1)
    if rng.random() < 0.7:
        grey = values @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
        keep = 0.0 if rng.random() < 0.12 else rng.uniform(0.3, 1.5)
        values = grey[..., None] + (values - grey[..., None]) * np.float32(keep)
    if rng.random() < 0.05:
        values = values[..., rng.permutation(3)]
    if rng.random() < 0.25:
        values = _box_blur(values, int(rng.integers(1, 3)), horizontal=rng.random() < 0.7, vertical=rng.random() < 0.7)
    if rng.random() < 0.25:
        values = values + rng.normal(0, rng.uniform(2, 14), values.shape).astype(np.float32)
    done = np.clip(values, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        held = io.BytesIO()
        Image.fromarray(done).save(held, "JPEG", quality=int(rng.integers(15, 80)))
        done = np.asarray(Image.open(held))
    return done


def noise(rng: np.random.Generator, size: int) -> Pixels:
    """A texture (size, size, 3): noise of several grain sizes in random colours."""
    total = np.zeros((size, size, 3), dtype=np.float32)
    for grain in (4, 12, 24, 48):
        cells = -(-size // grain) + 1
        values = rng.normal(0, 1, (cells, cells, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
        blocks = values.repeat(grain, axis=0).repeat(grain, axis=1)[:size, :size]
        total += blocks * float(rng.uniform(0, 25))
    colour = rng.uniform(30, 225, 3).astype(np.float32)
    drawn: Pixels = np.clip(total + colour, 0, 255).astype(np.uint8)
    return drawn


def _placement(at_image: Array, at_canvas: Array, zoom: float, turn: float) -> Array:
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.concatenate([linear, (at_canvas - linear @ at_image)[:, None]], axis=1)


def _area(box: Array) -> float:
    return float(np.maximum(box[2:] - box[:2], 0).prod())


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


def _box_blur(values: Floats, radius: int, *, horizontal: bool, vertical: bool) -> Floats:
    for axis in [axis for axis, wanted in ((1, horizontal), (0, vertical)) if wanted]:
        total = values.copy()
        for step in range(1, radius + 1):
            total += np.roll(values, step, axis) + np.roll(values, -step, axis)
        values = total / np.float32(2 * radius + 1)
    return values
