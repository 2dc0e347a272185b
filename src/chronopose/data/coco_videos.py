"""Videos in COCO-style files of keypoints: pictures with `video_id` or `vid_id`, in the order of `frame_id`."""

import numpy as np
from numpy.typing import NDArray

from chronopose.core.errors import InputError
from chronopose.data.coco_labels import Labels
from chronopose.data.videos import LabelledPerson, LabelledVideo


def videos(labels: Labels, where: str) -> tuple[LabelledVideo, ...]:
    """The videos of a file, by their order in it; crowds and photographs are left out.

    The frames of a video are those that the file lists; neighbours in it are neighbours in time. Persons are told
    apart by `track_id`; whoever has none is somebody else in every frame.

    Raises:
        InputError: a video has two frames of one number, or a frame has a person twice; `where` names the file.
    """
    frames: dict[str, list[int]] = {}
    for position, picture in enumerate(labels.pictures):
        if picture.video is not None:
            frames.setdefault(picture.video, []).append(position)
    video_of = np.full(len(labels.pictures), -1)
    frame_of = np.zeros(len(labels.pictures), dtype=np.int64)
    for number, (name, positions) in enumerate(frames.items()):
        positions.sort(key=lambda position: labels.pictures[position].frame)
        for place, position in enumerate(positions):
            if place and labels.pictures[positions[place - 1]].frame == labels.pictures[position].frame:
                raise InputError(f"{where}: images: video {name} has frame {labels.pictures[position].frame} twice")
            video_of[position], frame_of[position] = number, place
    persons = _persons(labels, video_of, frame_of, where)
    return tuple(
        LabelledVideo(
            name=name,
            images=tuple(labels.pictures[position].file for position in positions),
            length=len(positions),
            size=labels.pictures[positions[0]].size,
            labelled=np.array([labels.pictures[position].labelled for position in positions]),
            persons=tuple(persons.get(number, ())),
        )
        for number, (name, positions) in enumerate(frames.items())
    )


def _persons(
    labels: Labels, video_of: NDArray[np.int64], frame_of: NDArray[np.int64], where: str
) -> dict[int, list[LabelledPerson]]:
    """Everybody by the number of the video."""
    rows = np.flatnonzero(~labels.crowd & (video_of[labels.picture_of] >= 0))
    track = labels.track_id[rows]
    nobody = np.flatnonzero(track < 0)
    track[nobody] = np.arange(len(nobody)) + track.max(initial=-1) + 1
    video, frame = video_of[labels.picture_of[rows]], frame_of[labels.picture_of[rows]]
    order = np.lexsort((frame, track, video))
    rows, video, track, frame = rows[order], video[order], track[order], frame[order]
    same = (np.diff(video) == 0) & (np.diff(track) == 0)
    twice = np.flatnonzero(same & (np.diff(frame) == 0))
    if len(twice):
        picture = labels.pictures[labels.picture_of[rows[twice[0]]]]
        raise InputError(f"{where}: annotations: track_id {track[twice[0]]} is in {picture.name} twice")
    found: dict[int, list[LabelledPerson]] = {}
    for one in np.split(np.arange(len(rows)), np.flatnonzero(~same) + 1):
        if len(one):
            person = LabelledPerson(
                track_id=int(track[one[0]]),
                frames=frame[one],
                xy_image=labels.xy[rows[one]],
                visible=labels.visible[rows[one]],
                box=labels.box[rows[one]],
            )
            found.setdefault(int(video[one[0]]), []).append(person)
    return found
