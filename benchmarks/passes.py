"""One look at each data set for `default_model.py`: what the networks answer there, and what it is held against."""

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.crop import crop_clip
from chronopose.clips.spec import LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import box_around, box_size
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels
from chronopose.data.coco import CocoPeople
from chronopose.data.dataset import PoseDataset
from chronopose.data.lspet import LSPExtended
from chronopose.data.rendered import RenderedClips
from chronopose.formats.shards import HIDDEN, OUTSIDE, SEEN
from chronopose.inference.predictor import Joints, Predictor
from chronopose.metrics.detection import Found, match, taller_than
from chronopose.metrics.pck import tight_box_size
from chronopose.tracking.person import PersonDetector

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

BATCH = 16
TALL_PX = 96.0
# A joint counts as blurred when it moves by this share of the person's size during the exposure.
FAR = 0.05
OCCLUDED, OCCLUDED_SEEN = "occluded", "occluded, but seen in another frame of the window"
BLURRED = "visible, blurred"


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """A data set after its one pass: N persons, K joints in its own order.

    Attributes:
        name: as the tables have it.
        truth: (N, K, 2) image pixels, NaN where not labelled or not to be judged.
        group: (N,) the picture or clip that each person is in.
        joints: for each row of the tables its joints (N, K).
        xy: for each answer ("model", "single", "mean") its joints (N, K, 2) in image pixels.
        sigma: likewise, without the mean pose; None where a model does not say.
    """

    name: str
    skeleton: Skeleton
    truth: Array
    group: NDArray[np.int64]
    joints: dict[str, Mask]
    xy: dict[str, Array]
    sigma: dict[str, Array | None]

    @property
    def known(self) -> Mask:
        """(N, K) where there is a label, and all models have such a joint."""
        mask: Mask = ~np.isnan(self.truth[..., 0])
        for xy in self.xy.values():
            mask = mask & ~np.isnan(xy[..., 0])
        return mask


class Networks:
    """The model and its single-frame ablation, answering the same clips.

    Args:
        model: shown its window.
        single: a network trained on single frames; None for the same network, shown the key frame in every place.
    """

    def __init__(self, model: Predictor, single: Predictor | None) -> None:
        self.model, self.single = model, single
        if single is not None and single.skeleton.joints != model.skeleton.joints:
            raise InputError("--single: its joints must be those of --pose")
        wanted = set(model.spec.offsets) | (set(single.spec.offsets) if single is not None else set())
        self.offsets = tuple(sorted(wanted))

    def __call__(self, clips: Sequence[LabelledClip]) -> dict[str, Joints]:
        """Joints of the clips' key frames by "model" and by "single"; a picture shown twice is encoded once."""
        spec = self.model.spec
        crops: list[Pixels] = []
        windows: list[list[int]] = []
        transforms: list[Array] = []
        encoded = 0
        for clip in clips:
            shown = [clip.frames[self.offsets.index(offset)] for offset in spec.offsets]
            different = list({id(frame): frame for frame in shown}.values())
            place = {id(frame): encoded + number for number, frame in enumerate(different)}
            encoded += len(different)
            cut = crop_clip(different, clip.box, spec)
            crops.append(cut.pixels)
            transforms.append(cut.crop_to_image[0])
            windows.append([place[id(frame)] for frame in shown])
        features = self.model.encode(np.concatenate(crops))
        window, to_image = np.array(windows), np.stack(transforms)
        answers = {"model": self.model.joints(features[window], to_image)}
        if self.single is None:
            key = np.repeat(window[:, spec.key, None], window.shape[1], axis=1)
            return answers | {"single": self.model.joints(features[key], to_image)}
        alone = self.single.spec
        cuts = [crop_clip([c.frames[self.offsets.index(o)] for o in alone.offsets], c.box, alone) for c in clips]
        pixels, places = np.stack([c.pixels for c in cuts]), np.stack([c.crop_to_image[alone.key] for c in cuts])
        return answers | {"single": self.single.clips(pixels, places)}


@dataclass(frozen=True, eq=False)
class Pass:
    """What one look at N persons gave.

    Attributes:
        truth: (N, K, 2) of the key frames, see `Judged`.
        box: (N, 4) of the key frames.
        elsewhere: (N, K) joints seen in another frame of the model's window.
        xy: see `Judged`, as yet without the mean pose.
        sigma: see `Judged`.
    """

    truth: Array
    box: Array
    elsewhere: Mask
    xy: dict[str, Array]
    sigma: dict[str, Array | None]


