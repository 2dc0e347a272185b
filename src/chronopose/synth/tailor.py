"""Cuts clothes out of the body's own surfaces, and makes caps, glasses and bags."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.core.types import Floats
from chronopose.synth.body import ARM_AXIS, LEG_AXIS, SCALP_AXIS, TORSO_AXIS, Body, Shape
from chronopose.synth.look import Face, Part, Surface
from chronopose.synth.mesh import Mesh, Triangles, normals

Rng = np.random.Generator
Mask = NDArray[np.bool_]

HEM_M = 0.2  # distances from a hem are told apart up to here
_SINK_M = 0.007  # how far skin under clothes is pulled in
_ARM_M, _LEG_M, _TORSO_M = 0.27, 0.42, 0.54  # lengths of a limb coordinate's unit on an average person
_NECK_M = 0.085  # half the width of a neck's hole
_WAIST = -0.1, 0.35  # torso coordinates between which shirts end and trousers begin


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Piece:
    """Something to wear.

    Attributes:
        mesh: its surface.
        hides: (V,) the body vertices that need not be drawn under it.
        sinks_m: (V,) float32 how far the skin under it is pulled in, metres, so that it never pokes through.
    """

    mesh: Mesh
    hides: Mask
    sinks_m: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where clothes end, in the limb coordinates of `Body.limbs`, and how loose they are.

    Attributes:
        part: the fabric they are made of; `Part.BOTTOM` covers no arms.
        sleeve: arm coordinate of the sleeves' hem.
        leg: leg coordinate of the trousers' hem.
        low: torso coordinate of the shirt's hem.
        high: torso coordinate of the neck's hem, of trousers of the waist.
        neckline: how much lower it is in front.
        loose_m: how far the cloth stands off where it hangs.
    """

    part: Part
    sleeve: float = -1.0
    leg: float = -1.0
    low: float = -9.0
    high: float = 9.0
    neckline: float = 0.0
    loose_m: float = 0.005


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Patch:
    """A part of the body's surface on its own: n of its vertices, and triangles between them."""

    vertices: NDArray[np.int32]
    triangles: Triangles
    bones: NDArray[np.uint8]
    weights: Floats
    limbs: Floats
    template: Floats


