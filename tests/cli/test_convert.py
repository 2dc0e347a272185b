"""`convert` changes the format and nothing else; `relabel` changes the ids and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.core.types import PoseSequence
from chronopose.data.synthetic import SyntheticConfig, truth


@pytest.fixture(scope="module")
def poses() -> PoseSequence:
    """Two persons in each of 8 frames."""
    return truth(SyntheticConfig(seed=1, frames=8, width=128, height=96, people=(2, 2), motions=("waving",)), 0)


def ids(sequence: PoseSequence) -> list[list[int | None]]:
    return [[pose.track_id for pose in frame.poses] for frame in sequence]


@pytest.mark.parametrize("ending", ["csv", "coco.json", "posetrack.json"])
def test_there_and_back_again_is_the_same(
    ending: str, poses: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(poses, tmp_path / "a.parquet")
    assert run(["convert", str(tmp_path / "a.parquet"), str(tmp_path / f"b.{ending}")]) == 0
    assert run(["convert", str(tmp_path / f"b.{ending}"), str(tmp_path / "c.parquet")]) == 0
    lines = [f"wrote {tmp_path / name}: 8 frames, 16 poses" for name in (f"b.{ending}", "c.parquet")]
    assert capsys.readouterr().out.splitlines() == lines
    back = formats.read(tmp_path / "c.parquet")
    assert ids(back) == ids(poses)
    for mine, theirs in zip(back, poses, strict=True):
        for a, b in zip(mine.poses, theirs.poses, strict=True):
            assert a.skeleton.joints == b.skeleton.joints
            np.testing.assert_allclose(a.xy, b.xy, atol=1e-3)
            np.testing.assert_allclose(a.box, b.box, atol=1e-3)


def test_openpose_keeps_the_joints_it_knows(poses: PoseSequence, tmp_path: Path) -> None:
    formats.write(poses, tmp_path / "a.parquet")
    assert run(["convert", str(tmp_path / "a.parquet"), str(tmp_path / "b.openpose")]) == 0
    assert len(list((tmp_path / "b.openpose").iterdir())) == 8
    back = formats.read(tmp_path / "b.openpose")
    mine, theirs = (one.frames[2].poses[0].xy[one.skeleton.index("left_ankle")] for one in (back, poses))
    np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_the_format_may_be_named_where_the_ending_does_not_say_it(poses: PoseSequence, tmp_path: Path) -> None:
    formats.write(poses, tmp_path / "a.csv")
    assert run(["convert", str(tmp_path / "a.csv"), str(tmp_path / "b.json"), "--to", "posetrack"]) == 0
    assert ids(formats.read(tmp_path / "b.json")) == ids(poses)


def test_an_unknown_format_or_none_writes_nothing(
    poses: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(poses, tmp_path / "a.csv")
    assert run(["convert", str(tmp_path / "a.csv"), str(tmp_path / "b.bvh")]) == 1
    assert run(["convert", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--to", "bvh"]) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 2 and "no format of poses is called 'bvh'" in told.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


def test_a_folder_that_is_not_there_is_named(
    poses: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(poses, tmp_path / "a.csv")
    assert run(["convert", str(tmp_path / "a.csv"), str(tmp_path / "new" / "b.csv")]) == 1
    assert f"there is no folder {tmp_path / 'new'}" in capsys.readouterr().err


def test_relabel_gives_the_ids_back_to_poses_that_lost_them(
    poses: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    mixed = replace(
        poses,
        frames=tuple(
            replace(
                frame, poses=tuple(replace(frame.poses[i], track_id=int(rng.integers(99))) for i in rng.permutation(2))
            )
            for frame in poses
        ),
    )
    formats.write(mixed, tmp_path / "mixed.parquet")
    assert run(["relabel", str(tmp_path / "mixed.parquet"), str(tmp_path / "named.coco.json")]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'named.coco.json'}: 8 frames, 2 persons\n"
    named = formats.read(tmp_path / "named.coco.json")
    first = {pose.track_id: pose.box for pose in named.frames[0].poses}
    assert set(first) == {0, 1}
    for frame in named:  # people who wave stay where they are
        for pose in frame.poses:
            far = [np.abs(pose.box - box).max() for _, box in sorted(first.items(), key=lambda item: item[0] or 0)]
            assert pose.track_id == int(np.argmin(far))


def test_relabel_forgets_a_person_after_the_patience_asked_for(poses: PoseSequence, tmp_path: Path) -> None:
    gone = replace(
        poses, frames=tuple(replace(frame, poses=() if 2 <= frame.frame <= 5 else frame.poses[:1]) for frame in poses)
    )
    formats.write(gone, tmp_path / "gone.parquet")
    for patience, wanted in (("10", 1), ("2", 2)):
        target = tmp_path / f"after{patience}.csv"
        assert run(["relabel", str(tmp_path / "gone.parquet"), str(target), "--patience", patience]) == 0
        assert len(formats.read(target).tracks) == wanted


def test_a_patience_below_zero_is_refused(
    poses: PoseSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.write(poses, tmp_path / "a.csv")
    assert run(["relabel", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "--patience", "-1"]) == 1
    assert "patience must be at least 0 frames, got -1" in capsys.readouterr().err
