"""Looking for defects: pictures that are cut off, of another size or none at all; videos that are too short."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.data.defects import Found, Unit, check_pictures, defect_of_picture, defects_of, stopping, videos_of
from chronopose.data.videos import Defect, LabelledVideo
from chronopose.video.writer import VideoWriter

SIZE = (48, 32)


def texture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8))


def unit(name: str, images: tuple[Path, ...] | Path, length: int, size: tuple[int, int] | None = SIZE) -> Unit:
    video = LabelledVideo(
        name=name, images=images, length=length, size=size, labelled=np.ones(length, dtype=bool), persons=()
    )
    return Unit(file=Path(f"{name}.txt"), read=lambda: Found(video=video))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_whole_pictures_are_right_and_cut_ones_are_not(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    texture().save(file)
    assert defect_of_picture(file, SIZE) is None and defect_of_picture(file, None) is None
    whole = file.read_bytes()
    file.write_bytes(whole + b"trailing bytes")  # some cameras write them
    assert defect_of_picture(file, SIZE) is None
    file.write_bytes(whole[: len(whole) // 2])
    defect = defect_of_picture(file, SIZE)
    assert defect is not None and defect.file == file and "cannot be read as a picture" in defect.what


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "cannot be read as a picture"), (b"text", "cannot be read"), (None, "No such file")]
)
def test_what_is_no_picture_is_told_in_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "a.jpg"
    if content is not None:
        file.write_bytes(content)
    defect = defect_of_picture(file, SIZE)
    assert defect is not None and message in defect.what and "\n" not in defect.what and not defect.known


def test_pictures_of_another_size_than_the_first_or_far_too_large_are_told(tmp_path: Path) -> None:
    files = tuple(tmp_path / f"{number}.png" for number in range(4))
    for file in files:
        texture().save(file)
    texture().resize((20, 10)).save(files[2])
    Image.new("1", (20_000, 10)).save(files[3])
    found = [defect for defect in defects_of([unit("a", files, 4, size=None)]) if defect]
    assert [defect.file for defect in found] == [files[2], files[3]]
    assert found[0].what == "20 x 10 pixels, wanted 48 x 32; reading stops here"
    assert "pictures of 20000 x 10 pixels are too large" in found[1].what


def test_video_files_are_counted_and_measured(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    with VideoWriter(file, *SIZE, 25) as writer:
        for frame in range(3):
            writer.write(np.asarray(texture()), frame / 25)
    assert list(defects_of([unit("a", file, 3), unit("b", file, 2)])) == [None, None]
    (short,) = [defect for defect in defects_of([unit("a", file, 4)]) if defect]
    assert short.what == "3 frames, the labels have 4; reading stops here"
    (wide,) = [defect for defect in defects_of([unit("a", file, 3, size=(50, 32))]) if defect]
    assert wide.what.startswith("frames of 48 x 32 pixels, the labels say otherwise")
    file.write_bytes(b"")
    (empty,) = [defect for defect in defects_of([unit("a", file, 3)]) if defect]
    assert empty.file == file and "the file is empty" in empty.what


def test_a_reader_that_stops_is_a_defect_and_the_others_are_read_on(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"

    def stops() -> Found:
        raise InputError(f"{file}: clips[1]: no joints")

    put_right = Defect(file=file, where="box", what="put right", known=True)
    texture().save(tmp_path / "a.png")
    read = unit("a", (tmp_path / "a.png",), 1).read()
    assert read is not None
    units = [
        Unit(file=file, where="clips[1]", read=stops),
        Unit(file=file, read=lambda: Found(video=read.video, defects=(put_right,))),
        Unit(file=file, read=lambda: None),
    ]
    stopped = Defect(file=file, where="clips[1]", what="no joints; reading stops here")
    assert list(defects_of(units)) == [stopped, None, put_right, None, None]
    assert videos_of(units[1:]) == (read.video,)
    with pytest.raises(InputError, match="no joints"):
        videos_of(units)
    assert stopping(InputError("something else"), file).what == "something else; reading stops here"


def test_a_missing_picture_stops_and_one_to_spare_is_left_out(tmp_path: Path) -> None:
    files = tuple(tmp_path / f"{number}.png" for number in range(3))
    for file in files:
        file.touch()
    labels = Path("labels.mat")
    assert check_pictures(files, labels) == ()
    (spare,) = check_pictures(files[:2], labels)
    assert spare.file == tmp_path and spare.what.startswith("3 pictures, labels for 2")
    files[1].unlink()
    with pytest.raises(InputError, match=r"no 1\.png; labels\.mat has labels for 3 frames"):
        check_pictures(files, labels)
    with pytest.raises(InputError, match=r"nowhere: no 0\.png"):
        check_pictures((tmp_path / "nowhere" / "0.png",), labels)
