"""The reader on real files: frames, sizes, times, rotation, damage and every refusal."""

import functools
import http.server
import itertools
import logging
import os
import struct
import threading
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from chronopose.core.errors import InputError
from chronopose.core.types import Frame
from chronopose.video.reader import VideoReader, open_video


def read(source: str | Path, start: int = 0) -> tuple[VideoReader, list[Frame]]:
    with open_video(source, start=start) as reader:
        return reader, list(reader)


def refusal(source: str | Path) -> str:
    """The message for a source that must be refused at opening: one line that names it."""
    with pytest.raises(InputError) as caught:
        open_video(source)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(source).name in message
    assert "wanted" in message
    return message


# ---- what comes out of a good file


@pytest.mark.parametrize("name,codec", [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.ts", "libx264"),
                                        ("a.webm", "libvpx"), ("a.avi", "mjpeg"), ("b.avi", "mpeg4")])  # fmt: skip
def test_frames_size_and_times(make_video, name, codec):
    reader, frames = read(make_video(name, codec=codec))
    assert (reader.info.width, reader.info.height) == (160, 120)
    assert reader.info.fps == pytest.approx(25)
    assert reader.info.frames in (40, None)
    assert reader.info.duration_s == pytest.approx(1.6, abs=0.1)
    assert not reader.live
    assert reader.broken is None
    assert [frame.index for frame in frames] == list(range(40))
    assert np.allclose([frame.time_s for frame in frames], np.arange(40) / 25, atol=1.1e-3)
    for frame in frames:
        assert frame.pixels.shape == (120, 160, 3)
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous
        assert frame.pixels.flags.writeable


def test_info_is_known_before_iteration(make_video):
    with open_video(str(make_video("a.mp4"))) as reader:
        assert reader.info.frames == 40
        assert reader.broken is None


def test_times_come_from_the_stream_and_begin_at_zero(make_video):
    stamps = [500 + 1000 * i * i for i in range(12)]  # 1/90000 s, ever slower
    path = make_video("vfr.mp4", 12, stamps=stamps, time_base=Fraction(1, 90000))
    _, frames = read(path)
    assert frames[0].time_s == 0.0
    assert np.allclose([frame.time_s for frame in frames], (np.array(stamps) - 500) / 90000, atol=1e-6)


def test_a_clock_that_starts_anew_still_goes_forward(make_video, tmp_path):
    joined = tmp_path / "joined.ts"
    joined.write_bytes(make_video("one.ts").read_bytes() * 2)
    reader, frames = read(joined)
    assert reader.broken is None
    times = [frame.time_s for frame in frames]
    assert len(frames) == 80
    assert all(b >= a for a, b in itertools.pairwise(times))
    assert times[-1] == pytest.approx(len(frames) / 25, abs=0.2)


def test_every_frame_has_the_size_of_the_first(make_video, tmp_path):
    joined = tmp_path / "joined.ts"
    second = make_video("two.ts", width=96, height=200)
    joined.write_bytes(make_video("one.ts").read_bytes() + second.read_bytes())
    _, frames = read(joined)
    assert len(frames) == 80
    assert {frame.pixels.shape for frame in frames} == {(120, 160, 3)}


@pytest.mark.parametrize("start", [1, 17, 39, 40, 100])
def test_start_equals_the_tail_of_plain_iteration(make_video, start):
    path = make_video("a.mp4")
    _, plain = read(path)
    _, tail = read(path, start)
    assert [frame.index for frame in tail] == list(range(start, 40))
    for a, b in zip(plain[start:], tail, strict=True):
        assert a.time_s == b.time_s
        assert np.array_equal(a.pixels, b.pixels)


def test_negative_start_is_refused(make_video):
    with pytest.raises(InputError, match="start must be 0 or more"):
        open_video(make_video("a.mp4"), start=-1)


