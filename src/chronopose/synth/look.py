"""How a person is painted: skin, hair, face, and the fabrics of the clothes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.setting import Light

Array = NDArray[np.float64]
Rng = np.random.Generator

FABRICS = 8
PRINTS = 64  # pictures in the atlas of prints


class Surface(IntEnum):
    """What a mesh is made of, and so which shader paints it."""

    SKIN = 0
    EYES = 1
    HAIR = 2
    CLOTH = 3
    SKIRT = 4
    SHOE = 5
    HAT = 6


class Pattern(IntEnum):
    """How a fabric is coloured; numbers are those of shaders/cloth.frag."""

    PLAIN = 0
    STRIPES_ACROSS = 1
    STRIPES_ALONG = 2
    CHECK = 3
    CAMOUFLAGE = 4
    DOTS = 5
    YOKE = 6
    SIDE_STRIPE = 7
    DENIM = 8
    FADE = 9
    OTHER_SLEEVES = 10


class Part(IntEnum):
    """Which fabric of a look a part of the clothes is made of."""

    TOP = 0
    BOTTOM = 1
    INNER = 2
    ACCENT = 3
    SHOE = 4
    HAT = 5
    SOCK = 6
    GEAR = 7


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fabric:
    """A cloth or leather.

    Attributes:
        colours: (3, 3) linear; the ground, the pattern's, the trim's and the print's.
        pattern: how they are laid out.
        size_m: of one repeat of the pattern; of shoes the height of the sole.
        wrinkles: 0 for stretched to 1 for crumpled.
        shine: 0 for wool to 1 for lacquer.
        print_: number of a picture on the chest, from `PRINTS` on of one on the back, -1 for none.
        print_height: where that is, 0 at the hips to 1 at the neck.
        trim_m: width of the hem in the third colour.
    """

    colours: Array
    pattern: Pattern = Pattern.PLAIN
    size_m: float = 0.1
    wrinkles: float = 0.5
    shine: float = 0.0
    print_: int = -1
    print_height: float = 0.7
    trim_m: float = 0.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Face:
    """Where a face is at rest, metres: nose tip and middle of the eyes (3,), their distance, the chin's y."""

    nose: Array
    between: Array
    apart_m: float
    chin_y: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Look:
    """All of a person's paint. Colours are linear, 0 to 1.

    Attributes:
        skin: (3,).
        hair: (3,) of hair, brows and beard.
        tips: how much lighter or darker the ends of the hair are.
        hairline: where hair begins on the scalp (`Body.limbs`), 1 for a bald head.
        beard: 0 for none to 1.
        brows: 0 to 1.
        lips: (3,).
        iris: (3,).
        blush: redness of the cheeks, 0 to 1.
        face: where the face is.
        socks_from: leg coordinate where socks painted on the skin begin, 9 for none.
        sole_y: y of the soles at rest, metres.
        fabrics: one for each of `Part`.
        seed: a number of one's own, 0 to 100, which shifts all noise.
    """

    skin: Array
    hair: Array
    tips: float
    hairline: float
    beard: float
    brows: float
    lips: Array
    iris: Array
    blush: float
    face: Face
    socks_from: float
    sole_y: float
    fabrics: tuple[Fabric, ...]
    seed: float

    def block(self) -> Floats:
        """(8 + 4 * FABRICS, 4) float32: the uniform block of shaders/look.glsl."""
        face = self.face
        rows: list[tuple[float, ...]] = [
            (*self.skin, self.seed),
            (*self.hair, self.hairline),
            (*self.lips, self.beard),
            (*self.iris, self.brows),
            (*face.nose, face.apart_m),
            (*face.between, face.chin_y),
            (self.socks_from, 0.0, self.blush, self.tips),
            (*self.fabrics[Part.SOCK].colours[0], self.sole_y),
        ]
        for fabric in self.fabrics:
            first, second, third = fabric.colours
            rows += [
                (*first, float(fabric.pattern)),
                (*second, fabric.size_m),
                (*third, float(fabric.print_)),
                (fabric.wrinkles, fabric.shine, fabric.print_height, fabric.trim_m),
            ]
        return np.array(rows, dtype=np.float32)

    def luminance(self, light: Light) -> float:
        """Mean linear brightness of the person's skin and main clothes in `light`, 0 to about 1.

        A camera that exposes for the person brings it to about 0.15 to 0.25: multiply the light by the quotient.
        """
        white = (light.sky + light.ground) / 2 + 0.4 * light.sun
        paint = 0.4 * self.skin + 0.35 * self.fabrics[Part.TOP].colours[0] + 0.25 * self.fabrics[Part.BOTTOM].colours[0]
        return float((white * paint) @ [0.2126, 0.7152, 0.0722])


def linear(colour: Sequence[float] | Array) -> Array:
    """An sRGB colour (3,), 0 to 1, as linear light."""
    plain: Array = np.clip(np.asarray(colour, np.float64), 0, 1) ** 2.2
    return plain


