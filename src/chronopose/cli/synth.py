"""`chronopose synth`: renders clips of moving people with exact labels, to train and to measure with."""

import dataclasses
import functools
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from chronopose import __version__
from chronopose.cli.progress import bar
from chronopose.core.errors import InputError
from chronopose.synth.ranges import SceneConfig

if TYPE_CHECKING:
    from chronopose.synth.produce import MakeClip


def synth(
    *,
    assets: Path,
    out: Annotated[Path, Parameter(name=("--out", "-o"))],
    clips: int = 1000,
    per_shard: int = 250,
    workers: int | None = None,
    scene: Annotated[SceneConfig, Parameter(name="*", negative=(), consume_multiple=True)] = SceneConfig(),  # noqa: B008 - frozen
) -> int:
    """Render clips of people with exact labels: joints, what hides them, boxes, blur.

    A clip depends on the settings and its number alone, not on how many there are or who makes them.

    Parameters
    ----------
    assets
        Folder of bodies, clothes, motions and panoramas, as chronopose synth-assets builds it. Rendering wants the
        extra chronopose[synth].
    out
        Folder of the data set: Parquet files of JPEG pictures and labels, for chronopose.data.rendered.
    clips
        How many it is to hold. The same command goes on where it was cut short; with more clips it adds to the others.
    per_shard
        How many go into one file.
    workers
        Processes that render, by default one for each core; 0 renders in this one.
    """
    from chronopose.formats.shards import Shards
    from chronopose.synth.produce import produce

    identity = {"chronopose": __version__, "assets": fingerprint(assets), "scene": dataclasses.asdict(scene)}
    begun = time.monotonic()
    with bar("rendering", clips) as line:
        made = produce(
            functools.partial(_film, assets, scene),
            out,
            clips=clips,
            per_shard=per_shard,
            workers=_cores() if workers is None else workers,
            identity=identity,
            progress=line.advance,
        )
    rate = f", {made / (time.monotonic() - begun):.1f} clips/s" if made else ", all made before"
    people = len(Shards(out).key_frames.person)
    print(f"{out}: {clips} clips, {people} persons in their key frames{rate}")
    return 0


def fingerprint(folder: Path) -> str:
    """A number for the names and contents of all files in a folder: other assets, other clips."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; wanted one of assets, as chronopose synth-assets builds it")
    total = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        total.update(f"{file.relative_to(folder).as_posix()}\n{content}\n".encode())
    return total.hexdigest()[:16]


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _film(assets: Path, scene: SceneConfig) -> "MakeClip":
    """What a process makes its clips with; the graphics memory is given back when the process ends."""
    from chronopose.synth.film import Studio

    return Studio(assets, scene).clip
