"""Writes the made-up person of `tiny`, motion and panoramas in the formats that the converter reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.synth.tiny import tiny_body, tiny_clothes, tiny_targets

Array = NDArray[Any]
HEADER = "# basemesh hm08\n# license CC0\n"
GROUPS = ("body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye")
TOES = ("toe3-1", "toe3-3")


def write_makehuman(folder: Path) -> Path:
    """A checkout with base mesh, skeleton, weights and all shape targets; gives the folder."""
    body = tiny_body()
    data = folder / "makehuman" / "data"
    for name in ("3dobjs", "rigs", "targets/macrodetails/height"):
        (data / name).mkdir(parents=True)
    rows = [HEADER, *(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in body["verts"]), "vt 0.25 0.75\n"]
    for quad, group in zip(body["faces"], body["face_group"]):
        corners = " ".join(f"{corner + 1}/1" for corner in quad)
        rows.append(f"g {GROUPS[group]}\nf {corners}\n")
    rows.append("g joint-root\nf 1/1 2/1 3/1 4/1\ng helper-r-eye\n")
    (data / "3dobjs" / "base.obj").write_text("".join(rows))
    (data / "rigs" / "default.mhskel").write_text(json.dumps(skeleton(body)))
    (data / "rigs" / "default_weights.mhw").write_text(json.dumps(weights(body)))
    targets = tiny_targets(body["verts"])
    for name, delta in zip(targets["names"], targets["delta"]):
        lines = [HEADER] + [
            f"{vertex} {move[0] * 0.002:.3f} {move[1] * 0.002:.3f} {move[2] * 0.002:.3f}\n"
            for vertex, move in enumerate(delta)
            if move.any()
        ]
        file = f"height/{name.removeprefix('height-')}" if name.startswith("height-") else name
        (data / "targets" / "macrodetails" / f"{file}.target").write_text("".join(lines))
    return folder


def skeleton(body: dict[str, Array]) -> dict[str, Any]:
    """The default skeleton: three bones in a middle toe, a finger and a jaw, which the engine does not keep."""
    names = [str(name) for name in body["bone_names"]]
    joints: dict[str, list[int]] = {}
    bones: dict[str, dict[str, Any]] = {}
    for row, name in enumerate(names):
        head = [int(v) for v, w in zip(body["head_idx"][row], body["head_w"][row]) if w > 0]
        tail = [int(v) for v, w in zip(body["tail_idx"][row], body["tail_w"][row]) if w > 0]
        parent = names[body["bone_parent"][row]] if row else None
        if name.startswith("toes"):
            side = name[-2:]
            first, last = TOES[0] + side, TOES[1] + side
            joints |= {f"{first}_head": head, f"{first}_tail": tail, f"{last}_head": tail, f"{last}_tail": tail}
            bones[first] = {"head": f"{first}_head", "tail": f"{first}_tail", "parent": parent}
            bones[last] = {"head": f"{last}_head", "tail": f"{last}_tail", "parent": first}
            continue
        joints |= {f"{name}_head": head, f"{name}_tail": tail}
        bones[name] = {"head": f"{name}_head", "tail": f"{name}_tail", "parent": parent}
    for name, parent in (("jaw", "head"), ("finger1-1.L", "wrist.L"), ("finger1-2.L", "finger1-1.L")):
        joints[f"{name}_head"] = [0]
        bones[name] = {"head": f"{name}_head", "tail": f"{name}_head", "parent": parent}
    return {"license": "CC0", "joints": joints, "bones": bones}


def weights(body: dict[str, Array]) -> dict[str, Any]:
    """The weights of the person of boxes; half of the left wrist's belongs to a finger's second bone."""
    names = [str(name) for name in body["bone_names"]]
    pairs: dict[str, list[list[float]]] = {}
    for vertex, (bones, parts) in enumerate(zip(body["skin_idx"], body["skin_w"])):
        for bone, part in zip(bones, parts):
            if part:
                name, share = names[bone], float(part) / 65535
                if name.startswith("toes"):
                    name = TOES[1] + name[-2:]
                if name == "wrist.L":
                    share /= 2
                    pairs.setdefault("finger1-2.L", []).append([vertex, share])
                pairs.setdefault(name, []).append([vertex, share])
    return {"license": "CC0", "weights": pairs}


def write_clothes(folder: Path, garments: tuple[str, ...] = ("female_casualsuit01", "shoes01")) -> Path:
    """Garments of the person of boxes as .mhclo and .obj; gives the folder."""
    body = tiny_body()
    arrays = tiny_clothes(body)
    for name in garments:
        place = folder / "base" / "clothes" / name
        place.mkdir(parents=True)
        corners, parts, offsets = (arrays[f"{name}/{field}"] for field in ("idx", "w", "off"))
        rows = [HEADER, f"name {name}\nobj_file {name}.obj\nbasemesh hm08\n"]
        for axis, (first, second, length) in zip("xyz", arrays[f"{name}/scale"]):
            rows.append(f"{axis}_scale {int(first)} {int(second)} {length:.6f}\n")
        rows.append("verts 0\nmaterial cloth.mhmat\n")
        for corner, part, offset in zip(corners, parts.astype(float), offsets.astype(float)):
            numbers = " ".join(f"{value:.8f}" for value in [*part, *offset])
            rows.append(f"{' '.join(map(str, corner))} {numbers}\n")
        hidden = np.flatnonzero(np.unpackbits(arrays[f"{name}/hide"])[: len(body["verts"])])
        breaks = np.split(hidden, np.flatnonzero(np.diff(hidden) > 1) + 1)
        ranges = " ".join(f"{run[0]} - {run[-1]}" if len(run) > 1 else str(run[0]) for run in breaks if len(run))
        rows.append(f"\ndelete_verts\n{ranges}\n")
        (place / f"{name}.mhclo").write_text("".join(rows))
        mesh = [HEADER, *("v 0 0 0\n" for _ in corners)]
        mesh += [f"f {a + 1} {b + 1} {c + 1}\n" for a, b, c in arrays[f"{name}/tri"]]
        (place / f"{name}.obj").write_text("".join(mesh))
    return folder


# Joints of a person as CMU's conversions name them: name, parent, way from there in units of 5.64 cm.
BONES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "Hips": ("", (0, 0, 0)),
    "LeftUpLeg": ("Hips", (1.6, -1.1, 0)),
    "LeftLeg": ("LeftUpLeg", (0, -7.3, 0)),
    "LeftFoot": ("LeftLeg", (0, -7.3, 0)),
    "LeftToeBase": ("LeftFoot", (0, -0.6, 2.2)),
    "RightUpLeg": ("Hips", (-1.6, -1.1, 0)),
    "RightLeg": ("RightUpLeg", (0, -7.3, 0)),
    "RightFoot": ("RightLeg", (0, -7.3, 0)),
    "RightToeBase": ("RightFoot", (0, -0.6, 2.2)),
    "Spine": ("Hips", (0, 2.0, -0.2)),
    "Spine1": ("Spine", (0, 2.0, 0)),
    "Neck": ("Spine1", (0, 3.0, 0.1)),
    "Head": ("Neck", (0, 1.6, 0)),
    "LeftArm": ("Spine1", (3.0, 2.8, 0)),
    "LeftForeArm": ("LeftArm", (5.0, 0, 0)),
    "LeftHand": ("LeftForeArm", (4.5, 0, 0)),
    "RightArm": ("Spine1", (-3.0, 2.8, 0)),
    "RightForeArm": ("RightArm", (-5.0, 0, 0)),
    "RightHand": ("RightForeArm", (-4.5, 0, 0)),
}
ENDS = {"Head": (0, 1.7, 0), "LeftHand": (1.4, 0, 0), "RightHand": (-1.4, 0, 0)}


def bvh_text(
    angles: dict[str, Array] | None = None,
    frames: int = 90,
    fps: float = 60,
    rename: dict[str, str] | None = None,
    path: Array | None = None,
) -> str:
    """A BVH file: `angles` (frames, 3) degrees about z, y and x of some joints, `path` (frames, 3) of the hips."""
    rows = ["HIERARCHY\n"]
    order: list[str] = []

    def write(name: str) -> None:
        order.append(name)
        parent, offset = BONES[name]
        shown = (rename or {}).get(name, name)
        rows.append(f"{'JOINT' if parent else 'ROOT'} {shown}\n{{\nOFFSET {offset[0]} {offset[1]} {offset[2]}\n")
        moves = "6 Xposition Yposition Zposition" if not parent else "3"
        rows.append(f"CHANNELS {moves} Zrotation Yrotation Xrotation\n")
        for child, (above, _) in BONES.items():
            if above == name:
                write(child)
        end = ENDS.get(name, (0, 0, 0))
        if not any(above == name for above, _ in BONES.values()):
            rows.append(f"End Site\n{{\nOFFSET {end[0]} {end[1]} {end[2]}\n}}\n")
        rows.append("}\n")

    write("Hips")
    rows.append(f"MOTION\nFrames: {frames}\nFrame Time: {1 / fps:.6f}\n")
    way = np.tile([0.0, 17.0, 0.0], (frames, 1)) if path is None else path
    columns = [way, *((angles or {}).get(name, np.zeros((frames, 3))) for name in order)]
    rows += [" ".join(f"{value:.6f}" for value in row) + "\n" for row in np.concatenate(columns, axis=1)]
    return "".join(rows)


def write_panorama(file: Path, sun: tuple[int, int] = (10, 48)) -> None:
    """A picture 128 x 64: blue above, brown below, a white spot of 4 x 4 pixels at the row and column of `sun`."""
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32], pixels[32:] = (90, 120, 160), (80, 60, 40)
    pixels[sun[0] : sun[0] + 4, sun[1] : sun[1] + 4] = 255
    Image.fromarray(pixels).save(file)


def write_all(folder: Path) -> dict[str, Path]:
    """All four sources below `folder`, by the name of their flag."""
    write_makehuman(folder / "makehuman")
    write_clothes(folder / "assets")
    (folder / "motion").mkdir()
    (folder / "motion" / "01_01.bvh").write_text(bvh_text())
    (folder / "panoramas").mkdir()
    write_panorama(folder / "panoramas" / "meadow_1k.png")
    return {
        "makehuman": folder / "makehuman",
        "clothes": folder / "assets",
        "motion": folder / "motion",
        "panoramas": folder / "panoramas",
    }
