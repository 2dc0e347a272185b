"""Models to graphs: torch to ONNX with a free batch, ONNX to OpenVINO, torch to a program of its own."""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from chronopose.clips.contract import Carried, PoseModel, PoseOutput, RecurrentPoseModel, moving_of
from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.models.checkpoint import Checkpoint
from chronopose.runtimes.about import KEY, PAIR, WINDOW, About, written
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.in_torch import faster
from chronopose.runtimes.quantise import quantised
from chronopose.runtimes.sessions import openvino_core, require

if TYPE_CHECKING:
    import onnx

Format = Literal["onnx", "openvino", "torch"]


class Encode(nn.Module):
    """The first step as a graph: pixels (N, 3, H, W) -> features (N, ...)."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: UInt8[Tensor, "N 3 H W"]) -> Float[Tensor, "N ..."]:
        return self.model.encode(pixels)


class Fuse(nn.Module):
    """The second step as a graph: features (B, T, ...) -> xy, score, and sigma where the model has one."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Float[Tensor, "B T ..."]) -> tuple[Tensor, ...]:
        return _without_maps(self.model.fuse(features)[0])


class Step(nn.Module):
    """A recurrent model's second step for one frame: features (B, 1, ...) and a state -> the answer, and the tokens."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, features: Float[Tensor, "B 1 ..."], tokens: Float[Tensor, "B ..."], valid: Bool[Tensor, " B"]
    ) -> tuple[Tensor, ...]:
        output, after = self.model.fuse(features, Carried(tokens, valid))
        return (*_without_maps(output), after.tokens)


class Window(nn.Module):
    """Both steps as one graph: pixels (B, T, 3, H, W) -> xy, score, and sigma where the model has one."""

    def __init__(self, model: PoseModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: UInt8[Tensor, "B T 3 H W"]) -> tuple[Tensor, ...]:
        features = torch.unflatten(self.model.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2])
        return _without_maps(self.model.fuse(features)[0])


def _without_maps(output: PoseOutput) -> tuple[Tensor, ...]:
    return tuple(part for part in output._replace(heatmaps=None) if part is not None)


def made(
    loaded: Checkpoint,
    *,
    pair: bool,
    source: str = "",
    calibration: Pixels | None = None,
    plain: GraphFile | None = None,
) -> GraphFile:
    """Graphs of a model in ONNX.

    Args:
        loaded: the model.
        pair: encode and fuse, or else the graph of a window.
        source: see `About`.
        calibration: (N, H, W, 3) uint8 crops; the encoder is then quantised to int8.
        plain: the pair in fp32 where it has been made before, which spares the tracing.

    Raises:
        InputError: a package is missing, or the encoder cannot be quantised.
    """
    require_onnx()
    import onnx

    about = describe(loaded, pair=pair, source=source)
    if plain is None:
        parts = parts_of(faster(cast(PoseModel, loaded.model)), about)
    else:
        parts = {name: onnx.load_from_string(graph) for name, graph in plain.graphs.items()}
    if calibration is not None:
        about = replace(about, precision="int8")
        parts["encode"] = quantised(parts["encode"], calibration)
    return to_file(parts, about)


def describe(loaded: Checkpoint, *, pair: bool, source: str = "") -> About:
    """The record of graphs of a model, in fp32.

    Args:
        loaded: the model.
        pair: whether the graphs are encode and fuse, or the window.
        source: see `About`.
    """
    model = cast(PoseModel, loaded.model)
    recurrent = model.spec.recurrent and pair
    with torch.inference_mode():
        features = model.encode(_pixels(model, 1))
        moving = moving_of(model) if pair else None
        frames = 1 if recurrent else len(model.spec.offsets)
        output, after = model.fuse(features[:, None].expand(-1, frames, *features.shape[1:]))
    fields = {name: getattr(model.spec, name) for name in ("offsets", "predicts", "height", "width", "margin")}
    return About(
        name=loaded.name,
        kind=loaded.kind,
        graphs=PAIR if pair else WINDOW,
        spec=type(model.spec)(**fields, recurrent=recurrent),
        skeleton=model.skeleton,
        feature=tuple(features.shape[1:]),
        state=tuple(after.tokens.shape[1:]) if recurrent else (),
        sigma=output.sigma is not None,
        moving=() if moving is None else tuple(float(f"{one:.8g}") for one in moving.generators.flatten().tolist()),
        card=loaded.card,
        source=source,
    )


def parts_of(model: PoseModel, about: About) -> "dict[str, onnx.ModelProto]":
    """The two steps as ONNX models without a record; for a window graph the second takes the whole window."""
    graphs = {}
    for name, (module, given, inputs) in _steps(model, about).items():
        outputs = ("features",) if name == "encode" else about.outputs
        graphs[name] = traced(module, given, inputs, outputs, tuple({0: batch()} for _ in given))
    return graphs


def _steps(model: PoseModel, about: About) -> dict[str, tuple[nn.Module, tuple[Tensor, ...], tuple[str, ...]]]:
    """By name, what is traced, with what, and the names of that. Traced with two of everything: one is special."""
    with torch.inference_mode():
        features = model.encode(_pixels(model, 2)).clone()
    features = torch.zeros_like(features)
    if about.spec.recurrent:
        assert isinstance(model, RecurrentPoseModel)
        tokens, valid = torch.zeros(2, *about.state), torch.tensor([True, False])
        fuse: Any = (Step(model), (features[:, None], tokens, valid), ("features", "tokens", "valid"))
    else:
        window = features[:, None].repeat(1, len(about.spec.offsets), *[1] * len(about.feature))
        fuse = (Fuse(model), (window,), ("features",))
    return {"encode": (Encode(model), (_pixels(model, 2),), ("pixels",)), "fuse": fuse}


def _pixels(model: PoseModel, count: int) -> Tensor:
    return torch.zeros(count, 3, model.spec.height, model.spec.width, dtype=torch.uint8)


def traced(
    module: nn.Module,
    given: tuple[Tensor, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    free: tuple[dict[int, Any], ...],
) -> "onnx.ModelProto":
    """A module as ONNX.

    Args:
        module: what is traced, in eval mode from here on.
        given: tensors to trace it with.
        inputs: their names.
        outputs: names of what it gives.
        free: for each of `given`, the axes of any length, as torch.export writes them.
    """
    with _quiet():
        try:
            program: Any = torch.onnx.export(
                module.eval(),
                given,
                dynamo=True,
                dynamic_shapes=free,
                input_names=list(inputs),
                output_names=list(outputs),
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # tracer, translator and optimiser each have kinds of their own
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"this model cannot be made into a graph of ONNX ({reason})") from error
        model: Any = program.model_proto
    for node in model.graph.node:  # where the code stood on the machine that made it
        del node.metadata_props[:]
        node.doc_string = ""
    return cast("onnx.ModelProto", model)


def batch() -> Any:
    """The first axis, of any length."""
    return torch.export.Dim("batch", min=1, max=4096)


def to_file(parts: "Mapping[str, onnx.ModelProto]", about: About) -> GraphFile:
    """The two steps as a file of ONNX: as they are, or joined to the graph of a window."""
    graphs = dict(parts) if about.graphs == PAIR else {"window": _joined(parts, about)}
    said = {name: signed(model, written(about), f"{about.name}: {about.answer}") for name, model in graphs.items()}
    return GraphFile(about=about, graphs=said)


def signed(model: "onnx.ModelProto", record: str, text: str) -> bytes:
    """A model with what it says of itself, as the bytes of a file."""
    del model.metadata_props[:]
    model.producer_name, model.doc_string = "chronopose", text
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, record
    return cast(bytes, model.SerializeToString())


def _joined(parts: "Mapping[str, onnx.ModelProto]", about: About) -> "onnx.ModelProto":
    """pixels (B, T, 3, H, W) -> frames -> encode -> features of windows -> fuse."""
    import onnx

    spec, frames = about.spec, len(about.spec.offsets)
    first = onnx.compose.add_prefix(parts["encode"], "encode/")
    second = onnx.compose.add_prefix(parts["fuse"], "fuse/", rename_outputs=False)
    window = onnx.helper.make_tensor_value_info(
        "pixels", onnx.TensorProto.UINT8, ["batch", frames, 3, spec.height, spec.width]
    )
    shapes = {"frame_shape": [-1, 3, spec.height, spec.width], "window_shape": [-1, frames, *about.feature]}
    fixed = [
        onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [len(shape)], shape) for name, shape in shapes.items()
    ]
    node = onnx.helper.make_node
    outputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *_answer_shape(name, about)])
        for name in about.outputs
    ]
    graph = onnx.helper.make_graph(
        [
            node("Reshape", ["pixels", "frame_shape"], ["encode/pixels"], name="to_frames"),
            *first.graph.node,
            node("Reshape", ["encode/features", "window_shape"], ["fuse/features"], name="to_windows"),
            *second.graph.node,
        ],
        about.name,
        [window],
        outputs,
        [*fixed, *first.graph.initializer, *second.graph.initializer],
    )
    opsets = {one.domain: one for one in (*second.opset_import, *first.opset_import)}
    return onnx.helper.make_model(
        graph, opset_imports=list(opsets.values()), ir_version=max(first.ir_version, second.ir_version)
    )


def _answer_shape(name: str, about: About) -> list[int]:
    shape = [len(about.spec.predicts), len(about.skeleton)]
    return shape if name == "score" else [*shape, 2]


def to_openvino(file: GraphFile) -> GraphFile:
    """The same graphs in OpenVINO's form, weights in full precision, with the record among the model's properties."""
    require("openvino")
    import openvino

    core = openvino_core()
    graphs, weights = {}, {}
    for name, graph in file.graphs.items():
        model = core.read_model(graph, b"")
        model.set_rt_info(written(file.about), [KEY])
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "graph.xml"
            openvino.save_model(model, text, compress_to_fp16=False)
            graphs[name], weights[name] = text.read_bytes(), text.with_suffix(".bin").read_bytes()
    return GraphFile(about=file.about, graphs=graphs, weights=weights)


def to_programs(model: PoseModel, about: About) -> "dict[str, torch.export.ExportedProgram]":
    """The graphs as programs of torch.export, for other programs."""
    steps = _steps(model, about)
    if about.graphs == WINDOW:
        pixels = torch.unflatten(_pixels(model, 2 * len(about.spec.offsets)), 0, (2, -1))
        steps = {"window": (Window(model), (pixels,), ("pixels",))}
    with _quiet():
        return {
            name: torch.export.export(module.eval(), given, dynamic_shapes=tuple({0: batch()} for _ in given))
            for name, (module, given, _) in steps.items()
        }


def answered(programs: "Mapping[str, torch.export.ExportedProgram]", about: About, windows: Pixels) -> PoseOutput:
    """What programs answer to windows of crops (B, T, H, W, 3)."""
    pixels = torch.from_numpy(windows).permute(0, 1, 4, 2, 3)
    run: dict[str, Any] = {name: program.module() for name, program in programs.items()}
    if about.graphs == WINDOW:
        return PoseOutput(*run["window"](pixels))
    features = torch.unflatten(run["encode"](pixels.flatten(0, 1)), 0, pixels.shape[:2])
    if not about.spec.recurrent:
        return PoseOutput(*run["fuse"](features))
    tokens, valid = torch.zeros(len(pixels), *about.state), torch.zeros(len(pixels), dtype=torch.bool)
    answers = []
    for frame in range(features.shape[1]):
        *answer, tokens = run["fuse"](features[:, frame : frame + 1], tokens, valid)
        valid = torch.ones_like(valid)
        answers.append(answer)
    return PoseOutput(*(torch.cat(part, dim=1) for part in zip(*answers, strict=True)))


def saved(program: "torch.export.ExportedProgram", about: About) -> bytes:
    """A program as the bytes of a .pt2 file, the record among its extra files."""
    data = io.BytesIO()
    torch.export.save(program, data, extra_files={f"{KEY}.json": written(about)})
    return data.getvalue()


def require_onnx() -> None:
    """Raises `InputError` where what writes ONNX is not installed."""
    import importlib.util

    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"export: {package} is not installed; pip install 'chronopose[export]'")


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own inner workings, and no graph of ours is the better for it."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
