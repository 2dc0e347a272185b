"""Frames in any order: the right ones from pictures, from memory and from packed files; bounded, checked, rebuilt."""

import multiprocessing
import os
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.data import packed
from chronopose.data.frames import FrameStore, Kept
from chronopose.data.packed import open_packed, write_packed
from chronopose.video.writer import VideoWriter

WIDTH, HEIGHT, LENGTH = 64, 48, 12


@dataclass(frozen=True)
class Film:
    """What a store must know of a video."""

    images: tuple[Path, ...] | Path
    length: int = LENGTH
    size: tuple[int, int] | None = (WIDTH, HEIGHT)


def grey(number: int) -> int:
    return 30 + 15 * number


def film(file: Path, length: int = LENGTH, first: int = 0) -> Film:
    """A video file in which every frame is a grey of its own."""
    with VideoWriter(file, WIDTH, HEIGHT, 25) as writer:
        for number in range(length):
            writer.write(np.full((HEIGHT, WIDTH, 3), grey(first + number), dtype=np.uint8), number / 25)
    return Film(file, length)


def pictures(folder: Path, length: int = LENGTH) -> Film:
    folder.mkdir()
    files = tuple(folder / f"{number:06d}.png" for number in range(length))
    for number, file in enumerate(files):
        Image.new("RGB", (WIDTH, HEIGHT), (grey(number),) * 3).save(file)
    return Film(files, length)


def shown(store: FrameStore, place: int, number: int) -> float:
    pixels = store.frame(place, number)
    assert pixels.shape == (HEIGHT, WIDTH, 3) and pixels.dtype == np.uint8
    return float(pixels.mean())


@pytest.mark.parametrize("stored", [False, True])
def test_any_order_gives_the_frame_asked_for(tmp_path: Path, stored: bool) -> None:
    store = FrameStore(
        [film(tmp_path / "a.mp4"), pictures(tmp_path / "b")], packed=tmp_path / "packed" / "here" if stored else None
    )
    rng = np.random.default_rng(0)
    for number in rng.permutation(LENGTH):
        for place, error in ((0, 2.5), (1, 0.0)):
            assert shown(store, place, int(number)) == pytest.approx(grey(number), abs=error)
    for number in (-1, LENGTH):
        with pytest.raises(IndexError):
            store.frame(0, number)


def test_packed_frames_are_those_kept_in_memory_to_the_bit(tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4")
    one, two = FrameStore([video]), FrameStore([video], packed=tmp_path / "packed")
    for number in range(LENGTH):
        np.testing.assert_array_equal(one.frame(0, number), two.frame(0, number))


def test_a_size_that_is_not_stated_is_that_of_the_first_frame(tmp_path: Path) -> None:
    videos = [film(tmp_path / "a.mp4"), pictures(tmp_path / "b")]
    store = FrameStore([replace(video, size=None) for video in videos])
    assert store.size(0) == store.size(1) == (WIDTH, HEIGHT)
    Image.new("RGB", (WIDTH + 1, HEIGHT)).save(tmp_path / "b" / "000003.png")
    with pytest.raises(InputError, match=r"000003.png: frames of 65 x 48 pixels; wanted 64 x 48"):
        store.frame(1, 3)


def test_frames_are_read_only_and_decoded_once_while_there_is_room(tmp_path: Path) -> None:
    store = FrameStore([pictures(tmp_path / "a")])
    first = store.frame(0, 5)
    (tmp_path / "a" / "000005.png").unlink()
    assert store.frame(0, 5) is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1
    with pytest.raises(InputError, match=r"000005.png: cannot be read as a picture \(No such file"):
        FrameStore(store.videos).frame(0, 5)


def test_a_copy_for_a_worker_starts_without_frames_and_reads_the_same(tmp_path: Path) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed")
    before = store.frame(0, 3)
    text = pickle.dumps(store)
    assert len(text) < 5000
    np.testing.assert_array_equal(pickle.loads(text).frame(0, 3), before)


@pytest.mark.parametrize(("way", "stored"), [("fork", False), ("fork", True), ("spawn", True)])
def test_workers_read_the_same_frames(tmp_path: Path, way: str, stored: bool) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed" if stored else None)
    store.frame(0, 0)
    with multiprocessing.get_context(way).Pool(1) as pool:
        pixels = pool.apply(store.frame, (0, 7))
    np.testing.assert_array_equal(pixels, store.frame(0, 7))


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    video = pictures(tmp_path / "a", 3)
    assert isinstance(video.images, tuple)
    video.images[0].write_bytes(video.images[1].read_bytes()[:60])
    video.images[1].write_bytes(b"no picture")
    Image.new("L", (20000, 4)).save(video.images[2])
    store = FrameStore([video])
    for number, reason in ((0, "cannot be read as a picture"), (1, "cannot identify"), (2, "too large")):
        with pytest.raises(InputError, match=f"00000{number}.png.*{reason}"):
            store.frame(0, number)


@pytest.mark.parametrize("stored", [False, True])
def test_a_video_shorter_than_its_labels_or_of_another_size_is_named(tmp_path: Path, stored: bool) -> None:
    video, folder = film(tmp_path / "a.mp4"), tmp_path / "packed" if stored else None
    with pytest.raises(InputError, match=r"a.mp4: 12 frames; the annotations have 13"):
        FrameStore([replace(video, length=13)], packed=folder).frame(0, 12)
    with pytest.raises(InputError, match=r"a.mp4: frames of 64 x 48 pixels; wanted 64 x 50"):
        FrameStore([replace(video, size=(64, 50))], packed=folder).frame(0, 0)
    assert shown(FrameStore([replace(video, length=5)], packed=folder), 0, 4) == pytest.approx(grey(4), abs=2.5)


def test_memory_is_bounded_and_what_is_longest_unused_goes_first(tmp_path: Path) -> None:
    store = FrameStore([film(tmp_path / f"{n}.mp4") for n in range(3)], cache_mb=0, decoded_mb=0)
    for place in (0, 1, 0, 2):
        store.frame(place, 0)
        assert list(store._in_memory.values) == [place]
    assert len(store._decoded.values) == 1


@given(steps=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9))), room=st.integers(0, 20))
@settings(max_examples=50)
def test_what_is_kept_fits_unless_it_is_one_thing_alone(steps: list[tuple[int, int]], room: int) -> None:
    kept, order = Kept[int, str](room), list[int]()
    for key, size in steps:
        if kept.get(key) is None:
            kept.put(key, str(key), size)
        order = [other for other in order if other != key] + [key]
        assert kept.get(key) == str(key)
        assert kept.taken == sum(size for _, size in kept.values.values())
        assert kept.taken <= room or list(kept.values) == [key]
        assert list(kept.values) == order[-len(kept.values) :]
    assert pickle.loads(pickle.dumps(kept)).taken == 0