def test_colours_are_true(tmp_path, make_video):
    for name, codec in (("a.avi", "mjpeg"), ("a.mp4", "libx264")):
        path = make_video(
            name, 1, codec=codec, options={"qmin": "1", "qmax": "1"} if codec == "mjpeg" else {"crf": "1"}
        )
        _, frames = read(path)
        texture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        # Colour is stored at half size, so only brightness and means can agree.
        luma = np.array([0.299, 0.587, 0.114])
        assert np.abs(frames[0].pixels @ luma - texture @ luma).mean() < 20
        assert np.allclose(frames[0].pixels.mean((0, 1)), texture.mean((0, 1)), atol=4)


def test_closing_ends_the_iteration_and_may_be_repeated(make_video):
    reader = open_video(make_video("a.mp4"))
    assert next(reader).index == 0
    reader.close()
    reader.close()
    assert list(reader) == []
    assert reader.broken is None


# ---- rotation

QUARTERS = {  # display matrix (a, b, c, d) -> what numpy does with the stored picture
    (0, 1, -1, 0): lambda p: np.rot90(p, -1),  # clockwise, a telephone held upright
    (-1, 0, 0, -1): lambda p: np.rot90(p, 2),
    (0, -1, 1, 0): lambda p: np.rot90(p, 1),
    (-1, 0, 0, 1): lambda p: p[:, ::-1],
    (1, 0, 0, -1): lambda p: p[::-1],
    (0, 1, 1, 0): lambda p: p.transpose(1, 0, 2),
}


@pytest.mark.parametrize("matrix", QUARTERS)
def test_rotation_and_mirroring_are_applied(make_video, tmp_path, matrix):
    path = make_video("plain.mp4", 3)
    _, plain = read(path)
    content = bytearray(path.read_bytes())
    a, b, c, d = (value * 65536 for value in matrix)
    # The matrix stands 40 bytes into the content of the track header box.
    place = content.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", content, place) == (65536, 0, 0, 0, 65536, 0, 0, 0, 2**30)
    struct.pack_into(">9i", content, place, a, b, 0, c, d, 0, 0, 0, 2**30)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    reader, frames = read(turned)
    assert len(frames) == 3
    for frame, original in zip(frames, plain, strict=True):
        assert np.array_equal(frame.pixels, QUARTERS[matrix](original.pixels))
        assert frame.pixels.shape == (reader.info.height, reader.info.width, 3)
        assert frame.pixels.flags.c_contiguous


# ---- damage in the middle


@pytest.mark.parametrize("name,codec,options", [
    ("a.ts", "libx264", {}),
    ("a.mkv", "libx264", {}),
    ("a.webm", "libvpx", {}),
    ("a.avi", "mpeg4", {}),
    ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ("index_first.mp4", "libx264", {"movflags": "faststart"}),
])  # fmt: skip
def test_a_video_cut_short_gives_what_is_there_and_says_so(make_video, capfd, caplog, name, codec, options):
    path = make_video(name, codec=codec, container_options=options, options={"g": "10"})
    _, whole = read(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6) // 188 * 188 + 94])
    caplog.set_level(logging.WARNING)
    reader, frames = read(path)
    assert 10 <= len(frames) < 40
    for a, b in zip(frames[:-1], whole, strict=False):
        assert np.array_equal(a.pixels, b.pixels)
    assert f"after frame {len(frames) - 1}" in reader.broken
    assert name in reader.broken
    assert "\n" not in reader.broken
    assert reader.broken in caplog.text
    assert capfd.readouterr() == ("", "")
    assert list(reader) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_garbage_in_the_middle_gives_the_frames_before_and_says_so(make_video, capfd, name):
    path = make_video(name, options={"g": "10", "bf": "0"})
    _, whole = read(path)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) * 3 // 4, 1500):
        content[place : place + 100] = np.random.default_rng(place).bytes(100)
    path.write_bytes(content)
    reader, frames = read(path)
    assert 10 < len(frames) < 40
    assert sum(np.array_equal(a.pixels, b.pixels) for a, b in zip(frames, whole, strict=False)) >= 10
    assert f"after frame {len(frames) - 1}" in reader.broken
    assert capfd.readouterr() == ("", "")


