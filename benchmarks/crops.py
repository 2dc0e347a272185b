"""What stands around the networks: ways to cut crops, to decode a frame and to compress one, timed against each other.

    python benchmarks/crops.py [VIDEO] > benchmarks/crops.md

Without a video one of 1280 x 720 is drawn. Counted is processor time of all threads, medians of interleaved rounds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from chronopose.clips.crop import cut
from chronopose.core.geometry import crop_to_image
from chronopose.core.types import Pixels
from chronopose.data.synthetic import SyntheticConfig, render_clip
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter

Transforms = NDArray[np.float64]
Cutter = Callable[[Pixels, Transforms], Pixels]

HEIGHT, WIDTH, MARGIN = 256, 192, 1.25
PERSONS = (1, 4, 10)
HEAD = """# Around the networks

`python benchmarks/crops.py`: {name}, {width} x {height}, processor time of all threads in ms, median of {rounds}
interleaved rounds, one thread for torch and OpenCV.

## All persons of a frame

Crops of 256 x 192, uint8, boxes of people that are shrunk less than twofold ("apart" is the largest and the mean
difference from `clips.crop.cut`, in grey levels).

| way | 1 person | 4 | 10 | apart |
|---|---|---|---|---|"""

CONCLUSION = """
What the package does follows from this: `clips.crop.cut` stays with warpAffine, which reads only what a crop shows,
where all others first write down where every pixel lies; a shrink to less than half is halved, once or more, and
resampled then. FFmpeg's own choice of threads and bilinear chroma cost no more than anything else, and the RGB that
swscale writes is handed on without a copy. The annotated video is compressed with veryfast, its motion estimated to a
coarser step and one B-picture between two others, in a thread of its own."""


# Crops ------------------------------------------------------------------------------------------------------------


def house(frame: Pixels, transforms: Transforms) -> Pixels:
    """`clips.crop.cut`: one cv2.warpAffine after the other, straight into one array."""
    return cut([frame] * len(transforms), transforms, HEIGHT, WIDTH)


def _points(transforms: Transforms) -> NDArray[np.float32]:
    """(P, H, W, 2) where in the picture each crop's pixels lie."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    ones = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)
    return np.einsum("hwc,pdc->phwd", ones, transforms.astype(np.float32), optimize=True)


def remapped(frame: Pixels, transforms: Transforms) -> Pixels:
    """One cv2.remap for all persons, their crops one above the other."""
    points = _points(transforms).reshape(-1, WIDTH, 2)
    return np.asarray(cv2.remap(frame, points, None, cv2.INTER_LINEAR)).reshape(-1, HEIGHT, WIDTH, 3)


def sampled(frame: Pixels, transforms: Transforms) -> Pixels:
    """torch's grid_sample, one call: the frame as float."""
    height, width = frame.shape[:2]
    size = torch.tensor([width, height], dtype=torch.float32)
    grid = (torch.from_numpy(_points(transforms)) + 0.5) / size * 2 - 1
    picture = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    crops = functional.grid_sample(picture.expand(len(grid), -1, -1, -1), grid, align_corners=False)
    return crops.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def gathered(frame: Pixels, transforms: Transforms) -> Pixels:
    """An own bilinear gather in numpy: four reads of whole pixels for all persons, weights of 1/32 as in OpenCV."""
    height, width = frame.shape[:2]
    spot = np.rint(_points(transforms) * 32).astype(np.int32)
    (x, y), (u, v) = np.moveaxis(spot >> 5, -1, 0), np.moveaxis(spot & 31, -1, 0)[..., None]
    black = np.zeros((height + 2, width + 2, 3), dtype=np.uint16)
    black[1:-1, 1:-1] = frame
    flat = black.reshape(-1, 3)

    def at(dx: int, dy: int) -> NDArray[np.uint16]:
        place = np.clip(y + dy + 1, 0, height + 1) * (width + 2) + np.clip(x + dx + 1, 0, width + 1)
        return flat.take(place.reshape(-1), axis=0).reshape(*place.shape, 3)

    u, v = u.astype(np.uint32), v.astype(np.uint32)
    top = at(0, 0) * (32 - u) + at(1, 0) * u
    low = at(0, 1) * (32 - u) + at(1, 1) * u
    return ((top * (32 - v) + low * v + 512) >> 10).astype(np.uint8)


