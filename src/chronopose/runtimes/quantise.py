"""An encoder's convolutions in 8 bits: ranges measured on calibration crops, written into the graph (QDQ).

Quantised are convolutions and what stands between them, so that whole stretches stay in 8 bits: weights to int8 for
each channel, activations to uint8 for each tensor. Linear layers, softmax and everything after the encoder stay in
fp32: they cost little, and probabilities in 256 steps would cost precision. OpenVINO reads the same graph.

Weights use 7 of their 8 bits. CPUs without VNNI add up pairs of products in 16 bits, which two weights of 8 bits
overflow: dsta-small then lost 0.9 points of PCK@0.2, and ftp-small's joints were off by 2.6 pixels (docs/export.md). A
file may be run on any CPU, and the eighth bit was worth nothing where it could be used.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chronopose.core.errors import InputError
from chronopose.core.types import Pixels
from chronopose.runtimes.sessions import Array, require

if TYPE_CHECKING:
    import onnx

CROPS = 64
"""Calibration crops: more change ranges by little."""

_BATCH = 8
_KINDS = ("Conv", "Relu", "Clip", "Add", "MaxPool", "Resize", "Concat")


def quantised(encode: "onnx.ModelProto", crops: Pixels) -> "onnx.ModelProto":
    """The encoder in int8.

    Args:
        encode: pixels (N, 3, H, W) -> features, in fp32.
        crops: (N, H, W, 3) uint8, like those that it will be given.

    Raises:
        InputError: onnxruntime is missing, there are no crops, or the encoder has no convolution.
    """
    require("onnxruntime")
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not len(crops):
        raise InputError("int8: no calibration crops; wanted at least one")
    if not any(node.op_type == "Conv" for node in encode.graph.node):
        raise InputError("int8: the encoder has no convolution to quantise; take fp32 or bf16")
    root = logging.getLogger()
    level = root.level
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "ready", "small"))
        onnx.save(encode, plain)
        root.setLevel(logging.ERROR)  # onnxruntime's module advises through the root logger
        try:
            quant_pre_process(plain, ready, skip_symbolic_shape=True)
            quantization.quantize_static(
                ready,
                small,
                _Reader(crops),
                quant_format=quantization.QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                op_types_to_quantize=list(_KINDS),
            )
        finally:
            root.setLevel(level)
        return onnx.load(small)


class _Reader:
    """The crops, batch by batch, as onnxruntime asks for them."""

    def __init__(self, crops: Pixels) -> None:
        self.crops, self.next = crops, 0

    def get_next(self) -> dict[str, Array] | None:
        batch = self.crops[self.next : self.next + _BATCH]
        self.next += _BATCH
        return {"pixels": np.ascontiguousarray(batch.transpose(0, 3, 1, 2))} if len(batch) else None

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return iter(self.get_next, None)
