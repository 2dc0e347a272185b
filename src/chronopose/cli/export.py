"""`chronopose export`: a model as a file of graphs that other programs run too, with what it costs in accuracy."""

import json as json_format
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from chronopose.core.errors import InputError

if TYPE_CHECKING:
    from chronopose.clips.contract import PoseModel
    from chronopose.core.types import Pixels
    from chronopose.models.checkpoint import Checkpoint
    from chronopose.runtimes.contract import Runtime
    from chronopose.runtimes.graph_file import GraphFile

_MOST_POINTS = 1.0  # of PCK@0.2 that int8 may cost
_SEED = 1000  # of drawn people, as for eval
_COMPARED = 24  # windows of the bundled clip
_ENDINGS = {"onnx": (".onnx", ".zip"), "openvino": (".openvino.zip", ".openvino.zip"), "torch": (".pt2", ".pt2.zip")}


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """PCK of the model in torch and of its graphs on the same persons, as fractions, by threshold."""

    persons: int
    where: str
    before: dict[float, float]
    after: dict[float, float]

    def __str__(self) -> str:
        return ", ".join(
            f"PCK@{at:g} {100 * self.before[at]:.2f} % -> {100 * self.after[at]:.2f} %" for at in self.before
        )


def export(
    model: str = "dsta-small",
    /,
    *,
    format: Literal["onnx", "openvino", "torch"] = "onnx",
    streaming: Annotated[bool, Parameter(negative=())] = False,
    out: Annotated[Path | None, Parameter(name=("--out", "-o"))] = None,
    frames: Annotated[tuple[int, ...] | None, Parameter(negative=(), consume_multiple=True)] = None,
    int8: Annotated[tuple[str, ...] | None, Parameter(negative=(), consume_multiple=True)] = None,
    judge: Annotated[tuple[str, ...] | None, Parameter(negative=(), consume_multiple=True)] = None,
    limit: int = 500,
    force: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write a model as a file of graphs, with all that using it needs inside, and say how far its answers are off.

    Parameters
    ----------
    model
        A bundled model, a .safetensors file, or the folder of a training run.
    format
        onnx, for onnxruntime and many others; openvino; or torch, a program of torch.export.
    streaming
        Two graphs, encode and fuse, so that each frame is encoded once; otherwise one graph that answers windows.
    out
        The file: .onnx for a window in ONNX, .pt2 for one of torch, .zip for all else. By default named by the model.
    frames
        Frames shown to the model, relative to the one answered, instead of its own.
    int8
        Quantise the encoder to 8 bits, its ranges measured on calibration crops: demo, the bundled clip; NAME DIR, the
        training part of a data set; or VIDEO BOXES, a video and a file of boxes as for predict.
    judge
        NAME DIR: a data set to score the graphs on, beside the model in torch; or drawn, as for eval. A file that
        costs more than a point of PCK@0.2 is not written.
    limit
        Score the first so many persons only.
    force
        Write the file whatever it costs.
    json
        Print a JSON object.
    """
    if format == "torch" and (int8 or judge):
        raise InputError("--format torch: programs of torch are in fp32 and not judged here; take onnx or openvino")
    from chronopose.formats import weights_file
    from chronopose.models import checkpoint
    from chronopose.runtimes.cache import source_of

    loaded = checkpoint.load(model, frames)
    target = _target(loaded.name, format, streaming, int8 is not None, out)
    source = source_of(weights_file.locate(model), frames)
    calibration = None if int8 is None else _calibration(loaded, int8)
    report: dict[str, Any] = {"file": str(target), "format": format, "graphs": "pair" if streaming else "window"}
    if format == "torch":
        report |= _programs(loaded, streaming, source, target)
    else:
        report |= _graphs(loaded, format, streaming, source, calibration, judge, limit, force, target)
    report |= {"bytes": target.stat().st_size}
    if json:
        print(json_format.dumps(report))
        return
    print(_described(report, loaded.name))


def _target(name: str, format: str, streaming: bool, int8: bool, out: Path | None) -> Path:
    ending = _ENDINGS[format][streaming]
    if out is None:
        return Path(f"{name}{'-int8' if int8 else ''}{ending}")
    wanted = f".{ending.rsplit('.', 1)[1]}"
    if out.suffix.lower() != wanted:
        raise InputError(f"--out {out}: such a file ends in {wanted}")
    return out


def _graphs(
    loaded: "Checkpoint",
    format: str,
    streaming: bool,
    source: str,
    calibration: "Pixels | None",
    judge: tuple[str, ...] | None,
    limit: int,
    force: bool,
    target: Path,
) -> dict[str, Any]:
    """Makes, compares, judges and writes graphs; gives what there is to say of them."""
    from chronopose.runtimes import cache, graph_file, parity, sample
    from chronopose.runtimes.export import made, to_openvino

    plain = _pose_model(loaded)
    # A recurrent model's window is traced as such; any other is joined of the pair.
    kept = cache.kept(loaded.name, source, "fp32") if streaming or not plain.spec.recurrent else None
    file = made(loaded, pair=streaming, source=source, calibration=calibration, plain=kept)
    if format == "openvino":
        file = to_openvino(file)
    runtime = _opened(file, str(target))
    apart = parity.difference(plain, runtime, sample.windows(runtime.spec, _COMPARED))
    if not force and (calibration is None or judge is None):  # of int8 the score says more
        parity.check(apart, runtime, loaded.name)
    found: dict[str, Any] = {
        "precision": file.about.precision,
        "backend": runtime.name,
        "mean_px": apart.mean_px,
        "largest_px": apart.largest_px,
        "windows": _COMPARED,
    }
    if judge is not None:
        judged = _judged(loaded, runtime, judge, limit)
        found |= {"judged": str(judged), "persons": judged.persons, "data": judged.where}
        found |= {"pck_before": judged.before, "pck_after": judged.after}
        lost = 100 * (judged.before[0.2] - judged.after[0.2])
        if lost > _MOST_POINTS and not force:
            raise InputError(
                f"{target}: not written: {file.about.precision} costs {lost:.2f} points of PCK@0.2 on "
                f"{judged.persons} persons of {judged.where} ({judged}); at most {_MOST_POINTS:g}; --force writes it"
            )
    graph_file.write(file, target)
    return found


def _opened(file: "GraphFile", where: str) -> "Runtime":
    """The graphs in the fastest backend that runs them and is here."""
    from chronopose.runtimes.choosing import able_to_run
    from chronopose.runtimes.graph_model import GraphModel
    from chronopose.runtimes.sessions import installed

    precision = file.about.precision
    able = [name for name in able_to_run(file, precision) if installed(name)]
    if not able:
        raise InputError("export: the graphs are checked before they are written; pip install 'chronopose[export]'")
    return GraphModel(file, able[0], precision, where)


def _programs(loaded: "Checkpoint", streaming: bool, source: str, target: Path) -> dict[str, Any]:
    """Makes, compares and writes programs of torch.export."""
    from chronopose.core.files import replacing
    from chronopose.runtimes import export as exporting
    from chronopose.runtimes import graph_file, parity, sample
    from chronopose.runtimes.about import written

    plain = _pose_model(loaded)
    about = exporting.describe(loaded, pair=streaming, source=source)
    programs = exporting.to_programs(plain, about)
    windows = sample.windows(plain.spec, _COMPARED)
    answered = exporting.answered(programs, about, windows)
    apart = parity.between(plain, answered.xy_crop.detach().numpy(), windows)
    with replacing(target) as waiting:
        if streaming:
            parts = {f"{name}.pt2": exporting.saved(program, about) for name, program in programs.items()}
            graph_file.pack({"chronopose.json": written(about).encode()} | parts, waiting)
        else:
            waiting.write_bytes(exporting.saved(programs["window"], about))
    distance = {"mean_px": apart.mean_px, "largest_px": apart.largest_px, "windows": _COMPARED}
    return {"precision": "fp32", "backend": "torch.export"} | distance


def _pose_model(loaded: "Checkpoint") -> "PoseModel":
    from chronopose.clips.contract import PoseModel

    if not isinstance(loaded.model, PoseModel):
        raise InputError(f"{loaded.name} is a {loaded.kind} model, which answers no poses; nothing is exported")
    return loaded.model


def _calibration(loaded: "Checkpoint", given: tuple[str, ...]) -> "Pixels":
    """The calibration crops that --int8 names."""
    from chronopose.data.catalogue import CATALOGUE
    from chronopose.runtimes import sample
    from chronopose.runtimes.quantise import CROPS

    spec = _pose_model(loaded).spec
    if given == ("demo",):
        return sample.crops(spec, CROPS)
    if len(given) != 2:
        raise InputError(f"--int8 {' '.join(given)}: wanted demo, NAME DIR of a data set, or VIDEO BOXES")
    if given[0] in CATALOGUE:
        return sample.crops_of_data(given[0], Path(given[1]), spec, CROPS)
    return sample.crops_of_video(given[0], Path(given[1]), spec, CROPS)


def _judged(loaded: "Checkpoint", runtime: "Runtime", judge: tuple[str, ...], limit: int) -> _Judged:
    """Both scored on the first persons of a data set."""
    from chronopose.cli.evaluate import judged_data
    from chronopose.evaluation.persons import evaluate
    from chronopose.inference.predictor import Predictor

    people = judged_data(judge, None, _SEED).people
    scores = [evaluate(Predictor(one, "cpu"), people, limit=limit) for one in (_pose_model(loaded), runtime)]
    first = [next(iter(score.by_size.values())) for score in scores]
    pck = [dict(zip(one.thresholds, one.mean_points.tolist())) for one in first]
    before, after = ({at: value[at] for at in (0.2, 0.1) if at in value} for value in pck)
    if 0.2 not in before:
        raise InputError(f"--judge {judge[0]}: its PCK has no threshold of 0.2")
    return _Judged(persons=scores[0].samples, where=judge[0], before=before, after=after)


def _described(report: dict[str, Any], name: str) -> str:
    lines = [
        f"wrote {report['file']}: {name}, {report['graphs']}, {report['format']}, {report['precision']}, "
        f"{report['bytes'] / 1e6:.1f} MB",
        f"against the model in torch, by {report['backend']} on {report['windows']} windows of the bundled clip: joints"
        f" are off by {report['mean_px']:.2g} px on average, {report['largest_px']:.2g} px at most (crop pixels)",
    ]
    if "judged" in report:
        lines.append(f"on {report['persons']} persons of {report['data']}, torch -> graphs: {report['judged']}")
    elif report["precision"] == "int8":
        lines.append("what int8 costs in accuracy was not measured; --judge NAME DIR does it")
    if report["format"] == "torch":
        lines.append("next: torch.export.load, in a program of yours (docs/export.md)")
    else:
        lines.append(f"next: chronopose predict VIDEO --model {report['file']}")
    return "\n".join(lines)
