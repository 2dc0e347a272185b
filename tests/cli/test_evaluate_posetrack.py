"""`eval posetrack17|18|21` prints what the library finds, as text and as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from chronopose.cli.__main__ import run
from chronopose.evaluation.posetrack import evaluate
from chronopose.metrics.posetrack import GROUPS, JOINTS
from tests.evaluation.posetrack_folders import images, scored, standing, write

TABLES = ["ap", "precision", "recall", "mota", "motp", "mot_precision", "mot_recall"]


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Two persons in three frames; the second is found in the first two frames only, by two ids."""
    truth = [[standing(100 + t, track_id=0), standing(400 + t, track_id=1)] for t in range(3)]
    found = [
        [scored(standing(103, track_id=5), 0.9), scored(standing(400, track_id=6), 0.8)],
        [scored(standing(104, track_id=5), 0.9), scored(standing(401, track_id=7), 0.8)],
        [scored(standing(105, track_id=5), 0.9), scored(standing(800, track_id=7), 0.95)],
    ]
    write(tmp_path / "truth", images(truth, labelled=[True] * 3))
    write(tmp_path / "found", images(found))
    return ["--gt", str(tmp_path / "truth"), "--pred", str(tmp_path / "found")]


def test_json(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "posetrack18", *folders, "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    figures = json.loads(told.out)
    assert list(figures) == ["frames", *TABLES] and figures["frames"] == 3
    wanted = evaluate(folders[1], folders[3], 18)
    for name in TABLES:
        assert list(figures[name]) == ["joints", "groups", "mean"]
        assert list(figures[name]["joints"]) == list(JOINTS) and list(figures[name]["groups"]) == list(GROUPS)
        np.testing.assert_allclose(list(figures[name]["joints"].values()), wanted.tables[name].joints)
        assert figures[name]["mean"] == pytest.approx(wanted.tables[name].mean)
    assert figures["ap"]["groups"]["Head"] == pytest.approx(100 * 5 / 6 * 5 / 6)  # wrong, then five of six right
    assert figures["mota"]["mean"] == 75  # of 4 in the two frames that are tracked, one changes its id


def test_hota_for_2021_and_every_sequence(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "posetrack21", *folders, "--json", "--sequences"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert list(figures) == ["frames", *TABLES, "hota", "sequences"]
    assert list(figures["hota"]) == ["joints", "groups", "mean", "total", "parts"]
    assert {"FA-HOTA", "DetA", "AssA", "LocA", "FragA"} <= set(figures["hota"]["parts"])
    assert list(figures["hota"]["parts"]["DetA"]) == ["joints", "groups", "mean", "total"]
    hota = evaluate(folders[1], folders[3], 21).hota["HOTA"]
    np.testing.assert_allclose(list(figures["hota"]["joints"].values()), hota.joints)
    one = figures["sequences"]["000042_mpii_test"]
    assert one == {key: value for key, value in figures.items() if key != "sequences"}


def test_todays_motp_of_poseval_on_request(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for flags in ([], ["--poseval-motp"]):
        assert run(["eval", "posetrack18", *folders, "--sequences", "--json", *flags]) == 0
        told.append(json.loads(capsys.readouterr().out))
    right, printed = told
    assert printed["motp"]["mean"] < right["motp"]["mean"]  # an id changes, and its distances are added twice
    assert printed["sequences"]["000042_mpii_test"]["motp"] == printed["motp"]
    assert printed["mota"] == right["mota"] and printed["ap"] == right["ap"]


def test_what_is_unknown_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only = standing(100, x_y_v={"nose": (0, 0, 0)})
    write(tmp_path / "truth", images([[only]]))
    write(tmp_path / "found", images([[scored(standing(100), 1)]]))
    command = ["eval", "posetrack18", "--gt", str(tmp_path / "truth"), "--pred", str(tmp_path / "found")]
    assert run([*command, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["ap"]["joints"]["nose"] is None and figures["ap"]["groups"]["Head"] is None
    assert figures["mota"]["mean"] is None and figures["ap"]["mean"] == 100
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["AP", "-", *["100.0"] * 7]


def test_the_table_of_the_papers(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "posetrack17", *folders, "--sequences"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 sequences, 3 frames"
    assert lines[1].split() == ["Head", "Shou", "Elb", "Wri", "Hip", "Knee", "Ankl", "Total"]
    assert [line.split()[0] for line in lines[2:7]] == ["AP", "Precision", "Recall", "MOTA", "MOTP"]
    assert lines[5].split() == ["MOTA", *["75.0"] * 8]
    assert lines[-2].split() == ["sequence", "frames", "AP", "MOTA", "MOTP"]
    assert lines[-1].split()[:4] == ["000042_mpii_test", "3", "69.4", "75.0"]


def test_a_mistake_is_one_line(folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "found" / "000042_mpii_test.json").unlink()
    assert run(["eval", "posetrack18", *folders]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert "found/000042_mpii_test.json: no such file" in told.err
    assert run(["eval", "posetrack18", "--gt", str(tmp_path / "truth")]) == 1
    assert "--pred" in capsys.readouterr().err
