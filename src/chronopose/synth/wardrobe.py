"""Dresses people: fitted garments, clothes cut from the body's own shells, shoes, hair and hats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.assets import Assets, Garment
from chronopose.synth.body import ARM_AXIS, LEG_AXIS, SCALP_AXIS, TORSO_AXIS, Body, Shape
from chronopose.synth.look import Face, Look, Part, Surface, random_look
from chronopose.synth.mesh import Mesh, normals, thin
from chronopose.synth.tailor import Cut, Piece, Tailor, drape

Rng = np.random.Generator
Mask = NDArray[np.bool_]
Split = Literal["train", "heldout", "all"]

_HAT_WORDS = ("hat", "cap", "fedora", "helmet", "beanie")
_CELL_M, _HAIR_CELL_M = 0.018, 0.012
_SINK_M = np.float32(0.007)  # how far skin under clothes is pulled in


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Item:
    """A garment of the asset folder, thinned to N vertices, with their bones and limb coordinates."""

    garment: Garment
    bones: NDArray[np.uint8]
    weights: Floats
    limbs: Floats
    parts: NDArray[np.int64]  # (N,) which `Part` a vertex is of


class Wardrobe:
    """Everything there is to wear.

    Args:
        body: whom the clothes are for.
        assets: the folder they come from.
        split: a fixed fifth of the outfits, shoes and heads of hair is for "heldout" alone and never in "train".
    """

    def __init__(self, body: Body, assets: Assets, split: Split) -> None:
        self._body = body
        self._garments = assets.garments
        self._items: dict[str, _Item] = {}
        groups: dict[str, list[str]] = {"outfit": [], "shoes": [], "hair": [], "hat": []}
        for name in sorted(assets.garments):
            groups[self._group(name)].append(name)
        for group, names in groups.items():
            if not names and group != "hat":
                raise InputError(f"{assets.folder / 'clothes.npz'}: names: nothing that is {group}")
        self._groups = {group: _share(names, split) for group, names in groups.items()}
        self._tailor = Tailor(body)
        self._chin = self._chin_vertex()

    def dress(self, rng: Rng, shape: Shape) -> tuple[tuple[Mesh, ...], Look]:
        """Random clothes, shoes and hair for a person, and the paint of everything; skin and eyes come first."""
        pieces = self._clothes(rng, shape)
        shod = bool(rng.random() < 0.88)
        if shod:
            pieces.append(self._shoes(rng, shape))
        face = self._face(shape)
        sole_y = float(min([shape.floor_m, *(piece.mesh.positions[:, 1].min() for piece in pieces)]))
        look = random_look(rng, face, female=shape.female, age=shape.age, sole_y=sole_y, shod=shod)
        pieces += self._headwear(rng, shape, face, bald=look.hairline > 0.9)
        if rng.random() < 0.1:
            pieces.append(self._tailor.glasses(shape, face))
        if rng.random() < 0.07:
            pieces.append(self._tailor.backpack(rng, shape))
        hidden = np.logical_or.reduce([piece.hides for piece in pieces])
        sinks_m = np.maximum.reduce([piece.sinks_m for piece in pieces])
        return (*self._tailor.bare(shape, hidden, sinks_m), *(piece.mesh for piece in pieces)), look

    def names(self, group: str) -> tuple[str, ...]:
        """What of the folder may be worn: "outfit", "shoes", "hair" or "hat"."""
        return tuple(self._groups[group])

    def _clothes(self, rng: Rng, shape: Shape) -> list[Piece]:
        """What covers the trunk and the legs."""
        kind = rng.random()
        if kind < 0.5:
            return self._outfit(rng, shape)
        if kind < 0.9:
            return self._cut_clothes(rng, shape)
        return self._skirt(rng, shape) if shape.female or rng.random() < 0.2 else self._coat(rng, shape)

    def _outfit(self, rng: Rng, shape: Shape) -> list[Piece]:
        """A whole outfit, or the upper part of one with the lower part of another or with cut trousers."""
        ours = ("female" if shape.female else "male") if rng.random() < 0.85 else ""
        names = [name for name in self._groups["outfit"] if name.startswith(ours)] or self._groups["outfit"]
        name = names[rng.integers(len(names))]
        how = rng.random()
        if how < 0.5:
            return [self._garment(rng, shape, name, None)]
        upper = self._garment(rng, shape, name, "upper")
        if how < 0.75:
            return [upper, self._garment(rng, shape, names[rng.integers(len(names))], "lower")]
        return [upper, *self._tailor.clothes(rng, shape, _bottom_cut(rng, highest=0.18), None)]

    def _cut_clothes(self, rng: Rng, shape: Shape) -> list[Piece]:
        """A shirt and trousers cut from the shell around the body, from swimwear to a wide sweater."""
        top, bottom = _top_cut(rng), _bottom_cut(rng)
        if not shape.female and rng.random() < 0.06:
            return self._tailor.clothes(rng, shape, bottom, None)
        tucked = rng.random() < 0.3
        return self._tailor.clothes(rng, shape, *((top, bottom) if tucked else (bottom, top)))

    def _skirt(self, rng: Rng, shape: Shape) -> list[Piece]:
        part = Part.BOTTOM if rng.random() < 0.7 else Part.TOP  # of the top's fabric it makes a dress
        cut = _top_cut(rng)  # tucked in
        cut = replace(cut, low=max(cut.low, float(rng.uniform(0.1, 0.18))), loose_m=min(cut.loose_m, 0.015))
        top = self._tailor.clothes(rng, shape, cut, None)
        return [*top, self._tailor.hanging(rng, shape, part, float(rng.uniform(0.3, 1.6)), slit=False)]

    def _coat(self, rng: Rng, shape: Shape) -> list[Piece]:
        trousers = Cut(part=Part.BOTTOM, leg=1.9, high=0.15)
        upper = Cut(part=Part.TOP, sleeve=1.93, low=0.0, high=1.05, loose_m=float(rng.uniform(0.008, 0.03)))
        pieces = self._tailor.clothes(rng, shape, trousers, upper)
        return [*pieces, self._tailor.hanging(rng, shape, Part.TOP, float(rng.uniform(0.3, 1.2)), slit=True)]

    def _shoes(self, rng: Rng, shape: Shape) -> Piece:
        names = self._groups["shoes"]
        return self._garment(rng, shape, names[rng.integers(len(names))], None, Surface.SHOE)

    def _headwear(self, rng: Rng, shape: Shape, face: Face, bald: bool) -> list[Piece]:
        """Hair, a hat, or a cap over the hair's stubble."""
        kind = rng.random()
        if kind < 0.10:
            return self._tailor.cap(rng, shape, face)
        pieces: list[Piece] = []
        hats = self._groups["hat"]
        if hats and kind < 0.14:
            return [self._garment(rng, shape, hats[rng.integers(len(hats))], None, Surface.HAT)]
        if bald or (kind > 0.9 and not shape.female):
            return pieces
        names = self._groups["hair"]
        long = [name for name in names if self._reaches_low(name)]
        short = [name for name in names if name not in long]
        wanted = long if rng.random() < (0.7 if shape.female else 0.06) else short
        wanted = wanted or names
        return [self._garment(rng, shape, wanted[rng.integers(len(wanted))], None, Surface.HAIR)]

    def _garment(
        self,
        rng: Rng,
        shape: Shape,
        name: str,
        half: Literal["upper", "lower"] | None,
        kind: Surface = Surface.CLOTH,
    ) -> Piece:
        """A garment of the folder, or the half of it above or below the waist, on a person."""
        item = self._item(name)
        garment = item.garment
        positions = garment.fit(shape.vertices)
        triangles = garment.triangles
        lower = item.parts == Part.BOTTOM
        if half is not None:
            wanted = lower if half == "lower" else ~lower
            fewer = triangles[wanted[triangles].all(axis=1)]
            triangles = fewer if len(fewer) else triangles
        if kind is Surface.CLOTH:
            outward = normals(positions, triangles)
            positions = positions + outward * drape(rng, positions, float(rng.uniform(0.0, 0.012)))[:, None]
            if half == "upper":
                positions += outward * np.float32(0.006)
        if kind is Surface.SHOE:  # soles do not reach far below the floor the body stands on
            below = positions[:, 1] < shape.floor_m
            positions[below, 1] = shape.floor_m + 0.4 * (positions[below, 1] - shape.floor_m)
        limbs = item.limbs.copy()
        limbs[:, 3] = item.parts + 0.9
        if kind is Surface.HAT:
            limbs[:, 3] = Part.HAT + 0.9
        hides = garment.hides.copy()
        sinks_m = np.zeros(len(hides), np.float32)
        if kind is Surface.CLOTH or kind is Surface.SHOE:
            used = np.unique(triangles)
            sinks_m[garment.corners[used]] = _SINK_M
            sinks_m[garment.hides] = _SINK_M
            if half is not None:
                low, high = (float(end) for end in np.quantile(positions[used, 1], [0, 1]))
                height = shape.vertices[:, 1]
                hides &= (height > low + 0.03) & (height < high - 0.03)
                legs = (self._body.limbs[:, LEG_AXIS] > 0.1) & (self._body.limbs[:, ARM_AXIS] < -0.5)
                hides &= legs | (self._body.limbs[:, TORSO_AXIS] < 0.3) if half == "lower" else ~legs
        mesh = Mesh(
            kind=kind,
            positions=positions.astype(np.float32),
            normals=normals(positions, triangles),
            bones=item.bones,
            weights=item.weights,
            limbs=limbs,
            triangles=triangles,
        )
        return Piece(mesh=mesh, hides=hides, sinks_m=sinks_m)

    def _face(self, shape: Shape) -> Face:
        marks = {name: shape.vertices[indices].mean(axis=0) for name, indices in self._body.landmarks.items()}
        eyes = marks["left_eye"], marks["right_eye"]
        return Face(
            nose=marks["nose"].astype(np.float64),
            between=((eyes[0] + eyes[1]) / 2).astype(np.float64),
            apart_m=float(np.linalg.norm(eyes[0] - eyes[1])),
            chin_y=float(shape.vertices[self._chin, 1]),
        )

    def _chin_vertex(self) -> int:
        """The lowest vertex of the face's front, a hand's breadth below the nose."""
        body = self._body
        nose = body.template[body.landmarks["nose"][0]]
        skin = body.skin_vertices
        away = body.template[skin] - nose
        near = (np.abs(away[:, 0]) < 0.02) & (away[:, 1] < 0) & (away[:, 1] > -0.09) & (away[:, 2] > -0.05)
        chosen = skin[near] if near.any() else body.landmarks["nose"]
        return int(chosen[body.template[chosen, 1].argmin()])

    def _group(self, name: str) -> str:
        """What kind of thing a garment is, by where on the body it is bound."""
        if any(word in name for word in _HAT_WORDS):
            return "hat"
        limbs = self._body.limbs[self._garments[name].corners[:, 0]]
        if (limbs[:, SCALP_AXIS] > -0.99).mean() > 0.1:  # long hair lies on the back for the most part
            return "hair"
        return "shoes" if np.median(limbs[:, LEG_AXIS]) > 1.6 else "outfit"

    def _reaches_low(self, name: str) -> bool:
        garment = self._garments[name]
        low = float(np.quantile(garment.fit(self._body.template)[:, 1], 0.03))
        return low < float(self._body.template[self._chin, 1]) - 0.01

    def _item(self, name: str) -> _Item:
        """A garment made ready, once."""
        if name not in self._items:
            self._items[name] = self._ready(self._garments[name], hair=name in self._groups["hair"])
        return self._items[name]

    def _ready(self, garment: Garment, hair: bool) -> _Item:
        body = self._body
        rows = np.arange(len(garment.corners))
        pull = np.zeros((len(rows), len(body.bones)), np.float32)
        share = np.clip(garment.weights, 0, 1)
        for corner in range(3):
            vertices = garment.corners[:, corner]
            np.add.at(
                pull, (rows[:, None], body.skin_bones[vertices]), body.skin_weights[vertices] * share[:, [corner]]
            )
        bones = np.argsort(-pull, axis=1, kind="stable")[:, :4]
        weights = np.take_along_axis(pull, bones, axis=1)
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
        limbs = body.limbs[garment.corners]  # (N, 3, 4)
        mean = np.einsum("nk,nkc->nc", share / share.sum(axis=1, keepdims=True), limbs)
        nearest = limbs[rows, garment.weights.argmax(axis=1)]
        limbs = np.where((limbs > -0.9).all(axis=1), mean, nearest).astype(np.float32)
        positions = garment.fit(body.template)
        triangles = thin(positions, garment.triangles, _HAIR_CELL_M if hair else _CELL_M, garment.parts)
        used, local = np.unique(triangles, return_inverse=True)
        fewer = replace(
            garment,
            corners=garment.corners[used],
            weights=garment.weights[used],
            offsets=garment.offsets[used],
            triangles=local.reshape(-1, 3).astype(np.int32),
            parts=garment.parts[used],
        )
        return _Item(
            garment=fewer,
            bones=bones[used].astype(np.uint8),
            weights=weights[used].astype(np.float32),
            limbs=limbs[used],
            parts=_parts(garment, limbs)[used],
        )


