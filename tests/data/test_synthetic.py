"""Tests of the people drawn by code: the same bits every time, and joints that are where they are said to be."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import COCO_17, POSETRACK_15, SKELETONS
from chronopose.data.dataset import PoseDataset
from chronopose.data.motion import MOTIONS
from chronopose.data.puppet import JOINTS, SEGMENT, random_body
from chronopose.data.scenery import Occluder
from chronopose.data.stage import Labels, Scene, expose, inside, labels, look, ranks
from chronopose.data.synthetic import (
    SyntheticConfig,
    SyntheticPeople,
    build_scene,
    joint_order,
    render_clip,
    truth,
    visibility,
)

SMALL = SyntheticConfig(clips=40, frames=5, width=96, height=96)
PLAIN = replace(SMALL, people=(1, 1), occluders=(0, 0), camera=False, motions=("standing",), width=192, height=192)
LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]


def _joint(name: str) -> int:
    return JOINTS.index(name)


def _at(scene: Scene, time_s: float = 0.0) -> Labels:
    return labels(scene, [look(person, scene, np.array([time_s])) for person in scene.people], 0, time_s)


def _facing(scene: Scene, yaw: float) -> Scene:
    camera = replace(scene.camera, tilt=0.0)
    return replace(scene, camera=camera, people=tuple(replace(person, yaw=yaw) for person in scene.people))


def test_the_same_clip_is_the_same_bits_in_any_order():
    first, second = render_clip(SMALL, 3), render_clip(SMALL, 4)
    again_second, again_first = render_clip(SMALL, 4), render_clip(SMALL, 3)
    for a, b in ((first, again_first), (second, again_second)):
        assert np.array_equal(a.frames, b.frames)
        assert np.array_equal(a.xy, b.xy)
        assert np.array_equal(a.visible, b.visible)
        assert np.array_equal(a.boxes, b.boxes)
    assert not np.array_equal(first.frames, second.frames)
    assert not np.array_equal(first.frames, render_clip(replace(SMALL, seed=1), 3).frames)


def test_a_window_shows_the_frames_of_the_whole_clip():
    data = SyntheticPeople(SMALL)
    assert isinstance(data, PoseDataset)
    assert len(data) == 40
    order = joint_order(POSETRACK_15)
    for index in range(4):
        whole = render_clip(SMALL, index)
        window = data.clip(index, (1, -9, 0))
        assert isinstance(window, LabelledClip)
        person = int(window.name.rsplit("/", 1)[1])
        for frame, number in enumerate((3, 0, 2)):
            assert np.array_equal(window.frames[frame], whole.frames[number])
            assert np.array_equal(window.xy_image[frame], whole.xy[number, person][order])
            assert np.array_equal(window.visible[frame], whole.visible[number, person][order])
        alone = data.clip(index, (2,))
        assert alone.name == window.name
        assert np.array_equal(alone.box, window.box)


def test_shapes_and_kinds():
    clip = render_clip(replace(SMALL, people=(2, 2)), 0)
    joints = len(clip.joints)
    assert clip.frames.shape == (5, 96, 96, 3)
    assert clip.frames.dtype == np.uint8
    assert clip.xy.shape == (5, 2, joints, 2)
    assert clip.xy.dtype == np.float32
    assert clip.visible.shape == (5, 2, joints)
    assert clip.boxes.shape == (5, 2, 4)
    assert clip.times_s == pytest.approx(np.arange(5) / 25)
    assert np.isfinite(clip.xy).all()


@pytest.mark.parametrize("motion", MOTIONS)
def test_joints_lie_in_their_box_and_bones_keep_their_length(motion: str):
    for index in range(4):
        scene = build_scene(replace(SMALL, motions=(motion,)), index)
        times = np.linspace(-2, 2, 30)
        for person in scene.people:
            seen = look(person, scene, times)
            low, high = seen.outline.min((1, 2)), seen.outline.max((1, 2))
            assert (seen.xy >= low[:, None] - 0.5).all()
            assert (seen.xy <= high[:, None] + 0.5).all()
            world = person.placed(times).points(person.body.joint_segment, person.body.joint_offset)
            assert world[..., 1].min() > -0.01  # nobody sinks into the ground
            for a, b in LIMBS:
                length = np.linalg.norm(world[:, _joint(a)] - world[:, _joint(b)], axis=-1)
                assert np.ptp(length) < 1e-9
                assert 0.1 < length[0] < 0.6


@pytest.mark.parametrize("motion", MOTIONS)
def test_movement_is_continuous(motion: str):
    config = replace(SMALL, motions=(motion,), camera=False)
    for index in range(3):
        scene = build_scene(config, index)
        times = np.arange(0, 1.5, 0.01)
        for person in scene.people:
            xy = look(person, scene, times).xy
            step = np.linalg.norm(np.diff(xy, axis=0), axis=-1).max()
            grown = scene.camera.focal_px / scene.camera.distance_m * 1.75
            assert step < 0.1 * grown  # in a hundredth of a second: only the feet of a cartwheel come near it


def test_left_is_at_the_right_of_the_image_when_facing_the_camera():
    for index in range(10):
        front = _at(_facing(build_scene(PLAIN, index), 0.0)).xy[0]
        back = _at(_facing(build_scene(PLAIN, index), np.pi)).xy[0]
        for joint in ("shoulder", "hip"):
            left, right = _joint(f"left_{joint}"), _joint(f"right_{joint}")
            assert front[left, 0] > front[right, 0]
            assert back[left, 0] < back[right, 0]


def test_a_face_is_hidden_from_behind_and_seen_from_the_front():
    scene = build_scene(replace(PLAIN, motions=("walking",)), 0)
    face = [_joint(name) for name in ("nose", "left_eye", "right_eye")]
    assert _at(_facing(scene, 0.0)).visible[0, face].all()
    assert not _at(_facing(scene, np.pi)).visible[0, face].any()
    # Facing +x, to the right of the image, the right side of the body is towards the camera.
    side = _at(_facing(scene, np.pi / 2)).visible[0]
    assert side[_joint("right_shoulder")]
    assert side[_joint("right_ear")]
    assert not side[_joint("left_ear")]


def test_an_occluder_hides_what_it_covers_and_only_that():
    scene = build_scene(PLAIN, 2)
    free = _at(scene)
    wrist = free.xy[0, _joint("left_knee")]
    square = np.array([(5, 5), (-5, 5), (-5, -5), (5, -5)], float)
    thing = Occluder(
        outline=square, middle=wrist, speed=np.zeros(2), layer=0, colours=np.zeros((2, 3)), stripes=np.array([0.2, 0.1])
    )
    covered = _at(replace(scene, occluders=(thing,)))
    under = (np.abs(free.xy[0] - wrist) <= 5).all(axis=-1)
    assert under[_joint("left_knee")]
    assert not covered.visible[0, under].any()
    assert np.array_equal(covered.visible[0, ~under], free.visible[0, ~under])
    assert np.array_equal(covered.xy, free.xy)


def test_the_nearer_person_hides_the_farther():
    found = 0
    for index in range(20):
        scene = build_scene(replace(PLAIN, people=(2, 2)), index)
        looks = [look(person, scene, np.zeros(1)) for person in scene.people]
        rank = ranks(looks, 0)
        near, far = int(rank.argmin()), int(rank.argmax())
        seen = labels(scene, looks, 0, 0.0)
        behind = inside(seen.xy[far], looks[near].outline[0]).any(axis=1)
        assert not seen.visible[far, behind].any()
        alone = labels(replace(scene, people=(scene.people[near],)), [looks[near]], 0, 0.0)
        assert np.array_equal(seen.visible[near], alone.visible[0])
        found += int(behind.any())
    assert found > 3


def test_outside_the_frame_nothing_is_visible_but_coordinates_stay_exact():
    scene = build_scene(PLAIN, 0)
    person = replace(scene.people[0], middle=np.array([40.0, 0.0]))
    away = _at(replace(scene, people=(person,)))
    assert not away.visible.any()
    assert (away.xy[..., 0] > 192).all()


def test_joints_sit_on_the_drawn_body():
    """Where a limb is painted red, the picture is red at the limb's ends and in its middle."""
    scene = build_scene(replace(PLAIN, motions=("dancing",)), 5)
    figure = scene.people[0].figure
    red = np.zeros_like(figure.colour)
    red[:, 0] = 200
    scene = replace(scene, people=(replace(scene.people[0], figure=replace(figure, colour=red)),), gloss=0.0)
    picture, seen = expose(scene, Image.new("RGB", scene.camera.backdrop_size, (0, 0, 255)), 0.0, False)
    for pair in LIMBS:
        ends = seen.xy[0, [_joint(name) for name in pair]]
        for share in (0.0, 0.5, 1.0):
            x, y = np.rint(ends[0] + share * (ends[1] - ends[0])).astype(int)
            if 0 <= x < 192 and 0 <= y < 192:
                assert picture[y, x, 0] > 100
                assert picture[y, x, 2] < 60


