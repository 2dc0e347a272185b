"""Skeleton and video as JSON, for files that can carry them, and skeletons guessed from joint names."""

import json
import math
from collections.abc import Sequence
from typing import Any

from chronopose.core.errors import InputError
from chronopose.core.skeleton import SKELETONS, Skeleton
from chronopose.core.types import VideoInfo

VERSION = 1
# No schema of the field has more than 133 joints; the bound keeps a hostile file from making millions of columns.
MOST_JOINTS = 1000
SIGMA = 0.079
"""The OKS constant of a joint of which nothing is known: that of the shoulder, a middle value."""
UNKNOWN_VIDEO = VideoInfo(source="", width=0, height=0, fps=0.0)


def encode(skeleton: Skeleton, info: VideoInfo) -> dict[str, Any]:
    """A JSON-able dict of version, skeleton and video; a number that is not finite becomes None."""
    return {
        "version": VERSION,
        "skeleton": {
            "name": skeleton.name,
            "joints": list(skeleton.joints),
            "limbs": [list(limb) for limb in skeleton.limbs],
            "mirror": [list(pair) for pair in skeleton.mirror],
            "sigmas": list(skeleton.sigmas),
        },
        "info": {
            "source": info.source,
            "width": info.width,
            "height": info.height,
            "fps": info.fps if math.isfinite(info.fps) else None,
            "frames": info.frames,
            "duration_s": info.duration_s if info.duration_s is not None and math.isfinite(info.duration_s) else None,
        },
    }


def decode(value: object, where: str) -> tuple[Skeleton, VideoInfo]:
    """The skeleton and video that `encode` wrote; raises `InputError` naming `where` and the field that is wrong."""
    fields = _dict(value, where)
    version = fields.get("version")
    if version != VERSION:
        raise InputError(f"{where}: format version {version!r:.40}; this program reads version {VERSION}")
    return decode_skeleton(fields.get("skeleton"), f"{where}: skeleton"), _info(fields.get("info"), f"{where}: info")


def decode_text(text: bytes | str, where: str) -> tuple[Skeleton, VideoInfo]:
    """`decode` of JSON text."""
    return decode(parse(text, where), where)


def parse(text: bytes | str, where: str) -> object:
    """The JSON value in `text`; NaN and Infinity, which JSON does not have, are refused."""

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON; an unknown number is null")

    try:
        value: object = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())[:120]
        raise InputError(f"{where}: not readable as JSON: {reason}") from None
    return value


def skeleton_of(joints: Sequence[str], limbs: Sequence[tuple[str, str]] = (), name: str = "custom") -> Skeleton:
    """The known skeleton with exactly these joints in this order, or a new one whose left_/right_ joints mirror."""
    for known in SKELETONS.values():
        if known.joints == tuple(joints):
            return known
    if not 0 < len(joints) <= MOST_JOINTS:
        raise InputError(f"a skeleton has 1 to {MOST_JOINTS} joints, got {len(joints)}")
    sigmas = (SIGMA,) * len(joints)
    return Skeleton(name=name, joints=tuple(joints), limbs=tuple(limbs), mirror=mirrored(joints), sigmas=sigmas)


def mirrored(joints: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of joints whose names say that one is left_ what the other is right_."""
    sides = [joint.removeprefix("left_") for joint in joints if joint.startswith("left_")]
    return tuple((f"left_{joint}", f"right_{joint}") for joint in sides if f"right_{joint}" in joints)


def _dict(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object, got {type(value).__name__}")
    return value


def decode_skeleton(value: object, where: str) -> Skeleton:
    """The skeleton in an object of name, joints, limbs, mirror and sigmas."""
    fields = _dict(value, where)
    name, joints, sigmas = fields.get("name"), fields.get("joints"), fields.get("sigmas")
    if not isinstance(name, str) or not name.isprintable():
        raise InputError(f"{where}.name: expected a line of text, got {name!r:.40}")
    if not isinstance(joints, list) or not 0 < len(joints) <= MOST_JOINTS or set(map(type, joints)) != {str}:
        raise InputError(f"{where}.joints: expected a list of 1 to {MOST_JOINTS} names, got {joints!r:.60}")
    if not isinstance(sigmas, list) or not set(map(type, sigmas)) <= {int, float}:
        raise InputError(f"{where}.sigmas: expected a list of {len(joints)} numbers, got {sigmas!r:.60}")
    limbs, mirror = _pairs(fields.get("limbs"), f"{where}.limbs"), _pairs(fields.get("mirror"), f"{where}.mirror")
    try:
        return Skeleton(name=name, joints=tuple(joints), limbs=limbs, mirror=mirror, sigmas=tuple(map(float, sigmas)))
    except (InputError, OverflowError) as error:
        raise InputError(f"{where}: {error}") from None


def _pairs(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or len(value) > MOST_JOINTS**2:
        raise InputError(f"{where}: expected a list of pairs of joint names, got {value!r:.60}")
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(joint, str) for joint in pair):
            raise InputError(f"{where}: expected pairs of joint names, got {pair!r:.60}")
    return tuple((first, second) for first, second in value)


def _info(value: object, where: str) -> VideoInfo:
    fields = _dict(value, where)
    source = fields.get("source")
    if not isinstance(source, str):
        raise InputError(f"{where}.source: expected text, got {source!r:.40}")
    fps, duration_s = _number(fields, "fps", where), _number(fields, "duration_s", where)
    return VideoInfo(
        source=source,
        width=_count(fields, "width", where) or 0,
        height=_count(fields, "height", where) or 0,
        fps=math.nan if fps is None else fps,
        frames=_count(fields, "frames", where),
        duration_s=duration_s,
    )


def _count(fields: dict[str, Any], key: str, where: str) -> int | None:
    value = fields.get(key)
    if value is not None and (type(value) is not int or not 0 <= value < 2**53):
        raise InputError(f"{where}.{key}: expected a whole number, not negative, or null, got {value!r:.40}")
    return value


def _number(fields: dict[str, Any], key: str, where: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) < 1e15:
        raise InputError(f"{where}.{key}: expected a number or null, got {value!r:.40}")
    return float(value)
