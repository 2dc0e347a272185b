"""`chronopose demo`: the bundled model on a clip that ships with the package, scored against its truth."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from chronopose.cli.predict import predict

if TYPE_CHECKING:
    from chronopose.core.types import PoseSequence
    from chronopose.evaluation.persons import Answers


def demo(
    video: str | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("poses"),
) -> int:
    """Run the bundled model on a short rendered clip and say how accurate it was; or on a video of yours.

    Parameters
    ----------
    video
        Your own video; without it the clip that ships with the package.
    out
        Folder for the results.
    """
    if video is not None:
        code = predict([video], out=out, overwrite=True)
        print("next: chronopose predict --help")
        return code
    with resources.as_file(resources.files("chronopose") / "demo") as files:
        code = predict([str(files / "crossing.mp4")], out=out, overwrite=True)
        _judge(files, out / "crossing.poses.parquet")
    print(f"next: open {out / 'crossing.poses.mp4'}, then chronopose predict YOUR_VIDEO")
    return code


def _judge(files: Path, results: Path) -> None:
    """Prints how good the results are, whether the window helps, and what sigma knows of hidden joints."""
    import numpy as np

    from chronopose import formats
    from chronopose.cli.scores import describe_video
    from chronopose.evaluation.sight import by_sight
    from chronopose.evaluation.videos import compare, found_persons

    poses, truth = formats.read(results), formats.read(files / "crossing.parquet")
    print(f"against the truth: {describe_video(compare(poses, truth))}")
    visible = np.load(files / "crossing.visible.npy")
    window = found_persons(poses, truth, visible)
    if np.isnan(by_sight(window).hidden).any():  # nobody found, or nobody hidden
        return
    single = found_persons(without_window(files / "crossing.mp4", poses), truth, visible)
    print(comparison(window, single))


def without_window(video: Path, poses: "PoseSequence") -> "PoseSequence":
    """The same persons in the same crops once more, every key frame shown alone: what is lost is the window's worth."""
    import numpy as np

    from chronopose.evaluation.temporal import FewerFrames
    from chronopose.inference.estimator import load
    from chronopose.inference.predictor import Predictor
    from chronopose.tracking.detector import BoxFile

    boxes = {
        frame.frame: (
            np.stack([pose.box for pose in frame.poses]),
            np.array([pose.box_score for pose in frame.poses], dtype=np.float32),
            np.array([pose.track_id for pose in frame.poses], dtype=np.int64),
        )
        for frame in poses
        if frame.poses
    }
    estimator = load()
    # Boxes and ids as they were give each person the anchors of before, so the stream cuts the very same crops.
    estimator.predictor = Predictor(FewerFrames(estimator.model))
    return estimator.predict(video, detector=BoxFile(boxes))


def comparison(window: "Answers", single: "Answers") -> str:
    """How well hidden joints are found with the window and with the key frame alone, and what sigma knows of them."""
    from chronopose.evaluation.sight import by_sight
    from chronopose.metrics.conventions import THRESHOLDS

    at = THRESHOLDS.index(0.1)
    title = "PCK@0.1, joints within a tenth of the person's size"
    lines = [f"{title:<54}{'hidden':>10}{'same in sight':>16}"]
    for name, answers in (("with the frames before and after", window), ("with the key frame alone", single)):
        sight = by_sight(answers)
        lines.append(f"  {name:<52}{100 * sight.hidden[at]:>8.1f} %{100 * sight.in_sight[at]:>14.1f} %")
    in_sight_px, hidden_px = by_sight(window).sigma_px
    lines.append(f"where a limb is hidden, sigma {change(in_sight_px, hidden_px)}")
    return "\n".join(lines)


def change(before: float, after: float) -> str:
    """In words, at the precision it is printed with."""
    old, new = f"{before:.1f}", f"{after:.1f}"
    if old == new:
        return f"stays at {old} px"
    return f"{'grows' if after > before else 'shrinks'} from {old} to {new} px"
