"""What the default models do on data they have not seen, and whether the goals set for them are met.

    python benchmarks/default_model.py --lspet FOLDER --real-persons FOLDER --rendered FOLDER

LSPET holds LSP-extended (`joints.npz`, `images/`), REAL_PERSONS COCO keypoints (`persons.json`, `images/`), RENDERED
the clips that `chronopose synth --split heldout` writes. What is not given is not measured. Each data set is judged in
one pass. Prints the page and writes it, by default to benchmarks/default_model.md.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import passes
import torch
from numpy.typing import NDArray
from passes import FAR, TALL_PX, Array, Judged, Mask, Networks

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.data.coco import CocoPeople
from chronopose.formats import weights_file
from chronopose.inference.estimator import load
from chronopose.metrics import bootstrap, calibration
from chronopose.metrics.detection import Found, total
from chronopose.metrics.pck import correct_joints, tight_box_size, torso_size
from chronopose.models import checkpoint
from chronopose.runtimes.in_torch import TorchPersons
from chronopose.tracking.person import PersonDetector
from chronopose.tracking.tracker import TrackerConfig

SCORES = (TrackerConfig().low_score, 0.3, TrackerConfig().high_score, TrackerConfig().new_score)
MEASURES = {"PCK@0.2": ("tight", 0.2), "PCK@0.1": ("tight", 0.1), "torso PCK@0.2": ("torso", 0.2)}
# The goals set for these models.
LEAST_LSP = {"PCK@0.2": 0.75, "PCK@0.1": 0.50}
LEAST_RECALL, LEAST_GAIN, INSIDE = 0.80, 0.08, (0.60, 0.76)

ABOUT_ACCURACY = f"""
Share of the joints within 0.2 or 0.1 of the longer side of the tight box around the labelled joints, or within 0.2 of
the distance from left shoulder to right hip where both are labelled; of all joints that have a label and that the model
knows. In brackets the 95 % interval, pictures (or clips) drawn with replacement; that of the gain is of the difference
itself. Mean pose: of LSP-extended's training part there, elsewhere of the very persons judged, which flatters it.
Blurred: moves by {100 * FAR:.0f} % of the person's size or more during the exposure. Rendered joints outside the
frame have no label. Photographs are clips without motion: there the same network gains nothing from its window.
"""
ABOUT_SIGMA = """
By coordinate; a normal error has 68 % inside one sigma and a calibration error of 0. The factor is what sigma would
have to be multiplied with for 68 %. Median sigma in percent of the person's size.
"""
ABOUT_DETECTOR = """
Right is an overlap of at least one half. Crowds, and for tall persons the others, count neither way.
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A share of so many points, or a difference of two, with its 95 % interval."""

    value: float
    low: float
    high: float
    points: int
    signed: bool = False

    def __str__(self) -> str:
        if not self.points:
            return "-"
        sign = "+" if self.signed else ""
        return f"{self.value:{sign}.3f} ({self.low:{sign}.3f} to {self.high:{sign}.3f})"


def figure(hits: Array, counts: Array, group: NDArray[np.int64], signed: bool = False) -> Figure:
    """Hits (N,) over counts (N,) of N persons in groups (N,)."""
    above, below = bootstrap.by_group(hits, group), bootstrap.by_group(counts, group)
    low, high = bootstrap.interval(above, below, np.random.default_rng(0))
    value = above.sum() / below.sum() if below.sum() else float("nan")
    return Figure(value=float(value), low=low, high=high, points=int(below.sum()), signed=signed)


def accuracy(one: Judged, counted: Mask, size: str, threshold: float) -> dict[str, Figure]:
    """PCK of every answer, and under "gain" that of the model less that of its single-frame ablation."""
    sizes = tight_box_size(one.truth) if size == "tight" else torso_size(one.truth, one.skeleton)
    hits: dict[str, Array] = {}
    for name, xy in one.xy.items():
        correct, was_judged = correct_joints(xy, one.truth, counted & one.known, sizes, [threshold], one.skeleton)
        hits[name], counts = correct[0].sum(axis=1).astype(np.float64), was_judged.sum(axis=1).astype(np.float64)
    found = {name: figure(values, counts, one.group) for name, values in hits.items()}
    return found | {"gain": figure(hits["model"] - hits["single"], counts, one.group, signed=True)}


def deviations(one: Judged, counted: Mask, answer: str) -> Array:
    """(M,) errors in predicted sigmas of one answer; none where it has no sigma."""
    sigma = one.sigma[answer]
    if sigma is None:
        return np.zeros(0)
    return calibration.deviations(one.xy[answer] - one.truth, sigma, counted & one.known)


@dataclass(frozen=True, eq=False)
class Results:
    """All that is on the page.

    Attributes:
        sets: the data sets by name, as judged.
        accuracy: by data set, joints and measure, the figures of `accuracy`.
        detector: by "all" or "tall" and by least score, what was found in every picture; empty if not measured.
    """

    sets: dict[str, Judged]
    accuracy: dict[tuple[str, str, str], dict[str, Figure]]
    detector: dict[tuple[str, float], list[Found]]


def measured(arguments: argparse.Namespace, networks: Networks, limit: int | None) -> Results:
    """Looks at every data set that is given."""
    sets: dict[str, Judged] = {}
    found: dict[tuple[str, float], list[Found]] = {}
    if arguments.lspet:
        sets["LSP-extended"] = passes.lspet(arguments.lspet, networks, limit)
    if arguments.real_persons:
        people = CocoPeople(arguments.real_persons)
        sets["real_persons"] = passes.real_persons(people, networks, limit)
        persons = TorchPersons(checkpoint.load(arguments.detector).model, networks.model.device)
        found = passes.detected(people, PersonDetector(persons, score=min(SCORES)), SCORES, limit)
    if arguments.rendered:
        sets["rendered"] = passes.rendered(arguments.rendered, networks, limit)
    scores = {
        (name, joints, measure): accuracy(one, counted, *how)
        for name, one in sets.items()
        for joints, counted in one.joints.items()
        for measure, how in MEASURES.items()
    }
    return Results(sets, scores, found)


def table(head: str, rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown; `head` has its columns between bars."""
    lines = [head, "|---" * (head.count("|") - 1) + "|", *(f"| {' | '.join(map(str, row))} |" for row in rows), ""]
    return "\n".join(lines)


