"""The world around drawn people: backgrounds, things in front of them, the camera's movement and its noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

Array = NDArray[np.float64]
Rng = np.random.Generator

_CORNERS = 16
_MOST_STRIPES = 14


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Camera:
    """A camera in front of the scene, and how its picture moves.

    A world point (x, y, z) is seen at centre + zoom * focal * (x, -y) / (distance - z) after a tilt about the x axis.

    Attributes:
        size: (2,) frame width and height in pixels.
        focal_px: pixels.
        distance_m: from the target.
        target_m: (3,) the world point in the middle of the picture.
        tilt: radians looked down.
        sway_px: (W, 2) amplitudes of the picture's movement.
        sway_hz: (W, 2).
        sway_phase: (W, 2) radians.
        zoom: amplitude of the zoom, 0.05 for five percent either way.
        zoom_hz: its rate.
    """

    size: tuple[int, int]
    focal_px: float
    distance_m: float
    target_m: Array
    tilt: float
    sway_px: Array
    sway_hz: Array
    sway_phase: Array
    zoom: float
    zoom_hz: float

    @property
    def still(self) -> bool:
        """Whether the picture does not move."""
        return self.zoom == 0 and not self.sway_px.any()

    @property
    def backdrop_size(self) -> tuple[int, int]:
        """Width and height in pixels that a backdrop needs so that the picture never leaves it."""
        if self.still:
            return self.size
        reach = np.abs(self.sway_px).sum(0)
        width, height = (np.ceil((np.array(self.size) + 2 * reach) / (1 - self.zoom)) + 4).astype(int).tolist()
        return width, height

    def motion(self, time_s: Array) -> tuple[Array, Array]:
        """Zoom factor (T,) and shift (T, 2) in pixels at times (T,)."""
        t = time_s[:, None, None]
        shift: Array = (self.sway_px * np.sin(2 * np.pi * self.sway_hz * t + self.sway_phase)).sum(1)
        zoom: Array = 1 + self.zoom * np.sin(2 * np.pi * self.zoom_hz * time_s + self.sway_phase[0, 0])
        return zoom, shift

    def see(self, points: Array, time_s: Array) -> tuple[Array, Array, Array]:
        """Where the camera sees points (T, N, 3).

        Returns:
            Places (T, N, 2) in image pixels, nearness (T, N) in metres, scale (T, N) in pixels per metre.
        """
        zoom, shift = self.motion(time_s)
        x, y, z = np.moveaxis(points - self.target_m, -1, 0)
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        up, near = y * c - z * s, y * s + z * c
        scale = zoom[:, None] * self.focal_px / np.maximum(self.distance_m - near, 0.3)
        centre = (np.array(self.size) - 1) / 2
        xy = np.stack([x * scale, -up * scale], axis=-1) + shift[:, None] + centre
        return xy, near, scale

    def view(self, backdrop: Image.Image, time_s: float) -> Image.Image:
        """The part of the backdrop that is behind the frame at a time."""
        if self.still:
            return backdrop
        zoom, shift = (value[0] for value in self.motion(np.array([time_s])))
        step = 1 / float(zoom)
        # PIL counts from pixel corners, so the middle of a picture is at half its size.
        corner = (
            side / 2 - (frame / 2 + float(move)) * step
            for side, frame, move in zip(backdrop.size, self.size, shift, strict=True)
        )
        x, y = corner
        window = (step, 0.0, x, 0.0, step, y)
        return backdrop.transform(self.size, Image.Transform.AFFINE, window, Image.Resampling.BILINEAR)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Occluder:
    """A flat thing between the camera and some of the people.

    Attributes:
        outline: (V, 2) a convex outline about its own middle, in frame pixels.
        middle: (2,) pixels at the middle of the clip.
        speed: (2,) pixels per second.
        layer: how many persons, counted from the nearest, stand in front of it.
        colours: (2, 3) RGB of its two sides of a stripe.
        stripes: (2,) direction of its stripes times their number per pixel, or zeros.
    """

    outline: Array
    middle: Array
    speed: Array
    layer: int
    colours: Array
    stripes: Array

    def at(self, time_s: float, camera: Camera) -> Array:
        """(V, 2) its outline in image pixels at a time, moved with the camera's picture."""
        zoom, shift = (value[0] for value in camera.motion(np.array([time_s])))
        centre = (np.array(camera.size) - 1) / 2
        moved: Array = (self.outline + self.middle + self.speed * time_s - centre) * zoom + centre + shift
        return moved

    def draw(self, draw: ImageDraw.ImageDraw, time_s: float, camera: Camera, scale: int) -> None:
        outline = self.at(time_s, camera)
        draw.polygon(_pixels(outline, scale), fill=_rgb(self.colours[0]))
        reach = float(np.linalg.norm(self.stripes))
        if reach == 0:
            return
        # Stripes are the slabs of the outline between two parallel lines.
        middle, direction = outline.mean(0), self.stripes / reach
        along = (outline - middle) @ direction
        period = max(1 / reach, float(np.ptp(along)) / _MOST_STRIPES)
        for start in np.arange(along.min(), along.max(), period):
            slab = _slab(outline - middle, direction, float(start), float(start + period / 2))
            if len(slab) > 2:
                draw.polygon(_pixels(slab + middle, scale), fill=_rgb(self.colours[1]))


