"""COCO's average precision of poses, over object keypoint similarity, for data with COCO-style annotations.

The figures are those of COCO's own evaluation as faster-coco-eval computes them: 20 poses of an image count, thresholds
0.50 to 0.95, medium and large persons apart; crowds and persons without labelled joints excuse poses. Truth is the file
itself with the area it gives, or that of the box where it gives none. Joints that a model does not have are taken out
of the truth, so that figures over fewer joints than the file's are not those of a published table.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chronopose.core.geometry import box_of_points
from chronopose.core.skeleton import Skeleton
from chronopose.data import coco as coco_data
from chronopose.data import coco_labels, coco_videos
from chronopose.data.coco import CocoPeople
from chronopose.data.videos import VideoClips
from chronopose.evaluation.boxes import BoxSource, Found, by_picture
from chronopose.evaluation.unlabelled import Unlabelled
from chronopose.formats import document
from chronopose.formats.boxes import read_detections
from chronopose.formats.document import Object

FIGURES = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """Average precision and recall of poses.

    Attributes:
        figures: by the names of `FIGURES`, in [0, 1]; NaN where there is nobody, of that size.
        persons: how many persons count.
        joints: how many joints of the annotations count.
        of: how many there are in the annotations.
    """

    figures: dict[str, float]
    persons: int
    joints: int
    of: int


class CocoTruth:
    """A split of COCO-style annotations: everybody labelled in it, and the truth that poses are judged against.

    Args:
        folder: as `data.coco.locate` wants it.
        split: train, val, or any other name.
        skeleton: of the joints, None for the one that the file describes.

    Attributes:
        everybody: a data set of all persons with at least one labelled joint.
        nobody: a data set of the labelled pictures in which there is no such person.
    """

    def __init__(self, folder: Path, split: str, skeleton: Skeleton | None = None) -> None:
        file, images = coco_data.locate(folder, split)
        self._content, self._where = document.load(file), str(file)
        labels = coco_labels.parsed(self._content, self._where, images, skeleton)
        self._skeleton = labels.skeleton
        ids = [document.integer(image, "id", self._where) for image in self._content["images"]]
        self.everybody: CocoPeople | VideoClips
        if any(picture.video is not None for picture in labels.pictures):
            videos = coco_videos.videos(labels, str(file))
            self.everybody = VideoClips(coco_data.NAME, labels.skeleton, videos, at_least=1)
            by_file = {picture.file: number for picture, number in zip(labels.pictures, ids)}
            self._image = {
                (video.name, frame): by_file[path]
                for video in videos
                if not isinstance(video.images, Path)
                for frame, path in enumerate(video.images)
                if video.labelled[frame]
            }
        else:
            self.everybody = CocoPeople(labels, at_least=1)
            self._image = {("", place): number for place, number in enumerate(ids)}
        self.nobody = Unlabelled(self.everybody, self._image)

    def detections(self, file: Path) -> BoxSource:
        """The boxes of a list of detections with `image_id`, as COCO's own results are written."""
        listed = read_detections(file)
        return by_picture({picture: listed[image] for picture, image in self._image.items() if image in listed})

    def judge(self, found: Found, has: NDArray[np.bool_]) -> AveragePrecision:
        """The figures of poses in pictures, `has` (K,) being the joints that the model has.

        A pose's score is the mean score of its joints times that of its box.
        """
        from faster_coco_eval import COCO, COCOeval_faster

        truth = self._truth(has)
        told = [
            {
                "image_id": self._image[picture],
                "category_id": 1,
                "keypoints": _flat(pose.xy, has),
                "score": float(pose.box_score * pose.score[has].mean()),
            }
            for picture, poses in found.items()
            for pose in poses
        ]
        annotated = COCO(truth)
        judging: Any = COCOeval_faster(
            annotated, annotated.loadRes(told), iouType="keypoints", kpt_oks_sigmas=list(self._skeleton.sigmas)
        )
        judging.evaluate()
        judging.accumulate()
        judging.summarize()
        return AveragePrecision(
            figures={name: float(value) if value >= 0 else np.nan for name, value in zip(FIGURES, judging.stats)},
            persons=sum(one["num_keypoints"] > 0 and not one["iscrowd"] for one in truth["annotations"]),
            joints=int(has.sum()),
            of=len(has),
        )

    def _truth(self, has: NDArray[np.bool_]) -> Object:
        """What the official evaluation reads of the annotations, every field checked."""
        kinds = self._content["categories"]
        kind = next((one for one in kinds if "keypoints" in one), kinds[0])["id"]
        judged = set(self._image.values())
        annotations = []
        for place, one in enumerate(self._content["annotations"]):
            here = f"{self._where}: annotations[{place}]"
            image = document.integer(one, "image_id", here)
            if one["category_id"] != kind or image not in judged:
                continue
            given = document.numbers(one, "keypoints", here, 3 * len(has))
            triples = np.zeros((len(has), 3)) if given is None else given.reshape(-1, 3)
            triples[~has] = 0
            box = document.numbers(one, "bbox", here, 4)
            if box is None:
                tight = np.nan_to_num(box_of_points(triples[:, :2], triples[:, 2]))
                box = np.concatenate([tight[:2], tight[2:] - tight[:2]])
            annotations.append(
                {
                    "id": place + 1,  # COCO's own tool takes 0 for "no match"
                    "image_id": image,
                    "category_id": 1,
                    "iscrowd": int(one.get("iscrowd") == 1),
                    "keypoints": triples.reshape(-1).tolist(),
                    "num_keypoints": int((triples[:, 2] > 0).sum()),
                    "bbox": box.tolist(),
                    "area": document.number(one, "area", here, float(box[2] * box[3])),
                }
            )
        return {
            "images": [{"id": image} for image in sorted(judged)],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "person"}],
        }


def _flat(xy: NDArray[np.floating], has: NDArray[np.bool_]) -> list[float]:
    """x, y, 1 of every joint; an unknown one stands in the middle, as a pose's area is that of all its joints."""
    points = np.where(has[:, None], xy, xy[has].mean(axis=0))
    return np.concatenate([points, np.ones((len(points), 1))], axis=1).astype(np.float64).reshape(-1).tolist()
