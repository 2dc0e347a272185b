"""The backends and precisions by name, and which goes with which; importing it loads no library."""

from typing import Literal, get_args

from chronopose.core.errors import InputError

Backend = Literal["torch", "onnxruntime", "openvino"]
Precision = Literal["fp32", "bf16", "int8"]

Choice = Literal["ready", "auto", "torch", "onnxruntime", "openvino"]
"""A backend by name, or how to pick one: "ready" takes the fastest whose graphs are made already, which is torch where
none are; "auto" takes the fastest that is installed, and makes the graphs."""

PRECISIONS: dict[Backend, tuple[Precision, ...]] = {
    "torch": ("fp32", "bf16"),
    "onnxruntime": ("fp32", "int8"),
    "openvino": ("fp32", "bf16", "int8"),
}

PACKAGES: dict[Backend, str] = {"onnxruntime": "chronopose[export]", "openvino": "chronopose[export,openvino]"}
"""What to install for a backend that makes graphs of weights."""


def check(backend: Backend, precision: Precision) -> None:
    """Raises `InputError` where a backend does not know a precision."""
    if precision not in PRECISIONS[backend]:
        able = [name for name in get_args(Backend) if precision in PRECISIONS[name]]
        raise InputError(f"precision: {backend} has no {precision}, only {' and '.join(PRECISIONS[backend])}; "
                         f"for {precision} take {' or '.join(able)}")  # fmt: skip
