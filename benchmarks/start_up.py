"""From the name of a model to a network that can be asked, with the detector beside it: seconds and memory.

    XDG_CACHE_HOME=$(mktemp -d) OMP_NUM_THREADS=1 python benchmarks/start_up.py [MODEL]

Each backend that is installed is loaded in processes of their own. The first makes the graphs that all later ones find
and is not counted; the figures are medians of three more.
"""

import json
import statistics
import subprocess
import sys

from processor import processor

from chronopose.runtimes.names import PRECISIONS
from chronopose.runtimes.sessions import installed

LOADED = """
import json, resource, sys, time
from chronopose.cli.machine import prepare
prepare()
from chronopose.inference.estimator import load
from chronopose.inference.finding import choose_detector
runtime = load(sys.argv[1], backend=sys.argv[2]).predictor.runtime
choose_detector("bundled", "cpu", runtime)
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time.process_time(), most / 2**10, "torch" in sys.modules]))
"""


def main(name: str) -> None:
    """Prints a line for each backend."""
    print(f"{name} on {processor()}")
    for backend in filter(installed, PRECISIONS):
        command = [sys.executable, "-c", LOADED, name, backend]
        runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(4)][1:]
        seconds, megabytes, torch = zip(*map(json.loads, runs), strict=True)
        print(
            f"{backend}: {statistics.median(seconds):.1f} s of processor time, {statistics.median(megabytes):.0f} MB, "
            f"torch {'loaded' if any(torch) else 'not loaded'}"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["dsta-small"]))
