"""A pose model made of graphs: the two steps of the contract over sessions, or over the one graph of a window."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor

from chronopose.clips.contract import Carried, PoseOutput
from chronopose.core.errors import InputError
from chronopose.runtimes.about import WINDOW
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.sessions import Array, opened


class GraphModel:
    """A `Runtime` over the graphs of a file, on the CPU.

    A window graph has no first step of its own: its features are the pixels, and every frame is encoded again in each
    window that shows it. A pair encodes a frame once.

    Args:
        file: the graphs and their record.
        backend: "onnxruntime" or "openvino".
        precision: that of the file, or "bf16" for a file in fp32.
        where: the file's name, for error messages.

    Raises:
        InputError: the graphs cannot be run, or are not what the record says.
    """

    def __init__(self, file: GraphFile, backend: Backend, precision: Precision, where: str) -> None:
        self.about, self.name, self.precision, self.where = file.about, backend, precision, where
        self.spec, self.skeleton = file.about.spec, file.about.skeleton
        self.device = torch.device("cpu")
        self.moving = file.about.how_features_move()
        self._sessions = {
            name: opened(graph, file.weights.get(name, b""), backend, precision, f"{where}: {name}")
            for name, graph in file.graphs.items()
        }
        self._try()

    def encode(self, pixels: UInt8[Tensor, "N 3 H W"]) -> Shaped[Tensor, "N ..."]:
        """(N, 3, H, W) uint8 pixels of single frames -> (N, ...) features."""
        if pixels.dtype != torch.uint8:
            raise ValueError(f"graphs take uint8 pixels, got {pixels.dtype}")
        if self.about.graphs == WINDOW:
            return pixels
        (features,) = self._run("encode", {"pixels": pixels}, ((len(pixels), *self.about.feature),))
        return torch.from_numpy(features)

    def fuse(self, features: Shaped[Tensor, "B T ..."], state: Carried | None = None) -> tuple[PoseOutput, Any]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call."""
        if self.about.graphs == WINDOW:
            return self._answered("window", {"pixels": features}, len(self.spec.predicts))[0], None
        if not self.spec.recurrent:
            return self._answered("fuse", {"features": features}, len(self.spec.predicts))[0], None
        state = self.fresh(len(features)) if state is None else state
        answers = []
        for frame in range(features.shape[1]):  # the graph is one frame's: a stream shows no more at once
            given = {"features": features[:, frame : frame + 1], "tokens": state.tokens, "valid": state.valid}
            answer, tokens = self._answered("fuse", given, 1)
            answers.append(answer)
            state = Carried(torch.from_numpy(tokens), torch.ones_like(state.valid))
        parts = zip(*((part for part in answer if part is not None) for answer in answers), strict=True)
        return PoseOutput(*(torch.cat(part, dim=1) for part in parts)), state

    def fresh(self, batch: int) -> Carried:
        """The state of persons never seen before: its numbers are not looked at."""
        return Carried(torch.zeros(batch, *self.about.state), torch.zeros(batch, dtype=torch.bool))

    def __call__(self, pixels: UInt8[Tensor, "B T 3 H W"]) -> PoseOutput:
        """(B, T, 3, H, W) uint8 pixels of windows -> the answer."""
        return self.fuse(torch.unflatten(self.encode(pixels.flatten(0, 1)), 0, pixels.shape[:2]))[0]

    def _answered(self, graph: str, given: dict[str, Tensor], frames: int) -> tuple[PoseOutput, Array]:
        """The answer of `graph`, and the last of what it gives: a recurrent model's tokens."""
        batch, joints = len(next(iter(given.values()))), len(self.skeleton)
        place = (batch, frames, joints, 2)
        shapes = {"xy": place, "score": place[:3], "sigma": place, "tokens_after": (batch, *self.about.state)}
        found = self._run(graph, given, tuple(shapes[name] for name in self.about.outputs))
        xy, score, *more = (torch.from_numpy(one) for one in found)
        return PoseOutput(xy_crop=xy, score=score, sigma=more[0] if self.about.sigma else None), found[-1]

    def _run(self, graph: str, given: dict[str, Tensor], wanted: tuple[tuple[int, ...], ...]) -> list[Array]:
        found = self._sessions[graph].run({name: tensor.contiguous().numpy() for name, tensor in given.items()})
        for one, shape in zip(found, wanted, strict=True):
            if one.shape != shape or one.dtype != np.float32:
                raise InputError(f"{self.where}: {graph} gave {one.dtype} {one.shape}, its record says {shape}")
        return found

    def _try(self) -> None:
        """Runs every graph once: what is not as the record says shows here, not in the midst of a video."""
        outputs = {"window": self.about.outputs, "fuse": self.about.outputs, "encode": ("features",)}
        inputs = {
            "window": {"pixels"},
            "encode": {"pixels"},
            "fuse": {"features", "tokens", "valid"} if self.spec.recurrent else {"features"},
        }
        for name, session in self._sessions.items():
            if set(session.inputs) != inputs[name] or session.outputs != outputs[name]:
                raise InputError(
                    f"{self.where}: {name} takes {', '.join(session.inputs)} and gives {', '.join(session.outputs)}; "
                    f"wanted {', '.join(sorted(inputs[name]))} and {', '.join(outputs[name])}"
                )
        frames = 1 if self.spec.recurrent else len(self.spec.offsets)
        try:
            self(torch.zeros(1, frames, 3, self.spec.height, self.spec.width, dtype=torch.uint8))
        except InputError:
            raise
        except Exception as error:  # the libraries' own kinds
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{self.where}: {self.name} cannot run its graphs ({reason})") from None
