"""`chronopose demo`: the bundled model on a clip that ships with the package, scored against its truth."""

from importlib import resources
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from chronopose.cli.predict import predict


def demo(
    video: str | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(name=("--out", "-o"))] = Path("poses"),
) -> int:
    """Run the bundled model on a short rendered clip and say how accurate it was; or on a video of yours.

    Parameters
    ----------
    video
        Your own video; without it the clip that ships with the package.
    out
        Folder for the results.
    """
    if video is not None:
        code = predict([video], out=out, overwrite=True)
        print("next: chronopose predict --help")
        return code
    from chronopose import formats
    from chronopose.cli.evaluate import describe_video
    from chronopose.evaluation import compare

    files = resources.files("chronopose") / "demo"
    with resources.as_file(files / "crossing.mp4") as clip, resources.as_file(files / "crossing.parquet") as truth:
        code = predict([str(clip)], out=out, overwrite=True)
        result = compare(formats.read(out / "crossing.poses.parquet"), formats.read(truth))
    print(f"against the truth: {describe_video(result)}")
    print(f"next: open {out / 'crossing.poses.mp4'}, then chronopose predict YOUR_VIDEO")
    return code
