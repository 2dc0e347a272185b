"""Pictures that teach a person detector: labelled persons put together on one canvas.

A sample is drawn in one of four ways: one photograph at a random place and size, a mosaic of several, several persons
pasted with soft edges onto a background, or a whole scene whose persons are all labelled. Boxes of photographs come
from joints: the tight box of the joints, enlarged by what a body reaches past them. Photographs may show people that
nobody labelled; those areas travel along as `doubt`, and so do persons of whom too little is seen.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.letterbox import GREY
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.data.board import Array, Board, Picture, Scene, Tile, placement


class Pictures(Protocol):
    """Pictures by number; the same number always gives the same picture."""

    def __len__(self) -> int: ...

    def picture(self, index: int) -> Picture: ...


class Scenes(Protocol):
    """Scenes by number; the same number and the same state of `rng` always give the same scene."""

    def __len__(self) -> int: ...

    def scene(self, index: int, rng: np.random.Generator) -> Scene: ...


Source = TypeVar("Source")


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
        ways: weights of one photograph, mosaic, pasting, and whole scenes; the last counts where there are scenes,
            of which a mosaic then takes the same share of its tiles.
    """

    size: int = 192
    people: int = 12
    areas: int = 16
    smallest: float = 0.2
    largest: float = 1.3
    turn_deg: float = 12.0
    shown: float = 0.35
    ways: tuple[float, float, float, float] = (0.4, 0.35, 0.25, 1.0)

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise InputError(f"data.size must be a positive multiple of 32, got {self.size}")
        if not 0 < self.smallest < self.largest:
            raise InputError(f"data.smallest must lie in 0 to largest, got {self.smallest} and {self.largest}")
        if len(self.ways) != 4 or not min(self.ways) >= 0 or not 0 < sum(self.ways) < math.inf:
            raise InputError(f"data.ways must be four weights, at least one positive, got {self.ways}")