class Tailor:
    """Cuts clothes to the body."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.skin, self.eyes = self._patch(body.surfaces["skin"]), self._patch(body.surfaces["eyes"])
        self._tights, self._skirt = self._patch(body.surfaces["tights"]), self._patch(body.surfaces["skirt"])
        eyes_y = float(body.template[body.landmarks["left_eye"], 1].mean())
        head = body.surfaces["skin"]
        on_head = (body.limbs[:, SCALP_AXIS] > -0.99) & (body.template[:, 1] > eyes_y - 0.06)
        self._head = self._patch(head[on_head[head].all(axis=1)])
        limbs = body.limbs
        self._under_shell = (limbs[:, ARM_AXIS] < 1.9) & (limbs[:, LEG_AXIS] < 1.9) & (limbs[:, SCALP_AXIS] <= -0.99)

    def bare(self, shape: Shape, hidden: Mask, sinks_m: Floats) -> tuple[Mesh, Mesh]:
        """Skin and eyes of a person, without what is `hidden` (V,), pulled in by `sinks_m` (V,)."""
        patch = self.skin
        places = shape.vertices[patch.vertices]
        outward = normals(places, patch.triangles)
        places = places - outward * sinks_m[patch.vertices, None]
        # A ring of skin stays under the rim of what hides it, and all of the waist: clothes there shift and gape.
        under = hidden[patch.vertices]
        under[patch.triangles[~under[patch.triangles].all(axis=1)]] = False
        torso = patch.limbs[:, TORSO_AXIS]
        under &= (torso < _WAIST[0]) | (torso > _WAIST[1]) | (patch.limbs[:, ARM_AXIS] > -0.5)
        triangles = patch.triangles[~under[patch.triangles].all(axis=1)]
        skin = _mesh(Surface.SKIN, patch, places, triangles, patch.limbs, outward)
        return skin, _mesh(
            Surface.EYES, self.eyes, shape.vertices[self.eyes.vertices], self.eyes.triangles, self.eyes.limbs
        )

    def clothes(self, rng: Rng, shape: Shape, inner: Cut | None, outer: Cut | None) -> list[Piece]:
        """Shirt, trousers or both, cut from a tight shell around the body; `outer` never lets `inner` through."""
        patch = self._tights
        places = shape.vertices[patch.vertices]
        outward = normals(places, patch.triangles)
        limbs = patch.limbs
        arm, leg = np.clip(limbs[:, ARM_AXIS], 0, 1.2), np.clip(limbs[:, LEG_AXIS], 0, 1.5)
        hang = np.clip(1.3 - limbs[:, TORSO_AXIS], 0.3, 1.2)
        hang = np.where(
            limbs[:, ARM_AXIS] > -0.5, 0.5 + 0.5 * arm, np.where(limbs[:, LEG_AXIS] > 0.15, 0.4 + 0.5 * leg, hang)
        )
        pieces = []
        off_m = np.full(len(places), -1.0, np.float32)
        for cut in (inner, outer):
            if cut is None:
                continue
            edge = _edge(limbs, patch.template, cut)
            lies_m = np.maximum(0.002 + hang * drape(rng, places, cut.loose_m), off_m + 0.005)
            off_m = np.where(edge > -0.02, lies_m, off_m)
            triangles = patch.triangles[(edge[patch.triangles] > -0.03).any(axis=1)]
            mesh = _mesh(
                Surface.CLOTH, patch, places + outward * lies_m[:, None], triangles, _hemmed(limbs, cut.part, edge)
            )
            under = _edge(self._body.limbs, self._body.template, cut)
            pieces.append(
                Piece(
                    mesh=mesh,
                    hides=(under > 0.035) & self._under_shell,
                    sinks_m=np.where(under > 0.012, np.float32(_SINK_M), np.float32(0)),
                )
            )
        return pieces

    def hanging(self, rng: Rng, shape: Shape, part: Part, length: float, slit: bool) -> Piece:
        """A skirt from the waist to `length`, 1 at the knees; with a slit in front it is the lower part of a coat."""
        body, patch = self._body, self._skirt
        places = shape.vertices[patch.vertices]
        hip, knee = (shape.heads[body.index(bone)].astype(float) for bone in ("upperleg01.L", "lowerleg01.L"))
        hem_y = hip[1] - length * (hip[1] - knee[1])
        edge = places[:, 1] - hem_y
        if slit:
            edge = np.where(places[:, 2] > hip[2], np.minimum(edge, np.abs(places[:, 0]) - 0.012), edge)
        triangles = patch.triangles[(edge[patch.triangles] > -0.03).any(axis=1)]
        fall = np.clip((hip[1] + 0.12 - places[:, 1]) / (hip[1] - knee[1]), 0, 1.5)
        angle = np.arctan2(places[:, 0], places[:, 2])
        waves = np.sin(angle * float(rng.integers(5, 12)) + rng.uniform(0, 6)) * float(rng.uniform(0.0, 0.016))
        off_m = (0.016 if slit else 0.006) + fall * (waves + float(rng.uniform(-0.01, 0.035)))
        outward = normals(places, patch.triangles)
        limbs = _hemmed(patch.limbs, part, edge)
        limbs[:, ARM_AXIS] = limbs[:, LEG_AXIS] = -1
        mesh = _mesh(Surface.SKIRT, patch, places + outward * off_m[:, None], triangles, limbs)
        under = (
            (body.limbs[:, TORSO_AXIS] < 0.2) & (shape.vertices[:, 1] > hem_y + 0.02) & (body.limbs[:, ARM_AXIS] < -0.5)
        )
        sinks = np.where(under, np.float32(0.015), np.float32(0))
        return Piece(mesh=mesh, hides=np.zeros(len(under), bool), sinks_m=sinks)

    def cap(self, rng: Rng, shape: Shape, face: Face) -> list[Piece]:
        """A knitted cap, a peaked cap or a helmet: the upper head, lifted."""
        body, patch = self._body, self._head
        kind = rng.choice(["knitted", "peaked", "helmet"], p=[0.4, 0.4, 0.2])
        thick = {
            "knitted": rng.uniform(0.006, 0.014),
            "peaked": rng.uniform(0.007, 0.012),
            "helmet": rng.uniform(0.02, 0.035),
        }[kind]
        front, back = face.apart_m * rng.uniform(0.65, 1.0), face.apart_m * rng.uniform(-0.6, 0.3)
        # The rim is a tilted plane, from above the brows to behind the ears.
        depth = max(float(face.nose[2] - shape.heads[body.index("head"), 2]), 0.05)

        def above_rim(places: Floats) -> Floats:
            forward = np.clip((places[:, 2] - (face.nose[2] - 1.6 * depth)) / (1.4 * depth), 0, 1)
            height: Floats = places[:, 1] - face.between[1] - back - (front - back) * forward
            return height

        places = shape.vertices[patch.vertices]
        edge = above_rim(places)
        triangles = patch.triangles[(edge[patch.triangles] > -0.02).any(axis=1)]
        if not len(triangles):
            return []
        outward = normals(places, patch.triangles)
        # A cap is smoother than what it covers: ears and brows do not show in it.
        round_ = places - np.array([0.0, face.between[1] + 0.01, face.nose[2] - depth])
        round_ /= np.maximum(np.linalg.norm(round_, axis=1, keepdims=True), 1e-6)
        lift = 0.003 + thick * (0.4 + 0.6 * np.clip(edge / 0.05, 0, 1))
        lifted = places + (0.5 * outward + 0.5 * round_) * lift[:, None]
        mesh = _mesh(Surface.CLOTH, patch, lifted, triangles, _hemmed(patch.limbs, Part.HAT, edge))
        over = above_rim(shape.vertices) * (body.limbs[:, SCALP_AXIS] > -0.99)
        pieces = [
            Piece(mesh=mesh, hides=over > 0.03, sinks_m=np.where(over > 0.003, np.float32(_SINK_M), np.float32(0)))
        ]
        if kind == "peaked":
            turned = -1.0 if rng.random() < 0.1 else 1.0
            pieces.append(self._peak(face, front, depth, turned))
        return pieces

    def glasses(self, shape: Shape, face: Face) -> Piece:
        """Two dark lenses with a bridge, and arms to the ears."""
        size = face.apart_m
        angle = 2 * np.pi * np.arange(12) / 12
        lens = np.stack([0.43 * np.cos(angle), 0.30 * np.sin(angle), 0 * angle], axis=1)
        lens[:, 2] = -0.25 * lens[:, 0] ** 2
        discs = []
        for side in (-1.0, 1.0):
            rim = lens * [side, 1, 1] + [side * 0.52, -0.02, 0]
            discs.append(np.concatenate([rim.mean(axis=0, keepdims=True), rim]))
        bars = [
            _bar((-0.12, 0.06, 0.0), (0.12, 0.06, 0.0), 0.05),
            *(_bar((side * 0.95, 0.12, -0.05), (side * 1.28, 0.12, -1.35), 0.05) for side in (-1.0, 1.0)),
        ]
        fan = np.stack([np.zeros(12, int), np.arange(1, 13), np.arange(1, 13) % 12 + 1], axis=1)
        strip = np.array([[0, 1, 2], [1, 3, 2]])
        places, triangles, first = [], [], 0
        for part, corners in [*((disc, fan) for disc in discs), *((bar, strip) for bar in bars)]:
            places.append(part)
            triangles.append(corners + first)
            first += len(part)
        in_front = max(float(face.nose[2] - face.between[2]), 0.0) * 0.35 + 0.012
        positions = face.between + np.concatenate(places) * size + [0, 0, in_front]
        return self._held(Surface.HAT, Part.GEAR, positions, np.concatenate(triangles), {"head": 1.0}, True)

    def backpack(self, rng: Rng, shape: Shape) -> Piece:
        """A rounded bag between the shoulder blades."""
        body = self._body
        low, high = shape.heads[body.index("spine03")], shape.heads[body.index("neck01")]
        tall = float(high[1] - low[1])
        size = np.array([rng.uniform(0.32, 0.45) * tall, tall * rng.uniform(0.42, 0.6), rng.uniform(0.12, 0.27) * tall])
        middle_y = float(low[1] + high[1]) / 2
        back = shape.vertices[body.skin_vertices]
        near = (np.abs(back[:, 0]) < 0.2 * tall) & (np.abs(back[:, 1] - middle_y) < 0.4 * tall)
        behind = float(back[near, 2].min()) if near.any() else float(low[2]) - 0.1
        u, v = (grid.reshape(-1) for grid in np.meshgrid(np.arange(17), np.arange(9), indexing="ij"))
        around, over = 2 * np.pi * u / 16, np.pi * v / 8
        ball = np.stack([np.sin(over) * np.sin(around), np.cos(over), np.sin(over) * np.cos(around)], axis=1)
        ball = np.sign(ball) * np.abs(ball) ** 0.55  # nearer to a box
        corner = (np.arange(16)[:, None] * 9 + np.arange(8)).reshape(-1, 1)
        triangles = (corner + np.array([[[0, 1, 10]], [[0, 10, 9]]])).reshape(-1, 3)
        positions = np.array([0.0, middle_y, behind - 0.6 * size[2]]) + ball * size
        return self._held(Surface.CLOTH, Part.GEAR, positions, triangles, {"spine02": 0.5, "spine01": 0.5}, False)

    def _peak(self, face: Face, front: float, depth: float, turned: float) -> Piece:
        """The peak of a cap; `turned` -1 wears it backwards."""
        angle = np.linspace(-1.15, 1.15, 9)
        inner = np.stack([np.sin(angle) * 0.085, 0 * angle, np.cos(angle) * 0.095], axis=1)
        outer = np.stack(
            [np.sin(angle) * 0.088, -0.018 + 0 * angle - 0.01 * angle**2, np.cos(angle) * 0.095 + 0.065], axis=1
        )
        scale = face.apart_m / 0.062
        middle = np.array([0.0, face.between[1] + front, face.nose[2] - 0.115 * scale])
        positions = middle + np.concatenate([inner, outer]) * [1, 1, turned] * scale
        first = np.arange(8)[:, None]
        triangles = (first + np.array([[[0, 1, 9]], [[1, 10, 9]]])).reshape(-1, 3)
        return self._held(Surface.CLOTH, Part.HAT, positions, triangles, {"head": 1.0}, True)

    def _held(
        self,
        kind: Surface,
        part: Part,
        positions: NDArray[np.floating],
        triangles: NDArray[np.integer],
        bones: dict[str, float],
        two_sided: bool,
    ) -> Piece:
        """A thing of its own shape that moves with a few bones."""
        body, count = self._body, len(positions)
        numbers, shares = np.zeros((count, 4), np.uint8), np.zeros((count, 4), np.float32)
        for slot, (bone, share) in enumerate(bones.items()):
            numbers[:, slot], shares[:, slot] = body.index(bone), share
        limbs = np.full((count, 4), -1, np.float32)
        limbs[:, TORSO_AXIS], limbs[:, 3] = 0.5, part + 0.9
        places = positions.astype(np.float32)
        outward = normals(places, triangles.astype(np.int32))
        if two_sided:
            triangles = np.concatenate([triangles, triangles[:, ::-1]])
        mesh = Mesh(
            kind=kind,
            positions=places,
            normals=outward,
            bones=numbers,
            weights=shares,
            limbs=limbs,
            triangles=triangles.astype(np.int32),
        )
        return Piece(
            mesh=mesh, hides=np.zeros(len(body.template), bool), sinks_m=np.zeros(len(body.template), np.float32)
        )

    def _patch(self, triangles: Triangles) -> Patch:
        body = self._body
        used, local = np.unique(triangles, return_inverse=True)
        return Patch(
            vertices=used,
            triangles=local.reshape(-1, 3).astype(np.int32),
            bones=body.skin_bones[used],
            weights=body.skin_weights[used],
            limbs=body.limbs[used],
            template=body.template[used],
        )


def drape(rng: Rng, places: Floats, loose_m: float) -> Floats:
    """(N,) float32 metres that loose cloth stands off at (N, 3) `places`, in broad folds."""
    first = np.sin(places @ rng.normal(0, 16, 3) + rng.uniform(0, 6)) * np.sin(places @ rng.normal(0, 16, 3))
    second = np.sin(places @ rng.normal(0, 35, 3) + rng.uniform(0, 6))
    folds: Floats = (loose_m * (0.65 + 0.4 * first + 0.12 * second)).astype(np.float32)
    return folds


def _mesh(
    kind: Surface, patch: Patch, positions: Floats, triangles: Triangles, limbs: Floats, outward: Floats | None = None
) -> Mesh:
    places = positions.astype(np.float32)
    return Mesh(
        kind=kind,
        positions=places,
        normals=normals(places, triangles) if outward is None else outward,
        bones=patch.bones,
        weights=patch.weights,
        limbs=limbs,
        triangles=triangles,
    )


def _hemmed(limbs: Floats, part: Part, edge: Floats) -> Floats:
    """Limb coordinates (n, 4) whose last says the fabric and how far the hem is; see shaders/cloth.frag."""
    marked = limbs.copy()
    marked[:, 3] = part + 0.5 + np.clip(edge / HEM_M, -1, 1) * 0.4
    return marked


def _edge(limbs: Floats, places: Floats, cut: Cut) -> Floats:
    """(n,) metres from the nearest hem, above 0 inside the clothes."""
    torso, arm, leg = limbs[:, TORSO_AXIS], limbs[:, ARM_AXIS], limbs[:, LEG_AXIS]
    on_arm, on_leg = arm > -0.9, leg > -0.9
    if cut.part is Part.BOTTOM:
        edge = np.minimum((cut.high - torso) * _TORSO_M, np.where(on_leg, (cut.leg - leg) * _LEG_M, 1))
        return np.where(on_arm, -1, edge).astype(np.float32)
    # The neck's hole is round: an ellipse about the root of the neck, deeper in front.
    wide = np.abs(places[:, 0]) / _NECK_M
    deep_m = np.where(
        places[:, 2] > 0.02, (1.1 - cut.high + cut.neckline) * _TORSO_M, 0.6 * (1.1 - cut.high) * _TORSO_M
    )
    deep = (1.1 - torso) * _TORSO_M / np.maximum(deep_m, 0.02)
    neck = np.where(torso > 0.6, (np.hypot(wide, np.maximum(deep, 0)) - 1) * 0.06, 1)
    rest = np.where(on_arm, (cut.sleeve - arm) * _ARM_M, (torso - cut.low) * _TORSO_M)
    return np.minimum(neck, rest).astype(np.float32)


def _bar(begin: tuple[float, float, float], end: tuple[float, float, float], high: float) -> NDArray[np.float64]:
    """(4, 3) corners of an upright strip."""
    up = np.array([0, high / 2, 0])
    return np.stack([begin - up, np.array(begin) + up, end - up, np.array(end) + up])
