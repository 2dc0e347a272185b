"""Poses of a whole video in three lines, and how to read them."""

import sys

import chronopose


def main(video: str) -> None:
    """Prints where every person's left wrist went."""
    poses = chronopose.load("dsta-small").predict(video)
    wrist = poses.skeleton.index("left_wrist")
    print(f"{len(poses)} frames of {poses.info.width} x {poses.info.height}, {len(poses.tracks)} persons")
    for frame in poses:
        for person in frame.poses:
            (x, y), sigma = person.xy[wrist], person.sigma[wrist] if person.sigma is not None else (0, 0)
            print(
                f"{frame.time_s:7.3f} s  person {person.track_id}  left wrist {x:.0f}, {y:.0f} +- {max(sigma):.0f} px"
            )


if __name__ == "__main__":
    main(sys.argv[1])