def test_the_box_is_the_silhouette():
    scene = build_scene(PLAIN, 5)
    figure = scene.people[0].figure
    scene = replace(scene, people=(replace(scene.people[0], figure=replace(figure, colour=figure.colour * 0 + 255)),))
    picture, seen = expose(scene, Image.new("RGB", scene.camera.backdrop_size), 0.0, False)
    rows, columns = np.nonzero(picture.max(-1) > 60)
    drawn = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    assert seen.box[0] == pytest.approx(drawn, abs=1.6)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_gets_its_joints_by_name(name: str):
    skeleton = SKELETONS[name]
    clip = SyntheticPeople(replace(SMALL, skeleton=name)).clip(0, (0,))
    whole = render_clip(SMALL, 0)
    person = int(clip.name.rsplit("/", 1)[1])
    assert clip.skeleton is skeleton
    for index, joint in enumerate(skeleton.joints):
        assert np.array_equal(clip.xy_image[0, index], whole.xy[2, person, JOINTS.index(joint)])


def test_posetrack_and_coco_agree_where_they_share_joints():
    tracked, coco = (truth(replace(SMALL, skeleton=name), 1) for name in ("posetrack-15", "coco-17"))
    where = POSETRACK_15.index_in(COCO_17)
    for a, b in zip(tracked, coco, strict=True):
        for pose_a, pose_b in zip(a.poses, b.poses, strict=True):
            assert np.array_equal(pose_a.xy[where >= 0], pose_b.xy[where[where >= 0]], equal_nan=True)


