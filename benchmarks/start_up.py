"""Processor seconds from the name of a model to a network that can be asked, in every backend that is installed.

    XDG_CACHE_HOME=$(mktemp -d) OMP_NUM_THREADS=1 python benchmarks/start_up.py [MODEL]

Each backend is loaded twice; onnxruntime's first time makes the graphs that all later ones find.
"""

import sys
import time

from chronopose.inference.estimator import load
from chronopose.runtimes.names import PRECISIONS
from chronopose.runtimes.sessions import installed


def main(name: str) -> None:
    """Loads a model by every backend."""
    load(name)  # imports
    for backend in PRECISIONS:
        for which in ("first", "again") if installed(backend) else ():
            began = time.process_time()
            load(name, backend=backend)
            print(f"{backend}, {which}: {time.process_time() - began:.1f} s")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["dsta-small"]))
