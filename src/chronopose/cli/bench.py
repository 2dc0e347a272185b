"""`chronopose bench`: where a video's time goes; `bench complexity`: what models cost beside their papers' figures."""

import json as json_format
import math
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from chronopose.cli.seeing import Seeing

if TYPE_CHECKING:
    from chronopose.inference.speed import Speed

app = App(name="bench")


@app.default
def bench(
    source: Annotated[str, Parameter(name="VIDEO")],
    /,
    *,
    video: bool = True,
    seeing: Seeing = Seeing(),  # noqa: B008 - frozen
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure where the time of a video goes, how many frames and persons a second that makes, and what bounds it.

    The video goes through the whole pipeline twice: overlapped, as `predict` does it, for the rates; then one thing
    after the other, for the share of each stage. Nothing is kept.

    Parameters
    ----------
    source
        A video file or a folder of images.
    video
        Draw and write the annotated video as well.
    seeing
        How poses are found.
    json
        Print a JSON object instead of a table.
    """
    from chronopose.core.errors import InputError
    from chronopose.inference.speed import speed
    from chronopose.inference.stream import PoseStream
    from chronopose.video.reader import is_live

    if is_live(source):
        raise InputError("bench: a live source comes at its own pace; record some of it, and give the file")
    estimator = seeing.estimator()
    name, finder = seeing.finder(estimator.predictor.runtime)
    config = seeing.config()
    cost = speed(
        source,
        lambda measure: PoseStream(estimator.predictor, finder, config, measure),
        model=lambda: estimator.model,
        video=video,
    )
    if json:
        print(json_format.dumps({"video": source, "model": estimator.name, "detector": name, **_as_json(cost)}))
        return
    print(f"{source}: {cost.info.width} x {cost.info.height}, {estimator.name}, detector {name}")
    print(_table(cost))


def _as_json(cost: "Speed") -> dict[str, Any]:
    return {
        "width": cost.info.width,
        "height": cost.info.height,
        "frames": cost.frames,
        "poses": cost.poses,
        "encoded_crops": cost.encoded,
        "frames_per_s": cost.frames / cost.seconds,
        "persons_per_s": cost.poses / cost.seconds,
        "processor_ms_per_frame": 1e3 * cost.processor_s / cost.frames,
        "peak_memory_mb": None if math.isnan(cost.memory_mb) else cost.memory_mb,
        "alone_ms_per_frame": 1e3 * cost.alone_s / cost.frames,
        "stages": {
            stage: {"ms_per_frame": 1e3 * seconds / cost.frames, "share": seconds / cost.alone_s}
            for stage, seconds in cost.stages.items()
        },
        "outside_networks_share": cost.outside_networks,
        "encode": {
            "macs": cost.encode_macs,
            "peak_macs_per_s": cost.peak_macs,
            "floor_ms": None if cost.encode_macs is None else 1e3 * cost.floor_s,
            "ms": 1e3 * cost.encode_s if cost.encoded else None,
        },
    }


def _table(cost: "Speed") -> str:
    rest = cost.alone_s - sum(cost.stages.values())
    rows = [*cost.stages.items(), ("rest", rest), ("all", cost.alone_s)]
    lines = ["", f"{'one by one':<12}{'ms/frame':>10}{'share':>9}"]
    lines += [f"{name:<12}{1e3 * s / cost.frames:>10.2f}{100 * s / cost.alone_s:>7.1f} %" for name, s in rows]
    lines += [
        "",
        f"outside detector and model: {100 * cost.outside_networks:.1f} %",
        f"overlapped: {cost.frames / cost.seconds:.1f} frames/s, {cost.poses / cost.seconds:.1f} persons/s, "
        f"{1e3 * cost.processor_s / cost.frames:.1f} ms of processor time a frame",
        f"peak memory: {cost.memory_mb:.0f} MB",
        f"encode: {cost.encoded} crops for {cost.poses} poses, {1e3 * cost.encode_s:.2f} ms each",
    ]
    if cost.encode_macs is not None:
        lines[-1] += (
            f"; a crop's {_short(cost.encode_macs)} MACs take at least {1e3 * cost.floor_s:.2f} ms "
            f"at the {cost.peak_macs / 1e9:.0f} GMAC/s that float32 reaches here"
        )
    return "\n".join(lines)


@app.command
def complexity(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Parameters and multiply-accumulates of every bundled model and every preset, without computing anything.

    A published figure stands beside ours with the ratio of ours to it; ours is counted for the ratio by the rule of
    the paper, which is not always the one of the columns (docs/baselines.md).

    Parameters
    ----------
    json
        Print a JSON list instead of a table.
    """
    from chronopose.recipes.published import compare_all

    rows = compare_all()
    if json:
        print(json_format.dumps(rows))
        return
    width = max(len(row["name"]) for row in rows)
    print(
        f"{'name':<{width}} {'parameters':>12} {'published':>12} {'ratio':>6} "
        f"{'MACs/frame':>11} {'MACs/window':>11} {'published':>10} {'ratio':>6}"
    )
    for row in rows:
        published = row["published"] or {}
        print(
            f"{row['name']:<{width}} {row['parameters']:>12,} {_beside(published, 'parameters', 12)} "
            f"{_short(row['macs_encode_per_frame']):>11} {_short(row['macs_fuse_per_window']):>11} "
            f"{_beside(published, 'macs', 10)}"
        )
    print("\nPublished by:")
    for row in rows:
        if row["published"]:
            note = row["published"]["note"]
            print(f"{row['name']:<{width}} {row['published']['source']}{'; ' if note else ''}{note}")


def _beside(published: dict[str, Any], what: str, width: int) -> str:
    """A published figure and the ratio of ours to it, or two dashes."""
    if what not in published:
        return f"{'-':>{width}} {'-':>6}"
    figure = f"{published[what]:,}" if what == "parameters" else _short(published[what])
    return f"{figure:>{width}} {published[f'{what}_ratio']:>6.3f}"


def _short(count: int) -> str:
    """Thousand millions, or millions where they are few: 4.00 G, 2.02 M."""
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"
