"""Looks at rendered clips: a sheet of their key frames, plain and with joints, boxes and what they do painted on."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from chronopose.core.skeleton import COCO_17
from chronopose.core.types import Pixels, Pose
from chronopose.data.rendered import joint_order
from chronopose.draw import contact_sheet, draw_poses
from chronopose.formats.shards import SEEN, Shards


def labelled(shards: Shards, number: int) -> tuple[Pixels, Pixels]:
    """The key frame of a clip, plain and painted; hidden joints are faint."""
    clip = shards.clip(number)
    order = joint_order(COCO_17, clip.joints)
    plain = clip.frames[clip.key].repeat(2, axis=0).repeat(2, axis=1)
    poses = [
        Pose(
            skeleton=COCO_17,
            xy=(clip.xy[clip.key, person, order] + 0.5) * 2 - 0.5,
            score=np.where(clip.visible[clip.key, person, order] == SEEN, 1.0, 0.35).astype(np.float32),
            box=(clip.boxes[clip.key, person] + 0.5) * 2 - 0.5,
            track_id=person,
        )
        for person in range(len(clip.motions))
    ]
    return plain, draw_poses(plain, poses)


def main(folder: Path, sheet: Path, count: int = 12, columns: int = 6) -> None:
    """Writes a sheet of the first clips of a folder."""
    shards = Shards(folder)
    pairs = [labelled(shards, number) for number in range(min(count, len(shards)))]
    pictures = [picture for pair in pairs for picture in pair]
    Image.fromarray(contact_sheet(pictures, columns)).save(sheet)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "clips.png"))
