"""How fast windows of frames are read in random order: seeking in the video, from memory, from packed files, pictures.

    python benchmarks/reading.py [VIDEO ...] > benchmarks/reading.md

Without videos, two are drawn. Counted is processor time, so that a busy machine changes little; what was decoded last
is not kept, so that every frame of a window is decoded from what is stored.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

from chronopose.core.types import Pixels
from chronopose.data.frames import FrameStore
from chronopose.data.synthetic import SyntheticConfig, render_clip
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter

OFFSETS, WINDOWS = (-2, -1, 0, 1, 2), 4
DRAWN = {"drawn-320x240": (320, 240, 40), "drawn-1280x720": (1280, 720, 150)}
HEAD = """# Random windows of frames

`python benchmarks/reading.py`: windows of 5 neighbouring frames at random places, in windows per second of one core's
processor time, and as a ratio to seeking in the video file (median of rounds in which every way reads the same
windows). "First" is what comes before, decoding the video once and packing its frames as JPEGs, as a number of windows
that could be read by seeking meanwhile; "MB" is the size on disk, of the video and of its JPEGs. Videos are H.264 with
the encoder's usual distance of key frames.

| video | frames | way | windows/s | ratio | first, in windows | MB |
|---|---|---|---|---|---|---|"""

Window = Callable[[int], tuple[Pixels, ...]]


@dataclass(frozen=True)
class Film:
    """What `FrameStore` asks of a video."""

    images: tuple[Path, ...] | Path
    length: int
    size: tuple[int, int] | None = None


def seeking(file: Path) -> Window:
    """Windows by a seek to the key frame before the first frame, and decoding from there on."""
    container = av.open(str(file))
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)

    def window(key: int) -> tuple[Pixels, ...]:
        wanted = [stamps[key + offset] for offset in OFFSETS]
        container.seek(wanted[0], stream=stream, backward=True)
        found = []
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts >= wanted[0]:
                found.append(frame.to_ndarray(format="rgb24"))
            if len(found) == len(wanted):
                return tuple(found)
        raise ValueError(f"{file}: no frames around {key}")

    return window


def from_store(store: FrameStore) -> Window:
    """Windows of a store's only video."""
    return lambda key: tuple(store.frame(0, key + offset) for offset in OFFSETS)


def rates(ways: dict[str, Window], length: int, rounds: int) -> dict[str, float]:
    """Windows per second of processor time: median over rounds in which every way reads the same few windows."""
    rng, spent = np.random.default_rng(0), {name: list[float]() for name in ways}
    for _ in range(rounds):
        keys = rng.integers(-OFFSETS[0], length - OFFSETS[-1], WINDOWS).tolist()
        for name, window in ways.items():
            start = time.process_time()
            for key in keys:
                window(key)
            spent[name].append(time.process_time() - start)
    return {name: WINDOWS / statistics.median(seconds) for name, seconds in spent.items()}


def measure(file: Path, scratch: Path, rounds: int) -> None:
    """Prints the rows of one video."""
    (scratch / "pictures").mkdir(parents=True)
    pictures = []
    with open_video(file) as frames:
        for frame in frames:
            pictures.append(scratch / "pictures" / f"{frame.index:06d}.jpg")
            Image.fromarray(frame.pixels).save(pictures[-1], quality=92, subsampling=2)
    length = len(pictures)
    stores = {
        "memory": FrameStore([Film(file, length)], decoded_mb=0),
        "packed file": FrameStore([Film(file, length)], decoded_mb=0, packed=scratch / "packed"),
        "pictures": FrameStore([Film(tuple(pictures), length)], decoded_mb=0),
    }
    before = {}
    for name, store in stores.items():
        start = time.process_time()
        store.frame(0, 0)
        before[name] = time.process_time() - start
    sizes = {
        "seeking": file.stat().st_size,
        "packed file": sum(path.stat().st_size for path in (scratch / "packed").iterdir()),
    }
    found = rates({"seeking": seeking(file)} | {name: from_store(s) for name, s in stores.items()}, length, rounds)
    for name, each in found.items():
        cost = f"{before[name] * found['seeking']:.0f}" if name in ("memory", "packed file") else ""
        size = f"{sizes[name] / 1e6:.1f}" if name in sizes else ""
        ratio = each / found["seeking"]
        print(f"| {file.stem} | {length} | {name} | {each:.1f} | {ratio:.1f} | {cost} | {size} |", flush=True)


def draw(file: Path, width: int, height: int, frames: int) -> Path:
    """Writes a video of drawn people."""
    config = SyntheticConfig(width=width, height=height, frames=frames, noise=3.0)
    with VideoWriter(file, width, height, config.fps) as writer:
        for number, pixels in enumerate(render_clip(config, 0).frames):
            writer.write(pixels, number / config.fps)
    return file


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", help="video files; two are drawn where none is given")
    parser.add_argument("--rounds", type=int, default=9, help=f"of {WINDOWS} windows in each way")
    options = parser.parse_args()
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        videos = list(options.videos)
        if not videos:
            for name, (width, height, frames) in DRAWN.items():
                print(f"drawing {name}", file=sys.stderr)
                videos.append(draw(Path(folder) / f"{name}.mp4", width, height, frames))
        for number, file in enumerate(videos):
            measure(file, Path(folder) / str(number), options.rounds)


if __name__ == "__main__":
    main()
