"""Figures as lines of plain text: percentages and aligned columns."""

from collections.abc import Sequence

import numpy as np


def percent(share: float) -> str:
    """A share as papers print it, "-" where it is unknown."""
    return "-" if np.isnan(share) else f"{100 * share:.1f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first column to the left, the others to the right; without a final newline."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    )
