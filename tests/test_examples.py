"""Every example runs and prints what it promises."""

import dataclasses
import importlib.util
import os
from importlib import resources
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from chronopose import formats
from chronopose.data.rendered import joint_order
from chronopose.formats.shards import ClipRecord, shard_path, write_shard
from chronopose.synth.assets import read_assets
from chronopose.synth.film import Studio
from chronopose.synth.labels import JOINTS, joint_paths
from chronopose.synth.ranges import SceneConfig
from chronopose.synth.scene import Crew, plan
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter
from tests.synth.studio import renderer
from tests.synth.tiny import tiny_assets

FOLDER = Path(__file__).parent.parent / "examples"
DEMO = Path(str(resources.files("chronopose"))) / "demo"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_example_is_left_out() -> None:
    tested = {"predict_video", "stream_frames", "plain_module", "render_demo_clip", "look_at_clips"}
    assert {file.stem for file in FOLDER.glob("*.py")} == tested


def test_predict_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_video(DEMO / "crossing.mp4") as video, VideoWriter(tmp_path / "start.mp4", 640, 360, 25.0) as writer:
        for frame, _ in zip(video, range(12)):
            writer.write(frame.pixels, frame.time_s)
    example("predict_video").main(str(tmp_path / "start.mp4"))
    assert capsys.readouterr().out.startswith("12 frames of 640 x 360")


def test_stream_frames(capsys: pytest.CaptureFixture[str]) -> None:
    example("stream_frames").main(frames=5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0", "1", "2", "3", "4"]


def test_plain_module(capsys: pytest.CaptureFixture[str]) -> None:
    example("plain_module").main()
    out = capsys.readouterr().out
    assert "joints (2, 1, 15, 2), sigma (2, 1, 15, 2), tokens (6, 15, 32)" in out
    assert float(out.split("differ by")[1].split()[0]) < 1e-3


def test_look_at_clips(tmp_path: Path) -> None:
    with renderer():
        assets = tiny_assets(tmp_path / "assets")
    config = SceneConfig(split="all", frames=1, width=64, height=48, people=(1, 1), truncated=0.0, occluded=0.0)
    with Studio(assets, config) as studio:
        write_shard(shard_path(tmp_path, 0), [studio.clip(number) for number in range(3)], {})
    example("look_at_clips").main(tmp_path, tmp_path / "sheet.png", columns=2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    gap = 6
    assert sheet.shape == (3 * 96 + 4 * gap, 2 * 128 + 3 * gap, 3)
    plain, painted = sheet[gap : gap + 96, gap : gap + 128], sheet[gap : gap + 96, 128 + 2 * gap : 256 + 2 * gap]
    changed = (plain != painted).any(-1).mean()
    assert 0.005 < changed < 0.6  # a skeleton and a box, and the rest as it was


def test_the_demo_clip_is_rendered_with_its_truth_beside_it(tmp_path: Path) -> None:
    script = example("render_demo_clip")
    with renderer():  # skips where there is nothing to draw with
        assets = tiny_assets(tmp_path / "assets")
    config = dataclasses.replace(script.CONFIG, frames=6, width=160, height=96)
    script.main(assets, tmp_path, config)
    assert_truth_fits(tmp_path, config)


def test_the_clip_that_ships_is_of_the_size_its_script_renders() -> None:
    config = example("render_demo_clip").CONFIG
    assert (config.frames, config.fps) == (250, (25.0, 25.0))  # ten seconds
    assert_truth_fits(DEMO, config)
    hidden = ~np.load(DEMO / "crossing.visible.npy")
    assert hidden.all(axis=-1).any(), "somebody is wholly hidden at times"
    assert 0.1 < hidden.mean() < 0.6
    assert (DEMO / "crossing.mp4").stat().st_size < 2e6


def test_joints_outside_the_picture_are_unknown_and_boxes_end_at_its_edge(tmp_path: Path) -> None:
    script = example("render_demo_clip")
    joints = script.SKELETON.joints
    xy = np.tile(np.array([5.0, 5.0], np.float32), (1, 2, len(joints), 1))
    xy[0, 0, 3], xy[0, 1] = (-4.0, 5.0), (70.0, 5.0)
    inside = xy[..., 0] > 0
    inside[0, 1] = False
    seen = inside.astype(np.uint8) * 2
    seen[0, 0, 4] = 1
    clip = ClipRecord(
        number=0, frames=np.zeros((1, 48, 64, 3), np.uint8), fps=25.0, key=0, joints=joints, xy=xy, visible=seen,
        boxes=np.array([[[-5, 1, 9, 9], [65, 1, 79, 9]]], np.float32), seen=np.ones((1, 2), np.float32),
        blur=np.zeros(seen.shape, np.float32), motions=("walk", "walk"),
    )  # fmt: skip
    (only,) = script.truth(clip).frames[0].poses  # the second person is outside
    np.testing.assert_array_equal(np.isnan(only.xy).all(axis=-1), ~inside[0, 0])
    np.testing.assert_array_equal(only.score, inside[0, 0])
    np.testing.assert_array_equal(only.box, [-0.5, 1, 9, 9])
    np.testing.assert_array_equal(script.visibility(clip), seen == 2)


@pytest.mark.data
def test_the_clip_that_ships_is_what_its_script_renders() -> None:
    script = example("render_demo_clip")
    crew = Crew(read_assets(Path(os.environ["CHRONOPOSE_DATA"]) / "people_assets"), script.CONFIG.split)
    scene = plan(script.CONFIG, crew, 0)
    paths = [joint_paths(crew.body, person.shape, person.matrices) for person in scene.people]
    order = joint_order(script.SKELETON, JOINTS)
    for frame in formats.read(DEMO / "crossing.parquet").frames[::50]:
        for pose in frame.poses:
            again, _ = scene.cameras[frame.frame].project(paths[pose.track_id][frame.frame])
            known = pose.score > 0
            np.testing.assert_allclose(pose.xy[known], again[order][known], atol=0.01)


def assert_truth_fits(folder: Path, config: SceneConfig) -> None:
    """The files of a rendered clip fit each other: the same frames, persons, joints and size."""
    truth, visible = formats.read(folder / "crossing.parquet"), np.load(folder / "crossing.visible.npy")
    with open_video(folder / "crossing.mp4") as video:
        assert (video.info.width, video.info.height) == (config.width, config.height)
        assert [frame.index for frame in video] == [frame.frame for frame in truth] == list(range(config.frames))
    assert (truth.info.width, truth.info.height, truth.info.fps) == (config.width, config.height, config.fps[0])
    assert visible.dtype == bool and visible.shape == (config.frames, config.people[0], len(truth.skeleton))
    for frame in truth:
        for pose in frame.poses:
            np.testing.assert_array_equal(pose.score > 0, ~np.isnan(pose.xy[:, 0]))
            assert not (visible[frame.frame, pose.track_id] & (pose.score == 0)).any()
            assert (pose.box >= -0.5).all() and (pose.box[2:] <= np.array([config.width, config.height]) - 0.5).all()
