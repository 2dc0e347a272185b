"""JHMDB clips (Jhuang et al., ICCV 2013): 15 joints of one person in every frame of short videos of actions.

The folder holds `annotations.json` and the videos it names:

    {"image_size": [W, H], "keypoint_names": [15 names], "clips": [
        {"name": ..., "video": path in the folder, "splits": ["train" or "test", for each of the three splits],
         "keypoints": [frame][joint][x, y], 0-based pixels, null where unknown}, ...]}
"""

import io
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.clips.contract import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.skeleton import JHMDB_15
from chronopose.core.types import Floats, Pixels
from chronopose.data.lspet import box_around
from chronopose.video.reader import open_video

_LARGEST_TABLE = 64 << 20  # bytes; the whole of JHMDB takes 7 MB
_LONGEST = 10_000  # frames of one clip; JHMDB has 40 at most
# The videos have colours at half resolution themselves, so the JPEGs lose little with them: 1.3 grey levels on average.
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 92, "subsampling": 2}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelledVideo:
    """One video and its person's joints.

    Attributes:
        name: of the clip.
        file: the video.
        xy_image: (T, 15, 2) float32 pixels, NaN where unknown; joints may lie outside the image.
    """

    name: str
    file: Path
    xy_image: Floats


class JHMDBClips:
    """One example for each clip and every `every`-th frame in which enough joints lie inside the image.

    The person's box is that of the joints inside the image, with room around as in LSP-extended. A clip's video is
    decoded when it is first asked for and kept as JPEGs, so that any order is fast: 0.4 ms a frame. Each process keeps
    frames of its own.

    Args:
        folder: as in the module's first lines.
        split: "train" or "test".
        number: which of the three splits of JHMDB.
        every: distance of the key frames of one clip.
        at_least: frames with fewer joints inside the image are left out.
        cache_mb: frames kept, in megabytes; those longest unused go first. The training clips of a split of the whole
            of JHMDB take about 400.
    """

    name = "jhmdb"
    skeleton = JHMDB_15

    def __init__(
        self,
        folder: Path,
        split: Literal["train", "test"],
        number: int = 1,
        every: int = 1,
        at_least: int = 6,
        cache_mb: int = 512,
    ) -> None:
        self.folder = Path(folder)
        if split not in ("train", "test"):
            raise InputError(f"split must be train or test, got {split!r}")
        if number not in (1, 2, 3):
            raise InputError(f"number must be 1, 2 or 3: the splits of JHMDB, got {number}")
        if every < 1:
            raise InputError(f"every must be at least 1, got {every}")
        if at_least < 1:
            raise InputError(f"at_least must be at least 1 joint, got {at_least}")
        if cache_mb < 0:
            raise InputError(f"cache_mb must be at least 0, got {cache_mb}")
        self.size, self.videos = read_videos(self.folder, split, number)
        self.keys = [  # (video, frame) of each example
            (place, frame)
            for place, video in enumerate(self.videos)
            for frame in range(0, len(video.xy_image), every)
            if _inside(video.xy_image[frame], self.size).sum() >= at_least
        ]
        self._kept = _Kept(cache_mb << 20)

    def __len__(self) -> int:
        return len(self.keys)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window around key frame `index`; offsets past the clip's ends give its first or last frame."""
        place, key = self.keys[index]
        video = self.videos[place]
        numbers = np.clip(key + np.asarray(offsets, dtype=np.int64), 0, len(video.xy_image) - 1)
        xy = video.xy_image[numbers].copy()
        known = _inside(xy, self.size)
        xy[~known] = np.nan
        around = video.xy_image[key].copy()
        around[~_inside(around, self.size)] = np.nan
        shown = {int(number): self.frame(place, int(number)) for number in sorted(set(numbers.tolist()))}
        return LabelledClip(
            name=f"{self.name}/{video.name}/{key}",
            frames=tuple(shown[int(number)] for number in numbers),
            skeleton=self.skeleton,
            xy_image=xy,
            visible=known,
            box=box_around(around),
        )

    def frame(self, place: int, number: int) -> Pixels:
        """(H, W, 3) frame `number` of video `place`."""
        packed = self._kept.get(place)
        if packed is None:
            packed = self._decode(place)
            self._kept.put(place, packed)
        return np.asarray(Image.open(io.BytesIO(packed[number])))

    def _decode(self, place: int) -> tuple[bytes, ...]:
        """The labelled frames of a video as JPEGs."""
        video, packed = self.videos[place], list[bytes]()
        with open_video(video.file) as frames:
            size = (frames.info.width, frames.info.height)
            if size != self.size:
                wanted = f"{self.size[0]} x {self.size[1]}, the image_size of the annotations"
                raise InputError(f"{video.file}: frames of {size[0]} x {size[1]} pixels; wanted {wanted}")
            for frame in frames:
                if len(packed) == len(video.xy_image):
                    break
                out = io.BytesIO()
                Image.fromarray(frame.pixels).save(out, **_JPEG)
                packed.append(out.getvalue())
        if len(packed) < len(video.xy_image):
            raise InputError(f"{video.file}: {len(packed)} frames; the annotations have {len(video.xy_image)}")
        return tuple(packed)


