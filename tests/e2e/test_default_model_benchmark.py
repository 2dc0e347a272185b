"""The benchmark of the default models on tiny folders: its figures are those of `evaluation`, its subsets add up."""

import importlib
import io
import json
import re
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from chronopose.core.skeleton import COCO_17, LSP_14, POSETRACK_15
from chronopose.data.coco import CocoPeople
from chronopose.data.rendered import RenderedClips
from chronopose.evaluation.persons import answer, score
from chronopose.formats import weights_file
from chronopose.formats.shards import ClipRecord, shard_path, write_shard
from chronopose.inference.predictor import Predictor
from chronopose.layers.backbone import BackboneConfig
from chronopose.models import checkpoint
from chronopose.models.dsta import DSTA, DSTAConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "default_model.py"


def tiny_model(offsets: tuple[int, ...], seed: int = 0) -> DSTA:
    torch.manual_seed(seed)
    backbone = BackboneConfig(name="mobilenetv4_conv_small_050")
    return DSTA(DSTAConfig(backbone=backbone, height=64, width=48, jfd="integral_fc", offsets=offsets)).eval()


def pose(rng: np.random.Generator, joints: int) -> np.ndarray:
    return rng.uniform([20, 15], [70, 75], (joints, 2)).astype(np.float32)


def write_lspet(folder: Path, rng: np.random.Generator) -> Path:
    (folder / "images").mkdir(parents=True)
    for number in range(1, 31):
        pixels = rng.integers(0, 256, (90, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number:05d}.jpg")
    names = np.array(["neck" if joint == "head_bottom" else joint for joint in LSP_14.joints])
    xy = np.stack([pose(rng, 14) for _ in range(30)])
    np.savez(folder / "joints.npz", image=np.arange(1, 31), xy=xy, names=names)
    return folder


def write_persons(folder: Path, rng: np.random.Generator) -> Path:
    (folder / "images").mkdir(parents=True)
    annotations = []
    for image in range(3):
        Image.fromarray(rng.integers(0, 256, (120, 100, 3), dtype=np.uint8)).save(folder / "images" / f"{image}.jpg")
        for height in (40, 110):
            triples = np.concatenate([pose(rng, 17), np.full((17, 1), 2)], axis=1)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": image,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": [15, 5, 60, height],
                    "keypoints": triples.reshape(-1).tolist(),
                }
            )
    value = {
        "images": [{"id": image, "file_name": f"{image}.jpg"} for image in range(3)],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
    }
    (folder / "persons.json").write_text(json.dumps(value))
    return folder


def write_clips(folder: Path, rng: np.random.Generator) -> Path:
    """Four clips of one person: joint 0 outside, 1 to 3 hidden (1 always), 4 blurred, the others just seen."""
    folder.mkdir()
    visible = np.full((5, 1, 15), 2, dtype=np.uint8)
    visible[:, :, 0] = 0
    visible[:, :, 1] = 1
    visible[2, :, 2:4] = 1
    blur = np.zeros((5, 1, 15), dtype=np.float32)
    blur[:, :, [1, 4]] = 40
    records = [
        ClipRecord(
            number=number,
            frames=rng.integers(0, 256, (5, 80, 96, 3), dtype=np.uint8),
            fps=25.0,
            key=2,
            joints=POSETRACK_15.joints,
            xy=np.tile(pose(rng, 15), (5, 1, 1, 1)),
            visible=visible,
            boxes=np.tile(np.array([15, 10, 75, 78], dtype=np.float32), (5, 1, 1)),
            seen=np.ones((5, 1), dtype=np.float32),
            blur=blur,
            motions=("standing",),
        )
        for number in range(4)
    ]
    write_shard(shard_path(folder, 0), records, {"made": "up"})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("benchmark"), np.random.default_rng(0)
    write_lspet(root / "lspet", rng)
    write_persons(root / "persons", rng)
    write_clips(root / "clips", rng)
    card = weights_file.Card(data="nothing", licence="none")
    checkpoint.save(tiny_model((-2, -1, 0, 1, 2)), root / "window.safetensors", card)
    checkpoint.save(tiny_model((0,), seed=1), root / "alone.safetensors", card)
    return root


class Done(NamedTuple):
    """What a run of the script left behind."""

    code: int
    printed: str
    complaint: str


def run(folders: Path, *flags: str) -> Done:
    """The script's `main`, without the seconds that another interpreter takes to import torch."""
    printed, complaint = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(complaint):
        patch.syspath_prepend(str(SCRIPT.parent))
        try:
            code = importlib.import_module(SCRIPT.stem).main(["--pose", str(folders / "window.safetensors"), *flags])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Done(code, printed.getvalue(), complaint.getvalue())


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = text.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line[:1] == "|"][
        2:
    ]


