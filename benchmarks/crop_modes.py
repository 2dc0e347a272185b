"""What locked crops save and cost against exact ones: encoder calls, time, and PCK on drawn people who move.

A model that moves its features encodes each frame once whatever the drift. Two controls tell what that is worth: the
same model when it may not (frames around a new anchor are encoded anew), and when features of other anchors are shown
as they are.

Run: python benchmarks/crop_modes.py [MODEL] > benchmarks/crop_modes.md
"""

import statistics
import sys
import time

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.contract import moving_of
from chronopose.clips.moving import Moving
from chronopose.core.types import Frame, FramePoses, PoseSequence
from chronopose.data.synthetic import SyntheticConfig, render_clip, truth
from chronopose.evaluation.videos import compare
from chronopose.inference.estimator import load
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.runtimes.in_torch import TorchRuntime, faster
from chronopose.tracking.detector import BoxFile

Array = NDArray[np.float64]
Scene = tuple[list[Frame], PoseSequence, BoxFile]

CLIPS, FRAMES, ROUNDS = 8, 50, 3
SCENES = {
    "crossing, 2-3 people": SyntheticConfig(
        seed=2000, frames=FRAMES, width=640, height=360, people=(2, 3), motions=("crossing",)
    ),
    "all motions, 1-2 people": SyntheticConfig(seed=2001, frames=FRAMES, width=320, height=320, people=(1, 2)),
}
MODES: dict[str, tuple[StreamConfig, str]] = {
    "exact": (StreamConfig(crop="exact"), "moved"),
    "locked 0": (StreamConfig(drift=0.0), "moved"),
    "locked 0.02": (StreamConfig(drift=0.02), "moved"),
    "locked 0.05": (StreamConfig(drift=0.05), "moved"),
    "locked 0.1": (StreamConfig(drift=0.1), "moved"),
    "locked 0.05, encoded anew": (StreamConfig(drift=0.05), "anew"),
    "locked 0.05, shown as they are": (StreamConfig(drift=0.05), "as they are"),
}
"""Settings, and what becomes of features whose anchor is another than the key frame's."""


def run(
    predictor: Predictor, frames: list[Frame], boxes: BoxFile, config: StreamConfig
) -> tuple[list[FramePoses], int, float]:
    """Poses, encoded crops and seconds of one clip."""
    stream = PoseStream(predictor, boxes, config)
    began = time.perf_counter()
    poses = list(stream.over(frames))
    return poses, stream.encoded, time.perf_counter() - began


def jittered(true: PoseSequence, rng: np.random.Generator) -> BoxFile:
    """True boxes with a detector's jitter: each side off by 2 % of the size, normal."""
    table = {}
    for frame in true:
        boxes = np.array([pose.box for pose in frame.poses], dtype=np.float32).reshape(-1, 4)
        size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        ids = np.array([pose.track_id for pose in frame.poses], dtype=np.int64)
        table[frame.frame] = (
            boxes + rng.normal(size=boxes.shape).astype(np.float32) * 0.02 * size,
            np.ones(len(boxes)),
            ids,
        )
    return BoxFile(table)


def prepared(config: SyntheticConfig) -> list[Scene]:
    """The clips of one scene."""
    clips = []
    for index in range(CLIPS):
        pixels, true = render_clip(config, index).frames, truth(config, index)
        frames = [Frame(i, i / config.fps, picture) for i, picture in enumerate(pixels)]
        clips.append((frames, true, jittered(true, np.random.default_rng(index))))
    return clips


def accuracy(predictor: Predictor, clips: list[Scene], answers: list[list[FramePoses]]) -> Array:
    """PCK over all clips, weighted by their poses."""
    shares, weights = [], []
    for (_, true, _), poses in zip(clips, answers):
        answered = PoseSequence(info=true.info, skeleton=predictor.skeleton, frames=tuple(poses))
        shares.append(compare(answered, true).pck.mean_points)
        weights.append(sum(len(frame.poses) for frame in poses))
    return np.average(shares, axis=0, weights=weights)


def shift(answers: list[list[FramePoses]], exact: list[list[FramePoses]]) -> float:
    """Mean distance of joints from those of exact crops, in units of the box's longer side."""
    return float(
        np.mean(
            [
                np.linalg.norm(a.xy - b.xy, axis=1).mean() / (b.box[2:] - b.box[:2]).max()
                for mine, theirs in zip(answers, exact)
                for f, g in zip(mine, theirs)
                for a, b in zip(f.poses, g.poses)
            ]
        )
    )


def predictors(name: str) -> dict[str, Predictor]:
    """A model in torch that moves its features, one that may not, and one that leaves them where they are."""
    model = load(name, device="cpu", backend="torch").model
    moving = moving_of(model)
    if moving is None:
        raise SystemExit(f"{name} cannot move its features: locked crops are those of benchmarks/streaming.py")
    ways = {"moved": moving, "anew": None, "as they are": Moving(np.zeros_like(moving.generators))}
    plain = faster(model)
    return {way: Predictor(TorchRuntime(plain, moving=one)) for way, one in ways.items()}


def main(model: str) -> None:
    """Prints the table."""
    shown = predictors(model)
    predictor = shown["moved"]
    offsets = " ".join(map(str, predictor.spec.offsets))
    print(f"""# Locked against exact crops

`python benchmarks/crop_modes.py {model}`: {CLIPS} drawn clips of {FRAMES} frames a scene, true boxes with 2 % jitter,
window {offsets}, CPU. Time is the median of {ROUNDS} rounds, modes interleaved, decoding and detection excluded, as a
ratio to exact. PCK by the longer side of the box; shift is the joints' mean distance from those of exact crops, in
percent of it. Features of frames whose anchor is not the key frame's are moved, which encodes each frame once; in the
last two rows they are encoded anew, or shown as they are.
""")
    print("| scene | mode | crops encoded per pose | time | PCK@0.2 | PCK@0.1 | PCK@0.05 | shift |")
    print("|---|---|---|---|---|---|---|---|")
    for scene, config in SCENES.items():
        clips = prepared(config)
        seconds: dict[str, list[float]] = {name: [] for name in MODES}
        answers: dict[str, list[list[FramePoses]]] = {}
        encoded: dict[str, int] = {}
        for _ in range(ROUNDS):
            for name, (mode, way) in MODES.items():
                outcome = [run(shown[way], frames, boxes, mode) for frames, _, boxes in clips]
                seconds[name].append(sum(took for _, _, took in outcome))
                encoded[name] = sum(count for _, count, _ in outcome)
                answers[name] = [poses for poses, _, _ in outcome]
        count = sum(len(frame.poses) for poses in answers["exact"] for frame in poses)
        for name in MODES:
            ratio = statistics.median(seconds[name]) / statistics.median(seconds["exact"])
            figures = " | ".join(f"{100 * share:.1f}" for share in accuracy(predictor, clips, answers[name]))
            moved = 100 * shift(answers[name], answers["exact"])
            print(
                f"| {scene} | {name} | {encoded[name] / count:.2f} | {ratio:.2f} | {figures} | {moved:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dsta-small")