class _Kept:
    """Packed frames by video, up to a number of bytes; those longest unused are dropped."""

    def __init__(self, room: int) -> None:
        self.room, self.taken = room, 0
        self.clips: OrderedDict[int, tuple[bytes, ...]] = OrderedDict()

    def get(self, place: int) -> tuple[bytes, ...] | None:
        packed = self.clips.get(place)
        if packed is not None:
            self.clips.move_to_end(place)
        return packed

    def put(self, place: int, packed: tuple[bytes, ...]) -> None:
        self.clips[place] = packed
        self.taken += sum(map(len, packed))
        # The newest stays even where it alone is too large: its other frames are wanted next.
        while self.taken > self.room and len(self.clips) > 1:
            _, dropped = self.clips.popitem(last=False)
            self.taken -= sum(map(len, dropped))

    def __getstate__(self) -> dict[str, Any]:
        """A spawned worker starts empty: what is kept may be hundreds of megabytes."""
        return {"room": self.room, "taken": 0, "clips": OrderedDict()}


def read_videos(
    folder: Path, split: Literal["train", "test"], number: int = 1
) -> tuple[tuple[int, int], tuple[LabelledVideo, ...]]:
    """Width and height of the images, and the videos of one part of a split, of a folder of JHMDB clips.

    Raises:
        InputError: the folder is not laid out as in the module's first lines; the first defect is named.
    """
    table = folder / "annotations.json"
    if not table.is_file():
        raise InputError(f"{folder}: no annotations.json there; wanted the folder of JHMDB clips")
    if table.stat().st_size > _LARGEST_TABLE:
        raise InputError(f"{table}: {table.stat().st_size} bytes; wanted at most {_LARGEST_TABLE}")
    try:
        stored = json.loads(table.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{table}: not readable JSON ({error})") from None
    if not isinstance(stored, dict):
        raise InputError(f"{table}: wanted an object with image_size, keypoint_names and clips")
    size, names, clips = stored.get("image_size"), stored.get("keypoint_names"), stored.get("clips")
    if not (
        isinstance(size, list) and len(size) == 2 and all(type(side) is int and 0 < side < 10_000 for side in size)
    ):
        raise InputError(f"{table}: image_size must be width and height in pixels, got {str(size)[:80]}")
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(JHMDB_15.joints):
        raise InputError(f"{table}: keypoint_names must be {', '.join(JHMDB_15.joints)}, got {str(names)[:200]}")
    if not isinstance(clips, list):
        raise InputError(f"{table}: clips must be a list, got {type(clips).__name__}")
    order = [names.index(joint) for joint in JHMDB_15.joints]
    videos = [
        _video(folder, f"{table}: clips[{place}]", clip, order, split, number) for place, clip in enumerate(clips)
    ]
    found = tuple(video for video in videos if video is not None)
    if not found:
        raise InputError(f"{table}: no clip is of the {split} part of split {number}; wanted at least one")
    return (size[0], size[1]), found


def _video(folder: Path, where: str, clip: object, order: list[int], split: str, number: int) -> LabelledVideo | None:
    """One entry of the clips, None where it belongs to the other part."""
    if not isinstance(clip, Mapping):
        raise InputError(f"{where} must be an object, got {str(clip)[:80]}")
    splits, video = clip.get("splits"), clip.get("video")
    if not (isinstance(splits, list) and len(splits) == 3 and all(part in ("train", "test", None) for part in splits)):
        raise InputError(f"{where}: splits must be train or test three times, got {str(splits)[:80]}")
    if splits[number - 1] != split:
        return None
    if not isinstance(video, str) or not video or PurePosixPath(video).is_absolute() or ".." in Path(video).parts:
        raise InputError(f"{where}: video must be a path inside the folder, got {str(video)[:80]!r}")
    file = folder / video
    if not file.exists():
        raise InputError(f"{file}: no such file; {where} names it")
    try:
        xy = np.array(clip.get("keypoints"), dtype=np.float32)
    except (TypeError, ValueError):
        xy = np.empty(0, dtype=np.float32)
    if xy.ndim != 3 or xy.shape[1:] != (len(order), 2) or not 1 <= len(xy) <= _LONGEST or np.isinf(xy).any():
        raise InputError(f"{where}: keypoints must be [frame][{len(order)} joints][x, y] in numbers, got {xy.shape}")
    return LabelledVideo(name=str(clip.get("name", Path(video).stem)), file=file, xy_image=xy[:, order])


def _inside(xy: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(...,) whether joints (..., 2) are known and lie inside the image of `size` width, height."""
    inside: NDArray[np.bool_] = np.all((xy >= -0.5) & (xy < np.array(size) - 0.5), axis=-1)
    return inside
