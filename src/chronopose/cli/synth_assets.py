"""`chronopose synth-assets`: build the folder of assets that rendered training clips are made of."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def synth_assets(
    *,
    makehuman: Path,
    clothes: Path,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    motion: Path | None = None,
    panoramas: Path | None = None,
    amc_fps: float = 120,
    keep_going: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Build the folder of assets for `synth` from MakeHuman, motion capture and panoramas.

    docs/assets.md says where to get the sources and under which licences.

    Parameters
    ----------
    makehuman
        Checkout of makehumancommunity/makehuman: body, skeleton and shapes.
    clothes
        Checkout of makehumancommunity/makehuman-assets: .mhclo and .obj files of clothes, shoes and hair.
    out
        The folder to make.
    motion
        Folder of .bvh files, and .amc files with their .asf. Without, people move by key frames only.
    panoramas
        Folder of equirectangular .hdr, .jpg or .png pictures. Without, backdrops are made up.
    amc_fps
        Frames per second of the .amc files, which do not say it.
    keep_going
        Leave out files that cannot be used, and name them, instead of stopping at the first.
    """
    from chronopose.cli.progress import bar
    from chronopose.synth.convert.folder import Sources, convert_assets

    sources = Sources(makehuman=makehuman, clothes=clothes, motion=motion, panoramas=panoramas, amc_fps=amc_fps)
    with bar("assets") as line:
        built = convert_assets(sources, out, keep_going=keep_going, begin=line.start, advance=line.advance)
    print(
        f"wrote {out}: a body of {built.vertices} vertices, {len(built.garments)} garments, "
        f"{built.clips} clips of {built.frames / 30 / 60:.1f} minutes, {built.panoramas} panoramas"
    )
    for problem in built.left_out:
        print(f"left out: {problem}")
    if other := {name: count for name, count in built.licences.items() if name != "CC0"}:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(other.items()))
        print(f"licence: not all MakeHuman files state CC0 ({counts}); docs/assets.md names checkouts that do")
