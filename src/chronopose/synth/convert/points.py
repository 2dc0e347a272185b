"""Finds the 23 points of the engine on the skeletons that motion files come with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chronopose.core.errors import InputError
from chronopose.synth.convert.capture import Array, Capture
from chronopose.synth.puppet import POINTS

# Names are compared without namespace, case and punctuation. "{s}" and "{S}" stand for left/right and l/r. Of several
# names the first that the skeleton has is taken. A point that no family can do without has no entry in _SPARE.
FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "MotionBuilder": {  # also CMU's BVH conversions, Mixamo, Rokoko, LAFAN
        "pelvis": ("hips",),
        "hip": ("{s}upleg",),
        "knee": ("{s}leg",),
        "ankle": ("{s}foot",),
        "toe": ("{s}toebase", "{s}toe", "{s}footend"),
        "spine": ("spine",),
        "chest": ("spine2", "spine1", "chest"),
        "neck": ("neck",),
        "head": ("head",),
        "headtop": ("headtopend", "headend"),
        "sho": ("{s}arm",),
        "elb": ("{s}forearm",),
        "wri": ("{s}hand",),
        "hand": ("{s}handmiddle1", "{s}handindex1", "{s}fingerbase", "{s}handend"),
        "skull": ("head",),
    },
    "Biovision": {
        "pelvis": ("hips",),
        "hip": ("{s}hip",),
        "knee": ("{s}knee",),
        "ankle": ("{s}ankle",),
        "toe": ("{s}toe", "{s}ankleend"),
        "spine": ("chest", "spine"),
        "chest": ("chest3", "chest2"),
        "neck": ("neck",),
        "head": ("head",),
        "headtop": ("headend",),
        "sho": ("{s}shoulder",),
        "elb": ("{s}elbow",),
        "wri": ("{s}wrist",),
        "hand": ("{s}wristend",),
        "skull": ("head",),
    },
    "iClone": {  # Character Creator
        "pelvis": ("ccbasehip",),
        "hip": ("ccbase{S}thigh",),
        "knee": ("ccbase{S}calf",),
        "ankle": ("ccbase{S}foot",),
        "toe": ("ccbase{S}toebase",),
        "spine": ("ccbasewaist",),
        "chest": ("ccbasespine02",),
        "neck": ("ccbasenecktwist01",),
        "head": ("ccbasehead",),
        "headtop": (),
        "sho": ("ccbase{S}upperarm",),
        "elb": ("ccbase{S}forearm",),
        "wri": ("ccbase{S}hand",),
        "hand": ("ccbase{S}mid1", "ccbase{S}index1"),
        "skull": ("ccbasehead",),
    },
    "Biped": {  # 3ds Max
        "pelvis": ("bip01pelvis", "bip001pelvis"),
        "hip": ("bip01{S}thigh", "bip001{S}thigh"),
        "knee": ("bip01{S}calf", "bip001{S}calf"),
        "ankle": ("bip01{S}foot", "bip001{S}foot"),
        "toe": ("bip01{S}toe0", "bip001{S}toe0"),
        "spine": ("bip01spine1", "bip001spine1"),
        "chest": ("bip01spine2", "bip001spine2"),
        "neck": ("bip01neck", "bip001neck"),
        "head": ("bip01head", "bip001head"),
        "headtop": ("bip01headnub", "bip001headnub", "bip01headend", "bip001headend"),
        "sho": ("bip01{S}upperarm", "bip001{S}upperarm"),
        "elb": ("bip01{S}forearm", "bip001{S}forearm"),
        "wri": ("bip01{S}hand", "bip001{S}hand"),
        "hand": ("bip01{S}finger2", "bip001{S}finger2", "bip01{S}finger1", "bip001{S}finger1"),
        "skull": ("bip01head", "bip001head"),
    },
    "Unreal": {
        "pelvis": ("pelvis",),
        "hip": ("thigh{S}",),
        "knee": ("calf{S}",),
        "ankle": ("foot{S}",),
        "toe": ("ball{S}",),
        "spine": ("spine01", "spine02"),
        "chest": ("spine03", "spine02"),
        "neck": ("neck01",),
        "head": ("head",),
        "headtop": ("headend",),
        "sho": ("upperarm{S}",),
        "elb": ("lowerarm{S}",),
        "wri": ("hand{S}",),
        "hand": ("middle01{S}", "index01{S}", "hand{S}end"),
        "skull": ("head",),
    },
    "Acclaim": {  # CMU's ASF, where a joint is the end of the bone that has its name
        "pelvis": ("root",),
        "hip": ("{S}hipjoint",),
        "knee": ("{S}femur",),
        "ankle": ("{S}tibia",),
        "toe": ("{S}foot",),
        "spine": ("lowerback",),
        "chest": ("upperback",),
        "neck": ("thorax",),
        "head": ("upperneck",),
        "headtop": ("head",),
        "sho": ("{S}clavicle",),
        "elb": ("{S}humerus",),
        "wri": ("{S}radius",),
        "hand": ("{S}hand",),
        "skull": ("head",),
    },
}
"""For every kind of skeleton the joints that are the engine's points; "skull" is the joint that turns the head."""

_SIDED = ("hip", "knee", "ankle", "toe", "sho", "elb", "wri", "hand")
_SPARE = {"chest", "headtop", "hand"}  # made up where a skeleton has no such joint
_UNITS_M = (1.0, 0.1, 0.01, 0.001, 0.0254, 0.0254 / 0.45)  # the last is that of CMU's files
_LEG_M = 0.82
_LEG_RATIO = 1.33  # any more, and the next unit would fit as well
_HEADTOP_M, _FACE_M, _HAND_M = 0.2, 0.1, 0.08
_PREFIX = re.compile(r"^(mixamorig\d*|character\d*)(?=[a-z])")
# A file whose z points up, turned so that y does and what pointed at -y points at z.
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Points:
    """T frames of the 23 points.

    Attributes:
        points: (T, 23, 3) float64 metres, y up, all absolute.
        reference: (2, 3) ways hips -> spine and spine -> neck at rest, x to the left, y up, z ahead, with y = 1.
    """

    points: Array
    reference: Array