def _slab(outline: Array, direction: Array, low: float, high: float) -> Array:
    """(V', 2) the part of a convex outline (V, 2) with low <= outline . direction <= high."""
    corners = [(x, y, along) for (x, y), along in zip(outline.tolist(), (outline @ direction).tolist(), strict=True)]
    for sign, limit in ((1.0, high), (-1.0, -low)):
        kept: list[tuple[float, float, float]] = []
        for before, after in zip(corners, corners[1:] + corners[:1], strict=True):
            room, next_room = limit - sign * before[2], limit - sign * after[2]
            if room >= 0:
                kept.append(before)
            if (room >= 0) != (next_room >= 0):
                share = room / (room - next_room)
                x, y, along = (b + share * (a - b) for b, a in zip(before, after, strict=True))
                kept.append((x, y, along))
        corners = kept
    return np.array(corners).reshape(-1, 3)[:, :2]


def _pixels(xy: Array, scale: int) -> list[int]:
    """Corners (V, 2) in frame pixels as the flat whole numbers that PIL wants on a picture `scale` times as large."""
    flat: list[int] = np.rint((xy + 0.5) * scale - 0.5).astype(np.int64).ravel().tolist()
    return flat


def _rgb(colour: Array) -> tuple[int, int, int]:
    red, green, blue = np.clip(colour, 0, 255).astype(int).tolist()
    return red, green, blue


def random_camera(rng: Rng, width: int, height: int, person_px: float, moving: bool) -> Camera:
    """A camera that sees a grown person at the middle of the scene about `person_px` pixels tall."""
    distance = float(rng.uniform(4.5, 9.0))
    strength = rng.choice([0.0, 0.3, 1.0], p=[0.3, 0.4, 0.3]) if moving else 0.0
    sway = strength * np.array([0.08, 0.012, 0.004])[:, None] * rng.uniform(0.2, 1, (3, 2)) * max(width, height)
    return Camera(
        size=(width, height),
        focal_px=person_px * distance / 1.75,
        distance_m=distance,
        target_m=np.array([0.0, 0.85 + rng.normal(0, 0.08), 0.0]),
        tilt=float(rng.uniform(-0.1, 0.35)),
        sway_px=sway,
        sway_hz=np.array([0.35, 1.3, 5.0])[:, None] * rng.uniform(0.5, 1.3, (3, 2)),
        sway_phase=rng.uniform(0, 2 * np.pi, (3, 2)),
        zoom=float(0.05 * rng.random() * strength),
        zoom_hz=float(rng.uniform(0.2, 0.7)),
    )


