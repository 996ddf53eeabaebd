"""One writer at a time, among all programs of a machine, for files that are not written in a step.

A file of results grows line by line, and a run or a model is a pair of files. Two programs that
write one at the same moment would lose a line, or leave halves of two pairs.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .atomic import in_words, place_for

PATIENCE = 10.0  # seconds; writing a run takes about one
MOST_TEXT = 1000  # bytes of a lock's file; those of ours have fifty


@contextmanager
def one_writer(path: Path, wait: float = PATIENCE) -> Iterator[None]:
    """Nobody else writes `path` until the block ends; the file ``….lock`` beside it says who does.

    A lock that was left by a process of this machine which has ended does not count. One that
    names nobody does, whoever made it: it is never removed here.

    Args:
        path: the file, which need not exist; a symbolic link stands for the file it leads to.
        wait: seconds for which another writer is waited for.

    Raises:
        BlockingIOError: another process, or another thread, is still writing it.
        OSError: nothing can be written there.
    """
    from filelock import SoftFileLock, Timeout  # a tenth of a second: only when files are written

    target = place_for(path)
    file = target.with_name(f"{target.name}.lock")
    lock = SoftFileLock(file, timeout=wait)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if _names_nobody(file):
            raise BlockingIOError(_who_writes(path, file))
        lock.acquire()
    except Timeout as error:
        raise BlockingIOError(_who_writes(path, file)) from error
    except BlockingIOError:
        raise
    except OSError as error:
        raise in_words(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _names_nobody(file: Path) -> bool:
    """Whether there is a lock that this program did not write, which the library would remove."""
    try:
        is_plain = stat.S_ISREG(file.lstat().st_mode)
    except OSError:  # there is none
        return False
    return not is_plain or _text(file) == ["?"]


def _who_writes(path: Path, file: Path) -> str:
    owner = _text(file)
    writer = "another program"
    if len(owner) > 1:
        writer = f"process {owner[0]} of {owner[1]:.60}"
    return (
        f"{path} is being written by {writer}; wait until it has finished, or choose another file."
        f" If no program is writing it, delete {file}"
    )


def _text(file: Path) -> list[str]:
    """What a lock says: the number of a process, its machine, and more; "?" for anything else."""
    try:
        with file.open("rb") as opened:
            words = opened.read(MOST_TEXT).decode("utf-8", "replace").split()
    except OSError:  # it has just been released
        return []
    return words if not words or words[0].isdecimal() else ["?"]