def test_every_frame_differs_a_little():
    for index in range(6):
        frames = render_clip(SMALL, index).frames.astype(int)
        change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
        assert (change > 0).all()
        assert (change < 60).all()


def test_truth_follows_the_clip():
    config = replace(SMALL, people=(2, 3))
    order = joint_order(POSETRACK_15)
    for index in range(5):
        clip, poses, seen = render_clip(config, index), truth(config, index), visibility(config, index)
        assert len(poses) == poses.info.frames == 5
        assert np.array_equal(seen, clip.visible[:, :, order])
        for frame in poses:
            for pose in frame.poses:
                known = pose.score > 0
                assert np.array_equal(np.isnan(pose.xy).any(-1), ~known)
                assert np.array_equal(pose.xy[known], clip.xy[frame.frame, pose.track_id][order][known])
                assert known[seen[frame.frame, pose.track_id]].all()
                assert (pose.box[:2] >= -0.5).all()
                assert (pose.box[2:] <= 95.5).all()


def test_crossing_people_stay_in_view_and_cross():
    config = SyntheticConfig(frames=250, width=640, height=360, people=(2, 2), motions=("crossing",), occluders=(0, 0))
    swaps = 0
    for index in range(2):
        hips = np.stack([[pose.box[[0, 2]].mean() for pose in frame.poses] for frame in truth(config, index)])
        assert hips.shape == (250, 2)
        swaps += int((np.diff(np.sign(hips[:, 0] - hips[:, 1])) != 0).sum())
    assert swaps >= 4


def test_most_labelled_people_can_be_seen():
    data = SyntheticPeople(replace(SMALL, clips=100))
    share = [data.clip(index, (0,)).visible.mean() for index in range(40)]
    assert np.mean(share) > 0.65


def test_bodies_are_mirror_images_of_themselves():
    body = random_body(np.random.default_rng(0))
    for name, index in SEGMENT.items():
        if name.startswith("left_"):
            other = SEGMENT[name.replace("left_", "right_")]
            assert body.hinge[index] * (-1, 1, 1) == pytest.approx(body.hinge[other])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"clips": 0}, "clips"),
        ({"frames": 0}, "frames"),
        ({"width": 8}, "width"),
        ({"seed": -1}, "seed"),
        ({"fps": 0.0}, "fps"),
        ({"people": (0, 2)}, "people"),
        ({"people": (3, 2)}, "people"),
        ({"occluders": (2, 1)}, "occluders"),
        ({"noise": 100.0}, "noise"),
        ({"motions": ("flying",)}, "flying"),
        ({"skeleton": "coco-18"}, "coco-18"),
    ],
)
def test_a_wrong_setting_is_named(change: dict, word: str):
    with pytest.raises(InputError, match=word):
        SyntheticConfig(**change)


def test_a_clip_that_is_not_there_is_named():
    with pytest.raises(InputError, match="40"):
        SyntheticPeople(SMALL).clip(40, (0,))
