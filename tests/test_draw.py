"""Painting poses: where paint lands, where it does not, and that nothing outside a frame hurts."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronopose.core.skeleton import COCO_17, PENN_13, SKELETONS, Skeleton
from chronopose.core.types import Pose
from chronopose.draw import contact_sheet, draw_poses

NOWHERE = np.full(4, np.nan, np.float32)


def picture(height: int = 120, width: int = 160) -> np.ndarray:
    """A picture of which no two neighbouring pixels are equal, so that any smearing shows."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pose(
    joints: dict[str, tuple[float, float]],
    *,
    skeleton: Skeleton = PENN_13,
    score: float = 1.0,
    box: tuple[float, float, float, float] | None = None,
    track_id: int | None = None,
) -> Pose:
    xy = np.full((len(skeleton), 2), np.nan, np.float32)
    for joint, point in joints.items():
        xy[skeleton.index(joint)] = point
    scores = np.where(np.isnan(xy[:, 0]), 0, score).astype(np.float32)
    corners = NOWHERE if box is None else np.array(box, np.float32)
    return Pose(skeleton=skeleton, xy=xy, score=scores, box=corners, track_id=track_id)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=-1)


ARM = {"left_shoulder": (40.0, 60.0), "left_elbow": (120.0, 60.0)}


def test_the_input_is_never_painted_on_and_the_result_is_new() -> None:
    pixels = picture()
    before = pixels.copy()
    painted = draw_poses(pixels, [pose(ARM, box=(30, 40, 130, 80), track_id=1)], trails={1: [(10, 10), (50, 90)]})
    np.testing.assert_array_equal(pixels, before)
    assert not np.shares_memory(painted, pixels)
    assert (painted.shape, painted.dtype) == (pixels.shape, np.uint8)
    pixels.flags.writeable = False
    np.testing.assert_array_equal(draw_poses(pixels[:, ::-1], []), pixels[:, ::-1])


def test_no_poses_and_unknown_poses_change_nothing() -> None:
    pixels = picture()
    for poses in ([], [pose({})], [pose({}, track_id=4)], [pose(ARM, score=0.1)]):
        painted = draw_poses(pixels, poses)
        np.testing.assert_array_equal(painted, pixels)
        assert not np.shares_memory(painted, pixels)


def test_a_limb_is_painted_along_its_length_and_nothing_else_is() -> None:
    pixels = picture()
    difference = changed(pixels, draw_poses(pixels, [pose(ARM)]))
    assert difference[60, 40:121].all()
    rows, columns = np.nonzero(difference)
    assert rows.min() >= 50
    assert rows.max() <= 70
    assert columns.min() >= 30
    assert columns.max() <= 130


def test_a_limb_lies_evenly_about_its_pixel_centres() -> None:
    grey = np.full((121, 161, 3), 128, np.uint8)
    painted = draw_poses(grey, [pose({"left_shoulder": (40, 60), "left_elbow": (120, 60)})]).astype(int)
    rows = np.nonzero(changed(grey, painted)[:, 80])[0]
    assert abs((rows.min() + rows.max()) / 2 - 60) <= 0.5


def test_sides_have_colours_of_their_own() -> None:
    black = np.zeros((120, 160, 3), np.uint8)
    joints = {"left_shoulder": (40.0, 30.0), "left_elbow": (120.0, 30.0)}
    left = draw_poses(black, [pose(joints)])[30, 80]
    right = draw_poses(black, [pose({name.replace("left", "right"): at for name, at in joints.items()})])[30, 80]
    middle = draw_poses(black, [pose({"head": (40.0, 30.0), "right_shoulder": (120.0, 30.0)})])[30, 80]
    assert left[2] > left[0] + 80, "left is blue"
    assert right[0] > right[2] + 80, "right is orange"
    assert np.ptp(middle.astype(int)) < 20, "the middle is neutral"


def test_by_track_the_id_decides() -> None:
    black = np.zeros((120, 160, 3), np.uint8)
    one, again, two = (draw_poses(black, [pose(ARM, track_id=i)], colour_by="track")[60, 80] for i in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one.astype(int) - two).max() > 60


