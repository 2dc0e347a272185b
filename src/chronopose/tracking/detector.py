"""Detectors: whole frames in, the boxes of persons out; torchvision's by name, a box file, or the frame itself."""

import difflib
import hashlib
import logging
import os
import pickle
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.tracking.tracker import Detections

_log = logging.getLogger(__name__)

# Name -> download in MB. Best first on a GPU; on a CPU the last two are the only ones that keep up with a video.
TORCHVISION_MB = {
    "fasterrcnn_resnet50_fpn_v2": 167,
    "keypointrcnn_resnet50_fpn": 226,
    "retinanet_resnet50_fpn_v2": 146,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 74,
    "ssdlite320_mobilenet_v3_large": 13,
}
_WITH_JOINTS = "keypointrcnn_resnet50_fpn"
_LICENCE = "BSD-3-Clause, trained on COCO 2017 whose annotations are CC BY 4.0"
_TIMEOUT_S = 15
DETECTORS = ("auto", "bundled", *TORCHVISION_MB)


@runtime_checkable
class Detector(Protocol):
    """Finds persons in a batch of frames.

    `name` is what the user calls it. Frames are (H, W, 3) RGB uint8, of one size or several; the answer has one
    `Detections` for each frame: persons only, boxes x1 y1 x2 y2 in image pixels, scores in [0, 1].
    """

    @property
    def name(self) -> str: ...

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]: ...


class FullFrame:
    """One person who fills the frame: for clips that are cut to the person already."""

    name = "full-frame"

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        """One box with score 1 for each frame, edge to edge: from -0.5 to W - 0.5, pixel centres being integers."""
        return [
            Detections(
                np.array([[-0.5, -0.5, frame.shape[1] - 0.5, frame.shape[0] - 0.5]], dtype=np.float32),
                np.ones(1, dtype=np.float32),
            )
            for frame in frames
        ]


class BoxFile:
    """The boxes of a user's file, as `formats.boxes.read_boxes` gives them, in place of a detector.

    Args:
        boxes: frame index -> boxes (N, 4), scores (N,), ids (N,), an id of -1 where the file gives none. A frame that
            is not in it has no persons.
    """

    name = "box-file"

    def __init__(self, boxes: Mapping[int, tuple[Floats, Floats, NDArray[np.int64]]]) -> None:
        self._boxes = boxes
        self._with_ids = all((ids >= 0).all() for _, _, ids in boxes.values())

    def at(self, frame: int) -> Detections:
        """The boxes of one frame; with ids where every box of the file has one."""
        none = (np.zeros((0, 4)), np.zeros(0), np.zeros(0))
        boxes, scores, ids = self._boxes.get(frame, none)
        return Detections(
            np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            np.asarray(scores, dtype=np.float32),
            ids=np.asarray(ids, dtype=np.int64) if self._with_ids else None,
        )


class TorchvisionDetector:
    """One of torchvision's detectors, persons only. Its weights are downloaded on first use, by hash.

    Args:
        name: as in torchvision; `keypointrcnn_resnet50_fpn` also gives joints, in the order of COCO-17.
        device: where it runs, as torch writes it.
        score: boxes below it are left out; keep it as low as the tracker's `low_score`.

    Raises:
        InputError: no such detector, or its weights can be neither found nor downloaded, or are damaged.
    """

    def __init__(self, name: str, device: str = "cpu", score: float = 0.1) -> None:
        weights = _weights(name)
        _fetch(name, weights)
        self.name = name
        self.skeleton: Skeleton | None = COCO_17 if name == _WITH_JOINTS else None
        self._score = score
        self._person = weights.meta["categories"].index("person")
        self._device = device
        self._model = _build(name, weights).to(device).eval()

    def __call__(self, frames: Sequence[Pixels]) -> list[Detections]:
        """The persons of each frame; boxes and joints in the house's pixels, where integers are pixel centres."""
        import torch

        if not frames:
            return []
        with torch.inference_mode():
            images = [torch.tensor(frame).to(self._device).permute(2, 0, 1).float() / 255 for frame in frames]
            answers = self._model(images)
        return [self._persons({key: value.cpu().numpy() for key, value in answer.items()}) for answer in answers]

    def _persons(self, answer: Mapping[str, NDArray[Any]]) -> Detections:
        kept = (answer["labels"] == self._person) & (answer["scores"] >= self._score)
        # COCO's boxes count from the left edge of the first pixel, ours from its centre; COCO's joints do already.
        boxes = (answer["boxes"][kept] - 0.5).astype(np.float32)
        scores = answer["scores"][kept].astype(np.float32)
        if self.skeleton is None:
            return Detections(boxes, scores)
        xy = answer["keypoints"][kept][..., :2].astype(np.float32)
        # Keypoint R-CNN scores joints by the height of their map, about 2 where torchvision's own demo trusts them.
        logits = np.clip(answer["keypoints_scores"][kept].astype(np.float64) - 2, -30, 30)
        return Detections(boxes, scores, xy, (1 / (1 + np.exp(-logits))).astype(np.float32))


