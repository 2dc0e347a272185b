"""Small real videos for the tests of the room `video`, written with PyAV itself."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

VideoMaker = Callable[..., Path]


@pytest.fixture
def make_video(tmp_path: Path) -> VideoMaker:
    """A function that writes a textured video: frame i is one noise picture, moved by 3 i pixels to the right."""

    fast = {"libx264": {"preset": "veryfast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}

    def make(
        name: str,
        frames: int = 40,
        *,
        width: int = 160,
        height: int = 120,
        codec: str = "libx264",
        stamps: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        options: dict[str, str] | None = None,
        container_options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        texture = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=25, options=fast.get(codec, {}) | (options or {}))
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.time_base = time_base
            for i in range(frames):
                picture = av.VideoFrame.from_ndarray(np.roll(texture, 3 * i, axis=1), format="rgb24")
                picture.pts = stamps[i] if stamps else i
                picture.time_base = time_base
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        return path

    return make