def test_a_low_score_is_fainter_and_the_lower_end_decides() -> None:
    black = np.zeros((120, 160, 3), np.uint8)
    sums = [int(draw_poses(black, [pose(ARM, score=score)])[60, 80].sum()) for score in (0.15, 0.3, 0.5, 0.9)]
    assert sums[0] == 0 < sums[1] < sums[2] < sums[3]
    uneven = pose(ARM, score=0.9)
    uneven.score[PENN_13.index("left_elbow")] = 0.3
    assert int(draw_poses(black, [uneven])[60, 80].sum()) == sums[1]
    assert draw_poses(black, [pose(ARM, score=0.15)], min_score=0.0)[60, 80].sum() > 0


def test_a_limb_with_an_unknown_end_is_left_out_but_its_dot_is_not() -> None:
    pixels = picture()
    difference = changed(pixels, draw_poses(pixels, [pose({"left_shoulder": (40, 60)}, box=(20, 20, 140, 110))]))
    assert difference[60, 40]
    assert not difference[60, 60:120].any()


def test_sigma_is_an_ellipse_of_one_standard_deviation() -> None:
    pixels = np.full((120, 160, 3), 90, np.uint8)
    dot = pose({"left_wrist": (80, 60)})
    wide = dataclasses.replace(dot, sigma=np.tile(np.array([40, 15], np.float32), (13, 1)))
    rows, columns = np.nonzero(changed(pixels, draw_poses(pixels, [wide])))
    np.testing.assert_allclose([columns.min(), columns.max(), rows.min(), rows.max()], [40, 120, 45, 75], atol=1)
    unknown = dataclasses.replace(dot, sigma=np.full((13, 2), np.nan, np.float32))
    np.testing.assert_array_equal(draw_poses(pixels, [unknown]), draw_poses(pixels, [dot]))


def test_the_box_is_thin_and_the_label_stands_on_it() -> None:
    pixels = picture(240, 320)
    box = (100.0, 80.0, 200.0, 220.0)
    plain = changed(pixels, draw_poses(pixels, [pose({}, box=box)]))
    assert plain[80, 100:200].all()
    assert plain[80:220, 100].all()
    assert not plain[90:210, 110:190].any()
    assert not plain[:78].any()
    labelled = changed(pixels, draw_poses(pixels, [pose({}, box=box, track_id=3)]))
    assert labelled[70:78, 102:112].mean() > 0.95
    assert not labelled[:50].any()


def test_the_label_is_readable_and_says_the_id() -> None:
    pixels = np.full((240, 320, 3), 128, np.uint8)
    labels = [draw_poses(pixels, [pose({}, box=(100, 80, 200, 220), track_id=i)])[64:80, 100:130] for i in (3, 15)]
    for label in labels:
        bright = label.astype(int).sum(axis=-1)
        assert bright.max() - bright.min() > 250, "ink and ground stand apart"
    # Ids 3 and 15 wear the same colour, so that only the text can tell.
    assert (labels[0] != labels[1]).any()


@pytest.mark.parametrize("corner", [(-50, -50), (140, -30), (-50, 100), (150, 110), (0, 0)])
def test_the_label_of_a_box_that_touches_the_frame_is_inside(corner: tuple[int, int]) -> None:
    x, y = corner
    pixels = picture()
    without = draw_poses(pixels, [pose({}, box=(x, y, x + 100, y + 100))])
    labelled = draw_poses(pixels, [pose({}, box=(x, y, x + 100, y + 100), track_id=12)])
    assert changed(without, labelled).sum() > 80


def test_a_limb_that_leaves_the_frame_keeps_its_direction() -> None:
    pixels = np.zeros((101, 201, 3), np.uint8)
    # From the middle towards a joint a billion pixels away at 45 degrees.
    painted = draw_poses(pixels, [pose({"left_shoulder": (100, 50), "left_elbow": (1e9, 1e9)}, box=(80, 30, 120, 70))])
    assert painted[90, 140].any()
    assert not painted[10, 60].any()
    assert not painted[50, 180].any()


