"""Renders the clip that ships with the package, and its truth: three drawn people crossing for ten seconds."""

import sys
from pathlib import Path

import numpy as np

from chronopose import formats
from chronopose.data.synthetic import SyntheticConfig, render_clip, truth
from chronopose.video.writer import VideoWriter

CONFIG = SyntheticConfig(
    seed=7, frames=250, width=640, height=360, people=(3, 3), motions=("crossing",), occluders=(0, 1)
)


def main(folder: Path, frames: int = CONFIG.frames) -> None:
    """Writes crossing.mp4 and crossing.parquet into a folder."""
    from dataclasses import replace

    config = replace(CONFIG, frames=frames)
    clip = render_clip(config, 0)
    with VideoWriter(folder / "crossing.mp4", config.width, config.height, config.fps) as writer:
        for pixels, time_s in zip(clip.frames, clip.times_s):
            writer.write(np.ascontiguousarray(pixels), float(time_s))
    formats.write(truth(config, 0), folder / "crossing.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
