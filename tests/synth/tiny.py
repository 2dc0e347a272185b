"""A made-up asset folder for the tests of the scene engine: a person of boxes in the format of the real files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

# Where each bone begins, in decimetres; left ones stand for both sides. A chain's last entry is the tail of its end.
_CHAINS: dict[str, list[tuple[str, tuple[float, float, float]]]] = {
    "": [
        *(("root", (0, 0, 0)), ("spine05", (0, 0.3, 0)), ("spine04", (0, 1.0, 0)), ("spine03", (0, 1.8, 0))),
        *(("spine02", (0, 2.6, 0)), ("spine01", (0, 3.6, 0)), ("neck01", (0, 5.0, 0)), ("neck02", (0, 5.4, 0))),
        *(("neck03", (0, 5.8, 0)), ("head", (0, 6.2, 0)), ("", (0, 8.2, 0))),
    ],
    "spine01": [
        *(("clavicle", (0.3, 4.6, 0)), ("shoulder01", (1.0, 4.7, 0)), ("upperarm01", (1.7, 4.6, 0))),
        *(("upperarm02", (2.4, 3.8, 0)), ("lowerarm01", (3.1, 3.0, 0)), ("lowerarm02", (3.8, 2.3, 0.2))),
        *(("wrist", (4.4, 1.7, 0.4)), ("", (5.2, 0.8, 0.6))),
    ],
    "root": [
        *(("pelvis", (0.3, 0, 0)), ("upperleg01", (1.0, -0.3, 0)), ("upperleg02", (1.05, -2.2, 0))),
        *(("lowerleg01", (1.1, -4.0, 0)), ("lowerleg02", (1.15, -5.8, -0.1)), ("foot", (1.2, -7.4, -0.2))),
        *(("toes", (1.2, -7.7, 0.8)), ("", (1.2, -7.7, 1.6))),
    ],
}
# Half width and half depth of the box around a bone, decimetres.
_THICK = {
    **dict.fromkeys(("root", "spine05", "spine04", "spine03", "spine02", "spine01"), (1.4, 0.9)),
    **dict.fromkeys(("neck01", "neck02", "neck03"), (0.5, 0.5)),
    **dict.fromkeys(("clavicle", "shoulder01"), (0.5, 0.5)),
    **dict.fromkeys(("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist"), (0.4, 0.4)),
    **dict.fromkeys(("pelvis", "upperleg01", "upperleg02"), (0.8, 0.8)),
    **dict.fromkeys(("lowerleg01", "lowerleg02"), (0.5, 0.5)),
    **dict.fromkeys(("foot", "toes"), (0.4, 0.3)),
    "head": (0.8, 1.0),
}
_GROUPS = ["body", "tights", "skirt", "hair", "eyes"]
_BOX_QUADS = [[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
_MANY = {"neck02", "neck03"}  # their heads are means of 24 vertices, all others' of 8
CLIPS = ("tiny/walk", "tiny/wave")
PANORAMAS = ("field", "hall")


def tiny_assets(folder: Path, clips: Sequence[str] = CLIPS) -> Path:
    """Writes the assets into `folder` and returns it."""
    (folder / "backgrounds").mkdir(parents=True, exist_ok=True)
    body = tiny_body()
    np.savez_compressed(folder / "body.npz", **body)
    np.savez_compressed(folder / "shape_targets.npz", **tiny_targets(body["verts"]))
    np.savez_compressed(folder / "clothes.npz", **tiny_clothes(body))
    np.savez_compressed(folder / "mocap.npz", **tiny_motions(clips))
    for seed, name in enumerate(PANORAMAS):
        noise = np.random.default_rng(seed).integers(0, 60, (32, 64, 3))
        ramp = np.linspace(190, 40, 32)[:, None, None]  # bright above, dark below
        Image.fromarray((noise + ramp).astype(np.uint8)).save(folder / "backgrounds" / f"{name}.jpg", quality=95)
    np.savez_compressed(folder / "backgrounds" / "light.npz", **tiny_light())
    return folder


def _bones() -> tuple[list[str], list[int], Array, Array]:
    """Names, parents, and where each bone begins and ends (B, 3) in decimetres."""
    names: list[str] = []
    parents: list[int] = []
    heads: list[Array] = []
    tails: list[Array] = []
    for side, mirror in (("", 1), (".L", 1), (".R", -1)):
        for stem, chain in _CHAINS.items():
            if (stem == "") != (side == ""):
                continue
            for (bone, head), (_, tail) in pairwise(chain):
                parents.append(len(names) - 1 if bone != chain[0][0] else names.index(stem) if stem else -1)
                names.append(bone + side)
                heads.append(np.array(head) * [mirror, 1, 1])
                tails.append(np.array(tail) * [mirror, 1, 1])
    return names, parents, np.stack(heads), np.stack(tails)


class _Clay:
    """Boxes stuck together: vertices, faces, and which bones move them."""

    def __init__(self) -> None:
        self.places: list[Array] = []
        self.skin: list[list[tuple[int, float]]] = []
        self.quads: list[list[int]] = []
        self.groups: list[int] = []

    def add(self, places: Array, skin: Sequence[list[tuple[int, float]]]) -> list[int]:
        first = len(self.places)
        self.places.extend(places)
        self.skin.extend(skin)
        return list(range(first, len(self.places)))

    def box(self, group: str, begin: Array, end: Array, thick: tuple[float, float], begun: list, ended: list) -> None:
        """A box from `begin` to `end`; its first four corners move as `begun` says, the others as `ended`."""
        along = (end - begin) / np.linalg.norm(end - begin)
        deep = np.array([0.0, 0, 1]) if abs(along[2]) < 0.7 else np.array([0.0, 1, 0])
        wide = np.cross(deep, along)
        wide /= np.linalg.norm(wide)
        deep = np.cross(along, wide)
        ring = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * thick
        corners = np.stack([at + w * wide + d * deep for at in (begin, end) for w, d in ring])
        first = self.add(corners, [begun] * 4 + [ended] * 4)[0]
        self.quads.extend([first + corner for corner in quad] for quad in _BOX_QUADS)
        self.groups.extend([_GROUPS.index(group)] * 6)


def tiny_body() -> dict[str, Array]:
    """The arrays of body.npz."""
    names, parents, heads, tails = _bones()
    index = {name: i for i, name in enumerate(names)}
    clay = _Clay()
    for bone, name in enumerate(names):
        half = [(bone, 0.5), (parents[bone], 0.5)] if parents[bone] >= 0 and name != "head" else [(bone, 1.0)]
        thick = _THICK[name.partition(".")[0]]
        clay.box("body", heads[bone], tails[bone], thick, half, [(bone, 1.0)])
        if name.startswith(("spine", "upperleg", "lowerleg", "upperarm", "lowerarm")):
            loose = (thick[0] + 0.15, thick[1] + 0.15)
            clay.box("tights", heads[bone], tails[bone], loose, half, [(bone, 1.0)])
    skull = [(index["head"], 1.0)]
    up = np.array([0.0, 0.2, 0])
    clay.box("body", np.array([0, 6.9, 1.1]) - up, np.array([0, 6.9, 1.1]) + up, (0.05, 0.2), skull, skull)  # nose
    for side in (1, -1):
        ear, eye = np.array([side * 0.85, 7.1, 0]), np.array([side * 0.35, 7.3, 1.0])
        clay.box("body", ear - up, ear + up, (0.1, 0.2), skull, skull)
        clay.box("eyes", eye - up / 2, eye + up / 2, (0.1, 0.1), skull, skull)
    clay.box("hair", np.array([0, 7.6, -0.2]), np.array([0, 8.4, -0.2]), (0.95, 1.0), skull, skull)
    clay.box("skirt", heads[index["root"]], np.array([0, -4.0, 0]), (2.0, 1.3), [(index["root"], 1.0)], [(0, 1.0)])

    def joints(places: Array) -> tuple[Array, Array]:
        """Cubes of vertices in no face, whose mean is the joint; the real files have 1 to 24 each."""
        rows, weights = np.zeros((len(names), 24), np.int32), np.zeros((len(names), 24), np.float32)
        cube = np.stack(np.meshgrid(*[[-0.1, 0.1]] * 3), -1).reshape(8, 3)
        for bone, name in enumerate(names):
            count = 24 if name in _MANY else 8
            # The three cubes of a joint with 24 lie apart: the mean of the first eight alone is wrong by half a metre.
            shifts = [(-5, 0, 0), (2, 3, 0), (3, -3, 0)] if count == 24 else [(0, 0, 0)]
            spread = np.concatenate([places[bone] + cube + shift for shift in shifts])
            rows[bone, :count] = clay.add(spread, [[(bone, 1.0)]] * count)
            weights[bone, :count] = 1 / count
        return rows, weights

    head_idx, head_w = joints(heads)
    tail_idx, tail_w = joints(tails)
    skin_idx, skin_w = np.zeros((len(clay.skin), 4), np.uint8), np.zeros((len(clay.skin), 4), np.uint16)
    for vertex, moved in enumerate(clay.skin):
        for slot, (bone, weight) in enumerate(moved):
            skin_idx[vertex, slot], skin_w[vertex, slot] = bone, round(weight * 65535)
    return {
        "verts": np.stack(clay.places).astype(np.float32),
        "uv": np.zeros((len(clay.places), 2), np.float32),
        "faces": np.array(clay.quads, np.int32),
        "faces_uv": np.array(clay.quads, np.int32),
        "face_group": np.array(clay.groups, np.uint8),
        "group_names": np.array(_GROUPS),
        "skin_idx": skin_idx,
        "skin_w": skin_w,
        "bone_names": np.array(names),
        "bone_parent": np.array(parents, np.int8),
        "head_idx": head_idx,
        "head_w": head_w,
        "tail_idx": tail_idx,
        "tail_w": tail_w,
    }


def tiny_targets(verts: Array) -> dict[str, Array]:
    """The arrays of shape_targets.npz: heavy people are wider, tall ones longer, children small."""
    sexes, ages = ("female", "male"), ("child", "young", "old")
    builds = [f"averagemuscle-{weight}weight" for weight in ("average", "min", "max")]
    builds += ["minmuscle-averageweight", "maxmuscle-averageweight", "maxmuscle-maxweight", "minmuscle-minweight"]
    names = [f"{a}-{s}-{y}" for a in ("african", "asian", "caucasian") for s in sexes for y in ages]
    names += [f"universal-{s}-{y}-{build}" for s in sexes for y in ages for build in builds]
    ends = ("min", "max")
    names += [f"height-{s}-{y}-averagemuscle-averageweight-{e}height" for s in sexes for y in ages for e in ends]
    grow = {"minheight": -0.15, "maxheight": 0.15}
    swell = {"maxweight": 0.2, "minweight": -0.1, "maxmuscle": 0.08}
    delta = np.zeros((len(names), *verts.shape))
    for row, name in enumerate(names):
        if name.endswith("-child"):
            delta[row] -= 0.2 * verts
        for word, share in grow.items():
            if word in name:
                delta[row] += share * verts
        for word, share in swell.items():
            if word in name:
                delta[row] += share * verts * [1, 0, 1]
    return {"names": np.array(names), "delta": np.round(delta / 0.002).astype(np.int16), "unit": np.float32(0.002)}


def tiny_clothes(body: dict[str, Array]) -> dict[str, Array]:
    """The arrays of clothes.npz: each garment is a looser copy of the boxes of some bones."""
    names = [str(name) for name in body["bone_names"]]
    torso = [name for name in names if name.startswith(("root", "spine", "pelvis"))]
    legs = [name for name in names if name.startswith(("upperleg", "lowerleg"))]
    arms = [name for name in names if name.startswith(("shoulder01", "upperarm", "lowerarm"))]
    feet = [name for name in names if name.startswith(("foot", "toes"))]
    wardrobe = {
        "fedora": ["head"],
        "female_casualsuit01": torso + legs + arms,
        "female_sportsuit01": torso + arms,
        "male_casualsuit01": torso + legs + arms,
        "male_worksuit01": torso + legs,
        "shoes01": feet,
        "shoes02": feet,
        "bob01": ["head"],
        "short01": ["head"],
    }
    arrays: dict[str, Array] = {"names": np.array(list(wardrobe))}
    verts = body["verts"]
    for garment, bones in wardrobe.items():
        chosen = [names.index(bone) for bone in bones]
        on_body = body["face_group"] == 0
        mine = np.isin(body["skin_idx"][body["faces"], 0], chosen).all(axis=1) & on_body
        quads = body["faces"][mine]
        used, local = np.unique(quads, return_inverse=True)
        local = local.reshape(quads.shape)
        outward = np.zeros((len(used), 3))
        for quad in local:
            outward[quad] += verts[used[quad]] - verts[used[quad]].mean(axis=0)
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        # Bound to the vertex itself, with two of its neighbours that take a little away from each other.
        corners = np.stack([used, np.roll(used, 1), np.roll(used, 1)], axis=1)
        hide = np.zeros(len(verts), np.uint8)
        hide[used] = garment not in ("fedora", "bob01", "short01")
        left, right, low, high = (int(verts[:, axis].argmin()) for axis in (0, 0, 1, 1))
        right, high = int(verts[:, 0].argmax()), int(verts[:, 1].argmax())
        wide, tall = verts[right, 0] - verts[left, 0], verts[high, 1] - verts[low, 1]
        parts = np.zeros(len(used), np.uint16) if garment == "fedora" else (verts[used, 1] < -0.4).astype(np.uint16)
        arrays |= {
            f"{garment}/idx": corners.astype(np.uint16),
            f"{garment}/w": np.tile([1.0, 0.25, -0.25], (len(used), 1)).astype(np.float16),
            f"{garment}/off": (0.15 * outward).astype(np.float16),
            f"{garment}/tri": np.concatenate([local[:, [0, 1, 2]], local[:, [0, 2, 3]]]).astype(np.uint16),
            f"{garment}/scale": np.array([[left, right, wide], [low, high, tall], [0, 0, 1]], np.float32),
            f"{garment}/comp": parts,
            f"{garment}/hide": np.packbits(hide),
        }
    return arrays


POINT_NAMES = (
    *("pelvis", "lhip", "lknee", "lankle", "ltoe", "rhip", "rknee", "rankle", "rtoe"),
    *("spine", "chest", "neck", "head", "headtop", "face"),
    *("lsho", "lelb", "lwri", "lhand", "rsho", "relb", "rwri", "rhand"),
)
# A person who stands, millimetres from the pelvis; left is +x, the face looks along +z.
_STANDING = {
    **{"pelvis": (0, 0, 0), "hip": (90, -60, 0), "knee": (95, -480, 20), "ankle": (100, -890, -30)},
    **{"toe": (105, -930, 100), "spine": (0, 110, 0), "chest": (0, 230, 0), "neck": (0, 450, 0)},
    **{"head": (0, 540, 0), "headtop": (0, 680, 0), "face": (0, 560, 100), "sho": (180, 420, 0)},
    **{"elb": (230, 150, -20), "wri": (240, -80, 40), "hand": (240, -160, 60)},
}


# How far walking swings a point forwards and back, millimetres.
_SWING = {"knee": 120, "ankle": 280, "toe": 280, "elb": -90, "wri": -220, "hand": -260}


def standing() -> Array:
    """(23, 3) millimetres, relative to the pelvis."""
    rows = []
    for name in POINT_NAMES:
        sided = name not in _STANDING
        mirror = [-1 if sided and name[0] == "r" else 1, 1, 1]
        rows.append(np.array(_STANDING[name[1:] if sided else name], float) * mirror)
    return np.stack(rows)


def tiny_motions(clips: Sequence[str] = CLIPS) -> dict[str, Array]:
    """The arrays of mocap.npz: clips of 60, 75, 90 .. instants; even ones walk, odd ones wave an arm on the spot."""
    at = {name: row for row, name in enumerate(POINT_NAMES)}
    points = []
    for clip in range(len(clips)):
        count = 60 + 15 * clip
        phase = 2 * np.pi * np.arange(count) / 30
        moved = np.tile(standing(), (count, 1, 1))
        moved[:, 0, 1] = 930
        if clip % 2 == 0:
            moved[:, 0, 2] = 1200 * np.arange(count) / 30
            for side, sign in (("l", 1), ("r", -1)):
                swing = sign * np.sin(phase)
                for name, reach in _SWING.items():
                    moved[:, at[side + name], 2] += reach * swing
        else:
            turn = 2.2 + 0.5 * np.sin(phase)
            shoulder = moved[0, at["lsho"]]
            for name, reach in (("elb", 275), ("wri", 510), ("hand", 590)):
                along = np.stack([np.sin(turn), -np.cos(turn), 0.2 * np.sin(phase)], axis=1)
                moved[:, at["l" + name]] = shoulder + reach * along
        points.append(np.round(moved).astype(np.int16))
    return {
        "names": np.array(list(clips)),
        "start": np.cumsum([0, *(len(clip) for clip in points)]).astype(np.int32),
        "points_mm": np.concatenate(points),
        "fps": np.int32(30),
        "point_names": np.array(POINT_NAMES),
        "source": (np.arange(len(clips)) % 2).astype(np.uint8),
        "rest_ref": np.array([[[0, 1, 0], [0, 1, 0]], [[0, 1, 0.1], [0, 1, 0]]], np.float32),
    }


def tiny_light() -> dict[str, Array]:
    """The arrays of light.npz: a sunny field and a hall lit evenly from above."""
    harmonics = np.zeros((2, 9, 3), np.float32)
    harmonics[0, [0, 1, 2, 3]] = [[2.0] * 3, [1.0] * 3, [0.4] * 3, [0.6] * 3]
    harmonics[1, [0, 1]] = [[2.0, 1.8, 1.6], [0.7, 0.6, 0.5]]
    towards = np.array([[0.6, 0.7, 0.4], [0.0, 1.0, 0.0]], np.float32)
    return {
        "names": np.array(PANORAMAS),
        "sh9_irradiance_over_pi": harmonics,
        "sun_dir": towards / np.linalg.norm(towards, axis=1, keepdims=True),
        "sun_rgb": np.ones((2, 3), np.float32),
    }
