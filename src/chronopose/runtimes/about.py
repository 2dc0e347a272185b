"""What a file of graphs says of itself: all that using it needs besides the graphs, as JSON."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chronopose.clips.moving import Moving
from chronopose.clips.spec import ClipSpec
from chronopose.core.errors import InputError
from chronopose.core.records import from_dict
from chronopose.core.skeleton import Skeleton
from chronopose.formats import metadata
from chronopose.formats.weights_file import LARGEST_HEADER, Card

FORMAT = 1
"""Version of this record. A reader takes no other."""

KEY = "chronopose"
"""Under which the record stands in a graph's own metadata."""

WINDOW, PAIR = ("window",), ("encode", "fuse")
"""The graphs that a file may hold: one that answers windows of pixels, or a model's two steps."""

_LONGEST, _LARGEST, _DEEPEST = 256, 4096, 1 << 24  # frames of a window, pixels of a side, numbers of a feature


@dataclass(frozen=True, kw_only=True)
class About:
    """What a file of graphs says of itself.

    Args:
        format: see `FORMAT`.
        name: of the weights.
        kind: of the model, a key of `models.MODELS`.
        graphs: `WINDOW` or `PAIR`.
        precision: "fp32", or "int8" where the encoder is quantised.
        spec: what the model is shown. A recurrent model's window graph is no longer recurrent: it begins anew with
            every window.
        skeleton: the order of the joints answered, whom to draw lines between, and who mirrors whom.
        feature: the shape of one frame's feature.
        state: the shape of what a recurrent pair carries from frame to frame for a person; empty for others.
        sigma: whether the answer has one.
        moving: the numbers of `clips.moving.Moving`'s generators (3, D + 1, D), row by row, by which features of width
            D, of a pair, are told for a crop that has moved; empty where they cannot be.
        card: what the weights were trained on, and their terms.
        source: SHA-256 of the file of weights, with the frames shown where they are not the file's own.
        pixels: for readers of the file: what the graphs take.
        crop: likewise: how a crop is cut.
        answer: likewise: what comes out.
    """

    format: int = FORMAT
    name: str
    kind: str
    graphs: tuple[str, ...]
    precision: Literal["fp32", "int8"] = "fp32"
    spec: ClipSpec
    skeleton: Skeleton
    feature: tuple[int, ...]
    state: tuple[int, ...] = ()
    sigma: bool
    moving: tuple[float, ...] = ()
    card: Card
    source: str = ""
    pixels: str = "uint8 RGB, 0 to 255, channels before height and width; normalisation is inside the graph"
    crop: str = (
        "the person's box x1, y1, x2, y2 about its centre, its shorter side lengthened to the crop's shape, "
        "both sides times spec.margin, resampled to spec.height x spec.width; black outside the picture"
    )
    answer: str = (
        "xy (B, F, K, 2) in crop pixels, x first, 0 the centre of the first pixel; score (B, F, K) in 0 to 1; "
        "sigma (B, F, K, 2) one standard deviation in crop pixels"
    )

    def __post_init__(self) -> None:
        if self.graphs not in (WINDOW, PAIR):
            raise InputError(f"graphs must be {WINDOW} or {PAIR}, got {self.graphs}")
        if len(self.spec.offsets) > _LONGEST or max(map(abs, self.spec.offsets)) > _LONGEST:
            raise InputError(f"spec.offsets must be at most {_LONGEST} frames within {_LONGEST} of the key frame")
        if max(self.spec.height, self.spec.width) > _LARGEST:
            raise InputError(f"spec: a crop of {self.spec.height} x {self.spec.width}; at most {_LARGEST} a side")
        if len(self.skeleton) > metadata.MOST_JOINTS:
            raise InputError(f"skeleton: {len(self.skeleton)} joints; at most {metadata.MOST_JOINTS}")
        for field, shape in (("feature", self.feature), ("state", self.state)):
            if any(size < 1 for size in shape) or math.prod(shape) > _DEEPEST:
                raise InputError(f"{field} must be a shape of at most {_DEEPEST} numbers, got {shape}")
        if self.moving and (self.graphs != PAIR or len(self.moving) != math.prod(self._generators)):
            raise InputError(
                f"moving must hold {math.prod(self._generators)} numbers for a pair and none for others, "
                f"got {len(self.moving)}"
            )
        if (self.graphs == PAIR and self.spec.recurrent) != bool(self.state):
            raise InputError(f"state must be a shape for a recurrent pair and empty for others, got {self.state}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the graph that answers gives, in order."""
        return ("xy", "score", *(("sigma",) if self.sigma else ()), *(("tokens_after",) if self.state else ()))

    @property
    def _generators(self) -> tuple[int, int, int]:
        """The shape of `Moving`'s generators."""
        width = self.feature[-1] if self.feature else 0
        return 3, width + 1, width

    def how_features_move(self) -> Moving | None:
        """How features change as their crop moves, where that is known."""
        return Moving(np.reshape(self.moving, self._generators)) if self.moving else None


def written(about: About) -> str:
    """The record as JSON text."""
    return json.dumps(dataclasses.asdict(about), sort_keys=True)


def parsed(text: bytes, where: str) -> About:
    """The record in JSON text from outside.

    Raises:
        InputError: names `where`, and the field that is wrong.
    """
    if not 0 < len(text) <= LARGEST_HEADER:
        raise InputError(f"{where}: a record of {len(text)} bytes; wanted 1 to {LARGEST_HEADER}")
    fields = metadata.parse(text, where)
    if not isinstance(fields, dict):
        raise InputError(f"{where}: the record must be a JSON object, got {type(fields).__name__}")
    if fields.get("format") != FORMAT:
        raise InputError(f"{where}: format {fields.get('format')!r:.40}; this version of chronopose reads {FORMAT}")
    try:
        about: Any = from_dict(About, fields, "record")
    except InputError as error:
        raise InputError(f"{where}: {error!s:.300}") from None
    except (TypeError, ValueError, OverflowError) as error:  # fields missing, or lists where names belong
        raise InputError(f"{where}: the record is damaged ({error!s:.200})") from None
    return about  # type: ignore[no-any-return]
