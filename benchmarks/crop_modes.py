"""What locked crops save and cost against exact ones: encoder calls, time, and PCK on drawn people who move.

Run: python benchmarks/crop_modes.py [MODEL] > benchmarks/crop_modes.md
"""

import statistics
import sys
import time

import numpy as np

from chronopose.core.types import Frame, PoseSequence
from chronopose.data.synthetic import SyntheticConfig, render_clip, truth
from chronopose.evaluation import compare
from chronopose.inference.estimator import load
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.tracking.detector import BoxFile

CLIPS, FRAMES, ROUNDS = 12, 50, 3
SCENES = {
    "crossing, 2-3 people": SyntheticConfig(seed=2000, frames=FRAMES, width=640, height=360, people=(2, 3), motions=("crossing",)),
    "all motions, 1-2 people": SyntheticConfig(seed=2001, frames=FRAMES, width=320, height=320, people=(1, 2)),
}
MODES = {
    "exact": StreamConfig(crop="exact"),
    "locked 0.05": StreamConfig(crop="locked", drift=0.05),
    "locked 0.1": StreamConfig(crop="locked", drift=0.1),
    "locked 0.2": StreamConfig(crop="locked", drift=0.2),
}


def run(predictor: Predictor, frames: list[Frame], boxes: BoxFile, config: StreamConfig) -> tuple[list, int, float]:
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
        table[frame.frame] = (boxes + rng.normal(size=boxes.shape).astype(np.float32) * 0.02 * size, np.ones(len(boxes)), ids)
    return BoxFile(table)


def main(model: str) -> None:
    """Prints the table."""
    predictor = load(model, device="cpu").predictor
    offsets = " ".join(map(str, predictor.model.spec.offsets))
    print(f"# Locked against exact crops\n\n`python benchmarks/crop_modes.py {model}`: {CLIPS} drawn clips of {FRAMES} frames a scene,")
    print(f"true boxes with 2 % jitter, window {offsets}, CPU. Time is the median of {ROUNDS} rounds, modes interleaved, decoding")
    print("and detection excluded, as a ratio to exact. PCK by the longer side of the box, over the frames' labelled joints.\n")
    print("| scene | mode | crops encoded per pose | time | PCK@0.2 | PCK@0.1 | PCK@0.05 | mean shift from exact, of the box |")
    print("|---|---|---|---|---|---|---|---|")
    for scene, config in SCENES.items():
        clips = []
        for index in range(CLIPS):
            pixels, true = render_clip(config, index).frames, truth(config, index)
            frames = [Frame(i, i / config.fps, picture) for i, picture in enumerate(pixels)]
            clips.append((frames, true, jittered(true, np.random.default_rng(index))))
        seconds: dict[str, list[float]] = {name: [] for name in MODES}
        results: dict[str, list] = {}
        encoded: dict[str, int] = {}
        for _ in range(ROUNDS):
            for name, mode in MODES.items():
                outcome = [run(predictor, frames, boxes, mode) for frames, _, boxes in clips]
                seconds[name].append(sum(took for _, _, took in outcome))
                encoded[name] = sum(count for _, count, _ in outcome)
                results[name] = [poses for poses, _, _ in outcome]
        count = sum(len(frame.poses) for poses in results["exact"] for frame in poses)
        for name in MODES:
            shares = []
            for (_, true, _), poses in zip(clips, results[name]):
                answered = PoseSequence(info=true.info, skeleton=predictor.model.skeleton, frames=tuple(poses))
                shares.append((compare(answered, true).pck.mean_points, len(poses)))
            pck = np.average([share for share, _ in shares], axis=0, weights=[weight for _, weight in shares])
            shift = np.mean(
                [
                    np.linalg.norm(a.xy - b.xy, axis=1).mean() / (b.box[2:] - b.box[:2]).max()
                    for mine, exact in zip(results[name], results["exact"])
                    for f, g in zip(mine, exact)
                    for a, b in zip(f.poses, g.poses)
                ]
            )
            ratio = statistics.median(seconds[name]) / statistics.median(seconds["exact"])
            figures = " | ".join(f"{100 * share:.1f}" for share in pck)
            print(f"| {scene} | {name} | {encoded[name] / count:.2f} | {ratio:.2f} | {figures} | {100 * shift:.2f} % |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dsta-small")
