"""Images and folders of images on real files: order, orientation, modes, damage and refusals."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.types import Frame
from chronopose.video.reader import VideoReader, open_video


def read(source: Path, start: int = 0) -> tuple[VideoReader, list[Frame]]:
    with open_video(source, start=start) as reader:
        return reader, list(reader)


def test_folder_of_images_in_natural_order(tmp_path):
    for value, name in enumerate(["img1.png", "img2.png", "img10.PNG", "img010b.png", "img100.png"]):
        Image.new("RGB", (20, 10), (value, 0, 0)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._img1.png").write_bytes(b"a file system's shadow")
    reader, frames = read(tmp_path)
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time_s for frame in frames] == [0, 0.04, 0.08, 0.12, 0.16]
    assert (reader.info.frames, reader.info.fps, reader.info.width, reader.info.height) == (5, 25.0, 20, 10)
    assert [frame.index for frame in read(tmp_path, 3)[1]] == [3, 4]


@pytest.mark.parametrize("name", ["one.jpg", "one.jpeg", "one.png", "one.webp", "one.bmp"])
def test_single_image(tmp_path, name):
    Image.new("RGB", (31, 17), (200, 100, 50)).save(tmp_path / name)
    reader, frames = read(tmp_path / name)
    assert reader.info.frames == len(frames) == 1
    assert frames[0].pixels.shape == (17, 31, 3)
    assert np.allclose(frames[0].pixels, (200, 100, 50), atol=4)


@pytest.mark.parametrize("mode,value", [("L", 90), ("P", 90), ("RGBA", (90, 90, 90, 10)), ("I;16", 90 * 257)])
def test_other_image_modes_become_rgb(tmp_path, mode, value):
    if mode == "P":
        Image.new("L", (8, 8), value).convert("P").save(tmp_path / "a.png")
    else:
        Image.new(mode, (8, 8), value).save(tmp_path / "a.png")
    _, frames = read(tmp_path / "a.png")
    assert np.all(frames[0].pixels == 90)
    assert frames[0].pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_exif_orientation_is_applied(tmp_path, kind, orientation):
    y, x = np.mgrid[0:24, 0:40]
    upright = np.stack([x * 6, y * 10, 0 * x], axis=-1).astype(np.uint8)
    stored = {  # how a camera stores it: row 0 and column 0 of the file at the side that EXIF says
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    quality = {} if kind == "png" else {"quality": 95}
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"a.{kind}", exif=exif, **quality)
    reader, frames = read(tmp_path / f"a.{kind}")
    assert (reader.info.width, reader.info.height) == (40, 24)
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 4


def test_images_of_two_sizes_are_refused(tmp_path):
    folder = tmp_path / "shots"
    folder.mkdir()
    Image.new("RGB", (20, 10)).save(folder / "1.png")
    Image.new("RGB", (20, 11)).save(folder / "2.png")
    with pytest.raises(InputError, match=r"2\.png.*20 x 11.*20 x 10"):
        open_video(folder)


def test_an_image_cut_short_ends_the_folder_with_a_word(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for i in range(4):
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:5000])
    reader, frames = read(tmp_path)
    assert [frame.index for frame in frames] == [0, 1]
    assert "2.png" in reader.broken
    assert "after frame 1" in reader.broken


def test_damaged_image_folder_header_names_the_image(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    with pytest.raises(InputError, match=r"2\.png"):
        open_video(tmp_path)


@pytest.mark.parametrize("size", [(16385, 4), (9000, 9000)])
def test_too_large_image(tmp_path, size):
    Image.new("1", size).save(tmp_path / "huge.png")
    with pytest.raises(InputError, match=r"huge\.png.*too large.*wanted"):
        open_video(tmp_path / "huge.png")


def test_decompression_bomb(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("L", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    struct.pack_into(">II", content, 16, 60000, 60000)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bomb\.png.*too large.*wanted"):
        open_video(path)
