"""Every data set by name: what it is, its terms, how its folder is laid out, and how it is opened and checked."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from chronopose.core.errors import InputError
from chronopose.data import readers, sources
from chronopose.data.readers import Labelled, Reader

if TYPE_CHECKING:
    from chronopose.data.dataset import PoseDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One data set.

    Attributes:
        title: its owners' name for it.
        of: what it is a set of.
        reference: the paper to cite.
        page: of the owners.
        terms: of use, in a few words; the owners' page decides.
        skeleton: name of the skeleton of its labels, None where the files say.
        layout: the folder that is wanted, in a few lines.
        marks: patterns of which one at least matches in the folder; "{split}" stands for the split where a file tells
            whether it is there.
        splits: the ways to part the same videos; no two parts of one way share a video, the first is to learn from.
        other_splits: whether a split may have any other name too.
        known: what is wrong in the owners' release itself; empty where nothing is known.
        owners: videos or photographs that the owners give, by split, where that is known.
        reader: what reads it, imported when called.
    """

    title: str
    of: Literal["videos", "photographs", "either"]
    reference: str
    page: str
    terms: str
    skeleton: str | None
    layout: str
    marks: tuple[str, ...]
    splits: tuple[tuple[str, ...], ...] = (("train", "test"),)
    other_splits: bool = False
    known: str = ""
    owners: Mapping[str, int] = field(default_factory=dict)
    reader: Callable[[], Reader]

    @property
    def parts(self) -> tuple[str, ...]:
        """The splits by name."""
        return tuple(split for group in self.splits for split in group)

    @property
    def training(self) -> tuple[str, ...]:
        """The splits to learn from."""
        return tuple(group[0] for group in self.splits)

    @property
    def tests(self) -> tuple[str, ...]:
        """The splits to be judged on."""
        return tuple(split for group in self.splits for split in group[1:])

    def has(self, folder: Path, split: str) -> bool:
        """Whether the folder shows a sign of the split."""
        return any(next(folder.glob(mark.format(split=split)), None) is not None for mark in self.marks)


