"""What the demo says of the window and of sigma, and that it compares like with like."""

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np

from chronopose import formats
from chronopose.cli.demo import change, comparison, without_window
from chronopose.core.skeleton import SKELETONS
from chronopose.evaluation.persons import Answers
from chronopose.video.reader import open_video
from chronopose.video.writer import VideoWriter

FILES = Path(str(resources.files("chronopose"))) / "demo"


def test_the_figures_are_those_of_the_answers() -> None:
    skeleton = SKELETONS["posetrack-15"]
    shape = (4, len(skeleton))
    visible = np.ones(shape, dtype=bool)
    visible[:2, :5] = False
    window = Answers(
        skeleton=skeleton,
        xy=np.zeros((*shape, 2)),
        sigma=np.where(visible, 2.0, 3.5)[..., None].repeat(2, axis=-1),
        truth=np.zeros((*shape, 2)),
        visible=visible,
        box=np.tile([0.0, 0.0, 100.0, 50.0], (4, 1)),
    )
    # Hidden joints are 12.7 px off; a tenth of the box is 10.
    single = replace(window, xy=np.where(visible, 0.0, 9.0)[..., None].repeat(2, axis=-1))
    lines = comparison(window, single).splitlines()
    assert lines[0].split()[-4:] == ["hidden", "same", "in", "sight"]
    assert lines[1].split()[-4:] == ["100.0", "%", "100.0", "%"] and "before and after" in lines[1]
    assert lines[2].split()[-4:] == ["0.0", "%", "100.0", "%"] and "key frame alone" in lines[2]
    assert lines[3] == "where a limb is hidden, sigma grows from 2.0 to 3.5 px"


def test_sigma_that_does_not_grow_is_not_said_to() -> None:
    assert change(4.0, 3.0) == "shrinks from 4.0 to 3.0 px"
    assert change(4.01, 4.02) == "stays at 4.0 px"


def test_the_ablation_answers_for_the_same_persons_in_the_same_boxes(tmp_path: Path) -> None:
    whole = formats.read(FILES / "crossing.parquet")
    with open_video(FILES / "crossing.mp4") as video:
        frames = [frame for frame, _ in zip(video, range(4))]
    with VideoWriter(tmp_path / "short.mp4", whole.info.width, whole.info.height, whole.info.fps) as writer:
        for frame in frames:
            writer.write(frame.pixels, frame.time_s)
    truth = replace(whole, frames=(*whole.frames[:3], replace(whole.frames[3], poses=())))
    single = without_window(tmp_path / "short.mp4", truth)
    assert [frame.frame for frame in single] == [0, 1, 2, 3] and not single.frames[3].poses
    for mine, theirs in zip(single, truth):
        assert [pose.track_id for pose in mine.poses] == [pose.track_id for pose in theirs.poses]
        for a, b in zip(mine.poses, theirs.poses):
            np.testing.assert_array_equal(a.box, b.box)
