"""A video's score is perfect for the truth itself, and counts each kind of mistake as what it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence
from chronopose.data.synthetic import SyntheticConfig, truth
from chronopose.evaluation.persons import answer, score
from chronopose.evaluation.sight import by_sight
from chronopose.evaluation.videos import by_video, compare, found_persons, matches
from chronopose.metrics.conventions import BOX, THRESHOLDS
from tests.evaluation.drawn import as_data, middle, walking


@pytest.fixture(scope="module")
def video() -> PoseSequence:
    """Two persons in each of 10 frames."""
    return truth(SyntheticConfig(seed=1, frames=10, width=128, height=96, people=(2, 2), motions=("waving",)), 0)


def changed(video: PoseSequence, frame: int, poses: tuple[Pose, ...]) -> PoseSequence:
    frames = list(video.frames)
    frames[frame] = replace(frames[frame], poses=poses)
    return replace(video, frames=tuple(frames))


def test_the_truth_against_itself_is_perfect(video: PoseSequence) -> None:
    result = compare(video, video)
    assert (result.persons, result.found, result.extra, result.switches) == (20, 20, 0, 0)
    np.testing.assert_array_equal(result.pck.mean_points, [1.0] * len(THRESHOLDS))


def test_the_order_of_persons_and_the_numbers_of_their_ids_do_not_matter(video: PoseSequence) -> None:
    renamed = tuple(
        replace(frame, poses=tuple(replace(pose, track_id=70 - (pose.track_id or 0)) for pose in frame.poses[::-1]))
        for frame in video
    )
    result = compare(replace(video, frames=renamed), video)
    assert (result.found, result.extra, result.switches) == (20, 0, 0)
    assert result.pck.mean_points[-1] == 1.0


def test_exchanged_ids_are_counted_as_switches(video: PoseSequence) -> None:
    a, b = video.frames[4].poses
    once = changed(video, 4, (replace(a, track_id=b.track_id), replace(b, track_id=a.track_id)))
    assert compare(once, video).switches == 4  # both persons, there and back
    for_good = video
    for frame in range(4, 10):
        a, b = video.frames[frame].poses
        for_good = changed(for_good, frame, (replace(a, track_id=b.track_id), replace(b, track_id=a.track_id)))
    assert compare(for_good, video).switches == 2


def test_an_id_lost_for_some_frames_and_kept_is_no_switch(video: PoseSequence) -> None:
    gone = changed(changed(video, 4, video.frames[4].poses[:1]), 5, ())
    result = compare(gone, video)
    assert (result.persons, result.found, result.extra, result.switches) == (20, 17, 0, 0)


def test_truth_without_ids_has_no_switches(video: PoseSequence) -> None:
    nameless = replace(
        video,
        frames=tuple(replace(f, poses=tuple(replace(p, track_id=None) for p in f.poses)) for f in video),
    )
    assert compare(video, nameless).switches == 0


def test_persons_who_are_not_there_are_extra(video: PoseSequence) -> None:
    ghost = video.frames[4].poses[0]
    away = replace(ghost, xy=ghost.xy + 500, box=ghost.box + 500, track_id=9)
    twice = replace(ghost, track_id=8)  # the same person found twice counts once
    result = compare(changed(video, 4, (*video.frames[4].poses, away, twice)), video)
    assert (result.persons, result.found, result.extra, result.switches) == (20, 20, 2, 0)


def box_pose(video: PoseSequence, box: tuple[float, float, float, float], track: int) -> Pose:
    return replace(video.frames[0].poses[0], box=np.array(box, np.float32), track_id=track)


def test_a_good_match_is_not_given_up_for_two_that_do_not_count(video: PoseSequence) -> None:
    # The first overlaps its person by 0.72 and the other by 0.49, the second that person by 0.48: 0.97 in sum is more.
    true = (box_pose(video, (0, 0, 10, 10), 0), box_pose(video, (5, 0, 15, 10), 1))
    mine = (box_pose(video, (1.6, 0, 11.6, 10), 0), box_pose(video, (-3.5, 0, 6.5, 10), 1))
    wanted, found = changed(video, 0, true), changed(video, 0, mine)
    result = compare(found, wanted)
    assert (result.found, result.extra) == (18 + 1, 1)


def test_joints_are_compared_by_name_and_only_those_that_both_know(video: PoseSequence) -> None:
    def as_coco(pose: Pose) -> Pose:
        xy, known = COCO_17.gather(pose.xy, pose.skeleton), COCO_17.gather(pose.score[:, None], pose.skeleton)
        return replace(pose, skeleton=COCO_17, xy=xy, score=np.nan_to_num(known[:, 0]))

    frames = tuple(replace(frame, poses=tuple(map(as_coco, frame.poses))) for frame in video)
    result = compare(replace(video, skeleton=COCO_17, frames=frames), video)
    assert result.found == 20
    assert result.pck.mean_points[-1] == 1.0
    known = {joint for joint, count in zip(video.skeleton.joints, result.pck.counts) if count}
    assert known == set(video.skeleton.joints) & set(COCO_17.joints)


def test_a_joint_that_was_not_found_is_wrong(video: PoseSequence) -> None:
    def without_nose(pose: Pose) -> Pose:
        xy = pose.xy.copy()
        xy[video.skeleton.index("nose")] = np.nan
        return replace(pose, xy=xy)

    frames = tuple(replace(frame, poses=tuple(map(without_nose, frame.poses))) for frame in video)
    result = compare(replace(video, frames=frames), video)
    assert result.pck.joints[0, video.skeleton.index("nose")] == 0
    assert result.pck.joints[0, video.skeleton.index("left_hip")] == 1


def test_skeletons_that_share_nothing_cannot_be_compared(video: PoseSequence) -> None:
    tail = Skeleton(name="tail", joints=("tail",), limbs=(), mirror=(), sigmas=(0.1,))
    nobody = tuple(FramePoses(frame.frame, frame.time_s, ()) for frame in video)
    with pytest.raises(InputError, match=r"\(tail\) and the truth \(posetrack-15\) share no joint"):
        compare(replace(video, skeleton=tail, frames=nobody), video)


def test_videos_of_other_frames_cannot_be_compared(video: PoseSequence) -> None:
    with pytest.raises(InputError, match="9 frames of poses against 10 of truth"):
        compare(replace(video, frames=video.frames[1:]), video)
    later = tuple(replace(frame, frame=frame.frame + 1) for frame in video)
    with pytest.raises(InputError, match="wanted the same frames"):
        compare(replace(video, frames=later), video)


def test_nobody_found_leaves_the_shares_unknown(video: PoseSequence) -> None:
    nobody = replace(video, frames=tuple(replace(frame, poses=()) for frame in video))
    result = compare(nobody, video)
    assert (result.persons, result.found, result.extra) == (20, 0, 0)
    assert np.isnan(result.pck.mean_points).all()
    assert (compare(video, nobody).persons, compare(video, nobody).extra) == (0, 20)


def everything_seen(video: PoseSequence) -> np.ndarray:
    return np.ones((len(video), len(video.tracks), len(video.skeleton)), dtype=bool)


def test_the_persons_found_come_with_what_can_be_seen_of_them(video: PoseSequence) -> None:
    visible = everything_seen(video)
    visible[4, 1, 3] = False  # frame 4, person 1
    lost = changed(video, 4, video.frames[4].poses[::-1][:1])
    answers = found_persons(lost, video, visible)
    assert answers.xy.shape == (19, len(video.skeleton), 2) and answers.sigma is None
    np.testing.assert_array_equal(answers.xy, answers.truth)
    np.testing.assert_array_equal(np.argwhere(~answers.visible), [[8, 3]])  # behind two persons in each of four frames
    np.testing.assert_array_equal(answers.truth[8], video.frames[4].poses[1].xy)
    assert score(answers).by_size["box"].mean_points[0] == compare(lost, video).pck.mean_points[0] == 1.0


def test_sigma_of_the_persons_found_is_moved_into_the_skeleton_of_the_truth(video: PoseSequence) -> None:
    def with_sigma(pose: Pose) -> Pose:
        xy, score = COCO_17.gather(pose.xy, pose.skeleton), COCO_17.gather(pose.score[:, None], pose.skeleton)
        sigma = np.repeat(np.arange(17, dtype=np.float32)[:, None], 2, axis=1)
        return replace(pose, skeleton=COCO_17, xy=xy, score=np.nan_to_num(score[:, 0]), sigma=sigma)

    frames = tuple(replace(frame, poses=tuple(map(with_sigma, frame.poses))) for frame in video)
    answers = found_persons(replace(video, skeleton=COCO_17, frames=frames), video, everything_seen(video))
    assert answers.sigma is not None
    assert (answers.sigma[:, video.skeleton.index("left_knee")] == COCO_17.index("left_knee")).all()


def test_visibility_of_another_video_is_refused(video: PoseSequence) -> None:
    with pytest.raises(InputError, match=r"visibility \(9, 2, 15\) for a truth with ids of shape \(10, 2, 15\)"):
        found_persons(video, video, everything_seen(video)[1:])
    nameless = changed(video, 0, tuple(replace(pose, track_id=None) for pose in video.frames[0].poses))
    with pytest.raises(InputError, match="visibility"):
        found_persons(nameless, nameless, everything_seen(video))


def test_nobody_found_is_nobody_to_score(video: PoseSequence) -> None:
    nobody = replace(video, frames=tuple(replace(frame, poses=()) for frame in video))
    answers = found_persons(nobody, video, everything_seen(video))
    assert answers.xy.shape == (0, len(video.skeleton), 2)
    sight = by_sight(answers)
    assert np.isnan([*sight.in_sight, *sight.hidden, *sight.sigma_px]).all()


# Videos of a data set, and boxes that belong together -----------------------------------------------------------------


def test_a_score_for_each_video(tmp_path: Path) -> None:
    good, bad = walking(tmp_path, "good", [(40, 40)] * 4), walking(tmp_path, "bad", [(30, 30)] * 3, error_px=15)
    answers = answer(middle(), as_data(good, bad))
    found = by_video(answers, BOX)
    assert list(found) == ["good", "bad"]
    assert [score.samples for score in found.values()] == [4, 3]
    assert found["good"].by_size["box"].mean_points[0] == 1.0
    assert found["bad"].by_size["box"].mean_points[0] == pytest.approx(2 / 3)  # the odd frame is off by 15 of 20 px
    assert found["bad"].jitter is not None and found["bad"].jitter.mean(found["bad"].jitter.error_px) == pytest.approx(
        30
    )
    assert by_video(replace(answers, keys=()), BOX) == {}


def test_shaking_is_measured_where_the_truth_has_ids(video: PoseSequence) -> None:
    still = compare(video, video).jitter
    assert still is not None and still.mean(still.error_px) == 0
    assert (still.counts == 2 * (10 - 2)).all()
    shaken = replace(video, frames=tuple(frame_moved(frame, 3.0 * (frame.frame % 2)) for frame in video))
    found = compare(shaken, video).jitter
    assert found is not None and found.mean(found.error_px) == pytest.approx(6, abs=1e-3)


def frame_moved(frame: FramePoses, right_px: float) -> FramePoses:
    step = np.array([right_px, 0], dtype=np.float32)
    return replace(frame, poses=tuple(replace(pose, xy=pose.xy + step) for pose in frame.poses))


def test_boxes_are_paired_for_the_most_overlap() -> None:
    boxes = [np.array([x, 0, x + 10, 10], dtype=np.float32) for x in (0, 4, 50)]
    assert matches(boxes, boxes) == [(0, 0), (1, 1), (2, 2)]
    assert matches(boxes[2:], boxes) == [(0, 2)]
    assert matches(boxes[1:2], boxes[:1]) == []  # they share 6 of 14
    assert matches(boxes[1:2], boxes[:1], least=0.4) == [(0, 0)]
    assert matches([], boxes) == matches(boxes, []) == []