def named(name: str) -> DataSet:
    """The data set called `name`; raises `InputError` that names the nearest where there is none."""
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1, cutoff=0.5)
        guess = f"; did you mean {near[0]}" if near else ""
        raise InputError(f"no data set called {name[:40]!r}{guess}; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def open_data(name: str, folder: Path, split: str | None = None) -> "PoseDataset":
    """The labelled persons of one split of a data set, each with the frames around.

    Args:
        name: as in `CATALOGUE`.
        folder: laid out as the data set's `layout` says.
        split: one of its `splits`; None for the first of them to learn from.

    Raises:
        InputError: there is no such data set or split, or the folder is not laid out as wanted.
    """
    entry = named(name)
    return entry.reader().people(Path(folder), entry.training[0] if split is None else split)


def open_labels(name: str, folder: Path, split: str | None = None) -> Labelled:
    """Everybody labelled in one split of a data set, in all its frames, without a picture decoded.

    Args and raises: as `open_data`.
    """
    entry = named(name)
    return entry.reader().labelled(Path(folder), entry.training[0] if split is None else split)


def splits_in(name: str, folder: Path, split: str | None = None) -> tuple[str, ...]:
    """The splits of a data set that a folder shows signs of: all of them, or the one asked for.

    Raises:
        InputError: the data set has no such split; or the folder shows no sign of any, and the message says what was
            looked for and what is there.
    """
    entry, folder = named(name), Path(folder)
    if split is not None and split not in entry.parts and not (entry.other_splits and re.fullmatch(r"[\w-]+", split)):
        raise InputError(f"{entry.title} has no split {split[:40]!r}; it has {', '.join(entry.parts)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; wanted that of {entry.title}")
    wanted = entry.parts if split is None else (split,)
    there = tuple(part for part in wanted if entry.has(folder, part))
    if not there:
        looked_for = ", ".join(dict.fromkeys(mark.format(split=part) for mark in entry.marks for part in wanted))
        found = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
        listed = ", ".join(found[:6]) + (", ..." if len(found) > 6 else "") if found else "nothing"
        like = [other for other, data in CATALOGUE.items() for part in data.parts if data.has(folder, part)]
        guess = f"; it looks like {like[0]}" if like and like[0] != name else ""
        raise InputError(
            f"{folder}: not the folder of {entry.title}: looked for {looked_for}; there is {listed}{guess}"
        )
    return there


_POSETRACK = "Andriluka et al.: PoseTrack: A Benchmark for Human Pose Estimation and Tracking, CVPR 2018"
_POSETRACK_SPLITS = (("train", "val", "test"),)
_JHMDB = "Jhuang, Gall, Zuffi, Schmid, Black: Towards Understanding Action Recognition, ICCV 2013"
_JHMDB_SPLITS = (("train1", "test1"), ("train2", "test2"), ("train3", "test3"))

CATALOGUE: dict[str, DataSet] = {
    "posetrack17": DataSet(
        title="PoseTrack17",
        of="videos",
        reference=_POSETRACK,
        page="https://posetrack.net/",
        terms="PoseTrack: research use, YouTube videos without a stated licence",
        skeleton="posetrack-15",
        layout="""
            annotations/train/SEQUENCE.json          annolist; also val and test
            images/SET/SEQUENCE/*.jpg                SET is bonn, bonn_5sec, mpii_5sec and the like
            or, as the papers' code has it,
            posetrack_train.json, posetrack_val.json
            images_renamed/SET/SEQUENCE/00000001.jpg from 1
            (posetrack_data/ may stand before annotations and images)
        """,
        marks=(
            "annotations/{split}/*.json",
            "posetrack_data/annotations/{split}/*.json",
            "posetrack_{split}.json",
            "annotations/posetrack_{split}.json",
        ),
        splits=_POSETRACK_SPLITS,
        known="Only some frames of a video were labelled: about 30 in its middle, and in val every fourth.",
        owners={"train": 250, "val": 50, "test": 214},
        reader=partial(readers.posetrack, 2017),
    ),
    "posetrack18": DataSet(
        title="PoseTrack18",
        of="videos",
        reference=_POSETRACK,
        page="https://posetrack.net/",
        terms="PoseTrack: research use, YouTube videos without a stated licence",
        skeleton="posetrack-15",
        layout="""
            annotations/train/SEQUENCE.json          also val and test; or mmpose's annotations/posetrack18_train.json
            images/train/SEQUENCE/000000.jpg         from 0
            (posetrack_data/ may stand before annotations and images)
        """,
        marks=(
            "annotations/{split}/*.json",
            "posetrack_data/annotations/{split}/*.json",
            "annotations/posetrack18_{split}.json",
            "posetrack_{split}.json",
            "annotations/posetrack_{split}.json",
        ),
        splits=_POSETRACK_SPLITS,
        known="As of PoseTrack17. The labels of test are not given out; ears are in the files and never labelled.",
        owners={"train": 593, "val": 170, "test": 375},
        reader=partial(readers.posetrack, 2018),
    ),
    "posetrack21": DataSet(
        title="PoseTrack21",
        of="videos",
        reference="Doering, Chen, Zhang, Schiele, Gall: PoseTrack21, CVPR 2022",
        page="https://github.com/anDoer/PoseTrack21",
        terms="PoseTrack21: after a signed agreement with its authors, YouTube videos without a stated licence",
        skeleton="posetrack-15",
        layout="""
            posetrack_data/train/SEQUENCE.json       also val
            images/train/SEQUENCE/000000.jpg         from 0, those of PoseTrack18
        """,
        marks=("posetrack_data/{split}/*.json",),
        splits=(("train", "val"),),
        known="As of PoseTrack18. Small persons have a box and no joints.",
        owners={"train": 593, "val": 170},
        reader=partial(readers.posetrack, 2021),
    ),
    "penn": DataSet(
        title="Penn Action",
        of="videos",
        reference="Zhang, Zhu, Derpanis: From Actemes to Action, ICCV 2013",
        page="http://dreamdragon.github.io/PennAction/",
        terms="Penn Action: research use, YouTube clips without a stated licence",
        skeleton="penn-13",
        layout="""
            frames/0001/000001.jpg   pictures of clip 0001 to 2326, from 1
            labels/0001.mat          x, y, visibility, bbox, nframes, train (1, or -1 for test)
        """,
        marks=("labels/*.mat",),
        known="The box of the last frame is missing in 1154 and 1865: that of the frame before is taken. The labels' "
        "dimensions are not always those of the pictures, which are taken.",
        owners={"train": 1258, "test": 1068},
        reader=readers.penn,
    ),
    "jhmdb": DataSet(
        title="JHMDB",
        of="videos",
        reference=_JHMDB,
        page="http://jhmdb.is.tue.mpg.de/",
        terms=sources.JHMDB.licence,
        skeleton="jhmdb-15",
        layout="""
            Rename_Images/ACTION/CLIP/00001.png             pictures, from 1
            joint_positions/ACTION/CLIP/joint_positions.mat pos_img (2 x 15 x frames)
            splits/ACTION_test_split1.txt                   lines "CLIP.avi 1" (train) or "CLIP.avi 2" (test)
            puppet_mask/ACTION/CLIP/puppet_mask.mat         part_mask; without masks, boxes are those of the joints
            or
            annotations.json                                image_size, keypoint_names, clips: video, splits, keypoints
        """,
        marks=("splits/*.txt", "annotations.json"),
        splits=_JHMDB_SPLITS,
        known="No joint is marked as hidden, and joints lie outside the picture. Some clips have fewer masks than "
        "frames: the box of the last one is kept.",
        reader=readers.jhmdb,
    ),
    "sub-jhmdb": DataSet(
        title="Sub-JHMDB",
        of="videos",
        reference=_JHMDB,
        page="http://jhmdb.is.tue.mpg.de/",
        terms=sources.JHMDB.licence,
        skeleton="jhmdb-15",
        layout="""
            the folder of JHMDB with
            sub_splits/ACTION_test_split1.txt   the 316 clips in which the whole body is in view
            or, as mmpose has it,
            annotations/Sub1_train.json         COCO-style; also Sub1_test.json to Sub3_test.json
            Rename_Images/ACTION/CLIP/00001.png
        """,
        marks=("sub_splits/*.txt", "annotations/Sub?_*.json"),
        splits=_JHMDB_SPLITS,
        known="As of JHMDB.",
        reader=readers.sub_jhmdb,
    ),
    "coco": DataSet(
        title="COCO keypoints",
        of="photographs",
        reference="Lin et al.: Microsoft COCO: Common Objects in Context, ECCV 2014",
        page="https://cocodataset.org/",
        terms="COCO: annotations CC BY 4.0, Flickr photographs under terms of their own",
        skeleton="coco-17",
        layout="""
            annotations/person_keypoints_train2017.json, ..._val2017.json
            train2017/, val2017/                            photographs
        """,
        marks=("annotations/person_keypoints_{split}2017.json",),
        splits=(("train", "val"),),
        owners={"train": 118_287, "val": 5_000},
        reader=readers.coco,
    ),
    "coco-style": DataSet(
        title="your own labels as COCO-style JSON",
        of="either",
        reference="none: cite what you labelled",
        page="https://cocodataset.org/#format-data",
        terms="your own",
        skeleton=None,
        layout="""
            train.json, val.json     or annotations/train.json; the split may have any name
            train/, val/             or images/: photographs, or frames of videos (images with video_id and frame_id)
            skeleton.yaml            joints, limbs, mirror pairs; only where the JSON's category does not say enough
        """,
        marks=("{split}.json", "annotations/{split}.json"),
        other_splits=True,
        splits=(("train", "val", "test"),),
        reader=readers.coco_style,
    ),
    "lsp": DataSet(
        title="LSP",
        of="photographs",
        reference="Johnson, Everingham: Clustered Pose and Nonlinear Appearance Models, BMVC 2010",
        page="http://sam.johnson.io/research/lsp.html",
        terms="LSP: research use, Flickr photographs without a stated licence",
        skeleton="lsp-14",
        layout="""
            images/im0001.jpg    photographs, from 1; the first half is train, the second test
            joints.mat           joints (3 x 14 x photographs)
        """,
        marks=("images/im????.jpg",),
        owners={"train": 1000, "test": 1000},
        reader=readers.lsp,
    ),
    "lspet": DataSet(
        title="LSP-extended",
        of="photographs",
        reference="Johnson, Everingham: Learning Effective Human Pose Estimation from Inaccurate Annotation, CVPR 2011",
        page="http://sam.johnson.io/research/lspet.html",
        terms=sources.LSPET.licence,
        skeleton="lsp-14",
        layout="""
            images/im00001.jpg   photographs, from 1
            joints.mat           joints (14 x 3 x photographs)
            or
            images/00001.jpg     photographs cropped to the person
            joints.npz           image, xy, size, names
        """,
        marks=("joints.npz", "images/im?????.jpg"),
        splits=(("train", "heldout"),),
        known="Labels are of many hands and inaccurate. The owners give it for training alone: held out are here the "
        "photographs whose number is divisible by 10.",
        owners={"train": 9000, "heldout": 1000},
        reader=readers.lspet,
    ),
    "rendered": DataSet(
        title="clips of rendered people",
        of="videos",
        reference="chronopose synth",
        page="docs/synth.md",
        terms=sources.RENDERED.licence,
        skeleton="posetrack-15",
        layout="""
            clips-00000.parquet and on, as chronopose synth writes them: pictures and labels together
        """,
        marks=("clips-*.parquet",),
        splits=(("all",),),
        reader=readers.rendered,
    ),
}
"""Every data set by the name it has on the command line."""
