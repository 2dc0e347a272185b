"""What reads each data set: one function for each, which imports the reader when it is called."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chronopose.core.skeleton import Skeleton
    from chronopose.data.dataset import PoseDataset
    from chronopose.data.posetrack import Year
    from chronopose.data.videos import Defect, LabelledVideo


class Labelled(NamedTuple):
    """Everybody labelled in a split, pictures unread; a photograph is a video of one frame."""

    skeleton: "Skeleton"
    videos: "Iterable[LabelledVideo]"


class Reader(NamedTuple):
    """What reads one data set; each function takes its folder and the name of a split.

    `people` gives examples to learn from or to be judged on, `labelled` all that is labelled, `defects` what is wrong,
    with None after each unit of work. All raise `InputError` where the folder is not laid out as wanted.
    """

    people: "Callable[[Path, str], PoseDataset]"
    labelled: Callable[[Path, str], Labelled]
    defects: "Callable[[Path, str], Iterator[Defect | None]]"


def posetrack(year: "Year") -> Reader:
    """PoseTrack of one year."""
    from chronopose.data import posetrack

    videos, defects = partial(posetrack.videos, year), partial(posetrack.defects, year)
    return _of_videos(posetrack.NAMES[year], posetrack.SKELETON, videos, defects)


def penn() -> Reader:
    """Penn Action."""
    from chronopose.data import penn_action

    return _of_videos(penn_action.NAME, penn_action.SKELETON, penn_action.videos, penn_action.defects)


def jhmdb() -> Reader:
    """JHMDB."""
    from chronopose.data import jhmdb

    return _of_videos(jhmdb.NAME, jhmdb.SKELETON, jhmdb.videos, jhmdb.defects)


def sub_jhmdb() -> Reader:
    """Sub-JHMDB."""
    from chronopose.data import jhmdb

    videos, defects = partial(jhmdb.videos, sub=True), partial(jhmdb.defects, sub=True)
    return _of_videos(jhmdb.SUB_NAME, jhmdb.SKELETON, videos, defects)


def lsp() -> Reader:
    """LSP."""
    from chronopose.data import lsp

    return _of_videos(lsp.NAME, lsp.SKELETON, lsp.videos, lsp.defects)


def lspet() -> Reader:
    """LSP-extended."""
    from chronopose.data import lspet

    return Reader(
        people=lspet.LSPExtended,
        labelled=lambda folder, split: Labelled(lspet.SKELETON, lspet.videos(folder, split)),
        defects=lspet.defects,
    )


def coco() -> Reader:
    """COCO's own files."""
    from chronopose.core.skeleton import COCO_17

    return _of_coco(lambda _: COCO_17)


def coco_style() -> Reader:
    """Anybody's COCO-style files; where their category does not say enough of the joints, `skeleton.yaml` does."""
    from chronopose.formats import skeleton_file

    def skeleton(folder: Path) -> "Skeleton | None":
        file = folder / "skeleton.yaml"
        return skeleton_file.read(file) if file.is_file() else None

    return _of_coco(skeleton)


def rendered() -> Reader:
    """Clips of rendered people."""
    from chronopose.data import rendered_videos
    from chronopose.data.rendered import RenderedClips

    def people(folder: Path, split: str) -> "PoseDataset":
        rendered_videos.check_split(split)
        return RenderedClips(folder)

    return Reader(
        people=people,
        labelled=lambda folder, split: Labelled(rendered_videos.SKELETON, rendered_videos.videos(folder, split)),
        defects=rendered_videos.defects,
    )


def _of_videos(
    name: str,
    skeleton: "Skeleton",
    videos: "Callable[[Path, str], Iterable[LabelledVideo]]",
    defects: "Callable[[Path, str], Iterator[Defect | None]]",
) -> Reader:
    from chronopose.data.videos import VideoClips

    return Reader(
        people=lambda folder, split: VideoClips(name, skeleton, tuple(videos(folder, split))),
        labelled=lambda folder, split: Labelled(skeleton, videos(folder, split)),
        defects=defects,
    )


def _of_coco(skeleton: "Callable[[Path], Skeleton | None]") -> Reader:
    """COCO-style files, whose joints are those of `skeleton` of the folder, or if that is None of the file."""
    from chronopose.data import coco, coco_labels, coco_videos, photographs

    def labelled(folder: Path, split: str) -> Labelled:
        file, images = coco.locate(folder, split)
        labels = coco_labels.read(file, images, skeleton(folder))
        if any(picture.video is not None for picture in labels.pictures):
            return Labelled(labels.skeleton, coco_videos.videos(labels, str(file)))
        return Labelled(labels.skeleton, photographs.of_coco(labels))

    return Reader(
        people=lambda folder, split: coco.dataset(folder, split, skeleton(folder)),
        labelled=labelled,
        defects=lambda folder, split: coco.defects(folder, split, skeleton(folder)),
    )