class Crowd:
    """Training pictures drawn from photographs of persons, scenes and, where there are some, pictures of nobody.

    Args:
        people: sources of photographs with a labelled person each; drawn from with the given weight.
        places: pictures without people, for backgrounds; noise and other photographs' surroundings serve without.
        config: how they are put together.
        scenes: sources of pictures in which everybody is labelled; drawn from with the given weight.

    Raises:
        InputError: if no source has a picture, or only the kind that `config.ways` leaves out.
    """

    def __init__(
        self,
        people: Sequence[tuple[Pictures, float]],
        places: Pictures | None,
        config: CrowdConfig,
        scenes: Sequence[tuple[Scenes, float]] = (),
    ) -> None:
        self.people = [(source, weight) for source, weight in people if len(source) and weight > 0]
        self.scenes = [(source, weight) for source, weight in scenes if len(source) and weight > 0]
        if not self.people and not self.scenes:
            raise InputError("the detector's training data needs at least one folder with labelled persons")
        self.places, self.config = places, config
        # Without photographs a mosaic has scenes alone, and nothing is shown singly or pasted.
        has = (bool(self.people), True, bool(self.people), bool(self.scenes))
        ways = np.array([way if there else 0.0 for way, there in zip(config.ways, has, strict=True)])
        if not ways.sum():
            raise InputError(f"data.ways is {config.ways}: none of these can be drawn from the folders given")
        self._ways = ways / ways.sum()
        self._of_scenes = float(self._ways[3]) if self.people else 1.0

    def __len__(self) -> int:
        return sum(len(source) for source, _ in self.people) + sum(len(source) for source, _ in self.scenes)

    def sample(self, index: int, rng: np.random.Generator) -> CrowdSample:
        """A new composition; `index` is not looked at, since every sample draws from all pictures."""
        del index
        config = self.config
        board = Board(config.size)
        whole = (0.0, 0.0, float(config.size), float(config.size))
        way = rng.choice(4, p=self._ways)
        if way == 0:
            self._one(board, rng, whole)
        elif way == 1:
            self._mosaic(board, rng, whole, depth=0)
        elif way == 2:
            self._paste(board, rng, whole)
        else:
            self._look(board, rng, whole)
        pixels = photometric(board.pixels, rng)
        truth, known, doubt = board.rows(people=config.people, areas=config.areas, shown=config.shown)
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
            last = config.size - 1
            truth[:, [0, 2]] = np.where(known[:, None] > 0, last - truth[:, [2, 0]], 0)
            doubt[:, [0, 2]] = np.where(doubt[:, 4:] < 2, last - doubt[:, [2, 0]], 0)
        return CrowdSample(np.ascontiguousarray(pixels.transpose(2, 0, 1)), truth, known, doubt)

    def _person(self, rng: np.random.Generator) -> Picture:
        source = _drawn(self.people, rng)
        return source.picture(int(rng.integers(len(source))))

    def _scene(self, rng: np.random.Generator) -> Scene:
        source = _drawn(self.scenes, rng)
        return source.scene(int(rng.integers(len(source))), rng)

    def _nobody(self, rng: np.random.Generator) -> Picture:
        if self.places is not None and len(self.places) and rng.random() < 0.88:
            return self.places.picture(int(rng.integers(len(self.places))))
        return Picture(pixels=noise(rng, 96), xy_image=np.zeros((0, 2)))

    def _one(self, board: Board, rng: np.random.Generator, canvas: Tile) -> None:
        size = self.config.size
        if rng.random() < 0.5:
            board.pixels[:] = rng.integers(0, 256, 3) if rng.random() < 0.5 else GREY
        else:
            self._cover(board, rng, self._nobody(rng), canvas)
        long_px = size * self._share(rng)
        middle = rng.uniform(0.1, 0.9, 2) * size if rng.random() < 0.5 else rng.normal(0.5, 0.12, 2) * size
        board.add(self._person(rng), long_px, middle, self._turn(rng), canvas)

    def _look(self, board: Board, rng: np.random.Generator, canvas: Tile) -> None:
        """A scene as a detector is shown it, whole and with bars at its sides, or closer with a person in view."""
        size, scene = self.config.size, self._scene(rng)
        rows, columns = scene.pixels.shape[:2]
        if rng.random() < 0.1:
            board.pixels[:] = rng.integers(0, 256, 3)
        fit = size / max(rows, columns)
        usable = np.flatnonzero(scene.seen >= self.config.shown)
        if rng.random() < 0.5 or not len(usable):
            zoom = fit * float(np.exp(rng.uniform(-0.3, 0.2)))
            at_image = np.array([columns - 1, rows - 1]) / 2
            at_canvas = size / 2 + rng.uniform(-0.5, 0.5, 2) * np.abs(size - zoom * np.array([columns, rows]))
        else:
            box = scene.boxes[int(rng.choice(usable))]
            box = np.clip(box, -0.5, np.array([columns, rows, columns, rows]) - 0.5)
            at_image = (box[:2] + box[2:]) / 2
            # More than twofold enlarged pictures are blurred in a way that no camera's are.
            zoom = size * self._share(rng) / max(float((box[2:] - box[:2]).max()), 1.0)
            zoom = float(np.clip(zoom, 0.8 * fit, max(2.0, fit)))
            at_canvas = rng.uniform(0.1, 0.9, 2) * size
            # Moved until the canvas shows no more of the surroundings than it must.
            slack = size - zoom * np.array([columns, rows])
            corner = at_canvas - zoom * (at_image + 0.5) + 0.5
            at_canvas += np.clip(corner, np.minimum(slack, 0), np.maximum(slack, 0)) - corner
        self._put(board, scene, placement(at_image, at_canvas, zoom, 0.0), canvas)

    def _put(self, board: Board, scene: Scene, image_to_canvas: Array, tile: Tile) -> None:
        board.draw_scene(scene, image_to_canvas, tile, least_px=self.config.smallest * self.config.size / 2)

    def _mosaic(self, board: Board, rng: np.random.Generator, tile: Tile, depth: int) -> None:
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
        elif self.scenes and rng.random() < self._of_scenes:
            self._cover(board, rng, self._scene(rng), tile)
        else:
            self._cover(board, rng, self._person(rng), tile)

    def _cover(self, board: Board, rng: np.random.Generator, whole: Picture | Scene, tile: Tile) -> None:
        """Fills a tile with a picture, just covering it or somewhat closer, the person inside where there is one."""
        x1, y1, x2, y2 = tile
        rows, columns = whole.pixels.shape[:2]
        zoom = max((x2 - x1) / columns, (y2 - y1) / rows) * np.exp(rng.uniform(0, 0.45))
        turn = self._turn(rng) * 0.5 if isinstance(whole, Picture) else 0.0
        zoom *= np.cos(turn) + np.sin(abs(turn)) * 0.5
        middle = np.array([x1 + x2, y1 + y2]) / 2
        slack = np.maximum(np.array([columns, rows]) * zoom - [x2 - x1, y2 - y1], 0) / 2
        centre = middle + rng.uniform(-1, 1, 2) * slack
        image_to_canvas = placement(np.array([columns - 1, rows - 1]) / 2, centre, zoom, turn)
        if isinstance(whole, Picture):
            board.draw(whole, image_to_canvas, tile)
        else:
            self._put(board, whole, image_to_canvas, tile)

    def _paste(self, board: Board, rng: np.random.Generator, canvas: Tile) -> None:
        size = self.config.size
        ground = self._person(rng) if rng.random() < 0.3 else self._nobody(rng)
        self._cover(board, rng, ground, canvas)
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
            board.add(self._person(rng), long_px, middle, self._turn(rng), canvas, soft=rng.uniform(1, 1.4))

    def _share(self, rng: np.random.Generator) -> float:
        return float(np.exp(rng.uniform(np.log(self.config.smallest), np.log(self.config.largest))))

    def _turn(self, rng: np.random.Generator) -> float:
        return float(np.deg2rad(np.clip(rng.normal(0, self.config.turn_deg / 2), -1, 1) * self.config.turn_deg))


def _drawn(sources: list[tuple[Source, float]], rng: np.random.Generator) -> Source:
    """One of the sources, by weight."""
    weights = np.array([weight for _, weight in sources])
    return sources[int(rng.choice(len(sources), p=weights / weights.sum()))][0]


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


def _box_blur(values: Floats, radius: int, *, horizontal: bool, vertical: bool) -> Floats:
    for axis in [axis for axis, wanted in ((1, horizontal), (0, vertical)) if wanted]:
        total = values.copy()
        for step in range(1, radius + 1):
            total += np.roll(values, step, axis) + np.roll(values, -step, axis)
        values = total / np.float32(2 * radius + 1)
    return values