CUTTERS: dict[str, Cutter] = {
    "cv2.warpAffine, person by person (`cut`)": house,
    "cv2.remap, all at once": remapped,
    "torch grid_sample, all at once": sampled,
    "own gather in numpy, all at once": gathered,
}


def people(count: int, width: int, height: int) -> Transforms:
    """Transforms of boxes of people all over a frame, 150 to 320 pixels high at 720."""
    rng = np.random.default_rng(0)
    tall = rng.uniform(0.2, 0.45, count) * height
    wide = tall * rng.uniform(0.35, 0.6, count)
    x, y = rng.uniform(0.1, 0.9, count) * width, rng.uniform(0.3, 0.7, count) * height
    boxes = np.stack([x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2], axis=1)
    return crop_to_image(boxes, HEIGHT, WIDTH, MARGIN)


def crops(frame: Pixels, rounds: int) -> None:
    """Prints the rows of the first table."""
    height, width = frame.shape[:2]
    spent = {
        count: timed({n: (lambda c=c, t=t: c(frame, t)) for n, c in CUTTERS.items()}, rounds)  # type: ignore[misc]
        for count in PERSONS
        for t in [people(count, width, height)]
    }
    everybody = people(PERSONS[-1], width, height)
    wanted = house(frame, everybody).astype(int)
    for name, cutter in CUTTERS.items():
        apart = np.abs(cutter(frame, everybody) - wanted)
        times = " | ".join(f"{spent[count][name]:.2f}" for count in PERSONS)
        print(f"| {name} | {times} | {apart.max()}, {apart.mean():.2f} |", flush=True)


def averaging(rounds: int) -> None:
    """Prints the table of how a large person's region is averaged down before it is warped."""
    region = np.random.default_rng(0).integers(0, 256, (864, 648, 3), dtype=np.uint8)
    print("\n## Averaging a region of 864 x 648 pixels down\n\n| by | at once | halves first |\n|---|---|---|")

    def shrunk(parts: Sequence[int]) -> None:
        small = region
        for part in parts:
            size = small.shape[1] // part, small.shape[0] // part
            small = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_AREA))

    for step, parts in ((2, (2,)), (3, (3,)), (4, (2, 2)), (6, (2, 3)), (8, (2, 2, 2))):
        spent = timed({"at once": lambda s=step: shrunk([s]), "halves": lambda p=parts: shrunk(p)}, rounds)  # type: ignore[misc]
        print(f"| {step} | {spent['at once']:.2f} | {spent['halves']:.2f} |", flush=True)


# Decoding and compressing -----------------------------------------------------------------------------------------


def decoded(file: Path, threads: str, conversion: str | None) -> Iterator[Pixels | None]:
    """Frames decoded in one of FFmpeg's ways of sharing the work, converted to RGB by one of swscale's."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        stream.thread_type = threads
        for picture in container.decode(stream):
            if conversion is None:
                yield None
            else:
                yield picture.reformat(format="rgb24", interpolation=conversion).to_ndarray()


def decoding(file: Path, frames: int, rounds: int) -> None:
    """Prints the second table."""
    ways: dict[str, Callable[[], object]] = {
        f"threads {threads}, {'no RGB' if conversion is None else conversion.lower()}": (
            lambda t=threads, c=conversion: sum(1 for _ in decoded(file, t, c))  # type: ignore[misc]
        )
        for threads, conversion in [
            *((threads, "BILINEAR") for threads in ("AUTO", "FRAME", "SLICE", "NONE")),
            *(("AUTO", conversion) for conversion in (None, "FAST_BILINEAR", "POINT", "BICUBIC")),
        ]
    }
    ways["`video.reader` (AUTO, bilinear)"] = lambda: sum(1 for _ in open_video(file))
    wall: dict[str, float] = {}
    spent = timed(ways, rounds, wall)
    print("\n## Decoding, per frame\n\n| way | processor ms | wall ms |\n|---|---|---|")
    for name, ms in spent.items():
        print(f"| {name} | {ms / frames:.2f} | {wall[name] / frames:.2f} |", flush=True)


COMPRESSION = {
    "ultrafast": {"preset": "ultrafast"},
    "superfast": {"preset": "superfast"},
    "veryfast": {"preset": "veryfast"},
    "veryfast, subme 1, 1 B-picture": {"preset": "veryfast", "x264-params": "subme=1:bframes=1"},
    "medium": {"preset": "medium"},
}
"""Settings of x264; the fourth is `video.writer`'s."""


