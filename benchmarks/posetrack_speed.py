"""How long the official figures of a whole PoseTrack18-sized set take, reading included.

    python benchmarks/posetrack_speed.py [SEQUENCES] > benchmarks/posetrack_speed.md

Writes sequences of 94 frames and 8 persons into a temporary folder, with ignore regions, missed persons and persons too
many, and times `chronopose eval`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.formats.posetrack import STORED

SEQUENCES, FRAMES, PERSONS, REGIONS, CORNERS = 170, 94, 8, 6, 30
CATEGORY = {"supercategory": "person", "id": 1, "name": "person", "keypoints": STORED}
EARS = [STORED.index("left_ear"), STORED.index("right_ear")]


def sequence(rng: np.random.Generator, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Labels and predictions: persons walk through each other, one in ten is missed and one in ten is nobody."""
    start, step = rng.uniform(100, 1100, (PERSONS, 1, 2)), rng.normal(0, 4, (PERSONS, 1, 2))
    shape = rng.normal(0, 60, (PERSONS, 17, 2))
    polygons = [_polygon(rng) for _ in range(REGIONS)]
    first = 10_000_000_000 + number * 10_000
    pictures, truth, found = [], [], []
    ids = np.arange(PERSONS) + 50
    for frame in range(FRAMES):
        name = f"images/val/{number:06d}_mpii_test/{frame:06d}.jpg"
        picture = {"file_name": name, "id": first + frame, "frame_id": first + frame, "vid_id": f"{number:06d}"}
        pictures.append(picture | {"nframes": FRAMES, "width": 1280, "height": 720, "is_labeled": True})
        if rng.random() < 0.02:
            ids = rng.permutation(ids)
        xy = start + frame * step + shape + rng.normal(0, 2, shape.shape)
        for person in range(PERSONS):
            visible = rng.random(17) < 0.85
            visible[EARS] = False
            head = [*(start[person, 0] + frame * step[person, 0] - 20).round(2), 40.0, 50.0]
            truth.append(_entry(first + frame, person, xy[person], visible) | {"bbox_head": head})
            if rng.random() < 0.9:
                answer = xy[person] if rng.random() < 0.9 else rng.uniform(100, 1100, (17, 2))
                noisy = answer + rng.normal(0, 6, (17, 2))
                scores = {"scores": rng.random(17).round(6).tolist()}
                found.append(_entry(first + frame, int(ids[person]), noisy, np.ones(17, dtype=bool)) | scores)
    ignored = {
        f"ignore_regions_{axis}": [polygon[:, k].tolist() for polygon in polygons] for k, axis in enumerate("xy")
    }
    return (
        {"images": [picture | ignored for picture in pictures], "annotations": truth, "categories": [CATEGORY]},
        {"images": pictures, "annotations": found, "categories": [CATEGORY]},
    )


def _polygon(rng: np.random.Generator) -> NDArray[np.int64]:
    angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    edge = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.uniform(20, 120, (CORNERS, 1))
    return (rng.uniform(100, 1100, 2) + edge).astype(np.int64)


def _entry(image: int, track_id: int, xy: NDArray[np.float64], visible: NDArray[np.bool_]) -> dict[str, Any]:
    triples = np.concatenate([np.where(visible[:, None], xy, 0).round(2), visible[:, None]], axis=1)
    return {
        "id": image * 100 + track_id,
        "image_id": image,
        "category_id": 1,
        "track_id": track_id,
        "bbox": [*xy.min(axis=0).round(2).tolist(), *np.ptp(xy, axis=0).round(2).tolist()],
        "keypoints": triples.reshape(-1).tolist(),
    }


def timed(folder: Path, year: str) -> str:
    """A row of the table: the command's time, processor time and the figures that it printed."""
    command = [
        sys.executable,
        "-m",
        "chronopose.cli",
        "eval",
        year,
        "--gt",
        str(folder / "gt"),
        "--pred",
        str(folder / "pred"),
    ]
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    told = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout
    seconds, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = json.loads(told)
    hota = f"{figures['hota']['HOTA']['mean']:.1f}" if "hota" in figures else "-"
    means = " | ".join(f"{figures[name]['mean']:.1f}" for name in ("ap", "mota", "motp"))
    return f"| {year} | {seconds:.0f} | {processor:.0f} | {means} | {hota} |"


def main(sequences: int) -> None:
    """Prints the page."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for side in ("gt", "pred"):
            (folder / side).mkdir()
        for number in range(sequences):
            for side, content in zip(("gt", "pred"), sequence(rng, number)):
                (folder / side / f"{number:06d}_mpii_test.json").write_text(json.dumps(content))
        megabytes = sum(file.stat().st_size for file in folder.rglob("*.json")) / 1e6
        print(f"""# The official figures of a PoseTrack18-sized set

`python benchmarks/posetrack_speed.py {sequences}`: {sequences} sequences of {FRAMES} frames and {PERSONS} persons,
{sequences * FRAMES} frames, {megabytes:.0f} MB of JSON, {os.cpu_count()} cores. The time of the whole command, reading
included, and the processor time of all its processes; and what it printed.

| command | seconds | processor seconds | AP | MOTA | MOTP | HOTA |
|---|---|---|---|---|---|---|""")
        for year in ("posetrack18", "posetrack21"):
            print(timed(folder, year), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEQUENCES)
