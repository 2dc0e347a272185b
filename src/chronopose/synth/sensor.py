"""A camera's flaws on a clip: tone, blur, noise, too few pixels, JPEG, MPEG-4 and H.264."""

import io
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.types import Floats, Pixels

Rng = np.random.Generator
Codec = Literal["none", "jpeg", "mpeg4", "h264"]

_CODECS: tuple[Codec, ...] = ("none", "jpeg", "mpeg4", "h264")
# Steps of the tone curve between two grey levels: frames that are means of others lie between them.
_STEPS = 4
_GRAIN_SHIFT = 32
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sensor:
    """One camera with its file format.

    Attributes:
        gain: (3,) factor on red, green and blue.
        gamma: exponent of the tone curve; above 1 darkens the middle.
        contrast: slope about the middle grey.
        grey: share of the colour that is lost, 1 for black and white.
        vignette: how much darker the corners are, 0 to 1.
        flicker: how much the exposure changes from frame to frame, as a deviation.
        blur_px: deviation of the lens's blur in pixels.
        sharpen: strength of the halo that cameras add at edges.
        noise: deviation of the read noise in grey levels.
        shot: deviation of the noise at full white, on top.
        blotches: share of the noise that is coarse, as after noise reduction.
        scale: size at which the clip was stored, as a share of the frame's.
        codec: what it was stored with.
        quality: 1 to 95 of JPEG; 1 (best) to 31 of MPEG-4; 0 (best) to 51 of H.264.
    """

    gain: NDArray[np.float64]
    gamma: float
    contrast: float
    grey: float
    vignette: float
    flicker: float
    blur_px: float
    sharpen: float
    noise: float
    shot: float
    blotches: float
    scale: float
    codec: Codec
    quality: int

    def record(self, frames: NDArray[np.uint8] | NDArray[np.float32], rng: Rng) -> Pixels:
        """What the camera keeps of a clip.

        Args:
            frames: (T, H, W, 3) RGB uint8 or float32, 0 to 255.
            rng: source of the noise.

        Returns:
            (T, H, W, 3) RGB uint8.
        """
        count, height, width = frames.shape[:3]
        size = (max(2, round(height * self.scale)), max(2, round(width * self.scale)))
        table, steps = self._tones(frames.dtype == np.uint8)
        corners = _corners(height, width, self.vignette) if self.vignette > 0 else None
        grain = self._grain(*size, rng) if self.noise > 0 or self.shot > 0 else None
        pixels = np.empty((count, *size, 3), dtype=np.uint8)
        # Frame by frame: one fits into a processor's cache, and a long clip as float32 might not fit into memory.
        for number, frame in enumerate(frames):
            light = _look_up(table, frame, steps)
            if self.flicker > 0:
                light *= np.float32(1 + self.flicker * rng.standard_normal())
            if corners is not None:
                light *= corners
            light = self._through_lens(light)
            if size != (height, width):
                light = _resize(light, size)
            if grain is not None:
                y, x = rng.integers(0, _GRAIN_SHIFT, 2).tolist()
                # How strong it is goes by the green, which stands for brightness.
                bright = np.clip(light[..., 1:2], 0, 255)
                strength = np.sqrt(bright * np.float32(self.shot**2 / 255) + np.float32(self.noise**2))
                light += grain[y : y + size[0], x : x + size[1]] * strength
            light += np.float32(0.5)
            np.clip(light, 0, 255, out=pixels[number], casting="unsafe")
        if self.codec == "jpeg":
            pixels = np.stack([_jpeg(picture, self.quality) for picture in pixels])
        elif self.codec != "none":
            pixels = _video(pixels, self.codec, self.quality)
        if size != (height, width):
            pixels = np.stack([_stretch(picture, width, height) for picture in pixels])
        return pixels

    def _tones(self, whole: bool) -> tuple[Floats, int]:
        """(N, 3) what becomes of every grey level by gain, gamma and contrast, and how many entries a level has."""
        steps = 1 if whole else _STEPS
        level = np.arange(255 * steps + 1) / (255 * steps)
        tones = np.clip(level[:, None] * self.gain, 0, 1) ** self.gamma
        return (255 * ((tones - 0.5) * self.contrast + 0.5)).astype(np.float32), steps

    def _through_lens(self, light: Floats) -> Floats:
        """(H, W, 3) with less colour, blurred and sharpened."""
        if self.grey > 0:
            light += np.float32(self.grey) * ((light @ _LUMA)[..., None] - light)
        if self.blur_px > 0:
            light = _soften(light, self.blur_px)
        if self.sharpen > 0:
            light += np.float32(self.sharpen) * (light - _soften(light, 1.0))
        return light

    def _grain(self, height: int, width: int, rng: Rng) -> Floats:
        """(height, width, 3) and some more: noise of deviation 1, fine, and coarse as from cheap cameras.

        A clip has one sheet of it, shifted from frame to frame: fresh grain would cost more than all the rest.
        """
        high, wide = height + _GRAIN_SHIFT, width + _GRAIN_SHIFT
        grain = rng.standard_normal((high, wide, 3), dtype=np.float32)
        grain += rng.standard_normal((high, wide, 1), dtype=np.float32)
        grain *= np.float32(np.sqrt((1 - self.blotches) / 2))
        if self.blotches > 0:
            coarse = rng.standard_normal((high // 3 + 1, wide // 3 + 1, 3), dtype=np.float32)
            grain += np.float32(np.sqrt(self.blotches)) * coarse.repeat(3, axis=0).repeat(3, axis=1)[:high, :wide]
        return grain


def random_sensor(rng: Rng) -> Sensor:
    """Cameras from good to poor."""
    codec: Codec = _CODECS[rng.choice(4, p=[0.12, 0.53, 0.12, 0.23])]
    quality = {
        "none": 0,
        "jpeg": int(rng.integers(25, 96)),
        "mpeg4": int(rng.integers(4, 22)),
        "h264": int(rng.integers(24, 40)),
    }[codec]
    noisy = rng.random() < 0.6
    return Sensor(
        gain=np.clip(rng.normal(1, 0.06, 3), 0.8, 1.25) * rng.uniform(0.85, 1.15),
        gamma=float(np.exp(rng.normal(0, 0.15))),
        contrast=float(rng.uniform(0.8, 1.2)),
        grey=float(rng.choice([0.0, rng.uniform(0.1, 0.7), 1.0], p=[0.75, 0.19, 0.06])),
        vignette=float(rng.uniform(0.05, 0.5)) if rng.random() < 0.25 else 0.0,
        flicker=float(rng.uniform(0.002, 0.02)) if rng.random() < 0.2 else 0.0,
        blur_px=float(rng.uniform(0.3, 1.4)) if rng.random() < 0.4 else 0.0,
        sharpen=float(rng.uniform(0.2, 1.2)) if rng.random() < 0.2 else 0.0,
        noise=float(rng.exponential(2.5)) if noisy else 0.0,
        shot=float(rng.exponential(4.0)) if noisy else 0.0,
        blotches=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.4 else 0.0,
        scale=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.2 else 1.0,
        codec=codec,
        quality=quality,
    )


def _look_up(table: Floats, frame: NDArray[np.uint8] | NDArray[np.float32], steps: int) -> Floats:
    """(H, W, 3) what `table` (N, 3), with `steps` entries for a grey level, has for every value of a frame."""
    index: NDArray[np.uint8] | NDArray[np.uint16] = frame.astype(np.uint8, copy=False)
    if frame.dtype != np.uint8:
        index = np.clip(frame * np.float32(steps) + np.float32(0.5), 0, len(table) - 1).astype(np.uint16)
    light = np.empty(frame.shape, dtype=np.float32)
    for channel in range(3):
        light[..., channel] = table[:, channel][index[..., channel]]
    return light


def _corners(height: int, width: int, strength: float) -> Floats:
    """(height, width, 1) brightness that falls off with the square of the distance from the middle."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[:, None]
    return 1 - np.float32(strength / 2) * (x**2 + y**2)


def _soften(light: Floats, sigma_px: float) -> Floats:
    """(H, W, 3) blurred about as by a Gaussian: a few passes of three taps, which cost less than its many taps."""
    passes = math.ceil(2 * sigma_px**2)
    side = np.float32(sigma_px**2 / 2 / passes)
    light = light.copy()
    for _ in range(passes):
        # What flows between neighbours: nothing is lost at the borders.
        flow = side * (light[1:] - light[:-1])
        light[:-1] += flow
        light[1:] -= flow
        flow = side * (light[:, 1:] - light[:, :-1])
        light[:, :-1] += flow
        light[:, 1:] -= flow
    return light


def _resize(light: Floats, size: tuple[int, int]) -> Floats:
    """(H, W, 3) at another height and width."""
    # Not Resampling.BOX: it takes whole pixels only, and so moves the picture by up to half a pixel.
    planes = (Image.fromarray(np.ascontiguousarray(light[..., channel])) for channel in range(3))
    return np.stack([np.asarray(plane.resize(size[::-1], Image.Resampling.HAMMING)) for plane in planes], axis=-1)


def _stretch(picture: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def _jpeg(picture: Pixels, quality: int) -> Pixels:
    """A picture after it was a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality)
    with Image.open(file) as kept:
        return np.asarray(kept)


def _video(frames: Pixels, codec: Codec, quality: int) -> Pixels:
    """Frames (T, h, w, 3) after they were a video; H.264 is replaced by MPEG-4 where PyAV has no x264."""
    count, height, width = frames.shape[:3]
    # Both formats halve the colour planes, and x264 wants at least one block.
    high, wide = max(16, height + height % 2), max(16, width + width % 2)
    padded = np.pad(frames, ((0, 0), (0, high - height), (0, wide - width), (0, 0)), mode="edge")
    h264 = codec == "h264" and "libx264" in av.codecs_available
    encoder = _encoder("libx264" if h264 else "mpeg4", wide, high, quality if h264 else min(quality, 31))
    decoder = VideoCodecContext.create("h264" if h264 else "mpeg4", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    kept: list[Pixels] = []
    for number in range(count + 1):
        picture = None
        if number < count:
            picture = VideoFrame.from_ndarray(padded[number], format="rgb24").reformat(format="yuv420p")
            picture.pts = number
        for packet in encoder.encode(picture):
            kept.extend(_rgb(frame) for frame in decoder.decode(packet))
    kept.extend(_rgb(frame) for frame in decoder.decode(None))
    return np.stack(kept)[:, :height, :width]


def _rgb(frame: VideoFrame) -> Pixels:
    return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def _encoder(name: str, width: int, height: int, quality: int) -> VideoCodecContext:
    """An encoder that keeps its packets to itself: no file is needed between it and its decoder."""
    encoder = VideoCodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    # More threads would hold frames back, and the machine is busy with other clips.
    encoder.thread_count = 1
    if name == "libx264":
        # With its macroblock tree x264 answers the same frames in one of two ways, as the memory happens to lie.
        encoder.options = {"preset": "veryfast", "crf": str(quality), "bf": "1", "x264-params": "mbtree=0"}
    else:
        encoder.bit_rate = 100_000
        encoder.options = {"qmin": str(quality), "qmax": str(quality)}
    return encoder
