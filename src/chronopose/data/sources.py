"""What training data are called and under which terms they may be used, for the cards of the weights."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of training data: what it is, and its terms in a few words."""

    data: str
    licence: str


DRAWN = Source(data="people drawn by chronopose.data.synthetic", licence="drawn people: none needed")
RENDERED = Source(
    data="people rendered by chronopose.synth",
    licence="rendered people: bodies, clothes and backgrounds CC0 (MakeHuman, Poly Haven); "
    "motion: the data used in this project was obtained from mocap.cs.cmu.edu, "
    "the database was created with funding from NSF EIA-0196217",
)
LSPET = Source(
    data="LSP-extended photographs (image number not divisible by 10)",
    licence="LSP-extended: research use, Flickr photographs without a stated licence",
)
JHMDB = Source(
    data="JHMDB clips (training part of split 1)",
    licence="JHMDB: research use, film and YouTube clips without a stated licence",
)
PANORAMAS = Source(data="panoramas of empty places", licence="panoramas: CC0 (Poly Haven)")


def listed(sources: Sequence[Source]) -> tuple[str, str]:
    """Data and terms of several sources, each as one text."""
    return ", ".join(source.data for source in sources), "; ".join(source.licence for source in sources)