def is_cached(name: str) -> bool:
    """Whether the weights of a torchvision detector lie on this machine already."""
    _check_known(name)
    # Files begin with the detector's name. Torchvision, which knows the whole of it, takes a second to load.
    return any(downloads().glob(f"{name}*")) and weights_file(name).is_file()


def weights_file(name: str) -> Path:
    """Where the weights of a torchvision detector lie, or would lie once downloaded."""
    file: str = _weights(name).url.rsplit("/", 1)[1]
    return downloads() / file


def downloads() -> Path:
    """Where torch keeps the weights that it downloads; by torch's own rule, so that nobody need load torch to ask."""
    if "torch" in sys.modules:  # where `torch.hub.set_dir` may have said otherwise
        import torch

        return Path(torch.hub.get_dir()) / "checkpoints"
    home = os.environ.get("TORCH_HOME", str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _weights(name: str) -> Any:
    """Torchvision's record of the weights: url, categories. The type is an enum of its own for each detector."""
    _check_known(name)
    return _models().get_model_weights(name)["DEFAULT"]


def _check_known(name: str) -> None:
    if name not in TORCHVISION_MB:
        near = difflib.get_close_matches(name, DETECTORS, n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"detector: {name!r} is not known{hint}; wanted one of {', '.join(DETECTORS)}")


def _models() -> Any:
    """`torchvision.models`, whose types do not name what it exports; loaded here and not before."""
    import torchvision

    return torchvision.models


def _fetch(name: str, weights: Any) -> None:
    """Downloads the weights unless they are here, and compares them with the hash that their name carries."""
    file = weights_file(name)
    if file.is_file():
        return
    import urllib.request

    import torch

    url = weights.url
    _log.warning("downloading %s: %d MB from %s to %s (%s)", name, TORCHVISION_MB[name], url, file, _LICENCE)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Asked first because torch.hub waits for ever on a network that swallows packets.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S):
            pass
        # torch.hub's loader would do, but it writes to standard output, which belongs to the user's data.
        torch.hub.download_url_to_file(url, str(file), _hash_in(file), progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"detector: {name} cannot be downloaded ({error}); put {url} at {file}, "
            "or use --detector bundled, --boxes FILE or --full-frame"
        ) from None


def _hash_in(file: Path) -> str:
    """The first digits of the SHA-256 that torchvision writes into the name of a weights file."""
    found = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if found is None:
        raise RuntimeError(f"{file.name} carries no hash")
    return found.group(1)


def _build(name: str, weights: Any) -> Any:
    """The network with its weights. The file is read as tensors only: torchvision itself would run a pickle."""
    import torch

    file = weights_file(name)
    try:
        torch.load(file, map_location="cpu", weights_only=True)
        return _models().get_model(name, weights=weights, progress=False)
    except (RuntimeError, OSError, EOFError, LookupError, ValueError, pickle.UnpicklingError) as error:
        cause = " ".join([type(error).__name__, *str(error).split()[:12]])
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
        raise InputError(
            f"{file}: not the weights of {name} ({cause}; sha256 begins {digest}, {_hash_in(file)} wanted); "
            "delete it to download it again"
        ) from None
