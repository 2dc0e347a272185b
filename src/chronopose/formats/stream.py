"""The result of a run while it grows: an append-only Arrow stream that survives being killed at any moment.

The file is a standard Arrow IPC stream (`pyarrow.ipc.open_stream` reads it): the schema of `formats.table`, then one
record batch for each chunk of frames. Every batch carries in its own message the state from which the run goes on
after it, so rows and state can never disagree, and a checksum of the whole message, so what a dying machine half wrote
is never taken for a batch. The schema's metadata entry `run` is JSON of the caller's: source, model, options; whoever
resumes compares it. One process at a time may write a stream.
"""

import io
import json
import os
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
from pyarrow import ipc

from chronopose.core.errors import InputError
from chronopose.core.files import replacing
from chronopose.core.types import FramePoses
from chronopose.formats import metadata, table

_STATE, _CHECK = b"chronopose.state", b"chronopose.check"
_CHECK_SIZE = 16


class ResultStream:
    """An open stream file; made by `create` or `resume`, closed by `close` or as a context manager."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        self.schema = schema

    @classmethod
    def create(cls, path: str | os.PathLike[str], schema: pa.Schema) -> "ResultStream":
        """Starts a new file, over an old one if there is one.

        Args:
            path: the file.
            schema: of `table.schema`, its `extra` holding `run` as JSON text.
        """
        # Renamed into place, so that a stream file always begins with a whole schema.
        with replacing(path) as temporary:
            temporary.write_bytes(schema.serialize())
        return cls(Path(path).open("ab", buffering=0), schema)

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> "tuple[ResultStream, dict[str, Any] | None, int]":
        """Opens the file of a run that was cut short, to append to it.

        Whatever follows the last whole batch is cut off.

        Returns:
            The stream; the state written with its last batch, None if there is no batch; the number of frames in it.

        Raises:
            InputError: the file is not there or does not begin with the schema of a stream.
        """
        schema, end = _schema(path)
        state: dict[str, Any] | None = None
        frames = 0
        for batch, state, end in _batches(path):  # noqa: B007 - the last one's state and end are wanted
            frames += len(batch.column("frame").unique())
        os.truncate(path, end)
        return cls(Path(path).open("ab", buffering=0), schema), state, frames

    @property
    def run(self) -> dict[str, Any]:
        """The caller's description of the run; empty if the schema has none."""
        return run_of(self.schema)

    def append(self, frames: Sequence[FramePoses], state: Mapping[str, Any]) -> None:
        """Adds a chunk of frames and the JSON-able state from which to go on after it, and hands both to the system.

        Once this returns, the chunk survives the death of the process. If it raises (a full disk, Ctrl-C), the file is
        as it was before.
        """
        message = _message(table.to_batch(frames, self.schema), json.dumps(state, allow_nan=False))
        start = self._file.seek(0, os.SEEK_END)
        try:
            while message:  # a raw file may take less than it is given
                message = message[self._file.write(message) :]
        except BaseException:
            self._file.truncate(start)
            raise

    def close(self) -> None:
        """Closes the file; it stays, to be resumed or finished. Closing twice is allowed."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_of(schema: pa.Schema) -> dict[str, Any]:
    """The JSON object under `run` in a schema's metadata; empty if there is none."""
    value = metadata.parse((schema.metadata or {}).get(b"run", b"{}"), "run")
    if not isinstance(value, dict):
        raise InputError(f"run: expected an object, got {type(value).__name__}")
    return value


def finish(
    stream_path: str | os.PathLike[str],
    parquet_path: str | os.PathLike[str],
    extra: Mapping[str, str] | None = None,
) -> None:
    """Turns a closed stream into the native Parquet file, batch by batch, then removes the stream.

    `extra` entries join the metadata of the file's schema.

    The Parquet file appears whole or not at all; killed in between, both files are there and this may be called again.
    """
    schema, _ = _schema(stream_path)
    schema = schema.with_metadata({**(schema.metadata or {}), **(extra or {})})
    with replacing(parquet_path) as temporary:
        table.write_batches((batch for batch, _, _ in _batches(stream_path)), schema, temporary)
    Path(stream_path).unlink()


def _message(batch: pa.RecordBatch, state: str) -> memoryview:
    """The IPC message of one batch with its state and checksum."""
    # Arrow writes a batch's metadata only through a stream writer, which puts a schema message and an end mark around.
    # The random text holds the checksum's place: nothing else in the message is the same.
    place = secrets.token_hex(_CHECK_SIZE // 2).encode()
    buffer = io.BytesIO()
    with ipc.new_stream(buffer, batch.schema) as writer:
        writer.write_batch(batch, custom_metadata={_STATE: state, _CHECK: place})
        end = buffer.tell()
    start = batch.schema.serialize().size
    at = buffer.getvalue().index(place, start) - start
    message = buffer.getbuffer()[start:end]
    message[at : at + _CHECK_SIZE] = f"{at:08x}{_checksum(message, at):08x}".encode()
    return message


def _checksum(message: memoryview, at: int) -> int:
    """CRC-32 of a message without the `_CHECK_SIZE` bytes at `at`, which hold it."""
    return zlib.crc32(message[at + _CHECK_SIZE :], zlib.crc32(message[:at]))


def _is_whole(message: memoryview, check: bytes) -> bool:
    """Whether a message is as it was written; `check` is its own entry: its place, its checksum, 8 hex digits each."""
    at, checksum = int(check[:8], 16), int(check[8:], 16)
    return message[at : at + _CHECK_SIZE] == check and _checksum(message, at) == checksum


def _schema(path: str | os.PathLike[str]) -> tuple[pa.Schema, int]:
    """The schema at the start of a stream file, and the offset of its end."""
    try:
        if not Path(path).stat().st_size:
            raise InputError(f"{path}: empty; expected a result stream")
        with pa.memory_map(os.fspath(path)) as file:
            schema = ipc.open_stream(file).schema
            end = file.tell()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a result stream: {' '.join(str(error).split())[:200]}") from None
    if table.KEY.encode() not in (schema.metadata or {}):
        raise InputError(f"{path}: an Arrow stream, but not one of poses: its schema has no {table.KEY!r} entry")
    metadata.decode_text(schema.metadata[table.KEY.encode()], str(path))
    return schema, end


def _batches(path: str | os.PathLike[str]) -> Iterator[tuple[pa.RecordBatch, dict[str, Any], int]]:
    """Every whole batch with its state and the offset of its end, up to the first that is torn."""
    # Mapped: a garbage length can then not make Arrow allocate anything, and memory stays flat.
    with pa.memory_map(os.fspath(path)) as file, ipc.open_stream(file) as reader:
        end = file.tell()
        while True:
            try:
                batch, entries = reader.read_next_batch_with_custom_metadata()
                start, end = end, file.tell()
                file.seek(start)
                message = memoryview(file.read_buffer(end - start))
                if not _is_whole(message, entries[_CHECK]):
                    return
                state = json.loads(entries[_STATE])
            except (StopIteration, pa.ArrowException, OSError, KeyError, ValueError, TypeError):
                return
            yield batch, state, end
