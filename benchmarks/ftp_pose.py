"""What pruning saves in FTP-Pose: CPU time and multiply-accumulates of its variants, as ratios to the baseline.

Run: python benchmarks/ftp_pose.py > benchmarks/ftp_pose.md
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from chronopose.layers.density_peaks import density_peaks
from chronopose.layers.transformer import Block
from chronopose.models.complexity import complexity
from chronopose.models.ftp_pose import FTPPose, FTPPoseConfig

SMALL = FTPPoseConfig(coarse_depth=2, shared_depth=4)
TABLE2 = FTPPoseConfig(coarse_depth=3, shared_depth=24)
# Layout, batch, rounds.
RUNS = [
    ("ViT-S, 2 + 4 blocks", SMALL, 1, 7),
    ("ViT-S, 2 + 4 blocks", SMALL, 8, 3),
    ("`ftp-table2`", TABLE2, 1, 5),
    ("`ftp-table2`", TABLE2, 8, 3),
]
VARIANTS: dict[str, dict[str, Any]] = {
    "baseline": {"high_resolution": False, "keep_hrb": 1, "keep_lrb": 1},
    "(a): two branches": {"keep_hrb": 1, "keep_lrb": 1},
    "(b): pruned": {},
    "(b), scatter_post": {"recovery": "scatter_post"},
    "(b), query": {"recovery": "query"},
    "(b), hr_scale 4": {"hr_scale": 4},
}


def macs(config: FTPPoseConfig) -> float:
    """Of one window of one person."""
    with torch.device("meta"):
        counted = complexity(FTPPose(config))
    return len(config.offsets) * counted.macs_encode_per_frame + counted.macs_fuse_per_window


@torch.no_grad()
def seconds(models: dict[str, FTPPose], batch: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of a pass by variant, one for each round; a first round is not counted."""
    spec = SMALL.spec()
    pixels = torch.randint(0, 256, (batch, len(spec.offsets), 3, spec.height, spec.width), dtype=torch.uint8)
    taken: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds + 1):
        for name, model in models.items():
            began = time.process_time()
            model(pixels)
            if number:
                taken[name].append(time.process_time() - began)
    return taken


@torch.no_grad()
def choosing(batch: int, rounds: int) -> list[str]:
    """What finding the peaks of 576 tokens costs beside one block of a ViT-S over them, and over those kept."""
    count, width = 576, 384
    block, tokens = Block(width, 6, 4 * width).eval(), torch.randn(batch, count, width)
    kept = tokens[:, : count // 6]
    steps: dict[str, Callable[[], object]] = {
        "choose": lambda: density_peaks(tokens, count // 6),
        "all": lambda: block(tokens),
        "kept": lambda: block(kept),
    }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 2):
        for name, step in steps.items():
            began = time.process_time()
            step()
            if number > 1:
                taken[name].append(1e3 * (time.process_time() - began) / batch)
    saved = [whole - few for whole, few in zip(taken["all"], taken["kept"], strict=True)]
    shares = [100 * mine / (SMALL.shared_depth * one) for mine, one in zip(taken["choose"], saved, strict=True)]
    ms = [statistics.median(taken[name]) for name in steps]
    return [str(batch), *(f"{one:.2f}" for one in ms), f"{statistics.median(shares):.1f} %"]


def main() -> None:
    """Prints the tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("""# What pruning saves in FTP-Pose

`python benchmarks/ftp_pose.py`: one thread, CPU seconds (so that other programs count less), random weights, whole
passes from pixels to poses, one in 6 tokens kept in both branches where they are pruned. Variants are interleaved; a
ratio is the median over rounds of the baseline's time by the variant's in the same round: above 1 is faster than the
baseline. The paper's Table II has 0.875 for (a) and 1.94 for (b), with device, batch and precision left open.
""")
    for layout, config, batch, rounds in RUNS:
        configs = {name: replace(config, **change) for name, change in VARIANTS.items()}
        models = {name: FTPPose(one).eval() for name, one in configs.items()}
        cost = {name: macs(one) for name, one in configs.items()}
        taken = seconds(models, batch, rounds)
        persons = "1 person" if batch == 1 else f"{batch} persons"
        print(f"## {layout}, {persons} at a time, {rounds} rounds\n")
        print("| variant | GMAC per person | ratio of MACs | ratio of time | lowest, highest |")
        print("|---|---|---|---|---|")
        for name in models:
            ratios = [base / mine for base, mine in zip(taken["baseline"], taken[name], strict=True)]
            print(
                f"| {name} | {cost[name] / 1e9:.1f} | {cost['baseline'] / cost[name]:.2f} | "
                f"{statistics.median(ratios):.2f} | {min(ratios):.2f}, {max(ratios):.2f} |"
            )
        print(flush=True)
    print(f"""## What the choice costs

One in 6 of 576 tokens of 384 numbers, the peaks of their density, which is found exactly; ms per set of tokens, median
of 15 rounds. The last column is the choice by what it saves in the small layout's {SMALL.shared_depth} shared blocks.

| sets at a time | choice | a block over all | over those kept | choice by blocks saved |
|---|---|---|---|---|""")
    for batch in (1, 8):
        print(f"| {' | '.join(choosing(batch, 15))} |")


if __name__ == "__main__":
    main()