def accuracy_table(results: Results) -> str:
    """Every figure with its single-frame ablation beside it."""
    rows = [
        [name, joints, len(results.sets[name].truth), found["model"].points, measure]
        + [found[answer] for answer in ("model", "single", "gain", "mean")]
        for (name, joints, measure), found in results.accuracy.items()
    ]
    return table("| data | joints | persons | points | measure | model | single frame | gain | mean pose |", rows)


def calibration_table(results: Results) -> str:
    """How right sigma is, and how large."""
    rows = [
        [name, joints, *_calibration(one, counted, "model"), *_calibration(one, counted, "single")]
        for name, one in results.sets.items()
        for joints, counted in one.joints.items()
    ]
    columns = "inside one sigma | calibration error | factor | median sigma"
    return table(f"| data | joints | {columns} | single frame: {columns} |", rows)


def _calibration(one: Judged, counted: Mask, answer: str) -> list[str]:
    off, sigma = deviations(one, counted, answer), one.sigma[answer]
    if sigma is None or not off.size:
        return ["-"] * 4
    spread = (sigma.mean(axis=-1) / tight_box_size(one.truth)[:, None])[counted & one.known]
    return [
        f"{100 * calibration.share_inside(off):.0f} %",
        f"{calibration.calibration_error(off):.3f}",
        f"{calibration.correcting_factor(off):.2f}",
        f"{100 * np.median(spread):.1f} %",
    ]


def recall(pictures: list[Found]) -> Figure:
    """Persons found of those that were there."""
    right, there = np.array([(one.right, one.persons) for one in pictures], dtype=np.float64).T
    return figure(right, there, np.arange(len(pictures)))


def precision(pictures: list[Found]) -> Figure:
    """Right detections of those that count."""
    right, all_of_them = np.array([(one.right, one.right + one.wrong) for one in pictures], dtype=np.float64).T
    return figure(right, all_of_them, np.arange(len(pictures)))


def detector_table(results: Results) -> str:
    """Recall and precision at several least scores."""
    names = {"all": "all", "tall": f"{TALL_PX:.0f} px high and more"}
    rows = [
        [names[which], total(pictures).persons, least, recall(pictures), precision(pictures)]
        for (which, least), pictures in results.detector.items()
    ]
    return table("| persons | number | least score | recall | precision |", rows)


