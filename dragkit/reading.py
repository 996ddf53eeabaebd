"""Small files that come from others: JSON within limits, and names that are safe to print and use.

A file may be damaged, or made to harm. So its size is checked before it is read, and how deep it
goes before anybody walks through it. What is refused here is a ValueError that says what was
found, and what is allowed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

DEPTH = 32  # lists and objects in each other; those that we know have six at most
WHOLE = 1 << 63  # whole numbers lie between minus this and this
NAME = 200  # bytes; file systems allow 255, and an ending has to fit, too


def read_json(path: str | Path, limit: int) -> Any:
    """What a JSON file holds.

    Args:
        path: of the file, in UTF-8.
        limit: the most bytes it may have. What Python makes of them can take 20 times as many.

    Raises:
        OSError: the file cannot be read.
        ValueError: as for :func:`parse_json`, or the file is larger; the message names the file.
    """
    with Path(path).open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} has more than {limit:,} bytes, which is the most that is read")
    try:
        return parse_json(content)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON that dragkit reads: {error}") from error


def parse_json(content: bytes) -> Any:
    """What a text of JSON says, if it says it in the strict way of the standard.

    Raises:
        ValueError: it is not JSON in UTF-8; it has a key twice in one object, NaN, Infinity, a
            number that a float or 64 bits cannot hold, or more than 32 lists and objects in each
            other.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite,
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
    if not isinstance(name, str):
        raise ValueError(f"{thing} is {shortened(name)}; give a text, such as 'lion'")
    if not name.strip() or name in (".", ".."):
        raise ValueError(f"{thing} is {name!r:.40}; give a word, such as 'lion'")
    if not name.isprintable():
        raise ValueError(
            f"{thing} is {shortened(name)}, which has characters that cannot be printed; give a"
            " plain text, such as 'lion'"
        )
    if "/" in name or "\\" in name:
        raise ValueError(
            f"{thing} is {shortened(name)}; a name has no / and no \\, because files are called"
            " after it"
        )
    size = len(name.encode())
    if size > NAME:
        raise ValueError(
            f"{thing} is {shortened(name)}, {size:,} bytes long; give one of at most {NAME}"
        )


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


def shortened(value: Any) -> str:
    """The printed form of anything, of at most 60 characters, for a message."""
    return f"{value!r:.60}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shortened(key)} is there twice")
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
    for _ in range(DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list):
        return value
    return ()


def _too_deep() -> ValueError:
    return ValueError(f"it has more than {DEPTH} lists and objects in each other")
