"""One writer at a time, among all programs of a machine, for files that are not written in a step.

A file of results grows line by line, and a run or a model is a pair of files. Two programs that
write one at the same moment would lose a line, or leave halves of two pairs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLock, Timeout

from .atomic import in_words, place_for

PATIENCE = 10.0  # seconds; writing a run takes about one
UNSIGNED = 10.0  # seconds after which a lock without a name was left by a program that was killed


@contextmanager
def one_writer(path: Path, wait: float = PATIENCE) -> Iterator[None]:
    """Nobody else writes `path` until the block ends; the file ``….lock`` beside it says who does.

    A lock that was left by a process of this machine which has ended does not count.

    Args:
        path: the file, which need not exist; a link stands for the file that it leads to.
        wait: seconds for which another writer is waited for.

    Raises:
        BlockingIOError: another process, or another thread, is still writing it.
        OSError: nothing can be written there.
    """
    target = place_for(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(target.with_name(f"{target.name}.lock"), wait)
    except Timeout as error:
        raise BlockingIOError(_who_writes(path, Path(error.lock_file))) from error
    except OSError as error:
        raise in_words(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _acquired(file: Path, wait: float) -> SoftFileLock:
    lock = SoftFileLock(file, timeout=wait)
    if _is_left_over(file):
        lock.break_lock()
    lock.acquire()
    return lock


def _is_left_over(file: Path) -> bool:
    """Whether its writer was killed before it could write its name into the lock."""
    if not file.is_file():
        return False
    about = file.stat()
    return about.st_size == 0 and time.time() - about.st_mtime > UNSIGNED


def _who_writes(path: Path, file: Path) -> str:
    number = SoftFileLock(file).pid
    writer = "another program" if number is None else f"process {number}"
    return (
        f"{path} is being written by {writer}; wait until it has finished, or choose another file."
        f" If no program is writing it, delete {file}"
    )
