"""A video file, an image folder, a camera or a stream: RGB frames with index and time."""

import logging
import os
import re
import sys
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from chronopose.core.errors import InputError
from chronopose.core.types import Frame, VideoInfo
from chronopose.video.container import VideoContainer
from chronopose.video.images import IMAGE_SUFFIXES, ImageFolder, images_in

log = logging.getLogger(__name__)

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "rtmp", "rtmps", "rtp", "srt", "tcp")


class FrameSource(Protocol):
    """What a `VideoReader` reads from: `VideoContainer` or `ImageFolder`."""

    info: VideoInfo

    def frames(self, start: int) -> Generator[Frame, None, str | None]:
        """Frames from number `start` on; the return value says why they broke off, or is None."""
        ...

    def close(self) -> None:
        """Let go of files and devices."""
        ...


class VideoReader:
    """The frames of one video, once, in order: an iterator and a context manager.

    `pixels` of a frame are (H, W, 3) RGB uint8, as displayed: rotation and mirroring of the container or of EXIF are
    applied, and H, W are those of `info` for every frame. The sample aspect ratio is ignored: pixels that were meant
    to be shown wider than high stay square here, so that coordinates are those of the stored pixels.

    `time_s` comes from the stream's time stamps and counts from its first frame, at 0.0; it never goes back. A frame
    without a stamp follows the last one by the average duration. Images carry no time: they are 1/25 s apart.

    Attributes:
        info: what is known before iteration; `frames` and `duration_s` are None where the container does not say.
        live: whether it is a camera or a network stream, whose frames come at their own pace and may have no end.
        broken: one line saying after which frame the video broke off and why, None while it did not. Set when the
            iteration ends, which is then early: all frames before the damage have been given; the last few of them
            may bear its marks, as decoders patch what they can. A file cut exactly between two packets is recognised
            only where its header states a duration, and a change so small that the decoder accepts it is not.
    """

    def __init__(self, source: FrameSource, *, live: bool, start: int = 0) -> None:
        self.info = source.info
        self.live = live
        self.broken: str | None = None
        self._source = source
        self._start = start
        self._frames = source.frames(start)
        self._last: int | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        try:
            frame = next(self._frames)
        except StopIteration as end:
            if end.value:
                where = f"before frame {self._start}" if self._last is None else f"after frame {self._last}"
                self.broken = f"{self.info.source}: the video breaks off {where} ({end.value})"
                log.warning("%s", self.broken)
            raise StopIteration from None
        self._last = frame.index
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file or device; the iteration ends. May be called twice."""
        self._frames.close()
        self._source.close()


def open_video(source: str | Path, *, start: int = 0) -> VideoReader:
    """Open a video and decode its first frame.

    Args:
        source: a video file; a folder of images (jpg, png, webp, bmp; natural order; one size); a single image; the
            number of a camera as a string, such as "0"; or the URL of a stream (rtsp, http, udp, rtmp and the like).
        start: leave out this many frames. They are decoded and dropped, so the count is exact; indices and times go
            on as if they had been read. Past the end of the video, nothing is left to iterate.

    Raises:
        InputError: there is nothing at `source`, or nothing in it that can be decoded as pictures; one line.
    """
    if start < 0:
        raise InputError(f"start must be 0 or more frames, got {start}")
    if isinstance(source, str) and is_live(source):
        opened = _camera(int(source)) if source.isdecimal() else _stream(source)
        return VideoReader(opened, live=True, start=start)
    return VideoReader(_file(Path(source)), live=False, start=start)


def is_live(source: str) -> bool:
    """Whether a source is the number of a camera or an address, and no file or folder."""
    return re.match(r"[0-9]{1,3}$|[a-zA-Z][a-zA-Z0-9+.-]*://", source) is not None


def _file(path: Path) -> FrameSource:
    name = str(path)
    try:
        found = path.stat()
    except FileNotFoundError:
        raise InputError(f"{name}: no such file or folder; wanted a video, an image or a folder of images") from None
    except (OSError, ValueError) as error:  # no permission, a name too long or with a zero byte
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name!r}: cannot be opened ({reason}); wanted a readable file") from None
    if path.is_dir():
        return ImageFolder(images_in(path), name)
    if not path.is_file():
        raise InputError(f"{name}: is a device or a pipe; wanted a file, a folder, a camera number or a URL")
    if found.st_size == 0:
        raise InputError(f"{name}: the file is empty (0 bytes); wanted a video or an image")
    if not os.access(path, os.R_OK):
        raise InputError(f"{name}: no permission to read it; wanted a readable file")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return ImageFolder([path], name)
    # An absolute path, as FFmpeg reads "a:b.mp4" as an address with scheme "a".
    return VideoContainer(str(path.absolute()), name, live=False)


def _camera(number: int) -> VideoContainer:
    name = f"camera {number}"
    platform: str = sys.platform  # a plain string, so that type checks see all three ways on every system
    if platform == "darwin":
        options = {"framerate": "30", "pixel_format": "uyvy422"}
        return VideoContainer(f"{number}:none", name, live=True, demuxer="avfoundation", options=options)
    if platform == "win32":
        # Only Windows needs it, and older PyAV lacks it.
        import av.device

        devices = [each for each in av.device.enumerate_input_devices("dshow") if "video" in each.media_types]
        if number >= len(devices):
            raise InputError(f"{name}: no such camera, {len(devices)} found; wanted a number below that")
        return VideoContainer(f"video={devices[number].name}", name, live=True, demuxer="dshow")
    if not Path(f"/dev/video{number}").exists():
        raise InputError(f"{name}: no such camera, /dev/video{number} does not exist; wanted a connected camera")
    return VideoContainer(f"/dev/video{number}", name, live=True, demuxer="v4l2")


def _stream(url: str) -> VideoContainer:
    scheme = url.split("://", 1)[0].lower()
    name = re.sub(r"//[^/@]*@", "//***@", url)  # a password stays out of messages and results
    if scheme not in STREAM_SCHEMES:
        raise InputError(f"{name}: streams of kind {scheme} are not read; wanted one of {', '.join(STREAM_SCHEMES)}")
    options = {"rtsp_transport": "tcp"} if scheme == "rtsp" else {}
    return VideoContainer(url, name, live=True, options=options)
