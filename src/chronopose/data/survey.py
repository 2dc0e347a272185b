"""A data set's folder gone through whole: what is in it, what in it cannot be right, and a sheet of its persons."""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chronopose.clips.crop import crop_clip
from chronopose.clips.spec import ClipSpec, LabelledClip
from chronopose.core.errors import InputError
from chronopose.core.geometry import apply, box_size, inside, invert
from chronopose.core.skeleton import Skeleton
from chronopose.core.types import Floats, Pixels, Pose
from chronopose.data.catalogue import DataSet
from chronopose.data.dataset import PoseDataset
from chronopose.data.defects import stopping
from chronopose.data.frames import FrameStore
from chronopose.data.readers import Labelled
from chronopose.data.videos import Defect, LabelledPerson, LabelledVideo
from chronopose.draw import contact_sheet, draw_poses

# People leave the picture, and are labelled on; farther out than this many of its longer sides is nobody.
_FARTHEST = 2.0
# On the sheet, joints that are labelled but hidden are fainter.
_VISIBLE, _HIDDEN = 1.0, 0.35
_CELL = ClipSpec(offsets=(0,), height=288, width=216, margin=1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is in one split.

    Attributes:
        videos: or photographs.
        frames: of all videos.
        labelled: of those, the frames that were given to annotators.
        persons: each counted once in a video.
        poses: persons in single frames.
        joints: labelled ones of all poses.
        visible: of those.
        outside: of those, outside the picture.
        sizes: width and height of pictures and how many videos have them, the most frequent first.
        person_px: 5th, 50th and 95th percentile of the longer sides of the persons' boxes; empty without boxes.
    """

    videos: int
    frames: int
    labelled: int
    persons: int
    poses: int
    joints: int
    visible: int
    outside: int
    sizes: tuple[tuple[tuple[int, int], int], ...]
    person_px: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Defects that differ in place and numbers alone: how many there are, and the first of them."""

    known: bool
    count: int
    first: tuple[Defect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found in a folder: counts of each split that could be read, and defects by kind."""

    counts: dict[str, Counts]
    kinds: tuple[Kind, ...]

    @property
    def damage(self) -> int:
        """How many defects the owners' release does not have."""
        return sum(kind.count for kind in self.kinds if not kind.known)


def check(
    data: DataSet,
    folder: Path,
    splits: Sequence[str],
    *,
    pictures: bool = False,
    most: int | None = 50,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Goes through splits of a data set and gathers what is there and what is wrong.

    Args:
        data: set that is wanted.
        folder: of its files.
        splits: to go through.
        pictures: whether every picture is decoded; else their headers and ends are looked at.
        most: defects kept of each kind, None for all.
        progress: called with 1 after each unit of work.
    """
    counts: dict[str, Counts] = {}
    numbers = Counter[tuple[bool, str]]()
    first: dict[tuple[bool, str], list[Defect]] = {}
    told = set[int]()
    for defect in _walk(data, folder, splits, pictures, counts):
        if defect is None:
            progress(1)
        # What is in several splits has the same defects in each.
        elif hash(defect) not in told:
            told.add(hash(defect))
            kind = defect.known, _kind(defect)
            numbers[kind] += 1
            kept = first.setdefault(kind, [])
            if most is None or len(kept) < most:
                kept.append(defect)
    kinds = (Kind(known=kind[0], count=number, first=tuple(first[kind])) for kind, number in numbers.items())
    return Report(counts=counts, kinds=tuple(sorted(kinds, key=lambda kind: kind.known)))


def _kind(defect: Defect) -> str:
    """What is wrong, without numbers and names."""
    return re.sub(r"\S*\d\S*|'[^']*'", "#", defect.what)


def _walk(
    data: DataSet, folder: Path, splits: Sequence[str], pictures: bool, counts: dict[str, Counts]
) -> Iterator[Defect | None]:
    """All defects, and None after each unit of work; fills `counts` on its way."""
    reader = data.reader()
    told = set[Path]()
    # Of each way to part the data set, the videos gone through and the split they were in.
    seen: list[dict[Path, str]] = [{} for _ in data.splits]
    first = next((group for group in data.splits if splits[0] in group), tuple(splits))
    for split in splits:
        whole = True
        try:
            # Another way to part them has the same videos, of which nothing new is to be said if all are well.
            for defect in reader.defects(folder, split) if split in first or told else ():
                if defect is not None and not defect.known:
                    whole = False
                    told.add(defect.file)
                yield defect
            labelled = reader.labelled(folder, split)
            others = next((videos for group, videos in zip(data.splits, seen) if split in group), {})
            counts[split] = yield from _count(labelled, split, others, told, pictures)
        except InputError as error:
            # At what has been told the reader stops here too.
            if whole:
                what = str(error).removeprefix(str(folder)).lstrip("/: ")
                yield Defect(file=folder, where=split, what=f"{what}; the split cannot be read")


def _count(
    labelled: Labelled, split: str, others: dict[Path, str], told: set[Path], pictures: bool
) -> Generator[Defect | None, None, Counts]:
    """Counts what is labelled and yields what cannot be right, and None after each video.

    Args:
        labelled: all of the split.
        split: its name.
        others: the split of each video that no second split may have; those of this one are added.
        told: files that are known to be damaged.
        pictures: whether to decode the others.
    """
    total, sizes = Counter[str](), Counter[tuple[int, int]]()
    sides: list[Floats] = [np.zeros(0, dtype=np.float32)]
    for video in labelled.videos:
        frames = FrameStore((video,), decoded_mb=0)
        try:
            size = frames.size(0)
        except InputError:  # damage that has been told
            size = None
        total.update(videos=1, frames=video.length, labelled=int(video.labelled.sum()), persons=len(video.persons))
        for person in video.persons:
            known = np.isfinite(person.xy_image).all(axis=-1)
            total.update(poses=len(person.frames), joints=int(known.sum()), visible=int(person.visible.sum()))
            sides.append(box_size(person.box).max(axis=-1).astype(np.float32))
            if size is not None:
                total["outside"] += int((known & ~inside(person.xy_image, size)).sum())
                yield from _misplaced(labelled.skeleton, video, person, size)
        if size is not None:
            sizes[size] += 1
            if pictures and not isinstance(video.images, Path):
                yield from _undecodable(frames, video.images, told)
        first = video.images if isinstance(video.images, Path) else video.images[0]
        if others.setdefault(first, split) != split:
            what = f"is in {others[first]} too, and {split} must have nothing of it"
            yield Defect(file=first, where=split, what=what)
        yield None
    side = np.concatenate(sides)
    side = side[np.isfinite(side)]
    fields = ("videos", "frames", "labelled", "persons", "poses", "joints", "visible", "outside")
    return Counts(
        **{name: total[name] for name in fields},
        sizes=tuple(sizes.most_common()),
        person_px=tuple(np.percentile(side, (5, 50, 95)).tolist()) if len(side) else (),
    )


def _misplaced(
    skeleton: Skeleton, video: LabelledVideo, person: LabelledPerson, size: tuple[int, int]
) -> Iterator[Defect]:
    """Joints and boxes of a person where nobody can be: one of each kind, and in how many frames."""
    xy, box, reach = person.xy_image, person.box, _FARTHEST * max(size)
    known, given = np.isfinite(xy).all(axis=-1), np.isfinite(box).all(axis=-1)
    far = known & ~inside(xy, size, reach)
    empty = given & (box_size(box) <= 0).any(axis=-1)
    away = given & ~inside(box.reshape(-1, 2, 2), size, reach).all(axis=-1)
    # A box may be off by half its size; if it holds no joint then, it is somebody else's.
    corners, spare = box.reshape(-1, 2, 1, 2), box_size(box)[:, None] / 2
    held = ((xy >= corners[:, 0] - spare) & (xy <= corners[:, 1] + spare)).all(axis=-1)
    strange = given & ~empty & (known.sum(axis=-1) >= 3) & ~held.any(axis=-1)
    for rows, what in (
        (far.any(axis=-1), "a joint, {joint}, at {place} in a picture of {size}"),
        (empty, "a box without an area, {box}"),
        (away, "a box at {box} in a picture of {size}"),
        (strange, "no joint is near the box {box}"),
    ):
        if not rows.any():
            continue
        row = int(np.argmax(rows))
        joint, frame = int(np.argmax(far[row])), int(person.frames[row])
        told = what.format(
            joint=skeleton.joints[joint],
            place=_place(xy[row, joint]),
            box=_place(box[row]),
            size=f"{size[0]} x {size[1]}",
        )
        more = f", and in {np.count_nonzero(rows) - 1} more frames" if np.count_nonzero(rows) > 1 else ""
        who = f"person {person.track_id}"
        if isinstance(video.images, Path):
            yield Defect(file=video.images, where=f"{video.name}, frame {frame}, {who}", what=told + more)
        else:
            yield Defect(file=video.images[frame], where=who, what=told + more)


def _place(numbers: Floats) -> str:
    return f"({', '.join(f'{number:.0f}' for number in numbers)})"


def _undecodable(frames: FrameStore, images: tuple[Path, ...], told: set[Path]) -> Iterator[Defect]:
    """The pictures of a video that cannot be decoded to their end, without those `told` of."""
    for number, file in enumerate(images):
        if file not in told:
            try:
                frames.frame(0, number)
            except InputError as error:
                yield stopping(error, file)


def sheet(people: Sequence[PoseDataset], count: int = 24, seed: int = 0, columns: int = 6) -> tuple[Pixels, list[str]]:
    """Persons taken at random from data sets, cut out, with joints and box, each under its number.

    Args:
        people: with equal chances for every example of any of them.
        count: of persons; fewer where there are not so many, or too many that cannot be read.
        seed: another one takes others.
        columns: of the sheet.

    Returns:
        (H, W, 3) uint8, and the names of the persons by number.

    Raises:
        InputError: there is nobody who could be shown.
    """
    ends = np.cumsum([len(one) for one in people])
    cells, names = list[Pixels](), list[str]()
    for place in np.random.default_rng(seed).permutation(int(ends[-1]) if len(ends) else 0)[: 4 * count]:
        which = int(np.searchsorted(ends, place, side="right"))
        try:
            clip = people[which].clip(int(place - (ends[which] - len(people[which]))), (0,))
        except InputError:  # a damaged picture; the check names it
            continue
        cells.append(_cell(clip, len(names)))
        names.append(clip.name)
        if len(names) == count:
            break
    if not cells:
        raise InputError("nobody is there who could be shown on a sheet")
    return contact_sheet(cells, columns), names


def _cell(clip: LabelledClip, number: int) -> Pixels:
    """(H, W, 3) one person cut out and drawn upon."""
    crop = crop_clip(clip.frames, clip.box, _CELL)
    into = invert(crop.crop_to_image[0])
    pose = Pose(
        skeleton=clip.skeleton,
        xy=apply(into, clip.xy_image[0]).astype(np.float32),
        score=np.where(clip.visible[0], _VISIBLE, _HIDDEN).astype(np.float32),
        box=apply(into, clip.box.reshape(2, 2)).reshape(4).astype(np.float32),
        track_id=number,
    )
    return draw_poses(crop.pixels[0], [pose])
