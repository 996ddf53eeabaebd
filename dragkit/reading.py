"""Small files that come from others: JSON within limits, and names that are safe to print and use.

A file may be damaged, or made to harm. So its size is checked before it is read, and how deep it
goes before anybody walks through it. What is refused here is a ValueError that says what was
found, and what is allowed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .arguments import shown
from .file_signs import HEAD, stand_in

DEPTH = 32  # lists and objects in each other; those that we know have six at most
VALUES = 2_000_000  # of one JSON; each takes some hundred bytes in memory
WHOLE = 1 << 63  # whole numbers lie between minus this and this
TEXT = 200  # bytes of a name; file systems allow 255, and an ending has to fit, too


def read_json(path: Path, limit: int, finite: bool = True) -> Any:
    """What a JSON file holds.

    Args:
        path: of the file, in UTF-8.
        limit: the most bytes it may have. What Python makes of them can take 20 times as many.
        finite: as for :func:`parse_json`.

    Raises:
        OSError: the file cannot be read.
        ValueError: as for :func:`parse_json`, or the file is larger; the message names the file.
    """
    content = read_bytes(path, limit)
    try:
        return parse_json(content, finite)
    except ValueError as error:
        if found := stand_in(content[:HEAD], text_wanted=True):
            raise ValueError(f"{path} is {found.says}; {found.way_out}") from error
        raise ValueError(f"{path} is not JSON that dragkit reads: {error}") from error


def read_bytes(path: Path, limit: int) -> bytes:
    """The contents of a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no file, or has more than `limit` bytes.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} has more than {limit:,} bytes, which is the most that is read")
    return content


def parse_json(content: bytes, finite: bool = True) -> Any:
    """What a text of JSON says, if it says it in the strict way of the standard.

    Args:
        finite: whether NaN and Infinity are refused, which the standard does not have. What
            dragkit measured may hold them.

    Raises:
        ValueError: it is not JSON in UTF-8; it has a key twice in one object, a number that a
            float or 64 bits cannot hold, more than 32 lists and objects in each other, or too
            many values.
    """
    count = content.count(b",") + content.count(b"[") + content.count(b"{")
    if count > VALUES:
        raise ValueError(f"it has some {count:,} values; at most {VALUES:,} are read")
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite if finite else float,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(value)
    return value


def check_name(name: Any, thing: str = "name") -> None:
    """Raise ValueError unless `name` is a short, printable text that can be a file's name.

    Args:
        name: such as a model's, which becomes the name of its saved runs.
        thing: what it is called in the message.
    """
    check_text(name, thing)
    if name in (".", "..") or "/" in name or "\\" in name:
        raise ValueError(
            f"{thing} is {shown(name)}; files are called after it, so give a word without /"
            " and \\, such as 'lion'"
        )


def check_text(text: Any, thing: str) -> None:
    """Raise ValueError unless `text` is a short one that can be printed; `thing` is its name."""
    if not (isinstance(text, str) and text.strip()):
        raise ValueError(f"{thing} is {shown(text)}; give a text, such as 'lion'")
    if not text.isprintable():
        raise ValueError(
            f"{thing} is {shown(text)}, which has characters that cannot be printed; give a"
            " plain text, such as 'lion'"
        )
    size = len(text.encode())
    if size > TEXT:
        raise ValueError(
            f"{thing} is {shown(text)}, {size:,} bytes long; give one of at most {TEXT}"
        )


def declared_shape(value: Any) -> tuple[int, ...]:
    """The shape of anything like an array, as it says itself, without a look at its numbers.

    Of lists in lists it is the length of the first at each level, because an array can only be
    made if the others are as long.
    """
    lengths: list[int] = []
    while len(lengths) < DEPTH:
        if hasattr(value, "shape"):
            return (*lengths, *value.shape)
        if isinstance(value, str) or not isinstance(value, Sequence):
            break
        lengths.append(len(value))
        value = value[0] if value else None
    return tuple(lengths)


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for what can be no path, such as 5,000 letters."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; False for what can be no path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} is there twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"it has the number {text[:40]}; numbers are finite")
    return number


def _whole(text: str) -> int:
    # 20 characters first: Python itself refuses thousands of digits with advice for programmers
    if len(text) > 20 or not -WHOLE < int(text) < WHOLE:
        raise ValueError(f"it has the number {text[:40]}; whole numbers have at most 64 bits")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return
    raise _too_deep()


def _parts(whole: Any) -> list[Any]:
    """The lists and objects in a list or an object."""
    if isinstance(whole, dict):
        whole = list(whole.values())
    if not isinstance(whole, list):
        return []
    return [value for value in whole if isinstance(value, dict | list)]


def _too_deep() -> ValueError:
    return ValueError(f"it has more than {DEPTH} lists and objects in each other")
