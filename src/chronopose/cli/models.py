"""`chronopose models list`, `info` and `import`: what models there are, what they cost, and those of other projects."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

app = App(name="models", help="List models, show what one costs and was trained on, and convert published ones.")


@app.command(name="list")
def list_models(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Every bundled model, and every preset of the papers that can be built.

    Parameters
    ----------
    json
        Print a JSON list instead of a table.
    """
    from chronopose.recipes.presets import describe_all

    if json:
        print(json_format.dumps(list(describe_all())))
        return
    print(f"{'name':<20} {'parameters':>12} {'MACs/frame':>12} {'MACs/window':>12}  offsets")
    for row in describe_all():
        counts = (
            f"{row['parameters']:>12,} {_big(row['macs_encode_per_frame']):>12} {_big(row['macs_fuse_per_window']):>12}"
        )
        print(f"{row['name']:<20} {counts}  {' '.join(map(str, row['offsets'] or [])) or '-'}", flush=True)


@app.command
def info(name: str, /, *, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """One model: parameters, multiply-accumulates, window, skeleton, data, licence.

    Parameters
    ----------
    name
        A name from `models list`, a .safetensors file, the folder of a training run, or a file that `export` wrote.
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


@app.command(name="import")
def import_weights(
    source: str,
    /,
    *,
    preset: Annotated[str, Parameter(name="--as")],
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    crop: Annotated[str | None, Parameter(name="--input")] = None,
    half: Annotated[bool, Parameter(negative=())] = False,
    every: Annotated[bool, Parameter(name="--list", negative=())] = False,
) -> None:
    """Convert a published checkpoint of another project; every tensor of it is accounted for.

    Parameters
    ----------
    source
        A .pth, .pt or .safetensors file, or a repository of the Hugging Face hub such as usyd-community/vitpose-base.
    preset
        The network that the weights are for, as `models list` names it.
    out
        Where to write the checkpoint; NAME.safetensors here if not given.
    crop
        HEIGHTxWIDTH of the crops that the weights were trained on, such as 384x288, where they are not the preset's.
    half
        Write 16-bit floats, half the size.
    every
        Print what became of each tensor.
    """
    import torch

    from chronopose.core.errors import InputError
    from chronopose.models import published
    from chronopose.models.published import reading
    from chronopose.recipes.presets import PRESETS

    if preset not in published.LAYOUTS:
        raise InputError(
            f"--as {preset}: no published weights are known for it, but for {', '.join(published.LAYOUTS)}"
        )
    target = out or Path(f"{preset}.safetensors")
    if target.suffix != ".safetensors":
        raise InputError(f"--out {target}: wanted a name ending in .safetensors")
    if not target.parent.is_dir():
        raise InputError(f"--out {target}: there is no folder {target.parent}; create it first")
    file, name = Path(source), Path(source).name
    if reading.is_repository(source):
        print(f"asking the Hugging Face hub for {source}", file=sys.stderr)
        file, name = reading.download(source), source
    if target.exists() and file.exists() and target.samefile(file):
        raise InputError(f"--out {target}: is the file to convert; give another name")
    found = reading.read(file, name)
    done = published.convert(found, preset, published.sized(PRESETS[preset], crop, found.name))
    published.save(done, target, torch.float16 if half else torch.float32)
    conversion = done.conversion
    if every:
        for tensor in found.tensors:
            print(f"{tensor} -> {conversion.used.get(tensor) or 'left out: ' + conversion.dropped[tensor]}")
    print(f"read {found.name}: {len(found.tensors)} tensors, sha256 {found.sha256}")
    if found.ignored:
        print(f"ignored what is no weight: {', '.join(found.ignored)}")
    for line in published.card(done).notes[1:]:
        print(line)
    print(f"wrote {target}: {preset} from {len(conversion.used)} of them; their terms: {conversion.layout.url}")
    print(f"next: chronopose predict VIDEO --model {target}")


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
