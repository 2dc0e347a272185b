"""Frames of labelled videos in any order, fast: pictures one by one, video files decoded once and kept as JPEGs."""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.data.packed import PackedVideo, open_packed, write_packed
from chronopose.video.limits import check_size
from chronopose.video.reader import open_video

# Videos have colours at half resolution themselves, so the JPEGs lose little with them: 1.3 grey levels on average.
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 92, "subsampling": 2}
# A single video that takes more than this (and than the room given) is refused, not held.
_MOST_HELD = 1 << 30

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Footage(Protocol):
    """What a video must tell for its frames to be read, as `data.videos.LabelledVideo` does."""

    @property
    def images(self) -> tuple[Path, ...] | Path: ...

    @property
    def length(self) -> int: ...

    @property
    def size(self) -> tuple[int, int] | None: ...


class FrameStore:
    """The frames of videos, by place of the video and number of the frame.

    Pictures are decoded one by one. Seeking in a video file costs decoding from the last key frame on, for every
    window anew; so a file is decoded once, from its beginning, when one of its frames is first asked for, and its
    frames are kept as JPEGs: in memory, or in a file of `data.packed` that later runs and other processes read too.
    A file that does not fit the video any more, or is damaged, is written anew. What was decoded last is kept as it
    is, so that overlapping windows and several persons of one frame cost one decoding.

    Each process keeps frames of its own; a copy sent to a worker starts without any.

    Args:
        videos: whose frames are wanted. Where `images` is a path, it is opened as a video, and may be longer than
            `length`.
        cache_mb: JPEGs kept in memory, in megabytes; the videos longest unused go first.
        decoded_mb: decoded frames kept, in megabytes.
        packed: folder of files of JPEGs, made if need be; None to keep them in memory.
    """

    def __init__(
        self, videos: Sequence[Footage], cache_mb: int = 512, decoded_mb: int = 64, packed: Path | None = None
    ) -> None:
        for name, room in (("cache_mb", cache_mb), ("decoded_mb", decoded_mb)):
            if room < 0:
                raise InputError(f"{name} must be at least 0, got {room}")
        self.videos = videos
        self.folder = packed
        self._in_memory = Kept[int, tuple[bytes, ...]](cache_mb << 20)
        self._decoded = Kept[tuple[int, int], Pixels](decoded_mb << 20)
        self._on_disk: dict[int, PackedVideo] = {}
        self._sizes: dict[int, tuple[int, int]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_on_disk": {}}

    def size(self, place: int) -> tuple[int, int]:
        """Width and height of the frames of video `place`: as it says, else of its first frame."""
        if place not in self._sizes:
            video = self.videos[place]
            if video.size is not None:
                self._sizes[place] = video.size
            elif isinstance(video.images, Path):
                with open_video(video.images) as frames:
                    self._sizes[place] = frames.info.width, frames.info.height
            else:
                with _opened(video.images[0], str(video.images[0])) as picture:
                    self._sizes[place] = picture.size
        return self._sizes[place]

    def frame(self, place: int, number: int) -> Pixels:
        """(H, W, 3) frame `number` of video `place`, read-only.

        Raises:
            InputError: it is not there, is damaged, or is not of the video's size.
        """
        images, length = self.videos[place].images, self.videos[place].length
        if not 0 <= number < length:
            raise IndexError(f"frame {number} of a video of {length}")
        pixels = self._decoded.get((place, number))
        if pixels is None:
            if isinstance(images, Path):
                pixels = _pixels(io.BytesIO(self._jpeg(place, images, number)), str(images), self.size(place))
            else:
                pixels = _pixels(images[number], str(images[number]), self.size(place))
            self._decoded.put((place, number), pixels, pixels.nbytes)
        return pixels

    def _jpeg(self, place: int, file: Path, number: int) -> bytes:
        """Frame `number` of a video file."""
        # A folder does not change its time when a picture in it does, so nothing of it outlives the process.
        if self.folder is not None and file.is_file():
            return self._stored(place, file, self.folder, number)
        kept = self._in_memory.get(place)
        if kept is None:
            with closing(self._decode(place, file)) as frames:
                kept = tuple(_bounded(islice(frames, self.videos[place].length), file, self._in_memory.room))
            self._in_memory.put(place, kept, sum(map(len, kept)))
        return kept[number]

    def _stored(self, place: int, file: Path, folder: Path, number: int) -> bytes:
        """Frame `number` of a video file from its file of JPEGs, which is written where it is missing or not right."""
        path = folder / f"{hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:32]}.frames"

        def written() -> PackedVideo | None:
            with closing(self._decode(place, file)) as frames:
                write_packed(path, file, frames)
            return open_packed(path, file)

        looks: list[Callable[[], PackedVideo | None]] = [
            lambda: self._on_disk.get(place),
            lambda: open_packed(path, file),
            written,
        ]
        for look in looks:
            stored = look()
            data = None if stored is None else stored.jpeg(number)
            if stored is not None and data is not None:
                self._on_disk[place] = stored
                return data
        raise InputError(f"{path}: is not what was written there just now; wanted a disk that keeps it")

    def _decode(self, place: int, file: Path) -> Generator[bytes, None, None]:
        """All frames of a video file as JPEGs; at the end it must have had as many as the labels."""
        count, length = 0, self.videos[place].length
        with open_video(file) as frames:
            _check_size(str(file), (frames.info.width, frames.info.height), self.size(place))
            for frame in frames:
                out = io.BytesIO()
                Image.fromarray(frame.pixels).save(out, **_JPEG)
                yield out.getvalue()
                count += 1
        if count < length:
            raise InputError(f"{file}: {count} frames; the annotations have {length}")


class Kept(Generic[K, V]):
    """Values by key, up to a number of bytes; those longest unused are dropped. A pickled copy is empty."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, 0
        self.values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, None if it is not kept."""
        if key not in self.values:
            return None
        self.values.move_to_end(key)
        return self.values[key][0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keeps a value that is not yet there and takes `size` bytes."""
        self.values[key] = value, size
        self.taken += size
        # The newest stays even where it alone is too large: more of it is wanted next.
        while self.taken > self.room and len(self.values) > 1:
            _, (_, dropped) = self.values.popitem(last=False)
            self.taken -= dropped

    def __getstate__(self) -> dict[str, Any]:
        return {"room": self.room, "taken": 0, "values": OrderedDict()}


def _bounded(frames: Iterable[bytes], file: Path, room: int) -> Iterator[bytes]:
    """The frames as they come, which must not take far more than the room there is."""
    taken, most = 0, max(room, _MOST_HELD)
    for data in frames:
        taken += len(data)
        if taken > most:
            raise InputError(f"{file}: its frames take more than {most >> 20} MB; wanted a folder for packed frames")
        yield data


def _pixels(source: Path | io.BytesIO, name: str, wanted: tuple[int, int]) -> Pixels:
    """(H, W, 3) RGB uint8 of a picture as it is stored, whatever its EXIF orientation: so were its labels made."""
    with _opened(source, name) as picture:
        _check_size(name, picture.size, wanted)
        try:
            pixels: Pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
        except Exception as error:  # damaged data fails in Pillow in many ways
            raise _unreadable(name, error) from None
    pixels.flags.writeable = False
    return pixels


def _opened(source: Path | io.BytesIO, name: str) -> Image.Image:
    """A picture of which only the header has been read."""
    try:
        picture = Image.open(source)
    except Exception as error:
        raise _unreadable(name, error) from None
    check_size(name, *picture.size)
    return picture


def _unreadable(name: str, error: Exception) -> InputError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())[:120]
    return InputError(f"{name}: cannot be read as a picture ({reason}); wanted a whole one")


def _check_size(name: str, found: tuple[int, int], wanted: tuple[int, int]) -> None:
    if found != wanted:
        raise InputError(f"{name}: frames of {found[0]} x {found[1]} pixels; wanted {wanted[0]} x {wanted[1]}")
