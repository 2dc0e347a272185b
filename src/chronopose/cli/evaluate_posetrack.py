"""`chronopose eval posetrack17|18|21`: the official figures of a folder of predictions."""

import json as json_format
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from chronopose.cli.progress import bar

if TYPE_CHECKING:
    from chronopose.evaluation.posetrack import PoseTrackScore, Year
    from chronopose.metrics.posetrack import Table

Truth = Annotated[Path, Parameter(help="Folder of official label files, one JSON file for each sequence.")]
Predictions = Annotated[Path, Parameter(help="Folder of prediction files of the same names.")]
Sequences = Annotated[bool, Parameter(negative=(), help="Also the figures of each sequence.")]
Printed = Annotated[bool, Parameter(negative=(), help="MOTP as poseval prints it today: too low, and wrong.")]
Json = Annotated[bool, Parameter(negative=(), help="Print a JSON object; percentages, NaN is null.")]

_ROWS = {
    "ap": "AP",
    "precision": "Precision",
    "recall": "Recall",
    "mota": "MOTA",
    "motp": "MOTP",
    "mot_precision": "MOT precision",
    "mot_recall": "MOT recall",
}


def posetrack17(
    *, gt: Truth, pred: Predictions, sequences: Sequences = False, poseval_motp: Printed = False, json: Json = False
) -> None:
    """Score predictions by the rules of PoseTrack17: AP, MOTA and MOTP."""
    _run(gt, pred, 17, sequences, poseval_motp, json)


def posetrack18(
    *, gt: Truth, pred: Predictions, sequences: Sequences = False, poseval_motp: Printed = False, json: Json = False
) -> None:
    """Score predictions by the rules of PoseTrack18, which are those of PoseTrack17."""
    _run(gt, pred, 18, sequences, poseval_motp, json)


def posetrack21(
    *, gt: Truth, pred: Predictions, sequences: Sequences = False, poseval_motp: Printed = False, json: Json = False
) -> None:
    """Score predictions by the rules of PoseTrack21: AP and keypoint-HOTA, and MOTA as in PoseTrack18."""
    _run(gt, pred, 21, sequences, poseval_motp, json)


def _run(truth: Path, predictions: Path, year: "Year", sequences: bool, poseval_motp: bool, json: bool) -> None:
    from chronopose.evaluation.posetrack import evaluate, with_poseval_motp

    with bar("judging sequences", len(list(truth.glob("*.json")))) as line:
        score = evaluate(truth, predictions, year, workers=min(os.cpu_count() or 1, 8), progress=line.advance)
    if poseval_motp:
        score = with_poseval_motp(score)
    if json:
        each = {"sequences": {name: as_json(one) for name, one in score.sequences.items()}} if sequences else {}
        print(json_format.dumps(as_json(score) | each, allow_nan=False))
        return
    print(describe(score))
    if sequences:
        print(f"\n{by_sequence(score)}")


def as_json(score: "PoseTrackScore") -> dict[str, Any]:
    """The tables as plain values, percentages, NaN as None."""
    figures: dict[str, Any] = {name: _plain(table) for name, table in score.tables.items()}
    if score.hota:
        parts = {name: _plain(table) | {"total": score.hota_totals[name]} for name, table in score.hota.items()}
        figures["hota"] = parts.pop("HOTA") | {"parts": parts}
    return {"frames": score.frames} | figures


def describe(score: "PoseTrackScore") -> str:
    """The table as papers print it, in percent."""
    from chronopose.metrics.posetrack import GROUPS
    from chronopose.metrics.text import aligned

    tables = {_ROWS[name]: table for name, table in score.tables.items()} | score.hota
    rows = [
        [name, *(_percent(value) for value in (*table.groups.values(), table.mean))] for name, table in tables.items()
    ]
    return f"{len(score.sequences)} sequences, {score.frames} frames\n{aligned([['', *GROUPS, 'Total'], *rows])}"


def by_sequence(score: "PoseTrackScore") -> str:
    """A line for each sequence: frames, and the means over the joints."""
    from chronopose.metrics.text import aligned

    shown = [name for name in ("ap", "mota", "motp") if name in score.tables]
    extra = [name for name in ("HOTA", "FA-HOTA") if name in score.hota]
    rows = [
        [
            name,
            str(one.frames),
            *(_percent(one.tables[key].mean) for key in shown),
            *(_percent(one.hota[key].mean) for key in extra),
        ]
        for name, one in score.sequences.items()
    ]
    return aligned([["sequence", "frames", *(_ROWS[key] for key in shown), *extra], *rows])


def _plain(table: "Table") -> dict[str, Any]:
    from chronopose.metrics.posetrack import JOINTS

    return {
        "joints": {joint: _number(value) for joint, value in zip(JOINTS, table.joints)},
        "groups": {name: _number(value) for name, value in table.groups.items()},
        "mean": _number(table.mean),
    }


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _percent(value: float) -> str:
    return "-" if value != value else f"{value:.1f}"
