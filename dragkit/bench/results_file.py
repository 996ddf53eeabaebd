"""A file of results: lines of JSON, one result each, and one writer at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..arguments import existing_file, instance, named_arguments, shown
from ..atomic import in_words, place_for, write_all
from ..locking import one_writer
from ..reading import check_text, parse_json, read_bytes

MOST_BYTES = 64 << 20  # of a file of results; the largest of ours has one
VALUES = 500_000  # of all its lines; those of ours have 60,000

Result = dict[str, Any]


class ResultsFile:
    """The file of results that this process is writing, see :func:`open_results`.

    Attributes:
        path: of the file (.jsonl).
        names: that its results are filed under.
        results: those that are in it, in the order in which they were finished.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.names = names
        self.results = read_results(path, names)
        _mend_end(path, names)
        self._values = _values_in(path.read_bytes())

    def append(self, result: Result) -> None:
        """Add one result; it is on the disk when this returns.

        Raises:
            TypeError: it holds something that JSON cannot hold.
            ValueError: the file is as large as one that is read may be.
            OSError: the disk is full, say; the file is what it was before.
        """
        try:
            line = json.dumps(result).encode() + b"\n"
            _parsed(line, self.names)  # or it would be refused when it is wanted
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a result cannot be written as JSON ({error}): {shown(result)}; let the work"
                " return numbers, texts, lists and dicts"
            ) from error
        before = self.path.stat().st_size
        self._values += _values_in(line)
        if self._values > VALUES or before + len(line) > MOST_BYTES:
            raise ValueError(
                f"{self.path} is full: at most {VALUES:,} values and {MOST_BYTES:,} bytes are"
                " read. What is finished is kept; go on in another file"
            )
        try:
            with self.path.open("ab", buffering=0) as file:
                write_all(file.fileno(), line)
                os.fsync(file.fileno())
        except BaseException as error:
            os.truncate(self.path, before)
            if isinstance(error, OSError):
                raise in_words(self.path, error) from error
            raise
        self.results.append(result)


@contextmanager
def open_results(path: Path, names: Sequence[str]) -> Iterator[ResultsFile]:
    """The file of results at `path`, for this process alone until the block ends.

    A torn last line, left by a kill, is cut off. While the block runs, the file ``….lock`` beside
    it names the writer; that of a process which was killed does not count.

    Args:
        names: that a result is filed under, see :class:`dragkit.bench.jobs.Job`.

    Raises:
        BlockingIOError: another process, or another run in this one, is writing it.
        OSError: it cannot be written there.
        ValueError: a line that is not a result.
    """
    if path.is_dir():
        raise IsADirectoryError(f"out is the folder {path}; give the path of a file")
    target = place_for(path)
    with one_writer(path, wait=0):
        target.touch()
        yield ResultsFile(target, names)


@named_arguments
def read_results(out: str | Path, key: Sequence[str] = ("task", "method")) -> list[Result]:
    """The results in `out`, in the order in which they were finished, without a torn last line.

    Args:
        out: a file of results (.jsonl).
        key: the names that a job of this file is filed under.

    Raises:
        TypeError: `out` is no path, or the key is something else.
        FileNotFoundError: there is no such file.
        ValueError: a line that is not a result; the message names file, line and reason.
    """
    out = existing_file("out", out)
    instance("key", key, (list, tuple), 'a list of names, such as ["task", "method"]')
    results = []
    lines = _lines(out, key)
    for number, line in enumerate(lines, 1):
        try:
            results.append(_parsed(line, key))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{out}, line {number} is not a result of a benchmark ({error}); mend or remove"
                " the line"
            ) from error
    return results


def _lines(out: Path, key: Sequence[str]) -> list[bytes]:
    """The lines of a file, without one that was torn by a kill.

    Raises:
        ValueError: the file is too large, or its end is no result, not even a torn one.
    """
    content = read_bytes(out, MOST_BYTES)
    values = _values_in(content)
    if values > VALUES:
        raise ValueError(f"{out} has some {values:,} values; at most {VALUES:,} are read")
    *lines, end = content.split(b"\n")
    if not end or _is_torn(end, key):
        return lines
    return [*lines, end]  # an editor may leave out the last line's end


def _values_in(content: bytes) -> int:
    """About how many values JSON has, without parsing it."""
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _is_torn(end: bytes, key: Sequence[str]) -> bool:
    """Whether a line is the beginning of a result, and not all of it."""
    begins = json.dumps({key[0]: 0} if key else {"settings": 0}).encode()[:-2]
    if end[: len(begins)] != begins[: len(end)]:
        return False
    try:
        json.loads(end)
    except ValueError:
        return True
    return False


def _mend_end(path: Path, key: Sequence[str]) -> None:
    """Cut a torn last line off, or end a whole one."""
    content = path.read_bytes()
    end = content[content.rfind(b"\n") + 1 :]
    if end and _is_torn(end, key):
        os.truncate(path, len(content) - len(end))
    elif end:
        with path.open("ab", buffering=0) as file:
            write_all(file.fileno(), b"\n")


def _parsed(line: bytes, key: Sequence[str]) -> Result:
    """A line as a result, which is filed under the names of the `key`."""
    result = parse_json(line, finite=False)
    instance("the line", result, dict, "a JSON object")
    for name in (*key, "settings"):
        if name not in result:
            raise ValueError(f"it has no {name!r}")
    instance("settings", result["settings"], dict, "texts by name")
    for name in result:
        check_text(name, "the name of a column")
    return result