def random_occluders(rng: Rng, width: int, height: int, count: int, people: int) -> tuple[Occluder, ...]:
    """Rectangles, ellipses, poles and bars, still or passing by."""
    made = []
    for _ in range(count):
        kind = rng.choice(["rectangle", "ellipse", "pole", "bar"])
        side = float(min(width, height))
        if kind == "pole":
            half = np.array([rng.uniform(0.015, 0.06) * side, 1.5 * max(width, height)])
        elif kind == "bar":
            half = np.array([1.5 * max(width, height), rng.uniform(0.015, 0.06) * side])
        else:
            half = rng.uniform(0.05, 0.22, 2) * side
        angle = np.arange(_CORNERS) * 2 * np.pi / _CORNERS
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        outline = (ring if kind == "ellipse" else np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)], float)) * half
        turn = rng.normal(0, 0.08) if kind in ("pole", "bar") else rng.uniform(0, np.pi)
        c, s = np.cos(turn), np.sin(turn)
        passing = rng.random() < 0.4
        made.append(
            Occluder(
                outline=outline @ np.array([(c, s), (-s, c)]),
                middle=rng.uniform((0, 0.1 * height), (width, 1.1 * height)),
                speed=rng.normal(0, 0.5, 2) * (width, 0.2 * height) * float(passing),
                layer=int(rng.integers(0, people)),
                colours=colours(rng, 1) + np.array([0.0, 1.0])[:, None] * rng.normal(0, 45, 3),
                stripes=rng.normal(0, 1, 2) * 8 / side if rng.random() < 0.6 else np.zeros(2),
            )
        )
    return tuple(made)


def colours(rng: Rng, count: int) -> Array:
    """(count, 3) RGB as the world has them: mostly dull, a few loud."""
    grey = rng.uniform(15, 240, (count, 1))
    return grey + rng.beta(1, 2.5, (count, 1)) * (rng.uniform(0, 255, (count, 3)) - grey)


def _noise(rng: Rng, width: int, height: int, cells: int) -> Image.Image:
    """Smooth grey noise with about `cells` blotches across."""
    down = max(2, round(cells * height / width))
    grid = Image.fromarray(rng.integers(0, 256, (down, cells), dtype=np.uint8))
    return grid.resize((width, height), Image.Resampling.BILINEAR)


