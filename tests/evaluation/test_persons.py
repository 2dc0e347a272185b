"""Scores are perfect for the truth itself, and count each kind of mistake as what it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, Skeleton
from chronopose.core.types import FramePoses, Pose, PoseSequence
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople, truth
from chronopose.evaluation.persons import (
    THRESHOLDS,
    Answers,
    KeyFrameOnly,
    answer,
    by_sight,
    evaluate,
    mean_pose,
    score,
)
from chronopose.evaluation.videos import compare, found_persons
from chronopose.inference.predictor import Predictor
from chronopose.layers.backbone import BackboneConfig
from chronopose.models.dsta import DSTA, DSTAConfig
from tests.inference.tiny_pose import Counting, recurrent

SMALL = SyntheticConfig(seed=2, clips=6, frames=3, width=96, height=96, people=(1, 2))


@pytest.fixture(scope="module")
def people() -> SyntheticPeople:
    return SyntheticPeople(SMALL)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    backbone = BackboneConfig(name="mobilenetv4_conv_small_050")
    return Predictor(DSTA(DSTAConfig(backbone=backbone, height=64, width=48, jfd="integral_fc")), "cpu")


def true_answers(people: SyntheticPeople, shift_px: float = 0.0) -> Answers:
    """The truth as if a model had answered it, every joint `shift_px` to the right."""
    clips = [people.clip(index, (0,)) for index in range(len(people))]
    xy = np.stack([clip.xy_image[0] for clip in clips])
    return Answers(
        skeleton=people.skeleton,
        xy=xy + np.array([shift_px, 0.0]),
        sigma=np.full_like(xy, 2.0),
        truth=xy,
        visible=np.stack([clip.visible[0] for clip in clips]),
        box=np.stack([clip.box for clip in clips]),
    )


# A data set -------------------------------------------------------------------------------------------------------


def test_a_model_is_scored_on_a_data_set(people: SyntheticPeople, predictor: Predictor) -> None:
    steps: list[int] = []
    result = evaluate(predictor, people, batch=4, progress=steps.append)
    assert result.samples == 6
    assert steps == [4, 2]
    assert set(result.by_size) == {"tight", "box", "torso"}
    assert all(0 <= share <= 1 for share in result.by_size["tight"].mean_points)
    assert result.by_size["tight"].counts.sum() == 6 * len(people.skeleton)
    assert 0 <= result.inside_one_sigma <= 1


def test_the_batch_changes_nothing_and_the_limit_takes_the_first(people: SyntheticPeople, predictor: Predictor) -> None:
    one, all_at_once = answer(predictor, people, batch=1), answer(predictor, people, batch=6)
    np.testing.assert_allclose(one.xy, all_at_once.xy, atol=1e-3)
    three = answer(predictor, people, limit=3)
    np.testing.assert_allclose(three.xy, all_at_once.xy[:3], atol=1e-3)
    np.testing.assert_array_equal(three.truth, all_at_once.truth[:3])
    np.testing.assert_array_equal(all_at_once.truth, true_answers(people).truth)


def test_nobody_to_score_is_an_error(people: SyntheticPeople, predictor: Predictor) -> None:
    with pytest.raises(InputError, match="no labelled persons"):
        answer(predictor, people, limit=0)


def test_skeletons_without_a_joint_in_common_are_an_error(people: SyntheticPeople, predictor: Predictor) -> None:
    strange = SyntheticPeople(SMALL, name="strange")
    strange.skeleton = Skeleton(name="tail", joints=("tail",), limbs=(), mirror=(), sigmas=(0.1,))
    with pytest.raises(InputError, match=r"strange \(tail\) and the model \(posetrack-15\) share no joint"):
        answer(predictor, strange)


def test_another_skeleton_is_judged_on_the_joints_it_shares(predictor: Predictor) -> None:
    coco = SyntheticPeople(replace(SMALL, skeleton="coco-17", clips=3))
    answers = answer(predictor, coco)
    unknown = [COCO_17.index(f"{side}_{part}") for side in ("left", "right") for part in ("eye", "ear")]
    assert set(np.flatnonzero(np.isnan(answers.xy[0, :, 0]))) == set(unknown)
    assert score(answers).by_size["box"].counts[unknown].sum() == 0
    assert score(answers).by_size["box"].counts.sum() == 3 * 13


def test_the_truth_itself_scores_one(people: SyntheticPeople) -> None:
    result = score(true_answers(people))
    for size in result.by_size.values():
        np.testing.assert_array_equal(size.mean_points, [1.0] * len(THRESHOLDS))
    assert result.inside_one_sigma == 1.0


def test_an_error_counts_where_it_exceeds_the_threshold_of_the_person(people: SyntheticPeople) -> None:
    sizes = np.array([max(clip[2] - clip[0], clip[3] - clip[1]) for clip in true_answers(people).box])
    shift = 0.1 * float(np.median(sizes))  # a tenth of some persons and more or less of others
    result = score(true_answers(people, shift))
    wanted = [float((shift <= threshold * sizes).mean()) for threshold in THRESHOLDS]
    np.testing.assert_allclose(result.by_size["box"].mean_points, wanted)
    assert wanted[0] == 1 and wanted[2] == 0


def test_calibration_counts_coordinates_not_joints(people: SyntheticPeople) -> None:
    # Sigma is 2 px on both axes: 3 px in x alone are outside on one of two.
    assert score(true_answers(people, 3.0)).inside_one_sigma == 0.5
    assert np.isnan(score(replace(true_answers(people), sigma=None)).inside_one_sigma)


def test_joints_that_are_not_counted_change_nothing(people: SyntheticPeople) -> None:
    answers = true_answers(people)
    wrong = np.zeros(answers.xy.shape[:2], dtype=bool)
    wrong[:, 3] = True
    answers.xy[wrong] += 500
    assert score(answers).by_size["box"].mean_points[0] == pytest.approx(14 / 15)
    assert score(answers, ~wrong).by_size["box"].mean_points[0] == 1.0


def test_the_mean_pose_is_the_mean_in_units_of_the_box(people: SyntheticPeople) -> None:
    answers = mean_pose(people, people)
    true = true_answers(people)
    size = true.box[:, 2:] - true.box[:, :2]
    unit = (true.truth - true.box[:, None, :2]) / size[:, None]
    np.testing.assert_allclose((answers.xy - true.box[:, None, :2]) / size[:, None], [unit.mean(axis=0)] * 6, atol=1e-5)
    # It knows where persons are, so it beats a pose at the corner of the box and loses to the truth.
    corner = replace(true, xy=np.repeat(true.box[:, None, :2], true.xy.shape[1], axis=1))
    figures = [score(one).by_size["box"].mean_points[0] for one in (corner, answers, true)]
    assert figures == sorted(figures) and figures[0] < figures[1] < figures[2] == 1.0


def test_the_mean_pose_of_one_person_judged_on_that_person_is_the_truth(people: SyntheticPeople) -> None:
    answers = mean_pose(people, people, limit=1)
    np.testing.assert_allclose(answers.xy, answers.truth, atol=1e-3)
    assert len(answers.xy) == 1


# A video ----------------------------------------------------------------------------------------------------------


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


def test_hidden_joints_are_held_against_the_same_joints_in_sight() -> None:
    skeleton = Skeleton(name="two", joints=("hip", "ankle"), limbs=(), mirror=(), sigmas=(0.1, 0.1))
    truth = np.zeros((4, 2, 2))
    xy = truth.copy()
    xy[:, 1, 0] = [100, 100, 0, 100]  # ankles are found in the third person alone
    sigma = np.stack([np.full((4, 2), 1.0), np.full((4, 2), 9.0)], axis=1)
    visible = np.array([[1, 1], [1, 1], [0, 1], [0, 0]], dtype=bool)
    box = np.tile([0.0, 0.0, 10.0, 10.0], (4, 1))
    sigma[2, 0], sigma[3, 0] = 3.0, 5.0
    sight = by_sight(Answers(skeleton=skeleton, xy=xy, sigma=sigma, truth=truth, visible=visible, box=box))
    # Two hidden hips to one hidden ankle, on both sides; of three ankles in sight one is found.
    np.testing.assert_allclose(sight.hidden, [2 / 3] * len(THRESHOLDS))
    np.testing.assert_allclose(sight.in_sight, [2 / 3 + 1 / 3 / 3] * len(THRESHOLDS))
    np.testing.assert_allclose(sight.sigma_px, [(2 * 1 + 9) / 3, (2 * 4 + 9) / 3])


def test_a_joint_that_is_never_hidden_is_compared_with_nothing(people: SyntheticPeople) -> None:
    answers = replace(true_answers(people), visible=np.ones((6, len(people.skeleton)), dtype=bool))
    assert np.isnan(by_sight(answers).hidden).all()
    answers.visible[0, 4] = False
    answers.xy[1, 5] += 500
    assert by_sight(answers).in_sight[0] == 1.0  # joint 5 is wrong and does not count


def test_the_ablation_answers_as_the_model_does_where_nothing_moves(predictor: Predictor) -> None:
    spec = predictor.model.spec
    still = np.random.default_rng(0).integers(0, 255, (2, 1, spec.height, spec.width, 3), dtype=np.uint8)
    alone = Predictor(KeyFrameOnly(predictor.model), "cpu")
    to_image = np.tile(np.eye(2, 3), (2, 1, 1))
    wanted = predictor.clips(np.repeat(still, len(spec.offsets), axis=1), to_image)
    given = alone.clips(still, to_image)
    np.testing.assert_allclose(given.xy, wanted.xy, atol=1e-3)
    assert alone.model.spec.offsets == (0,) and alone.model.spec.look_ahead == 0
    called = alone.model(torch.from_numpy(still).permute(0, 1, 4, 2, 3))
    np.testing.assert_allclose(called.xy_crop[:, 0].numpy(force=True), given.xy, atol=1e-3)


def test_the_ablation_of_a_recurrent_model_knows_first_frames_alone(people: SyntheticPeople) -> None:
    model = Counting()
    whole, alone = Predictor(model, "cpu"), Predictor(KeyFrameOnly(model), "cpu")
    assert alone.model.spec.offsets == (0,) and not alone.model.spec.recurrent
    moving = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 24, 3), dtype=np.uint8)
    to_image = np.tile(np.eye(2, 3), (2, 1, 1))
    assert (whole.clips(moving, to_image).score * 1024 == 3).all()  # the key frame is the last of three
    given = alone.clips(moving[:, 2:], to_image)
    assert (given.score * 1024 == 1).all()
    np.testing.assert_allclose(given.xy, np.broadcast_to(moving[:, 2, ..., 0].mean((1, 2))[:, None, None], (2, 15, 2)))
    called = alone.model(torch.from_numpy(moving[:, 2:]).permute(0, 1, 4, 2, 3))
    np.testing.assert_allclose(called.xy_crop[:, 0].numpy(), given.xy)
    answers = [answer(one, people) for one in (whole, alone)]
    np.testing.assert_array_equal(answers[0].truth, answers[1].truth)
    assert (np.abs(answers[0].xy - answers[1].xy)[:, 0] > 0.1).all()


def test_a_recurrent_model_is_scored_on_the_last_frame_of_its_clips(people: SyntheticPeople) -> None:
    result = evaluate(recurrent(), people, batch=4)
    assert result.samples == 6
    assert 0 <= result.by_size["box"].mean_points[0] <= 1 and 0 <= result.inside_one_sigma <= 1
    one, more = answer(recurrent(), people, batch=1), answer(recurrent(), people, batch=6)
    np.testing.assert_allclose(one.xy, more.xy, atol=1e-3)