# sRGB of skin in soft light, from the fairest to the darkest.
_SKIN = np.array(
    [
        *([0.94, 0.79, 0.70], [0.89, 0.71, 0.59], [0.80, 0.60, 0.46], [0.69, 0.48, 0.35]),
        *([0.54, 0.36, 0.26], [0.42, 0.28, 0.20], [0.33, 0.22, 0.17]),
    ]
)
_HAIR = {
    "black": ((0.09, 0.08, 0.08), 0.3), "dark brown": ((0.19, 0.13, 0.10), 0.26), "brown": ((0.34, 0.23, 0.15), 0.16),
    "blond": ((0.66, 0.52, 0.33), 0.1), "grey": ((0.55, 0.54, 0.53), 0.08), "red": ((0.45, 0.22, 0.12), 0.05),
    "white": ((0.80, 0.79, 0.77), 0.03), "dyed": ((0.0, 0.0, 0.0), 0.02),
}  # fmt: skip
# sRGB of what people mostly wear.
_SOBER = (
    (0.09, 0.09, 0.10), (0.16, 0.16, 0.18), (0.92, 0.92, 0.91), (0.80, 0.80, 0.78), (0.55, 0.55, 0.56),
    (0.34, 0.35, 0.37), (0.11, 0.15, 0.26), (0.17, 0.24, 0.38), (0.72, 0.64, 0.52), (0.55, 0.47, 0.36),
    (0.40, 0.33, 0.27), (0.36, 0.38, 0.28), (0.45, 0.13, 0.15), (0.70, 0.78, 0.86), (0.90, 0.84, 0.76),
)  # fmt: skip
_BOTTOMS = (
    (0.10, 0.10, 0.11), (0.18, 0.18, 0.20), (0.13, 0.16, 0.24), (0.66, 0.58, 0.46), (0.45, 0.43, 0.38),
    (0.36, 0.37, 0.40), (0.85, 0.85, 0.83), (0.35, 0.36, 0.27), (0.30, 0.23, 0.18), (0.50, 0.51, 0.54),
)  # fmt: skip
_DENIM = ((0.16, 0.22, 0.34), (0.27, 0.37, 0.52), (0.45, 0.56, 0.69), (0.12, 0.14, 0.19), (0.33, 0.35, 0.38))


def random_colour(rng: Rng, sober: float = 0.5) -> Array:
    """A linear colour (3,) of cloth; with chance `sober` one of the usual, else any."""
    if rng.random() < sober:
        return linear(np.array(_SOBER[rng.integers(len(_SOBER))]) + rng.normal(0, 0.03, 3))
    hue, strength = rng.uniform(0, 6), rng.beta(1.6, 1.5)
    bright = rng.choice([rng.uniform(0.15, 0.45), rng.uniform(0.45, 0.85), rng.uniform(0.85, 0.98)], p=[0.3, 0.5, 0.2])
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return linear(bright * (1 - strength * (1 - wheel)))


def _colours(rng: Rng, sober: float) -> Array:
    """(3, 3) of one fabric: the second differs from the first so that a pattern can be seen."""
    first = random_colour(rng, sober)
    others = []
    for _ in range(2):
        other = random_colour(rng, 0.6)
        if np.abs(other - first).max() < 0.12:
            other = linear([0.92, 0.92, 0.9]) if first.mean() < 0.25 else linear([0.1, 0.1, 0.12])
        others.append(other)
    return np.stack([first, *others])


def _top(rng: Rng) -> Fabric:
    pattern = Pattern(rng.choice([0, 1, 2, 3, 4, 5, 6, 9, 10], p=[0.52, 0.12, 0.04, 0.1, 0.04, 0.05, 0.05, 0.03, 0.05]))
    size = {
        Pattern.STRIPES_ACROSS: rng.choice([rng.uniform(0.02, 0.06), rng.uniform(0.06, 0.2)]),
        Pattern.STRIPES_ALONG: rng.uniform(0.02, 0.08),
        Pattern.CHECK: rng.uniform(0.04, 0.12),
        Pattern.CAMOUFLAGE: rng.uniform(0.03, 0.07),
        Pattern.DOTS: rng.uniform(0.03, 0.08),
    }.get(pattern, 0.1)
    printed = pattern in (Pattern.PLAIN, Pattern.YOKE, Pattern.OTHER_SLEEVES, Pattern.FADE) and rng.random() < 0.45
    return Fabric(
        colours=_colours(rng, 0.5),
        pattern=pattern,
        size_m=float(size),
        wrinkles=float(rng.uniform(0.25, 1.0)),
        shine=float(rng.beta(1, 6)),
        print_=int(rng.integers(PRINTS)) + (PRINTS if rng.random() < 0.25 else 0) if printed else -1,
        print_height=float(rng.uniform(0.62, 0.74)),
        trim_m=float(rng.choice([0.0, rng.uniform(0.006, 0.03)], p=[0.75, 0.25])),
    )


