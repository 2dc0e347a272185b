"""The table of the motions that we authored, and which of them are held out."""

from collections.abc import Callable
from typing import Final

from chronopose.synth.acts import everyday, floor, sport, travel
from chronopose.synth.keyframes import Draw, Score

__all__ = ["HELDOUT", "MOTIONS", "Draw"]

MOTIONS: Final[dict[str, Callable[[Draw], Score]]] = {
    **everyday.MOTIONS,
    **travel.MOTIONS,
    **floor.MOTIONS,
    **sport.MOTIONS,
}
HELDOUT: Final = frozenset({"aim", "march", "bicycle", "kneel", "volleyball", "tennis_stroke", "pull_rope", "board"})
"""One of about every tenth, of every kind."""
