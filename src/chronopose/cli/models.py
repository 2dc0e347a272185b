"""`chronopose models list` and `chronopose models info`: what models there are and what they cost."""

import json as json_format
from typing import Annotated, Any

from cyclopts import App, Parameter

app = App(name="models", help="List models, and show what one is made of, costs and was trained on.")


@app.command(name="list")
def list_models(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Every bundled model, and every preset of the papers that can be built.

    Parameters
    ----------
    json
        Print a JSON list instead of a table.
    """
    from chronopose.recipes.presets import describe_all

    rows = describe_all()
    if json:
        print(json_format.dumps(rows))
        return
    print(f"{'name':<20} {'parameters':>12} {'MACs/frame':>12} {'MACs/window':>12}  offsets")
    for row in rows:
        counts = (
            f"{row['parameters']:>12,} {_big(row['macs_encode_per_frame']):>12} {_big(row['macs_fuse_per_window']):>12}"
        )
        print(f"{row['name']:<20} {counts}  {' '.join(map(str, row['offsets'] or [])) or '-'}")


@app.command
def info(name: str, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """One model: parameters, multiply-accumulates, window, skeleton, data, licence.

    Parameters
    ----------
    name
        A name from `models list`, a .safetensors file, or the folder of a training run.
    json
        Print a JSON object.
    """
    from chronopose.recipes.presets import describe

    row = describe(name)
    if json:
        print(json_format.dumps(row))
        return
    for key, value in row.items():
        print(f"{key:<22} {_text(value)}")


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return (
            "\n".join(str(item) for item in value) if value and isinstance(value[0], str) else " ".join(map(str, value))
        )
    return "-" if value is None else str(value)


def _big(count: int) -> str:
    """A count in units that fit: 4.00 G, 2.0 M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return str(count)
