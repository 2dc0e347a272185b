"""`chronopose doctor`: versions, devices, weights, and how to get what is missing."""

import importlib.metadata
import json as json_format
import platform
import shutil
import sys
from typing import Annotated, Any

from cyclopts import Parameter

_CORE = ("torch", "torchvision", "timm", "accelerate", "safetensors", "numpy", "scipy", "av", "opencv-python-headless",
         "pillow", "pyarrow", "cyclopts", "rich")  # fmt: skip
_OPTIONAL = {
    "tensorboard": "pip install 'chronopose[tensorboard]'",
    "moderngl": "pip install 'chronopose[synth]'",
    "onnx": "pip install 'chronopose[export]'",
    "onnxruntime": "pip install 'chronopose[export]'",
    "openvino": "pip install 'chronopose[openvino]'",
}


def doctor(*, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Show versions, devices and weights, and how to get what is missing. Exit code 1 where something needed is.

    Parameters
    ----------
    json
        Print a JSON object.
    """
    findings = examine()
    if json:
        print(json_format.dumps(findings))
    else:
        for topic, facts in findings.items():
            print(topic)
            for name, value in facts.items():
                print(f"  {name:<24} {value}")
    return 1 if findings["missing"] else 0


def examine() -> dict[str, dict[str, Any]]:
    """What is here and what is not, by topic."""
    versions = {name: _version(name) for name in _CORE}
    missing = {name: f"pip install {name}" for name, version in versions.items() if version is None}
    optional = {name: _version(name) or f"not installed: {how}" for name, how in _OPTIONAL.items()}
    findings: dict[str, dict[str, Any]] = {
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "free disk here": f"{shutil.disk_usage('.').free / 1e9:.0f} GB",
            "terminal": "yes" if sys.stderr.isatty() else "no",
        },
        "packages": {"chronopose": _version("chronopose")} | versions,
        "optional": optional,
    }
    if not missing:
        findings["devices"] = _devices()
        findings["video"] = _video()
        findings["weights"] = _weights()
        missing |= {name: value for name, value in findings["weights"].items() if str(value).startswith("missing")}
        missing |= {name: value for name, value in findings["video"].items() if str(value).startswith("missing")}
    findings["missing"] = missing
    return findings


def _devices() -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"cpu": f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"}
    for index in range(torch.cuda.device_count()):
        found[f"cuda:{index}"] = torch.cuda.get_device_name(index)
    if torch.cuda.device_count() == 0:
        found["cuda"] = "none found; everything runs on the CPU"
    return found


def _video() -> dict[str, Any]:
    import av

    names = [name for name in ("libx264", "libopenh264", "h264_videotoolbox") if name in av.codecs_available]
    return {"h264 encoder": names[0] if names else "missing: pip install --upgrade av"}


def _weights() -> dict[str, Any]:
    from chronopose.formats.weights_file import bundled
    from chronopose.tracking.detector import TORCHVISION_MB, is_cached

    found: dict[str, Any] = {name: f"{path.stat().st_size / 1e6:.1f} MB" for name, path in bundled().items()}
    for name in ("dsta-small", "person-small"):
        found.setdefault(name, "missing: reinstall chronopose, these weights ship with it")
    for name, size in TORCHVISION_MB.items():
        found[name] = "on this machine" if is_cached(name) else f"downloaded on first use ({size} MB)"
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
