"""The papers' ablation tables, retrained small on drawn people, and whether their claims hold there.

Run: python benchmarks/ablations.py --work FOLDER [--only TABLE ...] [--seeds 3] [--steps N] [--jobs 2] [--out FILE]

Finished runs are kept in FOLDER/results.jsonl, so the same command goes on where it was cut short. FILE (without it
standard output) gets the tables of the rows of which all seeds are finished; --report writes them without training.
The settings are those of `chronopose train ablation/NAME`.
"""

import argparse
import dataclasses
import hashlib
import json
import logging
import math
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_tables import CLIPS, TABLES, Comparison, Table

from chronopose.core.files import replacing
from chronopose.models import checkpoint
from chronopose.models.complexity import complexity
from chronopose.recipes import ablation
from chronopose.recipes.ablation_clips import held_out, hidden_for_a_moment, size_px
from chronopose.training.sampler import collate
from chronopose.training.trainer import train

WITHIN = 0.1  # of the longer side of the person's box
BATCH = 50
LEAST_NOISE = 0.5
JOINTS = ("all", "in sight", "hidden")

Results = dict[str, dict[int, dict[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training: a variant from one seed, in the folder of all."""

    variant: str
    seed: int
    steps: int | None
    work: Path
    features: str | None = None

    def config(self) -> ablation.Config:
        """The recipe's settings with this seed."""
        config = ablation.config(self.variant)
        steps = config.train.steps if self.steps is None else self.steps
        train = replace(config.train, seed=self.seed, steps=steps, checkpoint_every=steps)
        return replace(config, kept=self.work, train=train, features=self.features or config.features)

    @property
    def folder(self) -> Path:
        """Of the weights."""
        return self.work / "runs" / f"{self.variant}-{self.seed}"

    @property
    def digest(self) -> str:
        """Of all settings: a result belongs to these alone."""
        config = self.config()
        # What the weights are counts, not what their file is called.
        named = replace(config, kept=None, features=ablation.config(self.variant).features)
        settings = [dataclasses.asdict(named), ablation.fingerprint(config), CLIPS]
        told = json.dumps(settings, sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def perform(run: Run) -> dict[str, Any]:
    """Trains and judges one run."""
    torch.set_num_threads(1)
    began, config = time.process_time(), run.config()
    shutil.rmtree(run.folder, ignore_errors=True)
    torch.manual_seed(run.seed)
    model, loss, data = ablation.build(config)

    def save(trained: Any, path: Path) -> None:
        checkpoint.save(trained, path, ablation.card(config))

    train(config.train, config.optim, model=model, loss=loss, data=data, out=run.folder, save=save, resume=False)
    shutil.rmtree(run.folder / "checkpoints")
    learned: Any = checkpoint.load(run.folder).model
    seconds, cost = time.process_time() - began, complexity(learned)
    frames = 1 if learned.spec.recurrent else len(learned.spec.offsets)
    return {
        "variant": run.variant,
        "seed": run.seed,
        "digest": run.digest,
        "pck": judged(learned, config),
        "parameters": cost.parameters,
        "mega_macs": (frames * cost.macs_encode_per_frame + cost.macs_fuse_per_window) / 1e6,
        "seconds": seconds,
    }


@torch.inference_mode()
def judged(model: Any, config: ablation.Config) -> dict[str, float]:
    """PCK of the held-out clips in per cent."""
    clips = held_out(config.people, CLIPS, config.kept)
    data = ablation.data_of(model, config, clips, None)
    size = np.array([size_px(clips.clip(index, (0,)).box, model.spec) for index in range(len(clips))])
    near, known = [], []
    for start in range(0, len(clips), BATCH):
        numbers = range(start, min(start + BATCH, len(clips)))
        batch = collate([data.sample(number, np.random.default_rng(0)) for number in numbers])
        answer = model.eval()(batch.pixels).xy_crop[:, model.spec.answer].numpy()
        distance = np.linalg.norm(answer - batch.xy_crop[:, model.spec.answer].numpy(), axis=-1)
        near.append(distance <= WITHIN * size[numbers, None])
        known.append(batch.weight[:, model.spec.answer].numpy() > 0)
    right, there = np.concatenate(near), np.concatenate(known)
    sight, hidden = hidden_for_a_moment(clips)
    parts = {"all": there, "in sight": there & sight, "hidden": there & hidden}
    return {name: 100 * float(right[part].mean()) for name, part in parts.items()}


def finished(runs: Sequence[Run], file: Path) -> Results:
    """Results on disk that belong to the settings of today."""
    wanted = {(run.variant, run.seed): run.digest for run in runs}
    found: Results = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        result = json.loads(line)
        if wanted.get((result["variant"], result["seed"])) == result["digest"]:
            found.setdefault(result["variant"], {})[result["seed"]] = result
    return found


def plan(tables: Sequence[Table], seeds: int, steps: int | None, work: Path, features: str | None = None) -> list[Run]:
    """All runs table by table, seeds innermost; no run twice."""
    variants = dict.fromkeys(row.variant for table in tables for row in table.rows)
    return [
        Run(variant=name, seed=seed, steps=steps, work=work, features=features)
        for name in variants
        for seed in range(seeds)
    ]


def performed(runs: Sequence[Run], jobs: int) -> Iterator[dict[str, Any]]:
    """Results in the order of the runs."""
    if jobs == 1:
        yield from map(perform, runs)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(perform, runs)


def shown(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def difference(comparison: Comparison, results: Results, joints: str) -> tuple[float, float]:
    """How much better the one side is than the other, in points, and what counts as noise."""
    total, variance = 0.0, 0.0
    for names, sign in ((comparison.better, 1), (comparison.than, -1)):
        for name in names:
            values = [result["pck"][joints] for result in results[name].values()]
            total += sign * statistics.mean(values)
            variance += statistics.variance(values) / len(values) if len(values) > 1 else math.inf
    return total, max(2 * math.sqrt(variance), LEAST_NOISE)


def verdict(gain: float, noise: float, claimed: float | None) -> str:
    """Whether a difference has the sign that the paper says; without a claim, which way it goes."""
    if abs(gain) <= noise:
        return "within noise"
    if claimed is None:
        return "better" if gain > 0 else "worse"
    return "yes" if gain * claimed > 0 else "no"


def table_text(table: Table, results: Results, steps: int | None) -> list[str]:
    """One table and its claims, finished rows alone."""
    rows = [row for row in table.rows if row.variant in results]
    lengths = sorted({ablation.VARIANTS[row.variant].steps if steps is None else steps for row in table.rows})
    lines = [f"## {table.title}", "", f"{table.about} {' or '.join(map(str, lengths))} steps.", ""]
    lines += [f"| `ablation/` | | paper, {table.unit} | parameters | MMAC | all joints | in sight | hidden |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for row in rows:
        runs = list(results[row.variant].values())
        cells = [shown([run["pck"][joints] for run in runs]) for joints in JOINTS]
        paper = "" if row.paper is None else f"{row.paper:.1f}"
        about = ablation.VARIANTS[row.variant].about
        cost = f"{runs[0]['parameters']:,} | {runs[0]['mega_macs']:.1f}"
        lines.append(f"| {row.variant} | {about} | {paper} | {cost} | {' | '.join(cells)} |")
    if left := [row.variant for row in table.rows if row.variant not in results]:
        lines += ["", f"Not run yet: {', '.join(left)}."]
    figures = {row.variant: row.paper for row in table.rows}
    made = [one for one in table.comparisons if all(name in results for name in (*one.better, *one.than))]
    if made:
        lines += [
            "",
            "| claim | paper | all joints | reproduced? | hidden | reproduced? |",
            "|---|---|---|---|---|---|",
        ]
    for one in made:
        claimed = one.claimed(figures)
        cells = []
        for joints in ("all", "hidden"):
            gain, noise = difference(one, results, joints)
            cells += [f"{gain:+.1f} (noise {noise:.1f})", verdict(gain, noise, claimed)]
        paper = one.paper(figures)
        lines.append(f"| {one.text} | {paper} | {' | '.join(cells)} |")
    return [*lines, ""]


def report(
    tables: Sequence[Table], results: Results, seeds: int, steps: int | None, work: Path, features: str | None = None
) -> str:
    """The whole page."""
    complete = {name: by_seed for name, by_seed in results.items() if len(by_seed) >= seeds}
    config = ablation.config("dsta-std")
    clips = held_out(config.people, CLIPS, work)
    sight, hidden = hidden_for_a_moment(clips)
    seconds = sum(result["seconds"] for by_seed in complete.values() for result in by_seed.values())
    shown_steps = "" if steps is None else f" --steps {steps}"
    own_steps = "" if steps is None else f" Here every run has {steps} steps."
    bundled, used = (
        ablation.fingerprint(one) for one in (config, replace(config, features=features or config.features))
    )
    whose = f"the bundled {config.features}" if used == bundled else f"weights other than {config.features} as it ships"
    shown_features = "" if used == bundled else " --features FILE"
    trunk, crop = config.model.backbone, f"{config.model.height} x {config.model.width}"
    text = [
        "# The papers' ablations, small",
        "",
        f"`python benchmarks/ablations.py --work FOLDER --seeds {seeds}{shown_steps}{shown_features}`, written by that"
        " script;"
        f" {seconds / 60:.0f} minutes of one CPU core for the training of the rows below.",
        "",
        f"The networks are those of the papers with few blocks, on crops of {crop} pixels. All start from the backbone"
        f" of {whose} ({trunk.name}; sha256 {used[:16]}), as the papers start from pre-trained ones; unless a table"
        " says otherwise it stays as it is, its maps are computed once, and variants differ in what they make of the"
        f" same maps; steps are of {config.train.batch_size} windows. They learn from"
        f" {config.people.clips:,} clips of people drawn by code, in front of whom something passes by or stands for a"
        " while; settings are those of `chronopose train ablation/NAME`." + own_steps,
        "",
        f"Judged are {len(clips)} clips of another seed, the same for all, in which two things hide joints of the key"
        ' frame: PCK@0.1 of the person\'s box. "In sight" are the'
        f' {int(sight.sum()):,} joints that the key frame shows, "hidden" the {int(hidden.sum()):,} that it hides and'
        ' the frame before or after it shows, "all" these and those that are hidden throughout. Figures are means and'
        f" standard deviations over {seeds} seeds, which change the first weights and the order of the clips.",
        "",
        "**Reproduced?** A difference counts as noise where it is at most two standard errors (from the standard"
        f' deviations over seeds) or {LEAST_NOISE} points, whichever is more; beyond that it is "yes" with the sign'
        ' of the paper\'s difference and "no" with the other. Where the paper makes no such comparison, the column'
        " says which way it goes. What holds for small networks on drawn people need not hold for large ones on"
        " photographs, and the other way round: the papers' figures are AP on PoseTrack17, of one run each.",
        "",
    ]
    for table in tables:
        if any(row.variant in complete for row in table.rows):
            text += table_text(table, complete, steps)
    return "\n".join(text).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of clips, weights and results")
    parser.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=None, help="of every run, instead of the recipe's")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--features", default=None, help="weights to start from, instead of the bundled ones")
    parser.add_argument("--report", action="store_true", help="write the tables of what is finished")
    given = parser.parse_args()
    logging.disable(logging.INFO)
    tables = [TABLES[name] for name in given.only]
    given.work.mkdir(parents=True, exist_ok=True)
    file = given.work / "results.jsonl"
    runs = plan(tables, given.seeds, given.steps, given.work, given.features)
    results = finished(runs, file)

    def write() -> None:
        text = report(tables, results, given.seeds, given.steps, given.work, given.features)
        if given.out is None:
            print(text, end="")
            return
        with replacing(given.out) as waiting:
            waiting.write_text(text)

    missing = [run for run in runs if run.seed not in results.get(run.variant, {})]
    for run, result in zip(missing, performed([] if given.report else missing, given.jobs)):
        results.setdefault(run.variant, {})[run.seed] = result
        with file.open("a") as log:
            log.write(json.dumps(result) + "\n")
        figures = ", ".join(f"{name} {result['pck'][name]:.1f}" for name in JOINTS)
        print(f"{run.variant} {run.seed}: {figures}; {result['seconds']:.0f} s", file=sys.stderr, flush=True)
    write()


if __name__ == "__main__":
    main()
