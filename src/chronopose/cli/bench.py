"""`chronopose bench complexity`: what every model costs, beside the figures that its paper prints."""

import json as json_format
from typing import Annotated, Any

from cyclopts import App, Parameter

app = App(name="bench", help="Count what the models cost, beside the figures of their papers.")


@app.command
def complexity(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Parameters and multiply-accumulates of every bundled model and every preset, without computing anything.

    A published figure stands beside ours with the ratio of ours to it; ours is counted for the ratio by the rule of
    the paper, which is not always the one of the columns (docs/baselines.md).

    Parameters
    ----------
    json
        Print a JSON list instead of a table.
    """
    from chronopose.recipes.published import compare_all

    rows = compare_all()
    if json:
        print(json_format.dumps(rows))
        return
    width = max(len(row["name"]) for row in rows)
    print(
        f"{'name':<{width}} {'parameters':>12} {'published':>12} {'ratio':>6} "
        f"{'MACs/frame':>11} {'MACs/window':>11} {'published':>10} {'ratio':>6}"
    )
    for row in rows:
        published = row["published"] or {}
        print(
            f"{row['name']:<{width}} {row['parameters']:>12,} {_beside(published, 'parameters', 12)} "
            f"{_short(row['macs_encode_per_frame']):>11} {_short(row['macs_fuse_per_window']):>11} "
            f"{_beside(published, 'macs', 10)}"
        )
    print("\nPublished by:")
    for row in rows:
        if row["published"]:
            note = row["published"]["note"]
            print(f"{row['name']:<{width}} {row['published']['source']}{'; ' if note else ''}{note}")


def _beside(published: dict[str, Any], what: str, width: int) -> str:
    """A published figure and the ratio of ours to it, or two dashes."""
    if what not in published:
        return f"{'-':>{width}} {'-':>6}"
    figure = f"{published[what]:,}" if what == "parameters" else _short(published[what])
    return f"{figure:>{width}} {published[f'{what}_ratio']:>6.3f}"


def _short(count: int) -> str:
    """Thousand millions, or millions where they are few: 4.00 G, 2.02 M."""
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"
