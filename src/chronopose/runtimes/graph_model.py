"""A pose model made of graphs: the two steps of the contract over sessions, or over the one graph of a window."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chronopose.clips.moving import moved
from chronopose.core.errors import InputError
from chronopose.core.types import Floats, Pixels
from chronopose.runtimes.about import WINDOW
from chronopose.runtimes.contract import Answer, State, answer
from chronopose.runtimes.graph_file import GraphFile
from chronopose.runtimes.names import Backend, Precision
from chronopose.runtimes.sessions import Array, opened


class GraphModel:
    """A `Runtime` over the graphs of a file, on the CPU; its rows are numpy arrays.

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

    device = "cpu"

    def __init__(self, file: GraphFile, backend: Backend, precision: Precision, where: str) -> None:
        self.about, self.name, self.precision, self.where = file.about, backend, precision, where
        self.spec, self.skeleton = file.about.spec, file.about.skeleton
        self.moving = file.about.how_features_move()
        self._sessions = {
            name: opened(graph, file.weights.get(name, b""), backend, precision, f"{where}: {name}")
            for name, graph in file.graphs.items()
        }
        self._try()

    def encode(self, crops: Pixels) -> Array:
        """(N, H, W, 3) uint8 crops of single frames -> (N, ...) features."""
        if crops.dtype != np.uint8:
            raise ValueError(f"graphs take uint8 pixels, got {crops.dtype}")
        pixels = crops.transpose(0, 3, 1, 2)  # (N, 3, H, W)
        if self.about.graphs == WINDOW:
            return pixels
        (features,) = self._run("encode", {"pixels": pixels}, ((len(crops), *self.about.feature),))
        return features

    def fuse(self, features: Array, state: State | None = None) -> tuple[Answer, State | None]:
        """(B, T, ...) features of windows -> the answer, and the state for the next call."""
        if self.about.graphs == WINDOW:
            return self._answered("window", {"pixels": features}, len(self.spec.predicts))[0], None
        if not self.spec.recurrent:
            return self._answered("fuse", {"features": features}, len(self.spec.predicts))[0], None
        tokens = np.repeat(self.fresh(), len(features), axis=0) if state is None else state.tokens
        valid = np.zeros(len(features), dtype=np.bool_) if state is None else state.valid
        answers = []
        for frame in range(features.shape[1]):  # the graph is one frame's: a stream shows no more at once
            given = {"features": features[:, frame : frame + 1], "tokens": tokens, "valid": valid}
            answered, tokens = self._answered("fuse", given, 1)
            answers.append(answered)
            valid = np.ones_like(valid)
        parts = (None if part[0] is None else np.concatenate(part, axis=1) for part in zip(*answers, strict=True))
        return Answer(*parts), State(tokens, valid)

    def moved(self, features: Array, moves: NDArray[np.float64]) -> Array:
        """(N, ...) features after their crops' `moves` (N, 3)."""
        assert self.moving is not None
        return moved(features, self.moving.matrices(moves))

    def joined(self, parts: Sequence[Array]) -> Array:
        """Rows one after the other, in memory of their own."""
        return np.concatenate(parts)

    def fresh(self) -> Array:
        """(1, ...) tokens of a person never seen before: these numbers are not looked at."""
        return np.zeros((1, *self.about.state), dtype=np.float32)

    def to_host(self, rows: Array) -> Floats:
        """Rows as they are."""
        return rows

    def from_host(self, values: Floats) -> Array:
        """Likewise."""
        return values

    def _answered(self, graph: str, given: dict[str, Array], frames: int) -> tuple[Answer, Array]:
        """The answer of `graph`, and the last of what it gives: a recurrent model's tokens."""
        batch, joints = len(next(iter(given.values()))), len(self.skeleton)
        place = (batch, frames, joints, 2)
        shapes = {"xy": place, "score": place[:3], "sigma": place, "tokens_after": (batch, *self.about.state)}
        found = self._run(graph, given, tuple(shapes[name] for name in self.about.outputs))
        return Answer(found[0], found[1], found[2] if self.about.sigma else None), found[-1]

    def _run(self, graph: str, given: dict[str, Array], wanted: tuple[tuple[int, ...], ...]) -> list[Array]:
        found = self._sessions[graph].run({name: np.ascontiguousarray(array) for name, array in given.items()})
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
            answer(self, np.zeros((1, frames, self.spec.height, self.spec.width, 3), dtype=np.uint8))
        except InputError:
            raise
        except Exception as error:  # the libraries' own kinds
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{self.where}: {self.name} cannot run its graphs ({reason})") from None
