"""Clips for ablations: drawn and encoded once, and held-out ones in which something hides joints of the key frame."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from chronopose.clips.augment import AugmentConfig, Example, example
from chronopose.clips.occlude import pass_by
from chronopose.clips.spec import ClipSpec, LabelledClip
from chronopose.core.geometry import box_size, crop_to_image
from chronopose.core.types import Floats
from chronopose.data.dataset import PoseDataset
from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople
from chronopose.layers.backbone import Backbone

# Things that pass by in a held-out clip.
_THINGS = 2

WINDOW = (-2, -1, 0, 1, 2)
"""Frames that are kept of every clip: no ablation is shown others."""

HELD_OUT = 9000
"""Seed of the clips that ablations are judged on."""


class KeptClips:
    """A data set of clips that are drawn when first asked for, and then kept.

    Args:
        dataset: draws the clips; its frames are all of one size.
        size: height and width of a frame in pixels.
        folder: where clips are kept; None for memory alone. Several processes may share it: a clip is the same bits
            whoever draws it.
    """

    def __init__(self, dataset: PoseDataset, size: tuple[int, int], folder: Path | None = None) -> None:
        self.dataset, self.name, self.skeleton = dataset, dataset.name, dataset.skeleton
        count, joints = len(dataset), len(dataset.skeleton)
        self.arrays = _arrays(
            folder,
            {
                "frames": ((count, len(WINDOW), *size, 3), np.uint8),
                "xy": ((count, len(WINDOW), joints, 2), np.float32),
                "visible": ((count, len(WINDOW), joints), np.bool_),
                "box": ((count, 4), np.float32),
                "done": ((count,), np.bool_),
            },
        )

    def __len__(self) -> int:
        return len(self.dataset)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window of clip `index`; offsets beyond `WINDOW` are clamped to its ends."""
        kept = self.arrays
        if not kept["done"][index]:
            clip = self.dataset.clip(index, WINDOW)
            kept["frames"][index], kept["xy"][index] = np.stack(clip.frames), clip.xy_image
            kept["visible"][index], kept["box"][index] = clip.visible, clip.box
            kept["done"][index] = True
        shown = [WINDOW.index(min(max(offset, WINDOW[0]), WINDOW[-1])) for offset in offsets]
        return LabelledClip(
            name=f"{self.name}/{index}",
            frames=tuple(np.asarray(kept["frames"][index, place]) for place in shown),
            skeleton=self.skeleton,
            xy_image=np.array(kept["xy"][index, shown]),
            visible=np.array(kept["visible"][index, shown]),
            box=np.array(kept["box"][index]),
        )


class HiddenInKey:
    """Clips in which things pass by, or stand for a while, in front of joints of the key frame: a data set to judge on.

    The same things are in a clip whoever asks, and whatever window they are asked for.
    """

    def __init__(self, dataset: PoseDataset) -> None:
        self.dataset, self.name, self.skeleton = dataset, f"{dataset.name}, hidden in the key frame", dataset.skeleton

    def __len__(self) -> int:
        return len(self.dataset)

    def clip(self, index: int, offsets: Sequence[int]) -> LabelledClip:
        """The window of clip `index`, with `visible` false where a thing is in front."""
        clip = self.dataset.clip(index, WINDOW)
        rng, key = np.random.default_rng([HELD_OUT, index]), WINDOW.index(0)
        before = np.stack(clip.frames).astype(np.float32)
        after = before.copy()
        for _ in range(_THINGS):
            pass_by(after, WINDOW, clip.xy_image[key][clip.visible[key]], rng)
        visible = clip.visible & ~_changed(before, after, clip.xy_image)
        places = [WINDOW.index(offset) for offset in offsets]
        return replace(
            clip,
            frames=tuple(after[place].astype(np.uint8) for place in places),
            xy_image=clip.xy_image[places],
            visible=visible[places],
        )


