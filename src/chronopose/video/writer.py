"""Frames to an H.264 file that plays in a browser, with the time stamps they came with."""

import contextlib
import glob
import math
import os
import secrets
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.video.limits import MAX_SIDE

TIME_BASE = Fraction(1, 90000)
"""Fine enough that times of 24, 25, 30, 50 and 60 frames a second are whole numbers."""

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}

ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
"""The first one that opens is used."""


class VideoWriter:
    """Writes H.264 (yuv420p, BT.709), with the index in front (mp4, m4v, mov) so that it plays while it loads.

    The file grows under another name in the same folder and takes its own when it is closed well: an exception inside
    the `with` block leaves neither a half-written file nor a changed older one.

    Args:
        path: of the file; its ending (mp4, m4v, mov, mkv) names the container.
        width: of the frames in pixels. An odd width or height is padded by one, as H.264 halves the colour planes: the
            last column or row is repeated at the right or at the bottom, so coordinates keep their meaning.
        height: of the frames in pixels.
        fps: average rate, for players and for rate control; the times are those given with each frame.

    Raises:
        InputError: the path, the size or the rate cannot be used, or no H.264 encoder is at hand.
    """

    def __init__(self, path: str | Path, width: int, height: int, fps: float) -> None:
        self.path = Path(path)
        self.width, self.height = width, height
        if self.path.suffix.lower() not in FORMATS:
            raise InputError(f"{self.path}: cannot write this kind of file; wanted one of {', '.join(FORMATS)}")
        if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
            raise InputError(f"{self.path}: frames of {width} x {height} pixels; wanted 1 to {MAX_SIDE} a side")
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise InputError(f"{self.path}: {fps} frames a second; wanted more than 0 and at most 1000")
        # The target's own ending stays last: programs that watch a folder know what kind of file it is.
        self._growing = self.path.with_name(f".{self.path.stem}.{secrets.token_hex(4)}.part{self.path.suffix}")
        try:
            # FFmpeg would notice with the first packet only, after minutes of work.
            self._growing.touch(exist_ok=False)
            self._growing.unlink()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); wanted a writable folder") from None
        if self.path.is_dir():
            raise InputError(f"{self.path}: is a folder; wanted the name of a file")
        self._last = -1
        self._scaler = VideoReformatter()
        # One picture for all frames: fresh memory costs more than what is written to it.
        self._rgb = VideoFrame(width + width % 2, height + height % 2, "rgb24")
        plane = self._rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        self._pixels = rows[:, : 3 * plane.width].reshape(plane.height, plane.width, 3)
        self._container, self._stream = self._open(fps)

    def write(self, pixels: Pixels, time_s: float) -> None:
        """Append one frame.

        Args:
            pixels: (height, width, 3) RGB uint8, of any memory layout.
            time_s: when it is shown, from 0 on. Kept to 1/90000 s; where it does not increase, the next such step.

        Raises:
            ValueError: the array or the time is not as said above.
            OSError: the file cannot be written any further, e.g. the disk is full.
        """
        if self._container is None:
            raise ValueError(f"{self.path}: the writer is closed; wanted frames before that")
        if pixels.shape != (self.height, self.width, 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"{self.path}: got a frame {pixels.shape} {pixels.dtype}; wanted {(self.height, self.width, 3)} uint8"
            )
        if not (math.isfinite(time_s) and time_s >= 0):
            raise ValueError(f"{self.path}: got the time {time_s}; wanted seconds from 0 on")
        self._pixels[: self.height, : self.width] = pixels
        self._pixels[:, self.width :] = self._pixels[:, self.width - 1 : self.width]
        self._pixels[self.height :] = self._pixels[self.height - 1]
        picture = self._scaler.reformat(
            self._rgb,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
        )
        picture.pts = self._last = max(round(time_s / TIME_BASE), self._last + 1)
        picture.time_base = TIME_BASE
        self._encode(picture)

    def close(self) -> None:
        """Finish the file and give it its name; nothing happens the second time.

        Raises:
            InputError: no frame was written.
            OSError: the file cannot be written, e.g. the disk is full.
        """
        if self._container is None:
            return
        if self._last < 0:
            self._discard()
            raise InputError(f"{self.path}: no frame was written; wanted at least one")
        self._encode(None)
        try:
            self._container.close()
            self._growing.replace(self.path)
        except (FFmpegError, OSError) as error:
            self._discard()
            raise _os_error(error, self.path) from error
        self._container = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def _open(self, fps: float) -> tuple[OutputContainer | None, VideoStream]:
        """The container and its opened encoder."""
        failures = []
        for encoder in ENCODERS:
            if encoder not in av.codecs_available:
                continue
            container = av.open(str(self._growing.absolute()), "w", format=FORMATS[self.path.suffix.lower()])
            try:
                stream = self._add_stream(container, encoder, fps)
                stream.codec_context.open(strict=False)
                return container, stream
            except (FFmpegError, ValueError) as error:
                failures.append(f"{encoder}: {' '.join(str(error).split())}")
                self._container = container
                self._discard()
        found = "; ".join(failures) or "none in this build of PyAV"
        raise InputError(f"{self.path}: no H.264 encoder works ({found}); wanted one of {', '.join(ENCODERS)}")

    def _add_stream(self, container: OutputContainer, encoder: str, fps: float) -> VideoStream:
        if container.format.name != "matroska":
            container.options["movflags"] = "+faststart"
        stream = container.add_stream(encoder, rate=Fraction(fps).limit_denominator(10000))
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width = self.width + self.width % 2
        context.height = self.height + self.height % 2
        context.pix_fmt = "yuv420p"
        context.time_base = stream.time_base = TIME_BASE
        # 1 is BT.709 in all three lists and limited range in the fourth; untagged, players guess by the picture's size.
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1
        # x264 compresses as many pictures at once; its own choice, half as many again as there are cores, takes longer.
        context.thread_count = min(os.cpu_count() or 1, 4)
        if encoder == "libx264":
            # Motion found to a coarser step than veryfast's own, one picture between two in place of up to three: two
            # thirds of the time for a few more bytes (benchmarks/crops.md).
            context.options = {"crf": "20", "preset": "veryfast", "x264-params": "subme=1:bframes=1"}
        else:
            context.bit_rate = max(500_000, int(0.1 * context.width * context.height * fps))
        return stream

    def _encode(self, picture: VideoFrame | None) -> None:
        """Encode and write one picture; None empties the encoder."""
        assert self._container is not None
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except (FFmpegError, OSError) as error:
            self._discard()
            raise _os_error(error, self.path) from error

    def _discard(self) -> None:
        """Close without a word and remove what was written."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(FFmpegError, OSError):
                container.close()
        self._growing.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Removes what killed writers of this file left beside it; nobody may be writing it."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.????????.part{path.suffix}"):
        left.unlink(missing_ok=True)


def _os_error(error: Exception, path: Path) -> OSError:
    """FFmpeg's failure as the system's, with the name the user knows."""
    number = getattr(error, "errno", None)
    if number is not None and 0 < number < 1000:
        return OSError(number, os.strerror(number), str(path))
    return OSError(f"{path}: cannot be written ({' '.join(str(error).split())})")
