"""What an ONNX file says of itself, read from its bytes: damaged and hostile ones are refused before a library runs."""

from collections.abc import Iterator

from chronopose.core.errors import InputError

# Field numbers of onnx.proto, which never change their meaning.
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INITIALIZER, _TENSOR_LOCATION, _EXTERNAL = 5, 14, 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def metadata_of(model: bytes, key: str, where: str) -> bytes:
    """The value under `key` in the model's metadata; empty where there is none.

    Raises:
        InputError: no ONNX model, a truncated one, or one whose weights are in other files.
    """
    value, graphs = b"", 0
    for number, part in _fields(memoryview(model), where):
        if number == _MODEL_GRAPH and isinstance(part, memoryview):
            graphs += 1
            _check_weights(part, where)
        if number == _MODEL_METADATA and isinstance(part, memoryview):
            entry = {field: bytes(text) for field, text in _fields(part, where) if isinstance(text, memoryview)}
            if entry.get(_ENTRY_KEY) == key.encode():
                value = entry.get(_ENTRY_VALUE, b"")
    if graphs != 1:
        raise InputError(f"{where}: not an ONNX model")
    return value


def _check_weights(graph: memoryview, where: str) -> None:
    """Weights in other files would be read from wherever the model says."""
    for number, tensor in _fields(graph, where):
        if number == _GRAPH_INITIALIZER and isinstance(tensor, memoryview):
            location = next((value for field, value in _fields(tensor, where) if field == _TENSOR_LOCATION), 0)
            if location == _EXTERNAL:
                raise InputError(f"{where}: its weights are in other files; wanted them inside")


def _fields(data: memoryview, where: str) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a protobuf message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at, where)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at, where)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(data, at, where)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise InputError(f"{where}: not an ONNX model (byte {at})")
        if size > len(data) - at:
            raise InputError(
                f"{where}: not a whole ONNX model: {size} bytes wanted at {at}, {len(data) - at} are there"
            )
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int, where: str) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next field begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise InputError(f"{where}: not a whole ONNX model: it ends in the midst of a number")
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise InputError(f"{where}: not an ONNX model (a number of more than ten bytes)")
