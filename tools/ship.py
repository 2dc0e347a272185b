"""Turns a run's weights into the file that ships: float16, with a card that says what they were trained on.

python tools/ship.py RUN src/chronopose/weights/NAME.safetensors --data TEXT --data-licence TEXT --note TEXT ...
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from chronopose.formats import weights_file
from chronopose.models import checkpoint


def main() -> None:
    """Reads, says the size, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder or checkpoint")
    parser.add_argument("target", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--data-licence", required=True)
    parser.add_argument("--note", action="append", default=[])
    parser.add_argument("--long-side", type=int, help="of a detector's picture, in pixels")
    parser.add_argument("--sigma-scale", type=float, help="of a pose model, from tools/calibrate_sigma.py")
    parser.add_argument("--score", type=float, nargs=2, metavar=("SCALE", "SHIFT"), help="of a detector's logit")
    arguments = parser.parse_args()
    model = checkpoint.load(arguments.run).model
    changed = {"long_side": arguments.long_side} if arguments.long_side else {}
    if arguments.sigma_scale:
        changed["sigma_scale"] = arguments.sigma_scale * getattr(model.config, "sigma_scale", 1.0)
    if arguments.score is not None:
        changed |= dict(zip(("score_scale", "score_shift"), arguments.score, strict=True))
    model.config = replace(model.config, **changed)  # type: ignore[type-var, assignment]
    card = weights_file.Card(data=arguments.data, data_licence=arguments.data_licence, notes=tuple(arguments.note))
    checkpoint.save(model, arguments.target, card, dtype=torch.float16)
    print(f"{arguments.target}: {arguments.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
