"""The Python entry: load a model, predict a video, stream a source."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chronopose.clips.contract import PoseModel
from chronopose.core.errors import InputError
from chronopose.core.types import Frame, FramePoses, PoseSequence
from chronopose.inference.finding import choose_detector
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.models import checkpoint
from chronopose.models.checkpoint import Card
from chronopose.tracking.detector import BoxFile, Detector
from chronopose.video.reader import open_video

DEFAULT_MODEL = "dsta-small"


def load(
    name_or_path: str | Path = DEFAULT_MODEL, *, device: str = "auto", window: tuple[int, ...] | None = None
) -> "Estimator":
    """A pose estimator, ready to use.

    Args:
        name_or_path: a bundled model's name, a .safetensors file, or the folder of a training run.
        device: as torch writes it; "auto" is a GPU where there is one.
        window: frame offsets to show instead of the model's own, e.g. (-2, -1, 0) for no look-ahead.

    Raises:
        InputError: there is no such model, the file is not one, or it has no window to change.
    """
    return Estimator(checkpoint.load(name_or_path, window), device=device)


class Estimator:
    """A model with all that leads from a video to poses.

    Attributes:
        name: of the weights.
        card: what the weights were trained on, and their terms.
        model: the plain `nn.Module`: (B, T, 3, H, W) pixels in, `PoseOutput` in crop pixels out.
        predictor: the model on its device.
    """

    def __init__(self, loaded: checkpoint.Checkpoint, device: str = "auto") -> None:
        if not isinstance(loaded.model, PoseModel):
            raise InputError(f"{loaded.name} is a {loaded.kind} model, which answers no poses")
        self.name: str = loaded.name
        self.card: Card = loaded.card
        self.model: PoseModel = loaded.model
        self.predictor = Predictor(self.model, device)

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
            return PoseSequence(info=reader.info, skeleton=self.model.skeleton, frames=frames)

    def _finder(self, detector: str | Detector | BoxFile) -> Detector | BoxFile:
        return choose_detector(detector, str(self.predictor.device)) if isinstance(detector, str) else detector
