"""Photographs, empty places and rendered scenes, as the detector's training pictures want them."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chronopose.core.errors import InputError
from chronopose.core.skeleton import Skeleton
from chronopose.data import jhmdb
from chronopose.data.board import Array, Picture, Scene, body_reach
from chronopose.data.lspet import LSPExtended
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.data.videos import VideoClips
from chronopose.formats.shards import Shards


class LspPictures:
    """The training part of LSP-extended: photographs cut around a person of whom at least 10 joints are labelled.

    Args:
        folder: holds `joints.npz` and `images/NNNNN.jpg`.
        upright: take only persons whose shoulders are well above their hips, three in five of these gymnasts.
    """

    def __init__(self, folder: Path, upright: bool = False) -> None:
        self.photographs = LSPExtended(folder, "train", at_least=10)
        numbers = np.arange(len(self.photographs))
        self.numbers = numbers[_upright(self.photographs)] if upright else numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def picture(self, index: int) -> Picture:
        clip = self.photographs.clip(int(self.numbers[index]), (0,))
        xy = clip.xy_image[0].astype(np.float64)
        # Sports photographs: spectators and other athletes are often in view.
        return Picture(pixels=clip.frames[0], xy_image=xy, reach_px=body_reach(xy), bar=0.3)


class JhmdbPictures:
    """Frames of the training or test clips of JHMDB split 1, one labelled person in each.

    Args:
        folder: as `data.jhmdb` wants it.
        every: takes every so many-th frame.
        split: the part of the split.

    Raises:
        InputError: if the folder is not laid out like this.
    """

    def __init__(self, folder: Path, every: int = 6, split: Literal["train", "test"] = "train") -> None:
        videos = jhmdb.videos(folder, f"{split}1")
        self.clips = VideoClips(jhmdb.NAME, jhmdb.SKELETON, videos, every=every)

    def __len__(self) -> int:
        return len(self.clips)

    def picture(self, index: int) -> Picture:
        place, person, row = self.clips.examples[index].tolist()
        labelled = self.clips.videos[place].persons[person]
        # Joints outside the image tell how far the body goes; the box ends at the image's edge.
        xy = _with_top(labelled.xy_image[row].astype(np.float64), self.clips.skeleton)
        pixels = self.clips.frames.frame(place, int(labelled.frames[row]))
        return Picture(pixels=pixels, xy_image=xy, reach_px=body_reach(xy), bar=0.6)


class RenderedScenes:
    """Frames of rendered clips, drawn at random from a clip's, with everybody in them.

    Args:
        shards: the clips.
        glimpse: of whom a smaller share can be seen, that person is as good as not there.
    """

    def __init__(self, shards: Shards, glimpse: float = 0.02) -> None:
        self.shards, self.glimpse = shards, glimpse

    def __len__(self) -> int:
        return len(self.shards)

    def scene(self, index: int, rng: np.random.Generator) -> Scene:
        frame = int(rng.integers(self.shards.key_frames.length[index]))
        record = self.shards.clip(index, (frame,))
        boxes, seen = record.boxes[frame].astype(np.float64), record.seen[frame].astype(np.float64)
        there = np.isfinite(boxes).all(axis=1) & (seen >= self.glimpse)
        return Scene(pixels=record.frames[0], boxes=boxes[there], seen=seen[there])


class DrawnPictures:
    """People drawn by code, one in each picture; a new one for every number.

    Args:
        seed: of the drawing.
        count: how many there are.
    """

    def __init__(self, seed: int, count: int = 20_000) -> None:
        config = SyntheticConfig(seed=seed, clips=count, people=(1, 1), occluders=(0, 1), blur=False)
        self.people = SyntheticPeople(config=config)

    def __len__(self) -> int:
        return len(self.people)

    def picture(self, index: int) -> Picture:
        clip = self.people.clip(index, (0,))
        xy = clip.xy_image[0].astype(np.float64)
        return Picture(pixels=clip.frames[0], xy_image=xy, reach_px=body_reach(xy))


class Panoramas:
    """Views cut out of 360-degree panoramas of empty places, as flat pictures.

    Args:
        folder: holds `*.jpg`, twice as wide as high.
        views: cut out of each.

    Raises:
        InputError: if there is no picture in the folder.
    """

    def __init__(self, folder: Path, views: int = 40) -> None:
        names = sorted(folder.glob("*.jpg"))
        if not names:
            raise InputError(f"{folder}: no *.jpg there; wanted a folder of panoramas")
        self.whole = [np.asarray(Image.open(name).convert("RGB")) for name in names]
        self.views = views

    def __len__(self) -> int:
        return len(self.whole) * self.views

    def picture(self, index: int) -> Picture:
        whole = self.whole[index % len(self.whole)]
        rng = np.random.default_rng(index)
        height, width = whole.shape[:2]
        # Near the horizon an equirectangular picture looks like a photograph; near the poles it is stretched.
        tall = int(rng.uniform(0.25, 0.6) * height)
        wide = int(tall * rng.uniform(0.8, 1.6))
        top = int((height - tall) * rng.uniform(0.3, 0.8))
        columns = (int(rng.integers(width)) + np.arange(wide)) % width
        return Picture(pixels=np.ascontiguousarray(whole[top : top + tall][:, columns]), xy_image=np.zeros((0, 2)))


def _upright(photographs: LSPExtended) -> NDArray[np.bool_]:
    """(N,) whether the line from hips to shoulders rises by a quarter of its length or more."""

    def middle(name: str) -> Array:
        left, right = (photographs.xy[:, photographs.skeleton.index(f"{side}_{name}")] for side in ("left", "right"))
        known: Array = np.where(np.isnan(left), right, left) + np.where(np.isnan(right), left, right)
        return known / 2

    shoulders, hips = middle("shoulder"), middle("hip")
    rise: NDArray[np.bool_] = (hips - shoulders)[:, 1] > 0.25 * np.linalg.norm(hips - shoulders, axis=1)
    return rise


def _with_top(xy: Array, skeleton: Skeleton) -> Array:
    """JHMDB's joints and the top of the head: the face is its middle, the top about as far again from the neck."""
    face, neck = xy[skeleton.index("face")], xy[skeleton.index("neck")]
    return np.concatenate([xy, (face + 0.8 * (face - neck))[None]])
