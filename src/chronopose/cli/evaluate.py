"""`chronopose eval`: score a model on labelled data, or saved poses against their truth."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from chronopose.cli.progress import bar
from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.data.dataset import PoseDataset
    from chronopose.evaluation.persons import Score
    from chronopose.evaluation.videos import VideoScore

app = App(name="eval")


@app.default
def evaluate(
    model: str = "dsta-small",
    /,
    *,
    data: Literal["lspet", "drawn"] = "drawn",
    folder: Path | None = None,
    poses: Path | None = None,
    truth: Path | None = None,
    limit: int | None = None,
    seed: int = 1000,
    baseline: Annotated[bool, Parameter(negative=())] = False,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Score a model on a data set with the data set's boxes, or (--poses, --truth) saved poses against their truth.

    Parameters
    ----------
    model
        A bundled model, a .safetensors file, or the folder of a training run.
    data
        lspet: the held-out LSP-extended photographs in --folder. drawn: people drawn by code, of seed --seed.
    folder
        Where the data set is.
    poses
        Saved poses of a video, to be scored instead of a model.
    truth
        The video's true poses, in any format that `convert` reads.
    limit
        Score the first so many persons only.
    seed
        Of the drawn clips; training uses small numbers.
    baseline
        Also score the mean pose of the training part, which looks at no pixel.
    device
        cpu, cuda, or auto.
    json
        Print a JSON object.
    """
    if (poses is None) != (truth is None):
        raise InputError("--poses and --truth are given together")
    if poses is not None and truth is not None:
        _video(poses, truth, json)
        return
    from chronopose.evaluation.persons import evaluate as run
    from chronopose.evaluation.persons import mean_pose, score
    from chronopose.inference.estimator import load

    judged, learned = _data(data, folder, seed)
    estimator = load(model, device=device)
    count = len(judged) if limit is None else min(limit, len(judged))
    with bar(f"scoring {data}", count) as line:
        results = {estimator.name: run(estimator.predictor, judged, limit=limit, progress=line.advance)}
    if baseline:
        results["mean pose"] = score(mean_pose(learned, judged, limit))
    if json:
        print(json_format.dumps({name: as_json(result) for name, result in results.items()}))
        return
    print(table(results))


def table(results: "dict[str, Score]") -> str:
    """PCK of several models as papers print it, the size named in front, then calibration."""
    from chronopose.metrics.pck import format_table

    rows = {f"{name}, {size}": pck for name, result in results.items() for size, pck in result.by_size.items()}
    lines = [f"{next(iter(results.values())).samples} persons", format_table(rows)]
    lines += [
        f"{name}: {100 * result.inside_one_sigma:.1f} % of coordinates inside one sigma"
        for name, result in results.items()
        if result.inside_one_sigma == result.inside_one_sigma
    ]
    return "\n".join(lines)


def as_json(result: "Score") -> dict[str, Any]:
    """A score as plain values; means over joints, NaN as null."""
    sizes = {
        size: {
            f"{threshold:g}": {
                "mean_joints": _number(pck.mean_joints[i]),
                "mean_points": _number(pck.mean_points[i]),
                "mean_groups": _number(pck.mean_groups[i]),
                "joints": {joint: _number(pck.joints[i, k]) for k, joint in enumerate(pck.skeleton.joints)},
            }
            for i, threshold in enumerate(pck.thresholds)
        }
        for size, pck in result.by_size.items()
    }
    return {"samples": result.samples, "pck": sizes, "inside_one_sigma": _number(result.inside_one_sigma)}


def describe_video(result: "VideoScore") -> str:
    """A video's score in one line of words."""
    thresholds = ", ".join(
        f"PCK@{threshold:g} {100 * share:.1f} %"
        for threshold, share in zip(result.pck.thresholds, result.pck.mean_points)
    )
    return (
        f"found {result.found} of {result.persons} persons ({100 * result.found / max(result.persons, 1):.1f} %), "
        f"{result.extra} extra, {result.switches} id switches; of those found: {thresholds}"
    )


def _video(poses: Path, truth: Path, as_json: bool) -> None:
    from chronopose import formats
    from chronopose.evaluation.videos import compare

    result = compare(formats.read(poses), formats.read(truth))
    if as_json:
        pck = {f"{t:g}": _number(share) for t, share in zip(result.pck.thresholds, result.pck.mean_points)}
        counts = {name: getattr(result, name) for name in ("persons", "found", "extra", "switches")}
        print(json_format.dumps(counts | {"pck_box": pck}))
    else:
        print(describe_video(result))


def _data(name: str, folder: Path | None, seed: int) -> "tuple[PoseDataset, PoseDataset]":
    """The part to be judged, and the part that the mean pose is learned from."""
    if name == "lspet":
        from chronopose.data.lspet import LSPExtended

        if folder is None:
            raise InputError("--data lspet wants --folder, the folder of LSP-extended")
        return LSPExtended(folder, "heldout"), LSPExtended(folder, "train")
    from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople

    judged = SyntheticPeople(config=SyntheticConfig(seed=seed, clips=500))
    return judged, SyntheticPeople(config=SyntheticConfig(seed=1, clips=500))


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), 6)