def to_points(path: Path, capture: Capture) -> Points:
    """The engine's points of a capture, in metres.

    Raises:
        InputError: a joint is missing, or the skeleton is no person's.
    """
    joints = _find(path, capture.names)
    rest, positions, rotations = capture.rest, capture.positions, capture.rotations
    hips = (rest[joints["lhip"]] + rest[joints["rhip"]]) / 2
    trunk = rest[joints["neck"]] - hips
    if np.argmax(np.abs(trunk)) == 2:
        rest, positions = rest @ _Z_UP.T, positions @ _Z_UP.T
        rotations = _Z_UP @ rotations @ _Z_UP.T
        trunk, hips = _Z_UP @ trunk, _Z_UP @ hips
    left = (rest[joints["lhip"]] - rest[joints["rhip"]]) * [1, 0, 1]
    width = float(np.linalg.norm(left))
    if trunk[1] <= 0.5 * np.linalg.norm(trunk) or width < 1e-3 * trunk[1]:
        raise InputError(f"{path}: with all angles zero the skeleton does not stand upright along y or z")
    # (3, 3) the rest axes of the body: columns left, up and ahead.
    axes = np.stack([left / width, [0.0, 1.0, 0.0], np.cross(left / width, [0.0, 1.0, 0.0])], axis=1)
    unit = capture.unit_m or _unit_m(path, rest, joints)
    ways = np.stack([rest[joints["spine"]] - hips, rest[joints["neck"]] - rest[joints["spine"]]]) @ axes
    if (ways[:, 1] <= 1e-3 * trunk[1]).any():
        raise InputError(f"{path}: at rest the spine is not above the hips, or the neck not above the spine")

    places = {name: positions[:, joint] * unit for name, joint in joints.items()}
    skull = rotations[:, joints["skull"]]
    places["face"] = places["head"] + skull @ axes[:, 2] * _FACE_M
    if np.linalg.norm(rest[joints.get("headtop", joints["head"])] - rest[joints["head"]]) * unit < 0.03:
        places["headtop"] = places["head"] + skull @ axes[:, 1] * _HEADTOP_M
    places.setdefault("chest", (places["spine"] + places["neck"]) / 2)
    for side in "lr":
        hand, wrist = joints.get(f"{side}hand"), joints[f"{side}wri"]
        if hand is None or np.linalg.norm(rest[hand] - rest[wrist]) * unit < 0.02:
            forearm = places[f"{side}wri"] - places[f"{side}elb"]
            length = np.maximum(np.linalg.norm(forearm, axis=1, keepdims=True), 1e-6)
            places[f"{side}hand"] = places[f"{side}wri"] + forearm / length * _HAND_M
    return Points(points=np.stack([places[name] for name in POINTS], axis=1), reference=ways / ways[:, 1:2])


def _find(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """The place of every point's joint, and of "skull", on the family that has most of them."""
    known = {_plain(name): place for place, name in reversed(list(enumerate(names)))}
    nearest: tuple[str, dict[str, int], list[str]] | None = None
    for family, table in FAMILIES.items():
        found: dict[str, int] = {}
        missing: list[str] = []
        for point, joints in _both_sides(table).items():
            place = next((known[joint] for joint in joints if joint in known), None)
            if place is not None:
                found[point] = place
            elif point not in _SPARE and point[1:] not in _SPARE:
                missing.append(f"{point} ({' or '.join(joints)})")
        if nearest is None or len(missing) < len(nearest[2]):
            nearest = (family, found, missing)
    assert nearest is not None
    family, found, missing = nearest
    if missing:
        raise InputError(
            f"{path}: joints not found: {', '.join(missing)}; the nearest known skeleton is that of {family}, "
            f"the file has {', '.join(names)[:400]}"
        )
    return found


def _both_sides(table: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The names of each point, with those of a side written out for both."""
    sides: dict[str, tuple[str, ...]] = {}
    for point, joints in table.items():
        if point in _SIDED:
            for side in ("left", "right"):
                sides[side[0] + point] = tuple(joint.format(s=side, S=side[0]) for joint in joints)
        else:
            sides[point] = joints
    return sides


def _plain(name: str) -> str:
    """A joint's name without namespace, case, punctuation and the prefixes of some exporters."""
    return _PREFIX.sub("", re.sub(r"[^a-z0-9]", "", name.rsplit(":", 1)[-1].lower()))


def _unit_m(path: Path, rest: Array, joints: Mapping[str, int]) -> float:
    """Metres in the file's unit: the usual unit that makes the leg most like a person's."""
    leg = sum(
        float(np.linalg.norm(rest[joints[f"{side}{low}"]] - rest[joints[f"{side}{high}"]])) / 2
        for side in "lr"
        for low, high in (("knee", "hip"), ("ankle", "knee"))
    )
    ratios = {unit: leg * unit / _LEG_M for unit in _UNITS_M}
    unit = min(ratios, key=lambda each: abs(np.log(max(ratios[each], 1e-9))))
    if not 1 / _LEG_RATIO <= ratios[unit] <= _LEG_RATIO:
        raise InputError(
            f"{path}: a leg is {leg:g} long; wanted about {_LEG_M:g} metres, in m, dm, cm, mm, inches or CMU's unit"
        )
    return unit
