"""Renders the clip that ships with the package, and its truth: three people crossing on a hillside for ten seconds."""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose import formats
from chronopose.core.skeleton import SKELETONS
from chronopose.core.types import FramePoses, Pose, PoseSequence, VideoInfo
from chronopose.data.rendered import cut, joint_order
from chronopose.formats.shards import OUTSIDE, SEEN, ClipRecord
from chronopose.synth.film import Studio
from chronopose.synth.ranges import SceneConfig
from chronopose.video.writer import VideoWriter

SKELETON = SKELETONS["posetrack-15"]
# The seed was picked by eye, for everyday clothes, a quiet place, and people who hide each other. A perfect camera: the
# flaws of a drawn one would go through a second codec here.
CONFIG = SceneConfig(
    seed=34, split="all", frames=250, width=640, height=360, fps=(25.0, 25.0), people=(3, 3), person=(0.55, 0.6),
    fov_deg=(34.0, 34.0), authored=1.0, truncated=0.0, occluded=0.0, blurred=0.0, handheld=0.0, motions=("walk",),
    layout="crossing", furnished=0.0, clean=True,
)  # fmt: skip


def main(assets: Path, folder: Path, config: SceneConfig = CONFIG) -> None:
    """Writes crossing.mp4, crossing.parquet and crossing.visible.npy into a folder."""
    with Studio(assets, config) as studio:
        clip = studio.clip(0)
    with VideoWriter(folder / "crossing.mp4", config.width, config.height, clip.fps) as writer:
        for number, pixels in enumerate(clip.frames):
            writer.write(pixels, number / clip.fps)
    formats.write(truth(clip), folder / "crossing.parquet")
    np.save(folder / "crossing.visible.npy", visibility(clip))


def truth(clip: ClipRecord) -> PoseSequence:
    """The poses of everybody in the picture.

    A joint in the picture has score 1, hidden or not; one outside is unknown (NaN, score 0), as in labelled data sets.
    Boxes are cut at the picture's edge. `track_id` is the person's number in the clip.
    """
    order = joint_order(SKELETON, clip.joints)
    count, height, width = clip.frames.shape[:3]
    known = clip.visible[..., order] != OUTSIDE
    xy = np.where(known[..., None], clip.xy[:, :, order], np.float32(np.nan))
    boxes = cut(clip.boxes, (width, height))
    frames = tuple(
        FramePoses(
            number,
            number / clip.fps,
            tuple(
                Pose(skeleton=SKELETON, xy=xy[number, p], score=inside.astype(np.float32), box=box, track_id=p)
                for p, (inside, box) in enumerate(zip(known[number], boxes[number], strict=True))
                if inside.any()
            ),
        )
        for number in range(count)
    )
    info = VideoInfo(
        source="crossing.mp4", width=width, height=height, fps=clip.fps, frames=count, duration_s=count / clip.fps
    )
    return PoseSequence(info=info, skeleton=SKELETON, frames=frames)


def visibility(clip: ClipRecord) -> NDArray[np.bool_]:
    """(T, P, K) which joints can be seen, by frame, `track_id` and joint of `truth`."""
    seen: NDArray[np.bool_] = clip.visible[..., joint_order(SKELETON, clip.joints)] == SEEN
    return seen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="as chronopose synth-assets builds them")
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    told = parser.parse_args()
    main(told.assets, told.folder)