class KeptMaps:
    """A backbone's maps of one crop of every clip, made when first asked for, and then kept: examples for a model whose
    backbone stays as it is.

    A crop is drawn once, however often it is learned from; `Example.pixels` holds maps (T, C, h, w) in its place.

    Args:
        backbone: pixels to maps, with the weights that it has when the first example is asked for.
        clips: what is cut.
        spec: of the model; its frames must be in `WINDOW`.
        augment: how crops stray; None for plain ones.
        folder: where maps are kept, with those of other backbones and clips; None for memory alone.
        settings: what else the maps depend on, as JSON values.
    """

    def __init__(
        self,
        backbone: Backbone,
        clips: PoseDataset,
        spec: ClipSpec,
        augment: AugmentConfig | None,
        folder: Path | None,
        settings: object,
    ) -> None:
        self.backbone, self.clips, self.spec, self.augment = backbone, clips, spec, augment
        self.folder, self.settings = folder, settings
        self.shown = [WINDOW.index(offset) for offset in spec.offsets]
        self.answered = [WINDOW.index(offset) for offset in spec.predicts]

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, index: int, rng: np.random.Generator) -> Example:
        """Example number `index`; nothing is left to draw."""
        kept = self._kept
        if not kept["done"][index]:
            whole = replace(self.spec, offsets=WINDOW, predicts=WINDOW, recurrent=False)
            clip = self.clips.clip(index, WINDOW)
            made = example(clip, whole, self.clips.skeleton, self.augment, np.random.default_rng([index]))
            device = next(self.backbone.parameters()).device
            with torch.no_grad():  # the class's own forward, since the model's backbone may take maps by now
                maps = Backbone.forward(self.backbone.eval(), torch.from_numpy(made.pixels).to(device))
            kept["maps"][index] = maps.cpu().numpy()
            kept["xy"][index], kept["weight"][index] = made.xy_crop, made.weight
            kept["done"][index] = True
        return Example(
            pixels=kept["maps"][index, self.shown].astype(np.float32),
            xy_crop=np.array(kept["xy"][index, self.answered]),
            weight=np.array(kept["weight"][index, self.answered]),
        )

    @cached_property
    def _kept(self) -> dict[str, NDArray[Any]]:
        count, joints, spec = len(self.clips), len(self.clips.skeleton), self.spec
        weights = hashlib.sha256()
        for tensor in self.backbone.state_dict().values():
            weights.update(tensor.cpu().contiguous().numpy().tobytes())
        crops = (spec.height, spec.width, spec.margin, self.augment and asdict(self.augment))
        return _arrays(
            place(self.folder, "maps", self.clips.name, crops, self.settings, weights.hexdigest()),
            {
                "maps": ((count, len(WINDOW), self.backbone.channels, *self.backbone.grid), np.float16),
                "xy": ((count, len(WINDOW), joints, 2), np.float32),
                "weight": ((count, len(WINDOW), joints), np.float32),
                "done": ((count,), np.bool_),
            },
        )


def held_out(people: SyntheticConfig, clips: int, folder: Path | None = None) -> KeptClips:
    """Clips like those of a run, of people whom no run has seen, with joints hidden in the key frame."""
    config = replace(people, seed=HELD_OUT, clips=clips)
    hiding = HiddenInKey(SyntheticPeople(config=config))
    return KeptClips(hiding, (config.height, config.width), place(folder, "hidden", asdict(config)))


def for_training(people: SyntheticConfig, folder: Path | None = None) -> KeptClips:
    """The clips of a run."""
    return KeptClips(
        SyntheticPeople(config=people), (people.height, people.width), place(folder, "clips", asdict(people))
    )


def hidden_for_a_moment(dataset: PoseDataset) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(N, K) joints in sight in the key frame; and those hidden there that the frame before or after it shows."""
    clips = [dataset.clip(index, (-1, 0, 1)).visible for index in range(len(dataset))]
    before, key, after = np.stack(clips).swapaxes(0, 1)  # (3, N, K)
    return key, ~key & (before | after)


def size_px(box: Floats, spec: ClipSpec) -> float:
    """The longer side of a box in pixels of its plain crop."""
    to_image = crop_to_image(box, spec.height, spec.width, spec.margin)
    return float(box_size(box).max() / np.sqrt(np.linalg.det(to_image[:, :2])))


def place(folder: Path | None, kind: str, *settings: object) -> Path | None:
    """Where what has these settings is kept."""
    told = json.dumps(settings, sort_keys=True, default=str).encode()
    return None if folder is None else folder / f"{kind}-{hashlib.sha256(told).hexdigest()[:12]}"


def _arrays(folder: Path | None, shapes: dict[str, tuple[tuple[int, ...], Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of zeros in memory, or files in a folder with whatever is in them."""
    if folder is None:
        return {name: np.zeros(shape, kind) for name, (shape, kind) in shapes.items()}
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".partial-") as temporary:
            waiting = Path(temporary) / "new"
            waiting.mkdir()
            for name, (shape, kind) in shapes.items():
                open_memmap(waiting / f"{name}.npy", mode="w+", dtype=kind, shape=shape).flush()
            with suppress(OSError):  # another process was quicker, and its files are as good
                waiting.rename(folder)
    return {name: open_memmap(folder / f"{name}.npy", mode="r+") for name in shapes}


def _changed(before: NDArray[Any], after: NDArray[Any], xy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(T, K) whether the pixels at joints (T, K, 2) differ between frames (T, H, W, 3)."""
    frames, height, width = before.shape[:3]
    near = np.nan_to_num(xy, nan=0.0)
    x = np.clip(np.round(near[..., 0]).astype(int), 0, width - 1)
    y = np.clip(np.round(near[..., 1]).astype(int), 0, height - 1)
    different = (before != after).any(-1)
    return np.asarray(different[np.arange(frames)[:, None], y, x], dtype=np.bool_)
