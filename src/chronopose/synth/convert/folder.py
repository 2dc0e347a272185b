"""Builds the whole folder of assets out of its four sources."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chronopose.core.errors import InputError
from chronopose.core.files import replacing_folder
from chronopose.synth.convert.body import convert_body, find_data
from chronopose.synth.convert.clothes import convert_clothes
from chronopose.synth.convert.motion import convert_motion, find_motion
from chronopose.synth.convert.places import convert_places, find_places


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the assets come from; what is None is left empty, and `amc_fps` is the frame rate of .amc files."""

    makehuman: Path
    clothes: Path
    motion: Path | None = None
    panoramas: Path | None = None
    amc_fps: float = 120.0


@dataclass(slots=True, kw_only=True)
class Built:
    """What a folder holds: counts, files that were left out, and how many files state which licence."""

    vertices: int = 0
    garments: tuple[str, ...] = ()
    clips: int = 0
    frames: int = 0
    panoramas: int = 0
    left_out: list[str] = field(default_factory=list)
    licences: dict[str, int] = field(default_factory=dict)


def convert_assets(
    sources: Sources,
    out: Path,
    *,
    keep_going: bool = False,
    begin: Callable[[int], None] = lambda total: None,
    advance: Callable[[int], None] = lambda done: None,
) -> Built:
    """Builds the asset folder `out`, which appears whole or not at all.

    Args:
        sources: where everything comes from.
        out: a folder that is not there yet, or is empty.
        keep_going: leave out clothes, motions and panoramas that cannot be used, instead of stopping.
        begin: is told how many steps there are.
        advance: is told of every step that is done.

    Raises:
        InputError: a source is missing or broken, or `out` holds something.
    """
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out}: is there already and holds files; give another name")
    if not 1 <= sources.amc_fps <= 1000:
        raise InputError(f"--amc-fps {sources.amc_fps:g}; wanted 1 to 1000 frames per second")
    built = Built()

    def broken(error: InputError) -> None:
        if not keep_going:
            raise error
        built.left_out.append(str(error))

    data = find_data(sources.makehuman)
    begin(2 + len(find_motion(sources.motion)) + len(find_places(sources.panoramas)))
    with replacing_folder(out) as folder:
        built.vertices, licences = convert_body(data, folder)
        advance(1)
        built.garments, stated = convert_clothes(sources.clothes, folder, built.vertices, broken)
        advance(1)
        built.licences = dict(licences + stated)
        built.clips, built.frames = convert_motion(sources.motion, folder, sources.amc_fps, broken, advance)
        built.panoramas = convert_places(sources.panoramas, folder, broken, advance)
    return built
