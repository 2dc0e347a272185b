"""Models against models on real video: fine-tuned on a split of JHMDB, judged on every frame of its test clips.

    python benchmarks/results.py --work FOLDER --jhmdb FOLDER --split 1 --runs RUN ... [--lspet FOLDER]

Each RUN is a folder made by `chronopose train finetune` on the split's training clips, or the name of bundled weights;
runs that differ in nothing but their seed make one row. Boxes are given. PCK is measured as the benchmarks of JHMDB do:
within a share of the longer side of the person's box, or of the torso's diagonal, mean over the 15 joints; models do
not answer the belly, which is put halfway between shoulders and hips, as LSTM Pose Machines have it. Rows that have
several seeds in common are compared seed by seed. With --lspet the first run of each row is judged on the held-out
LSP-extended photographs too, one frame each. Prints the page and writes it, by default to benchmarks/results.md. What
was measured is kept under --work, and is not measured again for the same weights.
"""

import argparse
import dataclasses
import hashlib
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from default_model import table, written

from chronopose.core.files import replacing
from chronopose.core.skeleton import JHMDB_15
from chronopose.data import jhmdb
from chronopose.data.lspet import LSPExtended
from chronopose.data.renamed import Renamed, renamed
from chronopose.data.videos import VideoClips
from chronopose.evaluation.persons import Answers, answer, score
from chronopose.formats.weights_file import locate
from chronopose.inference.estimator import load
from chronopose.metrics.conventions import THRESHOLDS
from chronopose.metrics.pck import GROUPS
from chronopose.recipes import finetune

Measured = tuple[int | None, dict[str, list[float]], Path]
"""A run's seed, its percentages by measure, and its folder or name."""

Numbered = list[tuple[int, tuple[str, list[Measured]]]]
"""Rows of the page: their number, what made them, and the runs."""

MEASURES = (*(f"box @{threshold:g}" for threshold in THRESHOLDS), "torso @0.2")
"""The tables of the page, and the keys of `figures`."""

NAMES = {"neck": "head_bottom", "face": "nose"}
"""What our models call two of JHMDB's joints."""

ABOUT = """
Boxes are given: those of the joints inside the image, with room around. Every frame of every test clip of split {split}
is judged, {samples:,} in all; its joints outside the image are not. **These labels were recovered from public copies,
not obtained from the data set's owners: the figures compare models with each other and are no JHMDB or Sub-JHMDB
result.** In the table of the literature below everything differs: labels, clips, boxes. The bundled weights learned
from the training part of split 1 among other things, so that split 1 alone has a test part that is new to them. Figures
are percentages, means (and standard deviations) over {seeds}. Head is the face; the mean is over all 15 joints. The
rows:
"""

LITERATURE = """## The literature, on Sub-JHMDB

PCK@0.2, mean over three splits. **Not comparable with the table above**: other clips (316 with the whole body in view),
the owners' labels, boxes of the puppet mask.

| method | Head | Sho | Elb | Wri | Hip | Knee | Ank | mean, box | mean, torso |
|---|---|---|---|---|---|---|---|---|---|
| Thin-Slicing (CVPR 2017) | 97.1 | 95.7 | 87.5 | 81.6 | 98.0 | 92.7 | 89.8 | 92.1 | - |
| LSTM Pose Machines (CVPR 2018) | 98.2 | 96.5 | 89.6 | 86.0 | 98.7 | 95.6 | 90.9 | 93.6 | 73.6 |
| DKD, ResNet-50 (ICCV 2019) | 98.3 | 96.6 | 90.4 | 87.1 | 99.1 | 96.0 | 92.9 | 94.0 | 77.4 |
| K-FPN, ResNet-50 (ECCV 2020) | - | - | - | - | - | - | - | 94.7 | - |
| SimpleBaseline ResNet-50 frame by frame (mmpose) | 99.2 | 97.7 | 92.8 | 90.0 | 99.3 | 96.9 | 93.9 | 96.0 | 80.1 |
"""


