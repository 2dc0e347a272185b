"""Scores as the tables that `eval` prints, and as JSON values."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronopose.core.files import replacing

if TYPE_CHECKING:
    from chronopose.evaluation.coco import AveragePrecision
    from chronopose.evaluation.judging import Result
    from chronopose.evaluation.persons import Score
    from chronopose.evaluation.posetrack import PoseTrackScore
    from chronopose.evaluation.temporal import Gain
    from chronopose.evaluation.videos import VideoScore
    from chronopose.metrics.jitter import Jitter
    from chronopose.metrics.pck import PCK

_VIDEOS = 12
"""More videos are not printed, but the worst of them."""


def tables(results: "Mapping[str, Result]") -> str:
    """PCK of several results as papers print it, joint by joint, and whatever else is known of them."""
    from chronopose.metrics.calibration import format_calibration
    from chronopose.metrics.jitter import format_jitter
    from chronopose.metrics.pck import format_joints, format_table

    first = next(iter(results.values()))
    found = {name: one.score.found for name, one in results.items() if one.score.found < one.score.samples}
    parts = [f"{first.score.samples} persons" + "".join(f", {name}: {n} found" for name, n in found.items())]
    rows = {f"{name}, {size}": pck for name, one in results.items() for size, pck in one.score.by_size.items()}
    parts.append(format_table(rows))
    for name, one in results.items():
        size, pck = next(iter(one.score.by_size.items()))
        parts.append(f"{name}, {size}\n{format_joints(pck)}")
    if told := {name: one.score.calibration for name, one in results.items() if one.score.calibration is not None}:
        parts.append(format_calibration(told))
    if moved := {name: one.score.jitter for name, one in results.items() if one.score.jitter is not None}:
        parts.append(format_jitter(moved))
    parts += [_official(name, one.official) for name, one in results.items() if one.official is not None]
    parts += [_videos(name, one.videos) for name, one in results.items() if len(one.videos) > 1]
    if any(one.gain is not None for one in results.values()):
        parts.append(_gains(results))
    return "\n\n".join(parts)


def describe_video(result: "VideoScore") -> str:
    """A video's score in one line of words."""
    thresholds = ", ".join(
        f"PCK@{threshold:g} {100 * share:.1f} %"
        for threshold, share in zip(result.pck.thresholds, result.pck.mean_points)
    )
    shaken = "" if result.jitter is None else f"; acceleration error {_error_px(result.jitter):.2f} px/frame²"
    return (
        f"found {result.found} of {result.persons} persons ({100 * result.found / max(result.persons, 1):.1f} %), "
        f"{result.extra} extra, {result.switches} id switches; of those found: {thresholds}{shaken}"
    )


def write_videos(results: "Mapping[str, Result]", path: Path) -> None:
    """One line of CSV for each result and video: persons, those found, PCK, jitter."""
    rows = [
        {"result": name, "video": video, "persons": score.samples, "found": score.found} | _figures(score)
        for name, one in results.items()
        for video, score in one.videos.items()
    ]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["result", "video", "persons", "found"])
        writer.writeheader()
        writer.writerows(rows)


def as_json(result: "Result") -> dict[str, Any]:
    """A result as plain values; means over joints, NaN as null."""
    value = _score_json(result.score)
    if result.videos:
        value["videos"] = {
            name: {"persons": score.samples, "found": score.found} | _figures(score)
            for name, score in result.videos.items()
        }
    if result.gain is not None:
        value["gain"] = {
            f"{threshold:g}": {"difference": number(more), "low": number(ends[0]), "high": number(ends[1])}
            for threshold, more, ends in zip(
                _leading(result.score).thresholds, result.gain.difference, result.gain.interval
            )
        }
    if result.official is not None:
        value |= _official_json(result.official)
    return value


def video_json(result: "VideoScore") -> dict[str, Any]:
    """A video's score as plain values."""
    pck = {f"{t:g}": number(share) for t, share in zip(result.pck.thresholds, result.pck.mean_points)}
    counts = {name: getattr(result, name) for name in ("persons", "found", "extra", "switches")}
    return counts | {"pck_box": pck, "jitter": None if result.jitter is None else _jitter_json(result.jitter)}


def number(value: float) -> float | None:
    """Six decimals, None for NaN."""
    return None if value != value else round(float(value), 6)


def _score_json(score: "Score") -> dict[str, Any]:
    from chronopose.metrics.calibration import SIGMAS

    sizes = {
        size: {
            f"{threshold:g}": {
                "mean_joints": number(pck.mean_joints[i]),
                "mean_points": number(pck.mean_points[i]),
                "mean_groups": number(pck.mean_groups[i]),
                "joints": {joint: number(pck.joints[i, k]) for k, joint in enumerate(pck.skeleton.joints)},
            }
            for i, threshold in enumerate(pck.thresholds)
        }
        for size, pck in score.by_size.items()
    }
    told = score.calibration
    return {
        "samples": score.samples,
        "found": score.found,
        "pck": sizes,
        "inside_one_sigma": number(score.inside_one_sigma),
        "calibration": None
        if told is None
        else {
            "coordinates": told.coordinates,
            "inside": {f"{sigmas:g}": number(share) for sigmas, share in zip(SIGMAS, told.inside)},
            "error": {density: number(error) for density, error in told.error.items()},
        },
        "jitter": None if score.jitter is None else _jitter_json(score.jitter),
    }