wild = st.one_of(
    st.floats(-300, 500, width=32), st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e9, -0.5, 159.5])
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(SKELETONS.values())), st.data())
def test_nothing_that_a_model_can_answer_hurts(skeleton: Skeleton, data: st.DataObject) -> None:
    def numbers(count: int) -> np.ndarray:
        return np.array(data.draw(st.lists(wild, min_size=count, max_size=count)), np.float32)

    joints = len(skeleton)
    person = Pose(
        skeleton=skeleton,
        xy=numbers(2 * joints).reshape(-1, 2),
        score=np.linspace(0, 1, joints, dtype=np.float32),
        sigma=numbers(2 * joints).reshape(-1, 2),
        box=numbers(4),
        track_id=data.draw(st.one_of(st.none(), st.integers(0, 10**6))),
    )
    pixels = picture(60, 90)
    painted = draw_poses(pixels, [person], trails={5: numbers(8).reshape(-1, 2).tolist()}, min_score=0.0)
    assert (painted.shape, painted.dtype) == (pixels.shape, np.uint8)


def test_persons_wholly_outside_leave_the_frame_alone() -> None:
    pixels = picture()
    away = pose({"left_shoulder": (-400, 60), "left_elbow": (-300, 60)}, box=(-420, 20, -280, 90), track_id=8)
    np.testing.assert_array_equal(draw_poses(pixels, [away]), pixels)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 300, 3), (0, 10, 3)])
def test_tiny_frames(shape: tuple[int, int, int]) -> None:
    pixels = np.zeros(shape, np.uint8)
    assert draw_poses(pixels, [pose(ARM, box=(0, 0, 5, 5), track_id=1)], trails={1: [(0, 0), (1, 1)]}).shape == shape


def test_a_trail_fades_into_the_past_and_breaks_at_nan() -> None:
    black = np.zeros((120, 160, 3), np.uint8)
    points = [(float(x), 60.0) for x in range(10, 150, 2)]
    points[30] = (np.nan, np.nan)
    painted = draw_poses(black, [], trails={2: points}).astype(int).sum(axis=-1)
    assert 0 < painted[60, 20] < painted[60, 60] < painted[60, 140]
    assert painted[60, 70] == 0
    np.testing.assert_array_equal(draw_poses(black, [], trails={2: [], 3: [(5.0, 5.0)]}), black)


def test_larger_persons_wear_wider_lines() -> None:
    black = np.zeros((800, 800, 3), np.uint8)
    widths = []
    for size in (100, 300, 700):
        arm = {"left_shoulder": (20.0, 400.0), "left_elbow": (20.0 + size, 400.0)}
        painted = draw_poses(black, [pose(arm, box=(10, 400 - size / 2, 20 + size, 400 + size / 2))])
        widths.append(int(painted[380:420, 20 + size // 2].any(axis=-1).sum()))
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8, got"):
        draw_poses(pixels, [])


def test_other_colourings_are_refused() -> None:
    with pytest.raises(ValueError, match="got 'joint'"):
        draw_poses(picture(), [], colour_by="joint")  # type: ignore[arg-type]


def test_a_contact_sheet_centres_its_pictures() -> None:
    images = [np.full((10, 20, 3), 1, np.uint8), np.full((6, 8, 3), 2, np.uint8), np.full((10, 20, 3), 3, np.uint8)]
    sheet = contact_sheet(images, 2, gap_px=2, background=(9, 9, 9))
    assert sheet.shape == (2 + 12 * 2, 2 + 22 * 2, 3)
    assert (sheet[2:12, 2:22] == 1).all()
    assert (sheet[4:10, 30:38] == 2).all()
    assert (sheet[14:24, 2:22] == 3).all()
    assert (sheet == 9).all(axis=-1).sum() == sheet.shape[0] * sheet.shape[1] - 200 - 48 - 200
    assert contact_sheet(images[:1], 5, gap_px=0).shape == (10, 20, 3)
    for wrong in (([], 2), (images, 0)):
        with pytest.raises(ValueError, match="at least 1 column"):
            contact_sheet(*wrong)


def test_importing_draw_does_not_load_pillow() -> None:
    code = "import sys, chronopose.draw; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_joints_of_a_full_pose_are_found() -> None:
    pixels = picture(300, 300)
    rng = np.random.default_rng(3)
    xy = rng.uniform(20, 280, (17, 2)).astype(np.float32)
    full = Pose(skeleton=COCO_17, xy=xy, score=np.ones(17, np.float32), box=np.array([0, 0, 299, 299], np.float32))
    difference = changed(pixels, draw_poses(pixels, [full]))
    column, row = np.round(xy).astype(int).T
    assert difference[row, column].all()