def answers(weights: Path | str, folder: Path, split: int) -> Answers:
    """A model's poses of all test frames, under JHMDB's names, the belly between shoulders and hips."""
    clips = VideoClips(jhmdb.NAME, jhmdb.SKELETON, jhmdb.videos(folder, f"test{split}"))
    people = Renamed(clips, NAMES)
    found = answer(load(weights, device="cpu").predictor, people, batch=32)
    belly = [people.skeleton.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")]
    xy = found.xy.copy()
    xy[:, people.skeleton.index("belly")] = xy[:, belly].mean(axis=1)
    back = renamed(people.skeleton, {new: old for old, new in NAMES.items()})
    assert back.joints == JHMDB_15.joints
    return dataclasses.replace(found, xy=xy, skeleton=back)


def figures(weights: Path | str, folder: Path, split: int) -> dict[str, list[float]]:
    """Percentages of one model by measure: the groups of joints, then the mean over joints."""
    result = score(answers(weights, folder, split))
    box, torso = result.by_size["box"], result.by_size["torso"]
    found = {f"box @{threshold:g}": (box, place) for place, threshold in enumerate(THRESHOLDS)}
    found["torso @0.2"] = torso, THRESHOLDS.index(0.2)
    percent = {
        name: [100 * float(share) for share in (*pck.groups[place], pck.mean_joints[place])]
        for name, (pck, place) in found.items()
    }
    return percent | {"samples": [result.samples]}


def photographs(weights: Path | str, folder: Path) -> dict[str, list[float]]:
    """Percentages of one model on LSP-extended: tight-box PCK of all labelled joints."""
    result = score(answer(load(weights, device="cpu").predictor, LSPExtended(folder, "heldout"), batch=32))
    return {"tight": [100 * share for share in result.by_size["tight"].mean_points], "samples": [result.samples]}


def command(run: Path) -> tuple[str, int | None]:
    """What made a run, without folders and seed, and the seed; of bundled weights their name."""
    if not run.is_dir():
        return f"`{run}` as it ships", None
    made = yaml.safe_load((run / "config.yaml").read_text())
    plain = json.loads(json.dumps(dataclasses.asdict(finetune.config()), default=str))
    passed = {
        *("out", "data.folder", "train.seed"),
        *(f"train.{name}" for name in ("threads", "workers", "log_every", "checkpoint_every")),
    }
    changed = [
        f"--{name.replace('_', '-')} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in _leaves(made)
        if name not in passed and value != _at(plain, name)
    ]
    told = " ".join(["chronopose train finetune", *changed, "--data.folder FOLDER --train.seed SEED"])
    return f"`{told}`", made["train"]["seed"]


def _leaves(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def _at(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def remembered(kept: Path, weights: Path | str, what: str, measure: Any) -> dict[str, list[float]]:
    """What was measured of these very weights before, or is measured now."""
    known = json.loads(kept.read_text()) if kept.is_file() else {}
    key = f"{what} {hashlib.sha256(locate(weights).read_bytes()).hexdigest()[:16]}"
    if key not in known:
        known[key] = measure()
        with replacing(kept) as partial:
            partial.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    found: dict[str, list[float]] = known[key]
    return found


def _several(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1f}"


def _columns(measured: Sequence[dict[str, list[float]]], key: str) -> list[str]:
    return [_several(column) for column in np.array([one[key] for one in measured]).T.tolist()]


def pairs(numbered: Numbered) -> list[str]:
    """Rows against rows with the same seeds, which stand for the order of the data and what is drawn at random."""
    rows = []
    for (first, (_, ones)), (second, (_, others)) in combinations(numbered, 2):
        left, right = ({seed: found for seed, found, _ in several if seed is not None} for several in (ones, others))
        seeds = sorted(left.keys() & right.keys())
        if len(seeds) < 2:
            continue
        for measure in MEASURES:
            apart = [left[seed][measure][-1] - right[seed][measure][-1] for seed in seeds]
            mean = f"{statistics.mean(apart):+.2f} ± {statistics.stdev(apart):.2f}"
            rows.append([f"{first} less {second}", measure, " ".join(f"{one:+.2f}" for one in apart), mean])
    if not rows:
        return []
    return ["\n## Seed by seed, mean of all joints\n", table("| rows | PCK | each seed | mean |", rows)]


def page(arguments: argparse.Namespace) -> str:
    """The whole page."""
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    kept = arguments.work / "results.json"
    groups: dict[str, list[Measured]] = {}
    for run in arguments.runs:
        made, seed = command(run)
        print(f"{run.name}: {made}", file=sys.stderr, flush=True)
        what = f"jhmdb split {arguments.split}"
        one = remembered(kept, run, what, lambda run=run: figures(run, arguments.jhmdb, arguments.split))
        groups.setdefault(made, []).append((seed, one, run))
    numbered = list(enumerate(groups.items(), start=1))
    seeds = {len(measured) for measured in groups.values()}
    counted = f"{min(seeds)} seeds" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)} seeds, see the commands"
    samples = next(iter(groups.values()))[0][1]["samples"][0]
    parts = [
        "# Results on real video\n",
        f"`python benchmarks/results.py --work FOLDER --jhmdb FOLDER --split {arguments.split} --lspet FOLDER "
        "--runs RUN ...`\n",
        ABOUT.format(split=arguments.split, samples=samples, seeds=counted.replace("1 seeds", "one seed")),
        *(
            f"{row}. {made}"
            + "".join(
                f"{', ' if place else '; seeds '}{seed}"
                for place, (seed, *_) in enumerate(measured)
                if seed is not None
            )
            for row, (made, measured) in numbered
        ),
    ]
    for measure in MEASURES:
        head = f"| row | {' | '.join(name.capitalize() for name in GROUPS)} | mean |"
        rows = [[row, *_columns([one for _, one, _ in measured], measure)] for row, (_, measured) in numbered]
        parts += [f"\n## PCK, {measure}\n", table(head, rows)]
    parts += [*pairs(numbered), "", LITERATURE]
    if arguments.lspet:
        stills = [
            (row, remembered(kept, run, "lspet", lambda run=run: photographs(run, arguments.lspet)))
            for row, (_, ((_, _, run), *_)) in numbered
        ]
        parts += [
            "## LSP-extended, held-out photographs\n",
            f"{stills[0][1]['samples'][0]:,} persons; labelled joints within a share of the tight box's longer side.\n",
            table(
                "| row | @0.2 | @0.1 | @0.05 |",
                [[row, *(f"{value:.1f}" for value in one["tight"])] for row, one in stills],
            ),
        ]
    return "\n".join(parts)


def main(given: Sequence[str] | None = None) -> int:
    """Prints and writes the page; 1 where an input is at fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--jhmdb", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--split", type=int, default=1)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--lspet", type=Path, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    return written(page, parser.parse_args(given))


if __name__ == "__main__":
    sys.exit(main())
