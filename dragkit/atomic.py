"""Files that are whole: everything that dragkit writes goes through here.

New contents are made in full first. They are written under another name in the same folder and
forced to the disk, and only then does the file take its name, in one step of the file system. A
program that is killed, or a disk that is full, leaves the old file as it was.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)  # the last on Windows


def write_file(path: str | Path, contents: bytes | str) -> Path:
    """Make a file with these contents, text as UTF-8, in the place of what was there.

    Folders that are missing are made. The file has the mode that the umask gives to new files.

    Returns:
        `path`.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    with new_file(path) as part:
        write_new(part, contents)
    return Path(path)


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """A free name in the folder of `path`, for a library that writes files itself.

    When the block ends, the file of that name takes the place of `path`; if it raises, the file is
    removed.
    """
    target = place_for(path)
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        sync(part)
        part.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        _remove(part)
        raise in_words(path, error) from error
    except BaseException:
        _remove(part)
        raise


def place_for(path: str | Path) -> Path:
    """The file that is written when `path` is: the one that a link leads to, which stays a link.

    Raises:
        OSError: something else than a file is there, or no file can have that name.
    """
    try:
        target = Path(path).resolve()
        taken = target.exists() and not target.is_file()
    except OSError as error:
        raise in_words(path, error) from error
    except RuntimeError as error:  # Python 3.11 and 3.12 say so of links that lead to each other
        raise OSError(f"{path} is a link that leads to itself; name another place") from error
    if taken:
        raise OSError(f"{path} is not a file, so none can be written in its place; name another")
    return target


def _remove(part: Path) -> None:
    with suppress(OSError):  # such as that of a name which is too long, and was told
        part.unlink(missing_ok=True)


def in_words(path: str | Path, error: OSError) -> OSError:
    """An error of the same kind that says what could not be written; itself if it says so."""
    if "cannot be written" in str(error):
        return error
    room = "make room, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return type(error)(
        error.errno,
        f"{path} cannot be written ({error.strerror}), and what was there is still there;"
        f" {room}name another place",
    )


def write_new(path: Path, contents: bytes | str) -> None:
    """Write a file that must not exist yet; an error leaves a part of it."""
    data = contents.encode() if isinstance(contents, str) else contents
    with os.fdopen(os.open(path, NEW, 0o666), "wb", buffering=0) as file:
        write_all(file.fileno(), data)


def write_all(file: int, data: bytes) -> None:
    """Write all of `data`; the system may take only a part of it at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def sync(path: Path) -> None:
    """Wait until the disk has the file."""
    file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's names; Windows has no call for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems refuse; the file itself is on the disk
        pass
    finally:
        os.close(handle)