def _share(names: Sequence[str], split: Split) -> list[str]:
    """The names of one split: every fifth, or with fewer than five the last of at least two, is held out."""
    held = {name for i, name in enumerate(names) if i % 5 == 4 or (len(names) < 5 and 0 < i == len(names) - 1)}
    if split == "all" or not held:
        return list(names)
    return [name for name in names if (name in held) == (split == "heldout")]


def _parts(garment: Garment, limbs: Floats) -> NDArray[np.int64]:
    """(N,) which `Part` each vertex of a garment is of, by where its component lies and how big it is."""
    on_leg, on_foot = limbs[:, LEG_AXIS] > 0.05, np.median(limbs[:, LEG_AXIS]) > 1.6
    counts = np.bincount(garment.parts)
    parts = np.zeros(len(garment.parts), np.int64)
    if on_foot:
        for component, count in enumerate(counts):
            of_it = garment.parts == component
            high = np.median(limbs[of_it, LEG_AXIS]) < 1.85 if count else False
            parts[of_it] = Part.SOCK if high else Part.SHOE if count > 100 else Part.ACCENT
        return parts
    if (counts > 0.1 * len(parts)).sum() < 2:  # all in one piece: the waist divides it
        low = on_leg | ((limbs[:, TORSO_AXIS] < 0.12) & (limbs[:, ARM_AXIS] < -0.5))
        return np.where(low, int(Part.BOTTOM), int(Part.TOP))
    tops = 0
    for component in np.argsort(-counts, kind="stable"):
        of_it = garment.parts == component
        if counts[component] < 150:
            parts[of_it] = Part.ACCENT
        elif on_leg[of_it].mean() > 0.3:
            parts[of_it] = Part.BOTTOM
        else:
            parts[of_it] = Part.TOP if tops == 0 else Part.INNER
            tops += 1
    return parts