def random_backdrop(rng: Rng, camera: Camera) -> Image.Image:
    """A picture to stand before: sky or wall, ground where the camera would see it, clutter, texture."""
    wide, high = camera.backdrop_size
    top, wall, ground = colours(rng, 3)
    foot_of_the_wall = camera.target_m * (0, 0, 1) - (0, 0, rng.uniform(2.5, 12))
    above_middle = float(camera.see(foot_of_the_wall[None, None], np.zeros(1))[0][0, 0, 1]) - camera.size[1] / 2
    line = round(min(max(high / 2 + above_middle, 0.05 * high), 0.95 * high))
    rows = np.empty((high, 1, 3))
    rows[:line] = np.linspace(top, wall, line)[:, None]
    rows[line:] = np.linspace(ground, ground * rng.uniform(0.6, 1.3), high - line)[:, None]
    image = Image.fromarray(np.clip(rows, 0, 255).astype(np.uint8)).resize((wide, high), Image.Resampling.NEAREST)
    # Blotches of another colour: light, dirt, foliage.
    blotches = _noise(rng, wide, high, int(rng.integers(3, 9))).point([int(value * 0.6) for value in range(256)])
    image.paste(_rgb(colours(rng, 1)[0]), (0, 0), blotches)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        _clutter(rng, draw, wide, high, line)
    # Two scales of texture, each on its own and at times absent: people are smooth, and must not be found by that.
    for cells, most in ((int(rng.integers(10, 40)), 26), (wide // 2, 22)):
        strength = float(most * max(rng.uniform(-0.4, 1), 0))
        if strength:
            grain = _noise(rng, wide, high, cells).point([round(128 + (v - 128) * strength / 128) for v in range(256)])
            image = ImageChops.add(image, Image.merge("RGB", (grain, grain, grain)), 1, -128)
    return image


def _clutter(rng: Rng, draw: ImageDraw.ImageDraw, wide: int, high: int, line: int) -> None:
    """One group of things: houses with windows, a fence, floor boards, loose shapes, tree-like strokes."""
    kind = rng.choice(["houses", "lines", "shapes", "strokes", "boards"])
    first, second = (_rgb(colour) for colour in colours(rng, 2))
    if kind == "houses":
        for _ in range(int(rng.integers(1, 4))):
            x, w, h = rng.uniform(-0.1, 0.9) * wide, rng.uniform(0.12, 0.4) * wide, rng.uniform(0.15, 0.6) * high
            draw.rectangle((x, line - h, x + w, line), fill=_rgb(colours(rng, 1)[0]))
            step = max(w / int(rng.integers(3, 7)), 5.0)
            for column in np.arange(x + step * 0.3, x + w - step * 0.5, step):
                for row in np.arange(line - h + step * 0.3, line - step * 0.6, step * 1.3):
                    draw.rectangle((column, row, column + step * 0.5, row + step * 0.7), fill=first)
    elif kind == "lines":
        step, slope = rng.uniform(0.03, 0.12) * wide, rng.normal(0, 0.15) * high
        for x in np.arange(-wide * 0.2, wide * 1.2, step):
            draw.line((x, 0, x + slope, line), fill=first, width=int(rng.integers(1, 3)))
    elif kind == "shapes":
        for x, y, w, h in rng.uniform((-0.1, -0.1, 0.03, 0.03), (1, 1, 0.3, 0.3), (int(rng.integers(4, 14)), 4)):
            box = (x * wide, y * high, (x + w) * wide, (y + h) * high)
            colour = _rgb(colours(rng, 1)[0])
            if rng.random() < 0.5:
                draw.ellipse(box, fill=colour)
            else:
                draw.rectangle(box, fill=colour)
    elif kind == "strokes":
        # Limb-sized strokes in limb-like pairs: what a network must learn not to take for arms and legs.
        for _ in range(int(rng.integers(4, 12))):
            path = np.cumsum(rng.normal((0, 0.02), 0.1, (3, 2)), axis=0) + rng.uniform(0, 1, 2)
            points = (path * (wide, high)).ravel().tolist()
            draw.line(points, fill=_rgb(colours(rng, 1)[0]), width=int(rng.uniform(0.01, 0.05) * high) + 1)
    else:
        middle = rng.uniform(0.2, 0.8) * wide
        for x in np.linspace(-2 * wide, 3 * wide, int(rng.integers(12, 30))):
            draw.line((middle + (x - middle) * 0.15, line, x, high), fill=second, width=1)
        if rng.random() < 0.5:
            for y in line + (high - line) * np.linspace(0.05, 1, 7) ** 2:
                draw.line((0, y, wide, y), fill=second, width=1)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sensor:
    """How a picture is recorded.

    Attributes:
        curve: (256,) what each value becomes.
        flicker: share by which brightness trembles from frame to frame.
        noise: (256,) the values noise may take, all equally likely.
    """

    curve: Array
    flicker: float
    noise: NDArray[np.int16]

    def record(self, pixels: NDArray[np.uint8], rng: Rng) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 with this camera's tones and noise; `rng` is drawn from, so give each frame its own."""
        gain = 1 + self.flicker * rng.uniform(-1, 1)
        table = np.clip(self.curve * gain, 0, 255).astype(np.int16)
        dice = np.frombuffer(rng.bytes(pixels.size), dtype=np.uint8).reshape(pixels.shape)
        recorded: NDArray[np.uint8] = np.clip(table[pixels] + self.noise[dice], 0, 255).astype(np.uint8)
        return recorded


def random_sensor(rng: Rng, noise: float) -> Sensor:
    """Exposure, contrast, gamma and a noise of up to `noise` grey levels standard deviation."""
    # 256 evenly spaced quantiles of a normal distribution, by sorting a large draw: no special function needed.
    quantiles = np.sort(rng.standard_normal(4096)).reshape(256, 16).mean(1)
    value = np.linspace(0, 1, 256)
    contrast, brightness, gamma = rng.uniform(0.65, 1.15), rng.uniform(-0.1, 0.1), np.exp(rng.normal(0, 0.2))
    curve = 255 * np.clip((value - 0.5) * contrast + 0.5 + brightness, 0, 1) ** gamma
    return Sensor(
        curve=curve,
        flicker=float(rng.uniform(0, 0.03)),
        noise=np.rint(quantiles * noise * rng.uniform(0.2, 1.0)).astype(np.int16),
    )
