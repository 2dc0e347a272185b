"""The weights that ship with the package: the demo, the defaults, and that they are better than not looking."""

import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from chronopose import formats
from chronopose.cli.__main__ import run
from chronopose.clips.contract import moving_of
from chronopose.clips.moving import Moving
from chronopose.core.types import Floats, Frame
from chronopose.data.synthetic import SyntheticConfig, render_clip, truth
from chronopose.formats import weights_file
from chronopose.inference.estimator import load
from chronopose.inference.predictor import Predictor
from chronopose.inference.stream import PoseStream, StreamConfig
from chronopose.metrics.pck import pck, tight_box_size
from chronopose.runtimes.in_torch import TorchRuntime
from chronopose.tracking.detector import BoxFile
from chronopose.video.writer import VideoWriter

SHIPPED = ("dsta-small", "ftp-small", "listpose-small", "person-small")


def test_the_models_ship_in_under_16_mb_each() -> None:
    sizes = {name: path.stat().st_size for name, path in weights_file.bundled().items()}
    assert set(sizes) == set(SHIPPED)
    assert max(sizes.values()) < 16e6


@pytest.mark.parametrize("name", SHIPPED)
def test_a_bundled_model_says_what_it_was_trained_on(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "info", name, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["name"] == name
    assert not row["data"].startswith("none")
    assert row["licence"] and row["data_licence"]


def test_the_doctor_misses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == {}


def test_the_default_model_shows_frames_before_and_after() -> None:
    spec = load().model.spec
    assert min(spec.offsets) < 0 < max(spec.offsets)


def test_tokens_moved_to_the_key_frames_box_answer_nearly_as_crops_cut_with_it() -> None:
    # Two or three people walk past each other; anchors are renewed every few frames.
    config = SyntheticConfig(seed=2000, frames=24, width=640, height=360, people=(2, 3), motions=("crossing",))
    frames = [Frame(i, i / config.fps, picture) for i, picture in enumerate(render_clip(config, 0).frames)]
    boxes = BoxFile(
        {
            frame.frame: (
                np.array([pose.box for pose in frame.poses]),
                np.ones(len(frame.poses)),
                np.array([pose.track_id for pose in frame.poses]),
            )
            for frame in truth(config, 0)
        }
    )
    model = load(backend="torch").model
    moving = moving_of(model)
    assert moving is not None
    unmoved = Moving(np.zeros_like(moving.generators))

    def joints(crop: Literal["exact", "locked"], way: Moving | None = None) -> tuple[Floats, Floats, int]:
        runtime = TorchRuntime(model, moving=way)
        stream = PoseStream(Predictor(runtime), boxes, StreamConfig(crop=crop))
        poses = [pose for answer in stream.over(frames) for pose in answer.poses]
        size = np.array([(pose.box[2:] - pose.box[:2]).max() for pose in poses])
        return np.stack([pose.xy for pose in poses]), size, stream.encoded

    exact, size, crops = joints("exact")
    apart = {}
    for name, way in (("moved", moving), ("as they are", unmoved)):
        xy, _, encoded = joints("locked", way)
        assert encoded == len(xy)  # each person once in each frame
        apart[name] = float((np.linalg.norm(xy - exact, axis=-1).mean(axis=1) / size).mean())
    assert crops > 4.5 * len(exact)
    assert apart["moved"] < 0.02  # of the person's size
    assert apart["moved"] < 0.65 * apart["as they are"]


def test_the_demo_finds_the_persons_of_its_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "-o", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["crossing.poses.mp4", "crossing.poses.parquet"]
    line = re.search(r"against the truth: found (\d+) of (\d+) persons .*PCK@0.2 ([\d.]+) %", told)
    assert line is not None, told
    # Three people who hide each other most of the time; the weights of 0.1 found 315 of 750, PCK@0.2 92 %.
    assert int(line[2]) == 750
    assert int(line[1]) > 0.3 * int(line[2])
    assert float(line[3]) > 75
    # What the window and sigma are worth is for the weights to show, so these hold that it is said.
    for shown in ("with the frames before and after", "with the key frame alone"):
        shares = re.search(rf"{shown} +([\d.]+) % +([\d.]+) %", told)
        assert shares is not None and float(shares[1]) > 35 and float(shares[2]) > 35, told
    assert re.search(r"where a limb is hidden, sigma (grows|shrinks|stays) .* px", told), told
    assert f"open {tmp_path / 'crossing.poses.mp4'}" in told
    assert run(["demo", "-o", str(tmp_path)]) == 0  # again, over the results of before


@pytest.mark.parametrize("model", ["dsta-small", "listpose-small"])
def test_a_video_of_ones_own_needs_few_flags(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = SyntheticConfig(
        seed=4, frames=12, width=320, height=240, people=(1, 1), occluders=(0, 0), motions=("waving",)
    )
    with VideoWriter(tmp_path / "wave.mp4", 320, 240, 25.0) as writer:
        for index, picture in enumerate(render_clip(config, 0).frames):
            writer.write(picture, index / 25)
    assert run(["predict", str(tmp_path / "wave.mp4"), "--model", model, "-o", str(tmp_path)]) == 0
    assert "12 frames" in capsys.readouterr().out
    answered, true = formats.read(tmp_path / "wave.poses.parquet"), truth(config, 0)
    pairs = [(mine.poses[0], theirs.poses[0]) for mine, theirs in zip(answered, true) if mine.poses]
    assert len(pairs) >= 10, "the person is alone in the picture and seen in nearly every frame"
    found, wanted = (np.stack([pair[side].xy for pair in pairs]) for side in (0, 1))
    labelled = ~np.isnan(wanted[..., 0])
    result = pck(found, wanted, labelled, tight_box_size(wanted), (0.2,), true.skeleton)
    assert result.mean_points[0] > 0.7


def test_the_default_model_beats_the_mean_pose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--limit", "24", "--baseline", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    model, mean = (found[name]["pck"]["tight"]["0.2"]["mean_points"] for name in ("dsta-small", "mean pose"))
    assert model > mean + 0.2


def test_sigma_is_neither_far_too_small_nor_far_too_large(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "--limit", "24", "--json"]) == 0
    inside = json.loads(capsys.readouterr().out)["dsta-small"]["inside_one_sigma"]
    assert 0.4 < inside < 0.9
    assert np.isfinite(inside)
