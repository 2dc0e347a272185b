"""Cases that the official PoseTrack tool has scored (poseval 4258a157, motmetrics 1.4.0) have the same figures here.

A case is a folder of `gt/*.json`, `pred/*.json` and `official.json`. One made by hand lies beside this file; others,
with coordinates of real people, are read from the folder named by CHRONOPOSE_POSEVAL.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chronopose.evaluation.posetrack import PoseTrackScore, evaluate
from chronopose.metrics.clear_mot import mot
from chronopose.metrics.posetrack import Table

AP_COUNTS = {"num_gt": "truths", "num_pred": "found", "num_tp": "right"}
MOT_COUNTS = {
    "num_objects": "truths",
    "num_detections": "pairs",
    "num_switches": "switches",
    "num_misses": "misses",
    "num_false_positives": "extra",
    "sum_dist_matched": "distance",
}


def same(found: Any, official: list[float | None]) -> None:
    wanted = [np.nan if value is None else value for value in official]
    np.testing.assert_allclose(np.asarray(found, dtype=np.float64), wanted, rtol=0, atol=1e-6)


def with_mean(table: Table) -> list[float]:
    return [*table.joints, table.mean]


def with_groups(table: Table) -> list[float]:
    return [*table.groups.values(), table.mean]


def check(case: Path) -> None:
    official = json.loads((case / "official.json").read_text())
    result = evaluate(case / "gt", case / "pred", 17 if official["format"] == "pt17" else 18)
    check_ap(result, official["pose_ap"])
    if official["tracking"]:
        check_mot(result, official["tracking_mot"])
    for name, figures in official["per_sequence"].items():
        for key, values in figures.items():
            same(with_mean(result.sequences[name].tables[key]), values)


def check_ap(result: PoseTrackScore, official: dict[str, Any]) -> None:
    for name in ("ap", "precision", "recall"):
        same(with_mean(result.tables[name]), official[name])
    same(with_groups(result.tables["ap"]), official["ap_groups"])
    assert result.frames == official["ap_counts"]["frames_evaluated"]
    for theirs, ours in AP_COUNTS.items():
        same(getattr(result, ours), official["ap_counts"][theirs])


def check_mot(result: PoseTrackScore, official: dict[str, Any]) -> None:
    for ours, theirs in (("mota", "mota"), ("motp", "motp"), ("mot_precision", "precision"), ("mot_recall", "recall")):
        same(with_mean(result.tables[ours]), official[theirs])
    same(with_groups(result.tables["mota"]), official["mota_groups"])
    printed = mot(result.tracked, as_printed=True)["motp"]
    same(with_mean(printed), official["motp_as_printed_motmetrics_1_4_0"])
    for theirs, ours in MOT_COUNTS.items():
        same(getattr(result.tracked, ours), official["counts"][theirs])


def test_edges_made_by_hand() -> None:
    check(Path(__file__).parent / "posetrack")


@pytest.mark.data
def test_real_people() -> None:
    cases = sorted(path.parent for path in Path(os.environ["CHRONOPOSE_POSEVAL"]).glob("*/official.json"))
    assert cases
    for case in cases:
        check(case)