def _jitter_json(jitter: "Jitter") -> dict[str, Any]:
    names = ("error_px", "error_size", "predicted_px", "true_px")
    joints = {
        joint: {name: number(getattr(jitter, name)[k]) for name in names}
        for k, joint in enumerate(jitter.skeleton.joints)
    }
    return {name: number(jitter.mean(getattr(jitter, name))) for name in names} | {"joints": joints}


def _leading(score: "Score") -> "PCK":
    """The PCK of the convention that leads the table."""
    return next(iter(score.by_size.values()))


def _figures(score: "Score") -> dict[str, float | None]:
    """The leading PCK, mean over points, and the acceleration error."""
    pck = _leading(score)
    shares = {f"pck@{t:g}": number(share) for t, share in zip(pck.thresholds, pck.mean_points)}
    return shares | {"error_px": None if score.jitter is None else number(_error_px(score.jitter))}


def _error_px(jitter: "Jitter") -> float:
    return jitter.mean(jitter.error_px)


def _videos(name: str, videos: "Mapping[str, Score]") -> str:
    """A row for each video, the worst first, and no more than fit a screen."""
    from chronopose.metrics.text import aligned, percent

    order = sorted(videos, key=lambda video: float(_leading(videos[video]).mean_points[0]))[:_VIDEOS]
    size = next(iter(videos[order[0]].by_size))
    title = f"{name}, {size}, mean over points: " + (
        f"{len(videos)} videos" if len(videos) == len(order) else f"the worst {len(order)} of {len(videos)} videos"
    )
    thresholds = [f"@{threshold:g}" for threshold in _leading(videos[order[0]]).thresholds]
    rows = [["video", "persons", *thresholds, "acceleration error, px"]]
    for video in order:
        score = videos[video]
        shaken = "-" if score.jitter is None else f"{_error_px(score.jitter):.2f}"
        rows.append([video, str(score.samples), *map(percent, _leading(score).mean_points), shaken])
    return f"{title}\n{aligned(rows)}"


def _gains(results: "Mapping[str, Result]") -> str:
    """Several numbers of frames side by side, each against the first."""
    from chronopose.metrics.text import aligned, percent

    (first, base), *others = results.items()
    leading = _leading(base.score)
    header = ["mean over points", *(f"@{threshold:g}" for threshold in leading.thresholds)]
    rows = [header, [first, *map(percent, leading.mean_points)]]
    for name, one in others:
        rows.append([name, *map(percent, _leading(one.score).mean_points)])
        if one.gain is not None:
            rows.append(["  difference", *(_signed(more, ends) for more, ends in zip(*_pair(one.gain)))])
    size = next(iter(base.score.by_size))
    return f"{size}; differences to {first} in points, with the 95 % interval of a paired bootstrap\n{aligned(rows)}"


def _pair(gain: "Gain") -> tuple[Sequence[float], Sequence[Sequence[float]]]:
    return gain.difference.tolist(), gain.interval.tolist()


def _signed(more: float, ends: Sequence[float]) -> str:
    around = "" if ends[0] != ends[0] else f" [{100 * ends[0]:+.1f}, {100 * ends[1]:+.1f}]"
    return f"{100 * more:+.1f}{around}"


def _official(name: str, found: "AveragePrecision | PoseTrackScore") -> str:
    from chronopose.cli.evaluate_posetrack import describe
    from chronopose.evaluation.coco import AveragePrecision
    from chronopose.metrics.text import aligned, percent

    if not isinstance(found, AveragePrecision):
        return f"{name}, PoseTrack: {describe(found)}"
    rows = [["OKS", *found.figures], [name, *map(percent, found.figures.values())]]
    fewer = "" if found.joints == found.of else f", {found.joints} of {found.of} joints (those that the model has)"
    return f"{found.persons} persons{fewer}\n{aligned(rows)}"


def _official_json(found: "AveragePrecision | PoseTrackScore") -> dict[str, Any]:
    from chronopose.cli import evaluate_posetrack
    from chronopose.evaluation.coco import AveragePrecision

    if not isinstance(found, AveragePrecision):
        return {"posetrack": evaluate_posetrack.as_json(found)}
    figures = {name: number(figure) for name, figure in found.figures.items()}
    return {"oks": figures | {"persons": found.persons, "joints": found.joints, "joints_annotated": found.of}}
