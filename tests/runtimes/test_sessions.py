"""Opening graphs: what several sessions of one process must not do to each other, or to the process."""

import subprocess
import sys
from pathlib import Path

import pytest

from chronopose.runtimes import sessions

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


def doubled(folder: Path) -> tuple[bytes, bytes]:
    """(rows, any, any) a and (rows,) b -> a + a, a + b, as OpenVINO's files."""
    import numpy as np
    import openvino
    from openvino import opset13 as ops

    a = ops.parameter([-1, -1, -1], np.float32, name="a")
    b = ops.parameter([-1], np.float32, name="b")
    alone = ops.unsqueeze(ops.unsqueeze(b, 1), 1)
    model = openvino.Model([ops.add(a, a), ops.add(a, alone)], [a, b], "two")
    openvino.save_model(model, folder / "two.xml", compress_to_fp16=False)
    return (folder / "two.xml").read_bytes(), (folder / "two.bin").read_bytes()


@pytest.mark.parametrize("small", [True, False])
def test_a_batch_of_any_size_is_answered_row_by_row(
    small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    graph, weights = doubled(tmp_path)
    if not small:
        monkeypatch.setattr(sessions, "_SMALL", 0)
    session = sessions.opened(graph, weights, "openvino", "fp32", "two")
    random = np.random.default_rng(0)
    for rows, width in [(rows, 3) for rows in range(1, 40)] + [(2, width) for width in range(1, 30)] + [(39, 3)]:
        a, b = (random.normal(size=shape).astype(np.float32) for shape in ((rows, 2, width), (rows,)))
        twice, both = session.run({"b": b, "a": a})
        np.testing.assert_array_equal(twice, 2 * a)
        np.testing.assert_array_equal(both, a + b[:, None, None])
