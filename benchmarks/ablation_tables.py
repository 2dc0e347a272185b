"""The papers' ablation tables as data: which variant stands for which row, the printed figures, what they claim."""

from collections.abc import Mapping
from dataclasses import dataclass

from chronopose.recipes.ablation import RATIOS, SIZES

CLIPS = 300
"""Held-out clips."""


@dataclass(frozen=True)
class Row:
    """A variant of `recipes.ablation` and the paper's figure, None where the paper has no such row."""

    variant: str
    paper: float | None = None


@dataclass(frozen=True)
class Comparison:
    """That some variants together are better than others.

    Args:
        text: of the claim.
        better: variants whose figures are added.
        than: variants whose figures are subtracted.
        implied: the paper says so without figures.
    """

    text: str
    better: tuple[str, ...]
    than: tuple[str, ...]
    implied: bool = False

    def claimed(self, figures: Mapping[str, float | None]) -> float | None:
        """The paper's difference, 1 where it is said without a figure, None where nothing is."""
        known = [figures[name] for name in (*self.better, *self.than)]
        if any(figure is None for figure in known):
            return 1.0 if self.implied else None
        return sum(figures[n] or 0.0 for n in self.better) - sum(figures[n] or 0.0 for n in self.than)

    def paper(self, figures: Mapping[str, float | None]) -> str:
        """The claim's cell."""
        claimed = self.claimed(figures)
        if claimed is None:
            return "no such row"
        return "said without figures" if self.implied else f"{claimed:+.1f}"


@dataclass(frozen=True)
class Table:
    """A table of a paper."""

    title: str
    about: str
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    unit: str = "AP"


def _pair(text: str, better: str, than: str, implied: bool = False) -> Comparison:
    return Comparison(text, (better,), (than,), implied)


# Rows of Table III by the low resolution's ratio, columns by the high resolution's.
_GRID = ((86.7, 86.9, 86.5, 85.8), (86.1, 86.2, 86.9, 86.7), (85.3, 86.5, 87.4, 87.2), (85.5, 86.2, 87.1, 86.6))
_RATIOS = {(low, high): _GRID[i][j] for i, low in enumerate(RATIOS) for j, high in enumerate(RATIOS)}


def _cell(low: int, high: int) -> str:
    """Two cells are rows of Table II."""
    return {(1, 1): "ftp-a", (6, 6): "ftp-b"}.get((low, high), f"ftp-l{low}-h{high}")


_PAPER_7 = ((83.4, 82.8), (82.3, 81.2), (77.9, 71.7), (55.4, 35.1))
_NAMES = [f"{height}x{width}" for height, width in SIZES]

TABLES: dict[str, Table] = {
    "dsta-table-4": Table(
        title="DSTA, Table 4: decoupled attention",
        about="Three frames. Without joint-wise decoding a frame is one token, as wide as all joint tokens together."
        " Where the paper's network decodes pooled features, joint tokens come here from a map per joint"
        " (`integral_fc`) and start as the bundled model has them; so the first row has the maps, and lacks tokens for"
        " attention to tell apart. SD alone sees nothing but the key frame.",
        rows=(
            Row("dsta-whole", 73.8),
            Row("dsta-coupled", 74.8),
            Row("dsta-sd", 71.4),
            Row("dsta-td", 78.1),
            Row("dsta-std", 78.6),
            Row("dsta-mean"),
            Row("dsta-single"),
        ),
        comparisons=(
            _pair("STD is better than TD alone", "dsta-std", "dsta-td"),
            _pair("STD is better than SD alone", "dsta-std", "dsta-sd"),
            _pair("TD alone is better than SD alone", "dsta-td", "dsta-sd"),
            _pair("STD is better than coupled attention", "dsta-std", "dsta-coupled"),
            _pair("STD is better than a token per frame", "dsta-std", "dsta-whole"),
            _pair("coupled attention is better than a token per frame", "dsta-coupled", "dsta-whole"),
            _pair("SD alone is worse than a token per frame", "dsta-sd", "dsta-whole"),
            _pair("STD against the mean over frames", "dsta-std", "dsta-mean"),
            _pair("STD against STD on the key frame alone", "dsta-std", "dsta-single"),
        ),
    ),
    "listpose": Table(
        title="ListPose: how a frame's joint tokens start",
        about="No figures are published: the paper is known by its abstract, which says that the tokens of the frame"
        " before help. S is the joint's token after the frame before. Three frames, the last is judged: the model is"
        " causal, so of the hidden joints it can know those that the frame before shows. What copying does to long"
        " videos three frames cannot show.",
        rows=tuple(Row(f"listpose-{name}") for name in ("learnable", "residual", "residual-param", "copy", "copy-raw")),
        comparisons=(
            _pair("residual is better than no state", "listpose-residual", "listpose-learnable", implied=True),
            _pair("residual against the residual without MLP", "listpose-residual", "listpose-residual-param"),
            _pair("residual against copying", "listpose-residual", "listpose-copy"),
            _pair("copying against raw copying", "listpose-copy", "listpose-copy-raw"),
        ),
        unit="none published",
    ),
    "ftp-table-2": Table(
        title="FTP-Pose, Table II: both branches and pruning",
        about="Three frames. The paper has no control of the selection: how much would tokens chosen otherwise lose?",
        rows=(
            Row("ftp-base", 85.9),
            Row("ftp-a", 86.7),
            Row("ftp-b", 87.4),
            Row("ftp-b-random"),
            Row("ftp-b-grid"),
            Row("ftp-b-norm"),
            Row("ftp-single"),
        ),
        comparisons=(
            _pair("the high-resolution branch helps: (a) over the baseline", "ftp-a", "ftp-base"),
            _pair("pruning helps: (b) over (a)", "ftp-b", "ftp-a"),
            _pair("(b) over the baseline", "ftp-b", "ftp-base"),
            _pair("density against tokens at random", "ftp-b", "ftp-b-random"),
            _pair("density against tokens evenly spread", "ftp-b", "ftp-b-grid"),
            _pair("density against the longest tokens", "ftp-b", "ftp-b-norm"),
            _pair("baseline against the key frame alone", "ftp-base", "ftp-single"),
        ),
    ),
    "dsta-table-6": Table(
        title="DSTA, Table 6: frames beside the key frame",
        about="Figures of the paper with ResNet-50. None beside the key frame is our control.",
        rows=(
            Row("dsta-single"),
            Row("dsta-aux1", 78.0),
            Row("dsta-std", 78.6),
            Row("dsta-aux4", 79.7),
        ),
        comparisons=(
            _pair("two are better than one", "dsta-std", "dsta-aux1"),
            _pair("four are better than two", "dsta-aux4", "dsta-std"),
            _pair("one against none", "dsta-aux1", "dsta-single"),
        ),
    ),
    "ftp-table-3": Table(
        title="FTP-Pose, Table III: how much is pruned",
        about="One token in so many is kept in the low- and the high-resolution branch. The paper's best is 6 and 6.",
        rows=tuple(Row(_cell(*cell), _RATIOS[cell]) for cell in _RATIOS),
        comparisons=tuple(
            _pair(f"6 and 6 against {low} and {high}", "ftp-b", _cell(low, high))
            for low, high in _RATIOS
            if (low, high) != (6, 6)
        ),
    ),
    "dsta-table-5": Table(
        title="DSTA, Table 5: how a frame becomes joint tokens",
        about="The paper holds its decoding against Poseur's keypoint encoder without (74.6) and with (77.9) features"
        " sampled from the map, which are not in this package; its own figure is that of ResNet-50. `integral_fc`"
        " tokens tell where a joint is and nothing else, as Poseur's without features do; the two others are DSTA's"
        " own, for ResNet and for HRNet.",
        rows=(Row("dsta-gap", 78.6), Row("dsta-map"), Row("dsta-integral")),
        comparisons=(
            _pair("pooled features against the place alone (integral)", "dsta-gap", "dsta-integral"),
            _pair("a map per joint against the place alone (integral)", "dsta-map", "dsta-integral"),
        ),
    ),
    "dsta-table-7": Table(
        title="DSTA, Table 7: regression against heatmaps as crops shrink",
        about="Crops of half of the paper's sizes per side, which two CPU cores can train. The paper sets DSTA"
        " against DCPose, both with three frames; here both see the key frame alone, so that only the head differs: the"
        " joint tokens and coordinates of DSTA, or a transposed convolution to maps of stride 4. Backbones"
        " start from the same bundled one and learn along, each at its own size.",
        rows=tuple(
            Row(f"{head}-{name}", _PAPER_7[place][side])
            for place, name in enumerate(_NAMES)
            for side, head in enumerate(("regression", "heatmap"))
        ),
        comparisons=(
            *(_pair(f"regression is better at {name}", f"regression-{name}", f"heatmap-{name}") for name in _NAMES),
            Comparison(
                f"its lead grows from {_NAMES[0]} to {_NAMES[-1]}",
                (f"regression-{_NAMES[-1]}", f"heatmap-{_NAMES[0]}"),
                (f"heatmap-{_NAMES[-1]}", f"regression-{_NAMES[0]}"),
            ),
        ),
    ),
}


def main() -> None:
    """Prints the tables' names and the variants in them."""
    for name, table in TABLES.items():
        print(f"{name}: {', '.join(row.variant for row in table.rows)}")


if __name__ == "__main__":
    main()
