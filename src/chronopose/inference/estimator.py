"""The Python entry: load a model, predict a video, stream a source."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chronopose.core.types import Frame, FramePoses, PoseSequence
from chronopose.formats.weights_file import Card
from chronopose.inference.finding import choose_detector
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.runtimes.choosing import Opened, opened
from chronopose.runtimes.devices import pick_device
from chronopose.runtimes.graph_file import is_graph_file
from chronopose.runtimes.names import Choice, Precision
from chronopose.tracking.detector import BoxFile, Detector
from chronopose.video.reader import open_video

if TYPE_CHECKING:
    from chronopose.clips.contract import PoseModel

DEFAULT_MODEL = "dsta-small"


def load(
    name_or_path: str | Path = DEFAULT_MODEL,
    *,
    device: str = "auto",
    window: tuple[int, ...] | None = None,
    backend: Choice = "ready",
    precision: Precision | None = None,
    notify: Callable[[str], None] | None = None,
) -> "Estimator":
    """A pose estimator, ready to use.

    Args:
        name_or_path: a bundled model's name, a .safetensors file, the folder of a training run, or a file that
            `chronopose export` wrote.
        device: as torch writes it; "auto" is a GPU where there is one.
        window: frame offsets to show instead of the model's own, e.g. (-2, -1, 0) for no look-ahead.
        backend: "torch", "onnxruntime" or "openvino"; "ready" or "auto", see `runtimes.names.Choice`.
        precision: "fp32", "bf16" or "int8"; None for what a file of graphs is in, and fp32 elsewhere.
        notify: told in a sentence what takes long: graphs are made at first use.

    Raises:
        InputError: there is no such model, the file is not one, or it has no window to change; or the backend is
            missing, or cannot do this.
    """
    where = pick_device("cpu" if device == "auto" and _is_for_cpu(name_or_path, backend) else device)
    return Estimator(
        opened(name_or_path, backend=backend, precision=precision, device=where, window=window, notify=notify)
    )


def _is_for_cpu(name_or_path: str | Path, backend: Choice) -> bool:
    """Whether the user asked for what runs on the CPU alone, a GPU or not."""
    return backend in ("onnxruntime", "openvino") or is_graph_file(name_or_path)


class Estimator:
    """A model with all that leads from a video to poses.

    Attributes:
        name: of the weights.
        card: what the weights were trained on, and their terms.
        predictor: the model in its runtime.
    """

    def __init__(self, opened: Opened) -> None:
        self.name: str = opened.name
        self.card: Card = opened.card
        self.predictor = Predictor(opened.runtime)
        self._opened = opened

    @property
    def model(self) -> "PoseModel":
        """The plain `nn.Module`: (B, T, 3, H, W) pixels in, `PoseOutput` in crop pixels out.

        A file of graphs has none: there it is one that asks the graphs.
        """
        return self._opened.model

    def stream(
        self,
        source: str | Path | Iterator[Frame],
        *,
        lag: int | None = None,
        detector: str | Detector | BoxFile = "auto",
        config: StreamConfig | None = None,
    ) -> Iterator[FramePoses]:
        """Poses of a source while it plays, each frame as early as the look-ahead allows.

        Args:
            source: a file, folder, camera number or stream URL; or frames of your own.
            lag: frames of look-ahead at most; None for what `config` says, or else all that the model wants.
            detector: a name as on the command line, or a detector of your own.
            config: how persons are found and cropped; by default one frame is handled at a time.
        """
        settings = config or StreamConfig(chunk=1)
        if lag is not None:
            settings = replace(settings, lag=lag)
        finder = self._finder(detector)
        stream = PoseStream(self.predictor, finder, settings)
        if not isinstance(source, str | Path):
            yield from stream.over(source)
            return
        with open_video(source) as video:
            yield from stream.over(video)

    def predict(
        self, video: str | Path, *, detector: str | Detector | BoxFile = "auto", config: StreamConfig | None = None
    ) -> PoseSequence:
        """All poses of a video, in memory. For long videos `chronopose predict` writes to disk as it goes."""
        with open_video(video) as reader:
            finder = self._finder(detector)
            frames = tuple(PoseStream(self.predictor, finder, config or StreamConfig()).over(reader))
            return PoseSequence(info=reader.info, skeleton=self.predictor.skeleton, frames=frames)

    def _finder(self, detector: str | Detector | BoxFile) -> Detector | BoxFile:
        if not isinstance(detector, str):
            return detector
        return choose_detector(detector, self.predictor.device, self.predictor.runtime)