def _bottom(rng: Rng) -> Fabric:
    wrinkles = float(rng.uniform(0.25, 0.9))
    if rng.random() < 0.3:
        dark = np.array(_DENIM[rng.integers(len(_DENIM))]) + rng.normal(0, 0.02)
        colours = np.stack([linear(dark), linear(dark * 1.25 + 0.1), linear(dark * 0.7)])
        return Fabric(colours=colours, pattern=Pattern.DENIM, wrinkles=wrinkles)
    colours = _colours(rng, 0.4)
    if rng.random() < 0.6:
        colours[0] = linear(np.array(_BOTTOMS[rng.integers(len(_BOTTOMS))]) + rng.normal(0, 0.02, 3))
    pattern = Pattern(rng.choice([0, 7, 3, 5, 4, 2], p=[0.7, 0.13, 0.05, 0.03, 0.05, 0.04]))
    return Fabric(
        colours=colours,
        pattern=pattern,
        size_m=float(rng.uniform(0.03, 0.1)),
        wrinkles=wrinkles,
        shine=float(rng.beta(1, 6)),
    )


def random_fabrics(rng: Rng) -> tuple[Fabric, ...]:
    """One fabric for each of `Part`."""
    top, bottom = _top(rng), _bottom(rng)
    plain = [Fabric(colours=_colours(rng, 0.7), wrinkles=float(rng.uniform(0.2, 0.8))) for _ in range(4)]
    shoe_colours = _colours(rng, 0.75)
    if rng.random() < 0.6:
        shoe_colours[2] = linear([0.85, 0.84, 0.82]) if rng.random() < 0.6 else linear([0.12, 0.11, 0.1])
    shoe = Fabric(
        colours=shoe_colours,
        pattern=Pattern(int(rng.choice([0, 1, 2], p=[0.55, 0.25, 0.2]))),
        size_m=float(rng.uniform(0.005, 0.03)),
        wrinkles=0.1,
        shine=float(rng.choice([rng.uniform(0, 0.2), rng.uniform(0.3, 0.9)])),
    )
    hat = Fabric(colours=_colours(rng, 0.6), pattern=Pattern(int(rng.integers(2))), wrinkles=0.1)
    inner, accent, sock, _ = plain
    dark = np.stack([linear([0.1, 0.1, 0.11]) if rng.random() < 0.6 else random_colour(rng, 0.5)] * 3)
    gear = Fabric(colours=dark, wrinkles=0.15, shine=0.25)
    return (top, bottom, inner, accent, shoe, hat, sock, gear)


def random_look(rng: Rng, face: Face, *, female: bool, age: str, sole_y: float, shod: bool) -> Look:
    """A random look.

    Args:
        rng: source of chance.
        face: where the face is.
        female: whether beards are out of the question and lips may be painted.
        age: "child", "young" or "old"; only the old are grey, and children have no beard.
        sole_y: y of the soles at rest, metres.
        shod: whether shoes hide the feet; bare feet have no socks.
    """
    tone = rng.uniform(0, len(_SKIN) - 1.001)
    low, share = int(tone), tone % 1
    skin = linear(
        (_SKIN[low] * (1 - share) + _SKIN[low + 1] * share) * rng.uniform(0.96, 1.04) + rng.normal(0, 0.012, 3)
    )
    names = list(_HAIR)
    chances = np.array([chance for _, chance in _HAIR.values()])
    if age == "old":
        chances[[4, 6]] += 0.5
    if tone > 3:
        chances[[3, 5]] *= 0.1
    name = names[rng.choice(len(names), p=chances / chances.sum())]
    hair = random_colour(rng, 0) if name == "dyed" else linear(np.array(_HAIR[name][0]) * rng.uniform(0.75, 1.25))
    painted = female and age != "child" and rng.random() < 0.4
    lips = skin * [1.0, 0.55, 0.55] if not painted else linear([rng.uniform(0.5, 0.8), 0.12, rng.uniform(0.15, 0.3)])
    bearded = not female and age != "child" and rng.random() < 0.45
    high_socks = rng.random() < 0.25
    return Look(
        skin=skin,
        hair=hair,
        tips=float(rng.choice([rng.uniform(0.8, 1.1), rng.uniform(1.1, 2.2)], p=[0.7, 0.3])),
        hairline=float(rng.choice([rng.uniform(-0.01, 0.06), 1.0], p=[0.94, 0.06] if not female else [0.995, 0.005])),
        beard=float(rng.uniform(0.15, 1.0)) if bearded else 0.0,
        brows=float(rng.uniform(0.5, 0.95)),
        lips=lips,
        iris=linear([(0.25, 0.15, 0.08), (0.2, 0.12, 0.07), (0.3, 0.45, 0.6), (0.3, 0.4, 0.25)][rng.integers(4)]),
        blush=float(rng.uniform(0.1, 0.7)),
        face=face,
        socks_from=(float(rng.uniform(1.05, 1.4)) if high_socks else float(rng.uniform(1.68, 1.85))) if shod else 9.0,
        sole_y=sole_y,
        fabrics=random_fabrics(rng),
        seed=float(rng.uniform(0, 100)),
    )
