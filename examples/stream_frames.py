"""Frames of your own, one at a time, answered with no look-ahead."""

from collections.abc import Iterator

import chronopose
from chronopose.core.types import Frame
from chronopose.data.synthetic import SyntheticConfig, render_clip


def camera(frames: int) -> Iterator[Frame]:
    """Stands for any source of pictures: yields (H, W, 3) RGB uint8 with a time stamp."""
    clip = render_clip(SyntheticConfig(frames=frames, people=(1, 1)), 0)
    for index, (pixels, time_s) in enumerate(zip(clip.frames, clip.times_s)):
        yield Frame(index, float(time_s), pixels)


def main(frames: int = 20) -> None:
    """Prints how many persons each frame shows, as soon as it is there."""
    for answer in chronopose.load("dsta-small").stream(camera(frames), lag=0):
        print(f"frame {answer.frame} at {answer.time_s:.2f} s: {len(answer.poses)} persons")


if __name__ == "__main__":
    main()
