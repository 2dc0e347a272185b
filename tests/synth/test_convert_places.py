"""Panoramas: pictures of one size, and the light that is in them, the sun where it shines."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.synth.convert.places import convert_places
from chronopose.synth.convert.radiance import read_hdr
from tests.synth.tiny_sources import write_panorama


def refuse(error: InputError) -> None:
    raise error


def convert(tmp_path: Path, folder: Path) -> dict[str, np.ndarray]:
    out = tmp_path / "out"
    out.mkdir()
    convert_places(folder, out, refuse, lambda done: None)
    with np.load(out / "backgrounds" / "light.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def rgbe(linear: np.ndarray, packed: bool = True) -> bytes:
    """A Radiance file; rows are packed as literal runs, and as a run of one value where a row has only one."""
    height, width, _ = linear.shape
    largest = np.maximum(linear.max(axis=2), 1e-20)
    mantissa, exponent = np.frexp(largest)
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3] = linear * (mantissa * 256 / largest)[..., None]
    pixels[..., 3] = exponent + 128
    rows = [f"#?RADIANCE\n# made up\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n".encode()]
    if not packed:
        return rows[0] + pixels.tobytes()
    for row in pixels:
        rows.append(bytes((2, 2, width >> 8, width & 255)))
        for channel in row.T:
            for start in range(0, width, 100):
                part = channel[start : start + 100]
                same = (part == part[0]).all() and len(part) > 2
                rows.append(bytes((128 + len(part), part[0])) if same else bytes((len(part),)) + part.tobytes())
    return b"".join(rows)


def test_the_sun_is_where_it_is_in_the_picture(tmp_path: Path, folder: Path) -> None:
    write_panorama(folder / "ahead_2k.png", sun=(14, 62))  # the middle column is -z
    write_panorama(folder / "right.png", sun=(14, 94))
    light = convert(tmp_path, folder)
    assert light["names"].tolist() == ["ahead", "right"]
    up = np.pi / 2 - 16 / 64 * np.pi
    np.testing.assert_allclose(light["sun_dir"][0], [0, np.sin(up), -np.cos(up)], atol=0.02)
    np.testing.assert_allclose(light["sun_dir"][1], [np.cos(up), np.sin(up), 0], atol=0.02)
    assert (light["sun_rgb"] > 0).all()


def test_an_even_sphere_lights_everything_evenly(tmp_path: Path, folder: Path) -> None:
    Image.new("RGB", (256, 128), (255, 255, 255)).save(folder / "white.png")
    harmonics = convert(tmp_path, folder)["sh9_irradiance_over_pi"]
    np.testing.assert_allclose(harmonics[0, 0] * 0.282095, 1, atol=1e-3)  # white stays white in a white room
    np.testing.assert_allclose(harmonics[0, 1:], 0, atol=1e-3)


def test_light_from_above_falls_on_what_faces_up(tmp_path: Path, folder: Path) -> None:
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:32] = 255
    Image.fromarray(pixels).save(folder / "sky.png")
    harmonics = convert(tmp_path, folder)["sh9_irradiance_over_pi"][0, :, 0]
    even = 0.282095 * harmonics[0] - 0.315392 * harmonics[6] - 0.546274 * harmonics[8]
    assert even + 0.488603 * harmonics[1] == pytest.approx(1, abs=0.01)  # facing up
    assert even - 0.488603 * harmonics[1] == pytest.approx(0, abs=0.01)  # facing down


@pytest.mark.parametrize("packed", [True, False])
def test_radiance_pictures_come_back(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(0)
    linear = rng.uniform(0.5, 1, (10, 20, 3)) * 2.0 ** rng.integers(-6, 12, (10, 20, 1))
    linear[3] = linear[3, 0]
    (tmp_path / "a.hdr").write_bytes(rgbe(linear, packed))
    np.testing.assert_allclose(read_hdr(tmp_path / "a.hdr"), linear, rtol=0.02)


def test_a_radiance_picture_is_developed_without_burning_out(tmp_path: Path, folder: Path) -> None:
    linear = np.full((128, 256, 3), 40.0)
    linear[20:24, 100:104] = 50_000
    (folder / "bright.hdr").write_bytes(rgbe(linear))
    light = convert(tmp_path, folder)
    with Image.open(tmp_path / "out" / "backgrounds" / "bright.jpg") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (128, 256, 3) and 90 < np.median(pixels) < 190 and pixels[22, 102].min() > 245
    assert light["sun_rgb"].min() > 0.5  # of the 0.002 that its 16 pixels would give if they were only white


def test_pictures_are_cut_to_one_size(tmp_path: Path, folder: Path) -> None:
    Image.new("RGB", (2000, 1000), (200, 100, 50)).save(folder / "big.jpeg")
    (folder / "big2.hdr").write_bytes(rgbe(np.full((1024, 2048, 3), 0.5)))
    assert len(convert(tmp_path, folder)["names"]) == 2
    for name in ("big", "big2"):
        with Image.open(tmp_path / "out" / "backgrounds" / f"{name}.jpg") as image:
            assert image.size == (1024, 512)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (rgbe(np.ones((8, 16, 3)))[:100], "ends within row"),
        (rgbe(np.ones((64, 128, 3))).replace(b"-Y 64", b"-Y 99"), "does not begin as rows do|ends within|packed"),
        (rgbe(np.ones((64, 128, 3))).replace(b"-Y 64 +X 128", b"-Y 99999 +X 99999"), "99999x99999 pixels"),
        (rgbe(np.ones((64, 128, 3))).replace(b"_rgbe", b"_xyze"), "not a Radiance picture"),
        (rgbe(np.ones((64, 128, 3)))[:-800] + bytes(800), "holds more than|does not begin"),
        (rgbe(np.ones((64, 128, 3)), packed=False)[:-1], "ends before its 64 rows"),
        (rgbe(np.zeros((64, 128, 3))), "black"),
        (rgbe(np.ones((64, 100, 3))), "100x64 pixels; wanted an equirectangular"),
        (b"", "not a Radiance picture"),
    ],
)
def test_a_broken_radiance_picture_gives_one_line(tmp_path: Path, folder: Path, content: bytes, message: str) -> None:
    (folder / "a.hdr").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path, folder)
    assert "a.hdr" in str(caught.value) and "\n" not in str(caught.value)


def test_other_pictures_are_refused(tmp_path: Path, folder: Path) -> None:
    told: list[InputError] = []
    Image.new("RGB", (100, 100)).save(folder / "square.png")
    (folder / "text.jpg").write_text("no picture")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"no usable \.jpg"):
        convert_places(folder, tmp_path / "out", told.append, lambda done: None)
    assert "twice as wide as high" in str(told[0]) and "not a readable picture" in str(told[1])


def test_two_panoramas_of_one_name(tmp_path: Path, folder: Path) -> None:
    write_panorama(folder / "a_1k.png")
    write_panorama(folder / "a_2k.png")
    with pytest.raises(InputError, match="there is a panorama 'a' already"):
        convert(tmp_path, folder)
