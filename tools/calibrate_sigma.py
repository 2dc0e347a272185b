"""Scales a model's sigma so that 68 % of coordinates lie within one of it, on rendered people that it has not seen.

    python tools/calibrate_sigma.py WEIGHTS --rendered FOLDER

FOLDER holds clips of a seed that was not trained on and that nothing is judged by, as `chronopose synth` writes them.
A network is surer of the people that it learned from than of others, and by how much differs between runs.
"""

import argparse
from pathlib import Path

import numpy as np

from chronopose.data.rendered import RenderedClips
from chronopose.evaluation.persons import answer
from chronopose.inference.estimator import load

# The share of coordinates that one standard deviation is to hold, as it does of a normal error.
WITHIN = 0.6827


def main() -> None:
    """Prints the number for tools/ship.py --sigma-scale, and what it does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("--rendered", type=Path, required=True)
    arguments = parser.parse_args()
    answers = answer(load(arguments.weights, device="cpu").predictor, RenderedClips(arguments.rendered))
    if answers.sigma is None:
        parser.error(f"{arguments.weights} answers no sigma")
    told = np.abs(answers.xy - answers.truth) / answers.sigma
    told = told[~np.isnan(told)]
    scale = float(np.quantile(told, WITHIN))
    print(f"--sigma-scale {scale:.3f}")
    print(f"{len(answers.truth)} persons: {(told <= 1).mean():.1%} of coordinates inside before")


if __name__ == "__main__":
    main()
