"""Graphs that were made once, kept in the user's cache folder by the content of the weights."""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from functools import cache
from importlib import metadata, resources
from pathlib import Path

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.runtimes import graph_file
from chronopose.runtimes.about import FORMAT, KEY, PAIR
from chronopose.runtimes.graph_file import LARGEST, GraphFile
from chronopose.runtimes.names import Precision
from chronopose.runtimes.onnx_bytes import metadata_of

_log = logging.getLogger(__name__)

_LONGEST_LIST = 1 << 16
"""Characters that are read of the list of checks."""

_ROOMS = ("clips", "layers", "models", "runtimes")


def folder() -> Path:
    """Where graphs are kept: in XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "chronopose" / "graphs"


def source_of(weights: Path, window: tuple[int, ...] | None) -> str:
    """What graphs are made of: the digest of the weights, with the frames shown where they are not the weights' own."""
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest if window is None else f"{digest} frames {' '.join(map(str, window))}"


@cache
def _code() -> str:
    """A digest of all code that a graph comes from: another version of a model answers otherwise."""
    package = Path(str(resources.files("chronopose")))
    files = sorted(file for room in _ROOMS for file in (package / room).glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def place(name: str, source: str, precision: Precision) -> Path:
    """The file for graphs made of `source`, by this version of everything that makes them."""
    made_by = json.dumps([source, FORMAT, _code(), metadata.version("torch"), precision])
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:64]
    return folder() / f"{safe}-{precision}-{hashlib.sha256(made_by.encode()).hexdigest()[:24]}.zip"


def kept(name: str, source: str, precision: Precision) -> GraphFile | None:
    """The pair of graphs made before; None where there is none, or none that is whole."""
    path = place(name, source, precision)
    if not path.is_file():
        return None
    try:
        file = graph_file.read(path)
    except (InputError, OSError) as error:
        _log.warning("graphs kept are of no use and are made anew: %s", error)
        return None
    as_wanted = (file.about.source, file.about.precision, file.about.graphs) == (source, precision, PAIR)
    return file if as_wanted else None


def keep(file: GraphFile, name: str, precision: Precision) -> None:
    """Keeps a pair of graphs; where the folder cannot be written, they are made again next time."""
    _stored(place(name, file.about.source, precision), lambda path: graph_file.write(file, path))


def settle(graphs: Path, by: str, compare: Callable[[], None], keep: Callable[[], None] | None) -> None:
    """Compares graphs with their model unless that was done before, and notes that they have passed.

    Args:
        graphs: their place.
        by: what computes them, see `sessions.computed_by`.
        compare: raises what is wrong with them.
        keep: puts new graphs into their place once they have passed; None for those that lie there.
    """
    if keep is None and has_passed(graphs, by):
        return
    compare()
    if keep is not None:
        keep()
    note_passed(graphs, by)


def has_passed(graphs: Path, by: str) -> bool:
    """Whether graphs kept at a place were compared with the model, and near enough, when computed so."""
    try:
        with _passed(graphs).open(encoding="utf-8") as file:
            return by in file.read(_LONGEST_LIST).splitlines()
    except (OSError, UnicodeDecodeError):
        return False


def note_passed(graphs: Path, by: str) -> None:
    """Notes that they were."""

    def write(path: Path) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{by}\n")

    if graphs.is_file():
        _stored(_passed(graphs), write)


def _passed(graphs: Path) -> Path:
    return graphs.with_suffix(graphs.suffix + ".passed")


def kept_graph(name: str, source: str) -> bytes | None:
    """The single graph made before; None where there is none, or none that is whole."""
    path = place_of_graph(name, source)
    if not path.is_file() or path.stat().st_size >= LARGEST:
        return None
    try:
        graph = path.read_bytes()
        return graph if metadata_of(graph, KEY, str(path)) == source.encode() else None
    except (InputError, OSError) as error:
        _log.warning("a graph kept is of no use and is made anew: %s", error)
        return None


def keep_graph(graph: bytes, name: str, source: str) -> None:
    """Keeps a single graph, whose own metadata say what it was made of."""
    _stored(place_of_graph(name, source), lambda path: _write(graph, path))


def place_of_graph(name: str, source: str) -> Path:
    """The file for a single graph made of `source`."""
    return place(name, source, "fp32").with_suffix(".onnx")


def _write(graph: bytes, path: Path) -> None:
    with replacing(path) as waiting:
        waiting.write_bytes(graph)


def _stored(path: Path, write: Callable[[Path], None]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(path)
    except (OSError, InputError) as error:
        _log.warning("graphs could not be kept: %s", error)