def _top_cut(rng: Rng) -> Cut:
    """No, short, half or long sleeves; a bare or a covered belly; tight or wide."""
    sleeves = rng.uniform(-0.05, 0.1), rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.4), rng.uniform(1.75, 1.95)
    return Cut(
        part=Part.TOP,
        sleeve=float(rng.choice(sleeves, p=[0.12, 0.43, 0.1, 0.35])),
        low=float(rng.choice([rng.uniform(-0.25, 0.12), rng.uniform(0.12, 0.55)], p=[0.88, 0.12])),
        high=float(rng.uniform(0.86, 1.08)),
        neckline=float(rng.choice([0.0, rng.uniform(0.02, 0.16)])),
        loose_m=float(rng.choice([0.001, rng.uniform(0.004, 0.02), rng.uniform(0.02, 0.04)], p=[0.2, 0.55, 0.25])),
    )


def _bottom_cut(rng: Rng, highest: float = 0.3) -> Cut:
    """Briefs, shorts, cropped or long trousers."""
    legs = rng.uniform(0.02, 0.2), rng.uniform(0.3, 0.95), rng.uniform(1.2, 1.6), rng.uniform(1.75, 1.93)
    return Cut(
        part=Part.BOTTOM,
        leg=float(rng.choice(legs, p=[0.06, 0.34, 0.08, 0.52])),
        high=float(rng.uniform(0.06, highest)),
        loose_m=float(rng.choice([0.001, rng.uniform(0.004, 0.02), rng.uniform(0.02, 0.045)], p=[0.25, 0.5, 0.25])),
    )
