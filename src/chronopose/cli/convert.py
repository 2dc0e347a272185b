"""`chronopose convert` and `chronopose relabel`: work on saved poses."""

from pathlib import Path


def convert(source: Path, target: Path, /, *, to: str | None = None) -> None:
    """Turn a file of poses into another format, chosen by the ending of the target.

    Parameters
    ----------
    source
        Poses: .parquet, .csv, .coco.json, .posetrack.json, or an OpenPose folder.
    target
        The same endings; .openpose for a folder.
    to
        The format, where the ending does not say it: parquet, csv, coco, posetrack, openpose.
    """
    from chronopose import formats

    sequence = formats.convert(source, target, to)
    print(f"wrote {target}: {len(sequence)} frames, {sum(len(frame.poses) for frame in sequence)} poses")


def relabel(
    source: Path,
    target: Path,
    /,
    *,
    patience: int = 30,
) -> None:
    """Give saved poses new track ids by their boxes and joints.

    Parameters
    ----------
    source
        Poses in any format that `convert` reads.
    target
        Where to write them, the format by its ending.
    patience
        Frames that a person may be out of sight and keep the id.
    """
    from chronopose import formats
    from chronopose.tracking.tracker import TrackerConfig
    from chronopose.tracking.tracker import relabel as track_again

    sequence = track_again(formats.read(source), TrackerConfig(patience=patience))
    formats.write(sequence, target)
    print(f"wrote {target}: {len(sequence)} frames, {len(sequence.tracks)} persons")