def compressing(frames: Sequence[Pixels], rounds: int) -> None:
    """Prints the third table."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{number}.mkv" for number, name in enumerate(COMPRESSION)}
        wall: dict[str, float] = {}
        ways = {name: (lambda name=name: compressed(frames, files[name], COMPRESSION[name])) for name in files}  # type: ignore[misc]
        spent = timed(ways, rounds, wall)
        sizes = {name: file.stat().st_size for name, file in files.items()}
        ratios = {name: noise_ratio(frames, file) for name, file in files.items()}
    print("\n## Compressing, per frame\n\n| x264 | processor ms | wall ms | kB | PSNR, dB |\n|---|---|---|---|---|")
    for name in COMPRESSION:
        times = f"{spent[name] / len(frames):.2f} | {wall[name] / len(frames):.2f}"
        print(f"| {name} | {times} | {sizes[name] / len(frames) / 1e3:.1f} | {ratios[name]:.1f} |", flush=True)


def compressed(frames: Sequence[Pixels], file: Path, settings: dict[str, str]) -> None:
    """Writes frames with x264 at a constant quality of 20."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20", **settings})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def noise_ratio(frames: Sequence[Pixels], file: Path) -> float:
    """Peak signal to noise of the brightness that a file shows, in dB."""
    errors = []
    with av.open(str(file)) as container:
        for frame, shown in zip(frames, container.decode(video=0), strict=True):
            given = av.VideoFrame.from_ndarray(frame, format="rgb24").to_ndarray(format="yuv420p")
            apart = given[: len(frame)].astype(np.float32) - shown.to_ndarray(format="yuv420p")[: len(frame)]
            errors.append(float((apart**2).mean()))
    return float(10 * np.log10(255**2 / np.mean(errors)))


# Common -----------------------------------------------------------------------------------------------------------


def timed(ways: dict[str, Callable[[], object]], rounds: int, wall: dict[str, float] | None = None) -> dict[str, float]:
    """Milliseconds of processor time of each way: the median of rounds in which all are called; wall time beside."""
    spent = {name: list[float]() for name in ways}
    passed = {name: list[float]() for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began, processor = time.perf_counter(), time.process_time()
            way()
            spent[name].append(1e3 * (time.process_time() - processor))
            passed[name].append(1e3 * (time.perf_counter() - began))
    if wall is not None:
        wall |= {name: min(each) for name, each in passed.items()}
    return {name: statistics.median(each) for name, each in spent.items()}


def draw(file: Path) -> None:
    """Writes a video of drawn people."""
    config = SyntheticConfig(width=1280, height=720, frames=60, noise=3.0)
    with VideoWriter(file, config.width, config.height, config.fps) as writer:
        for number, pixels in enumerate(render_clip(config, 0).frames):
            writer.write(pixels, number / config.fps)


def main() -> None:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?", help="a video file; one is drawn where none is given")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        file = options.video or Path(folder) / "drawn.mp4"
        if options.video is None:
            draw(file)
        with open_video(file) as video:
            frames = [frame.pixels for frame in islice(video, 60)]
        height, width = frames[0].shape[:2]
        print(HEAD.format(name=file.stem, width=width, height=height, rounds=options.rounds), flush=True)
        crops(frames[0], 4 * options.rounds)
        averaging(4 * options.rounds)
        with open_video(file) as video:
            length = sum(1 for _ in video)
        decoding(file, length, options.rounds)
        compressing(frames, max(options.rounds // 2, 1))
        print(CONCLUSION)


if __name__ == "__main__":
    main()