def goals_table(results: Results) -> str:
    """The goals beside the figures: met or not."""
    rows: list[tuple[str, str, object, bool | None]] = []

    def least(goal: str, wanted: float, found: Figure | None) -> None:
        met = found.value >= wanted if found is not None and found.points else None
        rows.append((goal, f"at least {wanted:.2f}", "-" if found is None else found, met))

    def answer(name: str, joints: str, measure: str, kind: str) -> Figure | None:
        return results.accuracy.get((name, joints, measure), {}).get(kind)

    for measure, wanted in LEAST_LSP.items():
        least(f"{measure} on LSP-extended", wanted, answer("LSP-extended", "all", measure, "model"))
    score = TrackerConfig().high_score
    tall = results.detector.get(("tall", score))
    least(
        f"detector's recall of persons {TALL_PX:.0f} px high and more, score {score:g}",
        LEAST_RECALL,
        recall(tall) if tall else None,
    )
    for joints in (passes.OCCLUDED, passes.OCCLUDED_SEEN):
        gain = answer("rendered", joints, "PCK@0.1", "gain")
        least(f"gain in PCK@0.1 over the single frame, rendered, {joints}", LEAST_GAIN, gain)
    for name, judged in ((name, name == "rendered") for name in ("rendered", "LSP-extended")):
        one = results.sets.get(name)
        off = deviations(one, one.joints["all"], "model") if one else np.zeros(0)
        share = calibration.share_inside(off)
        wanted_share = f"{100 * INSIDE[0]:.0f} to {100 * INSIDE[1]:.0f} %" if judged else "no goal"
        met = INSIDE[0] <= share <= INSIDE[1] if judged and off.size else None
        rows.append(
            (f"coordinates inside one sigma, {name}", wanted_share, f"{100 * share:.0f} %" if off.size else "-", met)
        )
    verdicts = {True: "**met**", False: "not met", None: ""}
    return table(
        "| goal | wanted | figure | |",
        [[*row, verdicts[met] if row[2] != "-" else "not measured"] for *row, met in rows],
    )


def page(arguments: argparse.Namespace) -> str:
    """The whole page."""
    torch.set_num_threads(1)
    pose = load(arguments.pose, device=arguments.device)
    single = load(arguments.single, device=arguments.device) if arguments.single else None
    networks = Networks(pose.predictor, single.predictor if single else None)
    limit: int | None = arguments.limit
    with torch.inference_mode():
        results = measured(arguments, networks, limit)
    spec = pose.predictor.spec
    ablation = "the same network, shown the key frame in every place of its window"
    if single:
        ablation = (
            f"{identity(arguments.single)}, offsets {listed(single.predictor.spec.offsets)}, a network of its own"
        )
    few = f", **of each data set the first {limit} persons and pictures only**" if limit is not None else ""
    parts = [
        f"""# The default models

`python benchmarks/default_model.py --lspet FOLDER --real-persons FOLDER --rendered FOLDER`{few}

- pose: {identity(arguments.pose)}, offsets {listed(spec.offsets)}, {spec.width} x {spec.height} px
- single frame: {ablation}
- detector: {identity(arguments.detector)}
""",
        f"## Goals\n\n{goals_table(results)}",
        f"## Accuracy, boxes given\n{ABOUT_ACCURACY}\n{accuracy_table(results)}",
        f"## Calibration of sigma\n{ABOUT_SIGMA}\n{calibration_table(results)}",
    ]
    if results.detector:
        parts.append(f"## Detector on real_persons\n{ABOUT_DETECTOR}\n{detector_table(results)}")
    return "\n".join(parts)


def identity(weights: str) -> str:
    """A name that says which weights they are, on any machine."""
    file = weights_file.locate(weights)
    return f"{file.stem} ({hashlib.sha256(file.read_bytes()).hexdigest()[:12]})"


def listed(offsets: Sequence[int]) -> str:
    return " ".join(map(str, offsets))


def parsed(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--lspet", "--real-persons", "--rendered"):
        parser.add_argument(name, type=Path, metavar="FOLDER")
    parser.add_argument("--pose", default="dsta-small", help="bundled name, file or run folder")
    parser.add_argument("--detector", default="person-small", help="bundled name, file or run folder")
    parser.add_argument("--single", help="weights trained on single frames; else the same network sees the key frame")
    parser.add_argument("--limit", type=int, help="judge the first so many persons and pictures of each data set only")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args(given)
    if not (arguments.lspet or arguments.real_persons or arguments.rendered):
        parser.error("nothing to measure: give at least one folder")
    if arguments.limit is not None and arguments.limit < 1:
        parser.error("--limit must be at least 1")
    return arguments


def main(given: Sequence[str] | None = None) -> int:
    """Prints and writes the page; 1 where an input is at fault."""
    return written(page, parsed(given))


def written(page: Callable[[argparse.Namespace], str], arguments: argparse.Namespace) -> int:
    """Prints a page and writes it to `arguments.out`; 1 where an input is at fault."""
    try:
        text = page(arguments)
        with replacing(arguments.out) as waiting:
            waiting.write_text(text, encoding="utf-8")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