def test_a_video_is_never_decoded_again(tmp_path: Path) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed", decoded_mb=0)
    first = store.frame(0, 2)
    found = (tmp_path / "a.mp4").stat()
    (tmp_path / "a.mp4").write_bytes(b"x" * found.st_size)  # of the same size and time, but no video
    os.utime(tmp_path / "a.mp4", ns=(found.st_atime_ns, found.st_mtime_ns))
    np.testing.assert_array_equal(FrameStore(store.videos, packed=tmp_path / "packed").frame(0, 2), first)
    assert shown(store, 0, 9) == pytest.approx(grey(9), abs=2.5)


def test_a_video_that_has_changed_is_packed_anew(tmp_path: Path) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed")
    store.frame(0, 0)
    film(tmp_path / "a.mp4", first=3)
    assert shown(FrameStore(store.videos, packed=tmp_path / "packed"), 0, 0) == pytest.approx(grey(3), abs=2.5)
    assert len(list((tmp_path / "packed").iterdir())) == 1


def _damages(data: bytes) -> dict[str, bytes]:
    middle = len(data) // 3
    return {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "longer": data + b"\0",
        "other magic": b"PK" + data[2:],
        "other version": data[:8] + b"\x07" + data[9:],
        "a frame": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "the index": data[:-80] + bytes([data[-80] ^ 1]) + data[-79:],
        "the count": data[:-16] + b"\xff\xff\xff\xff" + data[-12:],
        "zeros": bytes(len(data)),
    }


@pytest.mark.parametrize("kind", _damages(b"\0" * 300))
def test_a_damaged_file_is_packed_anew(tmp_path: Path, kind: str) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed", decoded_mb=0)
    right = [store.frame(0, number) for number in range(LENGTH)]
    (file,) = (tmp_path / "packed").iterdir()
    whole = file.read_bytes()
    file.write_bytes(_damages(whole)[kind])
    for other in (store, FrameStore(store.videos, packed=tmp_path / "packed")):
        for number in range(LENGTH):
            np.testing.assert_array_equal(other.frame(0, number), right[number])
        if other is not store:
            assert file.read_bytes() == whole


def test_a_file_that_disappears_while_it_is_read_is_packed_anew(tmp_path: Path) -> None:
    store = FrameStore([film(tmp_path / "a.mp4")], packed=tmp_path / "packed", decoded_mb=0)
    store.frame(0, 0)
    (file,) = (tmp_path / "packed").iterdir()
    file.unlink()
    assert shown(store, 0, 1) == pytest.approx(grey(1), abs=2.5)
    assert file.is_file()


@given(frames=st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20), data=st.data())
@settings(max_examples=50)
def test_packed_frames_come_back_and_no_change_of_a_byte_goes_unseen(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    source, path = folder / "source", folder / "x.frames"
    source.write_bytes(b"video")
    write_packed(path, source, iter(frames))
    found = open_packed(path, source)
    assert found is not None and [found.jpeg(number) for number in range(len(found))] == frames
    whole = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
    broken = open_packed(path, source)
    assert broken is None or [broken.jpeg(number) for number in range(len(broken))].count(None) == 1
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert open_packed(path, source) is None


def test_a_failed_packing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = film(tmp_path / "a.mp4")
    monkeypatch.setattr(packed, "MOST_FRAMES", 5)
    with pytest.raises(InputError, match=r"a.mp4: more than 5 frames"):
        FrameStore([video], packed=tmp_path / "packed").frame(0, 0)
    assert list((tmp_path / "packed").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written .*; wanted a folder with room"):
        FrameStore([video], packed=tmp_path / "file").frame(0, 0)
