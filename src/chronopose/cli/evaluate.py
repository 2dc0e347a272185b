"""`chronopose eval`: score a model on labelled data, or saved poses against their truth."""

import json as json_format
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from chronopose.cli.progress import bar
from chronopose.cli.seeing import notify
from chronopose.core.errors import InputError
from chronopose.runtimes.names import Choice, Precision

if TYPE_CHECKING:
    from chronopose.clips.contract import PoseModel
    from chronopose.evaluation.boxes import BoxSource
    from chronopose.evaluation.judging import JudgedData
    from chronopose.inference.predictor import Predictor
    from chronopose.runtimes.contract import Runtime

app = App(name="eval")
for _year in (17, 18, 21):
    app.command(
        f"chronopose.cli.evaluate_posetrack:posetrack{_year}",
        name=f"posetrack{_year}",
        help=f"Score predictions by the rules of PoseTrack{_year}.",
    )


@app.default
def evaluate(
    model: str = "dsta-small",
    /,
    *,
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ("drawn",),
    split: str | None = None,
    boxes: str = "gt",
    frames: str | None = None,
    flip: Annotated[bool, Parameter(negative=())] = False,
    thresholds: Annotated[tuple[float, ...] | None, Parameter(consume_multiple=True)] = None,
    by_video: Path | None = None,
    gallery: Path | None = None,
    poses: Path | None = None,
    truth: Path | None = None,
    limit: int | None = None,
    seed: int = 1000,
    baseline: Annotated[bool, Parameter(negative=())] = False,
    device: str = "auto",
    backend: Choice = "ready",
    precision: Precision | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Score a model on a data set, or (--poses, --truth) saved poses of a video against their truth.

    Parameters
    ----------
    model
        A bundled model, a .safetensors file, the folder of a training run, or a file that `export` wrote.
    data
        NAME DIR: a data set by name, and its folder. drawn: people drawn by code, without a folder.
    split
        Of the data set; its first part to be judged on, if none is given.
    boxes
        gt: those of the labels. detector: those that the bundled detector finds. Or a file of boxes, or a folder with
        one for each video. A person that no box fits counts as wrong.
    frames
        Numbers of frames to show, such as 1,3,5: what is the window worth?
    flip
        Ask about the mirrored clip too, and average.
    thresholds
        Of PCK, such as 0.2 0.1, in place of the data set's own.
    by_video
        A CSV file for the score of each video.
    gallery
        A new folder for pictures of the worst answers.
    poses
        Saved poses of a video, to be scored instead of a model.
    truth
        The video's true poses, in any format that `convert` reads.
    limit
        Score the first so many persons only; then without average precision, which wants everybody.
    seed
        Of the drawn clips; training uses small numbers.
    baseline
        Also score the mean pose of the training part, which looks at no pixel.
    device
        cpu, cuda, or auto.
    backend
        What runs the model, as for `predict`.
    precision
        fp32, bf16 or int8; fp32 if none is given, or what a file of graphs is in.
    json
        Print a JSON object.
    """
    if (poses is None) != (truth is None):
        raise InputError("--poses and --truth are given together")
    if poses is not None and truth is not None:
        _video(poses, truth, json)
        return
    if thresholds is not None and not all(0 < threshold < 10 for threshold in thresholds):
        raise InputError(f"--thresholds must be fractions of a size, got {' '.join(map(str, thresholds))}")
    from chronopose.cli.scores import as_json, tables, write_videos
    from chronopose.evaluation.gallery import check_free, write_gallery
    from chronopose.evaluation.judging import Result, judge
    from chronopose.evaluation.persons import mean_pose, score
    from chronopose.inference.estimator import load
    from chronopose.metrics.conventions import conventions

    if gallery is not None:
        check_free(gallery)
    judged = judged_data(data, split, seed)
    counted_as = conventions(data[0], judged.people.skeleton, thresholds)
    estimator = load(model, device=device, backend=backend, precision=precision, notify=notify)
    runtime = estimator.predictor.runtime
    name = estimator.name if runtime.precision == "fp32" else f"{estimator.name}, {runtime.precision}"
    variants = _variants(name, runtime, frames, flip)
    source = _boxes(boxes, judged, runtime.device)
    asked = len(judged.asked(limit))
    with bar(f"scoring {data[0]}", asked if limit is None else min(limit, asked)) as line:
        results, answers = judge(judged, variants, counted_as, source, limit=limit, progress=line.advance)
    if baseline:
        blind = mean_pose(judged.learned(), judged.people, limit)
        results["mean pose"] = Result(score=score(blind, counted_as=counted_as))
    if by_video is not None:
        write_videos(results, by_video)
    drawn = None if gallery is None else write_gallery(gallery, judged.people, answers)
    if json:
        print(json_format.dumps({name: as_json(result) for name, result in results.items()}))
        return
    print(tables(results))
    if drawn is not None:
        print(f"\nwrote {drawn} pictures to {gallery}; next: open {gallery}/index.csv")


def _video(poses: Path, truth: Path, as_json: bool) -> None:
    from chronopose import formats
    from chronopose.cli.scores import describe_video, video_json
    from chronopose.evaluation.videos import compare

    result = compare(formats.read(poses), formats.read(truth))
    print(json_format.dumps(video_json(result)) if as_json else describe_video(result))


def judged_data(data: Sequence[str], split: str | None, seed: int) -> "JudgedData":
    """The data set that --data names: NAME DIR, or drawn."""
    from chronopose.evaluation.judging import JudgedData, opened

    name, *folder = data
    if name != "drawn":
        if len(folder) != 1:
            raise InputError(f"--data {' '.join(data)}: wanted the name of a data set and its folder")
        return opened(name, Path(folder[0]), split)
    if folder or split is not None:
        raise InputError(
            f"--data {' '.join(data)}: drawn people have neither a folder nor a split; --seed draws others"
        )
    from chronopose.data.synthetic import SyntheticConfig, SyntheticPeople

    return JudgedData(
        people=SyntheticPeople(config=SyntheticConfig(seed=seed, clips=500)),
        learned=lambda: SyntheticPeople(config=SyntheticConfig(seed=1, clips=500)),
    )


def _variants(name: str, runtime: "Runtime", frames: str | None, flip: bool) -> "dict[str, Predictor]":
    """The model, or each number of frames that it is to be shown, the most last."""
    from chronopose.evaluation.flip import FlipTested
    from chronopose.evaluation.temporal import FewerFrames
    from chronopose.inference.predictor import Predictor
    from chronopose.runtimes.as_module import RuntimeModel

    if frames is None and not flip:
        return {name: Predictor(runtime)}
    model = RuntimeModel(runtime)
    shown: dict[str, PoseModel] = {name: model}
    if frames is not None:
        counts = frames.split(",")
        if not all(count.strip().isdecimal() and len(count) < 5 for count in counts):
            raise InputError(f"--frames {frames}: wanted numbers of frames such as 1,3,5")
        shown = {
            f"{name}, {count} frame{'s' if count > 1 else ''}": FewerFrames(model, count)
            for count in sorted({int(count) for count in counts})
        }
    return {label: Predictor(FlipTested(one) if flip else one, "cpu") for label, one in shown.items()}


def _boxes(given: str, judged: "JudgedData", device: str) -> "BoxSource | None":
    """Where boxes come from; None for those of the labels."""
    from chronopose.evaluation.boxes import from_detector, from_files, is_list

    if given == "gt":
        return None
    if given == "detector":
        from chronopose.inference.finding import choose_detector

        return from_detector(choose_detector("bundled", device))
    if not is_list(Path(given)):
        return from_files(Path(given))
    if judged.truth is None:
        raise InputError(
            f"--boxes {given}: a list of detections names pictures of COCO or PoseTrack; wanted a CSV file"
        )
    return judged.truth.detections(Path(given))
