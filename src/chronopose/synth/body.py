"""Random people of any build: shapes of the body mesh, their bones, landmarks, limb coordinates, skinning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.types import Floats
from chronopose.synth.assets import GROUPS, Assets
from chronopose.synth.mesh import Triangles, normals, thin

Indices = NDArray[np.intp]

BONES = (
    *("root", "spine05", "spine04", "spine03", "spine02", "spine01", "neck01", "neck02", "neck03", "head"),
    *(
        f"{bone}.{side}"
        for side in "LR"
        for bone in (
            *("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist"),
            *("pelvis", "upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot", "toes"),
        )
    ),
)
SEXES = ("female", "male")
AGES = ("child", "young", "old")
ANCESTRIES = ("african", "asian", "caucasian")
BUILDS = (
    *("averagemuscle-minweight", "averagemuscle-maxweight", "minmuscle-averageweight", "maxmuscle-averageweight"),
    *("maxmuscle-maxweight", "minmuscle-minweight"),
)
TARGETS = (
    *(f"{ancestry}-{sex}-{age}" for ancestry in ANCESTRIES for sex in SEXES for age in AGES),
    *(
        f"universal-{sex}-{age}-{build}"
        for sex in SEXES
        for age in AGES
        for build in ("averagemuscle-averageweight", *BUILDS)
    ),
    *(
        f"height-{sex}-{age}-averagemuscle-averageweight-{end}height"
        for sex in SEXES
        for age in AGES
        for end in ("min", "max")
    ),
)

LANDMARKS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top")
_ARM = ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
_LEG = ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot", "toes")
_CELL_M, _FACE_CELL_M, _HAND_CELL_M, _EYE_CELL_M = 0.018, 0.012, 0.012, 0.0055
TORSO_AXIS, ARM_AXIS, LEG_AXIS, SCALP_AXIS = range(4)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shape:
    """One person at rest, facing +z, y up, metres.

    Attributes:
        vertices: (V, 3) float32.
        heads: (B, 3) float32 where each bone begins.
        tails: (B, 3) float32 where it ends.
        floor_m: y of the lowest point of the skin.
        height_m: of the skin, soles to crown.
        female: which of the two kinds of figure it is nearer to.
        age: "child", "young" or "old", the nearest.
    """

    vertices: Floats
    heads: Floats
    tails: Floats
    floor_m: float
    height_m: float
    female: bool
    age: str


class Body:
    """The body mesh and its rig, with all that does not depend on who it is; V vertices, B bones.

    Attributes:
        bones: B names, see `BONES`.
        parents: (B,) int32; the root's is -1, every other parent stands before its child.
        template: (V, 3) float32 metres, the average person at rest.
        skin_bones: (V, 4) uint8 bones that move a vertex.
        skin_weights: (V, 4) float32 how much each does; rows sum to one.
        surfaces: "skin", "tights", "skirt", "hair" and "eyes" -> (M, 3) int32 triangles, thinned.
        limbs: (V, 4) float32: torso 0 at the hips, 1 at the neck; arm 0 shoulder, 1 elbow, 2 wrist, -1 off the arms;
            leg 0 hip, 1 knee, 2 ankle, -1 off the legs; scalp above 0 where hair grows, -1 off the head.
        landmarks: each of `LANDMARKS` -> indices of the vertices whose mean it is.
        skin_vertices: indices of all vertices of the skin, thinned or not.
    """

    def __init__(self, assets: Assets) -> None:
        mesh = assets.body
        missing = [bone for bone in BONES if bone not in mesh.bone_names]
        if missing:
            raise InputError(f"{assets.folder / 'body.npz'}: bone_names: no bone {missing[0]!r}")
        self.bones = mesh.bone_names
        self.parents = mesh.bone_parents
        self.template = mesh.vertices
        self.skin_bones = mesh.skin_bones
        self.skin_weights = mesh.skin_weights
        self._indices = {bone: i for i, bone in enumerate(self.bones)}
        self._mesh = mesh
        rows = {name: row for row, name in enumerate(assets.targets.names)}
        missing = [name for name in TARGETS if name not in rows]
        if missing:
            raise InputError(f"{assets.folder / 'shape_targets.npz'}: names: no shape {missing[0]!r}")
        self._deltas = {name: assets.targets.deltas[rows[name]] for name in TARGETS}
        triangles = {
            group: np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
            for number, group in enumerate(GROUPS)
            for quads in [mesh.quads[mesh.groups == number]]
        }
        for group, found in triangles.items():
            if not len(found) and group in ("body", "eyes"):
                raise InputError(f"{assets.folder / 'body.npz'}: face_group: no face of the {group}")
        self.skin_vertices: Indices = np.unique(triangles["body"])
        self._dense = np.zeros((len(self.template), len(self.bones)), np.float32)
        np.add.at(self._dense, (np.arange(len(self.template))[:, None], self.skin_bones), self.skin_weights)
        heads = self._means(mesh.head_vertices, mesh.head_weights, self.template)
        self.limbs = self._limb_coordinates(heads)
        self.landmarks = self._find_landmarks(heads, np.unique(triangles["eyes"]), assets)
        self.surfaces = self._thinned(triangles, heads)

    def index(self, bone: str) -> int:
        """Position of the bone called `bone`."""
        return self._indices[bone]

    def shape(self, rng: np.random.Generator) -> Shape:
        """A random person: sex, age, ancestry, muscle, weight and height."""
        female = bool(rng.random() < 0.5)
        femininity = float(np.clip(rng.normal(0.93 if female else 0.07, 0.1), 0, 1))
        age = str(rng.choice(AGES, p=[0.12, 0.68, 0.2]))
        ages = {age: 1.0}
        if rng.random() < 0.5:
            other = {"child": "young", "young": str(rng.choice(["child", "old"])), "old": "young"}[age]
            share = 0.5 * rng.random()
            ages = {age: 1 - share, other: share}
        ancestry = rng.dirichlet([0.6, 0.6, 0.6])
        build, strength = str(rng.choice(BUILDS)), rng.beta(1, 1.3)
        tall = float(np.clip(rng.normal(0, 0.2), -0.4, 0.4))
        tall *= 0.6 if tall > 0 else 1  # the tallest are twice as far from the average as the smallest

        strengths: dict[str, float] = {}
        for years, age_share in ages.items():
            for sex, sex_share in (("female", femininity), ("male", 1 - femininity)):
                share = age_share * sex_share
                universal = f"universal-{sex}-{years}"
                strengths |= {f"{name}-{sex}-{years}": share * part for name, part in zip(ANCESTRIES, ancestry)}
                strengths[f"{universal}-averagemuscle-averageweight"] = share * (1 - strength)
                strengths[f"{universal}-{build}"] = share * strength
                end = "max" if tall > 0 else "min"
                strengths[f"height-{sex}-{years}-averagemuscle-averageweight-{end}height"] = share * abs(tall)
        return self.shaped(strengths, female=female, age=age)

    def shaped(self, strengths: dict[str, float], *, female: bool, age: str) -> Shape:
        """The average person plus each of `TARGETS` as strongly as `strengths` says."""
        vertices = self.template.copy()
        for name, strength in strengths.items():
            if abs(strength) > 1e-3:
                vertices += self._deltas[name] * np.float32(strength)
        height = vertices[self.skin_vertices, 1]
        return Shape(
            vertices=vertices,
            heads=self._means(self._mesh.head_vertices, self._mesh.head_weights, vertices),
            tails=self._means(self._mesh.tail_vertices, self._mesh.tail_weights, vertices),
            floor_m=float(height.min()),
            height_m=float(height.max() - height.min()),
            female=female,
            age=age,
        )

    def skin(self, shape: Shape, matrices: Floats, vertices: Indices | Sequence[int] | None = None) -> Floats:
        """Vertices of a posed person, by linear blend skinning.

        Args:
            shape: whose.
            matrices: (T, B, 3, 4) rest -> world.
            vertices: indices of the n wanted; all by default.

        Returns:
            (T, n, 3) float32 world metres.
        """
        chosen = slice(None) if vertices is None else np.asarray(vertices, np.intp)
        places, weights = shape.vertices[chosen], self._dense[chosen]
        instants, bones = matrices.shape[:2]
        # One product of matrices, which costs a tenth of blending a matrix per vertex.
        padded = np.concatenate([places, np.ones((len(places), 1), np.float32)], axis=1)
        spread = (weights[:, :, None] * padded[:, None, :]).reshape(len(places), bones * 4)
        flat = np.asarray(matrices, np.float32).transpose(1, 3, 0, 2).reshape(bones * 4, instants * 3)
        return np.ascontiguousarray((spread @ flat).reshape(len(places), instants, 3).transpose(1, 0, 2))

    def _means(self, vertices: NDArray[np.int32], weights: Floats, positions: Floats) -> Floats:
        means: Floats = np.einsum("bn,bnk->bk", weights, positions[vertices]).astype(np.float32)
        return means

    def _pull(self, *bones: str) -> Floats:
        """(V,) how much the bones together move each vertex."""
        pulled: Floats = self._dense[:, [self.index(bone) for bone in bones]].sum(axis=1)
        return pulled

    def _limb_coordinates(self, heads: Floats) -> Floats:
        """See `limbs`. `heads` (B, 3) of the template."""
        places = self.template
        limbs = np.full((len(places), 4), -1, np.float32)
        hips = (heads[self.index("upperleg01.L")] + heads[self.index("upperleg01.R")]) / 2
        limbs[:, TORSO_AXIS] = (places[:, 1] - hips[1]) / (heads[self.index("neck01")][1] - hips[1])
        for side in "LR":
            here = places[:, 0] > 0 if side == "L" else places[:, 0] <= 0
            shoulder, elbow, wrist = (heads[self.index(f"{b}.{side}")] for b in ("upperarm01", "lowerarm01", "wrist"))
            upper, lower = elbow - shoulder, wrist - elbow
            above, below = (places - shoulder) @ upper / (upper @ upper), (places - elbow) @ lower / (lower @ lower)
            on_arm = here & (self._pull(*(f"{bone}.{side}" for bone in _ARM)) > 0.3)
            along = np.where(below > 0, 1 + below, np.minimum(above, 1))
            limbs[on_arm, ARM_AXIS] = np.maximum(along[on_arm], -0.45)
            hip, knee, ankle = (heads[self.index(f"{b}.{side}")][1] for b in ("upperleg01", "lowerleg01", "foot"))
            above, below = (hip - places[:, 1]) / (hip - knee), (knee - places[:, 1]) / (knee - ankle)
            on_leg = here & (self._pull(*(f"{bone}.{side}" for bone in _LEG)) > 0.3)
            along = np.where(below > 0, 1 + below, np.minimum(above, 1))
            limbs[on_leg, LEG_AXIS] = np.maximum(along[on_leg], -0.45)
        skull = heads[self.index("head")]
        size = float(places[self.skin_vertices, 1].max() - skull[1])
        up, forward = (places[:, 1] - skull[1]) / size, (places[:, 2] - skull[2]) / size
        scalp = np.maximum(up - 0.62 - 0.25 * np.clip(forward - 0.3, 0, 1), np.minimum(0.12 - forward, up))
        on_head = self._pull("head", "neck03") > 0.5
        limbs[on_head, SCALP_AXIS] = np.maximum(scalp[on_head], -0.95)
        return limbs

    def _find_landmarks(self, heads: Floats, eyes: Indices, assets: Assets) -> dict[str, Indices]:
        """See `landmarks`. `heads` (B, 3) of the template; `eyes` are the vertices of both eyeballs."""
        places = self.template
        skull = heads[self.index("head")]
        head = self.skin_vertices[self._pull("head", "neck03")[self.skin_vertices] > 0.9]
        if not len(head):
            raise InputError(f"{assets.folder / 'body.npz'}: skin_w: no vertex of the skin moves with the head alone")
        crown = head[places[head, 1].argmax()]
        reach = 0.62 * (places[crown, 1] - skull[1])
        found = {"head_top": np.array([crown])}
        middle = head[np.abs(places[head, 0]) < 0.006]
        middle = middle[(places[middle, 1] > skull[1]) & (places[middle, 1] < skull[1] + reach)]
        sides = {"left": eyes[places[eyes, 0] > 0], "right": eyes[places[eyes, 0] < 0]}
        if not len(middle) or not all(len(side) for side in sides.values()):
            raise InputError(f"{assets.folder / 'body.npz'}: verts: the head has no nose or not two eyes")
        found["nose"] = middle[[places[middle, 2].argmax()]]
        level = float(places[eyes, 1].mean()) - 0.015
        beside = head[np.abs(places[head, 1] - level) < 0.035]
        for side, sign in (("left", 1), ("right", -1)):
            eye = sides[side]
            # The front of the eyeball: what is seen of it, and what people mark.
            found[f"{side}_eye"] = eye[places[eye, 2] >= np.median(places[eye, 2])]
            found[f"{side}_ear"] = beside[[(sign * places[beside, 0]).argmax()]] if len(beside) else found["nose"]
        return {name: found[name] for name in LANDMARKS}

    def _thinned(self, triangles: dict[str, Triangles], heads: Floats) -> dict[str, Triangles]:
        """See `surfaces`. Face and hands stay finer; lips, fingers and legs do not melt into each other."""
        places = self.template
        face = self._pull("head") > 0.5
        face &= (places[:, 2] > heads[self.index("head")][2]) & (self.limbs[:, SCALP_AXIS] <= 0)
        hand = self._pull("wrist.L", "wrist.R") > 0.5
        cell = np.full(len(places), _CELL_M, np.float32)
        cell[face], cell[hand] = _FACE_CELL_M, _HAND_CELL_M
        # Where the skin folds back on itself within a cell: which of six ways it faces. Below the hips: which leg.
        facing = normals(places, triangles["body"])
        axis = np.abs(facing).argmax(axis=1)
        six_ways = 1 + 2 * axis + (facing[np.arange(len(places)), axis] > 0)
        which_leg = 7 + (places[:, 0] > 0)
        parts = np.where(face | hand, six_ways, np.where(self.limbs[:, LEG_AXIS] > 0, which_leg, 0)).astype(np.int32)
        return {
            "skin": thin(places, triangles["body"], cell, parts),
            "tights": thin(places, triangles["tights"], _CELL_M, parts),
            "skirt": thin(places, triangles["skirt"], _CELL_M),
            "hair": triangles["hair"].astype(np.int32),  # few triangles, far apart
            "eyes": thin(places, triangles["eyes"], _EYE_CELL_M),
        }
