"""An asset folder is read in metres; every way it can be broken ends in one clear line."""

import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.synth.assets import GROUPS, Assets, read_assets
from tests.synth.tiny import CLIPS, PANORAMAS, tiny_assets, tiny_body, tiny_motions

Arrays = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="module")
def assets(folder: Path) -> Assets:
    return read_assets(folder)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return tiny_assets(tmp_path)


def rewrite(path: Path, change: Callable[[Arrays], object]) -> None:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    change(arrays)
    np.savez_compressed(path, **arrays)


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_assets(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def test_lengths_are_in_metres(assets: Assets) -> None:
    raw = tiny_body()
    np.testing.assert_allclose(assets.body.vertices, raw["verts"] / 10, rtol=1e-6)
    height = assets.body.vertices[np.unique(assets.body.quads), 1]
    assert 1.5 < height.max() - height.min() < 2
    taller = assets.targets.names.index("height-male-young-averagemuscle-averageweight-maxheight")
    np.testing.assert_allclose(assets.targets.deltas[taller], 0.015 * raw["verts"], atol=1.1e-4)


def test_weights_sum_to_one(assets: Assets) -> None:
    body = assets.body
    for weights in (body.skin_weights, body.head_weights, body.tail_weights):
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    for garment in assets.garments.values():
        np.testing.assert_allclose(garment.weights.sum(axis=-1), 1, atol=1e-6)


def test_motion_is_absolute_metres(assets: Assets) -> None:
    raw = tiny_motions()
    motions = assets.motions
    assert motions.names == CLIPS
    np.testing.assert_allclose(motions.points[:, 0], raw["points_mm"][:, 0] / 1000, atol=1e-6)
    nose_over_pelvis = raw["points_mm"][:, 14] / 1000
    np.testing.assert_allclose(motions.points[:, 14] - motions.points[:, 0], nose_over_pelvis, atol=1e-6)
    assert motions.start.tolist() == [0, 60, 135]


def test_a_garment_fits_every_size(assets: Assets) -> None:
    garment = assets.garments["male_casualsuit01"]
    places = assets.body.vertices
    on_template = garment.fit(places)
    away = np.linalg.norm(on_template - places[garment.corners[:, 0]], axis=1)
    np.testing.assert_allclose(away, 0.015, atol=1e-4)
    np.testing.assert_allclose(garment.fit(places * 1.2)[:, :2], on_template[:, :2] * 1.2, atol=1e-4)
    # The third axis of the made-up garments does not scale: the cloth stays as far out in z.
    offset = garment.fit(places * 1.2) - places[garment.corners[:, 0]] * 1.2
    np.testing.assert_allclose(offset[:, 2], garment.offsets[:, 2], atol=1e-4)


def test_hidden_vertices_are_the_ones_under_the_cloth(assets: Assets) -> None:
    shoes = assets.garments["shoes01"]
    assert shoes.hides.shape == (len(assets.body.vertices),)
    assert set(np.flatnonzero(shoes.hides)) == set(np.unique(shoes.corners[:, 0]))
    assert not assets.garments["fedora"].hides.any()


def test_panoramas_are_loaded_when_asked_for(assets: Assets) -> None:
    assert tuple(panorama.name for panorama in assets.panoramas) == PANORAMAS
    pixels = assets.panoramas[0].pixels()
    assert pixels.shape == (32, 64, 3) and pixels.dtype == np.uint8
    assert pixels[:8].mean() > pixels[-8:].mean() + 50
    field = assets.panoramas[0]
    np.testing.assert_allclose(
        field.sun_direction, np.array([0.6, 0.7, 0.4]) / np.linalg.norm([0.6, 0.7, 0.4]), atol=1e-6
    )
    assert field.sky.mean() > field.ground.mean() > 0


def test_grey_pictures_come_as_rgb(broken: Path) -> None:
    Image.new("L", (64, 32), 90).save(broken / "backgrounds" / "field.jpg")
    assert (read_assets(broken).panoramas[0].pixels() == 90).all()


def test_a_picture_that_is_none_is_refused_when_loaded(broken: Path) -> None:
    (broken / "backgrounds" / "field.jpg").write_bytes(b"no picture")
    panorama = read_assets(broken).panoramas[0]
    with pytest.raises(InputError, match=r"field\.jpg: not a readable picture"):
        panorama.pixels()


def test_no_folder(tmp_path: Path) -> None:
    assert "nowhere: no such folder of assets" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["body.npz", "shape_targets.npz", "clothes.npz", "mocap.npz", "backgrounds/light.npz"])
