"""What a drawn person is made of: limbs, clothes, hair and face as hulls of balls fixed to a body's segments.

One shape serves for everything: the convex hull of a few balls. Two balls make a limb, a handful make a trunk, one tiny
ball makes a button.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.data.puppet import JOINTS, SEGMENT, Body

Array = NDArray[np.float64]
Rng = np.random.Generator
Ball = tuple[str, tuple[float, float, float], float]
_SIDES = (("left", 1.0), ("right", -1.0))

# Parts that hold a joint and so never hide it; parts of the trunk are left to the depth rule.
_OWN_PARTS = {
    "shoulder": ("{side}_arm", "{side}_sleeve"),
    "elbow": ("{side}_arm", "{side}_sleeve", "{side}_forearm"),
    "wrist": ("{side}_forearm", "{side}_hand"),
    "hip": ("{side}_thigh", "hips", "skirt"),
    "knee": ("{side}_thigh", "{side}_shin", "skirt"),
    "ankle": ("{side}_shin", "{side}_foot"),
    "ear": ("hair", "{side}_hair"),
    "eye": ("hair", "fringe"),
    "head_top": ("head", "hair", "fringe"),
    "head": ("head", "hair", "fringe"),
    "head_bottom": ("neck", "head", "hair", "trunk"),
    "neck": ("neck", "head", "hair", "trunk"),
    "belly": ("hips", "trunk", "skirt"),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Figure:
    """A dressed body, ready to be drawn.

    Attributes:
        ball_segment: (N,) the segment each ball is fixed to.
        ball_offset: (N, 3) metres in that segment's frame.
        ball_radius: (N,) metres.
        part_balls: (P, M) which balls each part is the hull of; short rows repeat theirs.
        host: (P,) the part each part is drawn right after; its own index for a part that stands alone.
        lift: (P,) metres a part is brought forward when parts are sorted by depth.
        facing: (P, 3) the normal of a flat part in its segment's frame, zero where it is drawn from all sides.
        colour: (P, 3) RGB in 0 to 255.
        own: (J, P) True where a part holds the joint and so never hides it.
    """

    ball_segment: NDArray[np.intp]
    ball_offset: Array
    ball_radius: Array
    part_balls: NDArray[np.intp]
    host: NDArray[np.intp]
    lift: Array
    facing: Array
    colour: Array
    own: NDArray[np.bool_]


class _Pile:
    """Parts as they are collected."""

    def __init__(self) -> None:
        self.balls: list[Ball] = []
        self.rows: list[list[int]] = []
        self.names: list[str] = []
        self.hosts: list[int] = []
        self.lifts: list[float] = []
        self.facings: list[tuple[float, float, float]] = []
        self.colours: list[Array] = []

    def add(
        self,
        name: str,
        colour: Array,
        *balls: Ball,
        lift: float = 0.0,
        on: str | None = None,
        facing: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.rows.append(list(range(len(self.balls), len(self.balls) + len(balls))))
        self.balls.extend(balls)
        self.hosts.append(len(self.names) if on is None else self.names.index(on))
        self.names.append(name)
        self.lifts.append(lift)
        self.facings.append(facing)
        self.colours.append(colour)

    def figure(self) -> Figure:
        longest = max(map(len, self.rows))
        own = np.zeros((len(JOINTS), len(self.names)), dtype=bool)
        for row, joint in enumerate(JOINTS):
            side, _, bare = joint.partition("_") if joint.startswith(("left_", "right_")) else ("", "", joint)
            names = {name.format(side=side) for name in _OWN_PARTS.get(bare, ())}
            own[row] = [name in names for name in self.names]
        return Figure(
            ball_segment=np.array([SEGMENT[segment] for segment, _, _ in self.balls], dtype=np.intp),
            ball_offset=np.array([offset for _, offset, _ in self.balls], dtype=np.float64),
            ball_radius=np.array([radius for _, _, radius in self.balls], dtype=np.float64),
            part_balls=np.array([(row * longest)[:longest] for row in self.rows], dtype=np.intp),
            host=np.array(self.hosts, dtype=np.intp),
            lift=np.array(self.lifts, dtype=np.float64),
            facing=np.array(self.facings, dtype=np.float64),
            colour=np.clip(np.array(self.colours, dtype=np.float64), 4, 250),
            own=own,
        )


_SKIN = np.array(
    [(255, 219, 186), (241, 194, 155), (224, 172, 125), (198, 134, 86), (141, 85, 46), (90, 56, 36)], float
)
_HAIR = np.array([(30, 24, 20), (60, 40, 25), (110, 70, 35), (190, 150, 80), (150, 60, 30), (160, 160, 160)], float)


def cloth_colour(rng: Rng) -> Array:
    """(3,) RGB: often dull, sometimes loud, sometimes black or white."""
    kind = rng.random()
    if kind < 0.3:
        grey = rng.choice([rng.uniform(15, 70), rng.uniform(90, 160), rng.uniform(190, 245)])
        return np.full(3, grey) + rng.normal(0, 6, 3)
    colour = rng.uniform(20, 235, 3)
    if kind < 0.65:
        colour = 0.45 * colour + 0.55 * colour.mean()
    return colour


def dress(body: Body, rng: Rng) -> Figure:
    """A person of random skin, hair and clothes on a given body."""
    pile = _Pile()
    skin = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.9, 1.05) + rng.normal(0, 5, 3)
    shirt, trousers = cloth_colour(rng), cloth_colour(rng)
    if rng.random() < 0.12:  # overalls, sports dress, bare chest
        trousers = shirt + rng.normal(0, 8, 3)
    if rng.random() < 0.05:
        shirt = skin
    _trunk(pile, body, rng, shirt, trousers, skin)
    _arms(pile, body, rng, shirt, skin)
    _legs(pile, body, rng, trousers, skin)
    _head(pile, body, rng, skin)
    return pile.figure()


def _trunk(pile: _Pile, body: Body, rng: Rng, shirt: Array, trousers: Array, skin: Array) -> None:
    g, size = body.girth, body.size
    shoulder = body.hinge[SEGMENT["left_arm"]]
    hip = body.hinge[SEGMENT["left_thigh"]][0]
    neck = body.hinge[SEGMENT["head"]][1]
    belly = 0.105 * g * rng.uniform(0.9, 1.2)
    hem = rng.uniform(-0.06, 0.06) * size
    pile.add(
        "hips", trousers,
        *(("pelvis", (sign * hip * 0.8, 0.0, z), 0.085 * g) for _, sign in _SIDES for z in (-0.025 * g, 0.015 * g)),
        ("pelvis", (0.0, 0.09 * size, 0.0), 0.1 * g),
    )  # fmt: skip
    pile.add(
        "trunk", shirt,
        *(("chest", (sign * shoulder[0] * 0.82, shoulder[1] - 0.01 * size, 0.0), 0.058 * g) for _, sign in _SIDES),
        *(("chest", (sign * shoulder[0] * 0.5, shoulder[1] - 0.12 * size, 0.01), 0.105 * g) for _, sign in _SIDES),
        ("chest", (0.0, neck - 0.03 * size, -0.01), 0.055 * g),
        *(("pelvis", (sign * hip * 0.62, 0.07 * size + hem, 0.01 * size), belly) for _, sign in _SIDES),
        lift=0.01,
    )  # fmt: skip
    wide = (shoulder[0] * 0.5 + 0.1 * g) * 0.96
    ring = [(x * wide, z * 0.095 * g) for x, z in ((-1, 0), (-0.5, 1), (0.5, 1), (1, 0), (0.5, -1), (-0.5, -1))]
    pattern = rng.random()
    mark = cloth_colour(rng)
    if pattern < 0.25:
        for y in np.arange(0.02, 0.3, rng.uniform(0.05, 0.1)) * size:
            pile.add("stripe", mark, *(("chest", (x, float(y), z), 0.012 * size) for x, z in ring), on="trunk")
    elif pattern < 0.45:
        width, low, high = rng.uniform(0.05, 0.12) * size, rng.uniform(0.05, 0.15) * size, rng.uniform(0.2, 0.28) * size
        for z in (0.11 * g, -0.11 * g):
            corners = (("chest", (x * width, y, z), 0.008) for x in (-1, 1) for y in (low, high))
            pile.add("print", mark, *corners, on="trunk", facing=(0.0, 0.0, float(np.sign(z))))
    elif pattern < 0.6:
        for x, y, z in rng.uniform((-0.13, 0.0, -1), (0.13, 0.3, 1), (14, 3)):
            front = float(np.sign(z))
            spot = ("chest", (x * size, y * size, front * 0.1 * g), 0.017 * size)
            pile.add("dot", mark, spot, on="trunk", facing=(0.0, 0.0, front))
    elif pattern < 0.75:  # an open jacket
        pile.add(
            "front", mark,
            *(("chest", (x * 0.05 * size, y * size, 0.11 * g), 0.012) for x in (-1, 1) for y in (0.0, 0.3)),
            on="trunk", facing=(0.0, 0.0, 1.0),
        )  # fmt: skip
    if rng.random() < 0.12:
        corners = (
            ("chest", (x * 0.11 * size, y * size, -0.17 * size), 0.05 * size) for x in (-1, 1) for y in (0.02, 0.3)
        )
        pile.add("bag", cloth_colour(rng), *corners)
    pile.add(
        "neck",
        skin,
        ("head", (0.0, 0.0, -0.005), 0.052 * g),
        ("head", (0.0, 0.08 * body.head, 0.005), 0.05 * g),
        lift=0.005,
    )


def _arms(pile: _Pile, body: Body, rng: Rng, shirt: Array, skin: Array) -> None:
    g = body.girth
    sleeve = rng.choice([0.0, 0.5, 1.0, 2.0], p=[0.1, 0.4, 0.1, 0.4])
    gloves = cloth_colour(rng) if rng.random() < 0.06 else skin
    cuff = shirt if rng.random() < 0.8 else cloth_colour(rng)
    for side, _ in _SIDES:
        arm, forearm = f"{side}_arm", f"{side}_forearm"
        elbow = body.hinge[SEGMENT[forearm]][1]
        wrist = body.joint_offset[JOINTS.index(f"{side}_wrist")][1]
        pile.add(
            arm,
            cuff if sleeve >= 1 else skin,
            (arm, (0.0, 0.0, 0.0), 0.057 * g),
            (arm, (0.0, elbow, 0.0), 0.041 * g),
            lift=0.05,
        )
        if 0 < sleeve < 1:
            balls = (arm, (0.0, 0.0, 0.0), 0.064 * g), (arm, (0.0, elbow * sleeve, 0.0), 0.058 * g)
            pile.add(f"{side}_sleeve", cuff, *balls, on=arm)
        pile.add(
            forearm, cuff if sleeve == 2 else skin,
            (forearm, (0.0, 0.0, 0.0), 0.041 * g), (forearm, (0.0, wrist, 0.0), 0.028 * g), lift=0.055,
        )  # fmt: skip
        pile.add(
            f"{side}_hand", gloves,
            (forearm, (0.0, wrist - 0.03 * body.size, 0.0), 0.035 * g),
            (forearm, (0.0, wrist - 0.115 * body.size, 0.01), 0.026 * g),
            (forearm, (0.0, wrist - 0.06 * body.size, 0.045 * body.size), 0.014 * g), lift=0.06,
        )  # fmt: skip


def _legs(pile: _Pile, body: Body, rng: Rng, trousers: Array, skin: Array) -> None:
    g, size = body.girth, body.size
    cut = rng.choice(["long", "short", "skirt", "bare"], p=[0.55, 0.25, 0.14, 0.06])
    shoes = cloth_colour(rng)
    socks = cloth_colour(rng) if rng.random() < 0.5 else skin
    piping = cloth_colour(rng) if rng.random() < 0.25 else None
    loose = rng.uniform(0.95, 1.25) if cut == "long" else 1.0
    for side, _ in _SIDES:
        thigh, shin, foot = (f"{side}_{name}" for name in ("thigh", "shin", "foot"))
        knee, ankle = body.hinge[SEGMENT[shin]][1], body.hinge[SEGMENT[foot]][1]
        pile.add(
            thigh, skin if cut in ("skirt", "bare") else trousers,
            (thigh, (0.0, 0.0, 0.0), 0.088 * g), (thigh, (0.0, knee, 0.0), 0.06 * g * loose),
        )  # fmt: skip
        pile.add(
            shin, trousers if cut == "long" else skin,
            (shin, (0.0, 0.0, 0.0), 0.058 * g * loose), (shin, (0.0, ankle * 0.3, -0.012), 0.058 * g * loose),
            (shin, (0.0, ankle, 0.0), 0.038 * g * loose), lift=0.005,
        )  # fmt: skip
        if piping is not None and cut == "long":
            x = (0.07 if side == "left" else -0.07) * g
            line: list[Ball] = [(thigh, (x, 0.0, 0.0), 0.012), (thigh, (x * 0.8, knee, 0.0), 0.012)]
            pile.add("piping", piping, *line, on=thigh, facing=(np.sign(x), 0.0, 0.3))
            pile.add(
                "piping",
                piping,
                (shin, (x * 0.8, 0.0, 0.0), 0.012),
                (shin, (x * 0.6, ankle, 0.0), 0.012),
                on=shin,
                facing=(np.sign(x), 0.0, 0.3),
            )
        if cut != "long":
            balls = (shin, (0.0, ankle * 0.8, -0.004), 0.044 * g), (shin, (0.0, ankle, 0.0), 0.041 * g)
            pile.add("sock", socks, *balls, on=shin)
        if cut == "short":
            balls = (thigh, (0.0, 0.0, 0.0), 0.09 * g), (thigh, (0.0, knee * 0.6, 0.0), 0.085 * g)
            pile.add("leg_end", trousers, *balls, on=thigh)
        pile.add(
            foot, shoes,
            (foot, (0.0, -0.035 * size, -0.035 * size), 0.04 * size),
            (foot, (0.0, -0.045 * size, 0.13 * size), 0.03 * size),
            (foot, (0.0, 0.0, 0.0), 0.036 * size), lift=0.01,
        )  # fmt: skip
    if cut == "skirt":
        length = rng.uniform(0.12, 0.3) * size
        pile.add(
            "skirt", trousers,
            *((f"{side}_thigh", (0.0, -length, z), 0.095 * g) for side, _ in _SIDES for z in (-0.03, 0.03)),
            *(("pelvis", (sign * 0.07 * g, 0.03, 0.0), 0.09 * g) for _, sign in _SIDES), lift=0.03,
        )  # fmt: skip


def _head(pile: _Pile, body: Body, rng: Rng, skin: Array) -> None:
    h = body.head
    colour = _HAIR[rng.integers(len(_HAIR))] * rng.uniform(0.8, 1.2) if rng.random() < 0.92 else cloth_colour(rng)
    style = rng.choice(["short", "long", "bald", "cap"], p=[0.5, 0.28, 0.08, 0.14])
    cap = cloth_colour(rng)
    if style != "bald":
        balls: list[Ball] = [
            ("head", (0.0, 0.185 * h, -0.012 * h), 0.092 * h),
            ("head", (0.0, 0.13 * h, -0.035 * h), 0.074 * h),
        ]
        if style == "long":
            balls += [("head", (sign * 0.035 * h, 0.03 * h, -0.05 * h), 0.055 * h) for _, sign in _SIDES]
        pile.add("hair", colour, *balls, lift=0.01)
    pile.add(
        "head", skin,
        ("head", (0.0, 0.182 * h, 0.012 * h), 0.083 * h), ("head", (0.0, 0.105 * h, 0.055 * h), 0.042 * h),
        ("head", (0.0, 0.145 * h, 0.03 * h), 0.072 * h), lift=0.012,
    )  # fmt: skip
    for side, sign in _SIDES:
        if style in ("short", "long"):
            # Without it the skull shows between fringe and nape when seen from the side.
            temple: list[Ball] = [
                ("head", (sign * 0.035 * h, 0.208 * h, 0.012 * h), 0.064 * h),
                ("head", (sign * 0.035 * h, 0.165 * h, -0.04 * h), 0.058 * h),
            ]
            pile.add(f"{side}_hair", colour, *temple, on="head", facing=(sign, 0.0, -0.15))
        ear = ("head", (sign * 0.082 * h, 0.158 * h, 0.005 * h), 0.02 * h)
        pile.add(f"{side}_ear", skin * 0.93, ear, on="head", facing=(sign, 0.0, 0.25))
    for _, sign in _SIDES:
        look = (sign * 0.35, 0.0, 0.94)
        pile.add(
            "eye",
            np.full(3, 235.0),
            ("head", (sign * 0.032 * h, 0.178 * h, 0.088 * h), 0.0135 * h),
            on="head",
            facing=look,
        )
        pile.add(
            "pupil",
            np.full(3, 25.0),
            ("head", (sign * 0.032 * h, 0.178 * h, 0.095 * h), 0.0085 * h),
            on="head",
            facing=look,
        )
        brow: list[Ball] = [("head", (sign * x * h, 0.202 * h, 0.09 * h), 0.0045 * h) for x in (0.018, 0.048)]
        pile.add("brow", colour * 0.7, *brow, on="head", facing=look)
    lips: list[Ball] = [("head", (x * h, 0.108 * h, 0.095 * h), 0.006 * h) for x in (-0.022, 0.022)]
    pile.add("mouth", skin * (0.75, 0.45, 0.45), *lips, on="head", facing=(0.0, 0.0, 1.0))
    if rng.random() < 0.15:
        beard: list[Ball] = [
            ("head", (x * h, y * h, 0.075 * h), 0.022 * h) for x, y in ((-0.03, 0.1), (0.03, 0.1), (0.0, 0.08))
        ]
        pile.add("beard", colour, *beard, on="head", facing=(0.0, 0.0, 1.0))
    pile.add(
        "nose", skin * 0.9,
        ("head", (0.0, 0.148 * h, 0.112 * h), 0.013 * h), ("head", (0.0, 0.175 * h, 0.095 * h), 0.008 * h),
        on="head", facing=(0.0, 0.0, 0.85),
    )  # fmt: skip
    if style == "cap":
        crown: list[Ball] = [
            ("head", (0.0, 0.205 * h, -0.002 * h), 0.09 * h),
            ("head", (0.0, 0.225 * h, 0.01 * h), 0.078 * h),
        ]
        pile.add("fringe", cap, *crown, on="head")
        brim: list[Ball] = [
            ("head", (x * h, 0.215 * h, z * h), 0.012 * h) for x, z in ((-0.06, 0.08), (0.06, 0.08), (0, 0.16))
        ]
        pile.add("brim", cap * 0.8, *brim, on="head", facing=(0.0, -0.1, 0.9))
    elif style != "bald":
        locks: list[Ball] = [
            ("head", (x * h, y * h, 0.045 * h), 0.034 * h) for x, y in ((-0.05, 0.225), (0.05, 0.225), (0, 0.24))
        ]
        pile.add("fringe", colour, *locks, on="head", facing=(0.0, 0.3, 0.9))
