"""Opening graphs: what several sessions of one process must not do to each other, or to the process."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")

COME_AND_GO = """
import gc, os, signal, sys
from openvino import opset13 as ops
import openvino, numpy as np
from chronopose.runtimes.sessions import opened

pixels = ops.parameter([1, 4], np.float32, name="pixels")
model = openvino.Model([ops.relu(pixels)], [pixels], "one")
openvino.save_model(model, "one.xml")
graph, weights = open("one.xml", "rb").read(), open("one.bin", "rb").read()
sessions = [opened(graph, weights, "openvino", "fp32", "one") for _ in range(3)]
while sessions:  # the oldest first
    sessions.pop(0)
    gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_heard_after_sessions_have_come_and_gone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", COME_AND_GO], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr
