"""Files of graphs: one ONNX model, or a zip of what belongs together; read within bounds, written whole.

A window graph in ONNX is a plain .onnx file with the record (see `about`) in its metadata. Everything else is a zip
without compression that holds `chronopose.json`, the record, beside `encode.onnx` and `fuse.onnx`, or beside an `.xml`
and a `.bin` for each graph of OpenVINO's. The ONNX models in a zip carry the record too.
"""

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.runtimes.about import KEY, PAIR, WINDOW, About, parsed, written
from chronopose.runtimes.onnx_bytes import metadata_of

LARGEST = 2**31
"""Bytes of a file that is read; protobuf, and so ONNX, ends there."""

SUFFIXES = (".onnx", ".zip", ".pt2")
"""By which files of graphs are told from weights."""

_RECORD = "chronopose.json"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GraphFile:
    """Graphs and their record.

    Attributes:
        about: the record.
        graphs: by name, an ONNX model or OpenVINO's XML.
        weights: by the graph's name, OpenVINO's binary part; empty where the graphs are ONNX.
    """

    about: About
    graphs: Mapping[str, bytes]
    weights: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the graphs and their weights."""
        return sum(map(len, (*self.graphs.values(), *self.weights.values())))


def is_graph_file(name: str | Path) -> bool:
    """Whether a model's name is that of a file of graphs, by its suffix."""
    return Path(name).suffix.lower() in SUFFIXES


def suffix_of(file: GraphFile) -> str:
    """The suffix that a file of these graphs has: .onnx or .zip."""
    return ".onnx" if file.about.graphs == WINDOW and not file.weights else ".zip"


def write(file: GraphFile, path: Path) -> None:
    """Writes graphs and record to one file, whole or not at all."""
    with replacing(path) as waiting:
        if suffix_of(file) == ".onnx":
            waiting.write_bytes(file.graphs["window"])
            return
        parts = {_RECORD: written(file.about).encode()}
        for name, graph in file.graphs.items():
            parts |= {f"{name}.xml": graph, f"{name}.bin": file.weights[name]} if file.weights else {
                f"{name}.onnx": graph
            }  # fmt: skip
        pack(parts, waiting)


def pack(parts: Mapping[str, bytes], path: Path) -> None:
    """A zip without compression and without dates, so that the same parts are the same file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)


def read(path: Path) -> GraphFile:
    """The graphs in a file from outside, with their record.

    Raises:
        InputError: no such file, not one of ours, damaged, too large, or of another version.
    """
    if path.suffix.lower() == ".pt2":
        raise InputError(f"{path}: a program of torch.export is for other programs; wanted the weights it was made of")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.stat().st_size >= LARGEST:
        raise InputError(f"{path}: {path.stat().st_size} bytes; files of graphs have less than {LARGEST}")
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return _unpacked(path)
    model = path.read_bytes()
    record = metadata_of(model, KEY, str(path))
    if not record:
        raise InputError(f"{path}: an ONNX model without a record of chronopose's; `chronopose export` writes one")
    about = parsed(record, str(path))
    if about.graphs != WINDOW:
        raise InputError(f"{path}: one of a pair of graphs; wanted the .zip that holds both")
    return GraphFile(about=about, graphs={"window": model})


def _unpacked(path: Path) -> GraphFile:
    try:
        with zipfile.ZipFile(path) as archive:
            # By name: nothing is unpacked to disk, and whatever else is in the file stays unread.
            parts = {name: _part(archive, name) for name in _names(archive)}
    except (
        zipfile.BadZipFile,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        ValueError,
        struct.error,
    ) as error:
        if isinstance(error, InputError):
            raise InputError(f"{path}: {error}") from None
        raise InputError(f"{path}: a damaged zip file ({error!s:.120})") from None
    about = parsed(parts[_RECORD], str(path))
    if all(f"{name}.onnx" in parts for name in about.graphs):
        graphs = {name: parts[f"{name}.onnx"] for name in about.graphs}
        for name, graph in graphs.items():
            metadata_of(graph, KEY, f"{path}: {name}.onnx")  # that it is a whole model with its weights inside
        return GraphFile(about=about, graphs=graphs)
    for name in about.graphs:
        if f"{name}.xml" not in parts or f"{name}.bin" not in parts:
            raise InputError(f"{path}: holds no {name}.onnx, and no {name}.xml with {name}.bin")
    return GraphFile(
        about=about,
        graphs={name: parts[f"{name}.xml"] for name in about.graphs},
        weights={name: parts[f"{name}.bin"] for name in about.graphs},
    )


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Those of the parts that a file of graphs may have and this one has."""
    known = [f"{graph}.{kind}" for graph in (*WINDOW, *PAIR) for kind in ("onnx", "xml", "bin")]
    there = set(archive.namelist())
    if _RECORD not in there:
        raise InputError(f"a zip file without {_RECORD}; `chronopose export` writes one")
    return [name for name in (_RECORD, *known) if name in there]


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part, checked by its CRC. Nothing is compressed, so that no part is larger than the file."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise InputError(f"{name} is compressed; wanted it stored as it is")
    if info.file_size >= LARGEST:
        raise InputError(f"{name} has {info.file_size} bytes; wanted less than {LARGEST}")
    return archive.read(info)