def test_damage_among_skipped_frames_is_told(make_video):
    path = make_video("a.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    reader, frames = read(path, 39)
    assert frames == []
    assert "before frame 39" in reader.broken


def test_a_long_last_frame_is_not_a_broken_end(make_video):
    stamps = [*range(10), 250]
    reader, frames = read(make_video("slides.mp4", 11, stamps=stamps))
    assert len(frames) == 11
    assert reader.broken is None


# ---- refusals at opening


def test_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.mp4")


@pytest.mark.parametrize("name", ["x" * 5000 + ".mp4", "zero\0byte.mp4"])
def test_impossible_names(tmp_path, name):
    with pytest.raises(InputError, match="cannot be opened"):
        open_video(tmp_path / name)


def test_folder_without_images(tmp_path):
    (tmp_path / "a.txt").write_text("words")
    assert "no image" in refusal(tmp_path)


def test_empty_file(tmp_path):
    for name in ("a.mp4", "a.png"):
        (tmp_path / name).touch()
        assert "empty" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.xyz", "a.jpg", "a.png"])
def test_garbage(tmp_path, capfd, name):
    (tmp_path / name).write_bytes(np.random.default_rng(3).bytes(30000))
    refusal(tmp_path / name)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.png"])
def test_text_under_another_name(tmp_path, name):
    (tmp_path / name).write_text("frame,time\n1,0.04\n" * 200)
    refusal(tmp_path / name)


@pytest.mark.parametrize("name,keep", [("a.mp4", 0.9), ("a.mp4", 0.01), ("a.mkv", 0.002), ("a.avi", 0.001)])
def test_cut_before_the_first_frame(make_video, capfd, name, keep):
    path = make_video(name, codec="mjpeg" if name == "a.avi" else "libx264")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    refusal(path)
    assert capfd.readouterr() == ("", "")


def test_audio_only(tmp_path):
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    assert "no video stream (found: audio)" in refusal(path)


def test_audio_with_a_cover_image(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        picture.pts = 0
        container.mux([*cover.encode(picture), *cover.encode()])
        for i in range(20):
            samples = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            samples.sample_rate, samples.pts = 44100, i * 1024
            container.mux(sound.encode(samples))
        container.mux(sound.encode())
    assert "no video stream (found: audio, cover image)" in refusal(path)


def test_video_without_frames(tmp_path, make_video):
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    refusal(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_no_permission(make_video, tmp_path):
    path = make_video("a.mp4", 2)
    path.chmod(0)
    assert "permission" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "pipe" in refusal(tmp_path / "pipe.mp4")


def test_missing_camera():
    with pytest.raises(InputError, match=r"camera 97.*wanted"):
        open_video("97")


def test_unreachable_stream_hides_its_password():
    with pytest.raises(InputError) as caught:
        open_video("http://me:secret@127.0.0.1:9/live")
    message = str(caught.value)
    assert "127.0.0.1:9/live" in message
    assert "secret" not in message
    assert "\n" not in message


def test_unknown_scheme():
    with pytest.raises(InputError, match=r"kind gopher.*wanted"):
        open_video("gopher://x/y")


# ---- streams and real clips


def test_stream_over_http(make_video, tmp_path):
    path = make_video("a.ts")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        reader, frames = read(f"http://127.0.0.1:{server.server_port}/{path.name}")
    finally:
        server.shutdown()
        server.server_close()
    assert reader.live
    assert reader.broken is None
    assert len(frames) == 40


@pytest.mark.data
def test_every_real_clip():
    folder = Path(os.environ["CHRONOPOSE_DATA"]) / "videos"
    clips = [path for path in sorted(folder.iterdir()) if path.suffix in (".mp4", ".mkv", ".avi", ".mov", ".webm")]
    assert clips
    for path in clips:
        with open_video(path) as reader:
            count, last_s = 0, 0.0
            for frame in reader:
                assert frame.index == count, path
                assert frame.time_s >= last_s, path
                assert frame.pixels.shape == (reader.info.height, reader.info.width, 3), path
                count, last_s = count + 1, frame.time_s
        assert reader.broken is None, path
        assert reader.info.frames in (count, None), path