def test_a_missing_damaged_or_foreign_file(broken: Path, name: str) -> None:
    path = broken / name
    whole = path.read_bytes()
    path.unlink()
    assert f"{path}: no such file" in refusal(broken)
    for damaged in (b"", b"not a zip", whole[: len(whole) // 2], whole[:200] + bytes(50) + whole[250:]):
        path.write_bytes(damaged)
        assert f"{path}: " in refusal(broken)
    with zipfile.ZipFile(path, "w") as archive:
        for member in ("hello.txt", "names", "verts", "group_names", "fps"):
            archive.writestr(member, "no array")
    assert f"{path}: no array" in refusal(broken)


def test_pickled_objects_are_never_loaded(broken: Path) -> None:
    rewrite(broken / "body.npz", lambda arrays: arrays.update(verts=np.array([{"a": 1}], dtype=object)))
    assert "not a readable .npz file of plain arrays" in refusal(broken)


def test_a_bomb_is_refused_before_it_is_unpacked(broken: Path) -> None:
    path = broken / "mocap.npz"
    packed = bytearray(path.read_bytes())
    entry = packed.index(b"PK\1\2")  # the archive's own list; 24 bytes on, what the member claims to unpack to
    packed[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")
    path.write_bytes(packed)
    assert "at most 1073741824" in refusal(broken)


def _set(field: str, place: Any, value: Any) -> Callable[[Arrays], object]:
    def change(arrays: Arrays) -> None:
        arrays[field] = arrays[field].copy()
        arrays[field][place] = value

    return change


def _be(field: str, make: Callable[[NDArray[Any]], Any]) -> Callable[[Arrays], object]:
    return lambda arrays: arrays.update({field: np.asarray(make(arrays[field]))})


@pytest.mark.parametrize(
    ("name", "change", "wanted"),
    [
        ("body.npz", lambda arrays: arrays.pop("skin_w"), "no array 'skin_w'"),
        ("body.npz", _set("verts", (3, 1), np.nan), "verts: values that are not finite"),
        ("body.npz", _set("verts", (3, 1), 1e5), "verts: a value of size 100000"),
        ("body.npz", _be("verts", lambda a: a[:, :2]), r"verts: shape \(1200, 2\); wanted \(V=1200, 3\)"),
        ("body.npz", _be("verts", lambda a: a[:2]), "verts: 2 vertices"),
        ("body.npz", _be("verts", lambda a: a.astype(str)), "verts: dtype .*; wanted numbers"),
        ("body.npz", _be("faces", lambda a: a.astype(float)), "faces: dtype float64; wanted whole numbers"),
        ("body.npz", _set("faces", (0, 0), 1200), "faces: values 0 to 1200; wanted 0 to 1199"),
        ("body.npz", _set("faces", (0, 0), -1), "faces: values -1 to"),
        ("body.npz", _be("face_group", lambda a: a[:-1]), "face_group: shape"),
        ("body.npz", _set("face_group", 0, 5), "face_group: values 0 to 5; wanted 0 to 4"),
        ("body.npz", _be("group_names", lambda a: a[::-1]), "group_names: eyes, hair"),
        ("body.npz", _set("skin_idx", (0, 0), 38), "skin_idx: values 0 to 38; wanted 0 to 37"),
        ("body.npz", _set("skin_w", (7, 0), 0), "skin_w: the weights of row 7 sum to"),
        ("body.npz", _set("head_w", (9, 0), 0.5), "head_w: the weights of row 9 sum to 1.375; wanted 1"),
        ("body.npz", _set("head_w", (9, slice(0, 2)), [-0.125, 0.375]), "head_w: a weight of -0.125"),
        ("body.npz", _set("tail_idx", (0, 0), 5000), "tail_idx: values 0 to 5000"),
        ("body.npz", _set("bone_names", 3, "root"), "bone_names: a name stands twice"),
        ("body.npz", _set("bone_parent", 3, 9), "bone_parent: 9 for spine03"),
        ("body.npz", _set("bone_parent", 3, -1), "bone_parent: -1 for spine03"),
        ("body.npz", _set("bone_parent", 0, 0), "bone_parent: 0 for root"),
        ("shape_targets.npz", _be("delta", lambda a: a[:, :-1]), r"delta: shape .* wanted \(targets=72, 1200, 3\)"),
        ("shape_targets.npz", _be("names", lambda a: a[:-1]), "delta: shape"),
        ("shape_targets.npz", _be("unit", lambda a: [0.1, 0.2]), r"unit: shape \(2,\)"),
        ("clothes.npz", lambda arrays: arrays.pop("shoes01/tri"), "no array 'shoes01/tri'"),
        ("clothes.npz", _set("shoes01/idx", (0, 0), 1200), "shoes01/idx: values"),
        ("clothes.npz", _set("shoes01/tri", (0, 0), 9999), "shoes01/tri: values"),
        ("clothes.npz", _set("shoes01/w", (2, 0), 3), "shoes01/w: the weights of row 2 sum to 3"),
        ("clothes.npz", _set("shoes01/off", (0, 0), np.inf), "shoes01/off: values that are not finite"),
        ("clothes.npz", _set("shoes01/scale", (0, 0), 1e5), "shoes01/scale: vertices 100000"),
        ("clothes.npz", _be("shoes01/hide", lambda a: a[:-1]), "shoes01/hide: shape"),
        ("clothes.npz", _be("shoes01/comp", lambda a: a[:-1]), "shoes01/comp: shape"),
        ("mocap.npz", _be("fps", lambda a: 60), "fps: 60; wanted 30"),
        (
            "mocap.npz",
            _be("points_mm", lambda a: a[:, :22]),
            r"points_mm: shape \(135, 22, 3\); wanted \(N=135, 23, 3\)",
        ),
        ("mocap.npz", _set("start", 1, 200), "start: values 0 to 200"),
        ("mocap.npz", _set("start", 1, 0), "start: clips that overlap"),
        ("mocap.npz", _be("start", lambda a: a[:-1]), "start: shape"),
        ("mocap.npz", _set("source", 0, 2), "source: values"),
        ("mocap.npz", _be("rest_ref", lambda a: a[0]), "rest_ref: shape"),
        ("backgrounds/light.npz", _set("names", 0, "beach"), r"beach\.jpg: no such picture"),
        ("backgrounds/light.npz", _set("sun_dir", 0, 0), "sun_dir: .* for field"),
        ("backgrounds/light.npz", _be("sh9_irradiance_over_pi", lambda a: a[:, :4]), "sh9_irradiance_over_pi: shape"),
    ],
)
def test_what_cannot_be_is_refused(broken: Path, name: str, change: Callable[[Arrays], object], wanted: str) -> None:
    rewrite(broken / name, change)
    message = refusal(broken)
    assert message.startswith(str(broken / name).removesuffix("/light.npz"))
    assert re.search(wanted, message), message


def test_a_picture_without_light_is_refused(broken: Path) -> None:
    Image.new("RGB", (64, 32)).save(broken / "backgrounds" / "stray.jpg")
    assert "no light for the picture stray" in refusal(broken)


@pytest.mark.data
def test_the_real_bundle() -> None:
    assets = read_assets(Path(os.environ["CHRONOPOSE_DATA"]) / "people_assets")
    assert len(assets.body.vertices) == 19158 and len(assets.garments) == 29 and len(assets.panoramas) == 39
    assert len(assets.motions.names) == 186
    assert set(np.unique(assets.body.groups)) == set(range(len(GROUPS)))
    assert assets.panoramas[3].pixels().shape == (512, 1024, 3)
    for panorama in assets.panoramas:
        assert 0.1 < max(light.max() for light in (panorama.sun, panorama.sky, panorama.ground)) < 2