def value(cell: str) -> float:
    return float(cell.split(" ", 1)[0])


@pytest.fixture(scope="module")
def text(folders: Path) -> str:
    data = ("--lspet", "lspet", "--real-persons", "persons", "--rendered", "clips")
    paths = [flag if flag.startswith("--") else str(folders / flag) for flag in data]
    done = run(folders, *paths, "--out", str(folders / "page.md"))
    assert done.code == 0, done.complaint
    assert (folders / "page.md").read_text() == done.printed
    return done.printed


def test_the_figures_are_those_of_the_evaluation(folders: Path, text: str) -> None:
    rows = {(row[0], row[1], row[4]): row for row in rows_of(text, "Accuracy")}
    model = Predictor(checkpoint.load(folders / "window.safetensors").model, "cpu")  # type: ignore[arg-type]
    wanted = score(answer(model, CocoPeople(folders / "persons"))).by_size["tight"]
    for measure, share in zip(("PCK@0.2", "PCK@0.1"), wanted.mean_points):
        assert value(rows["real_persons", "all", measure][5]) == pytest.approx(share, abs=0.0006)
    assert int(rows["real_persons", "all", "PCK@0.2"][3]) == wanted.counts.sum() == 6 * 13
    clips = RenderedClips(folders / "clips")
    counted = np.stack([clips.visibility(index) == 2 for index in range(len(clips))])
    answers = answer(model, clips)
    answers.truth[:, 0] = np.nan  # outside the frame
    share = score(answers, counted).by_size["tight"].mean_points[1]
    assert value(rows["rendered", "visible", "PCK@0.1"][5]) == pytest.approx(share, abs=0.0006)


def test_joints_are_sorted_by_what_can_be_seen_of_them(text: str) -> None:
    points = {row[1]: int(row[3]) for row in rows_of(text, "Accuracy") if row[0] == "rendered" and row[4] == "PCK@0.1"}
    late = "occluded, but seen in another frame of the window"
    assert points == {"all": 4 * 14, "visible": 4 * 11, "occluded": 4 * 3, late: 4 * 2, "visible, blurred": 4}


def test_photographs_give_the_same_network_nothing_from_its_window(text: str) -> None:
    for row in rows_of(text, "Accuracy"):
        if row[0] != "rendered":
            assert value(row[5]) == value(row[6]) and value(row[7]) == 0
    assert "the same network, shown the key frame in every place of its window" in text


def test_the_frames_around_change_the_answer_of_clips(text: str) -> None:
    rows = [row for row in rows_of(text, "Calibration") if row[:2] == ["rendered", "all"]]
    assert rows[0][2:6] != rows[0][6:10]


def test_the_goals_are_judged_and_no_path_of_this_machine_is_printed(folders: Path, text: str) -> None:
    verdicts = [row[3] for row in rows_of(text, "Goals")]
    assert len(verdicts) == 7 and set(verdicts) <= {"**met**", "not met", ""}
    assert re.search(r"pose: window \([0-9a-f]{12}\), offsets -2 -1 0 1 2, 48 x 64 px", text)
    assert str(folders) not in text
    detector = rows_of(text, "Detector")
    assert [row[1] for row in detector if row[2] == "0.5"] == ["6", "3"]


def test_a_network_of_its_own_stands_in_for_the_single_frame(folders: Path) -> None:
    flags = ("--single", str(folders / "alone.safetensors"), "--limit", "2", "--out", str(folders / "few.md"))
    done = run(folders, "--real-persons", str(folders / "persons"), *flags)
    assert done.code == 0, done.complaint
    assert "alone (" in done.printed and "offsets 0, a network of its own" in done.printed
    row = rows_of(done.printed, "Accuracy")[0]
    model = Predictor(checkpoint.load(folders / "alone.safetensors").model, "cpu")  # type: ignore[arg-type]
    share = score(answer(model, CocoPeople(folders / "persons"), limit=2)).by_size["tight"].mean_points[0]
    assert value(row[6]) == pytest.approx(share, abs=0.0006)
    assert row[2] == "2" and "the first 2 persons and pictures only" in done.printed
    verdicts = {row[0]: row[3] for row in rows_of(done.printed, "Goals")}
    assert verdicts["PCK@0.2 on LSP-extended"] == "not measured"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "nothing to measure"),
        (("--lspet", "nowhere"), r"nowhere: no joints\.npz there"),
        (("--rendered", "nowhere"), "nowhere: no such folder"),
        (("--rendered", "nowhere", "--limit", "0"), "--limit must be at least 1"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(folders: Path, flags: Sequence[str], message: str) -> None:
    done = run(folders, *flags, "--out", str(folders / "none.md"))
    assert done.code != 0 and not (folders / "none.md").exists()
    assert re.search(message, done.complaint.splitlines()[-1])