def look(dataset: PoseDataset, networks: Networks, limit: int | None) -> Pass:
    """Answers the first `limit` persons of a data set, each clip being read once."""
    count = len(dataset) if limit is None else min(limit, len(dataset))
    if count == 0:
        raise InputError(f"{dataset.name}: no labelled persons to judge")
    key = networks.offsets.index(0)
    others = [i for i, o in enumerate(networks.offsets) if i != key and o in networks.model.spec.offsets]
    truth, box, elsewhere = [], [], []
    answers: dict[str, list[Joints]] = {"model": [], "single": []}
    for start in range(0, count, BATCH):
        clips = [dataset.clip(index, networks.offsets) for index in range(start, min(start + BATCH, count))]
        for name, joints in networks(clips).items():
            answers[name].append(joints)
        truth += [clip.xy_image[key] for clip in clips]
        box += [clip.box for clip in clips]
        elsewhere += [clip.visible[others].any(axis=0) for clip in clips]
        print(f"\r{dataset.name}: {len(truth)} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)

    def moved(parts: list[Floats]) -> Array:
        joints = dataset.skeleton.gather(np.concatenate(parts), networks.model.skeleton)
        return joints.astype(np.float64)

    sigmas = {name: [joints.sigma for joints in parts if joints.sigma is not None] for name, parts in answers.items()}
    return Pass(
        truth=np.stack(truth).astype(np.float64),
        box=np.stack(box).astype(np.float64),
        elsewhere=np.stack(elsewhere),
        xy={name: moved([joints.xy for joints in parts]) for name, parts in answers.items()},
        sigma={name: moved(known) if known else None for name, known in sigmas.items()},
    )


def mean_pose(learned: Array, learned_box: Array, box: Array) -> Array:
    """(N, K, 2): the mean of poses (M, K, 2) in units of their boxes (M, 4), put into the boxes (N, 4)."""
    unit = (learned - learned_box[:, None, :2]) / box_size(learned_box)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a joint that nobody has stays NaN
        mean = np.nanmean(unit, axis=0)
    return np.asarray(box[:, None, :2] + mean * box_size(box)[:, None], dtype=np.float64)


def judged(
    name: str,
    dataset: PoseDataset,
    seen: Pass,
    group: Sequence[int] | NDArray[np.integer],
    joints: dict[str, Mask],
    mean: Array,
) -> Judged:
    """A pass with what the tables ask of it."""
    return Judged(
        name=name,
        skeleton=dataset.skeleton,
        truth=seen.truth,
        group=np.asarray(group, dtype=np.int64)[: len(seen.truth)],
        joints=joints,
        xy=seen.xy | {"mean": mean},
        sigma=seen.sigma,
    )


def lspet(folder: Path, networks: Networks, limit: int | None) -> Judged:
    """The held-out photographs; the mean pose is that of the training part."""
    dataset, learned = LSPExtended(folder, "heldout"), LSPExtended(folder, "train").xy
    seen = look(dataset, networks, limit)
    mean = mean_pose(learned.astype(np.float64), np.stack([box_around(xy) for xy in learned]), seen.box)
    everything = np.ones(seen.truth.shape[:2], dtype=bool)
    return judged("LSP-extended", dataset, seen, dataset.numbers, {"all": everything}, mean)


def real_persons(dataset: CocoPeople, networks: Networks, limit: int | None) -> Judged:
    """COCO photographs; the mean pose is that of the same persons."""
    seen = look(dataset, networks, limit)
    everything = np.ones(seen.truth.shape[:2], dtype=bool)
    group = [dataset.picture_number(index) for index in range(len(seen.truth))]
    mean = mean_pose(seen.truth, seen.box, seen.box)
    return judged("real_persons", dataset, seen, group, {"all": everything}, mean)


def rendered(folder: Path, networks: Networks, limit: int | None) -> Judged:
    """Rendered clips; joints outside the frame are no labels, and the mean pose is that of the same persons."""
    dataset = RenderedClips(folder, skeleton=networks.model.skeleton.name)
    seen = look(dataset, networks, limit)
    numbers = range(len(seen.truth))
    visibility = np.stack([dataset.visibility(number) for number in numbers])
    blur = np.stack([dataset.blur(number) for number in numbers])
    seen.truth[visibility == OUTSIDE] = np.nan
    far = blur >= FAR * tight_box_size(seen.truth)[:, None]
    joints = {
        "all": visibility != OUTSIDE,
        "visible": visibility == SEEN,
        OCCLUDED: visibility == HIDDEN,
        OCCLUDED_SEEN: (visibility == HIDDEN) & seen.elsewhere,
        BLURRED: (visibility == SEEN) & far,
    }
    mean = mean_pose(seen.truth, seen.box, seen.box)
    return judged("rendered", dataset, seen, dataset.examples[:, 0], joints, mean)


def detected(
    people: CocoPeople, detector: PersonDetector, scores: Sequence[float], limit: int | None
) -> dict[tuple[str, float], list[Found]]:
    """For "all" and for "tall" persons and each least score, what was found in every picture."""
    rows: dict[tuple[str, float], list[Found]] = {}
    for number in range(people.pictures if limit is None else min(limit, people.pictures)):
        photograph = people.photograph(number)
        answer = detector([photograph.pixels])[0]
        tall = taller_than(photograph.boxes, TALL_PX)
        for which, counted in (("all", None), ("tall", tall)):
            for least in scores:
                boxes = answer.boxes[answer.scores >= least]
                found = match(boxes, photograph.boxes, counted=counted, crowd=photograph.crowd)
                rows.setdefault((which, least), []).append(found)
    return rows
