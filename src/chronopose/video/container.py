"""Video files, cameras and network streams, decoded by FFmpeg through PyAV."""

import logging
import re
import time
from collections.abc import Generator, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.error import BlockingIOError as NotYet
from av.error import ExitError, FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from chronopose.core.errors import InputError
from chronopose.core.types import Frame, Pixels, VideoInfo
from chronopose.video.limits import check_size

log = logging.getLogger(__name__)

DEFAULT_FPS = 25.0
TIMEOUT_S = 10.0
"""How long a camera or a stream may keep silent, at opening and later."""

BACKWARD_JUMP_S = 0.5
"""A time stamp further back than this is a new start (files joined, a camera restarted), not jitter."""


class VideoContainer:
    """One opened video stream: what is known of it, and its frames once.

    The first frame is decoded at opening, so that a file without pictures is refused there, and kept for `frames`.

    Args:
        address: what FFmpeg opens: a path, a device or a URL.
        name: of the source, for messages.
        live: whether it is a camera or a stream: a damaged packet is then skipped, and silence ends in a timeout.
        demuxer: FFmpeg's name of the input format, or None to find out.
        options: of the demuxer.

    Raises:
        InputError: it cannot be opened, holds no video, or holds no picture that can be decoded.
    """

    def __init__(
        self, address: str, name: str, *, live: bool, demuxer: str | None = None, options: dict[str, str] | None = None
    ) -> None:
        self._name = name
        self._live = live
        self._path = None if live else Path(address)
        try:
            self._container: InputContainer = av.open(
                address, "r", format=demuxer, options=options or {}, timeout=TIMEOUT_S if live else None
            )
        except (FFmpegError, ValueError) as error:
            wanted = "a camera or stream that answers" if live else "a video file such as mp4, mkv, webm or avi"
            raise InputError(f"{name}: cannot be opened as a video ({_reason(error)}); wanted {wanted}") from None
        try:
            self._stream = _video_stream(self._container, name)
            check_size(name, self._stream.codec_context.width, self._stream.codec_context.height)
            # Frame threads hold frames back, which a live picture cannot afford.
            self._stream.thread_type = "SLICE" if live else "AUTO"
            self._pictures = self._decode()
            try:
                self._first = next(self._pictures)
            except StopIteration as end:
                why = end.value or "the stream is empty"
                raise InputError(f"{name}: no frame can be decoded ({why}); wanted a video with pictures") from None
            self._scaler = VideoReformatter()
            self._width, self._height = self._first.width, self._first.height
            check_size(name, self._width, self._height)
            self._orientation = _orientation(self._first)
            transposed = self._orientation[0]
            self.info = VideoInfo(
                source=name,
                width=self._height if transposed else self._width,
                height=self._width if transposed else self._height,
                fps=_rate(self._stream),
                frames=self._stream.frames or None,
                duration_s=_duration_s(self._container, self._stream),
            )
        except BaseException:
            self._container.close()
            raise

    def frames(self, start: int) -> Generator[Frame, None, str | None]:
        """Yield the frames from number `start` on; return None at a good end, else why the video broke off."""
        time_base = self._stream.time_base or Fraction(1, 90000)
        clock = _Clock(time_base, 1 / self.info.fps)
        pictures = self._pictures
        picture, index = self._first, 0
        del self._first  # not kept in memory while the rest is decoded
        while True:
            time_s = clock.read(picture.pts if picture.pts is not None else picture.dts)
            if index >= start:
                yield Frame(index, time_s, self._rgb(picture))
            shown_s = max(float((picture.duration or 0) * time_base), clock.step_s)
            try:
                picture = next(pictures)
            except StopIteration as end:
                reason: str | None = end.value
                break
            index += 1
        return reason if reason or self._live else self._missing_end(clock.last_s + shown_s)

    def close(self) -> None:
        """Let go of the file or device."""
        self._pictures.close()
        self._container.close()

    def _decode(self) -> Generator[VideoFrame, None, str | None]:
        """Yield pictures up to the first damage; return what the damage was, None at a good end.

        Damage before the first good picture is passed over: a recording may begin between two key frames.
        """
        reason: str | None = None
        lenient = True
        # A transport stream marks every gap in its counters, where two good recordings were joined too; there the
        # decoder has the say.
        heed_marks = not self._live and self._container.format.name != "mpegts"
        for packet in self._packets():
            if isinstance(packet, str):
                reason = packet
                break
            reason = None
            pictures: list[VideoFrame] = []
            if packet.is_corrupt and heed_marks:
                reason = "a packet is damaged or cut off"
            else:
                try:
                    pictures = self._stream.decode(packet)
                except FFmpegError as error:
                    reason = f"a packet cannot be decoded: {_reason(error)}"
            for picture in pictures:
                if picture.is_corrupt and not self._live:
                    reason = "a frame is damaged"
                    break
                lenient = self._live
                yield picture
            if reason is not None and not lenient:
                break
        try:
            held_back = self._stream.codec_context.decode(None)
        except FFmpegError:
            held_back = []
        for picture in held_back:
            if picture.is_corrupt and not self._live:
                return reason or "a frame is damaged"
            yield picture
        return reason

    def _packets(self) -> Iterator["Packet[VideoStream] | str"]:
        """Packets to the end; where reading fails, the reason as the last item."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except NotYet:
                # A camera on macOS answers so between two pictures.
                time.sleep(0.005)
                packets = self._container.demux(self._stream)
                continue
            except FFmpegError as error:
                yield f"reading failed: {_reason(error)}"
                return
            if packet is None or packet.size == 0:
                return
            yield packet

    def _rgb(self, picture: VideoFrame) -> Pixels:
        """(H, W, 3) RGB as displayed, turned and sized like the first frame even where a stream changes on the way."""
        if (picture.width, picture.height) != (self._width, self._height):
            log.debug("%s: a frame of %d x %d was scaled", self._name, picture.width, picture.height)
        flat = self._scaler.reformat(picture, self._width, self._height, "rgb24").to_ndarray()
        transposed, flip_x, flip_y = self._orientation
        if transposed:
            flat = flat.transpose(1, 0, 2)
        if flip_x:
            flat = flat[:, ::-1]
        if flip_y:
            flat = flat[::-1]
        pixels: Pixels = np.ascontiguousarray(flat, dtype=np.uint8)
        return pixels

    def _missing_end(self, end_s: float) -> str | None:
        """What the header promised and the file did not keep, for containers that end silently where they are cut."""
        kind = self._container.format.name
        if kind == "mpegts" and self._path is not None and self._path.is_file():
            size = self._path.stat().st_size
            if all(size % packet for packet in (188, 192, 204)):
                return "the file ends inside a packet"
        stated_s = _stated_end_s(self._container, self._stream, self.info.fps)
        if stated_s is not None and end_s < stated_s - max(0.5, 0.05 * stated_s):
            return f"the file ends at {end_s:.2f} s, its header says {stated_s:.2f} s"
        return None


class _Clock:
    """Time stamps to seconds since the first frame, never going back.

    A frame without a time stamp follows the last one by the average duration. A step back by more than
    `BACKWARD_JUMP_S` is taken for a new start of the clock; a smaller one is held at the last time.
    """

    def __init__(self, time_base: Fraction, step_s: float) -> None:
        self.step_s = step_s
        self.last_s = -step_s
        self._time_base = time_base
        self._origin: Fraction | None = None

    def read(self, stamp: int | None) -> float:
        """Seconds of the next frame, whose stamp is in units of the time base."""
        due_s = self.last_s + self.step_s
        if stamp is None:
            self.last_s = due_s
            return due_s
        stream_time = stamp * self._time_base
        if self._origin is None or float(stream_time - self._origin) < self.last_s - BACKWARD_JUMP_S:
            self._origin = stream_time - Fraction(due_s)
        self.last_s = max(float(stream_time - self._origin), self.last_s)
        return self.last_s


def _reason(error: Exception) -> str:
    """One line for why FFmpeg failed."""
    if isinstance(error, ExitError):
        return f"no answer for {TIMEOUT_S:g} s"
    text = error.strerror if isinstance(error, FFmpegError) and error.strerror else str(error)
    return " ".join(text.split())


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first moving picture; the cover of an audio file is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = {"cover image" if stream.type == "video" else stream.type for stream in container.streams}
    found = ", ".join(sorted(kinds)) or "nothing"
    raise InputError(f"{name}: holds no video stream (found: {found}); wanted a file with video")


def _orientation(picture: VideoFrame) -> tuple[bool, bool, bool]:
    """(transposed, then flipped in x, then flipped in y) by the display matrix, to the nearest right angle."""
    try:
        # PyAV types this mapping by frame as one of decoder settings.
        side_data = cast("Mapping[str, Buffer]", picture.side_data)
        if "DISPLAYMATRIX" not in side_data:
            return False, False, False
        matrix = np.frombuffer(bytes(side_data["DISPLAYMATRIX"]), dtype=np.int32)
    except ValueError:
        # PyAV cannot list a frame's side data where a kind is newer than it; the angle it reads by itself.
        quarters = round(picture.rotation / 90) % 4
        return quarters % 2 == 1, quarters in (2, 3), quarters in (1, 2)
    # Row-vector convention: x' = a x + c y, y' = b x + d y.
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    if abs(b) > abs(a):
        return True, c < 0, b < 0
    return False, a < 0, d < 0


def _rate(stream: VideoStream) -> float:
    """Average frames per second; 25 where the container says nothing believable."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return float(rate)
    return DEFAULT_FPS


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _stated_end_s(container: InputContainer, stream: VideoStream, fps: float) -> float | None:
    """When the video should end by its header; None where that is unknown, or an estimate from what is there."""
    kinds = container.format.name.split(",")
    if "avi" in kinds:
        return stream.frames / fps if stream.frames else None
    if "mov" in kinds:
        return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
    if "matroska" in kinds:
        # Matroska states ends on the file's clock, and only the longest stream's in its header.
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
        tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
        if tag:
            return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - start_s
        if len(container.streams) == 1 and container.duration:
            return container.duration / av.time_base - start_s
    return None
