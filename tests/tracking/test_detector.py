"""Detectors: the frame itself, a box file, and torchvision's with weights that lie on disk."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17
from chronopose.tracking.detector import (
    DETECTORS,
    TORCHVISION_MB,
    BoxFile,
    Detector,
    FullFrame,
    TorchvisionDetector,
    is_cached,
    weights_file,
)

SMALL = "ssdlite320_mobilenet_v3_large"
FRAMES = [np.random.default_rng(i).integers(0, 255, (96, 128, 3), dtype=np.uint8) for i in range(2)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of weights, and no way out to the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def quiet_torch() -> Iterator[None]:
    """One thread: two that spin on a busy machine are slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def store(name: str) -> Path:
    """Random weights where torchvision keeps them; those of the small network see persons everywhere."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None)
    state = model.state_dict()
    if name == SMALL:
        for level in range(6):
            bias = state[f"head.classification_head.module_list.{level}.1.bias"]
            bias.view(-1, 91)[:, 1] += 10  # class 1 of 91 is the person
    file = weights_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, file)
    return file


def test_full_frame_is_edge_to_edge() -> None:
    detector: Detector = FullFrame()
    answer = detector([FRAMES[0], np.zeros((10, 20, 3), dtype=np.uint8)])
    assert [found.boxes.tolist() for found in answer] == [[[-0.5, -0.5, 127.5, 95.5]], [[-0.5, -0.5, 19.5, 9.5]]]
    assert answer[0].scores.tolist() == [1.0] and answer[0].boxes.dtype == np.float32
    assert detector([]) == []


def test_box_file_answers_by_frame() -> None:
    box = np.array([[1, 2, 3, 4]], dtype=np.float32)
    given = {1: (box, np.array([0.5], dtype=np.float32), np.array([7]))}
    detector = BoxFile(given)
    found, nothing = detector.at(1), detector.at(0)
    assert found.boxes.tolist() == box.tolist() and found.ids is not None and found.ids.tolist() == [7]
    assert nothing.boxes.shape == (0, 4) and nothing.ids is not None and nothing.ids.tolist() == []


def test_box_file_has_ids_only_where_every_box_has_one() -> None:
    box, scores = np.array([[1, 2, 3, 4]], dtype=np.float32), np.ones(1, dtype=np.float32)
    detector = BoxFile({0: (box, scores, np.array([7])), 1: (box, scores, np.array([-1]))})
    assert detector.at(0).ids is None and detector.at(1).ids is None


@pytest.mark.usefixtures("home", "quiet_torch")
def test_torchvision_detector_runs_from_stored_weights() -> None:
    store(SMALL)
    assert is_cached(SMALL)
    detector = TorchvisionDetector(SMALL)
    assert isinstance(detector, TorchvisionDetector) and detector.name == SMALL and detector.skeleton is None
    together = detector(FRAMES)
    assert len(together) == 2 and detector([]) == []
    for frame, found in zip(FRAMES, together):
        assert len(found.boxes) > 0 and found.xy is None
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert (found.scores >= 0.1).all() and (found.scores <= 1).all()
        assert (found.boxes >= -0.5).all() and (found.boxes <= [127.5, 95.5, 127.5, 95.5]).all()
        assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
        (alone,) = detector([frame])
        assert np.allclose(alone.boxes, found.boxes, atol=0.01)


@pytest.mark.slow
@pytest.mark.usefixtures("home", "quiet_torch")
def test_keypoint_detector_gives_joints() -> None:
    name = "keypointrcnn_resnet50_fpn"
    store(name)
    detector = TorchvisionDetector(name, score=0.0)
    assert detector.skeleton is COCO_17
    (found,) = detector(FRAMES[:1])
    assert found.xy is not None and found.joint_scores is not None and len(found.boxes) > 0
    assert found.xy.shape == (len(found.boxes), 17, 2) and found.joint_scores.shape == found.xy.shape[:2]
    assert ((found.joint_scores >= 0) & (found.joint_scores <= 1)).all()


def test_offline_says_what_to_do(
    home: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not is_cached(SMALL)
    with caplog.at_level(logging.INFO), pytest.raises(InputError) as raised:
        TorchvisionDetector(SMALL)
    message = str(raised.value)
    for part in ("https://", str(weights_file(SMALL)), "--detector bundled", "--boxes FILE", "--full-frame"):
        assert part in message
    assert "\n" not in message
    assert "13 MB" in caplog.text and "BSD-3-Clause" in caplog.text and "COCO" in caplog.text
    assert capsys.readouterr().out == ""
    assert not is_cached(SMALL)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut short"])
def test_damaged_weights_are_named(content: bytes) -> None:
    file = weights_file(SMALL)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"ssdlite320.*delete it") as raised:
        TorchvisionDetector(SMALL)
    assert "\n" not in str(raised.value) and str(file) in str(raised.value)


@pytest.mark.usefixtures("home")
def test_weights_that_run_code_are_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    file = weights_file(SMALL)
    file.parent.mkdir(parents=True)
    torch.save({"weight": Trap()}, file)
    with pytest.raises(InputError, match="not the weights"):
        TorchvisionDetector(SMALL)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.usefixtures("home")
def test_weights_of_another_network_are_named() -> None:
    file = weights_file(SMALL)
    file.parent.mkdir(parents=True)
    torch.save({"weight": torch.zeros(2)}, file)
    with pytest.raises(InputError, match=r"not the weights of ssdlite320"):
        TorchvisionDetector(SMALL)


def test_unknown_names_are_answered_with_the_one_meant() -> None:
    with pytest.raises(InputError, match=r"did you mean fasterrcnn_resnet50_fpn_v2\?"):
        TorchvisionDetector("fastrcnn_resnet50_fpn_v2")
    with pytest.raises(InputError, match="wanted one of auto, bundled") as raised:
        TorchvisionDetector("yolo")
    assert all(name in str(raised.value) for name in DETECTORS)
    with pytest.raises(InputError):
        is_cached("auto")


def test_every_name_is_torchvisions() -> None:
    for name in TORCHVISION_MB:
        assert weights_file(name).suffix == ".pth"


def test_import_loads_no_torch() -> None:
    import subprocess

    code = "import sys; import chronopose.tracking.detector; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "folder", [{}, {"XDG_CACHE_HOME": "/somewhere"}, {"TORCH_HOME": "~/torch", "XDG_CACHE_HOME": "/no"}]
)
def test_where_weights_lie_is_known_without_torch(folder: dict[str, str]) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("XDG_CACHE_HOME", "TORCH_HOME")}
    code = (
        "import sys; from chronopose.tracking.detector import downloads; before = downloads(); "
        "assert 'torch' not in sys.modules; import torch; print(before == downloads(), before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean | folder)
    assert done.stdout.startswith("True") and done.stdout.rstrip().endswith("hub/checkpoints")
