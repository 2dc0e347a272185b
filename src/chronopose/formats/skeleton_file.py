"""Skeletons of the user's own, from YAML: joint names in order, limbs, mirror pairs and OKS sigmas.

name: hand                              # left out: the file's own
joints: [wrist, left_tip, right_tip]    # in the order of the labels
limbs: [[wrist, left_tip]]              # left out: none
mirror: [[left_tip, right_tip]]         # left out: paired by their left_ and right_
sigmas: [0.06, 0.03, 0.03]              # one for all, or one for each; left out: 0.079, the shoulder's
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.formats import metadata

_MOST_BYTES = 1 << 16
# The parser takes time with the square of the depth; a list of pairs has 2.
_DEEPEST = 10
_FIELDS = ("name", "joints", "limbs", "mirror", "sigmas")


def read(path: str | os.PathLike[str]) -> Skeleton:
    """The skeleton in a YAML file.

    Raises:
        InputError: naming the file and the field that is wrong.
    """
    fields = _fields(path)
    joints, sigmas = fields.get("joints"), fields.get("sigmas", metadata.SIGMA)
    names = joints if isinstance(joints, list) else []
    given = {
        "name": Path(path).stem,
        "limbs": [],
        "mirror": [list(pair) for pair in metadata.mirrored([name for name in names if isinstance(name, str)])],
        **fields,
        "sigmas": sigmas if isinstance(sigmas, list) else [sigmas] * len(names),
    }
    skeleton = metadata.decode_skeleton(given, str(path))
    if not all(0 < sigma < 1 for sigma in skeleton.sigmas):
        raise InputError(f"{path}: sigmas: expected numbers between 0 and 1, got {str(skeleton.sigmas)[:60]}")
    return skeleton


def _fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise InputError(f"{path}: more than {_MOST_BYTES} bytes; wanted a skeleton")
        depth = np.cumsum([(byte in b"[{") - (byte in b"]}") for byte in text])
        if depth.max(initial=0) > _DEEPEST:
            raise InputError(f"{path}: not readable as YAML: brackets more than {_DEEPEST} deep")
        fields = yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as YAML: {' '.join(str(error).split())[:120]}") from None
    if not isinstance(fields, dict):
        raise InputError(f"{path}: expected fields joints, limbs, mirror and sigmas, got {type(fields).__name__}")
    unknown = [field for field in fields if field not in _FIELDS]
    if unknown:
        raise InputError(f"{path}: no field {str(unknown[0])[:40]!r}; there are {', '.join(_FIELDS)}")
    return fields
