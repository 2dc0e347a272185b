"""Writing files and folders that appear whole or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chronopose.core.errors import InputError


def _beside(path: Path) -> Path:
    """A free name in the folder of `path`; it keeps the suffix, from which some writers tell the container."""
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; create it first")
    return path.parent / f".partial-{secrets.token_hex(6)}{path.suffix}"


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary name beside `path`; what is written there takes the place of `path` when the block ends.

    After an exception the temporary file is removed and `path` is as it was. A link is followed, so that the file it
    names is replaced and not the link. If the block wrote nothing, nothing happens.

    Raises:
        InputError: the folder does not exist, or `path` is there and is no plain file (a folder, a device).
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # Renaming over /dev/null would delete the device.
        raise InputError(f"{path}: is there already and is not a plain file; give another name")
    temporary = _beside(target)
    try:
        yield temporary
        if temporary.exists():
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields an empty temporary folder beside `path`; it takes the place of `path` when the block ends.

    The caller decides beforehand whether an existing folder may go. After an exception `path` is as it was. A reader
    may see no folder for the instant between two renames; it never sees half of one.

    Raises:
        InputError: the folder above does not exist, or `path` is there and is no folder.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise InputError(f"{path}: is there already and is not a folder; give another name")
    temporary, old = _beside(target), _beside(target)
    temporary.mkdir()
    try:
        yield temporary
        if target.exists():
            target.rename(old)
        try:
            temporary.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
