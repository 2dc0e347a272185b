"""The flags that `predict`, `live` and `bench` share: which model, how persons are found, how they are cropped."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from chronopose.core.errors import InputError
from chronopose.runtimes.names import Choice, Precision

if TYPE_CHECKING:
    from chronopose.inference.estimator import Estimator
    from chronopose.inference.stream import StreamConfig
    from chronopose.runtimes.contract import Runtime
    from chronopose.tracking.detector import BoxFile, Detector


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Seeing:
    """How poses are found.

    Parameters
    ----------
    model
        A bundled model, a .safetensors file, the folder of a training run, or a file that `export` wrote.
    frames
        Frames shown to the model, relative to the one answered, instead of its own; "-2 -1 0" needs no look-ahead. Not
        for models that are shown single frames.
    detector
        What finds the persons: auto, bundled, or a detector of torchvision's. Auto takes torchvision's where the
        weights are on this machine already, and the bundled one elsewhere.
    boxes
        Persons' boxes from a file instead: CSV, or JSON of COCO or PoseTrack.
    full_frame
        One person fills the frame: no detector.
    detect_every
        Run the detector on every N-th frame and track between.
    crop
        locked: encode each frame once while a person stays near an anchor box, or the model can move what it has
        seen to another box, as dsta-small can. exact: crop each window anew.
    drift
        How far a person's crop may stray from the anchor's, as a fraction of its size.
    max_persons
        At most so many persons in a frame.
    still
        Pictures no colour of which differs by more than this, of 255, are taken for the same one and not looked at
        again; 0 asks for the very same pixels.
    device
        cpu, cuda, or auto.
    backend
        What runs the model: torch, onnxruntime or openvino, which make graphs of it at first use and keep them; auto,
        the fastest that is installed; ready, the fastest whose graphs are made already.
    precision
        fp32, bf16 or int8; fp32 if none is given, or what a file of graphs is in.
    """

    model: str = "dsta-small"
    frames: Annotated[tuple[int, ...] | None, Parameter(negative=(), consume_multiple=True)] = None
    detector: str = "auto"
    boxes: Path | None = None
    full_frame: Annotated[bool, Parameter(negative=())] = False
    detect_every: int = 1
    crop: Literal["locked", "exact"] = "locked"
    drift: float = 0.05
    max_persons: int | None = None
    still: int = 0
    device: str = "auto"
    backend: Choice = "ready"
    precision: Precision | None = None

    def config(self, lag: int | None = None, chunk: int | None = None) -> "StreamConfig":
        """The settings of a stream."""
        from chronopose.inference.stream import StreamConfig

        return StreamConfig(
            crop=self.crop,
            drift=self.drift,
            detect_every=self.detect_every,
            max_persons=self.max_persons,
            still=self.still,
            lag=lag,
            chunk=StreamConfig.chunk if chunk is None else chunk,
        )

    def estimator(self) -> "Estimator":
        """The model, loaded."""
        from chronopose.inference.estimator import load

        return load(
            self.model,
            device=self.device,
            window=self.frames,
            backend=self.backend,
            precision=self.precision,
            notify=notify,
        )

    def finder(self, beside: "Runtime") -> "tuple[str, Detector | BoxFile]":
        """What finds the persons, and its name; the bundled detector runs where the pose model does."""
        from chronopose.formats.boxes import read_boxes
        from chronopose.inference.finding import choose_detector
        from chronopose.tracking.detector import BoxFile, FullFrame

        if self.boxes is not None and self.full_frame:
            raise InputError("--boxes and --full-frame both say where the persons are; give one of them")
        if self.boxes is not None:
            # Named by content, so that results of an edited file are not taken for those of the old one.
            digest = hashlib.sha256(self.boxes.read_bytes()).hexdigest()[:16]
            return f"boxes of {self.boxes}, sha256 {digest}", BoxFile(read_boxes(self.boxes))
        finder: Detector = FullFrame()
        if not self.full_frame:
            finder = choose_detector(self.detector, beside.device, beside, notify)
        return finder.name, finder


def notify(text: str) -> None:
    """Tells the user of something that takes long, beside the results."""
    print(f"chronopose: {text}", file=sys.stderr)
